package sio

import (
	"context"
	"log/slog"
	"strings"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/session"
)

// LevelTrace is the level of what a server logs of single packets. See [DebugHandler].
const LevelTrace = slog.LevelDebug - 4

// scopeKey is the attribute that tells which part of a server a line comes from.
const scopeKey = "scope"

// DebugHandler chooses among the lines that servers log below level Info, by the part of
// the server that they come from: their attribute "scope". What is chosen goes to next
// whatever level that has; the rest is dropped, and so are lines with a scope when there are
// no patterns. Lines without a scope, and from level Info on, go to next as it likes.
//
//	Options{Logger: slog.New(sio.DebugHandler(slog.Default().Handler(), os.Getenv("DEBUG")))}
//
// Patterns are those of Node's package debug: scopes with commas or blanks between them, in
// which * is any text, and behind a minus sign those that are left out:
// "socket.io:*,engine*,-engine:ws". The scopes are named as there:
//
//   - engine: sessions that open and close, requests that are refused, the event loops
//   - engine:socket: upgrades and, at [LevelTrace], heartbeats and packets, with the
//     beginning of their text, in which there may be secrets: the application's, and that of
//     a client that may come back, see [Recovery]
//   - engine:polling, engine:ws, engine:webtransport: writes, at LevelTrace
//   - socket.io:server: Run, and namespaces that are made
//   - socket.io:parent-namespace: those that are made from a pattern, and that go
//   - socket.io:client: what clients ask to join
//   - socket.io:namespace: sockets that are let in or refused
//   - socket.io:socket: rooms, disconnects and, at LevelTrace, events
//   - socket.io-parser: packets that cannot be read or written
//
// Of session ids, which are secrets, lines have the beginning; but sockets of clients of
// [Options.AllowEIO3] have the same id, and stand there with all of it. A server asks its logger
// once, in [New], which of these it wants: those that it does not want cost nothing, and a
// level that is changed later changes nothing.
//
// Node: the environment variable DEBUG.
func DebugHandler(next slog.Handler, patterns string) slog.Handler {
	h := &debugHandler{next: next}
	for _, p := range strings.FieldsFunc(patterns, func(r rune) bool { return r == ',' || r <= ' ' }) {
		if out, ok := strings.CutPrefix(p, "-"); ok {
			h.out = append(h.out, out)
		} else {
			h.in = append(h.in, p)
		}
	}
	return h
}

type debugHandler struct {
	next    slog.Handler
	in, out []string // patterns
	scoped  bool     // there is a scope
	chosen  bool     // and it matches
	grouped bool     // further attributes are those of a group
}

// Enabled implements [slog.Handler].
func (h *debugHandler) Enabled(ctx context.Context, l slog.Level) bool {
	if h.scoped && l < slog.LevelInfo {
		return h.chosen
	}
	return h.next.Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (h *debugHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.next = h.next.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == scopeKey && !h.grouped {
			c.scoped, c.chosen = true, h.chooses(a.Value.String())
		}
	}
	return &c
}

// WithGroup implements [slog.Handler].
func (h *debugHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.next = h.next.WithGroup(name)
	c.grouped = h.grouped || name != ""
	return &c
}

// chooses reports whether a scope is among those that are wanted.
func (h *debugHandler) chooses(scope string) bool {
	for _, p := range h.out {
		if glob(p, scope) {
			return false
		}
	}
	for _, p := range h.in {
		if glob(p, scope) {
			return true
		}
	}
	return false
}

// glob reports whether the whole of s is like the pattern, in which * is any text. Its time
// is bounded by the product of the two lengths.
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0 // the last * seen, and where the text that it stands for ends
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// A scope is what logs for one part of a server: each field is nil if nobody wants to know.
type scope struct {
	debug *slog.Logger
	trace *slog.Logger
}

