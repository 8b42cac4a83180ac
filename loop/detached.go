package loop

import (
	"crypto/tls"
	"io"
	"maps"
	"math"
	"net/netip"
	"slices"
	"sync"

	"github.com/e6a90ca8/sio/session"
)

// Detach starts the group's loops without a network: connections are made by
// [Group.Pipe]. It is what tests of applications run on: the protocol is all there, the
// clock can be theirs, and nothing is listened on. It returns at once.
//
// End it by [Group.Stop]. Only one of Run and Detach may be called.
func (g *Group) Detach() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped.Load() || g.running {
		return ErrStopped
	}
	g.running, g.detached = true, true
	if g.maxConns == 0 {
		g.maxConns = math.MaxInt64 // pipes need no descriptors
	}
	var all sync.WaitGroup
	for range g.loops {
		wake := make(chan struct{}, 1)
		signal := func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
		l := g.newLoop(func(l *Loop) {
			l.wake = signal
			l.yield = func() { l.yielding.Store(false); signal() }
		})
		all.Go(func() {
			for {
				select {
				case <-wake:
					l.mailbox.waking.Store(false)
					l.turn()
				case <-g.quit:
					l.mailbox.close()
					l.turn()
					return
				}
			}
		})
	}
	go func() { all.Wait(); g.hangUp(); close(g.done) }()
	close(g.started)
	return nil
}

// hangUp closes the connections that are left when the loops have ended, as the kernel
// would: no client waits for an answer for ever.
func (g *Group) hangUp() {
	for _, x := range g.open() {
		x.hangUp()
	}
}

// open are the connections that are not gnet's.
func (g *Group) open() []guest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Collect(maps.Keys(g.guests))
}

// A guest is a connection that is not gnet's, and that nobody would close with the loops.
type guest interface {
	// hangUp closes it. Called when the loops have ended, by any goroutine.
	hangUp()
}

func (p *Pipe) hangUp() { (*pipeWire)(p).Close() }

// Tick tells the loops of a detached group that its clock has moved, and returns when
// they have done what was due and everything that followed from it, and have written
// what was to be written. Any goroutine but a loop's.
func (g *Group) Tick() {
	var all sync.WaitGroup
	now := g.clock.Now()
	g.Loops(func(l *Loop) {
		l.ticking.Store(true)
		all.Add(1)
		l.rest(now, 1, all.Done)
	})
	all.Wait()
}

// rest has done called once the loop has come to the time now, nothing waits to be
// written, and its mailbox had nothing else in it for as many rounds more. Any
// goroutine.
func (l *Loop) rest(now session.Instant, rounds int, done func()) {
	if !l.Do(func(session.Host, session.Instant) {
		if l.now < now { // the turn began before the clock moved
			l.now = now
			l.ticking.Store(true)
		}
		waits := len(l.answerable) + len(l.doomed) + len(l.urgent) + len(l.bulky) + len(l.fanned) + len(l.dead)
		switch {
		case waits > 0 || l.ticking.Load():
			l.rest(now, rounds, done)
		case rounds > 0:
			l.rest(now, rounds-1, done)
		default:
			done()
		}
	}) {
		done()
	}
}

// A Pipe is a connection of a detached group, seen from the client. Any goroutine.
type Pipe struct {
	loop   *Loop
	remote netip.AddrPort
	conn   session.Conn // the loop's

	mu       sync.Mutex
	cond     sync.Cond
	out      []byte // written by the server; out[from:] was not read yet
	from     int
	readers  int      // that wait
	eof      bool     // the server writes no more
	closed   bool     // either side has closed
	in       [][]byte // written by us, not yet read by the server
	paused   bool     // the server does not read
	draining bool     // it is reading
}

var _ session.Wire = (*pipeWire)(nil)

// pipeWire is the pipe as the loop sees it.
type pipeWire Pipe

// Pipe connects to a loop of a detached group, as a client with that address. Errors:
// [ErrStopped]; [ErrConns] beyond Options.MaxConns, where a client of a network would be
// answered with 503.
func (g *Group) Pipe(loop int, remote netip.AddrPort) (*Pipe, error) {
	l := g.Loop(loop)
	if l == nil || g.closing.Load() {
		return nil, ErrStopped
	}
	p := &Pipe{loop: l, remote: remote}
	p.cond.L = &p.mu
	if g.conns.Add(1) > g.maxConns {
		g.conns.Add(-1)
		l.stats.Refused.Add(1)
		return nil, ErrConns
	}
	g.mu.Lock()
	g.guests[p] = struct{}{}
	g.mu.Unlock()
	if !l.Do(func(_ session.Host, now session.Instant) {
		l.stats.Connections.Add(1)
		p.conn.Init(l, (*pipeWire)(p), now)
	}) {
		p.forget()
		return nil, ErrStopped
	}
	return p, nil
}

