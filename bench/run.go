package bench

import (
	"context"
	"net/netip"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// A run is one execution of a scenario: the coordinator, on the goroutine that
// called Run, and a worker for each loop.
type run struct {
	ctx      context.Context
	options  Options
	scenario Scenario
	config   *client.Config
	reactor  *reactor.Reactor
	sources  []netip.Addr // empty: the system's choice
	workers  []*worker
	watch    *watch
	recorder *recorder
	started  time.Time
	wanted   int   // sessions
	counts   count // what operations are, where members do not tell them

	elsewhere int // sessions that other processes hold, when the last were opened

	// The window that counts.
	paced       bool // an open loop: durations count from when they were due, not answered
	elapsed     time.Duration
	interrupted bool
}

// count says what a run counts as its operations; a scenario whose members do
// not tell them has a method counts.
type count uint8

const (
	byMember count = iota // what members tell by worker.operation
	connects              // sessions that get ready
	beats                 // heartbeats
)

// redials reports whether s opens sessions over and over.
func redials(s Scenario) bool {
	_, ok := s.(interface{ redials() })
	return ok
}

// redialSources is from how many addresses such a scenario connects, on a loopback.
const redialSources = 4

// newRun checks what can be checked before anything is opened, makes the
// workers and connects once, to fail early with the whole answer.
func newRun(ctx context.Context, s Scenario, o Options, conns int) (*run, error) {
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	if err := checkDescriptors(config.Connections(conns)+64+8*o.Loops, conns, config.Transports.String()); err != nil {
		return nil, err
	}
	sources := o.Sources
	if len(sources) == 0 {
		sources = reactor.LoopbackSources(config.Addr.Addr(), config.Connections(conns))
		if redials(s) { // used ports rest for a while
			sources = reactor.LoopbackSources(config.Addr.Addr(), redialSources*reactor.DefaultSourceShare)
		}
	}
	r := &run{ctx: ctx, options: o, scenario: s, config: config, sources: sources, wanted: conns}
	if c, ok := s.(interface{ counts() count }); ok {
		r.counts = c.counts()
	}
	if r.watch, err = newWatch(&o); err != nil {
		return nil, err
	}
	r.reactor, err = reactor.New(reactor.Config{Loops: o.Loops, Dials: o.Concurrency, DialTimeout: o.Timeout, Sources: sources})
	if err != nil {
		r.watch.stop()
		return nil, err
	}
	for i, l := range r.reactor.Loops() {
		w := &worker{run: r, index: i, loop: l, env: client.NewEnv(config, l), ways: newByTransport(config), interval: new(interval)}
		w.width = max(1, o.Concurrency/o.Loops)
		w.patrol = l.NewTimer(w.lookAround)
		w.pulse = l.NewTimer(w.beat)
		l.Post(w.beat)
		r.workers = append(r.workers, w)
	}
	r.watch.each = r.each
	if _, err := r.meet("begin", 0); err != nil {
		r.watch.stop()
		r.reactor.Close()
		return nil, err
	}
	r.started = time.Now()
	r.recorder = newRecorder(r)
	if err := r.probe(); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// close ends the run's recording, loops and connections.
func (r *run) close() {
	r.recorder.stop()
	r.watch.stop()
	r.reactor.Close()
}

// each runs f on every worker's loop, one after another, and waits.
func (r *run) each(f func(w *worker)) {
	for _, w := range r.workers {
		w.loop.Do(func() { f(w) })
	}
}

// measure lets the workers send, from start on, through warm-up and window, and
// then waits for what is under way as long as pending says there is some.
func (r *run) measure(start, stop func(w *worker), pending func(w *worker) bool) error {
	r.each(func(w *worker) {
		w.goAhead()
		start(w)
	})
	if err := r.sleep("warm-up", r.options.Warmup); err != nil {
		return err
	}
	r.watch.begin()
	r.each(func(w *worker) { w.record(true) })
	began := time.Now()
	err := r.sleep("measure", r.options.Duration)
	r.watch.end(func() {
		r.each(func(w *worker) {
			w.record(false)
			w.sending = false
			if w.pacer != nil {
				w.pacer.stop()
			}
		})
		r.elapsed = time.Since(began)
	})
	r.each(stop)
	if err != nil {
		r.interrupted = true
		return nil
	}
	if err := r.drain(func(w *worker) bool { return w.pacer.behind() }); err != nil {
		return err
	}
	return r.drain(pending)
}

// drain waits for what is under way, at most [Options.Drain].
func (r *run) drain(pending func(w *worker) bool) error {
	for deadline := time.Now().Add(r.options.Drain); time.Now().Before(deadline); {
		more := false
		r.each(func(w *worker) { more = more || pending(w) })
		if !more {
			return nil
		}
		if r.sleep("drain", 5*time.Millisecond) != nil {
			r.interrupted = true
			return nil
		}
	}
	return nil
}

// sleep waits for d in a phase of the run; it returns early with the context's
// error.
func (r *run) sleep(phase string, d time.Duration) error {
	if d <= 0 {
		return r.ctx.Err()
	}
	r.recorder.enter(phase, d)
	t := time.NewTimer(d)
	defer t.Stop()
	var look <-chan time.Time
	if r.options.enough != nil {
		tick := time.NewTicker(lookStep)
		defer tick.Stop()
		look = tick.C
	}
	for {
		select {
		case <-t.C:
			return nil
		case <-look:
			if r.options.enough(r) {
				return nil
			}
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// lookStep is how often Options.enough is asked.
const lookStep = 2 * time.Millisecond

// await waits for n signals in a phase of the run that takes total, 0 if that is
// not known; it returns early with the context's error.
func (r *run) await(phase string, total time.Duration, done <-chan struct{}, n int) error {
	r.recorder.enter(phase, total)
	for range n {
		select {
		case <-done:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
	return nil
}

// progressStep is how often progress is told.
const progressStep = 500 * time.Millisecond
