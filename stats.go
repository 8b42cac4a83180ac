package sio

import (
	"runtime"
	"sync/atomic"
)

// counters are what a server counts. Any goroutine.
type counters struct {
	opened, ended atomic.Int64
	unhandled     atomic.Int64
	panics        atomic.Int64
	slow          atomic.Int64
	refused       [6]atomic.Int64
}

func (c *counters) disconnected(r Reason) {
	if r == SlowConsumer {
		c.slow.Add(1)
	}
}

// Stats are figures of a server at one moment.
type Stats struct {
	Connections  int // TCP connections, those that were handed to Options.Handler included
	Sessions     int // clients
	Sockets      int // in all namespaces
	Namespaces   int
	BytesRead    int64
	BytesWritten int64
	Events       int64    // that came in
	Deliveries   int64    // packets that were queued for clients, each receiver of a broadcast counted
	Dropped      int64    // volatile packets that were dropped for a client
	Opened       int64    // sessions, since New
	Refused      [6]int64 // requests, by the protocol's error code
	TurnedAway   int64    // connections, over Options.MaxConns
	Unhandled    int64    // events that nobody listens to
	Panics       int64    // of handlers and hooks
	Slow         int64    // sockets that were ended as slow consumers
	Workers      int      // goroutines that handle events now
	Goroutines   int      // of the process
}

// Stats returns the server's figures. It costs some microseconds.
func (s *Server) Stats() Stats {
	c := &s.counters
	st := Stats{
		Opened: c.opened.Load(), Sessions: int(c.opened.Load() - c.ended.Load()),
		Unhandled: c.unhandled.Load(), Panics: c.panics.Load(), Slow: c.slow.Load(),
		Workers: s.dispatcher.busy(), Goroutines: runtime.NumGoroutine(),
	}
	for i := range st.Refused {
		st.Refused[i] = c.refused[i].Load()
	}
	for _, n := range s.Namespaces() {
		st.Namespaces++
		st.Sockets += n.Len()
	}
	s.mu.RLock()
	g := s.group
	s.mu.RUnlock()
	if g == nil {
		return st
	}
	st.Connections = g.Connections()
	for i := range s.loops {
		if l := g.Loop(i); l != nil {
			ls := l.Stats()
			st.BytesRead += ls.Read.Load()
			st.BytesWritten += ls.Written.Load()
			st.Events += ls.Events.Load()
			st.Deliveries += ls.Packets.Load()
			st.Dropped += ls.Dropped.Load()
			st.TurnedAway += ls.Refused.Load()
			st.Panics += ls.Panics.Load()
		}
	}
	return st
}
