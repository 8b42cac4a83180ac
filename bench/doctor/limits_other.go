//go:build !unix

package doctor

// Descriptors are not limited by number here.
func Descriptors() (soft, hard uint64) { return 0, 0 }
