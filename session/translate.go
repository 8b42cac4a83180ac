package session

import (
	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A Translator stands between clients that encode Socket.IO packets in another way
// and the sessions, which know the default one: see [Config.Translator]. Its methods
// may be called by any goroutine.
type Translator interface {
	// Outbound translates a packet: the message holds it in the default encoding. The
	// result is sent in its place, and kept with the message for its other receivers.
	Outbound(m *broadcast.Message) (*broadcast.Message, error)
	// Inbound makes the state of one connection.
	Inbound() Inbound
}

// Inbound translates the messages of one client. It belongs to the loop.
type Inbound interface {
	// Add takes a message, a view. When it completes a packet, that is returned in the
	// default encoding, whole, with its attachments; all views, valid until the next
	// call. Until then text is nil.
	Add(data []byte, binary bool) (text []byte, attachments [][]byte, err error)
	// Close lets go of a packet that is not complete.
	Close()
}

// translate takes a message of a client that encodes in another way.
func (s *Session) translate(now Instant, data []byte, binary bool) {
	more := s.extend()
	if more.inbound == nil {
		more.inbound = s.host.Config().Translator.Inbound()
	}
	text, attachments, err := more.inbound.Add(data, binary)
	if err != nil {
		s.protocolError(now, err)
		return
	}
	if text == nil {
		return
	}
	// Of what comes from outside the default encoding everything is checked again.
	p, err := socketio.Parse(text, s.host.Config().MaxAttachments)
	args := &s.host.args
	if err == nil {
		err = p.Check(args)
	}
	if err == nil && p.Attachments != len(attachments) {
		err = socketio.ErrAttachments
	}
	if err != nil {
		args.Reset()
		s.protocolError(now, err)
		return
	}
	s.route(now, &p, args, attachments)
	args.Reset()
}

// translated is m as the session's client wants it; nil if it cannot be put that way.
func (s *Session) translated(m *broadcast.Message) *broadcast.Message {
	if s.marks&markMsgpack != 0 {
		return s.inMsgpack(m)
	}
	t := s.host.Config().Translator
	if t == nil {
		return m
	}
	if done, ok := m.Translation(); ok {
		return done
	}
	return m.Translated(func() *broadcast.Message {
		out, err := t.Outbound(m)
		if err != nil {
			s.host.App().Untranslatable(err)
			return nil
		}
		return out
	})
}

// translatedPacket sends an Engine.IO message in the client's encoding. It reports
// false if it is no message, or the client's encoding is the default one.
func (s *Session) translatedPacket(p []byte, compress bool) bool {
	msgpack := s.marks&markMsgpack != 0
	if !msgpack && s.host.Config().Translator == nil || !isMessage(p) {
		return false
	}
	if msgpack {
		s.packetInMsgpack(p, compress)
		return true
	}
	buf := append(make([]byte, broadcast.HeaderSpace, broadcast.HeaderSpace+len(p)), p...)
	s.message(broadcast.NewMessage(buf, nil, compress), false)
	return true
}

func (s *Session) dropInbound() {
	if s.more != nil && s.more.inbound != nil {
		s.more.inbound.Close()
		s.more.inbound = nil
	}
}
