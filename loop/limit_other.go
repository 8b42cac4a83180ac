//go:build !unix

package loop

// connLimit is how many connections the process can have. Systems without a limit of
// descriptors get a round number.
func connLimit(int) int { return defaultConnLimit }
