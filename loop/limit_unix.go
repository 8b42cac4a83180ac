//go:build unix

package loop

import (
	"os"

	"golang.org/x/sys/unix"
)

// connLimit is how many connections the process can have: its limit of descriptors,
// less those open now, less a reserve for what it opens later. Beyond it accept
// fails, and one failed accept ends gnet's engine.
func connLimit(loops int) int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return defaultConnLimit
	}
	limit := int(min(uint64(r.Cur), 1<<30))
	return max(limit-openDescriptors()-reserve(loops), 1)
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
