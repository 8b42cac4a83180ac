package session

import (
	"bytes"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A request is one HTTP request to the engine while the connection works on it: as
// long as its body is coming, and then until it is answered.
type request struct {
	progress http1.Progress // how far its head has been looked at, while that has not come whole
	head     []byte         // a copy of the raw head, where it is needed after the call that parsed it; else empty
	body     []byte         // what has come of a body that did not come whole
	decoder  http1.Body
	seen     int     // len(body) when it was last looked at
	end      Instant // by when it must have come

	sid  []byte // a copy; empty for a handshake
	home int    // the loop that owns the session; the connection's own for a handshake
	post bool
	bare bool // a HEAD: its answer has no body, RFC 9110 section 9.3.2
	told bool // the session knows of this request, so it must hear of its end

	front   *Front    // what another HTTP server tells of it; nil if none has seen it
	query   Request   // as it is shown to others: here, or their interfaces would move it to the heap
	names   [256]byte // of its parameters, where they had to be decoded
	persist http1.Connection
	coding  encoding // that the client likes best for a payload
	ie      bool     // a user agent that wants X-XSS-Protection
	initial bool     // the handshake

	cors      []byte // fields of every response
	vary      string // request fields that cors hangs on
	preflight bool   // to be answered with cors alone
	foreign   bool   // of a page that may open no WebSocket
}

var errRequestTimeout = &http1.Error{Status: 408, Text: "request timeout"}

// head takes a request head from the start of b, and the body too if it is there.
func (c *Conn) head(now Instant, b []byte) int {
	cfg := c.host.Config()
	h, n, err := http1.ParseHead(b, &c.request().progress, &cfg.HTTP)
	if err != nil {
		c.refuse(now, err)
		return len(b)
	}
	if n == 0 {
		return 0
	}
	if !cfg.Serves(h.Target) || cfg.Fronted && c.req.front == nil {
		return c.foreign(now, &h, b)
	}
	if (h.ConnectionUpgrade || c.hops >= moveAfter) && c.moved(now, &h, b) {
		return len(b)
	}
	c.ticket++
	if cfg.CORS != nil {
		c.cors(cfg.CORS, &h)
	}
	body, err := http1.NewBody(&h, int64(cfg.MaxPayload))
	if err != nil {
		c.refuse(now, err)
		return len(b)
	}
	if h.ConnectionUpgrade && !body.Done() {
		c.refuse(now, errUpgradeBody)
		return len(b)
	}
	if view, ok := body.Whole(b[n:]); ok {
		c.serve(now, &h, view)
		return n + len(view)
	}
	if h.Expect100 {
		c.output().raw([]byte(http1.Continue))
	}
	r := c.request()
	r.head = append(r.head[:0], h.Raw...)
	r.decoder = body
	c.state = connBody
	r.end = now.After(cfg.BodyTimeout)
	c.until(earlier(r.end, now.After(slowBody)))
	c.announce(now, &h)
	if c.state != connBody { // the announcement has failed: two requests at once
		return len(b)
	}
	return n + c.body(now, b[n:])
}

// A body of which less than slowBytes come in slowBody is not worth waiting for.
const (
	slowBody  = 10 * time.Second
	slowBytes = 10 << 10
)

// flows reports whether the body that is coming has come fast enough since this was last
// asked, and asks for more.
func (c *Conn) flows(now Instant) bool {
	r := c.req
	if now >= r.end || len(r.body)-r.seen < slowBytes {
		return false
	}
	r.seen = len(r.body)
	c.until(earlier(r.end, now.After(slowBody)))
	return true
}

var errUpgradeBody = &http1.Error{Status: 400, Text: "upgrade request with a body"}

// body takes more of a request body.
func (c *Conn) body(now Instant, b []byte) int {
	r := c.req
	if r.body == nil {
		r.body = c.host.Buffer(min(len(b), c.host.Config().MaxPayload))
	}
	body, n, done, err := r.decoder.Next(r.body, b)
	r.body = body
	if err == http1.ErrBodyTooLarge {
		// The session goes on, as it does when the length was announced.
		c.endRequest(now, (*Session).withdrawn)
	}
	if err != nil {
		c.refuse(now, err)
		return len(b)
	}
	if !done {
		return n
	}
	// The head was parsed once already: this cannot fail.
	var p http1.Progress
	h, _, _ := http1.ParseHead(r.head, &p, &c.host.Config().HTTP)
	c.serve(now, &h, r.body)
	return n
}

// request is the record of the current request.
func (c *Conn) request() *request {
	if c.req == nil {
		c.req = c.host.request()
		c.req.home = c.host.Index()
	}
	return c.req
}

func (c *Conn) dropRequest() {
	if r := c.req; r != nil {
		c.req = nil
		if r.body != nil {
			c.host.Release(r.body)
		}
		c.host.freeRequest(r)
	}
}

// foreign deals with a request that is not for the engine.
func (c *Conn) foreign(now Instant, h *http1.Head, b []byte) int {
	if c.out != nil { // answers to earlier requests go first
		c.Flush(now)
	}
	if c.state == connDead {
		return len(b)
	}
	if c.wire.Buffered() > 0 {
		c.dropRequest()
		c.state = connIdle // its head is read again when they are taken
		c.behind(now)
		c.pause(true)
		return 0
	}
	if c.host.Foreign(c, b) {
		c.dropRequest()
		c.bury()
		return len(b)
	}
	c.ticket++
	r := c.request()
	r.persist = http1.ConnectionClose // its body, if any, is not read
	c.state = connAnswer
	if c.host.Config().Serves(h.Target) {
		c.unavailable(now) // it is ours, but who stands before us has no time
	} else {
		c.respond(now, &http1.Response{Status: 404}, nil)
	}
	return len(b)
}

// refuse answers a request that could not be read, and closes: where the next
// request begins is not known.
func (c *Conn) refuse(now Instant, err error) {
	status := 400
	if e, ok := err.(*http1.Error); ok {
		status = e.Status
	}
	if c.state == connBody {
		c.endRequest(now, (*Session).aborted)
	}
	c.state = connAnswer
	c.request().persist = http1.ConnectionClose
	c.respond(now, &http1.Response{Status: status}, nil)
}

// Reject answers a client that does not speak HTTP here, of which nothing was received,
// with a status and a line of text, and closes; with status 0 it says nothing.
func (c *Conn) Reject(now Instant, status int, text string) {
	if c.state != connHead {
		return
	}
	if status == 0 {
		c.closing(now)
		return
	}
	c.state = connAnswer
	c.ticket++
	c.request().persist = http1.ConnectionClose
	body := append([]byte(text), '\n')
	c.respond(now, &http1.Response{Status: status, ContentType: textPlain}, body)
}

// serve works on a whole request. h and body are views.
func (c *Conn) serve(now Instant, h *http1.Head, body []byte) {
	r, cfg := c.request(), c.host.Config()
	q := c.describe(h)
	r.persist = h.Persistence()
	r.post = string(h.Method) == "POST"
	r.bare = string(h.Method) == "HEAD"
	r.coding = payloadCodings[1+http1.PreferredEncoding(h.AcceptEncoding, "gzip", "deflate")]
	r.ie = bytes.Contains(h.UserAgent, []byte(";MSIE")) || bytes.Contains(h.UserAgent, []byte("Trident/"))
	r.initial = len(q.SID) == 0
	if hooks := cfg.Hooks; hooks != nil && hooks.Headers != nil && len(r.head) == 0 {
		r.head = append(r.head, h.Raw...)
	}
	c.state = connAnswer
	c.until(0)

	if r.preflight {
		c.allowed(now, cfg.CORS.Status)
		return
	}
	if cfg.Client != nil {
		if name := cfg.Client.clientFile(h); name >= 0 {
			c.file(now, q, cfg.Client, name)
			return
		}
	}
	c.engine(now, q, body)
}

// payloadCodings are those of payloads, by one more than their place in the order in which
// they are offered.
var payloadCodings = [...]encoding{identity, gzipped, deflated}

// describe makes the request as it is shown to others. h is a view, and so is what it
// returns.
func (c *Conn) describe(h *http1.Head) *Request {
	r := c.req
	q := &r.query
	*q = c.query(*h)
	q.Transport, _ = http1.QueryValue(r.names[:0:96], h.Query, "transport")
	q.SID, _ = http1.QueryValue(r.names[96:96:192], h.Query, "sid")
	q.EIO, _ = http1.QueryValue(r.names[192:192], h.Query, "EIO")
	return q
}

// reread is describe for a request that has waited, of which a copy of the head was kept.
func (c *Conn) reread() *Request {
	var p http1.Progress
	h, _, _ := http1.ParseHead(c.req.head, &p, &c.host.Config().HTTP)
	return c.describe(&h)
}

// engine works on a request for Engine.IO.
//
// The order of the checks is the reference server's, because clients and tests see
// which error wins: middlewares, transport, Origin, session id, session's transport; for
// handshakes the method, the upgrade, the application, the protocol revision, the id.
func (c *Conn) engine(now Instant, q *Request, body []byte) {
	r := c.req
	if f := r.front; f != nil && f.Err != nil {
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "MIDDLEWARE_FAILURE", Err: f.Err})
		return
	}
	if q.ConnectionUpgrade && c.host.Config().Bare != nil {
		c.bare(now, q)
		return
	}
	transport := transportNamed(q.Transport)
	if transport == 0 || !c.host.Config().Transports.Has(transport) {
		c.failed(now, q, &Failure{Code: CodeTransport, Detail: string(q.Transport)})
		return
	}
	if !printable(q.Origin) {
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "INVALID_ORIGIN", Detail: string(q.Origin)})
		return
	}
	if r.foreign && q.ConnectionUpgrade {
		c.failed(now, q, &Failure{Code: CodeForbidden, Name: "FOREIGN_ORIGIN", Detail: string(q.Origin)})
		return
	}
	if len(q.SID) == 0 {
		c.handshake(now, q, transport)
		return
	}
	home := c.host.Home(q.SID)
	switch {
	case home < 0:
		c.failed(now, q, &Failure{Code: CodeSID, Detail: string(q.SID)})
	case q.ConnectionUpgrade:
		c.upgrade(now, q, transport, home)
	case home == c.host.Index():
		r.sid = append(r.sid[:0], q.SID...)
		r.home, r.told = home, true
		c.hops = 0
		arrive(c.host, now, &call{from: c, ticket: c.ticket, request: q, transport: transport, body: body})
	default:
		c.hop(now, q, transport, home, body)
	}
}

