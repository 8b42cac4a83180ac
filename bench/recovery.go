package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Recovery has all connections in one room, with a stream of numbered broadcasts,
// and cuts each off again and again, without a word. It comes back after Away with
// what the server told it for that (connection state recovery), and must then get
// what it has missed, each broadcast once and in order. Its operation is one such
// return, up to the last broadcast that was sent before it.
//
// A client that the server does not know any more joins the room anew; that is
// counted apart, and what it has missed is not lost. Where a server does not offer
// recovery the run fails.
type Recovery struct {
	Every time.Duration // from a return to the next cut; default 2 s
	Away  time.Duration // from a cut to the return; default 500 ms, less than 0: none
	Rate  float64       // broadcasts per second; default 100
	Size  int           // of the packet that is delivered, in bytes, without its offset; default [DefaultSize]
}

// Names of errors of a [Recovery].
const (
	NoRecovery = "no recovery offered"
	NotIn      = "not let in again" // to the end
)

// Defaults of [Recovery].
const (
	DefaultCutEvery     = 2 * time.Second
	DefaultAway         = 500 * time.Millisecond
	DefaultRecoveryRate = 100
)

// Name is "recovery".
func (*Recovery) Name() string { return "recovery" }

// redials says that sessions are opened over and over.
func (*Recovery) redials() {}

func (s *Recovery) withDefaults() (Recovery, error) {
	c := *s
	if c.Every == 0 {
		c.Every = DefaultCutEvery
	}
	if c.Away == 0 {
		c.Away = DefaultAway
	}
	c.Away = max(0, c.Away)
	if c.Rate == 0 {
		c.Rate = DefaultRecoveryRate
	}
	if c.Size == 0 {
		c.Size = DefaultSize
	}
	if c.Every < 0 {
		return c, fmt.Errorf("%w: a duration is negative", ErrUsage)
	}
	return c, checkRate(c.Rate)
}

// Run implements [Scenario].
func (s *Recovery) Run(ctx context.Context, o Options) (*Result, error) {
	c, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	sent := make([]atomic.Uint32, 1) // there is one room
	reefs := make([]*reef, o.Loops)
	for i := range reefs {
		sp, err := newSpeech(config, &o, c.Size, true)
		if err != nil {
			return nil, err
		}
		reefs[i] = &reef{recovery: &c, speech: sp, join: newRequest(config, joinID, o.Events.Join), sent: &sent[0]}
	}

	r, err := newRun(ctx, s, o, o.Conns+1)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for i, w := range r.workers {
		reefs[i].worker, reefs[i].agenda = w, newAgenda(w.loop)
	}
	announce, err := r.announcer(sent, func(w *worker) *speech { return reefs[w.index].speech })
	if err != nil {
		return nil, err
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		m := &survivor{reef: reefs[w.index]}
		m.reef.survivors = append(m.reef.survivors, m)
		return m
	}); err != nil {
		return nil, err
	}
	err = r.measure(
		func(w *worker) {
			announce.start(w, c.Rate)
			reefs[w.index].start()
		},
		announce.stop,
		func(w *worker) bool { return reefs[w.index].pending() })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range reefs[w.index].survivors {
				m.settle()
			}
		})
	}
	r.each(func(w *worker) { reefs[w.index].agenda.clear() })
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return c.result(r, reefs), nil
}

