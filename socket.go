package sio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// A Socket is one client in one namespace. Its methods may be called by any
// goroutine, unless they say otherwise.
type Socket struct {
	// The protocol's half; it belongs to the socket's loop.
	core session.Socket

	// Fixed before the socket is known to anybody else.
	ns     *Namespace
	auth   []byte // JSON text of the CONNECT; nil for none
	params map[string]string

	// Any goroutine.
	ctx   atomic.Pointer[socketContext]
	own   atomic.Pointer[listeners]
	slots atomic.Pointer[[]any]
	owned atomic.Bool // somebody runs the socket's handlers, or has been asked to
	jobs  atomic.Int32
	up    atomic.Bool // joined and not yet ended
	gone  atomic.Bool // ended, or refused
	cut   atomic.Bool // we disconnected it: events that are still queued are not handled

	mu    sync.Mutex
	rooms []string // that it has joined, in order
	inbox *inbox   // what its handlers have to do; nil when there is nothing
	full  bool     // inbox is: the client is not read
	left  bool     // rooms counts no more: the socket is no member of anything
}

// A socketContext is a socket's context, made when first asked for.
type socketContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// ID is the socket's public id, 20 characters. It changes with every connection.
func (s *Socket) ID() string { return s.core.ID() }

// Namespace is the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Connected reports whether the socket has joined and not ended. In functions of
// [Namespace.Use] it is false.
func (s *Socket) Connected() bool { return s.up.Load() }

// Param is a part of the namespace's name that [Server.OfPattern] has given a name.
func (s *Socket) Param(name string) string { return s.params[name] }

