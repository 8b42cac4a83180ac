package sio

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// This file is how handlers are run, and whom their errors and panics are told to.

// handle runs everything that listens to an event, one after another: those for every
// event, then, inside what the namespace has wrapped around it, the event's handlers,
// then the socket's own.
func (s *Socket) handle(m *Msg, h *handler) {
	t := s.ns.table.Load()
	l := s.own()
	for _, f := range t.any {
		s.run(f, m, false)
	}
	var mine []*own
	watched := len(t.any) > 0
	if l != nil {
		for _, f := range l.any {
			s.run(f, m, false)
		}
		for _, f := range l.use {
			if err := s.guardHandler(f, m); err != nil {
				s.failed(m, err)
				return
			}
		}
		mine = l.events[m.name]
		watched = watched || len(l.any)+len(l.use) > 0
	}
	if h == nil && len(mine) == 0 {
		if t.unhandled == nil && !watched {
			s.ns.server.counters.unhandled.Add(1)
		}
		if t.fallback != nil {
			s.run(t.fallback, m, true)
		}
		return
	}
	for ; h != nil; h = h.next {
		if h.mode == Free {
			s.free(h.run, m)
		} else {
			s.run(h.run, m, true)
		}
	}
	for _, o := range mine {
		if o.once && !s.expire(m.name, o) {
			continue
		}
		switch run := s.wrapped(o, t, m.name); {
		case run == nil: // told already
		case o.mode == Free:
			s.free(run, m)
		default:
			s.run(run, m, true)
		}
	}
}

// free runs a handler on a goroutine of its own.
func (s *Socket) free(h Handler, m *Msg) {
	k := m.Keep()
	m.acked = k.acked
	s.ns.server.dispatcher.loosen(func() { s.run(h, k, true) })
}

// run runs a handler and deals with its error.
func (s *Socket) run(h Handler, m *Msg, answer bool) {
	err := s.guardHandler(h, m)
	if err == nil {
		return
	}
	if answer && m.WantsAck() && !panicked(err) && s.refuse(m, err) == nil {
		if _, ok := asFail(err); ok { // it was meant for the client
			s.ns.server.counters.failed.Add(1)
			return
		}
	}
	s.failed(m, err)
}

// failed tells the error of an event's handler, with the event's name.
func (s *Socket) failed(m *Msg, err error) {
	if panicked(err) {
		return // told already
	}
	level := slog.LevelWarn
	if _, ok := asFail(err); ok {
		s.ns.server.counters.failed.Add(1)
		level = slog.LevelDebug
	}
	s.tell(fmt.Errorf("sio: event %q: %w", m.name, err), level)
}

// panicked reports whether an error of guard or guardHandler is a panic.
func panicked(err error) bool {
	_, ok := err.(*PanicError)
	return ok
}

// refuse tells the client, which waits for an answer, of an error.
func (s *Socket) refuse(m *Msg, err error) (aerr error) {
	returned := false
	defer func() {
		if !returned { // AckError
			aerr = s.caught(m.name, recover())
		}
	}()
	aerr = m.Ack(s.ns.server.options.AckError(err)...)
	returned = true
	return aerr
}

// guardHandler is guard for a Handler, without a closure.
func (s *Socket) guardHandler(h Handler, m *Msg) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = s.caught(m.name, recover())
		}
	}()
	err = h(s, m)
	returned = true
	return err
}

// guard runs a user's function. A panic is caught, told, and ends the client's
// connection. So is runtime.Goexit, but for its caller's goroutine, which ends when what
// it has deferred is done: see doAll.
func (s *Socket) guard(event string, f func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = s.caught(event, recover())
		}
	}()
	err = f()
	returned = true
	return err
}

// caught deals with a panic, or, when v is nil, with runtime.Goexit.
func (s *Socket) caught(event string, v any) error {
	if v == nil {
		v = errGoexit
	}
	err := &PanicError{Event: event, Value: v, Stack: debug.Stack()}
	s.ns.server.counters.panics.Add(1)
	s.tell(err, slog.LevelError)
	s.kill(err)
	return err
}

// survive is deferred around functions of the application that no socket is to blame
// for.
func (s *Server) survive(hook string) {
	if v := recover(); v != nil {
		s.counters.panics.Add(1)
		s.logger.Error("sio: "+hook+" panicked", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
}

// tell tells an error to whoever wants to know of errors, else to the log. What clients
// can bring about at will is logged at the debug level: they shall not write our log.
func (s *Socket) tell(err error, level slog.Level) {
	told := false
	// A function that is told of errors and panics itself must not be told of that.
	defer func() {
		if v := recover(); v != nil {
			s.ns.server.logger.Error("sio: OnError panicked", "value", fmt.Sprint(v))
		}
	}()
	if own := s.own(); own != nil {
		for _, f := range own.onError {
			told = true
			f(err)
		}
	}
	for _, f := range s.ns.table.Load().onError {
		told = true
		f(s, err)
	}
	logger := s.ns.server.logger
	switch {
	case told:
	case panicked(err):
		logger.Error(err.Error(), "socket", s.ID(), "nsp", s.ns.name, "stack", string(err.(*PanicError).Stack))
	case logger.Enabled(context.Background(), level):
		logger.Log(context.Background(), level, "sio: error", "socket", s.ID(), "nsp", s.ns.name, "err", err)
	}
}
