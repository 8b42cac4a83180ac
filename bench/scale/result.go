package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

// result is a run. Its JSON form is meant to be kept.
type result struct {
	Started     time.Time         `json:"started"`
	Environment bench.Environment `json:"environment"`
	Server      []string          `json:"server"`
	PerProcess  int               `json:"connections_per_process"`
	Steps       []*step           `json:"steps"`

	// Flat has for each figure how much it differs between the steps.
	Flat []spread `json:"flat,omitempty"`

	Errors uint64   `json:"errors"`
	Names  []string `json:"error_names,omitempty"`
}

// step is what was seen at one step: sums over all processes, and Each.
type step struct {
	Conns     int     `json:"connections"`
	Processes int     `json:"processes"`
	Each      []each  `json:"each"`
	Rest      float64 `json:"rest_s"`
	Told      float64 `json:"broadcast_s"`
	Kernel    int64   `json:"kernel_bytes,omitempty"` // grown by, both ends; 0: not known
	Errors    uint64  `json:"errors"`                 // of the generators so far

	Figures figures `json:"figures"`
}

// each is one pair of processes.
type each struct {
	Conns        int           `json:"connections"`
	RSS          int64         `json:"rss_bytes"`
	IdleRSS      int64         `json:"idle_rss_bytes"` // before the first connection
	PSS          int64         `json:"pss_bytes,omitempty"`
	RestCPU      float64       `json:"rest_cpu_s"`
	Heartbeats   uint64        `json:"heartbeats"`
	BroadcastCPU float64       `json:"broadcast_cpu_s"`
	ClientCPU    float64       `json:"client_cpu_s"` // while broadcasts go
	Broadcasts   uint64        `json:"broadcasts"`
	Deliveries   uint64        `json:"deliveries"`
	Last         bench.Latency `json:"last_receiver"`
}

// figures are what steps are compared by.
type figures struct {
	Conns      int    `json:"connections"`
	Deliveries uint64 `json:"deliveries"`

	RSS      float64 `json:"rss_per_connection"`           // bytes over an idle server's
	RSSAdded float64 `json:"rss_per_connection_added"`     // of those since the last step
	PSS      float64 `json:"pss_per_connection,omitempty"` // everything, shared pages once
	Kernel   float64 `json:"kernel_per_pair,omitempty"`    // bytes, both ends

	RestCPU     float64 `json:"rest_cpu_us"` // a connection and second
	Beats       float64 `json:"heartbeats_per_connection"`
	DeliveryCPU float64 `json:"delivery_cpu_us"`
	ClientCPU   float64 `json:"client_cpu_us"`            // the generator's, a delivery
	DeliveryLow float64 `json:"delivery_cpu_least_us"`    // of one process
	DeliveryTop float64 `json:"delivery_cpu_most_us"`     //
	LastP50     float64 `json:"last_receiver_p50_us"`     // of the slowest process
	LastMax     float64 `json:"last_receiver_longest_us"` //
}

// spread is how flat one figure is over the steps.
type spread struct {
	Name  string  `json:"figure"`
	First float64 `json:"first"`
	Last  float64 `json:"last"`
	Ratio float64 `json:"last_to_first"`
	Most  float64 `json:"largest_to_smallest"`
}

func newResult(c *config) *result {
	return &result{
		Started: time.Now().UTC().Truncate(time.Second), Environment: bench.ThisEnvironment(),
		Server: c.server, PerProcess: c.per,
	}
}

// add takes a step.
func (r *result) add(s *step) {
	var before figuresSum
	if n := len(r.Steps); n > 0 {
		before = sum(r.Steps[n-1])
	}
	now := sum(s)
	f := &s.Figures
	*f = figures{Conns: now.conns, Deliveries: now.deliveries}
	if now.conns > 0 {
		f.RSS = float64(now.rss) / float64(now.conns)
		f.PSS = float64(now.pss) / float64(now.conns)
		f.Kernel = float64(s.Kernel) / float64(now.conns)
		f.RestCPU = now.rest * 1e6 / float64(now.conns) / s.Rest
		f.Beats = float64(now.beats) / float64(now.conns)
	}
	if n := float64(now.conns - before.conns); n > 0 {
		f.RSSAdded = float64(now.rss-before.rss) / n
	}
	if now.deliveries > 0 {
		f.DeliveryCPU = now.broadcast * 1e6 / float64(now.deliveries)
		f.ClientCPU = now.client * 1e6 / float64(now.deliveries)
	}
	for _, e := range s.Each {
		f.LastP50, f.LastMax = max(f.LastP50, e.Last.P50), max(f.LastMax, e.Last.Max)
		if e.Deliveries == 0 {
			continue
		}
		own := e.BroadcastCPU * 1e6 / float64(e.Deliveries)
		if f.DeliveryLow == 0 || own < f.DeliveryLow {
			f.DeliveryLow = own
		}
		f.DeliveryTop = max(f.DeliveryTop, own)
	}
	r.Errors = s.Errors
	r.Steps = append(r.Steps, s)
}

