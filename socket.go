package sio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// A Socket is one client in one namespace. Its methods may be called by any
// goroutine, unless they say otherwise.
type Socket struct {
	// The protocol's half; it belongs to the socket's loop. It stands first: see publicOf.
	core session.Socket

	// Fixed before the socket is known to anybody else.
	ns *Namespace

	// Any goroutine.
	more  atomic.Pointer[socketMore] // what most sockets do not have; nil until then
	slots atomic.Pointer[[]any]
	marks atomic.Uint32
	owned atomic.Bool // somebody runs the socket's handlers, or has been asked to
	jobs  atomic.Int32

	mu    sync.Mutex
	full  bool        // inbox is: the client is not read
	left  bool        // rooms counts no more: the socket is no member of anything
	rooms *membership // nil before the first Join
	inbox *inbox      // what its handlers have to do; nil when there is nothing
}

// A membership is the rooms that a socket has joined.
type membership struct {
	// joining orders changes: it is held until what a change posts is posted, and so
	// while OnRoom is told of a new room. Hence it is not mu, which everybody needs: only
	// Join and Leave take it, and the loop once, when there is nobody to tell yet.
	joining sync.Mutex

	list []string // in order; guarded by Socket.mu, and changed only with joining held
}

// Bits of Socket.marks. None is ever taken back but the first, and the last before anybody
// has seen the socket.
const (
	markUp        = 1 << iota // joined and not yet ended
	markGone                  // ended, or refused
	markCut                   // we disconnected it: events that are still queued are not handled
	markRecovered             // the client has come back to it
)

func (s *Socket) is(mark uint32) bool { return s.marks.Load()&mark != 0 }

// socketMore is the part of a socket that most do without.
type socketMore struct {
	// Fixed before the socket is known to anybody else.
	auth []byte // JSON text of the CONNECT; nil for none
	life *life  // what its client can come back to; nil without Options.Recovery

	// Any goroutine.
	ctx   atomic.Pointer[socketContext]
	own   atomic.Pointer[listeners]
	cause atomic.Pointer[DisconnectError] // why the socket ended; nil before
}

func (s *Socket) extend() *socketMore {
	if m := s.more.Load(); m != nil {
		return m
	}
	s.more.CompareAndSwap(nil, new(socketMore))
	return s.more.Load()
}

// own are the socket's own handlers, or nil.
func (s *Socket) own() *listeners {
	if m := s.more.Load(); m != nil {
		return m.own.Load()
	}
	return nil
}

// A socketContext is a socket's context, made when first asked for.
type socketContext struct {
	context.Context
	cancel context.CancelCauseFunc
}

// ID is the socket's public id, 20 characters. It changes with every connection, but for a
// client that comes back, see [Options.Recovery].
//
// The sockets of a client of [Options.AllowEIO3] have the id of its connection, which is a
// secret otherwise ([Conn.ID]), and behind the namespace's name and a "#" in others than
// "/": so do such clients make it up themselves. Who tells others their ids lets these
// speak for the client.
func (s *Socket) ID() string { return s.core.ID() }

// Namespace is the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Recovered reports whether the client has come back after its connection was lost, to what
// it had before: the id, the rooms, the values of slots and every event that it has missed.
// It is false without [Options.Recovery].
func (s *Socket) Recovered() bool { return s.is(markRecovered) }

// Connected reports whether the socket has joined and not ended. In functions of
// [Namespace.Use] it is false.
func (s *Socket) Connected() bool { return s.is(markUp) }

// Param is a part of the namespace's name that [Server.OfPattern] has given a name.
func (s *Socket) Param(name string) string { return s.ns.params[name] }

