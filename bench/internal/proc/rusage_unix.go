//go:build unix && !linux

package proc

import "golang.org/x/sys/unix"

func ownCPU() (CPU, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return CPU(u.Utime.Nano() + u.Stime.Nano()), nil
}
