package session

import (
	"errors"
	"io"

	"github.com/e6a90ca8/sio/codec/engineio"
)

// polling is what a session has while its transport is long-polling.
type polling struct {
	queue queue

	get       replier // the GET that waits for packets, or nil
	getTicket uint32

	answered       replier // the GET that was answered last, or nil
	answeredTicket uint32

	postTicket uint32
	postFrom   replier // the POST whose body is coming or not used up yet, or nil
	rest       []byte  // of its payload, a copy, while the inbox of a socket is full, or the queue
	binary     bool    // rest is of revision 3's binary kind

	probing   *Conn // a WebSocket that may take over
	kicked    bool  // the probe was answered: no GET is kept waiting any more
	switching bool  // it is to take over as soon as rest has been worked off
	ended     bool  // the answer behind what is queued is the close packet
}

// queued asks for the waiting GET to be answered at the end of the turn, or holds the
// queue to its limit. What one turn has for a GET that waits is no backlog, as what it
// has for a WebSocket is none.
func (s *Session) queued() {
	p := s.polling
	s.backlog.Store(saturated(p.queue.bytes))
	if p.get != nil {
		s.answerable()
		return
	}
	// Nor is one packet longer than the limit.
	if limit := s.host.Config().HardLimit; p.queue.bytes-p.queue.longest > limit {
		s.evict(limit)
	}
}

func (s *Session) answerable() {
	if s.marks&markAnswerable == 0 {
		s.marks |= markAnswerable
		s.host.Answerable(s)
	}
}

// FlushPolling answers the waiting GET, if there is something to say.
func (s *Session) FlushPolling(now Instant) {
	s.marks &^= markAnswerable
	p := s.polling
	if p == nil || p.get == nil || s.state == Closed {
		return
	}
	last := false
	if p.queue.empty() {
		if !p.kicked && !p.ended {
			return
		}
		// A client that is about to pause, or to go, must get its GET back.
		p.queue.text(noopPacket, false)
		// The close packet never goes with messages: clients look at it first, and would
		// take a DISCONNECT beside it for a broken connection.
		if last = p.ended; last {
			p.queue.text(closePacket, false)
		}
	}
	from, ticket := p.get, p.getTicket
	p.get, p.answered, p.answeredTicket = nil, from, ticket
	s.flushing()
	s.backlog.Store(0)
	if last {
		// Closed first: a request that is pipelined behind this one comes with the answer.
		s.drained()
		s.Close(now, ForcedClose, nil)
		from.payload(now, ticket, &p.queue)
		return
	}
	from.payload(now, ticket, &p.queue)
	s.drained()
	s.unstall(now)
}

var closePacket = []byte{byte(engineio.Close)}

// get is a GET: the client wants packets, and waits for them.
func (s *Session) get(now Instant, k *call) {
	p := s.polling
	if p.get != nil {
		s.Close(now, TransportError, ErrOverlap)
		k.from.status(now, k.ticket, 400)
		return
	}
	p.get, p.getTicket = k.from, k.ticket
	if !p.queue.empty() || p.kicked || p.ended {
		s.answerable()
	}
}

// beginPost is a POST whose body has not come whole.
func (s *Session) beginPost(now Instant, from replier, ticket uint32) {
	p := s.polling
	if p == nil {
		return // its end will be refused as a mismatch
	}
	if p.postFrom != nil {
		s.Close(now, TransportError, ErrOverlap)
		from.status(now, ticket, 400)
		return
	}
	p.postFrom, p.postTicket = from, ticket
}

// post is a whole POST: packets from the client.
func (s *Session) post(now Instant, k *call) {
	p := s.polling
	switch {
	case p.postFrom != nil && (p.postFrom != k.from || p.postTicket != k.ticket):
		s.Close(now, TransportError, ErrOverlap)
		k.from.status(now, k.ticket, 400)
		return
	case binaryType(k.request.ContentType) && s.revision != 3:
		p.postFrom = nil
		s.Close(now, TransportError, ErrContentType)
		k.from.status(now, k.ticket, 400)
		return
	}
	p.postFrom, p.postTicket = k.from, k.ticket
	body := k.body
	p.binary = binaryType(k.request.ContentType)
	if p.queue.style != nil && p.queue.style.jsonp {
		p.binary = false
		var ok bool
		if body, ok = posted(body); !ok {
			s.finishPost(now, p, 200)
			return
		}
	}
	s.feed(now, body, false)
}

// binaryType reports whether the content type is that of protocol 3's binary
// payloads.
func binaryType(contentType []byte) bool {
	return string(contentType) == "application/octet-stream"
}

