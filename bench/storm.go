package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Storm has very many clients connect at a time: all [Options.Conns] at once, or
// at Rate. With Reconnect they are connected and held for [Options.Warmup] first,
// then a share of them is cut off without a word, and comes back.
//
// A client that is refused, or not answered in time, tries again as the official
// client does: after 1 s, then after twice as long each time up to 5 s, each
// varied at random by up to half. After a cut the first attempt waits as well.
// Its operation is one client that is connected, or back. Attempts that have
// failed are told apart and are no errors; a client that is not there after
// Within is one.
type Storm struct {
	Reconnect bool
	Cut       float64 // share that is cut off, more than 0 to 1; default 1
	AtOnce    bool    // no first attempt waits, and those after a failure 100 ms

	// Rate is how many clients begin to connect per second; latency counts from
	// when they were due. 0: all at once. Not with Reconnect.
	Rate float64

	Within time.Duration // default [DefaultWithin]
	Seed   uint64        // of what is random

	first int // number of the first client, where there are other processes
}

// DefaultWithin is the default of [Storm.Within].
const DefaultWithin = time.Minute

// NotBack counts clients that are not connected at the end of a [Storm].
const NotBack = "not connected in time"

// failedAttempts is the metric of the attempts that were made again.
const failedAttempts = "failed attempts"

// Name is "connect storm" or "reconnect storm".
func (s *Storm) Name() string {
	if s.Reconnect {
		return "reconnect storm"
	}
	return "connect storm"
}

// redials says that sessions are opened over and over.
func (*Storm) redials() {}

func (s *Storm) withDefaults() (Storm, error) {
	c := *s
	if c.Cut == 0 {
		c.Cut = 1
	}
	if c.Within == 0 {
		c.Within = DefaultWithin
	}
	switch {
	case !(c.Cut > 0 && c.Cut <= 1):
		return c, fmt.Errorf("%w: cut %v: must be more than 0, and at most 1", ErrUsage, c.Cut)
	case c.Within < 0:
		return c, fmt.Errorf("%w: a duration is negative", ErrUsage)
	case c.Rate != 0 && c.Reconnect:
		return c, fmt.Errorf("%w: who is cut off comes back by its own clock, not at a rate", ErrUsage)
	}
	return c, checkRate(c.Rate)
}

// Estimate implements [Estimator].
func (s *Storm) Estimate(o Options) time.Duration {
	switch {
	case s.Reconnect:
		return 2*guessOpen(o.Conns) + o.Warmup + 2*time.Second
	case s.Rate > 0:
		return time.Duration(float64(o.Conns) / s.Rate * float64(time.Second))
	}
	return guessOpen(o.Conns)
}

// Run implements [Scenario].
func (s *Storm) Run(ctx context.Context, o Options) (*Result, error) {
	c, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	width := max(1, o.Concurrency/o.Loops)
	o.Concurrency = o.Conns // the storm's own dials are not held back
	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	weather := &weather{storm: &c, calm: make(chan struct{})}
	gales := make([]*gale, o.Loops)
	for i, w := range r.workers {
		gales[i] = &gale{
			worker: w, weather: weather, agenda: newAgenda(w.loop), failed: map[string]uint64{},
			random: rand.New(rand.NewPCG(c.Seed, uint64(o.Proc)<<32|uint64(i))),
		}
		w.width = width
	}
	create := func(w *worker, _ int) member { return &mariner{gale: gales[w.index]} }
	if c.Reconnect {
		if err := r.open(o.Conns, create); err != nil {
			return nil, err
		}
		if err := r.sleep("hold", o.Warmup); err != nil {
			return nil, err
		}
	} else {
		r.enlist(o.Conns, create)
	}

	if _, err := r.meet("storm", 0); err != nil {
		return nil, err
	}
	r.watch.begin()
	began := time.Now()
	weather.left.Store(1) // until all have begun
	r.each(func(w *worker) {
		w.recording = true
		gales[w.index].rise()
	})
	weather.settled()
	r.recorder.enter("storm", c.Within)
	limit := time.NewTimer(c.Within)
	defer limit.Stop()
	select {
	case <-weather.calm:
	case <-limit.C:
	case <-ctx.Done():
		r.interrupted = true
	}
	if !r.interrupted {
		if _, err := r.meet("calm", 0); err != nil { // it is over when it is for all
			if r.interrupted = ctx.Err() != nil; !r.interrupted {
				return nil, err
			}
		}
	}
	r.elapsed = time.Since(began)
	r.watch.end(nil)
	r.each(func(w *worker) {
		w.recording = false
		gales[w.index].end(!r.interrupted)
	})
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return c.result(r, gales), nil
}

func (s *Storm) result(r *run, gales []*gale) *Result {
	var until hist.Histogram
	var n, attempts uint64
	failed := map[string]uint64{}
	r.each(func(w *worker) {
		until.Merge(&w.latency)
		n += w.recorded
		for name, count := range gales[w.index].failed {
			failed[name] += count
			attempts += count
		}
	})
	operation, there := "connect", "connected"
	if s.Reconnect {
		operation, there = "reconnect", "back"
	}
	res := r.result(operation, n)
	res.Parameters["connections"] = r.options.Conns
	if s.Reconnect {
		res.Parameters["cut"] = s.Cut
		res.Parameters["at_once"] = s.AtOnce
	} else if s.Rate > 0 {
		res.Parameters["rate"] = s.Rate
	}
	res.Metrics = append(res.Metrics,
		Metric{Name: "time until the last is " + there, Unit: "s", Value: res.Elapsed},
		Metric{Name: failedAttempts, Value: float64(attempts)})
	res.latency("until "+there, &until)
	connectMetrics(r, res)
	res.Retried = failed
	res.warnRetried()
	return res
}

