package session

import (
	"errors"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A client that is made with socket.io-msgpack-parser is known by its first message: that
// is binary, whereas a packet of the default encoding begins with text. Nothing has been
// sent to it before that would depend on it.

// ErrNotBinary is the end of a session whose first message was binary and a later one is
// not.
var ErrNotBinary = errors.New("text where MessagePack was expected")

// buffersInMsgpack is how many buffers a packet in MessagePack may have at least,
// whatever [Config.MaxAttachments]: they are not waited for, and the reference server
// does not count them.
const buffersInMsgpack = 1024

// speaksMsgpack says whether a binary message that nobody has announced is the first of a
// client that speaks MessagePack; if so it is known from now on.
func (s *Session) speaksMsgpack() bool {
	if s.marks&markSpoken != 0 || !s.host.Config().Msgpack {
		return false
	}
	s.marks |= markSpoken | markMsgpack
	return true
}

// fromMsgpack takes a message of a client that speaks MessagePack.
func (s *Session) fromMsgpack(now Instant, data []byte, binary bool) {
	if !binary {
		s.protocolError(now, ErrNotBinary)
		return
	}
	d, args := &s.host.fromMsgpack, &s.host.args
	q, err := d.Packet(data, max(s.host.Config().MaxAttachments, buffersInMsgpack))
	p := socketio.Packet{
		Type: socketio.Type(q.Type), Attachments: len(q.Attachments), Namespace: q.Namespace, ID: q.ID, Data: q.Data,
	}
	if err == nil && p.Attachments > 0 {
		switch p.Type {
		case socketio.Event, socketio.Ack:
			p.Type += socketio.BinaryEvent - socketio.Event
		default:
			err = socketio.ErrPayload
		}
	}
	if err == nil {
		err = p.Check(args)
	}
	if err != nil {
		s.protocolError(now, err)
	} else {
		s.route(now, &p, args, q.Attachments)
	}
	args.Reset()
	d.Reset()
}

// inMsgpack is m in MessagePack, made once for all receivers; nil if that cannot be.
func (s *Session) inMsgpack(m *broadcast.Message) *broadcast.Message {
	if t, ok := m.Translation(); ok {
		return t
	}
	return m.Translated(func() *broadcast.Message {
		attachments := make([][]byte, m.Frames()-1)
		for i := range attachments {
			attachments[i] = m.Frame(i + 1).Payload()
		}
		b := s.host.encodeMsgpack(m.Frame(0).Payload(), attachments)
		if b == nil {
			return nil
		}
		return broadcast.NewFrames([]broadcast.Part{{Data: b, Binary: true}}, m.Compress())
	})
}

// packetInMsgpack sends an Engine.IO message without attachments, p, in MessagePack.
func (s *Session) packetInMsgpack(p []byte, compress bool) {
	b := s.host.encodeMsgpack(p, nil)
	if b == nil {
		return
	}
	if s.ws == nil || s.ws.form != broadcast.Wire {
		s.queue(broadcast.NewFrames([]broadcast.Part{{Data: b, Binary: true}}, compress), false)
		return
	}
	s.created(b, true)
	o := s.ws.output()
	o.binary(b)
	if o.bytes > flushEarly {
		s.host.Bulky(s.ws)
	}
}

// encodeMsgpack is the Engine.IO message p, a Socket.IO packet in the default encoding, in
// MessagePack: good until the next call. It is nil, and the application told, for what
// is no such packet.
func (t *Table) encodeMsgpack(p []byte, attachments [][]byte) []byte {
	q, err := socketio.Parse(p[len("4"):], len(attachments))
	if err == nil {
		kind := q.Type
		if kind.Binary() {
			kind -= socketio.BinaryEvent - socketio.Event
		}
		if cap(t.msgpack) > 64<<10 {
			t.msgpack = nil
		}
		t.msgpack, err = t.toMsgpack.AppendPacket(t.msgpack[:0], &msgpack.Packet{
			Type: int(kind), Namespace: q.Namespace, ID: q.ID, Data: q.Data, Attachments: attachments,
		})
	}
	if err != nil {
		t.App().Untranslatable(err)
		return nil
	}
	return t.msgpack
}

// isMessage reports whether an Engine.IO packet, type digit included, is a message.
func isMessage(p []byte) bool { return p[0] == byte(engineio.Message) }
