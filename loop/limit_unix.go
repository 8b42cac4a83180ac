//go:build unix

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// descriptorLimit is the process's limit of descriptors, and how many it has open.
func descriptorLimit() (limit, open int, known bool) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, 0, false
	}
	return int(min(uint64(r.Cur), 1<<30)), openDescriptors(), true
}

// openDescriptors counts the process's descriptors.
func openDescriptors() int {
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(dir); err == nil {
			return len(names)
		}
	}
	return 64
}
