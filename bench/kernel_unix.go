//go:build unix

package bench

import "golang.org/x/sys/unix"

// kernel is the name and release of the running kernel, empty if it does not
// say.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
