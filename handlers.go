package sio

import (
	"context"
	"slices"
)

// A Handler handles one event. m is a view, valid until it returns.
//
// Its error is told to the client, if that wants an acknowledgement, see
// [Options.AckError], and to [Namespace.OnError]; a [Fail] for a client that is told of it
// to nobody else.
type Handler func(s *Socket, m *Msg) error

// A HandlerOption says how a handler is run. Of several the last one counts.
type HandlerOption uint8

const (
	// Serial is the default: events of a socket are handled one after another, on a worker
	// of the pool, where handlers may block.
	Serial HandlerOption = iota

	// Inline makes a handler run on the socket's event loop, on the bytes as they were
	// read: no hand-over, no copy. It must not block, and should be done in 50 us, for
	// everything else on the loop waits. Calls that would wait for a loop return
	// [ErrOnLoop]. It must not end the goroutine by runtime.Goexit, as FailNow and Fatal of
	// a test do: that is the loop, and nobody on it would be served any more.
	//
	// While earlier events of the socket are still being handled elsewhere, an event for
	// an inline handler queues behind them and is handled there too: order is kept.
	Inline

	// Free makes each event be handled on a goroutine of its own, in no order, also beside
	// other handlers of the same socket.
	Free
)

// modeOf is what the options of a handler come to.
func modeOf(opts []HandlerOption) HandlerOption {
	if len(opts) == 0 {
		return Serial
	}
	return opts[len(opts)-1]
}

// A handler is a Handler with how it is run.
type handler struct {
	name string // of its event: handed to messages, so that names are not made anew
	run  Handler
	mode HandlerOption
	next *handler // a further one for the same event
}

// A Registrar takes handlers: [*Server], [*Namespace] for all sockets of a namespace,
// [*Socket] for itself alone.
type Registrar interface {
	On(event string, h Handler, opts ...HandlerOption)
}

// A table is all handlers of a namespace. It is immutable: registering makes a new
// one, so loops and workers read it without a lock.
type table struct {
	events     map[string]*handler
	any        []Handler
	unhandled  Handler
	fallback   Handler // of events without a handler, through the wraps; nil if there are none
	outgoing   []func(s *Socket, m *Msg)
	wraps      []func(next Handler) Handler
	use        []func(ctx context.Context, s *Socket) error
	connect    []func(s *Socket)
	disconnect []func(s *Socket, r Reason)
	onError    []func(s *Socket, err error)
	onJoin     []func(s *Socket, room string) error

	source []registered // what events was made of, in order, for wraps that come later
}

type registered struct {
	event   string
	run     Handler
	wrapped Handler // run inside the wraps; nil if it is still to be wrapped
	mode    HandlerOption
}

// clone is a copy to be changed: what it appends to is not the table's.
func (t *table) clone() *table {
	c := *t
	c.any, c.outgoing, c.wraps = slices.Clip(t.any), slices.Clip(t.outgoing), slices.Clip(t.wraps)
	c.use, c.connect, c.disconnect = slices.Clip(t.use), slices.Clip(t.connect), slices.Clip(t.disconnect)
	c.onError, c.onJoin, c.source = slices.Clip(t.onError), slices.Clip(t.onJoin), slices.Clone(t.source)
	return &c
}

// built fills in what follows from source, wraps and unhandled. It calls functions of
// the application: nothing may be locked.
func (t *table) built() *table {
	t.events = make(map[string]*handler, len(t.source))
	last := make(map[string]*handler)
	for i := range t.source {
		r := &t.source[i]
		if r.wrapped == nil {
			r.wrapped = t.wrapped(r.run)
		}
		h := &handler{name: r.event, run: r.wrapped, mode: r.mode}
		if l := last[r.event]; l != nil {
			l.next = h
			if first := t.events[r.event]; first.mode == Inline && h.mode != Inline {
				// Handlers of one event run one after another: on the loop only if all may.
				first.mode = Serial
			}
		} else {
			t.events[r.event] = h
		}
		last[r.event] = h
	}
	if t.fallback == nil && (t.unhandled != nil || len(t.wraps) > 0) {
		end := t.unhandled
		if end == nil {
			end = func(*Socket, *Msg) error { return nil }
		}
		t.fallback = t.wrapped(end)
	}
	return t
}

func (t *table) wrapped(h Handler) Handler {
	for _, w := range slices.Backward(t.wraps) {
		h = w(h)
	}
	return h
}

// change registers something in the namespace, and in the namespaces that were made
// from its pattern: f does so in a copy of their tables. It may be called more than once,
// and wraps with it, for tables are built without a lock, since wraps may call anything
// of the server's: if somebody was faster, what has come of that is built too.
func (n *Namespace) change(f func(t *table)) {
	next := make(map[*table]*table) // what follows a table; namespaces of a pattern share them
	for !n.replace(next) {
		for old, t := range next {
			if t == nil {
				t = old.clone()
				f(t)
				next[old] = t.built()
			}
		}
	}
}

