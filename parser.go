package sio

import (
	"fmt"
	"runtime/debug"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/session"
)

// A Parser replaces the encoding of Socket.IO packets, for clients that are made with
// the same parser: see [Options.Parser]. It sees every packet as values, which costs far
// more than the default encoding. Its methods are called on event loops, at the same
// time on several, and must not block. A panic of theirs counts as an error.
//
// Node: the option parser, of server and client.
type Parser interface {
	// Encode returns the messages that a packet travels as, in order: strings for text,
	// []byte for binary; at least one. They are copied.
	Encode(p *ParsedPacket) ([]any, error)
	// Decoder makes the state of one connection.
	Decoder() Decoder
}

// A Decoder reads the messages of one client. It is used by one event loop.
type Decoder interface {
	// Add takes a message, a string or a []byte that is valid during the call. It returns
	// a packet when one is complete, until then nil. An error ends the connection.
	Add(message any) (*ParsedPacket, error)
	// Close lets go of a packet that is not complete. It is called once.
	Close()
}

// A ParsedPacket is a Socket.IO packet as values.
type ParsedPacket struct {
	Type      PacketType
	Namespace string // with its leading slash
	ID        int64  // of the acknowledgement; -1 for none
	// Data is what the type has: CONNECT an object or nil, DISCONNECT nil, EVENT the name
	// and the arguments in a []any, ACK the arguments in a []any, CONNECT_ERROR a string or
	// an object. Objects are map[string]any, numbers float64, buffers []byte; of decoders
	// anything that Emit takes is good.
	Data any
}

// PacketType is the type of a Socket.IO packet.
type PacketType int

// The packet types. Packets with buffers in them have no types of their own here.
const (
	PacketConnect PacketType = iota
	PacketDisconnect
	PacketEvent
	PacketAck
	PacketConnectError
)

// translator is a Parser as sessions see it.
type translator struct {
	parser Parser
	server *Server
}

var _ session.Translator = (*translator)(nil)

// Outbound implements [session.Translator].
func (t *translator) Outbound(m *broadcast.Message) (_ *broadcast.Message, err error) {
	defer t.recovered(&err)
	text := m.Frame(0).Payload()[1:] // without the Engine.IO type
	attachments := make([][]byte, m.Frames()-1)
	for i := range attachments {
		attachments[i] = m.Frame(i + 1).Payload()
	}
	p, err := socketio.Parse(text, len(attachments))
	if err != nil {
		return nil, err
	}
	out := ParsedPacket{Type: PacketType(p.Type), Namespace: string(p.Namespace), ID: p.ID}
	if p.Type.Binary() {
		out.Type -= PacketType(socketio.BinaryEvent - socketio.Event)
	}
	if len(p.Data) > 0 {
		if out.Data, err = t.server.codec.Value(p.Data, attachments); err != nil {
			return nil, err
		}
	}
	list, err := t.parser.Encode(&out)
	if err != nil {
		return nil, err
	}
	parts := make([]broadcast.Part, len(list))
	for i, v := range list {
		switch v := v.(type) {
		case string:
			parts[i] = broadcast.Part{Data: []byte(v)}
		case []byte:
			parts[i] = broadcast.Part{Data: v, Binary: true}
		default:
			return nil, fmt.Errorf("sio: parser made a %T, not a string or []byte", v)
		}
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("sio: parser made nothing of a packet")
	}
	return broadcast.NewFrames(parts, m.Compress()), nil
}

// recovered is deferred, and makes an error of a panic in a parser, or in the JSON
// functions of the application: on a loop it would cost others their packets.
func (t *translator) recovered(err *error) {
	if v := recover(); v != nil {
		t.server.counters.panics.Add(1)
		*err = fmt.Errorf("sio: parser: %w", &PanicError{Value: v, Stack: debug.Stack()})
	}
}

// Inbound implements [session.Translator].
func (t *translator) Inbound() session.Inbound {
	d := &inbound{t: t}
	func() {
		defer t.recovered(&d.err)
		d.decoder = t.parser.Decoder()
	}()
	return d
}

// inbound is a Decoder as sessions see it.
type inbound struct {
	t       *translator
	decoder Decoder
	err     error // why there is none
	text    []byte
	bin     json.Attachments
}

// Add implements [session.Inbound]. The packet is put in the default encoding, whose
// checks then hold for it: a namespace with a slash, an id that is an integer, data of
// the shape that its type asks for.
func (d *inbound) Add(data []byte, binary bool) (text []byte, attachments [][]byte, err error) {
	defer d.t.recovered(&err)
	if d.err != nil {
		return nil, nil, d.err
	}
	p, err := d.add(data, binary)
	if err != nil || p == nil {
		return nil, nil, err
	}
	if p.Type < PacketConnect || p.Type > PacketConnectError || len(p.Namespace) == 0 || p.Namespace[0] != '/' {
		return nil, nil, socketio.ErrPayload
	}
	d.bin.Reset()
	var body []byte
	if p.Data != nil {
		if body, err = d.t.server.codec.Append(nil, p.Data, &d.bin); err != nil {
			return nil, nil, err
		}
	}
	kind := socketio.Type(p.Type)
	if len(d.bin.Chunks) > 0 {
		if kind != socketio.Event && kind != socketio.Ack {
			return nil, nil, socketio.ErrPayload
		}
		kind += socketio.BinaryEvent - socketio.Event
	}
	d.text = socketio.AppendHead(d.text[:0], kind, len(d.bin.Chunks), p.Namespace, p.ID)
	d.text = append(d.text, body...)
	return d.text, d.bin.Chunks, nil
}

func (d *inbound) add(data []byte, binary bool) (*ParsedPacket, error) {
	if binary {
		return d.decoder.Add(data)
	}
	return d.decoder.Add(string(data))
}

// Close implements [session.Inbound].
func (d *inbound) Close() {
	if d.err != nil {
		return
	}
	var err error
	defer d.t.recovered(&err)
	d.decoder.Close()
}