// query is what is known of a request by its head and where it has come from.
func (c *Conn) query(h http1.Head) Request {
	state := c.wire.TLS()
	return Request{Head: h, Remote: c.wire.Remote(), Secure: state != nil, TLS: state, Context: c.Context()}
}

func transportNamed(name []byte) Transport {
	switch string(name) {
	case "polling":
		return Polling
	case "websocket":
		return WebSocket
	}
	return 0
}

// printable reports whether the value has no control characters. On the wire the
// request reader has refused those; other hosts may have none.
func printable(v []byte) bool {
	for _, b := range v {
		if (b < ' ' && b != '\t') || b == 0x7f {
			return false
		}
	}
	return true
}

// handshake checks a request without sid, and asks the application.
func (c *Conn) handshake(now Instant, q *Request, t Transport) {
	switch {
	case string(q.Method) != "GET":
		c.failed(now, q, &Failure{Code: CodeMethod, Detail: string(q.Method)})
		return
	case t == WebSocket && !(q.UpgradeWebSocket && q.ConnectionUpgrade), t == Polling && q.ConnectionUpgrade:
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "TRANSPORT_HANDSHAKE_ERROR"})
		return
	}
	if c.host.Config().Draining {
		c.unavailable(now)
		return
	}
	q.Wall = c.host.Wall()
	v := c.host.App().Admit(c, c.ticket, q)
	if v.State == Undecided {
		r := c.req
		r.head = append(r.head[:0], q.Raw...)
		return
	}
	c.decided(now, q, t, v)
}

