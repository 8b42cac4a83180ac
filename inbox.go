package sio

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/session"
)

// An inbox is what a socket's handlers have to do: jobs in order, with the bytes of
// their events. It exists only while there is something in it; a worker takes it away
// whole and gives it back to the pool when it is done.
type inbox struct {
	jobs  []job
	arena []byte // of events: JSON, then attachments
	ends  []int  // of attachments, in arena
}

// A job is one thing to do in a socket's order.
type job struct {
	kind     jobKind
	h        *handler // of an event; nil if only others than the event's own listen
	from, to int      // of an event's JSON in the arena
	ends     int      // of an event: index of its attachments' first end
	parts    int      // of an event: number of attachments
	id       int64
	f        func()
	reason   Reason
	err      error
}

type jobKind uint8

const (
	jobEvent jobKind = iota
	jobAdmit         // the functions of Use
	jobConnect
	jobDisconnect
	jobError
	jobFunc
)

var inboxes = sync.Pool{New: func() any { return new(inbox) }}

// maxKept bounds the memory of an inbox that the pool keeps, in bytes.
const maxKept = 64 << 10

func (b *inbox) release() {
	clear(b.jobs)
	if cap(b.arena) > maxKept || cap(b.jobs) > 1024 {
		return
	}
	b.jobs, b.arena, b.ends = b.jobs[:0], b.arena[:0], b.ends[:0]
	inboxes.Put(b)
}

// push queues a job that is not an event. Any goroutine.
func (s *Socket) push(j job) {
	s.mu.Lock()
	b := s.inboxLocked()
	b.jobs = append(b.jobs, j)
	s.mu.Unlock()
	s.queued()
}

func (s *Socket) inboxLocked() *inbox {
	if s.inbox == nil {
		s.inbox = inboxes.Get().(*inbox)
	}
	return s.inbox
}

// queued counts a job that was queued, and finds somebody to do it.
func (s *Socket) queued() {
	s.jobs.Add(1)
	if s.owned.CompareAndSwap(false, true) {
		s.ns.server.dispatcher.submit(s)
	}
}

// pushEvent queues an event. Loop only.
func (s *Socket) pushEvent(now session.Instant, e *session.Event, h *handler) {
	limits := &s.ns.server.options.Limits
	data := e.Args.Text()
	s.mu.Lock()
	b := s.inboxLocked()
	j := job{kind: jobEvent, h: h, id: e.ID, from: len(b.arena), ends: len(b.ends), parts: len(e.Attachments)}
	b.arena = append(b.arena, data...)
	j.to = len(b.arena)
	for _, a := range e.Attachments {
		b.arena = append(b.arena, a...)
		b.ends = append(b.ends, len(b.arena))
	}
	b.jobs = append(b.jobs, j)
	full := len(b.jobs) >= limits.QueuedEvents || len(b.arena) >= limits.QueuedBytes
	fill := full && !s.full
	if fill {
		s.full = true
	}
	s.mu.Unlock()
	if fill {
		s.core.SetFull(now, true)
	}
	s.queued()
}

// event is an event that has come in. Loop only; e is a view.
func (s *Socket) event(now session.Instant, e *session.Event) {
	t := s.ns.table.Load()
	h := t.events[string(e.Name)]
	heard := h != nil || t.fallback != nil || len(t.any) > 0
	inline := h != nil && h.mode == Inline
	if own := s.own(); own != nil {
		switch listens, onLoop := own.listenTo(e.Name); {
		case listens && h == nil:
			heard, inline = true, onLoop
		case listens:
			inline = inline && onLoop
		}
	}
	switch {
	case !heard && s.jobs.Load() == 0: // else what is handled before it may add a listener
		s.ns.server.counters.unhandled.Add(1)
	case inline && len(t.any) == 0 && s.jobs.Load() == 0 && s.owned.CompareAndSwap(false, true):
		s.inline(e, h)
	default:
		s.pushEvent(now, e, h)
	}
}

// listenTo reports whether something of the socket's own listens to an event, and if so
// whether that is nothing but handlers that are to run inline.
func (l *listeners) listenTo(event []byte) (listens, inline bool) {
	list := l.events[string(event)]
	if len(l.any) > 0 || len(l.use) > 0 {
		return true, false
	}
	for _, o := range list {
		if o.mode != Inline {
			return true, false
		}
	}
	return len(list) > 0, true
}

// inline handles an event on the loop. The caller has made itself the owner.
func (s *Socket) inline(e *session.Event, h *handler) {
	m := &s.ns.server.inline[s.session().Host().Index()].msg
	*m = Msg{socket: s, data: e.Args.Text(), args: e.Args, first: 1, parts: e.Attachments, id: e.ID, inline: true}
	if h != nil {
		m.name = h.name
	} else {
		m.name = string(e.Name)
	}
	s.handle(m, h)
	*m = Msg{}
	s.disown()
}

// disown ends the ownership of the socket's handlers; if something was queued
// meanwhile a worker takes over. The order of the steps is that of the mailbox: give
// up, then look again.
func (s *Socket) disown() {
	s.owned.Store(false)
	if s.jobs.Load() > 0 && s.owned.CompareAndSwap(false, true) {
		s.ns.server.dispatcher.submit(s)
	}
}

// A worker is what one goroutine needs to do jobs.
type worker struct {
	msg  Msg
	args socketio.Args
	ends [][]byte
}