// feed works off a payload, and answers its POST when it is done. It stops while a
// socket's inbox is full, or the queue: the answer waits too, and with it the client.
func (s *Session) feed(now Instant, body []byte, kept bool) {
	p := s.polling
	payload := engineio.NewPayload(body)
	if s.revision == 3 {
		payload = engineio.NewPayload3(body, p.binary)
	}
	for s.state == Open || s.state == Closing { // closing: take drops all but the client's close
		if rest, more := payload.Rest(); s.stalls > 0 || s.crowded(len(rest)) {
			if !more {
				break
			}
			if !kept {
				rest = append(make([]byte, 0, len(rest)), rest...)
			}
			p.rest = rest
			return
		}
		pkt, ok, err := payload.Next()
		if err != nil {
			s.Close(now, ParseError, err) // which refuses the POST
			return
		}
		if !ok {
			break
		}
		if pkt.Type == engineio.Close {
			get := p.get
			p.get = nil
			s.leave(now, p)
			if get != nil {
				// The GET is ended with a noop, not with a close packet.
				p.queue.reset()
				p.queue.text(noopPacket, false)
				get.payload(now, p.getTicket, &p.queue)
			}
			return
		}
		s.take(now, pkt)
	}
	s.finishPost(now, p, 200)
	if p.switching && p == s.polling {
		s.switchTo(now, p.probing)
	}
}

// crowded reports whether the rest of a POST, n bytes, must wait for a GET: the client
// is behind with those, and answers as long as what it sends would not fit in its
// queue. Without that a client that is only busy, and cuts its POSTs as it was told,
// would be evicted for the echo of what it sent. One that is about to upgrade sends no
// GET any more, and waits for this POST.
func (s *Session) crowded(n int) bool {
	p := s.polling
	return p.queue.bytes > 0 && p.queue.bytes+n > s.host.Config().HardLimit &&
		s.state == Open && !p.kicked && !p.switching
}

// unstall goes on with what waited for a full inbox, or for room in the queue.
func (s *Session) unstall(now Instant) {
	if s.stalls > 0 || s.state == Closed {
		return
	}
	if p := s.polling; p != nil {
		if rest := p.rest; rest != nil {
			p.rest = nil
			s.feed(now, rest, true)
		}
		return
	}
	if s.ws != nil {
		s.ws.unstall(now)
	}
}

// leave ends the session as its client has asked for by a POST, which is answered behind
// that: what is pipelined behind it finds no session.
func (s *Session) leave(now Instant, p *polling) {
	from := p.postFrom
	p.postFrom = nil
	s.Close(now, TransportClose, nil)
	if from != nil {
		from.status(now, p.postTicket, 200)
	}
}

func (s *Session) finishPost(now Instant, p *polling, status int) {
	from, ticket := p.postFrom, p.postTicket
	p.postFrom, p.rest = nil, nil
	if from != nil {
		from.status(now, ticket, status)
	}
}

// withdrawn is told when the body of a POST was too long.
func (s *Session) withdrawn(_ Instant, from replier, ticket uint32) {
	if p := s.polling; p != nil && p.postFrom == from && p.postTicket == ticket {
		p.postFrom = nil
	}
}

// aborted is told when a request's connection has gone before its answer, or its body
// could not be read.
func (s *Session) aborted(now Instant, from replier, ticket uint32) {
	p := s.polling
	if p == nil {
		return
	}
	switch {
	case p.get == from && p.getTicket == ticket:
		p.get = nil
	case p.postFrom == from && p.postTicket == ticket:
		p.postFrom, p.rest = nil, nil
	case p.answered == from && p.answeredTicket == ticket:
		// The answer was still on its way, being compressed or to another loop: what was in
		// it is lost, and the session must not go on with a gap.
	default:
		return
	}
	s.Close(now, TransportError, ErrAborted)
}

// shutPolling begins a graceful close: what is queued is answered first, to the GET
// that waits or the next one, and the GET behind it gets a noop and the close packet.
// When nothing is queued a GET that waits gets the close packet alone.
//
// Source: the reference server.
func (s *Session) shutPolling(now Instant) {
	p := s.polling
	if p.probing != nil {
		return // the upgrade may finish first; it closes then
	}
	if p.get != nil && p.queue.empty() {
		s.Close(now, ForcedClose, nil) // which answers it with the close packet
		return
	}
	p.ended = true
	if p.get != nil {
		s.answerable()
	}
}

// endPolling answers what waits when the session has ended.
func (s *Session) endPolling(now Instant, r Reason) {
	p := s.polling
	s.polling = nil
	if c := p.probing; c != nil {
		p.probing = nil
		c.closeProbe(now)
	}
	if from := p.get; from != nil {
		p.get = nil
		p.queue.reset()
		p.queue.text(closePacket, false)
		from.payload(now, p.getTicket, &p.queue)
	}
	if from := p.postFrom; from != nil {
		p.postFrom = nil
		from.status(now, p.postTicket, 400)
	}
}

// peerLeft reports whether err, of a connection that was closed, means that the
// peer closed it.
func peerLeft(err error) bool { return err == nil || errors.Is(err, io.EOF) }
