//go:build !unix

package proc

func ownCPU() (CPU, error) { return 0, ErrUnavailable }
