//go:build !linux && !darwin && !freebsd

package doctor

import "errors"

// ProbeIOUring says that there is none.
func ProbeIOUring() error { return errors.ErrUnsupported }

// Sysctl knows nothing here.
func Sysctl(string) (uint64, bool) { return 0, false }
