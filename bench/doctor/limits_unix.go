//go:build unix

package doctor

import "golang.org/x/sys/unix"

// Descriptors are the soft and hard limit of open files; zero if they are not known.
// The Go runtime has raised the soft one as far as it could.
func Descriptors() (soft, hard uint64) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, 0
	}
	return uint64(l.Cur), uint64(l.Max)
}