func (s *Recovery) result(r *run, reefs []*reef) *Result {
	var catchUp, back, delivery, lag hist.Histogram
	var n, recovered, fresh, missed, made uint64
	r.each(func(w *worker) {
		f := reefs[w.index]
		catchUp.Merge(&w.latency)
		lag.Merge(&w.lag)
		n += w.recorded
		back.Merge(&f.back)
		delivery.Merge(&f.deliveries)
		recovered += f.recovered
		fresh += f.fresh
		missed += f.missed
		made += f.made
	})
	res := r.result("recovery", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["every_s"] = s.Every.Seconds()
	res.Parameters["away_s"] = s.Away.Seconds()
	res.Parameters["size"] = s.Size
	if recovered+fresh > 0 {
		res.Metrics = append(res.Metrics, Metric{Name: "recovered share", Unit: "%", Value: 100 * float64(recovered) / float64(recovered+fresh), Higher: true})
	}
	res.Metrics = append(res.Metrics,
		Metric{Name: "made up for", Unit: "deliveries", Value: float64(made), Higher: true},
		Metric{Name: "not recovered", Value: float64(fresh)})
	res.latency("catch up", &catchUp)
	res.latency("reconnect", &back)
	res.latency("delivery", &delivery)
	res.paced(s.Rate, lag.Count(), &lag)
	if fresh > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("%d of %d sessions were not recovered and began anew; they have missed %d deliveries, which do not count as lost", fresh, recovered+fresh, missed))
	}
	return res
}

// reef is what the sessions of one loop share.
type reef struct {
	*worker
	recovery  *Recovery
	speech    *speech
	join      *request
	sent      *atomic.Uint32 // the first number not sent
	agenda    *agenda
	survivors []*survivor

	// In the window.
	back, deliveries hist.Histogram
	recovered, fresh uint64 // returns
	missed, made     uint64 // deliveries: not made up for, and made up for
}

// start spreads the first cuts over the time between two.
func (f *reef) start() {
	every := f.recovery.Every
	for _, m := range f.survivors {
		f.agenda.add(f.loop.Now()+every*time.Duration(m.id)/time.Duration(f.run.options.Conns), m)
	}
}

// pending says whether somebody is away or has not got all.
func (f *reef) pending() bool {
	for _, m := range f.survivors {
		if !m.lost && (m.state != afloat || m.missing() > 0) {
			return true
		}
	}
	return false
}

// condition is the state of a survivor.
type condition uint8

const (
	boarding  condition = iota // joins the room for the first time, or anew
	afloat                     // gets the stream
	overboard                  // is away
	returning                  // has asked to be let in again
	catching                   // is back, and gets what it has missed
)

// survivor is one client.
type survivor struct {
	peer
	reef    *reef
	state   condition
	lost    bool   // ended by an error
	any     bool   // seq has begun
	first   uint32 // the earliest that has come, or must
	seq     sequence
	from    uint32        // the first that must come, known when it has joined
	had     uint32        // where seq was before it was cut off
	target  uint32        // what catching up ends with: the first not sent when it was let in
	backAt  time.Duration // when it was let in
	returns int
}

func (m *survivor) Ready(s *client.Session) {
	f := m.reef
	pid, _ := s.Recovery()
	switch {
	case m.state != returning:
		m.w.connected(&m.peer)
		if pid == "" {
			m.Abort()
			m.lost = true
			m.w.closed(&m.peer, &client.Error{Name: NoRecovery, Detail: "the answer to CONNECT has no pid: connection state recovery is off"})
			return
		}
		m.board()
		return
	case m.w.recording:
		f.back.Record(m.w.loop.Now() - m.started)
	}
	m.returns++
	m.backAt = m.w.loop.Now()
	m.w.opened(&m.peer)
	if !s.Recovered() {
		m.w.failN(Lost, fmt.Sprintf("connection %d, before it was cut off", m.id), uint64(len(m.seq.gaps)))
		m.board()
		return
	}
	m.state, m.target = catching, f.sent.Load()
	if m.w.recording {
		f.recovered++
		f.made += uint64(m.target - m.had)
	}
	m.caughtUp()
}

// board joins the room.
func (m *survivor) board() {
	m.state, m.any, m.seq = boarding, false, sequence{}
	m.Send(m.reef.join.packet(roomName(0)))
}