// Admitted is the application's late answer to a handshake. It is dropped when the
// connection has gone on without it.
func (c *Conn) Admitted(now Instant, ticket uint32, v Verdict) {
	if c.state != connAnswer || ticket != c.ticket || c.req == nil {
		return
	}
	if c.form == broadcast.Stream {
		if q := c.opening(c.req.head); q != nil {
			c.decided(now, q, WebTransport, v)
			c.resume(now)
		}
		return
	}
	q := c.reread()
	c.decided(now, q, transportNamed(q.Transport), v)
	c.resume(now)
}

// decided goes on with a handshake that the application has decided about.
func (c *Conn) decided(now Instant, q *Request, t Transport, v Verdict) {
	switch {
	case v.State == Rejected:
		c.failed(now, q, &Failure{Code: CodeForbidden, Message: v.Text})
		return
	case v.State == Overloaded:
		if t == WebTransport {
			c.turnAway(now)
			return
		}
		c.unavailable(now)
		return
	case t != WebTransport && revisionOf(q.EIO) == 3 && !c.host.Config().AllowEIO3:
		c.failed(now, q, &Failure{Code: CodeProtocol, Detail: string(q.EIO)})
		return
	case v.State == Broken:
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "ID_GENERATION_ERROR", Err: v.Err})
		return
	}
	if t == WebSocket && !c.legalUpgrade(now, q) {
		return
	}
	s := newSession(c.host, now, q, t, v.SID)
	if s == nil {
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "ID_GENERATION_ERROR", Err: errTaken})
		return
	}
	if t != Polling {
		if t == WebSocket {
			c.switchProtocols(q, s.revision)
		}
		c.state = connWebSocket
		c.sess, s.ws = s, c
		c.dropRequest()
		s.open(now)
		return
	}
	r := c.req
	r.sid = append(r.sid[:0], s.ID()...)
	r.told = true
	s.polling.get, s.polling.getTicket = c, c.ticket
	s.open(now)
}

