//go:build !unix

package loop

// descriptorLimit is for systems that have a limit of them.
func descriptorLimit() (limit, open int, known bool) { return 0, 0, false }
