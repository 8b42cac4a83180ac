package bench

import "sync/atomic"

// counters are a worker's figures that others look at while it runs.
type counters struct {
	ready  atomic.Int64  // sessions that are open
	done   atomic.Uint64 // operations so far
	errors atomic.Uint64
}
