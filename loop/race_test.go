//go:build race

package loop

// raceEnabled: the detector makes everything ten times slower, and some things allocate
// that otherwise do not.
const raceEnabled = true
