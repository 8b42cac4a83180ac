//go:build !linux

package reactor

import "time"

// CPU is the processor time that the loop has taken so far. It is 0: here the
// system does not tell it of a thread. Loop only.
func (l *Loop) CPU() time.Duration { return 0 }
