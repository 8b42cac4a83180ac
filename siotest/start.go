package siotest

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/internal/inproc"
	"github.com/e6a90ca8/sio/loop"
)

// TB is what this package needs of a [testing.TB]. Fatalf must end the goroutine that
// calls it; Errorf may be called by any.
type TB interface {
	Helper()
	Cleanup(f func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// patience is how long anything waits for the server, in real time. It is long
// because it only ever passes when a test fails. Only tests of this package change it.
var patience = 10 * time.Second

// A world is a server with the clients connected to it.
type world struct {
	host string // of the clients' requests
	path string // of the engine

	// Of a server that was started here; the group is nil if it runs by other means.
	srv   *sio.Server
	group *loop.Group
	clock *Clock

	written atomic.Int64 // bytes, by clients
	dialed  atomic.Int64
	calling atomic.Int64 // clients whose functions of On run

	mu    sync.Mutex
	pipes []*loop.Pipe // whose readers run
}

var (
	worldsMu sync.Mutex
	worlds   = make(map[*sio.Server]*world)
)

// A StartOption is an option of [Start].
type StartOption func(*world)

// WithClock makes the server run on this clock, which others may run on too. The
// default is a clock of its own.
func WithClock(c *Clock) StartOption { return func(w *world) { w.clock = c } }

// Start runs the server without a network until the test ends, and returns the clock
// that it runs on. [Dial] does so by itself for a server that was not started; for one
// that was, Start only returns its clock. Any goroutine that may fail the test.
//
// The server is closed at the end: it is good for one test, and the subtests inside it.
// It fails the test at once if the server runs already by other means or on another
// clock than WithClock says, or was closed.
func Start(t TB, srv *sio.Server, opts ...StartOption) *Clock {
	t.Helper()
	return start(t, srv, opts).clock
}

func start(t TB, srv *sio.Server, opts []StartOption) *world {
	t.Helper()
	worldsMu.Lock()
	defer worldsMu.Unlock()
	w := &world{host: "siotest", path: inproc.Path(srv), srv: srv}
	for _, o := range opts {
		o(w)
	}
	if running := worlds[srv]; running != nil {
		if w.clock != nil && w.clock != running.clock {
			t.Fatalf("siotest: the server runs on another clock already")
		}
		return running
	}
	if w.clock == nil {
		w.clock = NewClock()
	}
	g, err := inproc.Detach(srv, hands{w.clock})
	if err != nil {
		t.Fatalf("siotest: the server cannot be started: %v", err)
	}
	w.group = g
	worlds[srv] = w
	w.clock.add(w)
	t.Cleanup(func() {
		worldsMu.Lock()
		delete(worlds, srv)
		worldsMu.Unlock()
		w.clock.remove(w)
		if err := srv.Close(); err != nil {
			t.Errorf("siotest: closing the server: %v", err)
		}
	})
	return w
}

// step has the server do what the clock's last move has made due, and the clients what
// that asks of them, unless that lasts too long.
func (w *world) step(until time.Time) {
	before := w.written.Load()
	w.group.Tick()
	if !w.idle() || w.written.Load() != before {
		w.settle(false, until)
	}
}

// hops is how many times what has begun on one loop may go on on another: a polling
// request to the loop of its session, and its answer back.
const hops = 3

// settle waits until nothing is under way between the loops and the clients, and, if
// handlers says so, no handler runs. It is sure when, twice in a row, every loop had
// nothing left to do, every client waited for more, and no handler ran, and nobody has
// run or written anything in between.
func (w *world) settle(handlers bool, until time.Time) bool {
	quiet := func() (bool, uint64) {
		for range hops {
			w.group.Tick()
		}
		idle, bursts := inproc.Idle(w.srv)
		return w.idle() && (!handlers || idle), bursts
	}
	for spins := 0; ; spins++ {
		before := w.written.Load()
		ok, bursts := quiet()
		if ok {
			again, then := quiet()
			if again && then == bursts && w.written.Load() == before {
				return true
			}
		}
		if spins&0xf == 0xf && time.Now().After(until) {
			return false
		}
		runtime.Gosched()
	}
}

// settled is settle with handlers and the usual patience.
func (w *world) settled() bool { return w.settle(true, time.Now().Add(patience)) }

// rest fails the test unless the server comes to rest.
func (w *world) rest(t TB, who string) {
	t.Helper()
	switch {
	case w.group == nil:
		t.Fatalf("siotest: %s: nobody can tell what a server over TCP still has to do", who)
	case !w.settled():
		t.Fatalf("siotest: %s: the server does not come to rest: a handler, or a function of On, blocks", who)
	}
}

func (w *world) idle() bool {
	if w.calling.Load() > 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.pipes {
		if !p.Idle() {
			return false
		}
	}
	return true
}

// pipe opens a connection to a server that was started here.
func (w *world) pipe(cfg *config) (*loop.Pipe, error) {
	if n := w.group.Len(); cfg.loop >= n {
		return nil, fmt.Errorf("siotest: Loop(%d) of a server with %d", cfg.loop, n)
	}
	return w.group.Pipe(cfg.loop, cfg.remote)
}

// connect opens a connection to the server.
func (w *world) connect(cfg *config) (io.ReadWriteCloser, error) {
	if w.group == nil {
		return dialTCP(w.host)
	}
	p, err := w.pipe(cfg)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.pipes = append(w.pipes, p)
	w.mu.Unlock()
	return p, nil
}

// gone is told that the reader of a connection has ended.
func (w *world) gone(c io.ReadWriteCloser) {
	w.mu.Lock()
	w.pipes = slices.DeleteFunc(w.pipes, func(p *loop.Pipe) bool { return p == c })
	w.mu.Unlock()
}
