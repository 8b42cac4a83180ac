//go:build darwin || freebsd

package doctor

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ProbeIOUring says that there is none.
func ProbeIOUring() error { return errors.ErrUnsupported }

// Sysctl reads a number of the kernel.
func Sysctl(name string) (uint64, bool) {
	v, err := unix.SysctlUint32(name)
	return uint64(v), err == nil
}
