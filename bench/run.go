package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
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
		if _, ok := s.(interface{ redials() }); ok { // used ports rest for a while
			sources = reactor.LoopbackSources(config.Addr.Addr(), 4*reactor.DefaultSourceShare)
		}
	}
	r := &run{ctx: ctx, options: o, scenario: s, config: config, wanted: conns}
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

// probe connects one session and says goodbye.
func (r *run) probe() error {
	p := &probe{over: make(chan error, 1)}
	w := r.workers[0]
	w.loop.Post(func() { p.Start(w.env, p) })
	select {
	case err := <-p.over:
		var e *client.Error
		if errors.As(err, &e) && e.Name == client.GoodbyeLate {
			return nil // the run will count such
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.options.URL, err)
		}
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

type probe struct {
	client.Session
	over chan error
}

func (p *probe) Ready(*client.Session)               { p.Goodbye() }
func (p *probe) Text(*client.Session, []byte)        {}
func (p *probe) Binary(*client.Session, []byte)      {}
func (p *probe) Closed(_ *client.Session, err error) { p.over <- err }

// each runs f on every worker's loop, one after another, and waits.
func (r *run) each(f func(w *worker)) {
	for _, w := range r.workers {
		w.loop.Do(func() { f(w) })
	}
}

// A member is one session of a scenario, in the scenario's own type.
type member interface {
	client.Handler
	base() *peer
}

// peer is what all members have. Loop only.
type peer struct {
	client.Session
	w       *worker
	id      int           // 0, 1, … over the whole run
	started time.Duration // of the handshake
	opening bool          // counts in w.opening
	live    bool          // counts in w.ready
}

func (p *peer) base() *peer { return p }

// worker is what one loop of a run owns.
type worker struct {
	run     *run
	index   int
	loop    *reactor.Loop
	env     *client.Env
	members []member

	// Opening and goodbyes, at most width at a time.
	width    int
	opening  int
	next     int // index into members
	settled  func()
	greeting bool           // else taking leave
	patrol   *reactor.Timer // over openings, and what is sent

	// The window, and its ends on the loop's clock.
	sending   bool
	recording bool
	from      time.Duration
	until     time.Duration

	tally     client.Tally
	connect   hist.Histogram // TCP to CONNECT answer
	ways      byTransport    // the same by transport
	latency   hist.Histogram
	lag       hist.Histogram // send lag of an open loop
	last      hist.Histogram // last receiver of a broadcast
	recorded  uint64         // operations in the window
	respelled uint64         // answers that mean the same, in other bytes
	interval  *interval      // since the last sample; the recorder swaps it
	late      hist.Histogram // of pulse, in the window
	watched   bool           // the window, as the watch has it: from begin to end
	cpuBegin  time.Duration  // of the loop
	cpuEnd    time.Duration
	pulse     *reactor.Timer // every pulseStep, to see how late the loop is
	pulseAt   time.Duration  // when it is due
	heartbeat uint64         // how many of env.Heartbeats are in done, where beats count

	counters
}

// fail counts an error. Loop only.
func (w *worker) fail(name, detail string) { w.failN(name, detail, 1) }

func (w *worker) failN(name, detail string, n uint64) {
	w.tally.AddN(name, detail, n)
	w.errors.Add(n)
}

func (w *worker) failError(err error) {
	if err != nil {
		w.tally.AddError(err)
		w.errors.Add(1)
	}
}

// operation counts an operation that took d. Loop only.
func (w *worker) operation(d time.Duration) {
	w.done.Add(1)
	w.interval.latency.Record(d)
	if w.recording {
		w.recorded++
	}
	if w.counts(d) {
		w.latency.Record(d)
	}
	if late := w.run.options.Late; late > 0 && d > late && (w.recording || !w.sending) {
		w.fail(Late, fmt.Sprintf("%v", d.Round(time.Microsecond)))
	}
}

// counts reports whether a duration that ends now is one of the window's: in a closed
// loop what ends in it, in an open one what was due in it, however late it comes.
// Otherwise a server that stands still at the end would be seen only by what it has
// answered before. Loop only.
func (w *worker) counts(d time.Duration) bool {
	if !w.run.paced {
		return w.recording
	}
	due := w.loop.Now() - d
	return due >= w.from && (w.recording || due < w.until)
}

// record begins the window, or ends it. Loop only.
func (w *worker) record(on bool) {
	w.recording = on
	if on {
		w.from, w.until = w.loop.Clock(), 0
	} else {
		w.until = w.loop.Clock()
	}
}

// pulseStep is the time between two looks at how late a loop is.
const pulseStep = 10 * time.Millisecond

// beat is what pulse runs.
func (w *worker) beat() {
	now := w.loop.Clock()
	if w.pulseAt > 0 {
		w.interval.late.Record(now - w.pulseAt)
		if w.watched {
			w.late.Record(now - w.pulseAt)
		}
	}
	w.pulseAt = now + pulseStep
	w.pulse.Arm(w.pulseAt)
}

// surrender gives the recorder what was seen since it last asked, for an empty
// interval. Loop only.
func (w *worker) surrender(empty *interval) *interval {
	if w.run.counts == beats {
		w.done.Add(w.env.Heartbeats - w.heartbeat)
		w.heartbeat = w.env.Heartbeats
	}
	full := w.interval
	w.interval = empty
	return full
}

// sentLate counts that a message of an open loop was sent d after it was due.
// Loop only.
func (w *worker) sentLate(d time.Duration) {
	w.interval.lag.Record(d)
	if w.recording {
		w.lag.Record(d)
	}
}

// open starts n members, made by make with their id, and returns when each is
// open or has failed; it is an error if none is open. Ids go on over several
// calls. A member tells by w.opened, or by w.closed, that it is.
func (r *run) open(n int, create func(w *worker, id int) member) error {
	r.enlist(n, create)
	before := r.ready()
	done := make(chan struct{}, len(r.workers))
	for _, w := range r.workers {
		w.loop.Post(func() {
			w.settled = func() { done <- struct{}{} }
			w.armPatrol()
			w.advance()
		})
	}
	if err := r.await("connect", 0, done, len(r.workers)); err != nil {
		return err
	}
	if r.ready() <= before {
		return r.worst()
	}
	own := r.ready()
	all, err := r.meet("connected", own)
	r.elsewhere = int(all - own)
	return err
}

// ready is the number of sessions that are open.
func (r *run) ready() (n int64) {
	for _, w := range r.workers {
		n += w.ready.Load()
	}
	return n
}

// enlist makes n members as open does, and starts none.
func (r *run) enlist(n int, create func(w *worker, id int) member) {
	first := 0
	for _, w := range r.workers {
		w.loop.Do(func() { first += len(w.members) })
	}
	for i, w := range r.workers {
		w.loop.Do(func() {
			w.next, w.greeting = len(w.members), true
			for id := first + i; id < first+n; id += len(r.workers) {
				m := create(w, id)
				*m.base() = peer{w: w, id: id}
				w.members = append(w.members, m)
			}
		})
	}
}

// worst is the most frequent error as an error of the whole run.
func (r *run) worst() error {
	var all client.Tally
	r.each(func(w *worker) { all.Merge(&w.tally) })
	entries := all.Entries()
	if len(entries) == 0 {
		return errors.New("no session could be opened")
	}
	name := slices.MaxFunc(slices.Sorted(maps.Keys(entries)), func(a, b string) int {
		return int(min(entries[a].Count, 1<<30)) - int(min(entries[b].Count, 1<<30))
	})
	return &client.Error{Name: name, Detail: entries[name].Example}
}

// advance keeps width handshakes or goodbyes in flight, and tells when all are
// done.
func (w *worker) advance() {
	for w.opening < w.width && w.next < len(w.members) {
		m := w.members[w.next]
		w.next++
		p := m.base()
		if w.greeting {
			w.opening++
			p.opening = true
			p.started = w.loop.Now()
			p.StartWith(w.env, m, client.Start{ID: p.id})
		} else if p.Live() {
			w.opening++
			p.opening = true
			p.Goodbye()
		} else {
			p.Abort()
		}
	}
	if w.opening == 0 && w.next == len(w.members) && w.settled != nil {
		settled := w.settled
		w.settled = nil
		settled()
	}
}

// opened is told by a member that it is all that the scenario wants of it.
func (w *worker) opened(p *peer) {
	p.live = true
	w.ready.Add(1)
	if p.opening {
		p.opening = false
		w.opening--
		w.advance()
	}
}

// connected is told by a member in its Ready, before opened.
func (w *worker) connected(p *peer) {
	d := w.loop.Now() - p.started
	w.connect.Record(d)
	w.ways.record(p.Transport(), d)
	if w.run.counts != byMember {
		w.interval.latency.Record(d)
	}
	if w.run.counts == connects {
		w.done.Add(1)
	}
}

// closed is told by a member in its Closed.
func (w *worker) closed(p *peer, err error) {
	w.failError(err)
	if p.live {
		p.live = false
		w.ready.Add(-1)
	}
	if p.opening {
		p.opening = false
		w.opening--
		w.advance()
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
		})
		r.elapsed = time.Since(began)
	})
	r.each(stop)
	if err != nil {
		r.interrupted = true
		return nil
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

// goodbye ends all sessions, politely if the run was not interrupted.
func (r *run) goodbye() error {
	if r.interrupted || r.ctx.Err() != nil {
		return nil
	}
	done := make(chan struct{}, len(r.workers))
	for _, w := range r.workers {
		w.loop.Post(func() {
			w.next, w.greeting = 0, false
			w.settled = func() { done <- struct{}{} }
			w.advance()
		})
	}
	err := r.await("goodbye", 0, done, len(r.workers))
	if errors.Is(err, context.Canceled) {
		r.interrupted = true
		return nil
	}
	return err
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
	select {
	case <-t.C:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

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
