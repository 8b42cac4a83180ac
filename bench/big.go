package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/proc"
)

// Big echoes payloads of several sizes, one size after another, each for the same
// part of [Options.Duration]. Its operation is one answer. Each connection keeps
// Depth messages under way; what is under way at the end of a part belongs to it.
//
// Servers bound a message, the reference server at 1,000,000 bytes, and by
// polling an attachment is a third longer.
type Big struct {
	Sizes  []int // as [Echo.Size]; default 1 KiB, 64 KiB, 900 KiB
	Binary bool  // send an attachment in place of a string
	Depth  int   // default 1
}

// Bounds of a [Big].
const (
	maxSizes   = 16
	maxHaulage = 2 << 30 // bytes under way
)

// Name is "big", and "big binary".
func (s *Big) Name() string {
	if s.Binary {
		return "big binary"
	}
	return "big"
}

// Run implements [Scenario].
func (s *Big) Run(ctx context.Context, o Options) (*Result, error) {
	b := *s
	if len(b.Sizes) == 0 {
		b.Sizes = []int{1 << 10, 64 << 10, 900 << 10}
	}
	if b.Depth == 0 {
		b.Depth = 1
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(b.Sizes) > maxSizes {
		return nil, fmt.Errorf("%w: %d sizes: must be at most %d", ErrUsage, len(b.Sizes), maxSizes)
	}
	if n := slices.Min(b.Sizes); n < 1 {
		return nil, fmt.Errorf("%w: size %d: must be at least 1", ErrUsage, n)
	}
	if b.Depth < 1 || b.Depth > maxWaiting {
		return nil, fmt.Errorf("%w: depth %d: must be 1 to %d", ErrUsage, b.Depth, maxWaiting)
	}
	if n := o.Conns * b.Depth; n > maxHaulage/slices.Max(b.Sizes) {
		return nil, fmt.Errorf("%w: %d messages of %s under way: must be at most %s together", ErrUsage, n, SizeName(slices.Max(b.Sizes)), SizeName(maxHaulage))
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	kind := Event
	if b.Binary {
		kind = Binary
	}
	talks := make([][]*talk, len(b.Sizes)) // by size, then loop
	for i, size := range b.Sizes {
		if talks[i], err = newTalks(config.Namespace, kind, size, "", b.Depth, &o); err != nil {
			return nil, err
		}
	}

	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	hauls := make([]*haul, o.Loops)
	for i, w := range r.workers {
		hauls[i] = &haul{worker: w, parts: make([]hist.Histogram, len(b.Sizes))}
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &hauler{haul: hauls[w.index]}
	}); err != nil {
		return nil, err
	}
	parts, err := b.measure(r, hauls, talks)
	if err != nil {
		return nil, err
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return b.result(r, hauls, parts), nil
}

// part is what was seen with one size.
type part struct {
	elapsed time.Duration
	cpu     proc.CPU // the server's, in it; 0 if it is not measured
}

// measure runs one part after another.
func (s *Big) measure(r *run, hauls []*haul, talks [][]*talk) ([]part, error) {
	start := func(i int, recording bool) {
		r.each(func(w *worker) {
			w.recording = recording
			w.goAhead()
			hauls[w.index].start(i, talks[i][w.index])
		})
	}
	finish := func() error {
		r.each(func(w *worker) { w.sending = false })
		err := r.drain(func(w *worker) bool { return hauls[w.index].talk.waiting > 0 })
		r.each(func(w *worker) {
			w.recording = false
			if !r.interrupted {
				hauls[w.index].lose()
			}
		})
		return err
	}
	if r.options.Warmup > 0 {
		start(0, false)
		if err := r.sleep("warm-up", r.options.Warmup); err != nil {
			return nil, err
		}
		if err := finish(); err != nil {
			return nil, err
		}
		if _, err := r.meet("warm", 0); err != nil {
			return nil, err
		}
	}
	var parts []part
	r.watch.begin()
	for i, size := range s.Sizes {
		began, cpu := time.Now(), cpuOf(r.watch.server)
		start(i, true)
		r.interrupted = r.sleep("measure "+SizeName(size), r.options.Duration/time.Duration(len(s.Sizes))) != nil
		if err := finish(); err != nil {
			return nil, err
		}
		if !r.interrupted { // no process is at another size than the others
			if _, err := r.meet(SizeName(size), 0); err != nil {
				if r.interrupted = r.ctx.Err() != nil; !r.interrupted {
					return nil, err
				}
			}
		}
		parts = append(parts, part{time.Since(began), cpuOf(r.watch.server) - cpu})
		r.elapsed += parts[i].elapsed
		if r.interrupted {
			break
		}
	}
	r.watch.end(nil)
	return parts, nil
}

func (s *Big) result(r *run, hauls []*haul, parts []part) *Result {
	var latency hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		latency.Merge(&w.latency)
		n += w.recorded
	})
	res := r.result("echo", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["depth"] = s.Depth
	var names []string
	for _, size := range s.Sizes {
		names = append(names, SizeName(size))
	}
	res.Parameters["sizes"] = names
	res.latency("echo", &latency)
	var bytes float64
	for i, p := range parts {
		var of hist.Histogram
		r.each(func(w *worker) { of.Merge(&hauls[w.index].parts[i]) })
		count, seconds := float64(of.Count()), p.elapsed.Seconds()
		if count == 0 || seconds <= 0 {
			continue
		}
		volume := count * float64(s.Sizes[i]) / 1e6
		bytes += volume
		if p.cpu > 0 {
			res.Metrics = append(res.Metrics, Metric{Name: cpuOfPart + "echo of " + names[i], Unit: "us", Value: us(time.Duration(p.cpu)) / count})
		}
		res.Metrics = append(res.Metrics,
			Metric{Name: "echoes of " + names[i] + " per second", Unit: "1/s", Value: count / seconds, Higher: true},
			Metric{Name: "throughput of " + names[i], Unit: "MB/s", Value: volume / seconds, Higher: true})
		res.latency("echo of "+names[i], &of)
	}
	if res.Elapsed > 0 {
		res.Metrics = append(res.Metrics, Metric{Name: "throughput", Unit: "MB/s", Value: bytes / res.Elapsed, Higher: true})
	}
	res.throughput()
	return res
}

// haul is what the sessions of one loop share.
type haul struct {
	*worker
	talk  *talk // of the part that runs
	part  int
	parts []hist.Histogram // by size, in the window
}

// start begins a part.
func (h *haul) start(part int, t *talk) {
	h.part, h.talk = part, t
	for _, m := range h.members {
		if x := m.(*hauler); x.Live() {
			x.begin(&x.peer, t)
		}
	}
}

// lose counts what has not come.
func (h *haul) lose() {
	for _, m := range h.members {
		if x := m.(*hauler); x.Live() {
			x.lose(&x.peer, h.talk, "no answer at the end of its part")
		}
	}
}

// hauler is one session.
type hauler struct {
	peer
	exchange
	haul *haul
}

func (x *hauler) Text(_ *client.Session, packet []byte) {
	if x.haul.talk == nil {
		x.w.fail(NotAsked, client.Quote(packet))
		return
	}
	x.answered(x.text(&x.peer, x.haul.talk, packet))
}

func (x *hauler) Binary(_ *client.Session, data []byte) {
	if x.haul.talk == nil {
		x.w.fail(NotAsked, client.Quote(data))
		return
	}
	x.answered(x.binary(&x.peer, x.haul.talk, data))
}

// giveUp implements [patient].
func (x *hauler) giveUp() {
	if x.Live() {
		for range x.exchange.giveUp(&x.peer, x.haul.talk) {
			x.send(&x.peer, x.haul.talk, x.w.loop.Now())
		}
	}
}

// answered takes what text and binary say.
func (x *hauler) answered(took time.Duration, ok bool) {
	if !ok {
		return
	}
	if took >= 0 {
		x.w.operation(took)
		if x.w.recording {
			x.haul.parts[x.haul.part].Record(took)
		}
	}
	if x.w.sending {
		x.send(&x.peer, x.haul.talk, x.w.loop.Now())
	}
}

func (x *hauler) Closed(_ *client.Session, err error) {
	if x.live && x.haul.talk != nil {
		x.lose(&x.peer, x.haul.talk, "closed without answer")
	}
	x.w.closed(&x.peer, err)
}

// SizeName is a number of bytes for people: "64 KiB", "1500 B".
func SizeName(n int) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
