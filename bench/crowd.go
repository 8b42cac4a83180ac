package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Crowd opens sessions in steps, all in one room. After each step they rest, with
// nothing but heartbeats, and then broadcasts go to all of them, one at a time, for
// [Options.Duration]. Its operation is one delivery.
//
// The result is of the last step, but for connects and errors, which are all of them; what
// the steps before were, Meet is told.
//
// It is made for several processes that do the same to a server each, in step: see
// Meet. Command scale in folder scale does that.
type Crowd struct {
	Steps []int         // sessions, rising; the same number again is a step, too
	Rest  time.Duration // 0: none
	Size  int           // of the packet that is delivered, in bytes; default [DefaultSize]

	// Meet is called between the parts of the run, which goes on when it returns.
	// What it is told is what has been done since the last call. An error ends the
	// run, and is what Run returns. nil: nobody is met.
	Meet func(ctx context.Context, m Meeting) error
}

// Parts of a [Crowd], in their order. All but the first come once a step.
const (
	CrowdConnect   = "connect"   // sessions are about to be opened
	CrowdRest      = "rest"      // they are open, and about to rest
	CrowdRested    = "rested"    // they have
	CrowdBroadcast = "broadcast" // the first broadcast is about to be sent
	CrowdTold      = "told"      // the last one has come everywhere
)

// A Meeting says what a [Crowd] has done, and what comes next.
type Meeting struct {
	At   string `json:"at"`   // one of the parts
	Step int    `json:"step"` // 0, 1, …

	Conns      int    `json:"connections"` // sessions that are open
	Heartbeats uint64 `json:"heartbeats,omitempty"`
	Deliveries uint64 `json:"deliveries,omitempty"`
	Broadcasts uint64 `json:"broadcasts,omitempty"`
	Errors     uint64 `json:"errors,omitempty"` // of the whole run so far

	// Last is how long broadcasts took to the last receiver.
	Last *Latency `json:"last_receiver,omitempty"`
}

// Name is "crowd".
func (*Crowd) Name() string { return "crowd" }

// Run implements [Scenario].
func (s *Crowd) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(s.Steps) == 0 || !slices.IsSorted(s.Steps) || s.Steps[0] < 1 || s.Steps[len(s.Steps)-1] > 1_000_000 {
		return nil, fmt.Errorf("%w: steps %v: must not fall, from 1 to 1,000,000", ErrUsage, s.Steps)
	}
	if s.Rest < 0 {
		return nil, fmt.Errorf("%w: a duration is negative", ErrUsage)
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	size := s.Size
	if size == 0 {
		size = DefaultSize
	}
	send, err := newSpeech(config, &o, size, false)
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, s, o, s.Steps[len(s.Steps)-1])
	if err != nil {
		return nil, err
	}
	defer r.close()
	c := &crowd{
		Crowd:    s,
		run:      r,
		cast:     newCast(r, send, newEntrance(config, &o), 1, 0),
		readings: make([]reading, o.Loops),
	}
	for step := range s.Steps {
		if err := c.take(step); err != nil {
			return nil, err
		}
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	var delivery, last hist.Histogram
	r.each(func(w *worker) {
		delivery.Merge(&w.latency)
		last.Merge(&w.last)
	})
	res := r.result("delivery", c.delivered)
	res.Parameters["steps"] = s.Steps
	res.Parameters["rest_s"] = s.Rest.Seconds()
	res.Parameters["size"] = size
	res.latency("delivery", &delivery)
	res.latency("last receiver", &last)
	return res, nil
}

// crowd is a run of a [Crowd].
type crowd struct {
	*Crowd
	run       *run
	cast      *cast
	readings  []reading // one a loop
	opened    int
	delivered uint64 // in the last step
}

// take does one step.
func (c *crowd) take(step int) error {
	r := c.run
	if err := c.meet(Meeting{At: CrowdConnect, Step: step}); err != nil {
		return err
	}
	next := c.cast.next.Load()
	if more := c.Steps[step] - c.opened; more > 0 {
		if err := r.open(more, func(w *worker, _ int) member {
			return &listener{cast: c.cast, reading: &c.readings[w.index], seq: sequence{want: next}}
		}); err != nil {
			return err
		}
	}
	c.opened = c.Steps[step]
	c.cast.gather()

	if err := c.meet(Meeting{At: CrowdRest, Step: step}); err != nil {
		return err
	}
	before := c.heartbeats()
	if err := r.sleep(fmt.Sprintf("rest at %d", c.opened), c.Rest); err != nil {
		return err
	}
	if err := c.meet(Meeting{At: CrowdRested, Step: step, Heartbeats: c.heartbeats() - before}); err != nil {
		return err
	}

	if err := c.meet(Meeting{At: CrowdBroadcast, Step: step}); err != nil {
		return err
	}
	told, err := c.tell()
	if err != nil {
		return err
	}
	told.At, told.Step = CrowdTold, step
	return c.meet(told)
}

func (c *crowd) heartbeats() (n uint64) {
	c.run.each(func(w *worker) { n += w.env.Heartbeats })
	return n
}

func (c *crowd) recorded() (n uint64) {
	c.run.each(func(w *worker) { n += w.recorded })
	return n
}

// tell broadcasts for as long as the options say, and waits until the last one has
// come everywhere. All deliveries count.
func (c *crowd) tell() (m Meeting, err error) {
	r := c.run
	broadcasts := c.cast.next.Load()
	r.each(func(w *worker) {
		w.latency, w.last, w.late, w.recorded = hist.Histogram{}, hist.Histogram{}, hist.Histogram{}, 0
	})
	r.watch.begin()
	began := time.Now()
	r.each(func(w *worker) { // everywhere before the first comes
		w.goAhead()
		w.recording = true
	})
	r.each(func(w *worker) {
		if w == c.cast.sender.w {
			c.cast.send()
		}
	})
	err = r.sleep(fmt.Sprintf("broadcast to %d", c.opened), r.options.Duration)
	r.each(func(w *worker) { w.sending = false })
	if err == nil {
		err = r.drain(func(*worker) bool { return c.cast.underWay.Load() > 0 })
	}
	r.elapsed = time.Since(began)
	r.watch.end(nil)
	r.each(func(w *worker) {
		w.recording = false
		for _, m := range w.members {
			if l := m.(*listener); l.counted && l.Live() {
				l.loseAll("not delivered at the end of a step")
			}
		}
	})
	c.delivered = c.recorded()
	var last hist.Histogram
	r.each(func(w *worker) { last.Merge(&w.last) })
	took := newLatency("last receiver", &last)
	took.Curve, took.Histogram = nil, ""
	return Meeting{Deliveries: c.delivered, Broadcasts: uint64(c.cast.next.Load() - broadcasts), Last: &took}, err
}

// meet calls Meet.
func (c *crowd) meet(m Meeting) error {
	if c.Meet == nil {
		return c.run.ctx.Err()
	}
	var tally client.Tally
	c.run.each(func(w *worker) {
		m.Conns += int(w.ready.Load())
		tally.Merge(&w.tally)
	})
	for _, e := range tally.Entries() {
		m.Errors += e.Count
	}
	return c.Meet(c.run.ctx, m)
}
