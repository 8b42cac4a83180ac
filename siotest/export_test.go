package siotest

import "time"

// SetPatience makes everything give up after d until the returned function is called.
// Nobody may wait for a server meanwhile but the caller.
func SetPatience(d time.Duration) (restore func()) {
	old := patience
	patience = d
	return func() { patience = old }
}
