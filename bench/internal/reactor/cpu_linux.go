package reactor

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time that the loop has taken so far, user and system: its
// goroutine has a thread to itself. 0 where the system does not tell. Loop only.
func (l *Loop) CPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
