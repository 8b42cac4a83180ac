//go:build race

package json

// raceEnabled: the detector makes sync.Pool drop things at random, and sonic encode
// everything a second time, so counts of allocations mean nothing for both.
const raceEnabled = true
