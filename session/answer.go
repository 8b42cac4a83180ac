package session

import (
	"strconv"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A call is one request of a polling client as its session's loop sees it. The
// request and body are views.
type call struct {
	from      replier
	ticket    uint32
	request   *Request
	transport Transport
	body      []byte
}

// A replier answers the calls that came from it. Answers to a ticket that is not
// its current one are dropped: the client has gone, or was answered already.
type replier interface {
	// payload answers a GET with everything in q, which is empty afterwards.
	payload(now Instant, ticket uint32, q *queue)
	// status answers with a status and no body, or with 200 and "ok".
	status(now Instant, ticket uint32, status int)
	// failure answers with one of the protocol's errors.
	failure(now Instant, ticket uint32, q *Request, f *Failure)
}

// arrive brings a call to its session, on the session's loop.
func arrive(h Host, now Instant, k *call) {
	s := h.Sessions().Find(k.request.SID)
	switch {
	case s == nil:
		k.from.failure(now, k.ticket, k.request, &Failure{Code: CodeSID, Detail: string(k.request.SID)})
	case s.transport != k.transport:
		k.from.failure(now, k.ticket, k.request, &Failure{Code: CodeRequest, Name: "TRANSPORT_MISMATCH",
			Detail: k.transport.String(), Was: s.transport.String()})
	case s.mismatch(k.request.EIO):
		k.from.failure(now, k.ticket, k.request, s.mismatched(k.request.EIO))
	case s.polling == nil: // a WebSocket's sid, without an upgrade
		k.from.failure(now, k.ticket, k.request, &Failure{Code: CodeRequest, Name: "TRANSPORT_HANDSHAKE_ERROR"})
	case string(k.request.Method) == "GET":
		s.get(now, k)
	case string(k.request.Method) == "POST":
		s.post(now, k)
	default:
		k.from.status(now, k.ticket, 405)
	}
}

// far is a connection of another loop, as a replier: every answer is carried over
// there, in a copy.
type far Conn

// hop carries a call to the loop of its session.
func (c *Conn) hop(now Instant, q *Request, t Transport, home int, body []byte) {
	r := c.req
	if !r.told {
		r.sid = append(r.sid[:0], q.SID...)
		r.home = home
		r.told = true
	}
	if c.hops < moveAfter && c.marks&markMoved == 0 {
		c.hops++
	}
	raw := append([]byte(nil), q.Raw...)
	body = append([]byte(nil), body...)
	ticket, remote, secure, state, ctx := c.ticket, q.Remote, q.Secure, q.TLS, q.Context
	c.host.Run(home, func(h Host, now Instant) {
		var p http1.Progress
		head, _, err := http1.ParseHead(raw, &p, &h.Config().HTTP)
		if err != nil { // limits were lowered in between
			(*far)(c).status(now, ticket, 400)
			return
		}
		var scratch [128]byte
		q := Request{Head: head, Remote: remote, Secure: secure, TLS: state, Context: ctx}
		q.SID, _ = http1.QueryValue(scratch[:0:64], head.Query, "sid")
		q.EIO, _ = http1.QueryValue(scratch[64:64], head.Query, "EIO")
		arrive(h, now, &call{from: (*far)(c), ticket: ticket, request: &q, transport: t, body: body})
	})
}

// announce tells the session of a POST whose body is still coming, so that a
// second one beside it, or its abortion, is noticed. One that will be refused before
// it comes to the session is none of the session's business.
func (c *Conn) announce(now Instant, h *http1.Head) {
	if string(h.Method) != "POST" {
		return
	}
	var scratch [96]byte
	transport, _ := http1.QueryValue(scratch[:0:16], h.Query, "transport")
	revision, _ := http1.QueryValue(scratch[16:16:32], h.Query, "EIO")
	if transportNamed(transport) != Polling {
		return
	}
	sid, _ := http1.QueryValue(scratch[32:32], h.Query, "sid")
	home := c.host.Home(sid)
	if home < 0 {
		return
	}
	r := c.req
	r.sid = append(r.sid[:0], sid...)
	r.home, r.post, r.told = home, true, true
	ticket := c.ticket
	if home == c.host.Index() {
		if s := c.host.Find(sid); s != nil && !s.mismatch(revision) {
			s.beginPost(now, c, ticket)
		}
		return
	}
	key, eio := string(sid), string(revision)
	c.host.Run(home, func(h Host, now Instant) {
		if s := h.Sessions().Find([]byte(key)); s != nil && !s.mismatch([]byte(eio)) {
			s.beginPost(now, (*far)(c), ticket)
		}
	})
}

// endRequest tells the session that a request will not be finished, if it knows of it. Its
// record stays, for the answer.
func (c *Conn) endRequest(now Instant, tell func(s *Session, now Instant, from replier, ticket uint32)) {
	r := c.req
	if r == nil || !r.told {
		return
	}
	sid, home, ticket := string(r.sid), r.home, c.ticket
	r.told = false
	c.ticket++ // what the session may answer is dropped
	if home == c.host.Index() {
		if s := c.host.Find([]byte(sid)); s != nil {
			tell(s, now, c, ticket)
		}
		return
	}
	c.host.Run(home, func(h Host, now Instant) {
		if s := h.Sessions().Find([]byte(sid)); s != nil {
			tell(s, now, (*far)(c), ticket)
		}
	})
}

// waiting reports whether ticket is the request that c waits for an answer to.
func (c *Conn) waiting(ticket uint32) bool {
	return c.ticket == ticket && c.req != nil && (c.state == connAnswer || c.state == connBody)
}

func (c *Conn) payload(now Instant, ticket uint32, q *queue) {
	if !c.waiting(ticket) {
		q.reset()
		return
	}
	if q.style != nil {
		c.styled(now, ticket, q)
		return
	}
	n := q.size()
	resp := http1.Response{Status: 200, ContentType: textPlain, ContentLength: int64(n)}
	if enc := c.encoding(q.compress, n); enc != identity {
		c.compressed(now, ticket, q.flat(), textPlain, enc)
		return
	}
	resp.Fields = c.packetFields(c.host.fields[:0])
	resp.Connection = c.req.persist
	o := c.output()
	o.head(&resp)
	q.payload(o)
	c.answered(now)
}

func (c *Conn) status(now Instant, ticket uint32, status int) {
	if !c.waiting(ticket) {
		return
	}
	if c.state == connBody { // answered before its end: what comes of it now is not a request
		c.req.persist = http1.ConnectionClose
	}
	if status == 200 {
		c.send(now, &http1.Response{Status: 200, ContentType: "text/html", Fields: c.packetFields(c.host.fields[:0])}, []byte("ok"))
		return
	}
	resp := http1.Response{Status: status}
	if status == 405 {
		resp.Fields = http1.AppendField(nil, "Allow", "GET, POST") // RFC 9110, section 15.5.6
	}
	c.respond(now, &resp, nil)
}

func (c *Conn) failure(now Instant, ticket uint32, q *Request, f *Failure) {
	if c.waiting(ticket) {
		c.failed(now, q, f)
	}
}

// failed answers with one of the protocol's errors: JSON, or, to an upgrade request,
// the bare text and the end of the connection.
//
// Source: Engine.IO protocol 4, "HTTP long-polling", and the reference server.
func (c *Conn) failed(now Instant, q *Request, f *Failure) {
	if f.Message == "" {
		f.Message = failureText[f.Code]
	}
	q.Wall = c.host.Wall()
	c.host.App().Refused(q, f)
	if c.form == broadcast.Stream {
		c.turnAway(now)
		return
	}
	if q.ConnectionUpgrade {
		c.req.persist = http1.ConnectionClose
		fields := c.fronted(append(c.host.fields[:0], c.host.Date()...))
		c.send(now, &http1.Response{Status: 400, ContentType: "text/html", Fields: fields}, []byte(f.Message))
		return
	}
	status := 400
	if f.Code == CodeForbidden {
		status = 403
	}
	body := append(make([]byte, 0, 64), `{"code":`...)
	body = strconv.AppendInt(body, int64(f.Code), 10)
	body = append(body, `,"message":`...)
	body = socketio.AppendString(body, f.Message)
	body = append(body, '}')
	c.respond(now, &http1.Response{Status: status, ContentType: "application/json"}, body)
}

const textPlain = "text/plain; charset=UTF-8"

// fields are the fields that every answer to an engine request has.
func (c *Conn) fields(dst []byte) []byte {
	if c.req.ie {
		dst = append(dst, "X-XSS-Protection: 0\r\n"...)
	}
	dst = append(dst, "cache-control: no-store\r\n"...)
	dst = append(dst, c.host.Date()...)
	return c.fronted(c.req.shared(dst, ""))
}

// packetFields are those of an answer that carries packets, or says that packets came: the
// application may add to these, and to the 101. The first has the cookie.
func (c *Conn) packetFields(dst []byte) []byte {
	dst = c.fields(dst)
	if k := c.host.Config().Cookie; k != nil && c.req.initial {
		dst = k.append(dst, c.req.sid)
	}
	return c.hooked(dst)
}

// respond answers the current request with a short body.
func (c *Conn) respond(now Instant, resp *http1.Response, body []byte) {
	resp.Fields = append(c.fields(c.host.fields[:0]), resp.Fields...)
	c.send(now, resp, body)
}

// send is respond without the fields that answers to engine requests have.
func (c *Conn) send(now Instant, resp *http1.Response, body []byte) {
	resp.ContentLength = int64(len(body))
	resp.Connection = c.req.persist
	o := c.output()
	o.head(resp)
	if !c.req.bare {
		o.raw(body)
	}
	c.answered(now)
}

// head adds a response head.
func (o *Output) head(resp *http1.Response) {
	n := len(o.own)
	o.own = resp.AppendHead(o.own)
	o.bytes += len(o.own) - n
}

// answered goes on after the answer to a request has been queued.
func (c *Conn) answered(now Instant) {
	last := c.req.persist == http1.ConnectionClose
	c.dropRequest()
	if last {
		c.closing(now)
		return
	}
	c.state = connIdle
	c.until(now.After(c.host.Config().IdleTimeout))
	c.resume(now)
}

func (f *far) run(g func(c *Conn, now Instant)) {
	c := (*Conn)(f)
	c.host.Run(c.host.Index(), func(_ Host, now Instant) { g(c, now) })
}

func (f *far) payload(_ Instant, ticket uint32, q *queue) {
	compress, kind := q.compress, q.contentType()
	flat := q.flat()
	f.run(func(c *Conn, now Instant) { c.flatPayload(now, ticket, flat, kind, compress) })
}

func (f *far) status(_ Instant, ticket uint32, status int) {
	f.run(func(c *Conn, now Instant) { c.status(now, ticket, status) })
}

func (f *far) failure(_ Instant, ticket uint32, q *Request, e *Failure) {
	raw := append([]byte(nil), q.Raw...)
	f.run(func(c *Conn, now Instant) {
		if !c.waiting(ticket) {
			return
		}
		var p http1.Progress
		h, _, _ := http1.ParseHead(raw, &p, &c.host.Config().HTTP)
		r := c.query(h)
		c.failed(now, &r, e)
	})
}

// flatPayload is payload for bytes that came from another loop.
func (c *Conn) flatPayload(now Instant, ticket uint32, payload []byte, kind string, compress bool) {
	if !c.waiting(ticket) {
		return
	}
	if enc := c.encoding(compress, len(payload)); enc != identity {
		c.compressed(now, ticket, payload, kind, enc)
		return
	}
	c.sendPayload(now, payload, kind, identity)
}

// sendPayload answers with a payload that is one slice, which is kept.
func (c *Conn) sendPayload(now Instant, payload []byte, kind string, enc encoding) {
	fields := c.host.fields[:0]
	if enc != identity {
		fields = http1.AppendField(fields, "Content-Encoding", enc.String())
	}
	resp := http1.Response{Status: 200, ContentType: kind, ContentLength: int64(len(payload)),
		Fields: c.packetFields(fields), Connection: c.req.persist}
	o := c.output()
	o.head(&resp)
	o.share(payload)
	c.answered(now)
}