func newScope(l *slog.Logger, name string) (s scope) {
	l = l.With(scopeKey, name)
	if l.Enabled(context.Background(), slog.LevelDebug) {
		s.debug = l
	}
	if l.Enabled(context.Background(), LevelTrace) {
		s.trace = l
	}
	return s
}

// scopes are all of a server. They are fixed.
type scopes struct {
	engine, session                           scope
	transports                                [session.WebTransport + 1]scope
	server, parent, client, namespace, socket scope
	parser                                    scope
}

func newScopes(l *slog.Logger) (s scopes) {
	s.engine, s.session = newScope(l, "engine"), newScope(l, "engine:socket")
	s.transports[session.Polling] = newScope(l, "engine:polling")
	s.transports[session.WebSocket] = newScope(l, "engine:ws")
	s.transports[session.WebTransport] = newScope(l, "engine:webtransport")
	s.server, s.client = newScope(l, "socket.io:server"), newScope(l, "socket.io:client")
	s.parent, s.namespace = newScope(l, "socket.io:parent-namespace"), newScope(l, "socket.io:namespace")
	s.socket, s.parser = newScope(l, "socket.io:socket"), newScope(l, "socket.io-parser")
	return s
}

// shortID is the beginning of a session's id, which is a secret.
func shortID(s *session.Session) string {
	id := s.ID()
	return id[:min(len(id), 6)] + "…"
}

// trace writes a line of level LevelTrace.
func trace(l *slog.Logger, msg string, args ...any) {
	l.Log(context.Background(), LevelTrace, msg, args...)
}

// watches reports whether anything is logged that only hooks see.
func (d *scopes) watches() bool {
	for _, t := range d.transports {
		if t.trace != nil {
			return true
		}
	}
	return d.session.debug != nil || d.session.trace != nil
}

// install adds to the hooks what they are for.
func (d *scopes) install(h *session.Hooks) {
	if l := d.session.debug; l != nil {
		h.Upgrading = both(h.Upgrading, func(s *session.Session) {
			l.Debug("upgrade begun", "session", shortID(s), "from", s.Transport().String())
		})
		h.Upgrade = both(h.Upgrade, func(s *session.Session) {
			l.Debug("upgraded", "session", shortID(s), "to", s.Transport().String())
		})
	}
	if l := d.session.trace; l != nil {
		h.Heartbeat = both(h.Heartbeat, func(s *session.Session) {
			trace(l, "heartbeat", "session", shortID(s), "rtt", s.RTT())
		})
		h.Packet = tracePackets(h.Packet, l, "packet received")
		h.PacketCreate = tracePackets(h.PacketCreate, l, "packet sent")
	}
	h.Flush = d.traceFlush(h.Flush)
}

// both is what calls both, either of which may be nil.
func both(f, g func(*session.Session)) func(*session.Session) {
	if f == nil {
		return g
	}
	return func(s *session.Session) { f(s); g(s) }
}

// maxTraced is how many bytes of a packet are logged.
const maxTraced = 200

func tracePackets(f func(*session.Session, byte, []byte, bool), l *slog.Logger, msg string) func(*session.Session, byte, []byte, bool) {
	return func(s *session.Session, kind byte, data []byte, binary bool) {
		if f != nil {
			f(s, kind, data, binary)
		}
		args := []any{"session", shortID(s), "type", engineio.Type(kind).String(), "bytes", len(data), "binary", binary}
		if !binary && kind != byte(engineio.Open) { // which has the id in it
			args = append(args, "data", strings.ToValidUTF8(string(data[:min(len(data), maxTraced)]), ""))
		}
		trace(l, msg, args...)
	}
}

func (d *scopes) traceFlush(f func(*session.Session)) func(*session.Session) {
	for _, t := range d.transports {
		if t.trace != nil {
			return both(f, func(s *session.Session) {
				if l := d.transports[s.Transport()].trace; l != nil {
					trace(l, "writing", "session", shortID(s))
				}
			})
		}
	}
	return f
}