// Context ends when the socket does. Its cause is then a [*DisconnectError].
func (s *Socket) Context() context.Context {
	m := s.extend()
	if c := m.ctx.Load(); c != nil {
		return c
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	if !m.ctx.CompareAndSwap(nil, &socketContext{ctx, cancel}) {
		cancel(nil)
	} else if cause := m.cause.Load(); cause != nil {
		cancel(cause) // it had ended before, or between the two
	}
	return m.ctx.Load()
}

// Transport is what carries the socket's connection now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.session().Transport().String() }

// RTT is how long the client took to answer the last ping, the time in its own queue
// included; 0 before the first. It is measured every ping interval. Clients of
// [Options.AllowEIO3] are not pinged: theirs is 0.
func (s *Socket) RTT() time.Duration { return s.session().RTT() }

// Queued is how many bytes were waiting for the client after the last write. The
// bytes that the kernel has taken are not counted.
func (s *Socket) Queued() (bytes int) { return s.session().Backlog() }

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
// Errors: [ErrClosed], unless the client may come back, see [Recovery]; [ErrReservedEvent];
// those of encoding.
func (s *Socket) Emit(event string, args ...any) error {
	p := Prepare(event)
	defer p.Release()
	for _, a := range args {
		p.add(s.ns.server.codec, a)
	}
	return s.Send(p)
}

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
func (s *Socket) Send(p *Packet) error {
	if r := s.ns.recovery; r != nil {
		return r.send(s.Self(), p)
	}
	if s.ns.watched.Load() && p.err == nil {
		s.outgoing(p)
	}
	return p.sendTo(s, socketio.Event, -1, 0, true)
}

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
// It must not be called by functions of [Namespace.OnRoom], nor Leave: they may be called
// by a Join of the same socket that is under way, and would wait for it.
//
// Errors: of [Namespace.OnJoin]; [ErrRoomLimit]. With an error none of the rooms was
// joined.
func (s *Socket) Join(rooms ...string) error {
	if l := s.ns.server.debug.socket.debug; l != nil {
		l.Debug("joining", "socket", s.ID(), "nsp", s.ns.name, "rooms", slices.Clone(rooms))
	}
	for _, f := range s.ns.table.Load().onJoin {
		for _, r := range rooms {
			if err := f(s, r); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	if s.rooms == nil {
		s.rooms = new(membership)
	}
	m := s.rooms
	s.mu.Unlock()

	m.joining.Lock()
	defer m.joining.Unlock()
	fresh, up, err := s.add(m, rooms)
	if up {
		s.enter(fresh)
	}
	return err
}

// add puts the rooms that are new in the list, and returns them; up says whether the
// socket is to enter them at once. m.joining is held.
func (s *Socket) add(m *membership, rooms []string) (fresh []string, up bool, err error) {
	limit := s.ns.server.options.Limits.RoomsPerSocket
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil, false, nil
	}
	was := len(m.list)
	for _, r := range rooms {
		if r != s.ID() && !slices.Contains(m.list, r) {
			m.list = append(m.list, r)
		}
	}
	fresh = m.list[was:]
	if limit > 0 && len(fresh) > 0 && len(m.list) > limit {
		clear(fresh)
		m.list = m.list[:was]
		return nil, false, ErrRoomLimit
	}
	return fresh, s.is(markUp), nil
}

// enter makes the socket a member of rooms. The order of posts is that of the list,
// because membership.joining is held; s.mu is not: Raise calls OnRoom.
func (s *Socket) enter(rooms []string) {
	l := s.loop()
	for _, name := range rooms {
		r := s.ns.dir.Raise(name, l.Index())
		ok := false
		if rec := s.ns.recovery; rec != nil {
			ok = rec.join(s, l, r)
		} else {
			ok = l.Join(&s.core, r)
		}
		if !ok {
			s.ns.dir.Lower(r, l.Index())
		}
	}
}

// Leave takes the socket out of the rooms. Rooms that it is not in change nothing.
func (s *Socket) Leave(rooms ...string) error {
	if l := s.ns.server.debug.socket.debug; l != nil {
		l.Debug("leaving", "socket", s.ID(), "nsp", s.ns.name, "rooms", slices.Clone(rooms))
	}
	s.mu.Lock()
	m := s.rooms
	s.mu.Unlock()
	if m == nil {
		return nil
	}
	m.joining.Lock()
	defer m.joining.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rooms {
		i := slices.Index(m.list, r)
		if i < 0 || s.left {
			continue
		}
		m.list = slices.Delete(m.list, i, i+1)
		switch rec := s.ns.recovery; {
		case !s.is(markUp):
		case rec != nil:
			rec.leave(s, r)
		default:
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
	return s.rooms != nil && slices.Contains(s.rooms.list, room)
}

// Rooms are the rooms that the socket is in, that of its id first. In OnDisconnect
// they are those that it was in.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rooms == nil {
		return []string{s.ID()}
	}
	return append([]string{s.ID()}, s.rooms.list...)
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
// close". A second call does nothing, nor does one in a function of [Namespace.Use],
// which refuses a socket by its error.
func (s *Socket) Disconnect(d Disconnect) {
	if s.is(markUp) {
		s.marks.Or(markCut)
	}
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
	s.marks.Or(markCut)
	s.loop().Do(func(_ session.Host, now session.Instant) { s.session().Shut(now, ServerError, err) })
}

// Do has f run in the order of the socket's handlers: behind those of events that
// came before, and never beside one. Any goroutine.
//
// It returns [ErrClosed], and f is not run, once the socket has ended.
func (s *Socket) Do(f func()) error {
	s.mu.Lock()
	if s.left { // OnDisconnect is the last job
		s.mu.Unlock()
		return ErrClosed
	}
	b := s.inboxLocked()
	b.jobs = append(b.jobs, job{kind: jobFunc, f: f})
	s.mu.Unlock()
	s.queued()
	return nil
}

// joined is called on the loop when the socket has been let in.
func (s *Socket) joined() {
	s.up()
	s.register()
	s.welcome()
}

// register has the socket found by its id, and broadcasts posted to its loop; unregister
// undoes it.
func (s *Socket) register() {
	s.ns.sockets.add(s)
	s.ns.members[s.loop().Index()].Add(1)
}

func (s *Socket) unregister() {
	s.ns.sockets.remove(s)
	s.ns.members[s.loop().Index()].Add(-1)
}

// welcome tells of the socket that has been let in: OnConnect is called.
func (s *Socket) welcome() {
	s.debugLetIn()
	if len(s.ns.table.Load().connect) > 0 {
		s.push(job{kind: jobConnect})
	}
}

func (s *Socket) debugLetIn() {
	if l := s.ns.server.debug.namespace.debug; l != nil {
		l.Debug("socket let in", "socket", s.ID(), "nsp", s.ns.name, "session", shortID(s.session()), "recovered", s.Recovered())
	}
}

// up makes the socket a member of the rooms that it has joined so far, and Join do so
// at once from now on.
func (s *Socket) up() {
	s.mu.Lock()
	m := s.rooms
	if m == nil {
		s.marks.Or(markUp)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()

	m.joining.Lock() // for a moment: whoever holds it sees no markUp, and enters nothing
	defer m.joining.Unlock()
	s.mu.Lock()
	s.marks.Or(markUp)
	rooms := m.list
	s.mu.Unlock()
	s.enter(rooms)
}

// refused is called on the loop when it has not been, or when the client has left
// before that was decided; then perhaps twice.
func (s *Socket) refused(r Reason, err error) {
	s.mu.Lock()
	s.rooms, s.left = nil, true
	s.mu.Unlock()
	if !s.is(markGone) {
		s.ended(newDisconnectError(r, err))
	}
	if rec := s.ns.recovery; rec != nil {
		rec.withdrawn(s)
	}
}

// ended ends the socket's context, and its hold of the namespace. It is called once for
// each that enter has made.
func (s *Socket) ended(cause *DisconnectError) {
	s.marks.And(^uint32(markUp))
	s.marks.Or(markGone)
	s.ns.letGo()
	m := s.extend()
	m.cause.Store(cause)
	if c := m.ctx.Load(); c != nil {
		c.cancel(cause)
	}
}
