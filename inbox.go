package sio

import (
	"log/slog"
	"slices"
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
	told     int // of jobDisconnect: how many functions have been called
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
	fill := !s.full && s.overflows(b)
	if fill {
		s.full = true
	}
	s.mu.Unlock()
	if fill {
		s.core.SetFull(now, true)
	}
	s.queued()
}

// overflows reports whether no more of the client is to be read. While the socket is asked
// something it may send twice as much: the answer stands behind its events, and a serial
// handler may be waiting for it. Loop only.
func (s *Socket) overflows(b *inbox) bool {
	times := 1
	if s.core.Due() > 0 {
		times = 2
	}
	limits := &s.ns.server.options.Limits
	return len(b.jobs)/times >= limits.QueuedEvents || len(b.arena)/times >= limits.QueuedBytes
}

// asked is called when the socket has been asked something: if it is not read, because of
// what waits for its handlers, it is now, up to what overflows allows. Loop only.
func (s *Socket) asked() {
	s.mu.Lock()
	resume := s.full && (s.inbox == nil || !s.overflows(s.inbox))
	if resume {
		s.full = false
	}
	s.mu.Unlock()
	if resume {
		s.core.SetFull(s.session().Host().Clock(), false)
	}
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
	// Field by field: a literal is put together on the stack and copied, 10 ns.
	m := &s.ns.server.inline[s.session().Host().Index()].msg
	m.socket, m.data, m.args, m.first, m.parts = s, e.Args.Text(), e.Args, 1, e.Attachments
	m.own, m.id, m.acked, m.inline = nil, e.ID, false, true
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
		n := len(b.jobs)
		s.doAll(w, b)
		b.release()
		s.drained()
		if s.jobs.Add(-int32(n)) > 0 {
			return true
		}
	}
	s.owned.Store(false)
	return s.jobs.Load() > 0 && s.owned.CompareAndSwap(false, true)
}

// doAll does the jobs of an inbox.
func (s *Socket) doAll(w *worker, b *inbox) {
	i := 0
	defer func() {
		if i < len(b.jobs) { // runtime.Goexit: this goroutine does nothing more
			s.abandon(b, i)
		}
	}()
	for ; i < len(b.jobs); i++ {
		s.do(w, b, &b.jobs[i])
	}
}

// abandon leaves to another worker what is to be done behind job i, in which the
// goroutine of this one ends. The socket has been disconnected for that, so its events are
// not handled any more.
func (s *Socket) abandon(b *inbox, i int) {
	n := len(b.jobs)
	if b.jobs[i].kind != jobDisconnect {
		i++ // else there may be more functions to be told
	}
	rest := slices.DeleteFunc(slices.Clone(b.jobs[i:]), func(j job) bool { return j.kind == jobEvent })
	s.mu.Lock()
	if len(rest) > 0 {
		next := s.inboxLocked()
		next.jobs = slices.Insert(next.jobs, 0, rest...)
	}
	s.mu.Unlock()
	s.drained()
	s.jobs.Add(int32(len(rest) - n))
	s.disown()
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
		s.doDisconnect(j)
	case jobError:
		s.ns.server.counters.malformed.Add(1)
		s.tell(j.err, slog.LevelDebug)
	case jobFunc:
		_ = s.guard("", func() error { j.f(); return nil })
	}
}

func (s *Socket) doDisconnect(j *job) {
	var mine []func(Reason)
	if own := s.own(); own != nil {
		mine = own.disconnect
	}
	all := s.ns.table.Load().disconnect
	for j.told < len(mine)+len(all) {
		i := j.told
		j.told++
		_ = s.guard("", func() error {
			if i < len(mine) {
				mine[i](j.reason)
			} else {
				all[i-len(mine)](s, j.reason)
			}
			return nil
		})
	}
	s.mu.Lock()
	s.rooms = nil
	s.mu.Unlock()
	if r := s.ns.recovery; r != nil {
		r.told(s)
	}
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
