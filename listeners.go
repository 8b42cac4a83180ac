package sio

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/e6a90ca8/sio/codec/socketio"
)

func mustNotReserve(event string) {
	if socketio.Reserved(event) {
		panic(fmt.Sprintf("sio: %q is a reserved event name", event))
	}
}

// listeners are a socket's own handlers. They exist behind one pointer that is nil in
// a socket that has none. A value is immutable.
type listeners struct {
	events     map[string][]*own
	any        []Handler
	outgoing   []func(s *Socket, m *Msg)
	use        []Handler
	disconnect []func(r Reason)
	onError    []func(err error)
}

// own is one handler of a socket's own.
type own struct {
	// Fixed.
	run  Handler
	from any // the function that was registered: run, or what run was made from
	mode HandlerOption
	once bool

	// Any goroutine.
	within atomic.Pointer[within]
}

// within is a socket's own handler inside what the namespace wraps around handlers.
type within struct {
	run   Handler
	wraps int // so many: a namespace's wraps only become more
}

// wrapped is the handler inside the wraps of t, nil if one of these has panicked. It is
// made once, so that what a wrap keeps with it lasts.
func (s *Socket) wrapped(o *own, t *table, event string) Handler {
	if len(t.wraps) == 0 {
		return o.run
	}
	if w := o.within.Load(); w != nil && w.wraps == len(t.wraps) {
		return w.run
	}
	w := &within{wraps: len(t.wraps)}
	if s.guard(event, func() error { w.run = t.wrapped(o.run); return nil }) != nil {
		return nil
	}
	o.within.Store(w)
	return w.run
}

func (s *Socket) listen(f func(l *listeners)) {
	m := s.extend()
	for {
		old := m.own.Load()
		l := &listeners{}
		if old != nil {
			*l = *old
			l.events = maps.Clone(old.events)
			l.any, l.outgoing, l.use = slices.Clone(l.any), slices.Clone(l.outgoing), slices.Clone(l.use)
			l.disconnect, l.onError = slices.Clone(l.disconnect), slices.Clone(l.onError)
		}
		f(l)
		if m.own.CompareAndSwap(old, l) {
			return
		}
	}
}

// On adds a handler of this socket alone. It runs behind those of the namespace. Any
// goroutine; inside OnConnect or Use no event can be missed.
func (s *Socket) On(event string, h Handler, opts ...HandlerOption) {
	s.on(event, &own{run: h, from: h, mode: modeOf(opts)})
}

// Once is On for the next event only.
func (s *Socket) Once(event string, h Handler, opts ...HandlerOption) {
	s.on(event, &own{run: h, from: h, mode: modeOf(opts), once: true})
}

func (s *Socket) on(event string, o *own) {
	mustNotReserve(event)
	s.listen(func(l *listeners) {
		if l.events == nil {
			l.events = make(map[string][]*own)
		}
		l.events[event] = append(slices.Clip(l.events[event]), o)
	})
}

// Off removes the socket's own handlers of an event: those given, or all of them. A
// handler is recognised by being the same function; closures made by one expression
// are the same. Those of typed events are given to [Event.Off] and its like.
func (s *Socket) Off(event string, hs ...Handler) { off(s, event, hs) }

// off is Off for handlers of any type.
func off[H any](s *Socket, event string, hs []H) {
	s.listen(func(l *listeners) {
		if len(hs) == 0 {
			delete(l.events, event)
			return
		}
		l.remove(event, func(o *own) bool { return among(hs, o.from) })
	})
}

// among reports whether one of the functions is f.
func among[H any](list []H, f any) bool {
	at := reflect.ValueOf(f).Pointer()
	return slices.ContainsFunc(list, func(h H) bool { return reflect.ValueOf(h).Pointer() == at })
}

