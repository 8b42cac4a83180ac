package bench

import (
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/proc"
)

// A Sample is what one second of a run was like. The last of a run may be of
// less. A second in which the generator could not look is part of the next.
type Sample struct {
	At         float64 `json:"t_s"`         // its end, since the run began
	Phase      string  `json:"phase"`       // at its end, as [Progress] has it
	Conns      int     `json:"connections"` // sessions that are ready, at its end
	Operations uint64  `json:"operations"`  // in this second
	Errors     uint64  `json:"errors"`      // in this second

	// The scenario's main latency in this second; 0: nothing came.
	P50 float64 `json:"p50_us"`
	P90 float64 `json:"p90_us"`
	P99 float64 `json:"p99_us"`
	Max float64 `json:"max_us"`

	// LagP99 is the generator's lateness in this second: of sending in an open
	// loop, else of its loops' timers.
	LagP99 float64 `json:"lag_p99_us,omitempty"`

	// Histogram has all counts of the main latency in this second, in the text
	// form of [Latency.Histogram]; only with [Options.Intervals].
	Histogram string `json:"histogram,omitempty"`

	Client Load  `json:"client"`
	Server *Load `json:"server,omitempty"` // nil if not measured
}

// Load is what a process took in a span, and what it holds at the span's end. 0:
// not told.
type Load struct {
	Cores   float64 `json:"cores"` // processor seconds per second
	RSS     int64   `json:"rss_bytes,omitempty"`
	PSS     int64   `json:"pss_bytes,omitempty"` // looked at every few seconds only
	FDs     int     `json:"fds,omitempty"`
	Threads int     `json:"threads,omitempty"`

	// What the process itself tells: our own, or a server's at a URL.
	Heap        int64   `json:"heap_bytes,omitempty"`
	HeapObjects int64   `json:"heap_objects,omitempty"`
	Goroutines  int     `json:"goroutines,omitempty"`
	GCs         uint64  `json:"gcs,omitempty"`        // in the span
	GCPause     float64 `json:"gc_pause_s,omitempty"` // in the span
}

const (
	// sampleStep is the length of a [Sample].
	sampleStep = time.Second

	// pssStep is the time between two looks at a process's PSS, which are costly
	// for the process.
	pssStep = 10 * time.Second
)

// A recorder looks at a run each second and tells of progress. It has a goroutine
// of its own from start to stop; what it needs of the loops it asks them for.
type recorder struct {
	run  *run
	quit chan struct{}
	over chan struct{}
	once sync.Once

	mu      sync.Mutex
	phase   phase
	objects int64 // what the server said of its heap since the last sample; 0: nothing

	// Of the goroutine, and of whoever called stop after it.
	series []Sample
	spare  []*interval // one for each worker, empty
	sum    interval    // of the workers
	server *meter      // nil: not measured
	self   *meter      // nil: not available
	told   scraped     // what the server told of itself, at the last sample
	last   Progress    // the totals at the last sample
	lastAt time.Time
	fresh  *Sample // not told yet

	// For the rates of progress.
	toldAt  time.Time
	toldOps uint64
	toldCPU proc.CPU
}

// phase is a part of a run.
type phase struct {
	name  string
	began time.Time
	total time.Duration // 0: not known
}

// interval is what a worker has seen since the last sample.
type interval struct {
	latency hist.Histogram
	lag     hist.Histogram // of sending in an open loop
	late    hist.Histogram // of the loop's timers
}

func (i *interval) reset() {
	for _, h := range []*hist.Histogram{&i.latency, &i.lag, &i.late} {
		if h.Count() > 0 {
			h.Reset()
		}
	}
}

// newRecorder starts to record r, whose workers stand.
func newRecorder(r *run) *recorder {
	now := time.Now()
	c := &recorder{run: r, quit: make(chan struct{}), over: make(chan struct{}), lastAt: now, toldAt: now}
	c.phase = phase{name: "connect", began: now}
	for range r.workers {
		c.spare = append(c.spare, new(interval))
	}
	if p, err := proc.Self(); err == nil { // else the watch has said so
		c.self = newMeter(p, now)
		c.self.runtime = newRuntimeMeter()
	}
	if r.options.PID != 0 {
		if p, err := proc.Open(r.options.PID); err == nil {
			c.server = newMeter(p, now)
			c.toldCPU = c.server.cpu
		}
	}
	go c.record()
	return c
}

