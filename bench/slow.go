package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// Slow is [Broadcast] into a room in which a share of the receivers reads slowly,
// or not at all. Its operation is one delivery to one of the others, and they are
// who the sender waits for.
//
// A server may end a connection that does not read, and should rather than let
// memory grow: that is no error, but told, with the time it took. Those it has not
// ended read all at the end, and must get everything, in order. While nobody reads,
// an end shows only by what the system answers to something that is sent; so a
// WebSocket sends a pong now and then. By polling it shows at the end.
type Slow struct {
	Share    float64 // of the connections that are slow, more than 0 and less than 1; default 0.05, at least one
	ReadRate int     // bytes per second that each slow one reads; 0: none
	InFlight int     // as [Broadcast.InFlight]
	Rate     float64 // as [Broadcast.Rate]
	Size     int     // of the packet that is delivered, in bytes; default [DefaultSlowSize]
}

const (
	// DefaultSlowSize is the default of [Slow.Size]: the system keeps some
	// megabytes for a connection before a server gets to know that it is slow.
	DefaultSlowSize = 4096

	defaultSlowShare = 0.05

	// nudgeStep is the time between two looks at whether the server has let go.
	nudgeStep = 250 * time.Millisecond
)

// Name is "slow".
func (*Slow) Name() string { return "slow" }

func (s *Slow) withDefaults(o *Options) (Slow, error) {
	c := *s
	if c.Share == 0 {
		c.Share = defaultSlowShare
	}
	if c.InFlight == 0 {
		c.InFlight = 1
	}
	if c.Size == 0 {
		c.Size = DefaultSlowSize
	}
	switch {
	case !(c.Share > 0 && c.Share < 1) || c.readers(o) >= o.Conns:
		return c, fmt.Errorf("%w: %v of %d connections slow: must be more than none and less than all", ErrUsage, c.Share, o.Conns)
	case c.ReadRate < 0:
		return c, fmt.Errorf("%w: read rate %d: is negative", ErrUsage, c.ReadRate)
	case c.InFlight < 1 || c.InFlight > maxInFlight:
		return c, fmt.Errorf("%w: %d broadcasts in flight: must be 1 to %d", ErrUsage, c.InFlight, maxInFlight)
	}
	return c, checkRate(c.Rate)
}

// readers is how many are slow.
func (s *Slow) readers(o *Options) int {
	return max(1, int(math.Round(s.Share*float64(o.Conns))))
}

// Run implements [Scenario].
func (s *Slow) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := s.withDefaults(&o)
	if err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	speeches := make([]*speech, o.Loops+1) // the last is the sender's
	for i := range speeches {
		if speeches[i], err = newSpeech(config, &o, c.Size, false); err != nil {
			return nil, err
		}
	}
	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	room := newCast(r, speeches[o.Loops], newEntrance(config, &o), c.InFlight, c.Rate)
	bogs := make([]*bog, o.Loops)
	for i, w := range r.workers {
		bogs[i] = &bog{worker: w, slow: &c, cast: room, speech: speeches[i], agenda: newAgenda(w.loop), reasons: map[string]int{}}
		bogs[i].nudge = w.loop.NewTimer(bogs[i].nudgeAll)
	}
	slow := c.readers(&o)
	readings := make([]reading, o.Loops)
	if err := r.open(o.Conns-slow, func(w *worker, _ int) member {
		return &listener{cast: room, reading: &readings[w.index]}
	}); err != nil {
		return nil, err
	}
	if err := r.open(slow, func(w *worker, _ int) member {
		m := &sluggard{bog: bogs[w.index]}
		m.bog.sluggards = append(m.bog.sluggards, m)
		return m
	}); err != nil {
		return nil, err
	}
	room.gather()
	r.paced = c.Rate > 0
	before := r.watch.memory().RSS
	err = r.measure(
		func(w *worker) {
			bogs[w.index].start()
			room.start(w)
		},
		func(w *worker) {
			room.stop(w)
			bogs[w.index].stop()
		},
		func(w *worker) bool { return room.underWay.Load() > 0 || bogs[w.index].behind() })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range w.members {
				switch m := m.(type) {
				case *listener:
					if m.Live() && m.counted {
						m.loseAll("not delivered at the end")
					}
				case *sluggard:
					m.settle()
				}
			}
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return c.result(r, bogs, before), nil
}

