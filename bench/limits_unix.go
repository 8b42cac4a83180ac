//go:build unix

package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// checkDescriptors says whether the process may open need descriptors. The Go
// runtime has already raised the soft limit to the hard one.
func checkDescriptors(need, conns int, transport string) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return nil // then the system says so when they are opened
	}
	if uint64(r.Cur) < uint64(need) { // signed on some BSDs
		return fmt.Errorf("too few descriptors: %d connections over %s need %d, the limit (RLIMIT_NOFILE, ulimit -n) is %d; the server has one of its own", conns, transport, need, r.Cur)
	}
	return nil
}

// descriptorLimit is how many descriptors the process may have open, 0 if it is
// not known.
func descriptorLimit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return uint64(r.Cur)
}
