package session

import (
	"unicode/utf8"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/http1"
)

// This file is a connection that is no TCP connection with HTTP on it, but one stream of
// bytes with Engine.IO packets: WebTransport. Its first packet has been read by whoever
// made it, since that says which loop it belongs to.
//
// Source: Engine.IO protocol 4, "WebTransport".

// InitStream makes c the state of a stream of packets. head is the request that the stream
// was opened by, put as one of HTTP/1.1; a view. sid is the session that the stream shall
// take over, from the stream's first packet, or empty for a new one. front is what else is
// known of the request, or nil.
//
// The wire's Shutdown must end the whole connection once everything is written.
func (c *Conn) InitStream(h Host, w Wire, now Instant, head []byte, sid string, front *Front) {
	*c = Conn{host: h.Sessions(), wire: w, state: connAnswer, form: broadcast.Stream}
	cfg := c.host.Config()
	if !cfg.Transports.Has(WebTransport) {
		c.turnAway(now)
		return
	}
	if sid != "" {
		c.takeOver(now, sid)
		return
	}
	c.ticket++
	r := c.request()
	r.initial, r.front = true, front
	q := c.opening(head)
	switch {
	case q == nil || cfg.Draining:
		c.turnAway(now)
		return
	case !printable(q.Origin):
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "INVALID_ORIGIN", Detail: string(q.Origin)})
		return
	}
	q.Wall = c.host.Wall()
	v := c.host.App().Admit(c, c.ticket, q)
	if v.State == Undecided {
		r.head = append(r.head[:0], head...)
		return
	}
	c.decided(now, q, WebTransport, v)
}

// opening is the request in the head, or nil if it cannot be read.
func (c *Conn) opening(head []byte) *Request {
	var p http1.Progress
	h, n, err := http1.ParseHead(head, &p, &c.host.Config().HTTP)
	if err != nil || n == 0 {
		return nil
	}
	q := &c.req.query
	*q = c.query(h)
	q.Transport = webTransportName
	return q
}

var webTransportName = []byte(WebTransport.String())

// takeOver is a stream that names a session, as an upgrade request does.
func (c *Conn) takeOver(now Instant, sid string) {
	if s := c.host.Find([]byte(sid)); s != nil && s.revision != 3 {
		s.probe(now, c)
		return
	}
	c.turnAway(now)
}

// turnAway ends a stream that no session was made for.
func (c *Conn) turnAway(now Instant) {
	c.state = connAnswer
	c.closing(now)
}

// streamed takes one packet from the start of b. It returns 0 when there is no whole one.
func (c *Conn) streamed(now Instant, b []byte) int {
	n, size, binary, err := engineio.StreamHeader(b)
	if limit := c.host.Config().MaxPayload; err == nil && size > limit {
		err = &LimitError{Limit: "payload", Bound: int64(limit)}
	}
	if err == nil && n > 0 && !binary && size <= len(b)-n && !utf8.Valid(b[n:n+size]) {
		err = engineio.ErrPacket
	}
	switch {
	case err != nil:
		c.streamBroken(now, err)
		return len(b)
	case n == 0 || size > len(b)-n:
		return 0
	}
	c.message(now, b[n:n+size:n+size], binary)
	return n + size
}

// streamBroken ends a stream on which the next packet cannot be found.
func (c *Conn) streamBroken(now Instant, err error) {
	if s := c.sess; s != nil && s.ws == c {
		s.Close(now, ParseError, err)
	} else if s != nil {
		s.probeGone(c)
	}
	c.closing(now)
}

// streamNeed is the length of the packet that b begins with, header included, or 0 if b
// does not tell.
func streamNeed(b []byte) int {
	n, size, _, err := engineio.StreamHeader(b)
	if err != nil || n == 0 {
		return 0
	}
	return n + size
}
