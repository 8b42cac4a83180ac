package sio

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/e6a90ca8/sio/broadcast"
	sjson "github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
)

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }
func appendBool(dst []byte, v bool) []byte { return strconv.AppendBool(dst, v) }

// A Msg is one event, or one acknowledgement, with its arguments as they came.
//
// It is a view, valid until the handler returns; [Msg.Keep] makes one that lasts. It
// belongs to the goroutine of its handler.
type Msg struct {
	socket *Socket
	name   string
	data   []byte // the JSON array; for Keep
	args   *socketio.Args
	first  int // index of argument 0: 1 behind an event's name, 0 in an acknowledgement
	parts  [][]byte
	own    [][]byte // parts in memory of their own, for what is decoded; nil until then
	id     int64
	acked  bool
	inline bool // the handler runs on the socket's loop
}

// Event is the event's name; "" in an acknowledgement.
func (m *Msg) Event() string { return m.name }

// Socket is the socket that the event came on, or that answered.
func (m *Msg) Socket() *Socket { return m.socket }

// Len is the number of arguments.
func (m *Msg) Len() int { return m.args.Len() - m.first }

// Raw is the JSON text of argument i, a view, not to be changed; nil if there is none.
// Attachments stand in it as placeholders. What came in another encoding, MessagePack or that of
// [Options.Parser], has been put into JSON: dates are their ISO text, NaN and the
// infinities null, and an object has lost its members that were undefined.
func (m *Msg) Raw(i int) []byte {
	if i < 0 || i >= m.Len() {
		return nil
	}
	return m.args.At(m.first + i)
}

// Binary is argument i if it is a buffer, a view.
func (m *Msg) Binary(i int) ([]byte, bool) {
	if len(m.parts) == 0 {
		return nil, false
	}
	raw := m.Raw(i)
	if raw == nil {
		return nil, false
	}
	n, ok := socketio.Placeholder(raw)
	if !ok || n >= len(m.parts) {
		return nil, false
	}
	return m.parts[n], true
}

// Int is argument i, an integer without fraction or exponent.
func (m *Msg) Int(i int) (int64, error) {
	raw := m.Raw(i)
	if raw == nil {
		return 0, BadArg(i)
	}
	v, err := sjson.Int(raw)
	if err != nil {
		return 0, BadArg(i)
	}
	return v, nil
}

// Float is argument i, a number.
func (m *Msg) Float(i int) (float64, error) {
	raw := m.Raw(i)
	if raw == nil {
		return 0, BadArg(i)
	}
	v, err := sjson.Float(raw)
	if err != nil {
		return 0, BadArg(i)
	}
	return v, nil
}

// Bool is argument i, true or false.
func (m *Msg) Bool(i int) (bool, error) {
	raw := m.Raw(i)
	if raw == nil {
		return false, BadArg(i)
	}
	v, err := sjson.Bool(raw)
	if err != nil {
		return false, BadArg(i)
	}
	return v, nil
}

// Str is argument i, a string. It is a copy.
func (m *Msg) Str(i int) (string, error) {
	raw := m.Raw(i)
	if raw == nil {
		return "", BadArg(i)
	}
	v, err := sjson.Str(raw)
	if err != nil {
		return "", BadArg(i)
	}
	return v, nil
}

// Decode stores argument i in v, a pointer, by the rules of encoding/json. Buffers
// land in []byte and [Binary] fields and elements, wherever they stand, and in
// interface fields as []byte. They are copied: what was decoded may be kept.
func (m *Msg) Decode(i int, v any) error {
	raw := m.Raw(i)
	if raw == nil {
		return BadArg(i)
	}
	if err := m.codec().Decode(raw, v, m.owned(raw)); err != nil {
		return &argError{i, err}
	}
	return nil
}

// owned is the attachments that an argument may hold, copied once for the message, so
// that what is decoded outlives it; nil if the argument, JSON text, can hold none.
func (m *Msg) owned(raw []byte) [][]byte {
	if len(m.parts) == 0 || !bytes.Contains(raw, []byte(`_placeholder`)) && bytes.IndexByte(raw, '\\') < 0 {
		return nil
	}
	if m.own == nil {
		m.own = make([][]byte, len(m.parts))
		for i, b := range m.parts {
			m.own[i] = append(make([]byte, 0, len(b)), b...)
		}
	}
	return m.own
}

// An argError is an argument that could not be decoded.
type argError struct {
	i   int
	err error
}

