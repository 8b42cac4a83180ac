package loop

import "runtime"

// goroutineID is the number of the calling goroutine, as stack traces print it. It
// costs about a microsecond, so it is asked for only where the answer keeps a caller
// from waiting for itself.
func goroutineID() uint64 {
	var buf [32]byte
	b := buf[:runtime.Stack(buf[:], false)] // "goroutine 18 [running]:..."
	var id uint64
	for _, c := range b[len("goroutine "):] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
