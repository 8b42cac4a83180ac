package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Connect opens sessions, from TCP to the answer to CONNECT, with at most
// [Options.Concurrency] handshakes in flight.
//
// With Hold it opens [Options.Conns] of them once and keeps them to the end; the
// window is from the first dial to the last answer, there is no warm-up, and its
// operation is one connect. Otherwise each of Concurrency clients connects, says
// goodbye as the official client does, waits for the server to close, and begins
// anew; its operation is one such cycle.
type Connect struct {
	Hold bool

	// Cycles ends the run after so many cycles in place of [Options.Duration];
	// then there is no warm-up, and the server's memory at the end is compared
	// with that after the first tenth. 0: by time. Not with Hold.
	Cycles int
}

// Name is "connect" or "connect and hold".
func (c *Connect) Name() string {
	if c.Hold {
		return "connect and hold"
	}
	return "connect"
}

// counts is what newRun asks.
func (c *Connect) counts() count {
	if c.Hold {
		return connects
	}
	return byMember
}

// redials says that sessions are opened over and over.
func (*Connect) redials() {}

// Run implements [Scenario].
func (c *Connect) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Cycles < 0 || c.Cycles > 0 && c.Hold {
		return nil, fmt.Errorf("%w: %d cycles: must be positive, and not with hold", ErrUsage, c.Cycles)
	}
	conns := o.Concurrency
	if c.Hold {
		conns = o.Conns
	}
	r, err := newRun(ctx, c, o, conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if c.Hold {
		return c.hold(r)
	}
	return c.cycle(r)
}

// hold opens all and keeps them.
func (c *Connect) hold(r *run) (*Result, error) {
	before := r.ownMemory()
	r.watch.begin()
	began := time.Now()
	err := r.open(r.wanted, func(*worker, int) member { return &holder{} })
	r.elapsed = time.Since(began)
	r.watch.end(nil)
	if err != nil {
		return nil, err
	}
	own := r.ownMemory() - before
	var n, held uint64
	r.each(func(w *worker) {
		n += w.connect.Count()
		held += uint64(w.ready.Load())
	})
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	res := r.result("connect", n)
	res.Parameters["connections"] = r.wanted
	res.Parameters["concurrency"] = r.options.Concurrency
	connectMetrics(r, res)
	if held > 0 {
		res.Metrics = append(res.Metrics, Metric{Name: clientMemory, Unit: "B", Value: max(0, float64(own)/float64(held))})
	}
	return res, nil
}

// connectMetrics adds the latency of the connects as metrics; as a distribution
// it is there already.
func connectMetrics(r *run, res *Result) {
	var connect hist.Histogram
	r.each(func(w *worker) { connect.Merge(&w.connect) })
	if connect.Count() > 0 {
		res.Metrics = append(res.Metrics,
			Metric{Name: "connect p50", Unit: "us", Value: us(connect.Quantile(0.5))},
			Metric{Name: "connect p99", Unit: "us", Value: us(connect.Quantile(0.99))})
	}
	res.throughput()
}

// holder is a session that only is.
type holder struct{ peer }

// cycle connects and disconnects over and over.
func (c *Connect) cycle(r *run) (*Result, error) {
	var tickets atomic.Int64
	tickets.Store(math.MaxInt64)
	revolve := make([]*carousel, len(r.workers))
	for i, w := range r.workers {
		revolve[i] = &carousel{worker: w, tickets: &tickets}
	}
	start := func(w *worker) { revolve[w.index].start() }
	pending := func(w *worker) bool { return revolve[w.index].turning > 0 }

	memoryTenth := int64(0)
	if c.Cycles > 0 {
		memoryTenth = c.count(r, &tickets, start, pending)
	} else if err := r.measure(start, func(*worker) {}, pending); err != nil {
		return nil, err
	}
	var cycle hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		cycle.Merge(&w.latency)
		n += w.recorded
	})
	res := r.result("cycle", n)
	res.Parameters["concurrency"] = r.options.Concurrency
	if c.Cycles > 0 {
		res.Parameters["cycles"] = c.Cycles
	}
	connectMetrics(r, res)
	res.latency("cycle", &cycle)
	if memoryTenth > 0 && res.Server != nil {
		res.Metrics = append(res.Metrics, Metric{Name: "RSS growth after the first tenth", Unit: "B", Value: float64(res.Server.RSSAfter - memoryTenth)})
	}
	return res, nil
}

// settle is how long the server is left alone before its memory counts.
const settle = 2 * time.Second

// count runs a number of cycles, with a look at the server's memory after the
// first tenth and at the end.
func (c *Connect) count(r *run, tickets *atomic.Int64, start func(*worker), pending func(*worker) bool) (memoryTenth int64) {
	first := max(1, c.Cycles/10)
	r.watch.begin()
	began := time.Now()
	var paused time.Duration
	for leg, cycles := range []int{first, c.Cycles - first} {
		tickets.Store(int64(cycles))
		r.each(func(w *worker) {
			w.sending, w.recording = true, true
			start(w)
		})
		for !r.interrupted && !idle(r, pending) {
			r.interrupted = r.sleep("measure", 2*time.Millisecond) != nil
		}
		r.each(func(w *worker) { w.sending = false })
		if r.interrupted {
			break
		}
		if leg == 0 {
			stop := time.Now()
			r.interrupted = r.sleep("settle", settle) != nil
			memoryTenth = r.watch.memory().RSS
			paused = time.Since(stop)
			r.watch.paused = paused
		}
	}
	r.elapsed = time.Since(began) - paused
	r.watch.end(nil)
	if !r.interrupted {
		r.interrupted = r.sleep("settle", settle) != nil
		r.watch.memoryEnd = r.watch.memory()
	}
	return memoryTenth
}

// idle says whether nobody is under way any more.
func idle(r *run, pending func(*worker) bool) bool {
	more := false
	r.each(func(w *worker) { more = more || pending(w) })
	return !more
}

// carousel is the clients of one loop.
type carousel struct {
	*worker
	tickets *atomic.Int64 // cycles that may yet begin, over all loops
	turning int           // clients under way
	failed  int           // in a row
}

// start sends every client of the loop on its way.
func (c *carousel) start() {
	if c.members == nil {
		for range c.width {
			rider := &rider{carousel: c}
			rider.w, rider.id = c.worker, len(c.members)*len(c.run.workers)+c.index
			c.members = append(c.members, rider)
		}
	}
	for _, m := range c.members {
		m.(*rider).begin()
	}
}

// rider is one client that comes and goes.
type rider struct {
	peer
	carousel *carousel
}

// begin connects, if there is a ticket left.
func (r *rider) begin() {
	if r.carousel.tickets.Add(-1) < 0 {
		return
	}
	r.carousel.turning++
	r.started = r.w.loop.Now()
	r.StartWith(r.w.env, r, client.Start{ID: r.id})
}

func (r *rider) Ready(*client.Session) {
	if r.w.recording {
		r.w.connected(&r.peer)
	}
	r.Goodbye()
}

// maxFailures in a row end a loop's cycles: the server is gone.
const maxFailures = 1000

func (r *rider) Closed(_ *client.Session, err error) {
	c := r.carousel
	c.turning--
	if err != nil {
		r.w.failError(err)
		var e *client.Error
		if c.failed++; c.failed > maxFailures || errors.As(err, &e) && (e.Name == client.Descriptors || e.Name == client.SourcePorts) {
			return
		}
	} else {
		c.failed = 0
		r.w.operation(r.w.loop.Now() - r.started)
	}
	if r.w.sending {
		r.begin()
	}
}
