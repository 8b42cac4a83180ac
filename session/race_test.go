//go:build race

package session

// raceEnabled: the detector makes everything ten times slower, and some things allocate
// that otherwise do not.
const raceEnabled = true
