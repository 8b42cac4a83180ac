// Package proc tells what a process has used: processor time and memory. It
// looks from outside, so it works for a server in any language.
package proc

import (
	"errors"
	"time"
)

// ErrUnavailable: this system does not tell about other processes in a way that
// this package knows; only Linux does.
var ErrUnavailable = errors.New("process statistics are available on Linux only")

// ErrGone: the process has ended.
var ErrGone = errors.New("the process has ended")

// Memory is what a process holds in memory.
type Memory struct {
	// RSS is the resident set in bytes, shared pages counted fully.
	RSS int64

	// PSS is the proportional set in bytes: a page shared by n processes counts
	// as 1/n. 0 where Source is not "smaps_rollup".
	PSS int64

	// Source names where it was read: "smaps_rollup", which walks the page
	// tables and is exact, or "statm", whose counters lag behind by up to some
	// hundred KiB for each processor.
	Source string
}

// CPU is user plus system time since an arbitrary moment; only differences mean
// something.
type CPU time.Duration

// Since is the time used after earlier.
func (c CPU) Since(earlier CPU) time.Duration { return time.Duration(c - earlier) }