func (s *Slow) result(r *run, bogs []*bog, before int64) *Result {
	var delivery, service, last, lag, eviction hist.Histogram
	var n uint64
	slow, gone := 0, 0
	reasons := map[string]int{}
	r.each(func(w *worker) {
		delivery.Merge(&w.latency)
		service.Merge(&w.service)
		last.Merge(&w.last)
		lag.Merge(&w.lag)
		n += w.recorded
		b := bogs[w.index]
		eviction.Merge(&b.evictions)
		slow += len(b.sluggards)
		for name, count := range b.reasons {
			reasons[name] += count
			gone += count
		}
	})
	res := r.result("delivery", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["slow"] = slow
	res.Parameters["read_rate"] = s.ReadRate
	res.Parameters["size"] = s.Size
	res.latency("delivery", &delivery)
	res.latency("last receiver", &last)
	if s.Rate > 0 {
		res.latency("delivery service", &service)
		res.paced(s.Rate, lag.Count(), &lag)
	} else {
		res.Parameters["in_flight"] = s.InFlight
	}
	res.Metrics = append(res.Metrics,
		Metric{Name: "slow readers ended by the server", Value: float64(gone)},
		Metric{Name: "slow readers kept", Value: float64(slow - gone)})
	res.latency("until ended", &eviction)
	if len(reasons) > 0 {
		var list []string
		for _, name := range slices.Sorted(maps.Keys(reasons)) {
			list = append(list, fmt.Sprintf("%s %d", name, reasons[name]))
		}
		res.Parameters["ended_by"] = strings.Join(list, ", ")
	}
	if res.Server != nil && before > 0 {
		peak := max(res.Server.RSSBefore, res.Server.RSSAfter)
		for _, sample := range res.Series {
			if sample.Server != nil {
				peak = max(peak, sample.Server.RSS)
			}
		}
		res.Metrics = append(res.Metrics, Metric{Name: "server memory growth at most", Unit: "B", Value: float64(peak - before)})
	}
	res.throughput()
	return res
}

// bog is what the slow sessions of one loop share.
type bog struct {
	*worker
	slow      *Slow
	cast      *cast
	speech    *speech
	agenda    *agenda
	nudge     *reactor.Timer
	sluggards []*sluggard
	started   bool
	reading   bool // at the end, all read as fast as they can

	evictions hist.Histogram // from the start to the end of the connection, where it showed meanwhile
	reasons   map[string]int
}

// start has the slow ones stop reading.
func (b *bog) start() {
	b.started = true
	for _, m := range b.sluggards {
		if m.Live() {
			m.since = b.loop.Now()
			if b.slow.ReadRate == 0 {
				m.Pause()
			}
		}
	}
	b.nudgeAll()
}

// stop has them read all there is.
func (b *bog) stop() {
	b.reading = true
	b.nudge.Stop()
	b.agenda.clear()
	for _, m := range b.sluggards {
		m.Resume()
	}
}

// nudgeAll finds out who was let go of.
func (b *bog) nudgeAll() {
	if b.reading {
		return
	}
	for _, m := range b.sluggards {
		m.Nudge()
	}
	b.nudge.Arm(b.loop.Now() + nudgeStep)
}

// behind says whether somebody has not read all yet.
func (b *bog) behind() bool {
	for _, m := range b.sluggards {
		if m.Live() && m.seq.missing(b.cast.next.Load()) > 0 {
			return true
		}
	}
	return false
}

// sluggard is one that reads slowly.
type sluggard struct {
	peer
	bog     *bog
	seq     sequence
	since   time.Duration // when it stopped to read
	until   time.Duration // when it may read again, by what it has read
	resting bool          // has an appointment
}

func (m *sluggard) Ready(*client.Session) { m.bog.cast.entrance.enter(&m.peer, roomName(0)) }

// called has it read again, if it has rested for long enough: what the system
// hands over at a time may be much, and makes the rest the longer.
func (m *sluggard) called(time.Duration) {
	now := m.w.loop.Now()
	switch {
	case m.bog.reading || !m.Live():
	case m.until > now:
		m.bog.agenda.add(m.until, m)
	default:
		m.resting = false
		m.Resume()
	}
}

// rest pauses for the time that n bytes take at its rate.
func (m *sluggard) rest(n int) {
	now := m.w.loop.Now()
	m.until = max(m.until, now) + time.Duration(float64(n)/float64(m.bog.slow.ReadRate)*float64(time.Second))
	m.Pause()
	if !m.resting {
		m.resting = true
		m.bog.agenda.add(m.until, m)
	}
}

func (m *sluggard) Text(_ *client.Session, packet []byte) {
	b := m.bog
	if !m.live {
		b.cast.entrance.entered(&m.peer, packet)
		return
	}
	if b.slow.ReadRate > 0 && b.started && !b.reading {
		m.rest(len(packet))
	}
	seq, ok := b.speech.numbered(m.w, packet)
	if !ok {
		return
	}
	if wrong, _ := m.seq.arrive(seq, b.cast.next.Load()); wrong != "" {
		m.w.fail(wrong, fmt.Sprintf("slow connection %d: broadcast %d came, %d was next", m.id, seq, m.seq.want))
	}
}

// settle counts what has not come, although it reads.
func (m *sluggard) settle() {
	if m.Live() {
		m.w.failN(Lost, fmt.Sprintf("slow connection %d, which was kept: broadcast %d", m.id, m.seq.want), m.seq.missing(m.bog.cast.next.Load()))
	}
}

// Closed: from when it is slow until it was told goodbye, its end is the server's
// right. What came before has to be in order even so.
func (m *sluggard) Closed(_ *client.Session, err error) {
	b := m.bog
	var e *client.Error
	if !b.started || err == nil || !errors.As(err, &e) || !mayEnd[e.Name] {
		m.w.closed(&m.peer, err)
		return
	}
	b.reasons[e.Name]++
	if !b.reading {
		b.evictions.Record(m.w.loop.Now() - m.since)
	}
	m.w.failN(Lost, fmt.Sprintf("slow connection %d, before it was ended", m.id), uint64(len(m.seq.gaps)))
	m.w.closed(&m.peer, nil)
}

// mayEnd are the ways in which a server may end a connection that does not read.
// What breaks the protocol is an error here as well.
var mayEnd = map[string]bool{
	client.ClosedByServer: true, client.Reset: true, client.HTTPStatus: true, client.Denied: true, client.NoHeartbeat: true,
}
