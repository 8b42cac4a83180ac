package bench

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
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

// maxWaiting bounds the unanswered messages of one exchange.
const maxWaiting = 1 << 16

// dialogue is what is said in an exchange: filled in by each loop for itself.
type dialogue struct {
	out, in      *stencil // in is the packet without the Engine.IO digit
	data         *stencil // the attachment, both ways; nil if there is none
	answer       socketio.Type
	namespace    string
	name         string // of the answer's event; empty for an acknowledgement
	constantHead bool   // in has no fields: those are in data
}

// ackBase makes acknowledgement ids of fixed width from sequence numbers.
const ackBase = "1"

// newDialogue makes a dialogue in a namespace, with messages of size bytes as
// [Echo.Size] has them. mark stands in each message behind its fields.
func newDialogue(namespace string, kind Kind, size int, mark string, names *Events) (*dialogue, error) {
	d := &dialogue{answer: socketio.Event, namespace: namespace, name: names.EchoReply}
	head := client.Prefix(namespace, '2', 0)
	reply := head[1:]
	var say, hear string
	switch kind {
	case Event:
		body, err := markedPayload(head+"["+quoted(names.Echo)+`,""]`, mark, size)
		if err != nil {
			return nil, err
		}
		say = head + "[" + quoted(names.Echo) + `,"` + body + `"]`
		hear = reply + "[" + quoted(names.EchoReply) + `,"` + body + `"]`
	case Ack:
		d.answer, d.name = socketio.Ack, ""
		head += ackBase + seqMark
		body, err := markedPayload(head+"["+quoted(names.Ack)+`,""]`, mark, size)
		if err != nil {
			return nil, err
		}
		say = head + "[" + quoted(names.Ack) + `,"` + body + `"]`
		hear = client.Prefix(namespace, '3', 0)[1:] + ackBase + seqMark + `["` + body + `"]`
	case Object:
		d.name = names.ObjectReply
		say = head + "[" + quoted(names.Object) + "," + largeObject() + "]"
		hear = reply + "[" + quoted(names.ObjectReply) + "," + largeObject() + "]"
	case Binary:
		d.answer, d.constantHead = socketio.BinaryEvent, true
		body, err := markedPayload("", mark, size)
		if err != nil {
			return nil, err
		}
		d.data = newStencil(body)
		placeholder := string(socketio.AppendPlaceholder([]byte{','}, 0)) + "]"
		head = client.Prefix(namespace, '5', 1)
		say = head + "[" + quoted(names.Echo) + placeholder
		hear = head[1:] + "[" + quoted(names.EchoReply) + placeholder
	default:
		return nil, fmt.Errorf("%w: echo of kind %q: must be event, ack, binary or object", ErrUsage, kind)
	}
	d.out, d.in = newStencil(say), newStencil(hear)
	return d, nil
}

// markedPayload is payload with mark behind the fields.
func markedPayload(frame, mark string, size int) (string, error) {
	body, err := payload(frame+mark, size, false)
	if err != nil {
		return "", err
	}
	const at = seqDigits + 1 + idDigits + 1
	return body[:at] + mark + body[at:], nil
}

// talk is what the exchanges of one loop and namespace share.
type talk struct {
	*dialogue
	reading reading
	depth   int  // messages that an exchange begins with
	paced   bool // an open loop
	waiting int  // messages under way
}

// newTalks makes a talk for each loop.
func newTalks(namespace string, kind Kind, size int, mark string, depth int, o *Options) ([]*talk, error) {
	talks := make([]*talk, o.Loops)
	for i := range talks {
		d, err := newDialogue(namespace, kind, size, mark, &o.Events)
		if err != nil {
			return nil, err
		}
		talks[i] = &talk{dialogue: d, depth: depth}
	}
	return talks, nil
}

// An exchange is numbered messages of one session to itself by way of the
// server, in one namespace, with every answer checked. What it is about, a talk,
// and whose it is are told with every call: it is had by the ten thousand.
type exchange struct {
	seq   sequence
	next  uint32
	old   marks
	owed  bool            // the head of an answer came, its attachment has not
	times []time.Duration // of sending, or when it was due: a ring indexed by sequence number
	sent  []time.Duration // of sending, where it was due at another time: the same
}

// begin sends the first messages of a closed loop.
func (x *exchange) begin(p *peer, t *talk) {
	p.Batch(func() {
		for range t.depth {
			x.send(p, t, p.w.loop.Now())
		}
	})
}

// send sends the next message; its latency counts from at.
func (x *exchange) send(p *peer, t *talk, at time.Duration) {
	if n := int(x.next - x.seq.want); n >= len(x.times) && !x.grow(n, t) {
		p.w.fail(Overrun, fmt.Sprintf("connection %d waits for %d answers", p.id, n))
		return
	}
	x.times[x.next&uint32(len(x.times)-1)] = at
	if t.paced {
		x.sent[x.next&uint32(len(x.times)-1)] = p.w.loop.Clock()
	}
	t.waiting++
	if t.data == nil {
		p.Send(t.out.set(x.next, p.id))
	} else {
		p.Batch(func() {
			p.Send(t.out.text)
			p.SendBinary(t.data.set(x.next, p.id))
		})
	}
	x.next++
}

