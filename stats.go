package sio

import (
	"runtime"
	"sync/atomic"

	"github.com/e6a90ca8/sio/loop"
)

// counters are what a server counts. Any goroutine.
type counters struct {
	opened, ended atomic.Int64
	unhandled     atomic.Int64
	failed        atomic.Int64
	malformed     atomic.Int64
	denied        atomic.Int64
	overloaded    atomic.Int64
	panics        atomic.Int64
	slow          atomic.Int64
	refused       [6]atomic.Int64
}

func (c *counters) disconnected(r Reason) {
	if r == SlowConsumer {
		c.slow.Add(1)
	}
}

// traffic is what loops count.
type traffic struct {
	read, written, batched, events, deliveries, dropped, turnedAway, panics, unshaken int64
}

// add adds the figures of a group's loops.
func (t *traffic) add(g *loop.Group) {
	_, failed := g.Handshakes()
	t.unshaken += failed
	g.Loops(func(l *loop.Loop) {
		s := l.Stats()
		t.read += s.Read.Load()
		t.written += s.Written.Load()
		t.batched += s.Batched.Load()
		t.events += s.Events.Load()
		t.deliveries += s.Packets.Load()
		t.dropped += s.Dropped.Load()
		t.turnedAway += s.Refused.Load()
		t.panics += s.Panics.Load()
	})
}

// Stats are figures of a server. Those that count what has happened count since New,
// also over several runs, and never fall.
type Stats struct {
	// Now.
	Connections int // TCP connections, those that were handed to Options.Handler included
	Sessions    int // clients
	Sockets     int // in all namespaces
	Namespaces  int
	Workers     int // goroutines that handle events
	Goroutines  int // of the process

	TLSHandshakes int // that are under way, or wait for their turn

	// Since New.
	BytesRead    int64
	BytesWritten int64
	Batched      int64    // writes to connections that shared a system call, see Options.NoBatchedWrites
	Events       int64    // that came in
	Deliveries   int64    // packets that were queued for clients, each receiver of a broadcast counted
	Dropped      int64    // volatile packets that were dropped for a client
	Opened       int64    // sessions
	Refused      [6]int64 // requests, by the protocol's error code
	TurnedAway   int64    // connections over Options.MaxConns, and handshakes, TLS's too, while all workers were busy
	Denied       int64    // sockets that Use has refused
	Unhandled    int64    // events that nobody listens to
	Failed       int64    // events that a handler has refused by a Fail, such as BadArg's
	Malformed    int64    // sockets that ended over a packet that could not be read
	Panics       int64    // of handlers and hooks
	Slow         int64    // sockets that were ended as slow consumers
	TLSFailed    int64    // connections that ended before their TLS handshake was done
}

// Stats returns the server's figures. It costs some microseconds.
func (s *Server) Stats() Stats {
	s.mu.RLock()
	t, g := s.past, s.group
	if g != nil { // under the lock, so that a run that ends is counted once
		t.add(g)
	}
	s.mu.RUnlock()
	c := &s.counters
	ended := c.ended.Load() // before those that were opened
	st := Stats{
		Opened:  c.opened.Load(),
		Workers: s.dispatcher.busy(), Goroutines: runtime.NumGoroutine(),
		BytesRead: t.read, BytesWritten: t.written, Batched: t.batched, Events: t.events, Deliveries: t.deliveries, Dropped: t.dropped,
		TurnedAway: t.turnedAway + c.overloaded.Load(), Denied: c.denied.Load(),
		Unhandled: c.unhandled.Load(), Failed: c.failed.Load(), Malformed: c.malformed.Load(),
		Panics: t.panics + c.panics.Load(), Slow: c.slow.Load(), TLSFailed: t.unshaken,
	}
	st.Sessions = int(st.Opened - ended)
	for i := range st.Refused {
		st.Refused[i] = c.refused[i].Load()
	}
	for _, n := range s.Namespaces() {
		st.Namespaces++
		st.Sockets += n.Len()
	}
	if g != nil {
		st.Connections = g.Connections()
		st.TLSHandshakes, _ = g.Handshakes()
	}
	return st
}
