package sio

import (
	stdjson "encoding/json"
	"sync"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Sender takes packets: [*Socket], [Remote], [Target], [*Room], [*Namespace], and so
// [*Server].
type Sender interface {
	// Send sends the packet, which stays the caller's: to send again, and to release.
	Send(p *Packet) error
}

// A Packet is an event that is put together once and sent any number of times, by any
// [Sender]. Its memory comes from a pool:
//
//	p := sio.Prepare("snap")
//	p.Int(tick)
//	p.Binary(state)
//	err := room.Send(p)
//	p.Release()
//
// It belongs to one goroutine at a time until the first Send; from then on it is
// immutable, and may be sent by several. Errors of its methods are kept and returned
// by Send.
type Packet struct {
	name string
	json []byte // after room bytes for what goes in front: ["name",arg,arg — the last ] is missing
	bin  json.Attachments
	own  *json.Codec // for Add; nil: valueCodec
	err  error
	sent bool

	// The message made of it, for the namespace it was made for.
	mu      sync.Mutex
	message *broadcast.Message
	ns      *Namespace
	scratch []byte
}

// headRoom is what is kept free in front of a packet's JSON: a WebSocket header, the
// Engine.IO type, and the head of a Socket.IO packet but for its namespace. Longer
// namespaces than it has room for cost a copy.
const headRoom = broadcast.HeaderSpace + 1 + 1 + 12 + 22 + maxShortNamespace

const maxShortNamespace = 64

var packets = sync.Pool{New: func() any { return new(Packet) }}

// maxPooled bounds the memory that the pool keeps of one packet, in bytes.
const maxPooled = 64 << 10

// Prepare is the function [Prepare] for a server with [Options.JSON], which then encodes
// what [Packet.Add] adds.
func (n *Namespace) Prepare(event string) *Packet {
	p := Prepare(event)
	p.own = n.server.codec
	return p
}

// Prepare begins a packet for the event. The caller should release it when it has
// been sent for the last time; one that is not released is garbage collected. It belongs
// to no server: [Options.JSON] has no say in it.
func Prepare(event string) *Packet {
	p := newPacket(event)
	if socketio.Reserved(event) {
		p.err = ErrReservedEvent
	}
	return p
}

func newPacket(event string) *Packet {
	p := packets.Get().(*Packet)
	p.name = event
	if cap(p.json) < headRoom+64 {
		p.json = make([]byte, headRoom, 512)
	}
	p.json = append(p.json[:headRoom], '[')
	p.json = socketio.AppendString(p.json, event)
	return p
}

// newRaw is a packet of an event whose JSON array is there already. It is complete.
func newRaw(event string, array []byte) *Packet {
	p := packets.Get().(*Packet)
	if cap(p.json) < headRoom {
		p.json = make([]byte, headRoom, 512)
	}
	p.name, p.json, p.sent = event, append(p.json[:headRoom], array...), true
	return p
}

// newAck begins an acknowledgement: an array without a name.
func newAck() *Packet {
	p := packets.Get().(*Packet)
	if cap(p.json) < headRoom+64 {
		p.json = make([]byte, headRoom, 512)
	}
	p.json = append(p.json[:headRoom], '[')
	return p
}

// Release gives the packet's memory back. The packet must not be used afterwards;
// what was sent of it is not touched.
func (p *Packet) Release() {
	if cap(p.json) > maxPooled {
		p.json = nil
	}
	if cap(p.scratch) > maxPooled {
		p.scratch = nil
	}
	p.bin.Reset()
	p.name, p.own, p.err, p.sent, p.message, p.ns = "", nil, nil, false, nil, nil
	packets.Put(p)
}

// Event is the event's name.
func (p *Packet) Event() string { return p.name }

// next makes room for one more argument.
func (p *Packet) next() bool {
	if p.sent && p.err == nil {
		p.err = ErrSent
	}
	if p.err != nil {
		return false
	}
	if p.json[len(p.json)-1] != '[' || len(p.json) > headRoom+1 {
		p.json = append(p.json, ',')
	}
	return true
}

// Add appends an argument of any kind that [Socket.Emit] takes. It is encoded by
// encoding/json's rules, or by [Options.JSON] if [Namespace.Prepare] made the packet.
func (p *Packet) Add(v any) *Packet {
	c := p.own
	if c == nil {
		c = valueCodec
	}
	p.add(c, v)
	return p
}

// add is Add with the server's own codec.
func (p *Packet) add(c *json.Codec, v any) {
	if p.next() {
		p.json, p.err = c.Append(p.json, v, &p.bin)
	}
}

// addAll is add for several.
func (p *Packet) addAll(c *json.Codec, vs ...any) {
	for _, v := range vs {
		p.add(c, v)
	}
}

// Int appends a number.
func (p *Packet) Int(v int64) *Packet {
	if p.next() {
		p.json = appendInt(p.json, v)
	}
	return p
}

// Float appends a number; NaN and the infinities become null, as in JavaScript.
func (p *Packet) Float(v float64) *Packet { return p.Add(v) }

// Bool appends true or false.
func (p *Packet) Bool(v bool) *Packet {
	if p.next() {
		p.json = appendBool(p.json, v)
	}
	return p
}

// Str appends a string.
func (p *Packet) Str(v string) *Packet {
	if p.next() {
		p.json = socketio.AppendString(p.json, v)
	}
	return p
}

// Raw appends JSON text as it is; nil is null. It is checked, at 2 ns a byte: text that
// is not JSON would break the connections of all receivers.
func (p *Packet) Raw(v Raw) *Packet {
	if v == nil {
		v = Raw("null")
	}
	if p.err == nil {
		p.err = json.Check(v)
	}
	p.checked(v)
	return p
}

// checked appends JSON text that was checked before.
func (p *Packet) checked(v []byte) {
	if p.next() {
		p.json = append(p.json, v...)
	}
}

// Binary appends bytes as an attachment. They are copied by Send, not before.
func (p *Packet) Binary(b []byte) *Packet {
	if p.next() {
		p.json = socketio.AppendPlaceholder(p.json, len(p.bin.Chunks))
		p.bin.Chunks = append(p.bin.Chunks, b)
	}
	return p
}

// Scratch is an empty slice of the packet's own memory, to build an attachment in:
//
//	p.Binary(encode(p.Scratch()))
//
// It is good for one attachment of each packet.
func (p *Packet) Scratch() []byte {
	if p.scratch == nil {
		p.scratch = make([]byte, 0, 1024)
	}
	return p.scratch[:0]
}

// head puts everything in front of the JSON that a packet of this type, namespace and
// acknowledgement id has, closes the array, and returns the packet with
// broadcast.HeaderSpace free bytes before it. The result is a view of p.json, unless
// the namespace is long.
func (p *Packet) head(t socketio.Type, nsp string, id int64) []byte {
	if len(p.bin.Chunks) > 0 {
		t += socketio.BinaryEvent - socketio.Event
	}
	p.closeArray()
	// Written at the front of the free bytes, then moved to their end. A head that is
	// too long for them is put elsewhere by append.
	h := append(p.json[broadcast.HeaderSpace:broadcast.HeaderSpace:headRoom], byte(engineio.Message))
	h = socketio.AppendHead(h, t, len(p.bin.Chunks), nsp, id)
	if broadcast.HeaderSpace+len(h) > headRoom {
		b := make([]byte, broadcast.HeaderSpace, broadcast.HeaderSpace+len(h)+len(p.json)-headRoom)
		return append(append(b, h...), p.json[headRoom:]...)
	}
	start := headRoom - len(h)
	copy(p.json[start:headRoom], h)
	return p.json[start-broadcast.HeaderSpace:]
}

// closeArray ends the arguments.
func (p *Packet) closeArray() {
	if !p.sent {
		p.json = append(p.json, ']')
		p.sent = true
	}
}

// messageFor is the packet as a message for a namespace: made once, however often it
// is sent there.
func (p *Packet) messageFor(ns *Namespace, t socketio.Type, id int64, compress bool) *broadcast.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.message != nil && p.ns == ns && id < 0 && p.message.Compress() == compress {
		return p.message
	}
	framed := p.head(t, ns.name, id)
	m := broadcast.NewMessage(append(make([]byte, 0, len(framed)), framed...), p.bin.Chunks, compress)
	if d := ns.server.options.PerMessageDeflate; d != nil && compress {
		m.Make(broadcast.Wire.Deflated(websocket.MaxWindowBits), max(d.Threshold, deflateAhead))
	}
	if id < 0 {
		p.message, p.ns = m, ns
	}
	return m
}