func (e *argError) Error() string {
	return "sio: argument " + strconv.Itoa(e.i) + ": " + e.err.Error()
}
func (e *argError) Unwrap() error { return e.err }

// Args are all arguments, decoded: objects to map[string]any, arrays to []any,
// numbers to float64, buffers to []byte, nested ones too. They are copies.
func (m *Msg) Args() ([]any, error) {
	out := make([]any, m.Len())
	for i := range out {
		raw := m.Raw(i)
		v, err := m.codec().Value(raw, m.owned(raw))
		if err != nil {
			return nil, &argError{i, err}
		}
		out[i] = v
	}
	return out, nil
}

func (m *Msg) codec() *sjson.Codec {
	if m.socket != nil {
		return m.socket.ns.server.codec
	}
	return valueCodec
}

// WantsAck reports whether the client waits for an answer that it has not got.
func (m *Msg) WantsAck() bool { return m.id >= 0 && !m.acked }

// Ack answers the client. The first call wins; further ones, and those for an event
// that wants no answer, return [ErrNoAck]. What [Msg.Raw] gives is taken as it is: it was
// checked when it came.
func (m *Msg) Ack(args ...any) error {
	if !m.WantsAck() {
		return ErrNoAck
	}
	p := newAck()
	defer p.Release()
	for _, a := range args {
		if raw, ok := a.(Raw); ok && m.has(raw) {
			p.checked(raw)
		} else {
			p.add(m.codec(), a)
		}
	}
	return m.ackPacket(p)
}

// has reports whether raw is one of the first arguments as Raw gives them: what came in was
// checked, at 2 ns a byte, and need not be again when it goes back.
func (m *Msg) has(raw Raw) bool {
	for i := range min(m.Len(), 8) {
		if own := m.Raw(i); len(own) == len(raw) && len(raw) > 0 && &own[0] == &raw[0] {
			return true
		}
	}
	return false
}

func (m *Msg) ackPacket(p *Packet) error {
	if p.err != nil {
		return p.err
	}
	m.acked = true
	return m.reply(p, socketio.Ack, m.id)
}

// reply sends a packet to the socket that m came from. An inline handler is on the
// socket's loop, and m its own: then, unless something waits in the mailbox that must
// go first, the mailbox can be left out, which is a fifth of what an echo costs us.
func (m *Msg) reply(p *Packet, t socketio.Type, id int64) error {
	s := m.socket
	if !m.inline || p.err != nil || len(p.bin.Chunks) > 0 || s.is(markGone) || !s.loop().Clear() {
		return p.sendTo(s, t, id, 0, true)
	}
	s.core.Send(p.head(t, s.ns.name, id)[broadcast.HeaderSpace:], 0, true)
	return nil
}

// Forward sends the same arguments on under a name. Nothing is decoded or encoded:
// the raw text and the attachments travel as they came.
func (m *Msg) Forward(to Sender, event string) error {
	var p *Packet
	if event == m.name && m.first == 1 {
		p = newRaw(event, m.data)
	} else {
		p = Prepare(event)
		for i := range m.Len() {
			p.checked(m.Raw(i))
		}
	}
	defer p.Release()
	p.bin.Chunks = append(p.bin.Chunks, m.parts...)
	if s, ok := to.(*Socket); ok && s == m.socket && !s.ns.watched.Load() && s.ns.recovery == nil {
		return m.reply(p, socketio.Event, -1)
	}
	return to.Send(p)
}

// Keep returns a copy that lasts, for use after the handler, by one goroutine at a
// time. The right to answer the client goes with it.
func (m *Msg) Keep() *Msg {
	k := &Msg{socket: m.socket, name: m.name, first: m.first, id: m.id, acked: m.acked}
	k.data = append([]byte(nil), m.data...)
	k.args = new(socketio.Args)
	_ = k.args.Parse(k.data) // it was parsed before
	if len(m.parts) > 0 {
		k.parts = make([][]byte, len(m.parts))
		for i, b := range m.parts {
			k.parts[i] = append([]byte(nil), b...)
		}
	}
	m.acked = true
	return k
}

// MarshalJSON is the array of the arguments, as they came.
func (m *Msg) MarshalJSON() ([]byte, error) {
	list := make([]json.RawMessage, m.Len())
	for i := range list {
		list[i] = m.Raw(i)
	}
	return json.Marshal(list)
}
