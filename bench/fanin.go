package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// FanIn has many senders and few collectors: each collector is alone in a room,
// and each connection sends to the room of its collector. Its operation is one
// event that has arrived at its collector.
//
// In a closed loop each sender keeps InFlight events under way, of whose arrival
// the collector tells it inside this process: the server is asked for nothing
// else. In an open loop (Rate above 0) events are due at fixed times, one sender
// after another.
type FanIn struct {
	Collectors int // beside [Options.Conns] senders; default 1
	InFlight   int // default 1
	Rate       float64
	Size       int // of the packet that is delivered, in bytes; default [DefaultSize]

	first int // number of the first collector's room, where there are other processes
}

// Name is "fan-in".
func (*FanIn) Name() string { return "fan-in" }

// Run implements [Scenario].
func (s *FanIn) Run(ctx context.Context, o Options) (*Result, error) {
	f := *s
	if f.Collectors == 0 {
		f.Collectors = 1
	}
	if f.InFlight == 0 {
		f.InFlight = 1
	}
	if f.Size == 0 {
		f.Size = DefaultSize
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if f.Collectors < 1 || f.Collectors > o.Conns {
		return nil, fmt.Errorf("%w: %d collectors: must be 1 to the number of connections, %d", ErrUsage, f.Collectors, o.Conns)
	}
	if f.InFlight < 1 || f.InFlight > maxInFlight {
		return nil, fmt.Errorf("%w: %d events in flight: must be 1 to %d", ErrUsage, f.InFlight, maxInFlight)
	}
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	funnels := make([]*funnel, o.Loops)
	for i := range funnels {
		sp, err := newSpeech(config, &o, f.Size, true)
		if err != nil {
			return nil, err
		}
		funnels[i] = &funnel{fanin: &f, speech: sp, entrance: newEntrance(config, &o)}
	}

	r, err := newRun(ctx, s, o, f.Collectors+o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	collected := make([]*collector, f.Collectors)
	for i := range collected {
		n := (o.Conns - i + f.Collectors - 1) / f.Collectors
		collected[i] = &collector{index: i, from: make([]sequence, n), old: make([]marks, n)}
	}
	senders := make([]*sender, o.Conns)
	for i, w := range r.workers {
		funnels[i].worker, funnels[i].senders = w, senders
		funnels[i].pacer = newPacer(w, funnels[i].due)
	}
	if err := r.open(f.Collectors, func(w *worker, id int) member {
		collected[id].funnel = funnels[w.index]
		return collected[id]
	}); err != nil {
		return nil, err
	}
	if err := r.open(o.Conns, func(w *worker, id int) member {
		place := id - f.Collectors
		m := &sender{funnel: funnels[w.index], place: place, to: collected[place%f.Collectors]}
		funnels[w.index].own = append(funnels[w.index].own, m)
		senders[place] = m
		return m
	}); err != nil {
		return nil, err
	}
	missing := func(w *worker, closed bool) (n uint64) {
		for _, c := range collected {
			if c.w == w && c.gone.Load() == closed {
				n += c.missing()
			}
		}
		return n
	}
	r.paced = s.Rate > 0
	err = r.measure(
		func(w *worker) { funnels[w.index].start() },
		func(w *worker) { funnels[w.index].pacer.stop() },
		func(w *worker) bool { return missing(w, false) > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			w.failN(Lost, "events that had not arrived at the end", missing(w, false))
			w.failN(Lost, "events for a collector that was closed", missing(w, true))
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return f.result(r), nil
}

func (s *FanIn) result(r *run) *Result {
	var arrival, service, lag hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		arrival.Merge(&w.latency)
		service.Merge(&w.service)
		lag.Merge(&w.lag)
		n += w.recorded
	})
	res := r.result("delivery", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["collectors"] = s.Collectors
	res.Parameters["size"] = s.Size
	res.latency("delivery", &arrival)
	if s.Rate > 0 {
		res.latency("delivery service", &service)
		res.paced(s.Rate, n, &lag)
	} else {
		res.Parameters["in_flight"] = s.InFlight
	}
	res.throughput()
	return res
}

// funnel is what the sessions of one loop share.
type funnel struct {
	*worker
	fanin    *FanIn
	speech   *speech
	entrance *entrance
	senders  []*sender // of all loops, by their place
	own      []*sender // of this one
	pacer    *pacer
	turn     int // index into own

	// Any goroutine, under mu.
	mu      sync.Mutex
	arrived []*sender // of this loop: an event of each has arrived on another
}

// start begins to send.
func (f *funnel) start() {
	if f.fanin.Rate > 0 {
		f.pacer.start(f.fanin.Rate, f.index, len(f.run.workers))
		return
	}
	for _, s := range f.own {
		s.Batch(func() {
			for range f.fanin.InFlight {
				s.send(f.loop.Clock())
			}
		})
	}
}

// due sends an event of the open loop; it says false if nobody is left to.
func (f *funnel) due(at time.Duration) bool {
	for range f.own {
		if f.turn++; f.turn >= len(f.own) {
			f.turn = 0
		}
		if s := f.own[f.turn]; s.Live() {
			s.send(at)
			return true
		}
	}
	return false
}

// sender is one of many.
type sender struct {
	peer
	funnel *funnel
	place  int // 0, 1, … among the senders
	to     *collector
	sent   atomic.Uint32 // the first number not sent; its collector reads it
	away   int           // events sent less those known to have arrived

	// times are when events of an open loop were sent: a ring by their numbers, with room
	// for those away. Its loop writes and grows it, its collector's reads.
	times atomic.Pointer[[]atomic.Int64]
}

// send sends the next event; its latency counts from at.
func (s *sender) send(at time.Duration) {
	if !s.Live() || s.to.gone.Load() {
		return
	}
	if s.away >= maxWaiting {
		s.w.fail(Overrun, fmt.Sprintf("connection %d has %d events under way", s.id, s.away))
		return
	}
	s.away++
	if s.funnel.fanin.Rate > 0 {
		s.note(s.sent.Load())
	}
	seq := s.sent.Add(1) - 1 // before it is sent: it may arrive at once
	s.Send(s.funnel.speech.to(s.funnel.fanin.first+s.to.index, seq, s.place, at))
}

// note keeps that event seq, the next, is sent now.
func (s *sender) note(seq uint32) {
	ring := s.times.Load()
	if ring == nil || s.away > len(*ring) {
		size := 4
		for size < s.away {
			size *= 2
		}
		larger := make([]atomic.Int64, size)
		if ring != nil {
			for i := seq - uint32(len(*ring)); i != seq; i++ {
				larger[i&uint32(size-1)].Store((*ring)[i&uint32(len(*ring)-1)].Load())
			}
		}
		ring = &larger
		s.times.Store(ring)
	}
	(*ring)[seq&uint32(len(*ring)-1)].Store(int64(s.w.loop.Clock()))
}

// sentAt is when event seq of an open loop was sent; ok is false if that is not known any
// more. Any loop.
func (s *sender) sentAt(seq uint32) (at time.Duration, ok bool) {
	ring := s.times.Load()
	if ring == nil || s.sent.Load()-seq > uint32(len(*ring)) {
		return 0, false
	}
	return time.Duration((*ring)[seq&uint32(len(*ring)-1)].Load()), true
}

// arrived is told that one event has arrived.
func (s *sender) arrived() {
	s.away--
	if s.w.sending && s.funnel.fanin.Rate == 0 {
		s.send(s.w.loop.Clock())
	}
}

func (s *sender) Text(_ *client.Session, packet []byte) { s.w.fail(WrongRoom, client.Quote(packet)) }

// tell tells a sender of any loop that one of its events has arrived; f is the
// collector's.
func (f *funnel) tell(s *sender) {
	home := s.funnel
	if home == f {
		s.arrived()
		return
	}
	home.mu.Lock()
	home.arrived = append(home.arrived, s)
	first := len(home.arrived) == 1
	home.mu.Unlock()
	if first {
		home.loop.Post(home.hear)
	}
}

// hear passes on what other loops have told.
func (f *funnel) hear() {
	f.mu.Lock()
	arrived := f.arrived
	f.arrived = nil
	f.mu.Unlock()
	for _, s := range arrived {
		s.arrived()
	}
}

// collector is the one that receives.
type collector struct {
	peer
	funnel *funnel
	index  int        // of its room
	from   []sequence // by the sender's place / collectors
	old    []marks    // of what each has sent
	gone   atomic.Bool
}

func (c *collector) Ready(*client.Session) {
	c.funnel.entrance.enter(&c.peer, roomName(c.funnel.fanin.first+c.index))
}

func (c *collector) Text(_ *client.Session, packet []byte) {
	if !c.live {
		c.funnel.entrance.entered(&c.peer, packet)
		return
	}
	d, ok := c.funnel.speech.take(c.w, packet)
	if !ok {
		return
	}
	f := c.funnel
	if d.id >= len(f.senders) || f.senders[d.id].to != c {
		c.w.fail(WrongRoom, fmt.Sprintf("collector %d got an event of sender %d", c.index, d.id))
		return
	}
	s, seq := f.senders[d.id], &c.from[d.id/f.fanin.Collectors]
	wrong, counts := seq.arrive(d.seq, s.sent.Load())
	if wrong != "" {
		c.w.fail(wrong, fmt.Sprintf("event %d of sender %d came, %d was next", d.seq, d.id, seq.want))
	}
	if counts {
		took := c.w.loop.Now() - d.stamp
		c.w.operation(took)
		if f.fanin.Rate > 0 {
			if at, ok := s.sentAt(d.seq); ok {
				c.w.served(took, c.w.loop.Now()-at, c.w.counts(took))
			}
		}
		f.tell(s)
	}
}

// sender is the one whose events are watched in from[i], nil if there is none.
func (c *collector) sender(i int) *sender {
	return c.funnel.senders[i*c.funnel.fanin.Collectors+c.index]
}

// giveUp implements [patient]: nothing of an open loop waits for its arrival.
func (c *collector) giveUp() {
	if c.funnel.fanin.Rate > 0 || !c.Live() {
		return
	}
	for i := range c.from {
		s := c.sender(i)
		if s == nil {
			continue
		}
		for _, seq := range c.from[i].giveUp(c.old[i].pass(s.sent.Load())) {
			c.w.fail(Lost, fmt.Sprintf("event %d of sender %d did not arrive in time", seq, s.place))
			c.funnel.tell(s)
		}
	}
}

// missing is how many events have not arrived.
func (c *collector) missing() (n uint64) {
	for i := range c.from {
		if s := c.sender(i); s != nil {
			n += c.from[i].missing(s.sent.Load())
		}
	}
	return n
}

func (c *collector) Closed(_ *client.Session, err error) {
	c.gone.Store(true)
	c.w.closed(&c.peer, err)
}
