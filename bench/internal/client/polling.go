package client

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/engineio"
)

// polling is HTTP long-polling: a connection on which a GET waits, and one for
// POSTs, of which one is under way at a time; what is sent meanwhile goes with
// the next. Source: Engine.IO protocol 4, "HTTP long-polling".
type polling struct {
	s      *Session
	get    channel
	post   channel
	sid    string
	body   []byte  // packets that wait for the next POST
	paused bool    // the probe is answered: no further GET
	held   []early // sent since then: the WebSocket's

	query, headers string        // what is the session's own in its requests
	began          time.Duration // when the upgrade did
}

func newPolling(s *Session) *polling {
	p := &polling{s: s}
	p.get.polling, p.post.polling = p, p
	return p
}

// close closes both connections.
func (p *polling) close() {
	p.get.close()
	p.post.close()
	p.s.env.recycle(p.body)
	p.body = nil
}

// add puts a packet into the next POST.
func (p *polling) add(packet []byte, binary bool) {
	if p.body == nil {
		p.body = p.s.env.buffer()
	}
	if p.s.env.Config.old() {
		p.add3(packet, binary)
		return
	}
	if len(p.body) > 0 {
		p.body = append(p.body, engineio.Separator)
	}
	if binary {
		p.body = engineio.AppendBinary(p.body, packet)
	} else {
		p.body = append(p.body, packet...)
	}
}

// add3 is add for protocol 3.
func (p *polling) add3(packet []byte, binary bool) {
	if binary {
		e := p.s.env
		e.bytes = engineio.AppendBase64(e.bytes[:0], packet)
		packet = e.bytes
	}
	p.body = engineio.AppendPacket3(p.body, packet)
}

// flush posts what waits, unless a POST is under way or the session is corked.
func (p *polling) flush() {
	if len(p.body) == 0 || p.post.busy || p.s.env.corked == p.s || p.sid == "" {
		return
	}
	p.post.request(p.body)
	p.body = p.body[:0]
}

// got takes the response to a GET.
func (p *polling) got(r *response) {
	s := p.s
	if r.status != 200 {
		if s.state != leaving { // else the server has forgotten the session
			s.refusal(r)
		}
		return
	}
	before, at := s.env.cork(s)
	payload := engineio.NewPayload(r.body)
	if s.env.Config.old() {
		payload = engineio.NewPayload3(r.body, bytes.EqualFold(r.header("Content-Type"), []byte("application/octet-stream")))
	}
	for s.state != ended && s.poll == p {
		packet, ok, err := payload.Next()
		if err != nil {
			if s.state == opening {
				s.fail(NotSocketIO, "%s answered %s, body %s", s.env.Config.Target, r.line, Quote(r.body))
			} else {
				s.fail(BadPacket, "%v in the payload %s", err, Quote(r.body))
			}
			break
		}
		if !ok {
			break
		}
		s.packet(packet)
	}
	s.env.uncork(s, before, at)
}

// posted takes the response to a POST.
func (p *polling) posted(r *response) {
	if r.status != 200 {
		if p.s.state != leaving {
			p.s.refusal(r)
		}
		return
	}
	if !bytes.EqualFold(r.body, []byte("ok")) { // python-engineio shouts
		p.s.fail(Unexpected, "POST answered %s", Quote(r.body))
	}
}

// proceed decides what comes after a response, or after the end of an idle
// connection.
func (p *polling) proceed() {
	s := p.s
	if s.state == ended || s.poll != p {
		return
	}
	p.flush()
	if s.state == leaving {
		// A server that took the close packet answers the GET that waits, too.
		if !p.post.busy && !p.get.busy && len(p.body) == 0 {
			s.end(nil)
		}
		return
	}
	if p.paused {
		p.maySwitch()
		return
	}
	if !p.get.busy {
		p.get.request(nil)
	}
}

// maySwitch ends polling in favour of the probed WebSocket, once neither a GET
// nor a POST is under way. Source: Engine.IO protocol 4, "Upgrade".
func (p *polling) maySwitch() {
	s := p.s
	if p.get.busy || p.post.busy {
		return
	}
	if len(p.body) > 0 {
		p.flush()
		return
	}
	p.close()
	s.poll = nil
	s.env.Upgraded.Record(s.env.Loop.Now() - p.began)
	s.Batch(func() {
		s.send([]byte(engineio.UpgradePacket), false)
		for _, e := range p.held {
			s.put(e.data, e.binary)
		}
		s.setReady()
	})
}

