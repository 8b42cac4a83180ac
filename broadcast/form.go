package broadcast

import (
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Form is a way in which the frames of a message travel. The upper half of a form tells
// how it is compressed, see [Form.Deflated].
type Form uint8

// The forms.
const (
	// Wire is the frame on a WebSocket: text as text, attachments as binary.
	Wire Form = iota

	// Base64 is an attachment as a packet of a polling payload: "b" and base64. Text has no
	// such form.
	//
	// Source: Engine.IO protocol 4, "Packet encoding, HTTP long-polling".
	Base64

	// WireBase64 is the frame on a WebSocket whose client wants attachments as text, which
	// is asked for by b64 in its URL.
	WireBase64

	// Stream is the frame on a stream of bytes: behind its length.
	//
	// Source: Engine.IO protocol 4, "WebTransport", under "Packet encoding".
	Stream

	// Those of revision 3 of Engine.IO's protocol. On a WebSocket an attachment has its type
	// in front there, as a number, or behind a "b" where it travels as text. Packets in a
	// payload have their length in front; in a binary payload attachments are bytes, in one
	// of text base64.
	//
	// Source: Engine.IO protocol 3, "Encoding".
	WireOf3
	WireBase64Of3
	BinaryOf3
	TextOf3
)

// Deflated is the form compressed, as a WebSocket of permessage-deflate takes it, with a
// window of 2 to the power of bits bytes: 8 to [websocket.MaxWindowBits]. A frame that gets
// no shorter stays as it is.
//
// Source: RFC 7692, section 6.
func (f Form) Deflated(bits uint8) Form { return f.Plain() | Form(bits)<<windowShift }

// Plain is the form without compression.
func (f Form) Plain() Form { return f & (1<<windowShift - 1) }

// WindowBits is the window of a compressed form; 0 of others.
func (f Form) WindowBits() uint8 { return uint8(f >> windowShift) }

const windowShift = 4

// make makes a form other than Wire. Several loops may do that for one frame at once.
func (f *Frame) make(form Form) []byte {
	if bits := form.WindowBits(); bits != 0 {
		return deflated(f.In(form.Plain()), bits)
	}
	switch form {
	case Base64:
		data := f.Payload()
		return engineio.AppendBinary(make([]byte, 0, engineio.BinarySize(len(data))), data)
	case WireBase64:
		if !f.binary {
			return f.wire
		}
		text := f.In(Base64)
		b := make([]byte, 0, websocket.HeaderSize(len(text))+len(text))
		return websocket.AppendFrame(b, websocket.Text, text)
	case Stream:
		data, binary := f.Payload(), f.binary
		if len(data) == 0 {
			// A length of 0 ends the stream; nothing in base64 is a packet like any other.
			data, binary = f.In(Base64), false
		}
		b := engineio.AppendStreamHeader(make([]byte, 0, engineio.MaxStreamHeader+len(data)), len(data), binary)
		return append(b, data...)
	case WireOf3, WireBase64Of3, BinaryOf3, TextOf3:
		return f.makeOf3(form)
	}
	panic("broadcast: unknown form")
}

// makeOf3 makes a form of revision 3.
func (f *Frame) makeOf3(form Form) []byte {
	data := f.Payload()
	switch {
	case form == BinaryOf3:
		return engineio.AppendBinaryPacket3(make([]byte, 0, len(data)+engineio.PacketRoom3), data, f.binary)
	case !f.binary && form == TextOf3:
		return engineio.AppendPacket3(make([]byte, 0, len(data)+engineio.PacketRoom3), data)
	case !f.binary:
		return f.wire
	case form == WireOf3:
		n := 1 + len(data)
		b := websocket.AppendHeader(make([]byte, 0, websocket.HeaderSize(n)+n), websocket.Binary, true, n)
		return append(append(b, engineio.BinaryMessage3), data...)
	}
	text := engineio.AppendBase64(make([]byte, 0, engineio.Base64Size(len(data))), data)
	if form == TextOf3 {
		return engineio.AppendPacket3(make([]byte, 0, len(text)+engineio.PacketRoom3), text)
	}
	return websocket.AppendFrame(make([]byte, 0, websocket.HeaderSize(len(text))+len(text)), websocket.Text, text)
}

// deflated is a frame with its payload compressed.
func deflated(frame []byte, bits uint8) []byte {
	h, n, _ := websocket.ParseHeader(frame)
	b := websocket.AppendDeflated(make([]byte, 0, len(frame)/2), h.Opcode, frame[n:], bits)
	if len(b) >= len(frame) {
		return frame // as it was; what stands in b is let go
	}
	return b
}

// variant is a form that was made of a frame.
type variant struct {
	form  Form
	bytes []byte
	next  *variant
}

// Make makes the form of each frame whose payload has from bytes or more, before somebody
// who must not take long asks for it.
func (m *Message) Make(form Form, from int) {
	for i := range m.Frames() {
		if f := m.Frame(i); len(f.Payload()) >= from {
			f.In(form)
		}
	}
}

// In is the frame in a form. Each is made once, by whoever asks first, and shared; when
// two loops ask at the same moment one of the two results is dropped. It must not be
// changed.
func (f *Frame) In(form Form) []byte {
	if form == Wire {
		return f.wire
	}
	var v *variant
	for {
		list := f.made.Load()
		for w := list; w != nil; w = w.next {
			if w.form == form {
				return w.bytes
			}
		}
		if v == nil {
			v = &variant{form: form, bytes: f.make(form)}
			continue // making it may have made others
		}
		if v.next = list; f.made.CompareAndSwap(list, v) {
			return v.bytes
		}
	}
}
