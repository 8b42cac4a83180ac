package sio

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/session"
)

// Ask sends an event and waits for the client's acknowledgement. It always returns:
// with the answer, which lasts; with ctx's cause; or with [ErrDisconnected] when the
// socket ends. A ctx without deadline gets that of [Options.AckTimeout].
//
// The answer stands behind the events that the client has sent before: a serial handler
// waits in vain for a client that has sent more than twice what [Limits].QueuedEvents and
// QueuedBytes allow, since that is not read before the handler returns.
//
// Errors: also those of Emit, and [ErrOnLoop]: see [Socket.AskFunc].
func (s *Socket) Ask(ctx context.Context, event string, args ...any) (*Msg, error) {
	p := Prepare(event)
	defer p.Release()
	for _, a := range args {
		p.add(s.ns.server.codec, a)
	}
	return s.ask(ctx, p)
}

func (s *Socket) ask(ctx context.Context, p *Packet) (*Msg, error) {
	if s.ns.server.onLoop() {
		return nil, ErrOnLoop
	}
	ctx, cancel := s.ns.server.ackContext(ctx)
	defer cancel()
	w := &question{done: make(chan struct{})}
	id, err := s.pose(p, w)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.done:
		return w.answer, w.err
	case <-ctx.Done():
		s.loop().Do(func(session.Host, session.Instant) { s.core.Forget(id) })
		return nil, context.Cause(ctx)
	}
}

// AskFunc is Ask without waiting: f is called with the answer, or the error, in the
// order of the socket's handlers. A timeout of 0 is that of [Options.AckTimeout].
// Unlike Ask it may be called by inline handlers.
func (s *Socket) AskFunc(timeout time.Duration, f func(m *Msg, err error), event string, args ...any) error {
	p := Prepare(event)
	defer p.Release()
	for _, a := range args {
		p.add(s.ns.server.codec, a)
	}
	if timeout == 0 {
		timeout = s.ns.server.options.AckTimeout
	}
	w := &question{}
	w.then = func() { s.push(job{kind: jobFunc, f: func() { f(w.answer, w.err) }}) }
	id, err := s.pose(p, w)
	if err != nil {
		return err
	}
	if timeout > 0 {
		w.arm(timeout, func() {
			s.loop().Do(func(session.Host, session.Instant) {
				if s.core.Forget(id) {
					w.settle(nil, context.DeadlineExceeded)
				}
			})
		})
	}
	return nil
}

// ackContext gives a context the default deadline if it has none.
func (s *Server) ackContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || s.options.AckTimeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.options.AckTimeout)
}

// pose sends the packet with a new acknowledgement id, and registers w for the answer
// before it leaves.
func (s *Socket) pose(p *Packet, w session.Waiter) (id int64, err error) {
	if p.err != nil {
		return 0, p.err
	}
	if s.is(markGone) {
		return 0, ErrClosed
	}
	if s.ns.watched.Load() {
		s.outgoing(p)
	}
	id = s.ns.acks.Add(1) - 1
	m := p.messageFor(s.ns, socketio.Event, id, true)
	if !s.loop().Do(func(session.Host, session.Instant) {
		if s.core.Expect(id, w) {
			s.core.SendMessage(m, 0)
			s.asked()
		}
	}) {
		return 0, ErrClosed
	}
	return id, nil
}

// A question waits for one answer. It is settled once, on a loop.
type question struct {
	answer *Msg
	err    error
	done   chan struct{} // closed when it is settled; or
	then   func()        // called then

	mu      sync.Mutex
	late    *alarm
	settled bool
}

func (q *question) arm(d time.Duration, f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.settled {
		q.late = setAlarm(d, f)
	}
}

func (q *question) settle(m *Msg, err error) {
	q.answer, q.err = m, err
	q.mu.Lock()
	q.settled = true
	if q.late != nil {
		q.late.stop()
	}
	q.mu.Unlock()
	if q.done != nil {
		close(q.done)
	}
	if q.then != nil {
		q.then()
	}
}

// An alarm calls a function once, later, and holds nothing of it when it was stopped. A
// timer of the runtime's does: up to a quarter of a processor's timers may be stopped ones
// that it has not taken out of its heap, each with its function, until they are due.
type alarm struct {
	f     atomic.Pointer[func()]
	timer *time.Timer
}

func setAlarm(d time.Duration, f func()) *alarm {
	a := &alarm{}
	a.f.Store(&f)
	a.timer = time.AfterFunc(d, a.ring)
	return a
}

func (a *alarm) ring() {
	if f := a.f.Swap(nil); f != nil {
		(*f)()
	}
}

func (a *alarm) stop() {
	a.f.Store(nil)
	a.timer.Stop()
}

// Acked implements [session.Waiter].
func (q *question) Acked(k *session.Socket, args *socketio.Args, attachments [][]byte) {
	q.settle(answerOf(k, args, attachments), nil)
}

// Failed implements [session.Waiter].
func (q *question) Failed(*session.Socket, error) { q.settle(nil, ErrDisconnected) }

// answerOf is an acknowledgement as a message that lasts.
func answerOf(k *session.Socket, args *socketio.Args, attachments [][]byte) *Msg {
	m := Msg{socket: publicOf(k), data: args.Text(), args: args, parts: attachments, id: -1}
	return m.Keep()
}

