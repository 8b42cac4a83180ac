package sio

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

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
		v := session.Verdict{State: session.Rejected}
		defer func() { // also when the application ends the goroutine
			back.Run(back.Index(), func(_ session.Host, now session.Instant) { c.Admitted(now, ticket, v) })
		}()
		v = a.decide(h)
	})
	if !ok {
		a.counters.overloaded.Add(1)
		return session.Verdict{State: session.Overloaded}
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
	if l := a.debug.engine.debug; l != nil {
		e := newHandshakeError(r, f)
		l.Debug("request refused", "remote", r.Remote, "code", e.Code, "message", e.Message, "context", e.Context)
	}
	if on := a.options.OnHandshakeError; on != nil {
		defer (*Server)(a).survive("OnHandshakeError")
		on(newHandshakeError(r, f))
	}
}

// Opened implements [session.App].
func (a *app) Opened(s *session.Session) {
	a.counters.opened.Add(1)
	if l := a.debug.engine.debug; l != nil {
		h := s.Handshake()
		l.Debug("session opened", "session", shortID(s), "remote", h.Remote, "transport", h.Transport.String())
	}
}

// Ended implements [session.App].
func (a *app) Ended(s *session.Session, r session.Reason, err error) {
	a.counters.ended.Add(1)
	if l := a.debug.engine.debug; l != nil {
		l.Debug("session closed", "session", shortID(s), "reason", string(r), "err", err)
	}
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
	if l := a.debug.client.debug; l != nil {
		l.Debug("namespace asked for", "session", shortID(s), "nsp", string(nsp))
	}
	srv.mu.RLock()
	n := srv.namespaces[string(nsp)]
	patterns := len(srv.patterns)
	srv.mu.RUnlock()
	if n != nil && n.ready() && n.hold() {
		srv.enter(s, now, n, string(auth))
		return
	}
	if n == nil && patterns == 0 {
		srv.debugInvalid(s, string(nsp))
		s.Deny(now, nil, string(nsp), invalidNamespace)
		return
	}
	srv.enterNew(s, now, string(nsp), string(auth))
}

// debugInvalid tells of a client that has asked for what there is not.
func (s *Server) debugInvalid(sess *session.Session, nsp string) {
	if l := s.debug.client.debug; l != nil {
		l.Debug("no such namespace", "session", shortID(sess), "nsp", nsp)
	}
}

var invalidNamespace = []byte(`{"message":"Invalid namespace"}`)

// Left implements [session.App].
func (a *app) Left(k *session.Socket, r session.Reason, err error) {
	s := publicOf(k)
	s.unregister()
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	if l := a.debug.socket.debug; l != nil {
		l.Debug("socket disconnected", "socket", s.ID(), "nsp", s.ns.name, "reason", string(r), "err", err)
	}
	s.ended(newDisconnectError(r, err))
	s.ns.server.counters.disconnected(r)
	if rec := s.ns.recovery; rec != nil {
		rec.left(s, r)
	}
	s.push(job{kind: jobDisconnect, reason: r})
}

// Withdrawn implements [session.App].
func (a *app) Withdrawn(k *session.Socket, r session.Reason, err error) {
	publicOf(k).refused(r, err)
}

// Failed implements [session.App].
func (a *app) Failed(k *session.Socket, err error) {
	if l := a.debug.parser.debug; l != nil {
		l.Debug("packet not understood", "socket", k.ID(), "nsp", k.Space().Name, "err", err)
	}
	publicOf(k).push(job{kind: jobError, err: err})
}

// Event implements [session.App].
func (a *app) Event(now session.Instant, k *session.Socket, e *session.Event) {
	if l := a.debug.socket.trace; l != nil {
		trace(l, "event", "socket", k.ID(), "nsp", k.Space().Name, "event", string(e.Name), "args", e.Args.Len()-1, "id", e.ID)
	}
	publicOf(k).event(now, e)
}

// enter makes a socket that asks to join n, which is held for it. Loop only.
func (s *Server) enter(sess *session.Session, now session.Instant, n *Namespace, auth string) {
	k := &Socket{ns: n}
	if auth != "" {
		k.extend().auth = []byte(auth)
	}
	k.core.Init(sess, n.spaces[sess.Host().Index()])
	wait := n.recovery != nil && n.recovery.bid(k, sess, auth)
	sess.Bid(&k.core)
	if !wait {
		k.knock(now)
	}
}

// knock asks whether the socket may come in. Loop only.
func (s *Socket) knock(now session.Instant) {
	if len(s.ns.table.Load().use) == 0 || s.Recovered() && !s.ns.recovery.o.RunMiddlewares {
		s.granted(now)
		return
	}
	s.push(job{kind: jobAdmit})
}

// granted lets the socket in. Loop only.
func (s *Socket) granted(now session.Instant) {
	if r := s.ns.recovery; r != nil && s.ownLife() != nil {
		r.granted(s, now)
		return
	}
	if !s.session().Grant(now, &s.core, "") {
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
	s.ns.server.counters.denied.Add(1)
	if l := s.ns.server.debug.namespace.debug; l != nil {
		l.Debug("socket refused", "socket", s.ID(), "nsp", s.ns.name, "err", err)
	}
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
	message := "connection refused"
	var data []byte                 // JSON text
	if r, ok := asRefuse(err); ok { // else what went wrong is not the client's business
		message = r.Message
		if r.Data != nil {
			data = s.refusalData(r.Data)
		}
	}
	if s.session().Revision() == 3 {
		return oldRefusal(message, data)
	}
	b := append([]byte(nil), `{"message":`...)
	b = socketio.AppendString(b, message)
	if data != nil {
		b = append(append(b, `,"data":`...), data...)
	}
	return append(b, '}')
}

func (s *Socket) refusalData(v any) []byte {
	data, err := s.ns.server.codec.Append(nil, v, nil)
	if err != nil {
		s.ns.server.logger.Error("sio: data of a refusal cannot be encoded", "nsp", s.ns.name, "err", err)
		return []byte("null")
	}
	return data
}

// oldRefusal is the payload that a client of [Options.AllowEIO3] gets: the data, if it is
// something that JavaScript takes for true, and otherwise the message.
func oldRefusal(message string, data []byte) []byte {
	switch string(data) {
	case "", "null", "false", "0", `""`:
		return socketio.AppendString(nil, message)
	}
	return data
}
