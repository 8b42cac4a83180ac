package sio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/session"
)

// app is the server as sessions see it. Its methods are called on loops.
type app Server

var _ session.App = (*app)(nil)

// Admit implements [session.App].
func (a *app) Admit(c *session.Conn, ticket uint32, r *session.Request) session.Verdict {
	o := &a.options
	if o.AllowRequest == nil && o.GenerateID == nil {
		return session.Verdict{}
	}
	h := requestHandshake(r)
	back := c.Host()
	ok := a.dispatcher.offload(func() {
		v := a.decide(h)
		back.Run(back.Index(), func(_ session.Host, now session.Instant) { c.Admitted(now, ticket, v) })
	})
	if !ok {
		return session.Verdict{State: session.Rejected, Text: "Server overloaded"}
	}
	return session.Verdict{State: session.Undecided}
}

// decide asks the application about a handshake. On the worker pool.
func (a *app) decide(h *Handshake) (v session.Verdict) {
	defer (*Server)(a).survive("AllowRequest or GenerateID")
	v.State = session.Rejected // if it panics
	o := &a.options
	ctx, cancel := context.WithTimeout(context.Background(), o.ConnectTimeout)
	defer cancel()
	if o.AllowRequest != nil {
		if err := o.AllowRequest(ctx, h); err != nil {
			var f forbidden
			errors.As(err, &f)
			return session.Verdict{State: session.Rejected, Text: string(f)}
		}
	}
	if o.GenerateID == nil {
		return session.Verdict{}
	}
	v = session.Verdict{State: session.Broken, Err: errIDPanic} // if it panics
	id, err := o.GenerateID(ctx, h)
	if err == nil {
		err = checkID(id)
	}
	if err != nil {
		return session.Verdict{State: session.Broken, Err: err}
	}
	return session.Verdict{SID: id}
}

var errIDPanic = errors.New("sio: GenerateID panicked")

// maxIDBytes bounds a session id of the application's. Each request has it in its target,
// where a byte can take three.
const maxIDBytes = 256

// checkID says why an id of the application's cannot be a session's, if it cannot.
func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("sio: empty session id")
	case len(id) > maxIDBytes:
		return fmt.Errorf("sio: session id of %d bytes, over %d", len(id), maxIDBytes)
	case !utf8.ValidString(id): // JSON could not tell it to the client
		return errors.New("sio: session id is not UTF-8")
	}
	return nil
}

// Refused implements [session.App].
func (a *app) Refused(r *session.Request, f *session.Failure) {
	a.counters.refused[f.Code].Add(1)
	if on := a.options.OnHandshakeError; on != nil {
		defer (*Server)(a).survive("OnHandshakeError")
		on(newHandshakeError(r, f))
	}
}

// Opened implements [session.App].
func (a *app) Opened(s *session.Session) { a.counters.opened.Add(1) }

// Ended implements [session.App].
func (a *app) Ended(s *session.Session, r session.Reason, err error) {
	a.counters.ended.Add(1)
}

// Untranslatable implements [session.App].
func (a *app) Untranslatable(err error) {
	a.logger.Error("sio: packet not sent", "err", err)
}

// Offload implements [session.App].
func (a *app) Offload(f func()) bool { return a.dispatcher.offload(f) }

// Connect implements [session.App].
func (a *app) Connect(s *session.Session, now session.Instant, nsp, auth []byte) {
	srv := (*Server)(a)
	srv.mu.RLock()
	n := srv.namespaces[string(nsp)]
	patterns := len(srv.patterns)
	srv.mu.RUnlock()
	if n != nil && n.ready() {
		srv.enter(s, now, n, string(auth))
		return
	}
	if n == nil && patterns == 0 {
		s.Deny(now, nil, string(nsp), invalidNamespace)
		return
	}
	srv.enterNew(s, now, string(nsp), string(auth))
}

var invalidNamespace = []byte(`{"message":"Invalid namespace"}`)

// enter makes a socket that asks to join n. Loop only.
func (s *Server) enter(sess *session.Session, now session.Instant, n *Namespace, auth string) {
	k := &Socket{ns: n}
	if auth != "" {
		k.extend().auth = []byte(auth)
	}
	k.core.Init(sess, n.spaces[sess.Host().Index()])
	sess.Bid(&k.core)
	if len(n.table.Load().use) == 0 {
		k.granted(now)
		return
	}
	k.push(job{kind: jobAdmit})
}

// granted lets the socket in. Loop only.
func (s *Socket) granted(now session.Instant) {
	if !s.session().Grant(now, &s.core) {
		s.refused(ForcedClose, nil) // the client has left meanwhile: Withdrawn was told why
		return
	}
	s.joined()
}

// admit asks the functions of Use. On the worker pool.
func (s *Socket) admit() {
	ctx := s.Context()
	for _, f := range s.ns.table.Load().use {
		err := s.guard("", func() error { return f(ctx, s) })
		if s.is(markGone) {
			return // the client has left meanwhile
		}
		if err != nil {
			s.deny(err)
			return
		}
	}
	s.loop().Do(func(_ session.Host, now session.Instant) { s.granted(now) })
}

