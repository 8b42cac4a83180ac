package benchtest

import (
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// Clients of socket.io-msgpack-parser are known by their CONNECT, a binary message
// where others send text, and served on WebSockets: their packets are made the
// default encoding on the way in, and ours MessagePack on the way out.

// binary takes a binary message.
func (c *session) binary(data []byte) {
	var d msgpack.Decoder
	p, err := d.Packet(data, socketio.DefaultMaxAttachments)
	c.mu.Lock()
	c.msgpack = c.msgpack || err == nil && socketio.Type(p.Type) == socketio.Connect
	packed := c.msgpack
	c.mu.Unlock()
	switch {
	case !packed:
		c.take(string(engineio.AppendBinary(nil, data)))
		return
	case err != nil:
		go c.end() // whoever reads ends with it
		return
	}
	t := socketio.Type(p.Type)
	if len(p.Attachments) > 0 && t == socketio.Event {
		t = socketio.BinaryEvent
	}
	c.take(string(append(socketio.AppendHead([]byte{'4'}, t, len(p.Attachments), string(p.Namespace), p.ID), p.Data...)))
	for _, a := range p.Attachments {
		c.take(string(engineio.AppendBinary(nil, a)))
	}
}

// framer makes frames of packets in text form.
type framer struct {
	encoder msgpack.Encoder
	waits   socketio.Packet // for its attachments
	parts   [][]byte
}

func (f *framer) append(b []byte, packets []string, packed bool) []byte {
	for _, text := range packets {
		p, err := engineio.Parse([]byte(text))
		switch {
		case err != nil || p.Type != engineio.Message || !packed && !p.Binary:
			b = websocket.AppendFrame(b, websocket.Text, []byte(text))
		case !packed:
			b = websocket.AppendFrame(b, websocket.Binary, p.Data)
		default:
			b = f.pack(b, p)
		}
	}
	return b
}

// pack appends what p completes: a packet, or one that has all its attachments
// now. What is no packet, which is how some faults are, goes as it is.
func (f *framer) pack(b []byte, p engineio.Packet) []byte {
	if p.Binary {
		if f.parts = append(f.parts, p.Data); len(f.parts) < f.waits.Attachments {
			return b
		}
		if f.waits.Attachments == 0 {
			f.parts = nil
			return websocket.AppendFrame(b, websocket.Binary, p.Data)
		}
	} else {
		s, err := socketio.Parse(p.Data, socketio.DefaultMaxAttachments)
		if err != nil {
			return websocket.AppendFrame(b, websocket.Binary, p.Data)
		}
		f.waits, f.parts = s, nil
		if s.Attachments > 0 {
			return b
		}
	}
	s, t := f.waits, f.waits.Type
	if t.Binary() {
		t -= socketio.BinaryEvent - socketio.Event
	}
	message, err := f.encoder.AppendPacket(nil, &msgpack.Packet{Type: int(t), Namespace: s.Namespace, ID: s.ID, Data: s.Data, Attachments: f.parts})
	if err != nil {
		message = s.Data
	}
	f.waits, f.parts = socketio.Packet{}, nil
	return websocket.AppendFrame(b, websocket.Binary, message)
}
