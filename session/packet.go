package session

import (
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// receive takes one WebSocket message: an Engine.IO packet, or an attachment.
func (s *Session) receive(now Instant, data []byte, binary bool) {
	var pkt engineio.Packet
	var err error
	switch {
	case s.revision == 3:
		pkt, err = parse3(data, binary)
	case binary:
		pkt = engineio.Packet{Type: engineio.Message, Binary: true, Data: data}
	default:
		pkt, err = engineio.Parse(data)
	}
	if err != nil {
		s.Close(now, ParseError, err)
		return
	}
	if pkt.Type == engineio.Close {
		// The reference server ignores it on a WebSocket; its client means it.
		s.Close(now, TransportClose, nil)
		return
	}
	s.take(now, pkt)
}

// take works on one Engine.IO packet.
//
// Source: Engine.IO protocol 4, "Packet encoding", and the reference server.
func (s *Session) take(now Instant, pkt engineio.Packet) {
	if s.state != Open {
		return
	}
	if h := s.host.Config().Hooks; h != nil && h.Packet != nil {
		h.Packet(s, byte(pkt.Type), pkt.Data, pkt.Binary)
	}
	if s.marks&markAwaitsPong != 0 && s.heard == 0 {
		s.hear(now, pkt.Type)
	}
	switch pkt.Type {
	case engineio.Message:
		switch {
		case s.marks&markMsgpack != 0:
			s.fromMsgpack(now, pkt.Data, pkt.Binary)
		case s.host.Config().Translator != nil:
			s.translate(now, pkt.Data, pkt.Binary)
		case pkt.Binary:
			s.attachment(now, pkt.Data)
		default:
			s.text(now, pkt.Data)
		}
	case engineio.Pong:
		if s.revision == 3 {
			s.Close(now, TransportError, ErrHeartbeatDirection)
			return
		}
		s.pong(now)
	case engineio.Ping:
		if s.revision == 3 {
			s.ping(now)
			return
		}
		s.Close(now, TransportError, ErrHeartbeatDirection)
	}
	// The other types have no meaning here, and do no harm.
}

// text works on one Socket.IO packet.
//
// Source: Socket.IO protocol 5, "Exchange protocol".
func (s *Session) text(now Instant, data []byte) {
	s.marks |= markSpoken
	if s.partial() != nil {
		s.protocolError(now, ErrAwaited)
		return
	}
	p, err := socketio.Parse(data, s.host.Config().MaxAttachments)
	if err != nil {
		s.protocolError(now, err)
		return
	}
	args := &s.host.args
	if err := p.Check(args); err != nil {
		args.Reset()
		s.protocolError(now, err)
		return
	}
	if p.Attachments > 0 {
		args.Reset()
		s.await(now, data, p.Attachments)
		return
	}
	s.route(now, &p, args, nil)
	args.Reset()
}

// route brings a packet to its socket.
func (s *Session) route(now Instant, p *socketio.Packet, args *socketio.Args, attachments [][]byte) {
	if s.revision == 3 && !s.address(now, p) {
		return
	}
	k := s.socket(p.Namespace)
	if k == nil && p.Type == socketio.Connect {
		s.bid(now, p.Namespace, p.Data)
		return
	}
	if k == nil || k.state != Joined {
		s.WrongState(now)
		return
	}
	switch p.Type {
	case socketio.Event, socketio.BinaryEvent:
		// Kept in the table: the interface call would move it to the heap each time.
		s.host.Count.Events++
		e := &s.host.event
		e.Name, e.ID, e.Args, e.Attachments = s.eventName(args), p.ID, args, attachments
		s.host.app.Event(now, k, e)
		e.Name, e.Args, e.Attachments = nil, nil, nil
	case socketio.Ack, socketio.BinaryAck:
		k.acked(p.ID, args, attachments)
	case socketio.Disconnect:
		k.end(now, ClientNamespaceDisconnect, nil)
	default:
		s.WrongState(now)
	}
}

// eventName is the name in args, which were checked: it cannot fail.
func (s *Session) eventName(args *socketio.Args) []byte {
	name, escaped, _ := args.EventName()
	if !escaped {
		return name
	}
	t := s.host
	t.name, _ = socketio.Unquote(t.name[:0], args.At(0))
	return t.name
}

// WrongState ends the session over a packet that its state forbids: a second
// CONNECT to one namespace, a packet for a namespace that was not joined.
func (s *Session) WrongState(now Instant) {
	s.Shut(now, ForcedServerClose, ErrPacketState)
}

// protocolError ends the session over something that is not a Socket.IO packet.
// Every socket hears of the error first.
//
// Source: the reference server, which closes with this reason.
func (s *Session) protocolError(now Instant, err error) {
	err = limited(s.host.Config(), err)
	for k := s.sockets; k != nil; k = k.next {
		if k.state == Joined {
			s.host.App().Failed(k, err)
		}
	}
	s.Shut(now, ForcedClose, err)
}

// A partial is a packet whose attachments are coming. Its memory is used again.
type partial struct {
	buf   []byte // the packet's text, then its attachments
	ends  []int  // in buf: of the text, and of each attachment that has come
	want  int    // attachments
	bound Instant
	parts [][]byte
	args  socketio.Args
}

func (p *partial) reset() {
	clear(p.parts)
	p.args.Reset()
	if cap(p.buf) > 64<<10 {
		p.buf = nil
	}
	*p = partial{buf: p.buf[:0], ends: p.ends[:0], parts: p.parts[:0], args: p.args}
}

// await keeps a packet until its attachments have come.
//
// Source: Socket.IO protocol 5, "Packet encoding"; the bounds in bytes and time are
// ours, the reference server has only one on the number.
func (s *Session) await(now Instant, text []byte, n int) {
	p := s.host.partial()
	p.buf = append(p.buf, text...)
	p.ends = append(p.ends, len(p.buf))
	p.want = n
	p.bound = now.After(s.host.Config().BinaryTimeout)
	s.extend().partial = p
	s.host.Schedule(s, p.bound)
}

// attachment takes a binary message.
func (s *Session) attachment(now Instant, data []byte) {
	p := s.partial()
	if p == nil {
		if s.speaksMsgpack() {
			s.fromMsgpack(now, data, true)
			return
		}
		s.protocolError(now, ErrNotAwaited)
		return
	}
	// The text is not counted: one attachment may be as long as any message.
	if limit := s.host.Config().MaxPayload; len(data) > limit-min(len(p.buf)-p.ends[0], limit) {
		s.protocolError(now, &LimitError{Limit: "attachment bytes", Bound: int64(limit)})
		return
	}
	p.buf = append(p.buf, data...)
	p.ends = append(p.ends, len(p.buf))
	if len(p.ends) <= p.want {
		return
	}
	s.more.partial = nil
	from := p.ends[0]
	for _, to := range p.ends[1:] {
		p.parts = append(p.parts, p.buf[from:to:to])
		from = to
	}
	pkt, err := socketio.Parse(p.buf[:p.ends[0]], p.want)
	if err == nil {
		err = p.args.Parse(pkt.Data)
	}
	if err != nil { // it was parsed before: this cannot be
		s.protocolError(now, err)
	} else {
		s.route(now, &pkt, &p.args, p.parts)
	}
	s.host.freePartial(p)
}

func (s *Session) dropPartial() {
	s.dropInbound()
	if p := s.partial(); p != nil {
		s.more.partial = nil
		s.host.freePartial(p)
	}
}