// remove removes handlers of an event, and the event with the last one.
func (l *listeners) remove(event string, which func(o *own) bool) {
	list := slices.DeleteFunc(slices.Clone(l.events[event]), which)
	if len(list) == 0 {
		delete(l.events, event)
		return
	}
	l.events[event] = list
}

// OffAll removes all handlers of the socket's own but those for disconnecting.
func (s *Socket) OffAll() {
	s.listen(func(l *listeners) { *l = listeners{disconnect: l.disconnect} })
}

// EventNames are the events that the socket has handlers of its own for, sorted.
func (s *Socket) EventNames() []string {
	l := s.own()
	if l == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(l.events))
}

// OnAny adds a handler of this socket alone for every event, behind earlier ones;
// PrependAny puts it in front.
func (s *Socket) OnAny(h Handler) { s.listen(func(l *listeners) { l.any = append(l.any, h) }) }

// PrependAny is OnAny, in front of earlier ones.
func (s *Socket) PrependAny(h Handler) {
	s.listen(func(l *listeners) { l.any = slices.Insert(l.any, 0, h) })
}

// OffAny removes the socket's own handlers for every event: those given, or all.
func (s *Socket) OffAny(hs ...Handler) {
	s.listen(func(l *listeners) {
		l.any = slices.DeleteFunc(l.any, func(x Handler) bool { return len(hs) == 0 || among(hs, x) })
	})
}

// ListenersAny are the socket's own handlers for every event, in the order in which they
// run.
func (s *Socket) ListenersAny() []Handler {
	if l := s.own(); l != nil {
		return slices.Clone(l.any)
	}
	return nil
}

// OnOutgoing is [Namespace.OnOutgoing] for this socket alone; PrependOutgoing puts
// the function in front of earlier ones.
func (s *Socket) OnOutgoing(f func(s *Socket, m *Msg)) {
	s.listen(func(l *listeners) { l.outgoing = append(l.outgoing, f) })
	s.ns.watched.Store(true)
}

// PrependOutgoing is OnOutgoing, in front of earlier ones.
func (s *Socket) PrependOutgoing(f func(s *Socket, m *Msg)) {
	s.listen(func(l *listeners) { l.outgoing = slices.Insert(l.outgoing, 0, f) })
	s.ns.watched.Store(true)
}

// OffOutgoing removes the socket's own functions of OnOutgoing: those given, as
// [Socket.Off] recognises them, or all.
func (s *Socket) OffOutgoing(fs ...func(s *Socket, m *Msg)) {
	s.listen(func(l *listeners) {
		l.outgoing = slices.DeleteFunc(l.outgoing, func(x func(*Socket, *Msg)) bool { return len(fs) == 0 || among(fs, x) })
	})
}

// ListenersOutgoing are the socket's own functions of OnOutgoing, in the order in which
// they run.
func (s *Socket) ListenersOutgoing() []func(s *Socket, m *Msg) {
	if l := s.own(); l != nil {
		return slices.Clone(l.outgoing)
	}
	return nil
}

// Use adds a function that sees every event of this socket before its handlers, and
// drops it by returning an error, which OnError is told.
func (s *Socket) Use(h Handler) { s.listen(func(l *listeners) { l.use = append(l.use, h) }) }

// OnDisconnect adds a function that is called once when the socket has ended, behind
// its last event and before those of the namespace.
func (s *Socket) OnDisconnect(f func(r Reason)) {
	s.listen(func(l *listeners) { l.disconnect = append(l.disconnect, f) })
}

// OnError is [Namespace.OnError] for this socket alone.
func (s *Socket) OnError(f func(err error)) {
	s.listen(func(l *listeners) { l.onError = append(l.onError, f) })
}

// expire removes a handler that was to run once. It reports whether it still was
// there, so that two events cannot both run it.
func (s *Socket) expire(event string, once *own) bool {
	found := false
	s.listen(func(l *listeners) {
		found = false
		l.remove(event, func(o *own) bool {
			found = found || o == once
			return o == once
		})
	})
	return found
}
