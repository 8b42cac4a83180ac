package sio

import "github.com/e6a90ca8/sio/session"

// Pending is how many acknowledgements of a socket are due.
func Pending(s *Socket) (n int) {
	done := make(chan int)
	if !s.loop().Do(func(session.Host, session.Instant) { done <- s.core.Due() }) {
		return 0
	}
	return <-done
}
