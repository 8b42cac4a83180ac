package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Echo sends messages on every connection and has them answered. Its operation
// is one answer.
//
// In a closed loop each connection keeps Depth messages under way and sends the
// next as an answer comes; answers that come together are followed by messages
// that go together. In an open loop (Rate above 0) messages are due at fixed
// times, one connection after another, whatever comes back.
type Echo struct {
	Kind  Kind
	Depth int // default 1
	Rate  float64

	// Think is how long a closed loop waits after an answer before it sends the next
	// message in its place. Latency is of the messages alone. Default: not at all.
	Think time.Duration

	// Size of the whole packet as it stands in a WebSocket frame, in bytes, each
	// way if the events there and back are called the same; of the attachment
	// alone for Binary; without meaning for Object. Default [DefaultSize].
	Size int
}

// Name is "echo" and the kind.
func (e *Echo) Name() string {
	if e.Kind == "" || e.Kind == Event {
		return "echo"
	}
	return "echo " + string(e.Kind)
}

// Run implements [Scenario].
func (e *Echo) Run(ctx context.Context, o Options) (*Result, error) {
	s := *e
	if s.Kind == "" {
		s.Kind = Event
	}
	if s.Depth == 0 {
		s.Depth = 1
	}
	if s.Size == 0 {
		s.Size = DefaultSize
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if s.Depth < 1 || s.Depth > maxWaiting {
		return nil, fmt.Errorf("%w: depth %d: must be 1 to %d", ErrUsage, s.Depth, maxWaiting)
	}
	if err := checkRate(s.Rate); err != nil {
		return nil, err
	}
	if s.Think < 0 || s.Think > 0 && s.Rate > 0 {
		return nil, fmt.Errorf("%w: time to think %v: must be 0 or more, and is for closed loops", ErrUsage, s.Think)
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	talks, err := newTalks(config.Namespace, s.Kind, s.Size, "", s.Depth, &o)
	if err != nil {
		return nil, err
	}

	r, err := newRun(ctx, e, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	talkers := make([]*echoWorker, o.Loops)
	for i, w := range r.workers {
		talks[i].paced = s.Rate > 0
		talkers[i] = &echoWorker{worker: w, echo: &s, talk: talks[i]}
		talkers[i].pacer = newPacer(w, talkers[i].due)
		talkers[i].thinkers = newAgenda(w.loop)
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &echoer{loop: talkers[w.index]}
	}); err != nil {
		return nil, err
	}
	r.paced = s.Rate > 0
	err = r.measure(
		func(w *worker) { talkers[w.index].start() },
		func(w *worker) { talkers[w.index].stop() },
		func(w *worker) bool { return talks[w.index].waiting > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		for _, t := range talkers {
			t.loop.Do(t.countLost)
		}
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return s.result(r), nil
}

func (e *Echo) result(r *run) *Result {
	var latency, service, lag hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		latency.Merge(&w.latency)
		service.Merge(&w.service)
		lag.Merge(&w.lag)
		n += w.recorded
	})
	res := r.result("echo", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["kind"] = string(e.Kind)
	if e.Kind != Object {
		res.Parameters["size"] = e.Size
	}
	res.latency("echo", &latency)
	if e.Rate > 0 {
		res.latency("echo service", &service)
		res.paced(e.Rate, n, &lag)
	} else {
		res.Parameters["depth"] = e.Depth
		if e.Think > 0 {
			res.Parameters["think"] = e.Think.String()
		}
	}
	res.throughput()
	return res
}

// echoWorker is what the sessions of one loop share.
type echoWorker struct {
	*worker
	talk *talk
	echo *Echo

	thinkers *agenda // of a closed loop: who will send again, once for each message

	// The open loop.
	pacer *pacer
	turn  int // index into members
}

// start begins to send.
func (t *echoWorker) start() {
	if t.echo.Rate > 0 {
		t.pacer.start(t.echo.Rate, t.index, len(t.run.workers))
		return
	}
	for _, m := range t.members {
		e := m.(*echoer)
		if e.Live() {
			e.begin(&e.peer, t.talk)
		}
	}
}

// stop ends the sending.
func (t *echoWorker) stop() {
	t.pacer.stop()
	t.thinkers.clear()
}

// due sends a message of the open loop; it says false if nobody is left to.
func (t *echoWorker) due(at time.Duration) bool {
	e := t.nextReady()
	if e != nil {
		e.send(&e.peer, t.talk, at)
	}
	return e != nil
}

// nextReady is the next member in turn that is ready, nil if none is.
func (t *echoWorker) nextReady() *echoer {
	for range t.members {
		if t.turn++; t.turn >= len(t.members) {
			t.turn = 0
		}
		if e := t.members[t.turn].(*echoer); e.Live() {
			return e
		}
	}
	return nil
}

// countLost counts what has not come.
func (t *echoWorker) countLost() {
	for _, m := range t.members {
		if e := m.(*echoer); e.Live() {
			e.lose(&e.peer, t.talk, "no answer at the end")
		}
	}
}

// echoer is one session.
type echoer struct {
	peer
	exchange
	loop *echoWorker
}

func (e *echoer) Text(_ *client.Session, packet []byte) {
	e.answered(e.text(&e.peer, e.loop.talk, packet))
}

func (e *echoer) Binary(_ *client.Session, data []byte) {
	e.answered(e.binary(&e.peer, e.loop.talk, data))
}

// giveUp implements [patient]: nothing of an open loop waits for an answer.
func (e *echoer) giveUp() {
	if e.loop.echo.Rate == 0 && e.Live() {
		for range e.exchange.giveUp(&e.peer, e.loop.talk) {
			e.send(&e.peer, e.loop.talk, e.w.loop.Now())
		}
	}
}

// answered takes what text and binary say.
func (e *echoer) answered(took time.Duration, ok bool) {
	if !ok {
		return
	}
	if took >= 0 {
		e.w.operation(took)
	}
	switch t := e.loop; {
	case !e.w.sending || t.echo.Rate > 0:
	case t.echo.Think > 0:
		t.thinkers.add(e.w.loop.Clock()+t.echo.Think, e)
	default:
		e.send(&e.peer, t.talk, e.w.loop.Now())
	}
}

// called implements [caller]: it has thought.
func (e *echoer) called(time.Duration) {
	if e.w.sending && e.Live() {
		e.send(&e.peer, e.loop.talk, e.w.loop.Clock())
	}
}

func (e *echoer) Closed(_ *client.Session, err error) {
	if e.live {
		e.lose(&e.peer, e.loop.talk, "closed without answer")
	}
	e.w.closed(&e.peer, err)
}
