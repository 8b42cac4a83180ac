package broadcast

import (
	"sync/atomic"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// HeaderSpace is how many bytes must be left free in front of the text given to
// [NewMessage]: the longest header of an unmasked WebSocket frame (RFC 6455
// section 5.2), so that framing a message never moves it.
const HeaderSpace = 10

// A Message is one Socket.IO packet ready to be written: a text frame, followed
// by one binary frame for each attachment. It is encoded once, shared by all its
// receivers and immutable; no reference is counted, the garbage collector frees
// it when the last outbox has let go.
//
// Any goroutine.
type Message struct {
	text        Frame // binary in some translations
	attachments []Frame
	size        int
	compress    bool
	translated  atomic.Pointer[Message]
}

// A Frame is one frame of a [Message], in the forms that the transports want.
type Frame struct {
	wire   []byte // WebSocket header and payload
	head   uint8  // length of the header
	binary bool
	made   atomic.Pointer[variant] // the other forms that were asked for, a list
}

// NewMessage makes a message of buf, whose first [HeaderSpace] bytes are free and
// whose rest is the Engine.IO packet, type digit included ("42[...]"), and of the
// attachments in the order of their placeholders.
//
// The message takes buf over: the caller must neither write nor reuse it. The
// attachments are copied. compress says whether a transport that compresses may
// do so with this message.
func NewMessage(buf []byte, attachments [][]byte, compress bool) *Message {
	payload := len(buf) - HeaderSpace
	start := websocket.PutHeaderBefore(buf, HeaderSpace, websocket.Text, payload)
	m := &Message{
		text:     Frame{wire: buf[start:], head: uint8(HeaderSpace - start)},
		size:     len(buf) - start,
		compress: compress,
	}
	if len(attachments) == 0 {
		return m
	}
	total := 0
	for _, a := range attachments {
		total += websocket.HeaderSize(len(a)) + len(a)
	}
	m.size += total
	m.attachments = make([]Frame, len(attachments))
	all := make([]byte, 0, total)
	for i, a := range attachments {
		from := len(all)
		all = websocket.AppendFrame(all, websocket.Binary, a)
		f := &m.attachments[i]
		f.wire = all[from:len(all):len(all)]
		f.head = uint8(len(f.wire) - len(a))
		f.binary = true
	}
	return m
}

// A Part is one message of the transport: what a [Message] made by [NewFrames] is made of.
type Part struct {
	Data   []byte
	Binary bool
}

// NewFrames makes a message of parts, at least one, that were encoded by somebody else.
// Text parts have no Engine.IO type digit; it is put in front. Everything is copied.
func NewFrames(parts []Part, compress bool) *Message {
	m := &Message{compress: compress}
	if len(parts) > 1 {
		m.attachments = make([]Frame, len(parts)-1)
	}
	for i, p := range parts {
		f := m.Frame(i)
		n := len(p.Data)
		op := websocket.Binary
		if !p.Binary {
			n++
			op = websocket.Text
		}
		f.wire = websocket.AppendHeader(make([]byte, 0, websocket.HeaderSize(n)+n), op, true, n)
		f.head = uint8(len(f.wire))
		f.binary = p.Binary
		if !p.Binary {
			f.wire = append(f.wire, byte(engineio.Message))
		}
		f.wire = append(f.wire, p.Data...)
		m.size += len(f.wire)
	}
	return m
}

// Translation is what Translated was told before; not ok if nobody has asked yet. It is
// for those who ask for each of many receivers: the function for Translated has to be
// made only once.
func (m *Message) Translation() (t *Message, ok bool) {
	switch t = m.translated.Load(); t {
	case nil:
		return nil, false
	case untranslatable:
		return nil, true
	}
	return t, true
}

// Translated is the message as clients with another encoding of packets get it: made by
// f when first asked for, and then the same for all. f may return nil, for a message that
// cannot be put that way, and nil is then the answer for all. Several loops may ask f at
// once.
func (m *Message) Translated(f func() *Message) *Message {
	t := m.translated.Load()
	if t == nil {
		if t = f(); t == nil {
			t = untranslatable
		}
		if !m.translated.CompareAndSwap(nil, t) {
			t = m.translated.Load()
		}
	}
	if t == untranslatable {
		return nil
	}
	return t
}

var untranslatable = new(Message)

// Frames is the number of frames: one, and one more for each attachment.
func (m *Message) Frames() int { return 1 + len(m.attachments) }

// Frame returns frame i, from 0 to Frames()-1.
func (m *Message) Frame(i int) *Frame {
	if i == 0 {
		return &m.text
	}
	return &m.attachments[i-1]
}

// Binary reports whether any of the frames is.
func (m *Message) Binary() bool {
	for i := range m.attachments {
		if m.attachments[i].binary {
			return true
		}
	}
	return m.text.binary
}

// Size is the message's length on a WebSocket, in bytes, headers included. It is
// what send-queue limits count.
func (m *Message) Size() int { return m.size }

// Compress reports whether a transport that compresses may compress this message.
func (m *Message) Compress() bool { return m.compress }

// Wire is the whole WebSocket frame, header included. It must not be changed.
func (f *Frame) Wire() []byte { return f.wire }

// Payload is the frame's payload: an Engine.IO text packet, or the bytes of an
// attachment. It must not be changed.
func (f *Frame) Payload() []byte { return f.wire[f.head:] }

// Binary reports whether the frame is an attachment.
func (f *Frame) Binary() bool { return f.binary }

// Polling is the frame as a packet of a polling payload: the text as it is, an
// attachment as "b" and base64. It must not be changed.
//
// Source: Engine.IO protocol 4, "Packet encoding, HTTP long-polling".
func (f *Frame) Polling() []byte {
	if !f.binary {
		return f.wire[f.head:]
	}
	return f.In(Base64)
}