// unavailable answers a request that cannot be taken now, for want of somebody who is
// free or because the server ends.
func (c *Conn) unavailable(now Instant) {
	c.req.persist = http1.ConnectionClose
	c.respond(now, &http1.Response{Status: 503, Fields: http1.AppendField(nil, "Retry-After", "5")}, nil)
}

// legalUpgrade checks the WebSocket opening handshake. It reports whether it can be
// answered with 101; otherwise the request has been refused.
//
// Source: RFC 6455, section 4.2.1.
func (c *Conn) legalUpgrade(now Instant, q *Request) bool {
	switch {
	case !q.UpgradeWebSocket || string(q.Method) != "GET" || q.Minor == 0 || !websocket.ValidKey(q.WebSocketKey):
		c.refuse(now, errHandshake)
		return false
	case string(q.WebSocketVersion) != "13":
		c.request().persist = http1.ConnectionClose
		c.respond(now, &http1.Response{Status: 426, Fields: http1.AppendField(nil, "Sec-WebSocket-Version", "13")}, nil)
		return false
	}
	if _, err := c.agree(q); err != nil {
		c.refuse(now, errHandshake)
		return false
	}
	return true
}

// switchProtocols answers the WebSocket opening handshake with 101: from here on
// nothing can be refused by HTTP any more.
//
// Source: RFC 6455, section 4.2.2.
func (c *Conn) switchProtocols(q *Request, revision uint8) {
	fields := append(c.host.fields[:0], "Upgrade: websocket\r\nSec-WebSocket-Accept: "...)
	fields = websocket.AppendAccept(fields, q.WebSocketKey)
	fields = append(fields, "\r\n"...)
	if p := http1.FirstToken(q.WebSocketProtocol); p != nil {
		fields = http1.AppendField(fields, "Sec-WebSocket-Protocol", p)
	}
	c.reader = websocket.Reader{Config: &c.host.Config().Frames}
	var scratch [8]byte
	b64, _ := http1.QueryValue(scratch[:0], q.Query, "b64")
	c.form = formOf(revision, len(b64) > 0)
	if d, _ := c.agree(q); d.On() {
		c.form = c.form.Deflated(d.WindowBits)
		fields = append(fields, "Sec-WebSocket-Extensions: "...)
		fields = append(d.AppendResponse(fields), "\r\n"...)
	}
	fields = c.hooked(c.fronted(c.req.shared(fields, "")))
	resp := http1.Response{Status: 101, ContentLength: -1, Connection: http1.ConnectionUpgrade, Fields: fields}
	o := c.output()
	n := len(o.own)
	o.own = resp.AppendHead(o.own)
	o.bytes += len(o.own) - n
	c.hops = 0
	c.until(0)
}

