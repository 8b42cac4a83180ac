package bench

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Kind is what an [Echo] sends and expects.
type Kind string

const (
	Event  Kind = "event"  // an event with a string; an event comes back
	Ack    Kind = "ack"    // an event with a string; an acknowledgement comes back
	Binary Kind = "binary" // an event with an attachment; the same comes back
	Object Kind = "object" // an event with a JSON object of 1 KiB; the same comes back
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

// maxWaiting bounds the unanswered messages of one connection in an open loop.
const maxWaiting = 1 << 16

// dialogue is what an Echo says: filled in by each worker for itself.
type dialogue struct {
	out, in      *stencil // in is the packet without the Engine.IO digit
	data         *stencil // the attachment, both ways; nil if there is none
	answer       socketio.Type
	name         string // of the answer's event; empty for an acknowledgement
	constantHead bool   // in has no fields: those are in data
}

// ackBase makes acknowledgement ids of fixed width from sequence numbers.
const ackBase = "1"

func (e *Echo) dialogue(c *client.Config, o *Options) (*dialogue, error) {
	d := &dialogue{answer: socketio.Event, name: o.Events.EchoReply}
	head, reply := c.Prefix('2', 0), c.Prefix('2', 0)[1:]
	var say, hear string
	switch e.Kind {
	case Event:
		body, err := payload(head+"["+quoted(o.Events.Echo)+`,""]`, e.Size, false)
		if err != nil {
			return nil, err
		}
		say = head + "[" + quoted(o.Events.Echo) + `,"` + body + `"]`
		hear = reply + "[" + quoted(o.Events.EchoReply) + `,"` + body + `"]`
	case Ack:
		d.answer, d.name = socketio.Ack, ""
		head += ackBase + seqMark
		body, err := payload(head+"["+quoted(o.Events.Ack)+`,""]`, e.Size, false)
		if err != nil {
			return nil, err
		}
		say = head + "[" + quoted(o.Events.Ack) + `,"` + body + `"]`
		hear = c.Prefix('3', 0)[1:] + ackBase + seqMark + `["` + body + `"]`
	case Object:
		d.name = o.Events.ObjectReply
		say = head + "[" + quoted(o.Events.Object) + "," + largeObject() + "]"
		hear = reply + "[" + quoted(o.Events.ObjectReply) + "," + largeObject() + "]"
	case Binary:
		d.answer, d.constantHead = socketio.BinaryEvent, true
		body, err := payload("", e.Size, false)
		if err != nil {
			return nil, err
		}
		d.data = newStencil(body)
		placeholder := string(socketio.AppendPlaceholder([]byte{','}, 0)) + "]"
		say = c.Prefix('5', 1) + "[" + quoted(o.Events.Echo) + placeholder
		hear = c.Prefix('5', 1)[1:] + "[" + quoted(o.Events.EchoReply) + placeholder
	default:
		return nil, fmt.Errorf("%w: echo of kind %q: must be event, ack, binary or object", ErrUsage, e.Kind)
	}
	d.out, d.in = newStencil(say), newStencil(hear)
	return d, nil
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
	if s.Rate < 0 || s.Rate > 1e7 {
		return nil, fmt.Errorf("%w: rate %v: must be 0 to 10,000,000 per second", ErrUsage, s.Rate)
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	if _, err := s.dialogue(config, &o); err != nil {
		return nil, err
	}

	r, err := newRun(ctx, e, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	talkers := make([]*echoWorker, o.Loops)
	for i, w := range r.workers {
		d, err := s.dialogue(config, &o)
		if err != nil {
			return nil, err
		}
		talkers[i] = &echoWorker{worker: w, echo: &s, dialogue: d}
		talkers[i].tick = w.loop.NewTimer(talkers[i].due)
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &echoer{talk: talkers[w.index]}
	}); err != nil {
		return nil, err
	}
	err = r.measure(
		func(w *worker) { talkers[w.index].start() },
		func(w *worker) { talkers[w.index].tick.Stop() },
		func(w *worker) bool { return talkers[w.index].waiting > 0 })
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
	var latency, lag hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		latency.Merge(&w.latency)
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
		res.Parameters["rate"] = e.Rate
		res.latency("send lag", &lag)
		if p99 := lag.Quantile(0.99); p99 > lagLimit {
			res.Warnings = append(res.Warnings, fmt.Sprintf(
				"THE GENERATOR WAS LATE: 1 %% of the messages were sent %v or more after they were due", p99.Round(time.Microsecond)))
		}
		if n := float64(n); n < 0.98*e.Rate*res.Elapsed {
			res.Warnings = append(res.Warnings, fmt.Sprintf("the rate was not reached: %.0f of %.0f per second", res.Rate, e.Rate))
		}
	} else {
		res.Parameters["depth"] = e.Depth
	}
	res.throughput()
	return res
}

// lagLimit is the send lag, at the 99th percentile, from which on an open loop's
// generator counts as late.
const lagLimit = 5 * time.Millisecond

// echoWorker is what the sessions of one loop share.
type echoWorker struct {
	*worker
	*dialogue
	echo    *Echo
	reading reading
	waiting int // messages under way

	// The open loop.
	tick *reactor.Timer
	next time.Duration // when the next message is due
	gap  time.Duration
	turn int // index into members
}

// start begins to send.
func (t *echoWorker) start() {
	if t.echo.Rate > 0 {
		t.gap = time.Duration(float64(time.Second) * float64(len(t.run.workers)) / t.echo.Rate)
		t.next = t.loop.Now() + t.gap*time.Duration(t.index)/time.Duration(len(t.run.workers))
		t.tick.Arm(t.next)
		return
	}
	for _, m := range t.members {
		e := m.(*echoer)
		if !e.Live() {
			continue
		}
		e.Batch(func() {
			for range t.echo.Depth {
				e.send(t.loop.Now())
			}
		})
	}
}

// due sends what is due in the open loop, at most a bounded number before the
// loop looks at its connections again.
func (t *echoWorker) due() {
	const most = 256
	for n := 0; t.next <= t.loop.Clock() && n < most; n++ {
		e := t.nextReady()
		if e == nil {
			return // nobody is left to send
		}
		t.sentLate(t.loop.Clock() - t.next)
		e.send(t.next)
		t.next += t.gap
	}
	t.tick.Arm(t.next)
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
			e.lose("no answer at the end")
		}
	}
}