// figuresSum is a step over all processes. Resident memory is what is over an idle
// server's; the proportional is all there is, since what a server shares with others
// depends on how many there are.
type figuresSum struct {
	conns                   int
	rss, pss                int64
	rest, broadcast, client float64
	beats, deliveries       uint64
}

func sum(s *step) (t figuresSum) {
	for _, e := range s.Each {
		t.conns += e.Conns
		t.rss += e.RSS - e.IdleRSS
		t.pss += e.PSS
		t.rest += e.RestCPU
		t.broadcast += e.BroadcastCPU
		t.client += e.ClientCPU
		t.beats += e.Heartbeats
		t.deliveries += e.Deliveries
	}
	return t
}

// count takes the last report of a generator: the errors of its whole run.
func (r *result) count(last report) {
	r.Errors += last.Errors
	for _, name := range slices.Sorted(maps.Keys(last.Counts)) {
		e := last.Counts[name]
		r.Names = append(r.Names, fmt.Sprintf("%d × %s: %s", e.Count, name, e.Example))
	}
}

// finish works out how flat the figures are. The memory that the first step adds
// holds what a server needs once, so it is not among those compared.
func (r *result) finish() {
	for _, f := range []struct {
		name string
		skip int
		of   func(figures) float64
	}{
		{"RSS per connection added, B", 1, func(f figures) float64 { return f.RSSAdded }},
		{"kernel memory per connection, both ends, B", 1, func(f figures) float64 { return f.Kernel }},
		{"server CPU at rest per connection and second, us", 0, func(f figures) float64 { return f.RestCPU }},
		{"server CPU per delivery, us", 0, func(f figures) float64 { return f.DeliveryCPU }},
	} {
		if s, ok := spreadOf(f.name, r.Steps[min(f.skip, len(r.Steps)):], f.of); ok {
			r.Flat = append(r.Flat, s)
		}
	}
}

// spreadOf compares a figure over steps; ok is false if there are not two of it.
func spreadOf(name string, steps []*step, of func(figures) float64) (s spread, ok bool) {
	var least, most float64
	n := 0
	for _, at := range steps {
		v := of(at.Figures)
		if v <= 0 {
			continue
		}
		if n == 0 {
			s.First, least, most = v, v, v
		}
		s.Last, least, most = v, min(least, v), max(most, v)
		n++
	}
	if n < 2 {
		return s, false
	}
	s.Name, s.Ratio, s.Most = name, s.Last/s.First, most/least
	return s, true
}

// markdown writes the tables.
func (r *result) markdown(w io.Writer) {
	var b strings.Builder
	e := r.Environment
	fmt.Fprintf(&b, "%s, %s, %s, %d cores, %s; `%s`, at most %d connections a process.\n\n",
		r.Started.Format(time.DateOnly), e.Kernel, e.Processor, e.Cores, e.Go, strings.Join(r.Server, " "), r.PerProcess)
	b.WriteString("Each server broadcasts to its own clients, all at the same time; nothing goes from one\nserver to another: there is no cluster adapter.\n\n")
	b.WriteString("| connections | processes | RSS per connection, B | of those added, B | PSS of all, B | kernel, both ends, B | CPU at rest, us per connection and s | heartbeats each | CPU per delivery, us | least and most of one process | to the last receiver, ms: median, longest | generator's CPU per delivery, us |\n")
	b.WriteString("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, s := range r.Steps {
		f := s.Figures
		fmt.Fprintf(&b, "| %d | %d | %s | %s | %s | %s | %.2f | %.2f | %.2f | %.2f–%.2f | %.1f, %.1f | %.2f |\n",
			f.Conns, s.Processes, bytesOf(f.RSS), bytesOf(f.RSSAdded), bytesOf(f.PSS), bytesOf(f.Kernel), f.RestCPU, f.Beats,
			f.DeliveryCPU, f.DeliveryLow, f.DeliveryTop, f.LastP50/1e3, f.LastMax/1e3, f.ClientCPU)
	}
	if len(r.Flat) > 0 {
		b.WriteString("\n| flat? | first | last | last to first | largest to smallest |\n|---|--:|--:|--:|--:|\n")
		for _, s := range r.Flat {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f | %.2f |\n", s.Name, s.First, s.Last, s.Ratio, s.Most)
		}
	}
	for _, name := range r.Names {
		fmt.Fprintf(&b, "\n%s\n", name)
	}
	io.WriteString(w, b.String())
}

// bytesOf is a number of bytes, or a dash for what is not known.
func bytesOf(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f", v)
}