// A channel is one of the two HTTP connections of a polling session. It is
// opened with its first request and again when the server has closed it.
type channel struct {
	polling *polling
	conn    *reactor.Conn // nil when there is none
	wire    []byte        // the request under way
	carry   []byte        // the start of its response
	open    bool
	busy    bool // a request is under way
	reused  bool // not the first request on this connection
}

// begin opens the connection; the first GET follows on it.
func (h *channel) begin() {
	h.busy = true
	h.dial()
}

// request sends a GET, or with a body a POST.
func (h *channel) request(body []byte) {
	h.compose(body)
	h.busy = true
	if h.open {
		h.reused = true
		h.conn.Write(h.wire)
		return
	}
	h.dial()
}

// compose makes the request.
func (h *channel) compose(body []byte) {
	s := h.polling.s
	config := s.env.Config
	b := h.wire[:0]
	if body == nil {
		b = append(b, "GET "...)
	} else {
		b = append(b, "POST "...)
	}
	b = append(append(b, config.Target...), h.polling.query...)
	b = append(b, "&transport=polling"...)
	if config.old() {
		b = append(b, "&b64=1"...) // bytes come as text, then
	}
	if h.polling.sid != "" {
		b = append(append(b, "&sid="...), h.polling.sid...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, config.Host...)
	b = append(b, "\r\n"...)
	b = append(append(b, config.headers...), h.polling.headers...)
	if body != nil {
		b = fmt.Appendf(b, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	b = append(b, "\r\n"...)
	h.wire = append(b, body...)
}

func (h *channel) dial() {
	env := h.polling.s.env
	h.open, h.reused = false, false
	h.conn = env.Loop.Dial(env.Config.Addr, h)
	if p := h.polling; p.s.paused && h == &p.get {
		h.conn.Pause()
	}
}

func (h *channel) close() {
	if h.conn != nil {
		h.conn.Close()
		h.conn = nil
	}
	h.polling.s.env.recycle(h.carry)
	h.carry, h.open, h.busy = nil, false, false
}

func (h *channel) Opened(c *reactor.Conn) {
	h.open = true
	if len(h.wire) == 0 { // the first of the session
		p, ok := h.polling, false
		if p.query, p.headers, ok = p.s.dressed(); !ok {
			return
		}
		h.compose(nil)
	}
	c.Write(h.wire)
}

func (h *channel) Data(_ *reactor.Conn, b []byte) {
	if len(h.carry) > 0 {
		h.carry = append(h.carry, b...)
		b = h.carry
	}
	if h.respond(b, false) {
		return
	}
	if len(h.carry) == 0 && h.conn != nil {
		h.carry = append(h.polling.s.env.buffer(), b...)
	}
}

// respond takes the response in b and says whether there was a whole one, or
// the session ended.
func (h *channel) respond(b []byte, over bool) bool {
	p := h.polling
	s := p.s
	if !h.busy {
		s.fail(BadHTTP, "a response to no request: %s", Quote(b))
		return true
	}
	r, n, err := parseResponse(b, over)
	if err != nil {
		name := BadHTTP
		if s.state == opening {
			name = NotSocketIO
		}
		s.fail(name, "%v: the server sent %s", err, Quote(b))
		return true
	}
	if n == 0 {
		return false
	}
	if n < len(b) {
		s.fail(BadHTTP, "bytes behind a response: %s", Quote(b[n:]))
		return true
	}
	h.busy = false
	if r.close {
		h.conn.Close()
		h.conn, h.open = nil, false
	}
	if h == &p.get {
		p.got(&r)
	} else {
		p.posted(&r)
	}
	s.env.recycle(h.carry)
	h.carry = nil
	p.proceed()
	return true
}

// Closed opens the connection again if the server closed it while no request was
// under way, or at the moment one was sent on it. Source: RFC 9112, section
// 9.3.1.
func (h *channel) Closed(_ *reactor.Conn, err error) {
	h.conn, h.open = nil, false
	if !h.busy {
		return
	}
	if len(h.carry) > 0 && err == io.EOF {
		if h.respond(h.carry, true) {
			return
		}
		h.polling.s.fail(BadHTTP, "the server closed in the middle of %s", Quote(h.carry))
		return
	}
	if h.reused && len(h.carry) == 0 && h.polling.s.state != leaving {
		h.dial()
		return
	}
	h.polling.s.lost(err)
}