// echoer is one session.
type echoer struct {
	peer
	talk  *echoWorker
	seq   sequence
	next  uint32
	owed  bool            // the head of an answer came, its attachment has not
	times []time.Duration // of sending, a ring indexed by sequence number
}

// send sends the next message; its latency counts from at.
func (e *echoer) send(at time.Duration) {
	t := e.talk
	if n := int(e.next - e.seq.want); n >= len(e.times) && !e.grow(n) {
		t.fail(Overrun, fmt.Sprintf("connection %d waits for %d answers", e.id, n))
		return
	}
	e.times[e.next&uint32(len(e.times)-1)] = at
	t.waiting++
	if t.data == nil {
		e.Send(t.out.set(e.next, e.id))
	} else {
		e.Batch(func() {
			e.Send(t.out.text)
			e.SendBinary(t.data.set(e.next, e.id))
		})
	}
	e.next++
}

// grow makes room for more than n times; it says false past the bound.
func (e *echoer) grow(n int) bool {
	if n >= maxWaiting {
		return false
	}
	size := max(1, len(e.times))
	for size <= n || size < e.talk.echo.Depth {
		size *= 2
	}
	times := make([]time.Duration, size)
	for i := e.seq.want; i != e.next; i++ {
		times[i&uint32(size-1)] = e.times[i&uint32(len(e.times)-1)]
	}
	e.times = times
	return true
}

func (e *echoer) Ready(*client.Session) {
	e.w.connected(&e.peer)
	e.w.opened(&e.peer)
}

func (e *echoer) Text(_ *client.Session, packet []byte) {
	t := e.talk
	switch {
	case e.owed:
		t.fail(WrongEvent, "in place of an attachment: "+client.Quote(packet))
		e.owed = false
	case t.constantHead && bytes.Equal(packet, t.in.text):
		e.owed = true
	case !t.constantHead && bytes.Equal(packet, t.in.set(e.seq.want, e.id)) && e.seq.want != e.next:
		e.answered(e.seq.want)
	default:
		e.examine(packet)
	}
}

func (e *echoer) Binary(_ *client.Session, data []byte) {
	t := e.talk
	if !e.owed {
		t.fail(WrongEvent, "an attachment of nothing: "+client.Quote(data))
		return
	}
	e.owed = false
	seq, id, ok := readFields(data)
	if !ok || id != e.id || !bytes.Equal(data, t.data.set(seq, id)) {
		t.fail(Corrupt, client.Quote(data))
		return
	}
	e.answered(seq)
}

// examine takes an answer that is not byte by byte the expected one.
func (e *echoer) examine(packet []byte) {
	t := e.talk
	r := &t.reading
	if wrong, detail := r.read(packet, t.run.config.Namespace, t.answer, t.name); wrong != "" {
		t.fail(wrong, detail)
		return
	}
	if t.constantHead {
		t.respelled++
		e.owed = true
		return
	}
	seq, id, ok := r.fields()
	if !ok || id != e.id {
		t.fail(Corrupt, client.Quote(packet))
		return
	}
	// The expected packet differs in spelling at most: compare what it means.
	expected := t.in.set(seq, id)
	if !bytes.Equal(packet, expected) {
		var want reading
		if wrong, _ := want.read(expected, t.run.config.Namespace, t.answer, t.name); wrong != "" ||
			want.packet.ID != r.packet.ID || !sameJSON(want.args.At(want.first), r.args.At(r.first)) {
			t.fail(Corrupt, client.Quote(packet))
			return
		}
		t.respelled++
	}
	e.answered(seq)
}

// answered takes the answer to seq.
func (e *echoer) answered(seq uint32) {
	t := e.talk
	wrong, counts := e.seq.arrive(seq, e.next)
	if wrong != "" {
		t.fail(wrong, fmt.Sprintf("connection %d: answer %d came, %d was next", e.id, seq, e.seq.want))
	}
	if !counts {
		return
	}
	t.waiting--
	if e.next-seq <= uint32(len(e.times)) { // else it was given up long ago
		t.operation(t.loop.Now() - e.times[seq&uint32(len(e.times)-1)])
	}
	if t.sending && t.echo.Rate == 0 {
		e.send(t.loop.Now())
	}
}

// lose counts what this session still waits for.
func (e *echoer) lose(why string) {
	n := e.seq.missing(e.next)
	e.talk.waiting -= int(n)
	e.talk.failN(Lost, fmt.Sprintf("connection %d: %s to message %d", e.id, why, e.seq.want), n)
	e.seq = sequence{want: e.next}
}

func (e *echoer) Closed(_ *client.Session, err error) {
	if e.live {
		e.lose("closed without answer")
	}
	e.w.closed(&e.peer, err)
}
