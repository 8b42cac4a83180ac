package sio

import (
	"net/http"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/session"
)

// EngineHooks watch Engine.IO: the connections below the namespaces. Each is called on
// the connection's event loop, and must not block; nil ones are skipped.
type EngineHooks struct {
	Open         func(c *Conn)
	Packet       func(c *Conn, p EnginePacket) // came in
	PacketCreate func(c *Conn, p EnginePacket) // was queued
	Heartbeat    func(c *Conn)                 // a ping was answered
	Upgrading    func(c *Conn)                 // a WebSocket probes
	Upgrade      func(c *Conn)                 // it has taken over
	Flush        func(c *Conn)                 // what was queued is about to be handed to the transport
	Drain        func(c *Conn)                 // it has been
	Close        func(c *Conn, r Reason, err error)
}

// An EnginePacket is one packet of Engine.IO.
type EnginePacket struct {
	Type   string // "open", "close", "ping", "pong", "message", "upgrade" or "noop"
	Data   []byte // a view, valid during the call
	Binary bool
}

// hooks are the options' hooks as sessions call them; nil when there are none.
func (s *Server) hooks() *session.Hooks {
	o := &s.options
	if o.OnHeaders == nil && o.Engine == nil && !s.debug.watches() {
		return nil
	}
	var h session.Hooks
	if f := o.OnHeaders; f != nil {
		h.Headers = func(c *session.Conn, head []byte, initial bool, add func(name, value string)) {
			defer s.survive("OnHeaders")
			header := make(http.Header)
			f(header, handshakeOn(c, head), initial)
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
	s.debug.install(&h)
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

// Protocol is the revision of Engine.IO that the client speaks: 4, or 3, see
// [Options.AllowEIO3].
func (c *Conn) Protocol() int { return c.s.Revision() }

// Transport is "polling", "websocket" or "webtransport".
func (c *Conn) Transport() string { return c.s.Transport().String() }

// Upgraded reports whether the connection began with polling and is on another transport
// now.
func (c *Conn) Upgraded() bool { return c.s.Transport() != c.s.Handshake().Transport }

// Handshake is the request that the connection began with.
func (c *Conn) Handshake() *Handshake { return handshakeOf(c.s) }

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
