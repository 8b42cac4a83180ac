package loop

import (
	"cmp"
	"crypto/tls"
	"errors"
	"hash/maphash"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// Errors of [Group.Run] and [Group.Pipe].
var (
	// ErrStopped: the group was stopped before.
	ErrStopped = errors.New("sio: event loops were stopped")

	// ErrConns: a detached group has as many connections as it may.
	ErrConns = errors.New("sio: too many connections")

	// ErrEngine: the engine ended by itself. Its log says why; the usual cause is a
	// system call of accept that failed for good.
	ErrEngine = errors.New("sio: event loops ended unexpectedly")
)

// Options are what a [Group] is made with. All are fixed.
type Options struct {
	App      session.App
	Config   session.Config // what each loop begins with
	Loops    int            // 1 to [broadcast.MaxLoops]
	MaxConns int            // 0: none but the process's, which bounds its servers together
	Foreign  http.Handler   // for requests that are not for the engine; nil answers 404
	TLS      *tls.Config    // of all TCP addresses; nil: they are in the clear

	// Middlewares are called with every request for the engine, the first one first.
	Middlewares []func(http.Handler) http.Handler

	// Handshakes of TLS that may be under way; at least 1. Each has one of the goroutines
	// that App offloads to, and some 30 KB, for as long as its client takes.
	Handshakes int

	NoBatchedWrites bool                 // each write is a system call
	newRing         func() (ring, error) // of tests
	minBatch        int                  // of tests; 0: the constant

	Clock  Clock // nil: the system's
	Logger *slog.Logger
}

// A Group is the event loops of one server. All its exported methods may be called
// by any goroutine.
type Group struct {
	// Fixed.
	app      session.App
	clock    Clock
	maxConns int64 // set for good by Run
	process  *places
	handler  http.Handler
	newRing  func() (ring, error) // nil: writes are not batched
	minBatch int                  // writes are not batched below that
	tls      *tls.Config
	chain    http.Handler // the middlewares; nil without any
	logger   *slog.Logger
	seed     maphash.Seed   // hides the loop's number in ids
	config   session.Config // what loops begin with

	claimed sync.Map     // id made by the application -> index of its loop
	claims  atomic.Bool  // there has been one
	conns   atomic.Int64 // open, and on their way between loops
	closing atomic.Bool  // new connections are turned away
	parting atomic.Int64 // WebSockets whose closing handshake is waited for
	passing atomic.Int64 // connections that gnet is taking in
	sealed  atomic.Bool  // it takes none in any more
	stopped atomic.Bool

	loops   []atomic.Pointer[Loop] // those that have seen a connection; written under mu
	started chan struct{}          // closed when connections are accepted
	done    chan struct{}          // closed when Run has returned
	quit    chan struct{}          // of a group that does not listen: closed to end the loops
	foreign foreignServer
	shaken  shakings

	arrivals atomic.Uint32 // requests that might have gone to any loop
	summon   sync.Once

	mu       sync.Mutex
	running  bool
	detached bool
	guests   map[guest]struct{} // open connections that are not gnet's
	byEvent  map[gnet.EventLoop]*Loop
	engine   gnet.Engine // set once booted
	addrs    []net.Addr  // what we listen on
}

// NewGroup makes the loops of a server. They do nothing before [Group.Run].
func NewGroup(o Options) *Group {
	g := &Group{
		app: o.App, clock: o.Clock, handler: o.Foreign, logger: o.Logger, maxConns: int64(o.MaxConns),
		process: &process,
		tls:     listenerConfig(o.TLS),
		shaken:  shakings{most: max(o.Handshakes, 1), offer: o.App.Offload},
		config:  o.Config,
		loops:   make([]atomic.Pointer[Loop], min(max(o.Loops, 1), broadcast.MaxLoops)),
		byEvent: make(map[gnet.EventLoop]*Loop),
		guests:  make(map[guest]struct{}),
		started: make(chan struct{}),
		done:    make(chan struct{}),
		quit:    make(chan struct{}),
	}
	if !o.NoBatchedWrites {
		g.newRing = newRing
	}
	g.minBatch = cmp.Or(o.minBatch, minBatch)
	if o.newRing != nil {
		g.newRing = o.newRing
	}
	for _, m := range slices.Backward(o.Middlewares) {
		if g.chain == nil {
			g.chain = http.HandlerFunc(passed)
		}
		g.chain = m(g.chain)
	}
	if g.clock == nil {
		g.clock = systemClock{start: time.Now()}
	}
	if g.logger == nil {
		g.logger = slog.New(slog.DiscardHandler)
	}
	g.seed = maphash.MakeSeed()
	return g
}

// Len is the number of loops.
func (g *Group) Len() int { return len(g.loops) }

// Loop is the loop with the given number, or nil while it has not seen a connection.
func (g *Group) Loop(i int) *Loop { return g.loops[i].Load() }

// Loops calls f for each loop that has seen a connection.
func (g *Group) Loops(f func(l *Loop)) {
	for i := range g.loops {
		if l := g.loops[i].Load(); l != nil {
			f(l)
		}
	}
}

// OnLoop reports whether the calling goroutine is that of one of the loops: if so it
// must not wait for what a loop has to do. It costs about a microsecond.
func (g *Group) OnLoop() bool {
	id := goroutineID()
	on := false
	g.Loops(func(l *Loop) { on = on || l.goid.Load() == id })
	return on
}

// Connections is the number of open connections.
func (g *Group) Connections() int { return int(g.conns.Load()) }

// take counts a connection, and reports whether there is a place for it. Either way it is
// counted until giveBack.
func (g *Group) take() bool {
	n, all := g.conns.Add(1), g.process.taken.Add(1)
	return n <= g.maxConns && all <= g.process.limit.Load()
}

func (g *Group) giveBack() {
	g.conns.Add(-1)
	g.process.taken.Add(-1)
}

// newLoop makes the next loop. wake and yield are set by the caller before anybody
// else sees it.
func (g *Group) newLoop(set func(l *Loop)) *Loop {
	for i := range g.loops {
		if g.loops[i].Load() == nil {
			l := newLoop(g, i)
			set(l)
			g.loops[i].Store(l)
			return l
		}
	}
	return nil
}

// endSessions ends all sessions, each loop its own, and returns when they have been told
// and what they were told has reached the loops of their connections, or stop says so.
func (g *Group) endSessions(r session.Reason, stop <-chan struct{}) {
	g.onEach(stop, func(l *Loop, now session.Instant) {
		l.config.Draining = true
		for _, s := range l.table.All() {
			if ws := s.WebSocket(); ws != nil {
				if c, ok := ws.Wire().(parter); ok && c.part() {
					g.parting.Add(1)
				}
			}
			s.Close(now, r, nil)
		}
	})
	// An answer to a GET on another loop's connection is mail there now.
	g.onEach(stop, func(*Loop, session.Instant) {})
}

// A parter is a wire whose closing handshake a group that stops waits for.
type parter interface {
	// part marks the wire, once: when it closes it counts down Group.parting.
	part() bool
}

// onEach runs f on every loop, and returns when all have, or stop says so.
func (g *Group) onEach(stop <-chan struct{}, f func(l *Loop, now session.Instant)) {
	var wg sync.WaitGroup
	g.Loops(func(l *Loop) {
		wg.Add(1)
		if !l.Do(func(_ session.Host, now session.Instant) {
			defer wg.Done()
			f(l, now)
		}) {
			wg.Done()
		}
	})
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	select {
	case <-all:
	case <-stop:
	}
}