// grow makes room for more than n times; it says false past the bound.
func (x *exchange) grow(n int, t *talk) bool {
	if n >= maxWaiting {
		return false
	}
	size := max(1, len(x.times))
	for size <= n || size < t.depth {
		size *= 2
	}
	larger := func(old []time.Duration) []time.Duration {
		ring := make([]time.Duration, size)
		for i := x.next - uint32(len(old)); i != x.next; i++ { // what was jumped over may come yet
			ring[i&uint32(size-1)] = old[i&uint32(len(old)-1)]
		}
		return ring
	}
	x.times = larger(x.times)
	if t.paced {
		x.sent = larger(x.sent)
	}
	return true
}

// text takes a packet. ok says that it was an answer, took how long it took, or
// that this is not known any more: less than 0.
func (x *exchange) text(p *peer, t *talk, packet []byte) (took time.Duration, ok bool) {
	switch {
	case x.owed:
		p.w.fail(WrongEvent, "in place of an attachment: "+client.Quote(packet))
		x.owed = false
	case t.constantHead && bytes.Equal(packet, t.in.text):
		x.owed = true
	case !t.constantHead && bytes.Equal(packet, t.in.set(x.seq.want, p.id)) && x.seq.want != x.next:
		return x.answered(p, t, x.seq.want)
	default:
		return x.examine(p, t, packet)
	}
	return 0, false
}

// binary takes an attachment, and returns as text does.
func (x *exchange) binary(p *peer, t *talk, data []byte) (took time.Duration, ok bool) {
	if !x.owed {
		p.Binary(&p.Session, data)
		return 0, false
	}
	x.owed = false
	seq, id, ok := readFields(data)
	if !ok || id != p.id || !x.seq.gaps[seq] && !bytes.Equal(data, t.data.set(seq, id)) {
		p.w.fail(Corrupt, client.Quote(data))
		return 0, false
	}
	return x.answered(p, t, seq)
}

// examine takes an answer that is not byte by byte the expected one.
func (x *exchange) examine(p *peer, t *talk, packet []byte) (took time.Duration, ok bool) {
	r := &t.reading
	if wrong, detail := r.read(packet, t.namespace, t.answer, t.name); wrong != "" {
		p.w.fail(wrong, detail)
		return 0, false
	}
	if t.constantHead {
		p.w.respelled++
		x.owed = true
		return 0, false
	}
	seq, id, ok := r.fields()
	if !ok || id != p.id {
		p.w.fail(Corrupt, client.Quote(packet))
		return 0, false
	}
	// The expected packet differs in spelling at most: compare what it means. One
	// that was given up may be of another talk.
	expected := t.in.set(seq, id)
	if !x.seq.gaps[seq] && !bytes.Equal(packet, expected) {
		if !r.means(expected, t.name) {
			p.w.fail(Corrupt, client.Quote(packet))
			return 0, false
		}
		p.w.respelled++
	}
	return x.answered(p, t, seq)
}

// answered takes the answer to seq.
func (x *exchange) answered(p *peer, t *talk, seq uint32) (took time.Duration, ok bool) {
	wrong, counts := x.seq.arrive(seq, x.next)
	if wrong != "" {
		p.w.fail(wrong, fmt.Sprintf("connection %d: answer %d came, %d was next", p.id, seq, x.seq.want))
	}
	if !counts {
		return 0, false
	}
	t.waiting--
	if x.next-seq > uint32(len(x.times)) { // it was given up long ago
		return -1, true
	}
	place := seq & uint32(len(x.times)-1)
	took = p.w.loop.Now() - x.times[place]
	if t.paced {
		p.w.served(took, p.w.loop.Now()-x.sent[place], p.w.counts(took))
	}
	return took, true
}

// lose counts what this exchange still waits for.
func (x *exchange) lose(p *peer, t *talk, why string) { x.loseBefore(x.next, p, t, why) }

// giveUp counts what this exchange has waited for for too long, and says how many
// messages may be sent in place of it. Once each patrol.
func (x *exchange) giveUp(p *peer, t *talk) int {
	return x.loseBefore(x.old.pass(x.next), p, t, "no answer in time")
}

func (x *exchange) loseBefore(seq uint32, p *peer, t *talk, why string) int {
	lost := x.seq.giveUp(seq)
	if len(lost) == 0 {
		return 0
	}
	t.waiting -= len(lost)
	p.w.failN(Lost, fmt.Sprintf("connection %d: %s to message %d", p.id, why, slices.Min(lost)), uint64(len(lost)))
	return len(lost)
}