// replace puts what follows them in the place of the namespace's table and of those of
// its children, all at once. If next does not say what follows one, it is put there, and
// nothing is replaced.
func (n *Namespace) replace(next map[*table]*table) bool {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	family := append(slices.Clip(n.children), n)
	known := true
	for _, m := range family {
		if old := m.table.Load(); next[old] == nil {
			next[old] = nil
			known = false
		}
	}
	if !known {
		return false
	}
	for _, m := range family {
		t := next[m.table.Load()]
		m.table.Store(t)
		if len(t.outgoing) > 0 {
			m.watched.Store(true)
		}
	}
	return true
}

// Use adds a function that decides whether a socket may join: by returning nil. They
// run one after another, in order of registration, each on the worker pool, so it may
// block; the client's patience is [Options.ConnectTimeout]. An error refuses the
// socket: see [Refuse]. Rooms joined meanwhile count once the socket is in.
//
// ctx ends when the client leaves. OnDisconnect is not called for a socket that was
// refused, or has left before it was in: what Use has taken for it is given back by
// context.AfterFunc(ctx, ...).
func (n *Namespace) Use(f func(ctx context.Context, s *Socket) error) {
	n.change(func(t *table) { t.use = append(t.use, f) })
}

// OnConnect adds a function that is called for each socket that has joined, before
// its first event is handled. The client has been told by then, and the socket is a
// member of the namespace: a broadcast may reach it before what f sends.
func (n *Namespace) OnConnect(f func(s *Socket)) {
	n.change(func(t *table) { t.connect = append(t.connect, f) })
}

// OnDisconnect adds a function that is called once for each socket that had joined,
// behind its last event. [Socket.Rooms] still tells the rooms that it was in.
func (n *Namespace) OnDisconnect(f func(s *Socket, r Reason)) {
	n.change(func(t *table) { t.disconnect = append(t.disconnect, f) })
}

// OnError adds a function that is told of errors: of handlers, with the event's name in
// front (errors.Is and errors.As find the error itself), but for a [Fail] that the client
// was told of; of packets that could not be read; and of panics, as a [*PanicError].
// Without one they are logged: panics as errors, what clients can bring about at will, a
// Fail or such a packet, at debug level, the others as warnings.
//
// It is called on the goroutine of the handler, which for an [Inline] one is an event
// loop: it must not block.
func (n *Namespace) OnError(f func(s *Socket, err error)) {
	n.change(func(t *table) { t.onError = append(t.onError, f) })
}

// OnJoin adds a function that may veto that a socket joins a room: [Socket.Join]
// returns its error. It is called by the goroutine that calls Join, for [Target.Join] on
// the socket's event loop: there it must not block. Nothing is locked then, so it may
// call whatever it likes, but a Join in it asks OnJoin again.
func (n *Namespace) OnJoin(f func(s *Socket, room string) error) {
	n.change(func(t *table) { t.onJoin = append(t.onJoin, f) })
}

// On adds a handler for an event. Several for one event run one after another, in
// order of registration. It panics if the event's name is reserved: see
// [ErrReservedEvent].
func (n *Namespace) On(event string, h Handler, opts ...HandlerOption) {
	mustNotReserve(event)
	n.change(func(t *table) { t.source = append(t.source, registered{event: event, run: h, mode: modeOf(opts)}) })
}

// OnAny adds a handler for every event, which runs before the event's own, and before
// what [Namespace.Wrap] has put around those. Its error is told to OnError and stops
// nothing.
func (n *Namespace) OnAny(h Handler) {
	n.change(func(t *table) { t.any = append(t.any, h) })
}

// OnUnhandled sets the handler for events that have none.
func (n *Namespace) OnUnhandled(h Handler) {
	n.change(func(t *table) { t.unhandled, t.fallback = h, nil })
}

// OnOutgoing adds a function that sees every event sent to a socket, once for each
// receiver of a broadcast. It is called on the goroutine that sends, for broadcasts
// on the receiver's event loop: it must not block. Acknowledgements are not shown.
func (n *Namespace) OnOutgoing(f func(s *Socket, m *Msg)) {
	n.change(func(t *table) { t.outgoing = append(t.outgoing, f) })
}

// Wrap puts something around every handler of the namespace, registered before or
// after, and around events that have none: authorisation, validation, measuring. The
// first one is the outermost. An error it returns instead of calling next drops the
// event.
//
// f itself is called when a handler is registered, for those of a socket's own at their
// first event, and for all again when another Wrap is added: it should do nothing but
// make a Handler. It may be called by any goroutine, and more often than that, but the
// Handler that it makes is not remade for an event.
func (n *Namespace) Wrap(f func(next Handler) Handler) {
	n.change(func(t *table) {
		t.wraps, t.fallback = append(t.wraps, f), nil
		for i := range t.source {
			t.source[i].wrapped = nil
		}
	})
}