// copyBelow is the size in bytes up to which a packet for one socket goes through the
// mailbox as bytes, which are copied; longer ones go as a message, which is shared.
const copyBelow = 4096

// deflateAhead is the length in bytes from which frames are compressed by who sends them,
// for the WebSockets that may want that: on a loop, where shorter ones are compressed when
// the first receiver needs it, it would take 3 us for each KiB.
const deflateAhead = 32 << 10

// sendTo sends the packet to one socket.
func (p *Packet) sendTo(s *Socket, t socketio.Type, id int64, f broadcast.Flags, compress bool) error {
	if p.err != nil {
		return p.err
	}
	if s.is(markGone) {
		return ErrClosed
	}
	l := s.loop()
	if l == nil {
		return ErrClosed
	}
	ok := false
	if len(p.bin.Chunks) == 0 && len(p.json) < copyBelow+headRoom {
		p.mu.Lock()
		b := p.head(t, s.ns.name, id)[broadcast.HeaderSpace:]
		ok = l.Send(&s.core, b, f, compress)
		p.mu.Unlock()
	} else {
		ok = l.SendMessage(&s.core, p.messageFor(s.ns, t, id, compress), f)
	}
	if !ok {
		return ErrClosed
	}
	return nil
}

// A Raw is JSON text: as an argument it is sent as it is.
type Raw = stdjson.RawMessage

// A Binary is bytes that travel as an attachment, wherever in an argument they
// stand. So does any []byte; the name is for those who want to say so.
type Binary []byte

// valueCodec encodes and decodes the arguments of events, unless a server has an
// engine of its own.
var valueCodec = newValueCodec(nil)

func newValueCodec(e *json.Engine) *json.Codec {
	return &json.Codec{Engine: e, AppendPlaceholder: socketio.AppendPlaceholder, Placeholder: socketio.Placeholder}
}
