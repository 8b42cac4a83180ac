//go:build race

package sio_test

// raceEnabled: the detector makes sync.Pool forget at random, so what comes from pools is
// allocated more often than it otherwise is; and sonic encode everything twice, to
// compare.
const raceEnabled = true
