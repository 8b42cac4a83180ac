package bench

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/script"
)

// Script is a scenario that a file describes: several kinds of clients, each with
// a flow of steps, and phases that say how many there are and when. Its operation
// is one step that is done. The grammar is in docs/sio-bench-scenarios.md.
//
// A flow is compiled once for each loop and shared by all its clients, which hold
// a place in it and a few counters.
type Script struct {
	file *script.File
	dir  string // what file names in it are relative to
}

// ParseScript reads a scenario file. name is its path. Errors wrap [ErrUsage] and
// tell line, column and an excerpt.
func ParseScript(name string, text []byte) (*Script, error) {
	f, err := script.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	s := &Script{file: f, dir: filepath.Dir(name)}
	// What only the compiler finds is better found here.
	o, err := s.Options(Options{}).withDefaults()
	if err == nil {
		_, err = s.compile(&o, "/")
	}
	for _, text := range f.Assert {
		if err == nil {
			_, err = ParseAssertion(text)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Name is the scenario's.
func (s *Script) Name() string { return s.file.Name }

// Assertions are the conditions that the file demands; see [Result.Assert].
func (s *Script) Assertions() []string { return s.file.Assert }

// Outputs are the file names that the file gives, by format: "json", "html", "csv"
// or "markdown".
func (s *Script) Outputs() map[string]string { return maps.Clone(s.file.Outputs) }

// Options is o with what the file says where o is zero. Conns is the largest
// number of clients that the phases will have, as far as it is known.
func (s *Script) Options(o Options) Options {
	f := s.file
	o.URL = cmp.Or(o.URL, f.URL)
	o.Path = cmp.Or(o.Path, f.Path)
	o.Namespace = cmp.Or(o.Namespace, f.Namespace)
	o.Transport = cmp.Or(o.Transport, f.Transports)
	o.Timeout = cmp.Or(o.Timeout, f.Timeout)
	o.Drain = cmp.Or(o.Drain, f.Drain)
	o.Late = cmp.Or(o.Late, f.Late)
	o.Parser = cmp.Or(o.Parser, f.Parsers)
	o.Compress = o.Compress || f.Compress
	o.Auth = cmp.Or(o.Auth, f.Auth)
	o.Query = merged(f.Query, o.Query)
	o.Headers = merged(f.Headers, o.Headers)
	o.Seed = cmp.Or(o.Seed, f.Seed)
	if o.Data == "" && f.Data != "" {
		o.Data, o.DataOrder = f.Data, f.DataOrder
		if !filepath.IsAbs(o.Data) {
			o.Data = filepath.Join(s.dir, o.Data)
		}
	}
	o.Conns = 1
	o.Duration = 0
	for _, p := range f.Phases {
		// A visitor stays as long as its flow takes, which nobody knows: a second.
		most := max(p.Connections.From, p.Connections.To) + max(p.Arrivals.From, p.Arrivals.To)
		o.Conns = max(o.Conns, min(script.MaxConns, int(most+0.5)))
		if !p.Warmup {
			o.Duration += p.Duration
		}
	}
	o.Warmup = -1
	return o
}

// merged is a with b over it.
func merged(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	if m == nil {
		return b
	}
	maps.Copy(m, b)
	return m
}

// Run implements [Scenario].
func (s *Script) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := s.Options(o).withDefaults()
	if err != nil {
		return nil, err
	}
	if o.URL == "" {
		return nil, fmt.Errorf("%w: %s names no target, and no URL is given", ErrUsage, s.file.Name)
	}
	if p := o.part; p != nil {
		o.Conns = max(1, share(o.Conns, p.index, p.of))
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	stages := make([]*stage, o.Loops)
	for i, w := range r.workers {
		plays, err := s.compile(&o, config.Namespace)
		if err != nil {
			return nil, err
		}
		if stages[i], err = newStage(w, s.file, plays); err != nil {
			return nil, err
		}
	}
	for i := range s.file.Phases {
		if err := s.phase(r, stages, i); err != nil {
			return nil, err
		}
		if r.interrupted {
			break
		}
	}
	if err := s.curtain(r, stages); err != nil {
		return nil, err
	}
	return s.result(r, stages), nil
}

// phase runs phase i.
func (s *Script) phase(r *run, stages []*stage, i int) error {
	p := &s.file.Phases[i]
	if !p.Warmup && (i == 0 || s.file.Phases[i-1].Warmup) {
		r.watch.begin()
	}
	began := time.Now()
	r.each(func(w *worker) {
		w.recording = !p.Warmup
		stages[w.index].enter(i)
	})
	err := r.sleep(p.Name, p.Duration)
	if !p.Warmup {
		r.elapsed += time.Since(began)
	}
	if err != nil && r.elapsed == 0 {
		return err
	}
	r.interrupted = err != nil
	return nil
}

// curtain ends the last phase, waits for what is under way and says goodbye.
func (s *Script) curtain(r *run, stages []*stage) error {
	r.watch.end(func() {
		r.each(func(w *worker) {
			w.recording, w.sending = false, false
			stages[w.index].leavePhase()
			stages[w.index].stop()
		})
	})
	if r.interrupted {
		return nil
	}
	if err := r.drain(func(w *worker) bool { return stages[w.index].busy() }); err != nil {
		return err
	}
	if !r.interrupted {
		r.each(func(w *worker) { stages[w.index].countLost() })
	}
	return r.goodbye()
}

// A PhaseResult is what one phase of a [Script] was like.
type PhaseResult struct {
	Name       string    `json:"name"`
	Warmup     bool      `json:"warmup,omitempty"` // not in the totals
	Elapsed    float64   `json:"elapsed_s"`
	Conns      int       `json:"connections"` // at its end
	Operations uint64    `json:"operations"`
	Rate       float64   `json:"rate_per_s"`
	Errors     uint64    `json:"errors"`
	Latencies  []Latency `json:"latencies"` // "connect", "delivery" and those of its steps
}

// result puts together what the loops have seen.
func (s *Script) result(r *run, stages []*stage) *Result {
	var n uint64
	r.each(func(w *worker) { n += w.recorded })
	res := r.result("step", n)
	kinds := make([]string, 0, len(s.file.Clients))
	for _, k := range s.file.Clients {
		kinds = append(kinds, k.Name+"="+strconv.Itoa(k.Weight))
	}
	res.Parameters["clients"] = strings.Join(kinds, ",")
	names := stages[0].names
	totals := make([]hist.Histogram, len(names))
	for i, p := range s.file.Phases {
		q := PhaseResult{Name: p.Name, Warmup: p.Warmup}
		sums := make([]hist.Histogram, len(names))
		r.each(func(w *worker) {
			a := &stages[w.index].acts[i]
			q.Elapsed = max(q.Elapsed, a.took.Seconds())
			q.Conns += a.conns
			q.Operations += a.operations
			q.Errors += a.errors
			for j, h := range a.latencies {
				if h != nil {
					sums[j].Merge(h)
				}
			}
		})
		if q.Elapsed == 0 {
			continue // it was not reached
		}
		q.Rate = float64(q.Operations) / q.Elapsed
		for j := range sums {
			if sums[j].Count() > 0 {
				q.Latencies = append(q.Latencies, newLatency(names[j], &sums[j]))
				if !p.Warmup {
					totals[j].Merge(&sums[j])
				}
			}
		}
		res.Phases = append(res.Phases, q)
	}
	var all, service, lag hist.Histogram
	r.each(func(w *worker) {
		all.Merge(&w.latency)
		service.Merge(&w.service)
		lag.Merge(&w.lag)
	})
	res.latency("step", &all)
	for j := range totals {
		if names[j] != connectName { // which stands there from the first on
			res.latency(names[j], &totals[j])
		}
	}
	res.latency("paced step service", &service)
	if lag.Count() > 0 {
		res.latency(sendLag, &lag)
	}
	res.throughput()
	return res
}

// config of clients that reach the server in another way than the others.
func (k *play) config(o Options) (*client.Config, error) {
	o.Transport = k.kind.Transports
	return o.config()
}
