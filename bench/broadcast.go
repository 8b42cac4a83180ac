package bench

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Broadcast puts all connections into one room, of which one sends events that
// the server passes on to the room, itself included. Its operation is one
// delivery.
//
// In a closed loop the sender keeps InFlight broadcasts under way: the next is sent
// when the last receiver has one. In an open loop (Rate above 0) broadcasts are due
// at fixed times, whatever has come.
type Broadcast struct {
	InFlight int // default 1
	Rate     float64
	Size     int // of the packet that is delivered, in bytes; default [DefaultSize]
}

// Name is "broadcast".
func (b *Broadcast) Name() string { return "broadcast" }

// maxInFlight bounds [Broadcast.InFlight].
const maxInFlight = 1024

// Run implements [Scenario].
func (b *Broadcast) Run(ctx context.Context, o Options) (*Result, error) {
	s := *b
	if s.InFlight == 0 {
		s.InFlight = 1
	}
	if s.Size == 0 {
		s.Size = DefaultSize
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if s.InFlight < 1 || s.InFlight > maxInFlight {
		return nil, fmt.Errorf("%w: %d broadcasts in flight: must be 1 to %d", ErrUsage, s.InFlight, maxInFlight)
	}
	if err := checkRate(s.Rate); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	send, err := newSpeech(config, &o, s.Size, false)
	if err != nil {
		return nil, err
	}

	r, err := newRun(ctx, b, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	c := newCast(r, send, newEntrance(config, &o), s.InFlight, s.Rate)
	readings := make([]reading, o.Loops)
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &listener{cast: c, reading: &readings[w.index]}
	}); err != nil {
		return nil, err
	}
	c.gather()
	r.paced = s.Rate > 0
	err = r.measure(
		c.start, c.stop,
		func(*worker) bool { return c.underWay.Load() > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range w.members {
				if l := m.(*listener); l.Live() && l.counted {
					l.loseAll("not delivered at the end")
				}
			}
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}

	var delivery, service, last, lag hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		delivery.Merge(&w.latency)
		service.Merge(&w.service)
		last.Merge(&w.last)
		lag.Merge(&w.lag)
		n += w.recorded
	})
	res := r.result("delivery", n)
	res.Parameters["connections"] = o.Conns
	res.Parameters["size"] = s.Size
	res.latency("delivery", &delivery)
	res.latency("last receiver", &last)
	if s.Rate > 0 {
		res.latency("delivery service", &service)
		res.paced(s.Rate, lag.Count(), &lag)
	} else {
		res.Parameters["in_flight"] = s.InFlight
	}
	res.throughput()
	return res, nil
}

// listener is one session.
type listener struct {
	peer
	cast    *cast
	reading *reading
	seq     sequence
	passed  map[uint32]*flight // those of the gaps in seq: their places are taken again
	old     marks
	counted bool // among the receivers
}

func (l *listener) Ready(*client.Session) { l.cast.entrance.enter(&l.peer, roomName(0)) }

func (l *listener) Text(_ *client.Session, packet []byte) {
	if !l.live {
		l.cast.entrance.entered(&l.peer, packet)
		return
	}
	seq := l.seq.want
	if f := l.cast.flight(seq); f != nil && bytes.Equal(packet, f.text) {
		l.delivered(seq)
		return
	}
	l.examine(packet)
}

// examine takes a packet that is not byte by byte the expected one.
func (l *listener) examine(packet []byte) {
	r := l.reading
	if wrong, detail := r.read(packet, l.w.run.config.Namespace, socketio.Event, l.cast.speech.name); wrong != "" {
		l.w.fail(wrong, detail)
		return
	}
	seq, _, ok := r.fields()
	if !ok {
		l.w.fail(Corrupt, client.Quote(packet))
		return
	}
	if f := l.flight(seq); f != nil && !bytes.Equal(packet, f.text) {
		if !r.means(f.text, l.cast.speech.name) {
			l.w.fail(Corrupt, client.Quote(packet))
			return
		}
		l.w.respelled++
	}
	l.delivered(seq)
}

// flight is the broadcast seq, if this receiver may still get it.
func (l *listener) flight(seq uint32) *flight {
	if f := l.passed[seq]; f != nil {
		return f
	}
	return l.cast.flight(seq)
}

// delivered takes broadcast seq.
func (l *listener) delivered(seq uint32) {
	before := l.seq.want
	wrong, counts := l.seq.arrive(seq, l.cast.next.Load())
	if wrong != "" {
		l.w.fail(wrong, fmt.Sprintf("connection %d: broadcast %d came, %d was next", l.id, seq, l.seq.want))
	}
	if !counts || !l.counted {
		return
	}
	if wrong == "" {
		l.pass(before, seq)
	}
	if f := l.flight(seq); f != nil {
		delete(l.passed, seq)
		took := l.w.loop.Now() - f.start
		l.w.operation(took)
		if l.cast.rate > 0 {
			l.w.served(took, l.w.loop.Now()-f.sent, l.w.counts(took))
		}
		l.cast.delivered(f, l.w)
	}
}

// pass keeps the broadcasts from first to before last, which have been jumped over: the
// sender does not wait for their numbers' places, but they are under way yet.
func (l *listener) pass(first, last uint32) {
	for seq := first; seq != last; seq++ {
		if l.passed == nil {
			l.passed = map[uint32]*flight{}
		}
		l.passed[seq] = l.cast.flight(seq)
	}
}

// lose counts the broadcasts before a number that this receiver still waits for, and
// lets them land without it.
func (l *listener) lose(before uint32, why string) {
	lost := l.seq.giveUp(before)
	if len(lost) == 0 {
		return
	}
	l.w.failN(Lost, fmt.Sprintf("connection %d: %s: broadcast %d", l.id, why, slices.Min(lost)), uint64(len(lost)))
	for _, seq := range lost {
		if f := l.flight(seq); f != nil {
			delete(l.passed, seq)
			l.cast.landed(f, l.w)
		}
	}
}

// loseAll counts all that this receiver still waits for.
func (l *listener) loseAll(why string) { l.lose(l.cast.next.Load(), why) }

// giveUp implements [patient], in an open loop too: a broadcast that somebody never gets
// would keep its place among those under way for ever.
func (l *listener) giveUp() {
	old := l.old.pass(l.cast.next.Load())
	if l.counted && l.Live() {
		l.lose(old, "not delivered in time")
	}
}

func (l *listener) Closed(_ *client.Session, err error) {
	if l.live && l.counted {
		l.counted = false
		l.cast.receivers.Add(-1)
		if err != nil {
			l.loseAll("closed before it")
		}
		if l == l.cast.sender && err != nil {
			l.w.fail(NoSender, err.Error())
		}
	}
	l.w.closed(&l.peer, err)
}
