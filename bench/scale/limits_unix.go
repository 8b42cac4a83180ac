//go:build unix

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spare are descriptors that a server or generator may want beside its connections.
const spare = 250

// checkLimit says whether a process may have so many connections.
func checkLimit(per int) error {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return nil // then the system says so when they are opened
	}
	if uint64(per+spare) > uint64(r.Cur) { // signed on some BSDs
		return fmt.Errorf("--per %d: a process may have %d descriptors (ulimit -n): %d connections are possible, and %d in %d processes",
			per, r.Cur, int64(r.Cur)-spare, (int64(r.Cur)-spare)*mostProcesses, mostProcesses)
	}
	return nil
}