// enter says that the run is in a phase that takes total, 0 if that is not
// known. Entering the phase that the run is in changes nothing. Any goroutine.
func (c *recorder) enter(name string, total time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name != c.phase.name {
		if total < progressStep {
			total = 0
		}
		c.phase = phase{name, time.Now(), total}
	}
}

func (c *recorder) current() phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase
}

// stop ends the recording with a last sample and returns all. Nobody is told of
// progress after it. Any goroutine but a loop's.
func (c *recorder) stop() []Sample {
	c.once.Do(func() { close(c.quit) })
	<-c.over
	return c.series
}

func (c *recorder) record() {
	defer close(c.over)
	tick := time.NewTicker(progressStep)
	defer tick.Stop()
	next := c.run.started.Add(sampleStep)
	for {
		select {
		case now := <-tick.C:
			if !now.Before(next) {
				c.sample(now, false)
				for !next.After(now) {
					next = next.Add(sampleStep)
				}
			}
			c.tell(now)
		case <-c.quit:
			c.sample(time.Now(), true)
			return
		}
	}
}

// totals adds up the workers' counters.
func (c *recorder) totals() (p Progress) {
	for _, w := range c.run.workers {
		p.Conns += int(w.ready.Load())
		p.Operations += w.done.Load()
		p.Errors += w.errors.Load()
	}
	return p
}

// sample ends a second of the run, or what is left of one.
func (c *recorder) sample(now time.Time, last bool) {
	c.collect()
	totals := c.totals()
	const least = 50 * time.Millisecond // a sliver at the end shows nothing, unless something was counted in it
	if last && len(c.series) > 0 && now.Sub(c.lastAt) < least && totals.Operations == c.last.Operations && totals.Errors == c.last.Errors {
		return
	}
	s := Sample{
		At: now.Sub(c.run.started).Seconds(), Phase: c.current().name, Conns: totals.Conns,
		Operations: totals.Operations - c.last.Operations, Errors: totals.Errors - c.last.Errors,
		P50: us(c.sum.latency.Quantile(0.5)), P90: us(c.sum.latency.Quantile(0.9)),
		P99: us(c.sum.latency.Quantile(0.99)), Max: us(c.sum.latency.Max()),
	}
	if lag := &c.sum.lag; lag.Count() > 0 {
		s.LagP99 = us(lag.Quantile(0.99))
	} else {
		s.LagP99 = us(c.sum.late.Quantile(0.99))
	}
	if c.run.options.Intervals {
		s.Histogram = c.sum.latency.Encode()
	}
	if c.self != nil {
		s.Client = c.self.load(now, last)
	}
	s.Server = c.serverLoad(now, last)
	c.last, c.lastAt = totals, now
	c.series = append(c.series, s)
	c.fresh = &s
}

// serverLoad is what the system and the server itself tell of it, nil if nothing
// does.
func (c *recorder) serverLoad(now time.Time, last bool) *Load {
	var l Load
	if c.server != nil {
		l = c.server.load(now, last)
	}
	if tells := c.run.watch.tells; tells != nil {
		if latest := tells.last(); latest.at.After(c.told.at) { // else nothing new has come
			latest.span(c.told, &l)
			c.told = latest
		}
	}
	c.mu.Lock()
	if c.objects > 0 {
		l.HeapObjects, c.objects = c.objects, 0
	}
	c.mu.Unlock()
	if l == (Load{}) {
		return nil
	}
	return &l
}

// counted puts the heap objects that the server has told on the time line. Any
// goroutine.
func (c *recorder) counted(objects int64) {
	c.mu.Lock()
	c.objects = objects
	c.mu.Unlock()
}