var errHandshake = &http1.Error{Status: 400, Text: "bad WebSocket opening handshake"}

// moveAfter is how many requests in a row a connection carries to other loops before it
// moves to the last one's itself: a hop costs the two loops 3 us, a move 90. A connection
// moves once, so one that a proxy uses for many sessions is not sent about.
const moveAfter = 8

// moved gives the connection to the loop of the session that a request names: at once
// for an upgrade, so that a WebSocket's packets never hop, and for polling when it has
// proved to be worth it. unread begins with the request.
func (c *Conn) moved(now Instant, h *http1.Head, unread []byte) bool {
	var scratch [64]byte
	sid, _ := http1.QueryValue(scratch[:0], h.Query, "sid")
	home := c.host.Home(sid)
	if home < 0 || home == c.host.Index() {
		return false
	}
	if c.out != nil { // answers to earlier requests go first
		c.Flush(now)
	}
	if c.state == connDead || c.wire.Buffered() > 0 || !c.host.Move(c, home, unread) {
		return c.state == connDead
	}
	c.dropRequest()
	c.bury()
	return true
}

// upgrade is a request with a sid that asks for a WebSocket.
func (c *Conn) upgrade(now Instant, q *Request, t Transport, home int) {
	if home != c.host.Index() { // it was to be moved, but could not be
		c.unavailable(now)
		return
	}
	s := c.host.Find(q.SID)
	switch {
	case s == nil:
		c.failed(now, q, &Failure{Code: CodeSID, Detail: string(q.SID)})
		return
	case t != WebSocket:
		c.failed(now, q, &Failure{Code: CodeRequest, Name: "TRANSPORT_HANDSHAKE_ERROR"})
		return
	case s.mismatch(q.EIO):
		c.failed(now, q, s.mismatched(q.EIO))
		return
	}
	if !c.legalUpgrade(now, q) {
		return
	}
	c.switchProtocols(q, s.revision)
	c.dropRequest()
	s.probe(now, c)
}

// hooked adds what the application wants in this response.
func (c *Conn) hooked(fields []byte) []byte {
	hooks := c.host.Config().Hooks
	if hooks == nil || hooks.Headers == nil {
		return fields
	}
	return c.callHeaders(hooks, fields)
}

func (c *Conn) callHeaders(hooks *Hooks, fields []byte) []byte {
	hooks.Headers(c, c.req.head, c.req.initial, func(name, value string) {
		if http1.ValidFieldName(name) && http1.ValidFieldValue(value) {
			fields = http1.AppendField(fields, name, value)
		}
	})
	return fields
}
