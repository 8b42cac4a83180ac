package sio

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/session"
)

// A Handshake is the request that a client's session began with. What it tells is
// parsed when it is asked for. Any goroutine.
type Handshake struct {
	head   []byte // raw, a copy
	remote netip.AddrPort
	issued int64 // milliseconds of Unix time
	secure bool
	tls    *tls.ConnectionState
	ctx    context.Context
	auth   []byte
	json   *JSON // Options.JSON
}

func handshakeOf(s *session.Session) *Handshake {
	h := s.Handshake()
	return &Handshake{head: []byte(h.Head), remote: h.Remote, issued: h.Issued, secure: h.Secure, tls: h.TLS, ctx: h.Context}
}

// Handshake is the request that the socket's connection began with, and what the
// client sent to join the namespace.
func (s *Socket) Handshake() *Handshake {
	h := handshakeOf(s.session())
	h.json = s.ns.server.options.JSON
	if m := s.more.Load(); m != nil {
		h.auth = m.auth
	}
	return h
}

// Address is the client's address: that of the TCP connection, a proxy's if there is
// one.
func (h *Handshake) Address() netip.AddrPort { return h.remote }

// Method is the request's method, "GET" unless the request was refused.
func (h *Handshake) Method() string {
	m, _, _ := strings.Cut(string(h.head), " ")
	return m
}

// URL is the request's target as it was sent, with the query.
func (h *Handshake) URL() string {
	line, _, _ := strings.Cut(string(h.head), "\r\n")
	_, rest, _ := strings.Cut(line, " ")
	target, _, _ := strings.Cut(rest, " ")
	return target
}

// Query are the parameters of the request's URL, those of the protocol included
// (EIO, transport, t). Of a repeated one the last value is the protocol's choice.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL(), "?")
	v := make(url.Values)
	for name, value := range http1.QueryPairs([]byte(query)) {
		v.Add(name, value)
	}
	return v
}

// Header is the request's header.
func (h *Handshake) Header() http.Header {
	v := make(http.Header)
	for name, value := range http1.Fields(h.head) {
		v.Add(string(name), string(value))
	}
	return v
}

// Field is one field of the request's header, "" if it has none. It is cheaper than
// Header.
func (h *Handshake) Field(name string) string { return string(http1.Field(h.head, name)) }

// Secure reports whether the connection is encrypted up to this server.
func (h *Handshake) Secure() bool { return h.secure }

// TLS is what was negotiated for the connection, with the certificates that the client
// has shown; nil without TLS, or if that ends before this server. It is shared, and must
// not be changed. Node: request.socket, a TLSSocket.
func (h *Handshake) TLS() *tls.ConnectionState { return h.tls }

// Context has the values that middlewares have attached to the request: those of
// [Options.HTTP], and of the application's http.Server for [Server.Handler]. It does not end
// with the request, and is kept as long as the client is there. Of a request that only the
// server's own loops have seen it is empty; it is never nil.
func (h *Handshake) Context() context.Context {
	if h.ctx == nil {
		return context.Background()
	}
	return h.ctx
}

// CrossDomain reports whether the request has an Origin, as browsers send it for
// another site's pages. Node: xdomain.
func (h *Handshake) CrossDomain() bool { return http1.Field(h.head, "Origin") != nil }

// Time is when the session began; of a request that has none, or not yet, when it came.
// Node: time, issued.
func (h *Handshake) Time() time.Time { return time.UnixMilli(h.issued) }

// Auth is what the client sent to join the namespace, as JSON text: an object, or
// empty if it sent nothing. It must not be changed. Clients of [Options.AllowEIO3] send a
// query with the namespace, whose values are strings; "/" they join without.
func (h *Handshake) Auth() Raw { return Raw(h.auth) }

// DecodeAuth stores what the client sent to join the namespace in v, a pointer, by the
// rules of encoding/json, or by [Options.JSON]. Without any, v is left as it is.
func (h *Handshake) DecodeAuth(v any) error {
	switch {
	case len(h.auth) == 0:
		return nil
	case h.json != nil:
		return h.json.Unmarshal(h.auth, v)
	}
	return json.Unmarshal(h.auth, v)
}

// A HandshakeError is a request that was refused with one of the protocol's errors.
type HandshakeError struct {
	// Code is the protocol's: 0 transport unknown, 1 session id unknown, 2 bad handshake
	// method, 3 bad request, 4 forbidden, 5 unsupported protocol version.
	Code int
	// Message is the text that the client was told.
	Message string
	// Context says what was wrong, with the keys of the reference server: transport, sid,
	// method, protocol, origin, name, previousTransport, previousProtocol,
	// error.
	Context map[string]string
	// Request is the request.
	Request *Handshake
}

// Error is the message.
func (e *HandshakeError) Error() string { return e.Message }

func newHandshakeError(r *session.Request, f *session.Failure) *HandshakeError {
	e := &HandshakeError{Code: f.Code, Message: f.Message, Context: make(map[string]string), Request: requestHandshake(r)}
	if f.Name != "" {
		e.Context["name"] = f.Name
	}
	switch f.Code {
	case session.CodeTransport:
		e.Context["transport"] = f.Detail
	case session.CodeSID:
		e.Context["sid"] = f.Detail
	case session.CodeMethod:
		e.Context["method"] = f.Detail
	case session.CodeForbidden:
		e.Context["message"] = f.Message
		if f.Name == "FOREIGN_ORIGIN" {
			e.Context["origin"] = f.Detail
		}
	case session.CodeProtocol:
		e.Context["protocol"] = f.Detail
	case session.CodeRequest:
		switch f.Name {
		case "TRANSPORT_MISMATCH":
			e.Context["transport"], e.Context["previousTransport"] = f.Detail, f.Was
		case "INVALID_ORIGIN":
			e.Context["origin"] = f.Detail
		case "PROTOCOL_MISMATCH":
			e.Context["protocol"], e.Context["previousProtocol"] = f.Detail, f.Was
		case "ID_GENERATION_ERROR", "MIDDLEWARE_FAILURE":
			e.Context["error"] = f.Err.Error()
		}
	}
	return e
}

// requestHandshake is a handshake of a request that has no session (yet). It copies.
func requestHandshake(r *session.Request) *Handshake {
	return &Handshake{head: append([]byte(nil), r.Raw...), remote: r.Remote, issued: r.Wall, secure: r.Secure, tls: r.TLS, ctx: r.Context}
}

// handshakeOn is a handshake of a request on c. It copies.
func handshakeOn(c *session.Conn, head []byte) *Handshake {
	tls := c.Wire().TLS()
	return &Handshake{head: append([]byte(nil), head...), remote: c.Remote(), issued: c.Host().Wall(), secure: tls != nil, tls: tls, ctx: c.Context()}
}