// deny refuses the socket.
func (s *Socket) deny(err error) {
	var payload []byte
	if s.guard("", func() error { payload = s.refusal(err); return nil }) != nil {
		return // the data's MarshalJSON has panicked, and the client is disconnected
	}
	s.loop().Do(func(_ session.Host, now session.Instant) {
		s.session().Deny(now, &s.core, s.ns.name, payload)
		s.refused(ServerNamespaceDisconnect, err)
	})
}

// refusal is the payload of the CONNECT_ERROR for an error of Use.
func (s *Socket) refusal(err error) []byte {
	b := append([]byte(nil), `{"message":`...)
	var r Refuse
	if !errors.As(err, &r) {
		s.ns.server.logger.Warn("sio: refused", "nsp", s.ns.name, "err", err)
		return append(socketio.AppendString(b, "connection refused"), '}')
	}
	b = socketio.AppendString(b, r.Message)
	if r.Data != nil {
		b = append(b, `,"data":`...)
		full, err := s.ns.server.codec.Append(b, r.Data, nil)
		if err != nil {
			s.ns.server.logger.Error("sio: data of a refusal cannot be encoded", "nsp", s.ns.name, "err", err)
			full = append(b, "null"...)
		}
		b = full
	}
	return append(b, '}')
}

// hooks are the options' hooks as sessions call them; nil when there are none.
func (s *Server) hooks() *session.Hooks {
	o := &s.options
	if o.OnHeaders == nil && o.Engine == nil {
		return nil
	}
	var h session.Hooks
	if f := o.OnHeaders; f != nil {
		h.Headers = func(head []byte, initial bool, add func(name, value string)) {
			defer s.survive("OnHeaders")
			header := make(http.Header)
			f(header, &Handshake{head: append([]byte(nil), head...)}, initial)
			for name, values := range header {
				for _, v := range values {
					add(name, v)
				}
			}
		}
	}
	if e := o.Engine; e != nil {
		e.install(s, &h)
	}
	return &h
}

func (e *EngineHooks) install(srv *Server, h *session.Hooks) {
	plain := func(f func(*Conn)) func(*session.Session) {
		if f == nil {
			return nil
		}
		return func(s *session.Session) {
			defer srv.survive("a function of EngineHooks")
			f(&Conn{s})
		}
	}
	packet := func(f func(*Conn, EnginePacket)) func(*session.Session, byte, []byte, bool) {
		if f == nil {
			return nil
		}
		return func(s *session.Session, kind byte, data []byte, binary bool) {
			defer srv.survive("a function of EngineHooks")
			f(&Conn{s}, EnginePacket{Type: engineio.Type(kind).String(), Data: data, Binary: binary})
		}
	}
	h.Open, h.Heartbeat, h.Upgrading, h.Upgrade = plain(e.Open), plain(e.Heartbeat), plain(e.Upgrading), plain(e.Upgrade)
	h.Flush, h.Drain = plain(e.Flush), plain(e.Drain)
	h.Packet, h.PacketCreate = packet(e.Packet), packet(e.PacketCreate)
	if f := e.Close; f != nil {
		h.Close = func(s *session.Session, r session.Reason, err error) {
			defer srv.survive("EngineHooks.Close")
			f(&Conn{s}, r, err)
		}
	}
}

// A Conn is a client's Engine.IO connection, which its sockets share.
type Conn struct{ s *session.Session }

// Conn is the socket's connection.
func (s *Socket) Conn() *Conn { return &Conn{s.session()} }

// ID is the session id. It is a secret between server and client: who knows it can
// speak for the client.
func (c *Conn) ID() string { return c.s.ID() }

// Protocol is the revision of Engine.IO: 4.
func (c *Conn) Protocol() int { return 4 }

// Transport is "polling" or "websocket".
func (c *Conn) Transport() string { return c.s.Transport().String() }

// Upgraded reports whether the connection began with polling and is a WebSocket now.
func (c *Conn) Upgraded() bool { return c.s.Transport() != c.s.Handshake().Transport }

// Handshake is the request that the connection began with.
func (c *Conn) Handshake() *Handshake { return handshakeOf(c.s, nil) }

// Buffered is how many bytes were waiting for the client after the last write.
func (c *Conn) Buffered() int { return int(c.s.Backlog()) }

// ReadyState is "opening", "open", "closing" or "closed".
func (c *Conn) ReadyState() string { return c.s.ReadyState().String() }

// Is reports whether c and d are the same connection.
func (c *Conn) Is(d *Conn) bool { return c.s == d.s }

// Close closes the connection, gracefully: what was sent before goes out first. With
// discard it is dropped. The sockets' reason is "forced close".
func (c *Conn) Close(discard bool) {
	c.s.Host().Run(c.s.Host().Index(), func(_ session.Host, now session.Instant) {
		if discard {
			c.s.Close(now, ForcedClose, nil)
		} else {
			c.s.Shut(now, ForcedClose, nil)
		}
	})
}
