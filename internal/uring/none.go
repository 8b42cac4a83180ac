//go:build !linux

package uring

// A Ring cannot be made on this system.
type Ring struct{}

// New fails with [ErrUnsupported].
func New(int) (*Ring, error) { return nil, ErrUnsupported }

// Close does nothing.
func (*Ring) Close() {}

// Size is 0.
func (*Ring) Size() int { return 0 }

// Len is 0.
func (*Ring) Len() int { return 0 }

// Add panics: there is no ring.
func (*Ring) Add(int, [][]byte) { panic(ErrUnsupported) }

// Drop does nothing.
func (*Ring) Drop() {}

// Submit panics, too.
func (*Ring) Submit() ([]int32, error) { panic(ErrUnsupported) }
