package sio

import (
	"context"
	"slices"
)

// A Handler handles one event. m is a view, valid until it returns.
//
// An error of an event that wants an acknowledgement is told to the client, see
// [Options.AckError]; of another event, to [Namespace.OnError].
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
	// [ErrOnLoop].
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
	event string
	run   Handler
	mode  HandlerOption
}

// built fills in what follows from source, wraps and unhandled.
func (t *table) built() *table {
	t.events = make(map[string]*handler, len(t.source))
	last := make(map[string]*handler)
	for _, r := range t.source {
		h := &handler{name: r.event, run: t.wrapped(r.run), mode: r.mode}
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
	t.fallback = nil
	if t.unhandled != nil || len(t.wraps) > 0 {
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
// from its pattern.
func (n *Namespace) change(f func(t *table)) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.changeLocked(f)
}

func (n *Namespace) changeLocked(f func(t *table)) {
	old := n.table.Load()
	t := *old
	t.any, t.outgoing, t.wraps = slices.Clip(t.any), slices.Clip(t.outgoing), slices.Clip(t.wraps)
	t.use, t.connect, t.disconnect = slices.Clip(t.use), slices.Clip(t.connect), slices.Clip(t.disconnect)
	t.onError, t.onJoin, t.source = slices.Clip(t.onError), slices.Clip(t.onJoin), slices.Clip(t.source)
	f(&t)
	n.table.Store(t.built())
	if len(t.outgoing) > 0 {
		n.watched.Store(true)
	}
	for _, child := range n.children {
		child.changeLocked(f)
	}
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

// OnError adds a function that is told of errors which nobody else is: of handlers
// whose event wants no acknowledgement, of packets that could not be read, and of
// panics, as a [*PanicError]. Without one, errors are logged.
func (n *Namespace) OnError(f func(s *Socket, err error)) {
	n.change(func(t *table) { t.onError = append(t.onError, f) })
}

// OnJoin adds a function that may veto that a socket joins a room: [Socket.Join]
// returns its error. It is called by the goroutine that calls Join.
func (n *Namespace) OnJoin(f func(s *Socket, room string) error) {
	n.change(func(t *table) { t.onJoin = append(t.onJoin, f) })
}

// On adds a handler for an event. Several for one event run one after another, in
// order of registration. It panics if the event's name is reserved: see
// [ErrReservedEvent].
func (n *Namespace) On(event string, h Handler, opts ...HandlerOption) {
	mustNotReserve(event)
	n.change(func(t *table) { t.source = append(t.source, registered{event, h, modeOf(opts)}) })
}

// OnAny adds a handler for every event, which runs before the event's own, and before
// what [Namespace.Wrap] has put around those. Its error is told to OnError and stops
// nothing.
func (n *Namespace) OnAny(h Handler) {
	n.change(func(t *table) { t.any = append(t.any, h) })
}

// OnUnhandled sets the handler for events that have none.
func (n *Namespace) OnUnhandled(h Handler) {
	n.change(func(t *table) { t.unhandled = h })
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
func (n *Namespace) Wrap(f func(next Handler) Handler) {
	n.change(func(t *table) { t.wraps = append(t.wraps, f) })
}
