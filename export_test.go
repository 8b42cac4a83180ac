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

// Remembered is what a namespace keeps for clients that may come back: those that are away,
// all that a client can come back to, events, their bytes, and rooms.
func Remembered(n *Namespace) (away, lives, events, bytes, rooms int) {
	r := n.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &r.log
	return r.away.len, len(r.lives), len(l.list) - l.head, l.bytes, len(l.lanes)
}

// Claims is how many clients of a namespace have come back and were not let in yet.
func Claims(n *Namespace) (claims int) {
	r := n.recovery
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lives {
		if l.next != nil {
			claims++
		}
	}
	return claims
}