// work does the socket's jobs, one inbox full. It reports whether there may be more;
// if not, the socket is disowned.
func (s *Socket) work(w *worker) (more bool) {
	s.mu.Lock()
	b := s.inbox
	s.inbox = nil
	s.mu.Unlock()
	if b != nil {
		for i := range b.jobs {
			s.do(w, b, &b.jobs[i])
		}
		n := len(b.jobs)
		b.release()
		s.drained()
		if s.jobs.Add(-int32(n)) > 0 {
			return true
		}
	}
	s.owned.Store(false)
	return s.jobs.Load() > 0 && s.owned.CompareAndSwap(false, true)
}

// drained lets the client be read again once its inbox is empty.
func (s *Socket) drained() {
	s.mu.Lock()
	resume := s.full && s.inbox == nil
	if resume {
		s.full = false
	}
	s.mu.Unlock()
	if resume {
		s.loop().Do(func(_ session.Host, now session.Instant) { s.core.SetFull(now, false) })
	}
}

// do does one job.
func (s *Socket) do(w *worker, b *inbox, j *job) {
	switch j.kind {
	case jobEvent:
		if s.is(markCut) {
			return
		}
		s.doEvent(w, b, j)
	case jobAdmit:
		s.admit()
	case jobConnect:
		for _, f := range s.ns.table.Load().connect {
			if s.guard("", func() error { f(s); return nil }) != nil {
				return
			}
		}
	case jobDisconnect:
		s.doDisconnect(j.reason)
	case jobError:
		s.fail(j.err)
	case jobFunc:
		_ = s.guard("", func() error { j.f(); return nil })
	}
}

func (s *Socket) doDisconnect(r Reason) {
	if own := s.own(); own != nil {
		for _, f := range own.disconnect {
			_ = s.guard("", func() error { f(r); return nil })
		}
	}
	for _, f := range s.ns.table.Load().disconnect {
		_ = s.guard("", func() error { f(s, r); return nil })
	}
	s.mu.Lock()
	s.rooms = nil
	s.mu.Unlock()
}

// doEvent puts an event together again and handles it.
func (s *Socket) doEvent(w *worker, b *inbox, j *job) {
	data := b.arena[j.from:j.to:j.to]
	if w.args.Parse(data) != nil {
		return // it was parsed before: this cannot be
	}
	w.ends = w.ends[:0]
	from := j.to
	for _, to := range b.ends[j.ends : j.ends+j.parts] {
		w.ends = append(w.ends, b.arena[from:to:to])
		from = to
	}
	w.msg = Msg{socket: s, data: data, args: &w.args, first: 1, parts: w.ends, id: j.id}
	h := j.h
	if h != nil {
		w.msg.name = h.name
	} else {
		name, escaped, _ := w.args.EventName()
		if escaped {
			name, _ = socketio.Unquote(nil, w.args.At(0))
		}
		w.msg.name = string(name)
		h = s.ns.table.Load().events[w.msg.name] // registered meanwhile
	}
	s.handle(&w.msg, h)
	w.msg = Msg{}
	w.args.Reset()
	clear(w.ends)
}

// handle runs everything that listens to an event, one after another: those for every
// event, then, inside what the namespace has wrapped around it, the event's handlers,
// then the socket's own.
func (s *Socket) handle(m *Msg, h *handler) {
	t := s.ns.table.Load()
	l := s.own()
	for _, f := range t.any {
		s.run(f, m, false)
	}
	var mine []own
	if l != nil {
		for _, f := range l.any {
			s.run(f, m, false)
		}
		for _, f := range l.use {
			if err := s.guardHandler(f, m); err != nil {
				var p *PanicError
				if !errors.As(err, &p) { // told already
					s.fail(err)
				}
				return
			}
		}
		mine = l.events[m.name]
	}
	if h == nil && len(mine) == 0 {
		switch {
		case t.fallback != nil:
			s.run(t.fallback, m, true)
		case len(t.any) == 0 && (l == nil || len(l.any)+len(l.use) == 0):
			s.ns.server.counters.unhandled.Add(1)
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
		if o.once && !s.expire(m.name, o.id) {
			continue
		}
		run := t.wrapped(o.run)
		if o.mode == Free {
			s.free(run, m)
		} else {
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
	var p *PanicError
	if errors.As(err, &p) {
		return // told already
	}
	if answer && m.WantsAck() {
		if aerr := s.refuse(m, err); aerr == nil {
			var f Fail
			if !errors.As(err, &f) {
				s.fail(fmt.Errorf("sio: event %q: %w", m.name, err))
			}
			return
		}
	}
	s.fail(err)
}

// refuse tells the client, which waits for an answer, of an error.
func (s *Socket) refuse(m *Msg, err error) (aerr error) {
	defer func() {
		if v := recover(); v != nil { // of AckError
			aerr = s.panicked(m.name, v)
		}
	}()
	return m.Ack(s.ns.server.options.AckError(err)...)
}

// guardHandler is guard for a Handler, without a closure.
func (s *Socket) guardHandler(h Handler, m *Msg) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(m.name, v)
		}
	}()
	return h(s, m)
}

// guard runs a user's function. A panic is caught, told, and ends the socket's
// connection.
func (s *Socket) guard(event string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = s.panicked(event, v)
		}
	}()
	return f()
}

func (s *Socket) panicked(event string, v any) error {
	err := &PanicError{Event: event, Value: v, Stack: debug.Stack()}
	s.ns.server.counters.panics.Add(1)
	s.fail(err)
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

// fail tells an error to whoever wants to know of errors.
func (s *Socket) fail(err error) {
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
	if told {
		return
	}
	var p *PanicError
	if errors.As(err, &p) {
		s.ns.server.logger.Error(p.Error(), "socket", s.ID(), "nsp", s.ns.name, "stack", string(p.Stack))
		return
	}
	s.ns.server.logger.Warn("sio: error", "socket", s.ID(), "nsp", s.ns.name, "err", err)
}