// forget gives the pipe's place back.
func (p *Pipe) forget() {
	g := p.loop.group
	g.conns.Add(-1)
	g.mu.Lock()
	delete(g.guests, p)
	g.mu.Unlock()
}

// Read waits for bytes from the server and reads them. It returns io.EOF once the
// server has closed and everything was read, and io.ErrClosedPipe after Close.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.from == len(p.out) {
		switch {
		case p.eof:
			return 0, io.EOF
		case p.closed:
			return 0, io.ErrClosedPipe
		}
		p.readers++
		p.cond.Wait()
		p.readers--
	}
	n := copy(b, p.out[p.from:])
	if p.from += n; p.from == len(p.out) {
		p.out, p.from = p.out[:0], 0
	}
	return n, nil
}

// Idle reports whether a reader waits for bytes that are not there yet: everything
// before them was read, and used before Read was called again.
func (p *Pipe) Idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readers > 0 && p.from == len(p.out) && !p.eof && !p.closed
}

// Write sends bytes to the server. It does not wait for it. b is copied.
func (p *Pipe) Write(b []byte) (int, error) {
	own := append([]byte(nil), b...)
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed || !p.loop.Do(func(_ session.Host, now session.Instant) { p.receive(now, own) }) {
		return 0, io.ErrClosedPipe
	}
	return len(b), nil
}

// receive brings bytes to the session. Loop only.
func (p *Pipe) receive(now session.Instant, b []byte) {
	p.mu.Lock()
	p.in = append(p.in, b)
	p.mu.Unlock()
	p.drain(now)
}

// drain hands over what was written while the server reads. Loop only.
func (p *Pipe) drain(now session.Instant) {
	for {
		p.mu.Lock()
		if p.paused || p.draining || len(p.in) == 0 {
			p.mu.Unlock()
			return
		}
		b := p.in[0]
		p.in = p.in[1:]
		p.draining = true
		p.mu.Unlock()
		p.loop.counted.read += int64(len(b))
		p.hand(now, b)
		p.mu.Lock()
		p.draining = false
		p.mu.Unlock()
	}
}

// hand gives bytes to the session; a panic over them costs the connection.
func (p *Pipe) hand(now session.Instant, b []byte) {
	defer func() {
		if v := recover(); v != nil {
			p.loop.panicked(v)
			(*pipeWire)(p).Close()
		}
	}()
	p.conn.Receive(now, b)
}

// Close ends the connection from the client's side.
func (p *Pipe) Close() error {
	p.end(nil)
	return nil
}

func (p *Pipe) end(err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.cond.Broadcast()
	p.mu.Unlock()
	p.forget()
	p.loop.Do(func(_ session.Host, now session.Instant) {
		p.loop.stats.Connections.Add(-1)
		p.conn.Closed(now, err)
	})
}

// Write implements [session.Wire].
func (w *pipeWire) Write(bufs [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	for _, b := range bufs {
		w.out = append(w.out, b...)
		w.loop.counted.written += int64(len(b))
	}
	w.cond.Broadcast()
}

// Buffered implements [session.Wire]: the client's kernel is endless.
func (w *pipeWire) Buffered() int { return 0 }

// Pause implements [session.Wire].
func (w *pipeWire) Pause(on bool) bool {
	w.mu.Lock()
	w.paused = on
	w.mu.Unlock()
	if !on {
		w.loop.Do(func(_ session.Host, now session.Instant) { (*Pipe)(w).drain(now) })
	}
	return true
}

// Shutdown implements [session.Wire].
func (w *pipeWire) Shutdown() {
	w.mu.Lock()
	w.eof = true
	w.cond.Broadcast()
	w.mu.Unlock()
}

// Close implements [session.Wire].
func (w *pipeWire) Close() {
	w.Shutdown()
	(*Pipe)(w).end(nil)
}

// Remote implements [session.Wire].
func (w *pipeWire) Remote() netip.AddrPort { return w.remote }

// TLS implements [session.Wire].
func (w *pipeWire) TLS() *tls.ConnectionState { return nil }
