package session

import (
	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// MaxBuffers is the most buffers that one write of an [Output] has. The kernel
// interface of the poller takes 8 without an allocation; past that, small buffers
// are copied together.
const MaxBuffers = 8

// An Output is what waits to be written on one connection in this turn: bytes of
// its own, and slices shared with other connections, in order.
//
// The zero value is empty and ready.
type Output struct {
	list  [][]byte // closed pieces; shared ones and runs of own
	own   []byte   // bytes of this output; list may hold earlier, grown-out versions of it
	from  int      // own[from:] is the open run, not in list yet
	bytes int

	longest int // the longest message in it
}

// Len is the number of bytes waiting.
func (o *Output) Len() int { return o.bytes }

// text adds an Engine.IO packet that is text, which is copied.
func (o *Output) text(packet []byte, form broadcast.Form) {
	n := len(o.own)
	if form == broadcast.Stream {
		o.own = append(engineio.AppendStreamHeader(o.own, len(packet), false), packet...)
	} else {
		o.own = websocket.AppendFrame(o.own, websocket.Text, packet)
	}
	o.bytes += len(o.own) - n
	o.longest = max(o.longest, len(o.own)-n)
}

// binary adds an Engine.IO message that is not, as a WebSocket frame, copied as well.
func (o *Output) binary(message []byte) {
	n := len(o.own)
	o.own = websocket.AppendFrame(o.own, websocket.Binary, message)
	o.bytes += len(o.own) - n
	o.longest = max(o.longest, len(o.own)-n)
}

// control adds a control frame.
func (o *Output) control(op websocket.Opcode, payload []byte) {
	n := len(o.own)
	o.own = websocket.AppendFrame(o.own, op, payload)
	o.bytes += len(o.own) - n
}

// raw adds bytes, copied.
func (o *Output) raw(b []byte) {
	o.own = append(o.own, b...)
	o.bytes += len(b)
}

// share adds a slice that is not copied and must never change. Of one without bytes there
// is nothing to add: no piece of a write is empty.
func (o *Output) share(b []byte) {
	if len(b) == 0 {
		return
	}
	o.seal()
	o.list = append(o.list, b)
	o.bytes += len(b)
}

// seal closes the open run.
func (o *Output) seal() {
	if o.from < len(o.own) {
		o.list = append(o.list, o.own[o.from:len(o.own):len(o.own)])
		o.from = len(o.own)
	}
}

// message adds a message as WebSocket frames. Short ones are copied when something
// of our own stands before them anyway: so few bytes copied costs less than a
// buffer more in the write.
func (o *Output) message(m *broadcast.Message, form broadcast.Form) {
	o.longest = max(o.longest, m.Size())
	if form != broadcast.Wire {
		o.formed(m, form)
		return
	}
	if m.Size() <= copyBelow && (o.from < len(o.own) || len(o.list) >= MaxBuffers-1) {
		for i := range m.Frames() {
			o.raw(m.Frame(i).Wire())
		}
		return
	}
	for i := range m.Frames() {
		o.share(m.Frame(i).Wire())
	}
}

// formed is message for clients that want another form of the frames.
func (o *Output) formed(m *broadcast.Message, form broadcast.Form) {
	for i := range m.Frames() {
		o.formedFrame(m.Frame(i).In(form))
	}
}

func (o *Output) formedFrame(b []byte) {
	if len(b) <= copyBelow {
		o.raw(b)
	} else {
		o.share(b)
	}
}

// copyBelow is the size in bytes up to which copying beats sharing.
const copyBelow = 512

// buffers is everything in order as at most MaxBuffers buffers. scratch is used
// for what has to be copied together; the grown scratch is returned. The buffers
// are valid until scratch or o are changed.
func (o *Output) buffers(scratch []byte) (bufs [][]byte, grown []byte) {
	o.seal()
	if len(o.list) <= MaxBuffers {
		return o.list, scratch
	}
	// Keep the largest few as they are and copy the runs between them. One pass: a
	// piece stays if it is large and there is room for it and the runs around it.
	scratch = scratch[:0]
	need := 0
	for _, b := range o.list {
		if len(b) < keepFrom {
			need += len(b)
		}
	}
	if cap(scratch) < need {
		scratch = make([]byte, 0, need)
	}
	kept := 0
	out := o.list[:0]
	run := 0 // start of the open run in scratch
	flush := func() {
		if run < len(scratch) {
			out = append(out, scratch[run:len(scratch):len(scratch)])
			run = len(scratch)
		}
	}
	for _, b := range o.list {
		if len(b) >= keepFrom && kept < (MaxBuffers-1)/2 {
			flush()
			out = append(out, b)
			kept++
			continue
		}
		scratch = append(scratch, b...) // may move: earlier runs keep their old array
	}
	flush()
	return out, scratch
}

// keepFrom is the size in bytes from which a shared piece is never copied together
// with others, unless there are too many of them.
const keepFrom = 16 << 10

// reset empties o and keeps its memory, unless that is large.
func (o *Output) reset() {
	clear(o.list)
	if cap(o.own) > 64<<10 || cap(o.list) > 64 {
		*o = Output{}
		return
	}
	*o = Output{list: o.list[:0], own: o.own[:0]}
}

// A queue holds the packets that a polling session has for its client's next GET.
// Packets are kept apart, not joined: after an upgrade they leave as frames.
//
// The zero value is empty and ready.
type queue struct {
	packets  []queued
	own      []byte // texts of packets that are not shared
	bytes    int    // as counted against the send-queue limits
	longest  int    // the longest packet's share of bytes
	compress bool   // some packet may be compressed
	style    *style // of payloads; nil for revision 4's own
}

// queued is one packet: a shared message, or own[from:to].
type queued struct {
	msg      *broadcast.Message
	from, to uint32
}

// perPacket is what a queued packet counts besides its bytes, so that many tiny
// packets cannot hide from a limit in bytes.
const perPacket = 24

func (q *queue) empty() bool { return len(q.packets) == 0 }

func (q *queue) text(packet []byte, compress bool) {
	from := len(q.own)
	q.own = append(q.own, packet...)
	q.packets = append(q.packets, queued{from: uint32(from), to: uint32(len(q.own))})
	q.count(len(packet))
	q.compress = q.compress || compress
}

func (q *queue) count(n int) {
	q.bytes += n + perPacket
	q.longest = max(q.longest, n+perPacket)
}

func (q *queue) message(m *broadcast.Message) {
	q.packets = append(q.packets, queued{msg: m})
	q.count(m.Size())
	q.compress = q.compress || m.Compress()
}

// frames moves everything to o, for a WebSocket or a stream.
func (q *queue) frames(o *Output, form broadcast.Form) {
	for _, p := range q.packets {
		if p.msg != nil {
			o.message(p.msg, form)
		} else {
			o.text(q.own[p.from:p.to], form)
		}
	}
	o.longest = max(o.longest, q.longest) // of messages that count as one
	q.reset()
}

// size is the length of the payload that payload writes, of revision 4.
func (q *queue) size() int {
	n := 0
	for _, p := range q.packets {
		if p.msg == nil {
			n += int(p.to-p.from) + 1
			continue
		}
		for i := range p.msg.Frames() {
			f := p.msg.Frame(i)
			if f.Binary() {
				n += engineio.BinarySize(len(f.Payload())) + 1
			} else {
				n += len(f.Payload()) + 1
			}
		}
	}
	return max(n-1, 0)
}

// payload moves everything to o as one polling payload. Long packets are shared,
// not copied.
//
// Source: Engine.IO protocol 4, "Packet encoding, HTTP long-polling".
func (q *queue) payload(o *Output) {
	if q.old() {
		q.payload3(o)
		return
	}
	first := true
	add := func(b []byte, shared bool) {
		if !first {
			o.raw(separator)
		}
		first = false
		if shared && len(b) >= keepFrom {
			o.share(b)
		} else {
			o.raw(b)
		}
	}
	for _, p := range q.packets {
		if p.msg == nil {
			add(q.own[p.from:p.to], false)
			continue
		}
		for i := range p.msg.Frames() {
			add(p.msg.Frame(i).Polling(), true)
		}
	}
	q.reset()
}

// flat moves everything into one new slice, in its style.
func (q *queue) flat() []byte {
	if q.style != nil && q.style.jsonp {
		return q.script()
	}
	return q.joined()
}

// joined is flat without the dress of JSONP.
func (q *queue) joined() []byte {
	var o Output
	if !q.old() {
		o.own = make([]byte, 0, q.size())
	}
	q.payload(&o)
	return o.flat()
}

// flat is everything in one slice, which may be a shared one.
func (o *Output) flat() []byte {
	o.seal()
	if len(o.list) == 1 {
		return o.list[0]
	}
	b := make([]byte, 0, o.bytes)
	for _, piece := range o.list {
		b = append(b, piece...)
	}
	return b
}

var separator = []byte{engineio.Separator}

func (q *queue) reset() {
	clear(q.packets)
	if cap(q.own) > 64<<10 || cap(q.packets) > 1024 {
		*q = queue{style: q.style}
		return
	}
	*q = queue{packets: q.packets[:0], own: q.own[:0], style: q.style}
}