// boarded takes the acknowledgement of the join. What is sent from here on must
// come.
func (m *survivor) boarded() {
	f := m.reef
	m.state, m.from = afloat, f.sent.Load()
	if m.returns == 0 {
		m.w.opened(&m.peer)
		return
	}
	if m.w.recording {
		f.fresh++
		f.missed += uint64(m.from - m.had)
	}
	m.again()
}

// again has the client cut off once more in due time.
func (m *survivor) again() { m.reef.agenda.add(m.w.loop.Now()+m.reef.recovery.Every, m) }

// called cuts the client off, or has it come back.
func (m *survivor) called(time.Duration) {
	f := m.reef
	switch m.state {
	case overboard:
		pid, offset := m.Recovery()
		m.state, m.started, m.had = returning, m.w.loop.Now(), m.seq.want
		m.StartWith(m.w.env, m, client.Start{PID: pid, Offset: offset, ID: m.id})
	case afloat:
		if !m.w.sending || !m.Live() {
			return
		}
		if _, offset := m.Recovery(); offset == "" { // there is nothing to go on from yet
			m.again()
			return
		}
		m.Abort()
		m.state, m.live = overboard, false
		m.w.ready.Add(-1)
		f.agenda.add(m.w.loop.Now()+f.recovery.Away, m)
	}
}

func (m *survivor) Text(_ *client.Session, packet []byte) {
	if m.state == boarding && m.reef.join.answers(packet) {
		m.boarded()
		return
	}
	if d, ok := m.reef.speech.take(m.w, packet); ok {
		m.hear(d)
	}
}

// hear takes a broadcast.
func (m *survivor) hear(d delivery) {
	f := m.reef
	if d.id != 0 {
		m.w.fail(WrongRoom, fmt.Sprintf("connection %d: broadcast %d of room %d", m.id, d.seq, d.id))
		return
	}
	if !m.any {
		m.any, m.seq.want = true, d.seq
		if m.state != boarding && int32(d.seq-m.from) > 0 {
			m.seq.want = m.from // and those in between are missing
		}
		m.first = m.seq.want
	}
	wrong, counts := Reordered, true
	if int32(m.first-d.seq) > 0 { // it was sent before all that has come
		m.first = d.seq
	} else {
		wrong, counts = m.seq.arrive(d.seq, f.sent.Load())
	}
	if wrong != "" {
		m.w.fail(wrong, fmt.Sprintf("connection %d, back %d times: broadcast %d came, %d was next", m.id, m.returns, d.seq, m.seq.want))
	}
	switch {
	case !counts:
	case m.state == catching:
		m.caughtUp()
	case m.w.due(d.stamp) && m.state == afloat:
		f.deliveries.Record(m.w.loop.Now() - d.stamp)
	}
}

// caughtUp sees whether the client has got all that was sent before it was let in
// again.
func (m *survivor) caughtUp() {
	if int32(m.seq.want-m.target) < 0 {
		return
	}
	m.state = afloat
	m.w.operation(m.w.loop.Now() - m.backAt)
	m.again()
}

// missing is how many broadcasts have not come that must.
func (m *survivor) missing() uint64 {
	switch sent := m.reef.sent.Load(); {
	case m.state != afloat && m.state != catching:
		return 0
	case !m.any:
		return uint64(sent - m.from)
	default:
		return m.seq.missing(sent)
	}
}

// settle counts what has not come.
func (m *survivor) settle() {
	switch {
	case m.lost:
	case m.state == boarding:
		m.w.fail(NotJoined, fmt.Sprintf("connection %d, back %d times", m.id, m.returns))
	case m.state == overboard || m.state == returning:
		m.w.fail(NotIn, fmt.Sprintf("connection %d, back %d times", m.id, m.returns))
	default:
		m.w.failN(Lost, fmt.Sprintf("connection %d, back %d times: broadcast %d", m.id, m.returns, m.seq.want), m.missing())
	}
}

func (m *survivor) Closed(_ *client.Session, err error) {
	m.lost = true
	m.w.closed(&m.peer, err)
}
