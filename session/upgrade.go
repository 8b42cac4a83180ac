package session

import (
	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// probe is a WebSocket that was opened with the session's id. It may take over from
// polling; a second one beside it, or one for a session that has a WebSocket
// already, is closed and changes nothing.
//
// Source: Engine.IO protocol 4, "Upgrade".
func (s *Session) probe(now Instant, c *Conn) {
	p := s.polling
	c.state = connProbe
	c.sess = s
	if p == nil || p.probing != nil || s.state == Closed || !s.host.Config().AllowUpgrades {
		c.closeProbe(now)
		return
	}
	p.probing = c
	c.until(now.After(s.host.Config().UpgradeTimeout))
}

// closeProbe closes a WebSocket that does not take over.
func (c *Conn) closeProbe(now Instant) {
	c.sess = nil
	c.closeFrame(now, websocket.StatusNone, "")
}

// probeGone is told when the probing WebSocket is no more. The session goes on
// polling.
func (s *Session) probeGone(c *Conn) {
	p := s.polling
	if p == nil || p.probing != c {
		return
	}
	c.sess = nil
	p.probing, p.kicked = nil, false
	if s.state == Closing {
		p.ended = true
		if p.get != nil {
			s.answerable()
		}
	}
}

// probeMessage is a message on the probing WebSocket. "2probe" is answered and from
// then on no GET is kept waiting, so that the client can pause its polling: the
// reference server does that every 100 ms, we do it at once. "5" makes the switch;
// clients that send it without a probe, or with a payload, are taken at their word.
// Anything else closes the WebSocket alone.
func (s *Session) probeMessage(now Instant, c *Conn, data []byte, binary bool) {
	p := s.polling
	switch {
	case binary || len(data) == 0:
	case string(data) == engineio.ProbePing:
		c.output().text([]byte(engineio.ProbePong), c.form)
		p.kicked = true
		if p.get != nil {
			s.answerable()
		}
		if h := s.host.Config().Hooks; h != nil && h.Upgrading != nil {
			h.Upgrading(s)
		}
		s.unstall(now)
		return
	case data[0] == byte(engineio.Upgrade):
		s.switchTo(now, c)
		return
	}
	s.probeGone(c)
	c.closeFrame(now, websocket.StatusNone, "")
}

// switchTo makes c the session's transport. What is queued goes out on it, and a GET
// that still waits is let go with a noop. A POST that is still being worked off goes
// first, so order holds in both directions; one whose body is still coming is lost
// and says so.
func (s *Session) switchTo(now Instant, c *Conn) {
	p := s.polling
	if p.rest != nil {
		// The client has upgraded: it is waited for by nobody but our handlers any more.
		p.switching = true
		c.until(0)
		c.pause(true)
		s.unstall(now)
		return
	}
	s.transport = WebSocket
	if c.form == broadcast.Stream {
		s.transport = WebTransport
	}
	s.publish()
	s.ws, s.polling = c, nil
	c.state = connWebSocket
	c.until(0)
	p.queue.frames(c.output(), c.form.Plain()) // which of them may be compressed is forgotten
	s.backlog.Store(0)
	if h := s.host.Config().Hooks; h != nil && h.Upgrade != nil {
		h.Upgrade(s)
	}
	// Answered only now: a request that is pipelined behind one of these comes at once.
	if from := p.get; from != nil {
		p.queue.text(noopPacket, false)
		from.payload(now, p.getTicket, &p.queue)
	}
	if from := p.postFrom; from != nil {
		from.status(now, p.postTicket, 400)
	}
	if s.state == Closing {
		s.Close(now, ForcedClose, nil)
		c.resume(now)
		return
	}
	c.unstall(now)
}
