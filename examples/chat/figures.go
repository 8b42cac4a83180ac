package main

import (
	"bytes"
	"context"
	"os"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"github.com/e6a90ca8/sio"
)

// Figures are for everybody in the namespace "/stats": those of the last two minutes
// when one joins, then one a second.
const Figures sio.Event[[]Sample] = "figures"

const maxSamples = 120

// A Sample is how the server was doing at one moment. Rates are per second, sizes in
// bytes.
type Sample struct {
	At          int64   `json:"at"` // milliseconds of Unix time
	Clients     int     `json:"clients"`
	Connections int     `json:"connections"` // of TCP, those that browsers keep open for later included
	Events      float64 `json:"events"`      // that came in
	Deliveries  float64 `json:"deliveries"`  // packets to clients, each receiver of a broadcast counted
	Heap        uint64  `json:"heap"`        // Go objects
	RSS         uint64  `json:"rss"`         // the process in memory; 0 where the system does not tell
}

// A monitor takes the figures of a server.
type monitor struct {
	srv *sio.Server
	all sio.Target

	mu      sync.Mutex // held while sending too: nobody gets a sample twice, or misses one
	last    sio.Stats
	at      time.Time
	samples []Sample
}

// newMonitor adds the namespace "/stats" to srv.
func newMonitor(srv *sio.Server) *monitor {
	ns := srv.Of("/stats")
	m := &monitor{srv: srv, all: ns.All().Volatile(), at: time.Now()}
	ns.OnConnect(func(s *sio.Socket) {
		m.mu.Lock()
		defer m.mu.Unlock()
		_ = Figures.Emit(s, m.samples) // fails only if s has gone
	})
	return m
}

// run takes a sample each second until ctx ends.
func (m *monitor) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			m.sample(now)
		case <-ctx.Done():
			return
		}
	}
}

// sample adds the figures of this moment and sends them. They are volatile: who cannot
// take them now has no use for them later.
func (m *monitor) sample(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, seconds := m.srv.Stats(), now.Sub(m.at).Seconds()
	heap, rss := memory()
	s := Sample{
		At: now.UnixMilli(), Clients: st.Sessions, Connections: st.Connections, Heap: heap, RSS: rss,
		Events:     float64(st.Events-m.last.Events) / seconds,
		Deliveries: float64(st.Deliveries-m.last.Deliveries) / seconds,
	}
	m.last, m.at = st, now
	if len(m.samples) == maxSamples {
		m.samples = append(m.samples[:0], m.samples[1:]...)
	}
	m.samples = append(m.samples, s)
	_ = Figures.Emit(m.all, []Sample{s})
}

// memory is what Go's objects take, and what the process takes.
func memory() (heap, rss uint64) {
	v := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(v) // unlike runtime.ReadMemStats it does not stop the world
	if v[0].Value.Kind() == metrics.KindUint64 {
		heap = v[0].Value.Uint64()
	}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil { // Linux: sizes in pages
		if f := bytes.Fields(statm); len(f) > 1 {
			pages, _ := strconv.ParseUint(string(f[1]), 10, 64)
			rss = pages * uint64(os.Getpagesize())
		}
	}
	return heap, rss
}
