//go:build !unix

package bench

// checkDescriptors says nothing where there is no such limit.
func checkDescriptors(int, int, string) error { return nil }

// descriptorLimit is not known here.
func descriptorLimit() uint64 { return 0 }