// warnRetried is how the warning about failed attempts begins.
const warnRetried = "attempts failed and were made again"

func (res *Result) warnRetried() {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(res.Retried)) {
		list = append(list, fmt.Sprintf("%d × %s", res.Retried[name], name))
	}
	if len(list) > 0 {
		res.Warnings = append(res.Warnings, warnRetried+": "+strings.Join(list, ", "))
	}
}

// weather is a storm over all loops.
type weather struct {
	storm *Storm
	left  atomic.Int64 // clients that are not there yet
	calm  chan struct{}
}

// settled counts a client off. Any goroutine.
func (w *weather) settled() {
	if w.left.Add(-1) == 0 {
		close(w.calm)
	}
}

// gale is the storm on one loop.
type gale struct {
	*worker
	weather *weather
	agenda  *agenda
	random  *rand.Rand
	failed  map[string]uint64 // attempts, by the error's name
}

// rise sends everyone on the way.
func (g *gale) rise() {
	s, now := g.weather.storm, g.loop.Clock()
	for _, member := range g.members {
		m := member.(*mariner)
		switch {
		case !s.Reconnect:
			due := now
			if s.Rate > 0 {
				due += time.Duration(float64(m.id) / s.Rate * float64(time.Second))
			}
			m.embark(due)
		case m.Live() && s.cuts(m.id):
			m.Abort()
			m.live = false
			g.ready.Add(-1)
			m.embark(now)
		}
	}
}

// cuts reports whether the client with this number in the process is cut off: the share
// is of the clients of all.
func (s *Storm) cuts(id int) bool {
	id += s.first
	return int(float64(id+1)*s.Cut) > int(float64(id)*s.Cut)
}

// backoff is how long the official client waits for the time with this number, the
// first being 0; it varies first and bounds then. Source: the options reconnectionDelay,
// reconnectionDelayMax and randomizationFactor of its Manager.
func (g *gale) backoff(attempt int) time.Duration {
	const first, most = time.Second, 5 * time.Second
	if g.weather.storm.AtOnce {
		return 100 * time.Millisecond
	}
	d := float64(first << min(attempt, 10))
	return min(most, time.Duration(d*(0.5+g.random.Float64())))
}

// end stops all attempts, and counts who is not there if that is not the
// caller's doing.
func (g *gale) end(count bool) {
	g.agenda.clear()
	for _, member := range g.members {
		m := member.(*mariner)
		if !m.storming {
			continue
		}
		m.storming = false
		m.Abort()
		if count {
			g.fail(NotBack, fmt.Sprintf("connection %d: %d attempts failed within %s", m.id, m.attempt, briefly(g.weather.storm.Within)))
		}
	}
}

// mariner is one client.
type mariner struct {
	peer
	gale     *gale
	begun    time.Duration // when it was cut off, or due
	attempt  int           // that failed
	waits    int           // before an attempt
	storming bool          // on its way
}

// embark begins the storm for this client, which was cut off or is due at begun. Who
// was cut off waits before the first attempt.
func (m *mariner) embark(begun time.Duration) {
	m.gale.weather.left.Add(1)
	m.storming, m.begun, m.attempt, m.waits = true, begun, 0, 0
	if s := m.gale.weather.storm; s.Reconnect && !s.AtOnce {
		begun += m.wait()
	}
	m.gale.agenda.add(begun, m)
}

// wait is how long this client waits before its next attempt.
func (m *mariner) wait() time.Duration {
	m.waits++
	return m.gale.backoff(m.waits - 1)
}

// called makes the next attempt.
func (m *mariner) called(at time.Duration) {
	m.started = at
	m.StartWith(m.w.env, m, client.Start{ID: m.id})
}

func (m *mariner) Ready(*client.Session) {
	if m.storming {
		m.storming = false
		m.w.connected(&m.peer)
		m.w.operation(m.w.loop.Now() - m.begun)
		m.gale.weather.settled()
	}
	m.w.opened(&m.peer)
}

func (m *mariner) Closed(_ *client.Session, err error) {
	if !m.storming {
		m.w.closed(&m.peer, err)
		return
	}
	var e *client.Error
	if errors.As(err, &e) && mayRetry[e.Name] {
		m.gale.failed[e.Name]++
		m.attempt++
		m.gale.agenda.add(m.w.loop.Now()+m.wait(), m)
		return
	}
	m.storming = false
	m.w.closed(&m.peer, err)
	m.gale.weather.settled()
}

// mayRetry are the errors of a connect that the official client tries again
// after: the server did not answer, or with other than a session. What breaks the
// protocol, or is the generator's own want, is an error.
var mayRetry = map[string]bool{
	client.Refused: true, client.ConnectTimeout: true, client.HandshakeLate: true, client.Reset: true,
	client.ClosedByServer: true, client.Denied: true, client.HTTPStatus: true, client.NotSocketIO: true,
}
