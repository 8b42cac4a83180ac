package broadcast

import (
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Form is a way in which the frames of a message travel.
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
)

// make makes a form other than Wire. Several loops may do that for one frame at once.
func (f *Frame) make(form Form) []byte {
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
	}
	panic("broadcast: unknown form")
}

// variant is a form that was made of a frame.
type variant struct {
	form  Form
	bytes []byte
	next  *variant
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