// Context ends when the socket does. Its cause is then a [*DisconnectError].
func (s *Socket) Context() context.Context {
	for {
		if c := s.ctx.Load(); c != nil {
			return c
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		c := &socketContext{ctx, cancel}
		if s.ctx.CompareAndSwap(nil, c) {
			if s.gone.Load() { // it ended between the two
				cancel(&DisconnectError{Reason: ForcedClose})
			}
			return c
		}
		cancel(nil)
	}
}

// Transport is what carries the socket's connection now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.session().Transport().String() }

// RTT is how long the client took to answer the last ping, the time in its own queue
// included; 0 before the first. It is measured every ping interval.
func (s *Socket) RTT() time.Duration { return time.Duration(s.session().RTT()) }

// Queued is how many bytes were waiting for the client after the last write. The
// bytes that the kernel has taken are not counted.
func (s *Socket) Queued() (bytes int) { return int(s.session().Backlog()) }

// session is the connection's protocol state, of which any goroutine may read what it
// says so of.
func (s *Socket) session() *session.Session { return s.core.Session() }

// loop is the event loop that the socket lives on; nil if the server has stopped.
func (s *Socket) loop() *loop.Loop { return s.session().Host().(*loop.Loop) }

// Emit sends an event. nil means that it was queued, behind everything that this
// goroutine sent to the socket before, and not that it has arrived. It never blocks.
//
// An argument can be anything that encoding/json can encode. []byte and [Binary],
// anywhere in it, travel as attachments; [Raw] is JSON text that is sent as it is.
// Arguments are encoded before Emit returns.
//
// Errors: [ErrClosed], [ErrReservedEvent], and those of encoding.
func (s *Socket) Emit(event string, args ...any) error { return s.Self().Emit(event, args...) }

// EmitWait is Emit, and waits until the event has been handed to the transport: to the
// kernel for a WebSocket, with the answer of a GET for polling.
//
// Errors: of Emit; ctx's; [ErrOnLoop].
func (s *Socket) EmitWait(ctx context.Context, event string, args ...any) error {
	if s.ns.server.onLoop() {
		return ErrOnLoop
	}
	if err := s.Emit(event, args...); err != nil {
		return err
	}
	done := make(chan error, 1)
	if !s.loop().Do(func(session.Host, session.Instant) {
		s.session().Sent(func(err error) { done <- err })
	}) {
		return ErrClosed
	}
	select {
	case err := <-done:
		if err != nil {
			return ErrClosed
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Send sends a packet. It implements [Sender].
func (s *Socket) Send(p *Packet) error { return s.Self().Send(p) }

// Self is the socket as a target, for [Target.Volatile] and [Target.Compress].
func (s *Socket) Self() Target { return Target{ns: s.ns, self: s, compress: true} }

// To is everybody in any of the rooms but the socket itself.
func (s *Socket) To(rooms ...string) Target { return s.Broadcast().To(rooms...) }

// Except is everybody in the namespace but those in any of the rooms, and but the
// socket itself.
func (s *Socket) Except(rooms ...string) Target { return s.Broadcast().Except(rooms...) }

// Broadcast is everybody in the namespace but the socket itself.
func (s *Socket) Broadcast() Target { return Target{ns: s.ns, skip: s, compress: true} }

// Join brings the socket into the rooms. An event that this goroutine sends to one of
// them afterwards reaches the socket. Rooms that it is in already, and a socket that
// has ended, change nothing.
//
// Errors: of [Namespace.OnJoin]; [ErrRoomLimit]. Rooms before the one that failed
// were joined.
func (s *Socket) Join(rooms ...string) error {
	for _, f := range s.ns.table.Load().onJoin {
		for _, r := range rooms {
			if err := f(s, r); err != nil {
				return err
			}
		}
	}
	limit := s.ns.server.options.Limits.RoomsPerSocket
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rooms {
		if s.left || slices.Contains(s.rooms, r) {
			continue
		}
		if limit > 0 && len(s.rooms) >= limit {
			return ErrRoomLimit
		}
		s.rooms = append(s.rooms, r)
		if s.up.Load() {
			s.enter(r)
		}
	}
	return nil
}

// enter makes the socket a member of a room. The order of posts is that of the list,
// because s.mu is held.
func (s *Socket) enter(room string) {
	l := s.loop()
	r := s.ns.dir.Raise(room, l.Index())
	if !l.Join(&s.core, r) {
		s.ns.dir.Lower(r, l.Index())
	}
}

// Leave takes the socket out of the rooms. Rooms that it is not in change nothing.
func (s *Socket) Leave(rooms ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rooms {
		i := slices.Index(s.rooms, r)
		if i < 0 || s.left {
			continue
		}
		s.rooms = slices.Delete(s.rooms, i, i+1)
		if s.up.Load() {
			s.loop().Leave(&s.core, r)
		}
	}
	return nil
}

// LeaveAll takes the socket out of all rooms but its own.
func (s *Socket) LeaveAll() error { return s.Leave(s.Rooms()[1:]...) }

// In reports whether the socket is in the room. It is always in that of its id.
func (s *Socket) In(room string) bool {
	if room == s.ID() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.rooms, room)
}

// Rooms are the rooms that the socket is in, that of its id first. In OnDisconnect
// they are those that it was in.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{s.ID()}, s.rooms...)
}

// Disconnect says how a socket is disconnected.
type Disconnect struct {
	// Close closes the client's connection, and so all its sockets, once they have been
	// told. Without it only this socket ends.
	Close bool

	// AllowReconnect closes the connection without telling the client that it was
	// meant: official clients then connect again by themselves, and those that were
	// told do not. It implies Close.
	AllowReconnect bool
}

// Disconnect ends the socket. What was sent to it before goes out first. Events of
// the client that are still waiting for their handler are dropped.
//
// The reason is "server namespace disconnect", with AllowReconnect "forced server
// close". A second call does nothing.
func (s *Socket) Disconnect(d Disconnect) {
	s.cut.Store(true)
	s.loop().Do(func(_ session.Host, now session.Instant) { s.disconnect(now, d, nil) })
}

// disconnect is Disconnect on the loop.
func (s *Socket) disconnect(now session.Instant, d Disconnect, err error) {
	if d.AllowReconnect {
		s.session().Shut(now, ForcedServerClose, err)
		return
	}
	s.core.Disconnect(now, d.Close, err)
}

// kill ends the client's connection because a handler of it panicked.
func (s *Socket) kill(err error) {
	s.cut.Store(true)
	s.loop().Do(func(_ session.Host, now session.Instant) { s.session().Shut(now, ServerError, err) })
}

// Do has f run in the order of the socket's handlers: behind those of events that
// came before, and never beside one. Any goroutine.
//
// It returns [ErrClosed], and f is not run, once the socket has ended.
func (s *Socket) Do(f func()) error {
	if s.gone.Load() {
		return ErrClosed
	}
	s.push(job{kind: jobFunc, f: f})
	return nil
}

// owner is the socket as its session sees it.
type owner Socket

var _ session.Owner = (*owner)(nil)

// joined is called on the loop when the socket has been let in.
func (s *Socket) joined() {
	s.mu.Lock()
	s.up.Store(true)
	for _, r := range s.rooms {
		s.enter(r)
	}
	s.mu.Unlock()
	s.ns.sockets.add(s)
	s.ns.members[s.loop().Index()].Add(1)
	if len(s.ns.table.Load().connect) > 0 {
		s.push(job{kind: jobConnect})
	}
}

// refused is called on the loop when it has not been.
func (s *Socket) refused(err error) {
	s.mu.Lock()
	s.rooms, s.left = nil, true
	s.mu.Unlock()
	s.ended(newDisconnectError(ServerNamespaceDisconnect, err))
}

// ended ends the socket's context.
func (s *Socket) ended(cause *DisconnectError) {
	s.up.Store(false)
	s.gone.Store(true)
	if c := s.ctx.Load(); c != nil {
		c.cancel(cause)
	}
}

// Ended implements [session.Owner].
func (o *owner) Ended(_ *session.Socket, r session.Reason, err error) {
	s := (*Socket)(o)
	s.ns.sockets.remove(s)
	s.ns.members[s.loop().Index()].Add(-1)
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	s.ended(newDisconnectError(r, err))
	s.ns.server.counters.disconnected(r)
	s.push(job{kind: jobDisconnect, reason: r})
}

// Failed implements [session.Owner].
func (o *owner) Failed(_ *session.Socket, err error) {
	s := (*Socket)(o)
	s.push(job{kind: jobError, err: err})
}

// Event implements [session.Owner].
func (o *owner) Event(now session.Instant, _ *session.Socket, e *session.Event) {
	(*Socket)(o).event(now, e)
}
