package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// DefaultSettle is the default of [Idle.Settle].
const DefaultSettle = 3 * time.Second

// Idle opens sessions in steps and does nothing with them but answer heartbeats.
// After each step the server is left alone for Settle, and its memory is read.
// The slope over the steps is the memory of one connection, free of what the
// server needs anyway.
//
// With a Window, heartbeats are counted for that long after the last step, and
// the server's time in it is divided by them: its operation is one heartbeat.
type Idle struct {
	Steps  []int // sessions, rising; default 1000, 2000, 4000
	Settle time.Duration
	Window time.Duration // 0: none
}

// Name is "idle".
func (*Idle) Name() string { return "idle" }

// counts is what newRun asks.
func (*Idle) counts() count { return beats }

// steps are the sessions at each step.
func (s *Idle) steps() ([]int, error) {
	steps := s.Steps
	if len(steps) == 0 {
		steps = []int{1000, 2000, 4000}
	}
	if !slices.IsSorted(steps) || steps[0] < 1 || steps[len(steps)-1] > 1_000_000 || len(slices.Compact(slices.Clone(steps))) != len(steps) {
		return nil, fmt.Errorf("%w: steps %v: must rise, from 1 to 1,000,000", ErrUsage, steps)
	}
	return steps, nil
}

// step is what was seen at one step.
type step struct {
	conns   int // of all processes
	held    int // of this one
	rss     int64
	objects int64
	own     int64 // our memory
}

// Run implements [Scenario].
func (s *Idle) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	steps, err := s.steps()
	if err != nil {
		return nil, err
	}
	if s.Settle < 0 || s.Window < 0 {
		return nil, fmt.Errorf("%w: a duration is negative", ErrUsage)
	}
	pause := s.Settle
	if pause == 0 {
		pause = DefaultSettle
	}

	r, err := newRun(ctx, s, o, steps[len(steps)-1])
	if err != nil {
		return nil, err
	}
	defer r.close()
	seen := make([]step, 0, len(steps))
	opened := 0
	for _, n := range steps {
		if err := r.open(n-opened, func(*worker, int) member { return &holder{} }); err != nil {
			return nil, err
		}
		opened = n
		if err := r.sleep(fmt.Sprintf("settle at %d", n), pause); err != nil {
			return nil, err
		}
		at := step{rss: r.watch.memory().RSS, own: r.ownMemory()}
		for _, w := range r.workers {
			at.held += int(w.ready.Load())
		}
		at.conns = at.held + r.elsewhere
		if o.Stats != "" {
			if at.objects, err = r.watch.heapObjects(); err != nil {
				r.watch.note("heap objects: " + err.Error())
			}
			r.recorder.counted(at.objects)
		}
		seen = append(seen, at)
	}

	var beats uint64
	if s.Window > 0 {
		count := func() (n uint64) {
			r.each(func(w *worker) { n += w.env.Heartbeats })
			return n
		}
		r.watch.begin()
		before, began := count(), time.Now()
		if r.sleep("heartbeats", s.Window) != nil {
			r.interrupted = true
		}
		beats, r.elapsed = count()-before, time.Since(began)
		r.watch.end(nil)
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return s.result(r, seen, beats, pause), nil
}

func (s *Idle) result(r *run, seen []step, beats uint64, pause time.Duration) *Result {
	res := r.result("heartbeat", beats)
	if s.Window > 0 {
		res.Parameters["window_s"] = s.Window.Seconds()
		if beats == 0 {
			res.Warnings = append(res.Warnings, fmt.Sprintf("no heartbeat in %v: the window must be longer than the server's ping interval", s.Window))
		}
	}
	res.Parameters["settle_s"] = pause.Seconds()
	conns, rss, objects := make([]float64, len(seen)), make([]float64, len(seen)), make([]float64, len(seen))
	held, own := make([]float64, len(seen)), make([]float64, len(seen))
	type row struct {
		Connections int   `json:"connections"`
		RSS         int64 `json:"rss_bytes,omitempty"`
		Objects     int64 `json:"heap_objects,omitempty"`
	}
	rows := make([]row, len(seen))
	for i, at := range seen {
		rows[i] = row{at.conns, at.rss, at.objects}
		conns[i], rss[i], objects[i] = float64(at.conns), float64(at.rss), float64(at.objects)
		held[i], own[i] = float64(at.held), float64(at.own)
	}
	res.Parameters["steps"] = rows
	var first []Metric
	if len(seen) > 1 && seen[0].rss > 0 {
		first = append(first, Metric{Name: "RSS per connection", Unit: "B", Value: slope(conns, rss)})
	}
	if len(seen) > 1 && seen[0].objects > 0 {
		first = append(first, Metric{Name: "heap objects per connection", Unit: "", Value: slope(conns, objects)})
	}
	res.Metrics = append(first, res.Metrics...)
	if len(seen) > 1 {
		res.Metrics = append(res.Metrics, Metric{Name: clientMemory, Unit: "B", Value: max(0, slope(held, own))})
	}
	return res
}

// slope is that of the straight line with the least squares through the points.
func slope(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var up, down float64
	for i := range x {
		up += (x[i] - mx) * (y[i] - my)
		down += (x[i] - mx) * (x[i] - mx)
	}
	if down == 0 {
		return 0
	}
	return up / down
}
