package bench

import "runtime"

// clientMemory is the metric of what one session takes in the generator: heap and
// stacks, after a collection. The kernel's part of a connection is not in it.
const clientMemory = "client bytes per connection"

// ownMemory is what this process holds in heap and stacks, after a collection.
// Not while anything is timed.
func (r *run) ownMemory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// sendLag is the latency of how late an open loop's messages were sent: the generator's
// own, too.
const sendLag = "send lag"