// A Reply is one client's acknowledgement of an event that several were asked.
type Reply struct {
	Socket *Socket
	*Msg
}

// AskAll sends an event to everybody meant, and returns their acknowledgements as they
// come. The last element is a [*PartialError] if somebody has not answered: because
// ctx has ended, or its default deadline ([Options.AckTimeout]), or because the socket
// has. Sockets that the event had not reached when ctx ended are not asked any more, nor
// named. When nobody is meant there are none. The event is sent when the iteration begins;
// breaking it off forgets the answers that are due.
//
// Errors, as the only element: those of Emit; [ErrOnLoop].
func (t Target) AskAll(ctx context.Context, event string, args ...any) iter.Seq2[*Reply, error] {
	return func(yield func(*Reply, error) bool) {
		p := Prepare(event)
		defer p.Release()
		for _, a := range args {
			p.add(t.ns.server.codec, a)
		}
		t.askAll(ctx, p, yield)
	}
}

func (t Target) askAll(ctx context.Context, p *Packet, yield func(*Reply, error) bool) {
	switch {
	case p.err != nil:
		yield(nil, p.err)
		return
	case t.ns.match != nil:
		yield(nil, ErrParentNamespace)
		return
	case t.ns.server.onLoop():
		yield(nil, ErrOnLoop)
		return
	}
	ctx, cancel := t.ns.server.ackContext(ctx)
	defer cancel()

	var post posting
	post.resolve(t)
	id := t.ns.acks.Add(1) - 1
	m := p.messageFor(t.ns, socketio.Event, id, t.compress)
	var shown *Msg
	if t.ns.watched.Load() {
		shown = p.kept(t.ns)
	}
	a := &survey{pending: make(map[*Socket]struct{}), wake: make(chan struct{}, 1)}
	loops := post.each(func(s *Socket) {
		if !a.asked(s) {
			return
		}
		if shown != nil {
			s.outgoingMsg(shown)
		}
		if s.core.Expect(id, a) {
			s.core.SendMessage(m, t.flags())
			s.asked()
		}
	}, a.loopDone)
	a.expect(loops)
	defer a.forget(id)

	for {
		replies, done := a.take()
		for _, r := range replies {
			if !yield(r, nil) {
				return
			}
		}
		if done {
			if missing := a.missing(); len(missing) > 0 {
				yield(nil, &PartialError{Missing: missing})
			}
			return
		}
		select {
		case <-a.wake:
		case <-ctx.Done():
			replies, missing := a.end()
			for _, r := range replies { // they came before
				if !yield(r, nil) {
					return
				}
			}
			yield(nil, &PartialError{Missing: missing, Err: context.Cause(ctx)})
			return
		}
	}
}

// A survey gathers the answers of many sockets.
type survey struct {
	mu      sync.Mutex
	loops   int // that have not asked all their members yet
	pending map[*Socket]struct{}
	lost    []string // ids of sockets that ended without an answer
	replies []*Reply
	wake    chan struct{}
	known   bool // expect was called
	over    bool // nobody takes the answers any more
}

func (a *survey) signal() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *survey) expect(loops int) {
	a.mu.Lock()
	a.loops += loops
	a.known = true
	a.mu.Unlock()
	a.signal()
}

func (a *survey) loopDone() {
	a.mu.Lock()
	a.loops--
	a.mu.Unlock()
	a.signal()
}

// asked notes that an answer of s is due. It reports false if nobody wants it any more:
// the caller has given up before the loop came to ask.
func (a *survey) asked(s *Socket) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.pending[s] = struct{}{}
	return true
}

// Acked implements [session.Waiter].
func (a *survey) Acked(k *session.Socket, args *socketio.Args, attachments [][]byte) {
	m := answerOf(k, args, attachments)
	a.mu.Lock()
	delete(a.pending, m.socket)
	a.replies = append(a.replies, &Reply{m.socket, m})
	a.mu.Unlock()
	a.signal()
}

// Failed implements [session.Waiter].
func (a *survey) Failed(k *session.Socket, _ error) {
	s := publicOf(k)
	a.mu.Lock()
	delete(a.pending, s)
	a.lost = append(a.lost, s.ID())
	a.mu.Unlock()
	a.signal()
}

func (a *survey) take() (replies []*Reply, done bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	replies, a.replies = a.replies, nil
	return replies, a.known && a.loops == 0 && len(a.pending) == 0
}

// end returns the answers that were not taken yet, and the ids of those who have not
// answered. Every socket that was asked has been taken, or is in one of the two.
func (a *survey) end() (replies []*Reply, missing []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	replies, a.replies = a.replies, nil
	a.over = true // nobody else is asked
	return replies, a.missingLocked()
}

func (a *survey) missing() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.missingLocked()
}

func (a *survey) missingLocked() []string {
	ids := append([]string(nil), a.lost...)
	for s := range a.pending {
		ids = append(ids, s.ID())
	}
	return ids
}

// forget takes back what is still due.
func (a *survey) forget(id int64) {
	a.mu.Lock()
	due := a.pending
	a.over = true
	a.pending = map[*Socket]struct{}{}
	a.mu.Unlock()
	for s := range due {
		s.loop().Do(func(session.Host, session.Instant) { s.core.Forget(id) })
	}
}