// collect swaps the workers' intervals for empty ones and adds them up.
func (c *recorder) collect() {
	c.sum.reset()
	done := make(chan struct{}, len(c.run.workers))
	asked := 0
	for i, w := range c.run.workers {
		if w.loop.TryPost(func() {
			c.spare[i] = w.surrender(c.spare[i])
			done <- struct{}{}
		}) {
			asked++
		}
	}
	for range asked {
		<-done
	}
	for _, v := range c.spare {
		c.sum.latency.Merge(&v.latency)
		c.sum.lag.Merge(&v.lag)
		c.sum.late.Merge(&v.late)
		v.reset()
	}
}

// tell calls [Options.Progress].
func (c *recorder) tell(now time.Time) {
	if c.run.options.Progress == nil {
		return
	}
	ph, p := c.current(), c.totals()
	p.Phase, p.Elapsed, p.Total, p.Wanted = ph.name, max(0, now.Sub(ph.began)), ph.total, c.run.wanted
	p.Sample, c.fresh = c.fresh, nil
	if span := now.Sub(c.toldAt).Seconds(); span > 0 {
		p.Rate = float64(p.Operations-c.toldOps) / span
		if c.server != nil {
			cpu := cpuOf(c.server.process)
			p.ServerCPU = max(0, cpu.Since(c.toldCPU).Seconds()/span)
			p.ServerRSS, _ = c.server.process.RSS() // progress only: nothing is shown without it
			c.toldCPU = cpu
		}
	}
	c.toldAt, c.toldOps = now, p.Operations
	c.run.options.Progress(p)
}

// A meter takes the [Load] of one process span by span. One goroutine.
type meter struct {
	process *proc.Process
	cpu     proc.CPU // at the end of the last span
	at      time.Time
	pssAt   time.Time
	runtime *runtimeMeter // nil: another process
}

func newMeter(p *proc.Process, now time.Time) *meter {
	m := &meter{process: p, at: now}
	m.cpu, _ = p.CPU()
	return m
}

// load ends a span. What the system does not tell stays 0.
func (m *meter) load(now time.Time, last bool) (l Load) {
	if cpu, err := m.process.CPU(); err == nil {
		if span := now.Sub(m.at).Seconds(); span > 0 {
			l.Cores = max(0, cpu.Since(m.cpu).Seconds()/span)
		}
		m.cpu, m.at = cpu, now
	}
	l.RSS, _ = m.process.RSS()
	l.FDs, _ = m.process.Descriptors()
	l.Threads = m.process.Threads()
	if m.pssAt.IsZero() || last || now.Sub(m.pssAt) >= pssStep {
		if memory, err := m.process.Memory(); err == nil && memory.PSS > 0 {
			l.PSS = memory.PSS
		}
		m.pssAt = now
	}
	if m.runtime != nil {
		m.runtime.load(&l)
	}
	return l
}

// runtimeMeter reads what the Go runtime tells of this process, without a stop
// of the world.
type runtimeMeter struct {
	samples []metrics.Sample
	stats   debug.GCStats
}

func newRuntimeMeter() *runtimeMeter {
	m := &runtimeMeter{samples: []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/objects:objects"},
		{Name: "/sched/goroutines:goroutines"},
	}}
	debug.ReadGCStats(&m.stats)
	return m
}

func (m *runtimeMeter) load(l *Load) {
	metrics.Read(m.samples)
	for i, into := range []func(n int64){
		func(n int64) { l.Heap = n },
		func(n int64) { l.HeapObjects = n },
		func(n int64) { l.Goroutines = int(n) },
	} {
		if v := m.samples[i].Value; v.Kind() == metrics.KindUint64 { // else the runtime has no such name any more
			into(int64(v.Uint64()))
		}
	}
	gcs, pauses := m.stats.NumGC, m.stats.PauseTotal
	debug.ReadGCStats(&m.stats)
	l.GCs, l.GCPause = uint64(m.stats.NumGC-gcs), (m.stats.PauseTotal - pauses).Seconds()
}
