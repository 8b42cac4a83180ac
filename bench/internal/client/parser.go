package client

import (
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// MessagePack is spoken at the border: handlers give and get packets in the
// default encoding, which are made into the other one and back here. So all that
// is checked of a packet is checked the same way. Source: package msgpack.

// packed makes a packet, or the attachment of one, MessagePack. It returns nil
// as long as the packet waits for its attachments. The message is valid until the
// next call.
func (s *Session) packed(b []byte, attachment bool) []byte {
	if attachment {
		return s.completed(b)
	}
	p, err := socketio.Parse(b[1:], socketio.DefaultMaxAttachments)
	if err == nil && p.Attachments > 0 {
		if s.more == nil {
			s.more = &more{}
		}
		s.more.head = append(s.more.head[:0], b...)
		return nil
	}
	return s.env.packed(&p, err, nil)
}

// completed is the message of the packet that waits, if b is the last of its
// attachments.
func (s *Session) completed(b []byte) []byte {
	m := s.more
	if m == nil || len(m.head) == 0 {
		return nil // of nothing: there is no such message
	}
	p, err := socketio.Parse(m.head[1:], socketio.DefaultMaxAttachments)
	if err == nil && len(m.parts)+1 < p.Attachments {
		m.parts = append(m.parts, append([]byte(nil), b...))
		return nil
	}
	message := s.env.packed(&p, err, append(m.parts, b))
	m.head, m.parts = m.head[:0], m.parts[:0]
	return message
}

// packed makes the message of p. err is what was wrong with p; a packet of ours
// that is wrong is a fault of the program, and none is sent.
func (e *Env) packed(p *socketio.Packet, err error, attachments [][]byte) []byte {
	if err != nil {
		panic("client: a packet that is none: " + err.Error())
	}
	t := p.Type
	switch t {
	case socketio.BinaryEvent:
		t = socketio.Event
	case socketio.BinaryAck:
		t = socketio.Ack
	}
	e.bytes, err = e.pack.AppendPacket(e.bytes[:0], &msgpack.Packet{
		Type: int(t), Namespace: p.Namespace, ID: p.ID, Data: p.Data, Attachments: attachments,
	})
	if err != nil {
		panic("client: a packet that is none: " + err.Error())
	}
	return e.bytes
}

// unpack takes a packet in MessagePack, and tells it as if it had come in the
// default encoding.
func (s *Session) unpack(b []byte) {
	e := s.env
	p, err := e.parse.Packet(b, maxUnpacked)
	if err != nil {
		s.fail(BadPacket, "%v: %s", err, Quote(b))
		return
	}
	t := socketio.Type(p.Type)
	if len(p.Attachments) > 0 {
		switch t {
		case socketio.Event:
			t = socketio.BinaryEvent
		case socketio.Ack:
			t = socketio.BinaryAck
		}
	}
	e.text = socketio.AppendHead(e.text[:0], t, len(p.Attachments), string(p.Namespace), p.ID)
	e.text = append(e.text, p.Data...)
	conn, poll := s.conn, s.poll
	s.message(e.text)
	for _, a := range p.Attachments {
		if s.state == ended || s.conn != conn || s.poll != poll { // or started anew
			return
		}
		s.attachment(a)
	}
}

// maxUnpacked bounds the buffers in one packet.
const maxUnpacked = 1 << 10
