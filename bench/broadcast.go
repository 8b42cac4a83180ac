package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Broadcast puts all connections into one room, of which one sends events that
// the server passes on to the room, itself included. Its operation is one
// delivery. The sender keeps InFlight broadcasts under way: the next is sent when
// the last receiver has one.
type Broadcast struct {
	InFlight int // default 1
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
	c := &cast{run: r, speech: send, entrance: newEntrance(config, &o), flights: make([]atomic.Pointer[flight], s.InFlight)}
	c.sendNext = c.send
	readings := make([]reading, o.Loops)
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &listener{cast: c, reading: &readings[w.index]}
	}); err != nil {
		return nil, err
	}
	r.each(func(w *worker) {
		for _, m := range w.members {
			l := m.(*listener)
			if l.live {
				c.receivers.Add(1)
				l.counted = true
				if c.sender == nil {
					c.sender = l
				}
			}
		}
	})
	err = r.measure(
		func(w *worker) {
			if w == c.sender.w {
				for range s.InFlight {
					c.send()
				}
			}
		},
		func(*worker) {},
		func(*worker) bool { return c.underWay.Load() > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range w.members {
				if l := m.(*listener); l.Live() && l.counted {
					l.lose("not delivered at the end")
				}
			}
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}

	var delivery, last hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		delivery.Merge(&w.latency)
		last.Merge(&w.last)
		n += w.recorded
	})
	res := r.result("delivery", n)
	res.Parameters["connections"] = o.Conns
	res.Parameters["in_flight"] = s.InFlight
	res.Parameters["size"] = s.Size
	res.latency("delivery", &delivery)
	res.latency("last receiver", &last)
	res.throughput()
	return res, nil
}

// cast is one sender and its room, over all loops.
type cast struct {
	run       *run
	speech    *speech // the sender's loop only
	entrance  *entrance
	sender    *listener // fixed before the first broadcast
	sendNext  func()
	receivers atomic.Int64
	underWay  atomic.Int64
	next      atomic.Uint32 // the first not sent

	// flights are the broadcasts under way, by number modulo their length. They
	// are published before they are sent; a receiver on any loop reads them.
	flights []atomic.Pointer[flight]
}

// flight is one broadcast. All but left is fixed when it is published.
type flight struct {
	seq   uint32
	text  []byte        // what each receiver gets
	start time.Duration // of the write
	left  atomic.Int64  // receivers that do not have it yet
}

// send sends the next broadcast, on the sender's loop.
func (c *cast) send() {
	if !c.sender.Live() || !c.sender.w.sending {
		return
	}
	seq := c.next.Load()
	f := &flight{seq: seq, text: bytes.Clone(c.speech.in.set(seq, 0)), start: c.sender.w.loop.Clock()}
	f.left.Store(c.receivers.Load())
	c.flights[seq%uint32(len(c.flights))].Store(f)
	c.underWay.Add(1)
	c.next.Store(seq + 1)
	c.sender.Send(c.speech.out.set(seq, 0))
}

// flight is the broadcast seq, if it is under way.
func (c *cast) flight(seq uint32) *flight {
	if f := c.flights[seq%uint32(len(c.flights))].Load(); f != nil && f.seq == seq {
		return f
	}
	return nil
}

// landed counts a receiver off f. Any loop.
func (c *cast) landed(f *flight, w *worker) {
	if f.left.Add(-1) != 0 {
		return
	}
	if w.recording {
		w.last.Record(w.loop.Now() - f.start)
	}
	c.underWay.Add(-1)
	if w == c.sender.w {
		c.send()
	} else {
		c.sender.w.loop.Post(c.sendNext)
	}
}

// listener is one session.
type listener struct {
	peer
	cast    *cast
	reading *reading
	seq     sequence
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
	if f := l.cast.flight(seq); f != nil && !bytes.Equal(packet, f.text) {
		var want reading
		if wrong, _ := want.read(f.text, l.w.run.config.Namespace, socketio.Event, l.cast.speech.name); wrong != "" ||
			!sameJSON(want.args.At(1), r.args.At(1)) {
			l.w.fail(Corrupt, client.Quote(packet))
			return
		}
		l.w.respelled++
	}
	l.delivered(seq)
}

// delivered takes broadcast seq.
func (l *listener) delivered(seq uint32) {
	wrong, counts := l.seq.arrive(seq, l.cast.next.Load())
	if wrong != "" {
		l.w.fail(wrong, fmt.Sprintf("connection %d: broadcast %d came, %d was next", l.id, seq, l.seq.want))
	}
	f := l.cast.flight(seq)
	if !counts || f == nil || !l.counted {
		return
	}
	l.w.operation(l.w.loop.Now() - f.start)
	l.cast.landed(f, l.w)
}

func (l *listener) Binary(_ *client.Session, data []byte) {
	l.w.fail(WrongEvent, "an attachment of nothing: "+client.Quote(data))
}

// lose counts the broadcasts that this receiver still waits for, and lets them
// land without it.
func (l *listener) lose(why string) {
	next := l.cast.next.Load()
	l.w.failN(Lost, fmt.Sprintf("connection %d: %s: broadcast %d", l.id, why, l.seq.want), l.seq.missing(next))
	waitedFor := make([]uint32, 0, len(l.seq.gaps))
	for seq := range l.seq.gaps {
		waitedFor = append(waitedFor, seq)
	}
	for ; l.seq.want != next; l.seq.want++ {
		waitedFor = append(waitedFor, l.seq.want)
	}
	l.seq.gaps = nil
	for _, seq := range waitedFor {
		if f := l.cast.flight(seq); f != nil {
			l.cast.landed(f, l.w)
		}
	}
}

func (l *listener) Closed(_ *client.Session, err error) {
	if l.live && l.counted {
		l.counted = false
		l.cast.receivers.Add(-1)
		if err != nil {
			l.lose("closed before it")
		}
		if l == l.cast.sender && err != nil {
			l.w.fail(NoSender, err.Error())
		}
	}
	l.w.closed(&l.peer, err)
}
