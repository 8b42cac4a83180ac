package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"

	"github.com/e6a90ca8/sio/session"
)

// Run listens on the addresses and serves until Stop is called or the engine fails.
// An address is "host:port", ":port", "tcp://host:port" or "unix:///path". Without any,
// connections come by ServeHTTP alone. It may be called once.
//
// Errors: of listening; [ErrStopped]; [ErrEngine] when the engine ends by itself,
// which gnet reports as success.
func (g *Group) Run(addrs []string) error {
	g.mu.Lock()
	if g.stopped.Load() || g.running {
		g.mu.Unlock()
		return ErrStopped
	}
	g.running = true
	g.mu.Unlock()
	defer close(g.done)
	var list listeners
	if len(addrs) > 0 {
		var err error
		if list, err = listenable(addrs); err != nil {
			return err
		}
	}
	limit, known := g.process.open(len(g.loops))
	defer g.process.close(len(g.loops))
	switch {
	case g.maxConns == 0 && known:
		g.maxConns = math.MaxInt64 // what the process may have is the bound
	case g.maxConns == 0:
		g.maxConns = defaultConnLimit
	case g.maxConns > limit:
		g.logger.Warn("sio: MaxConns is lowered to what the process's limit of descriptors allows",
			"maxConns", g.maxConns, "allowed", limit)
	}
	g.logger.Debug("sio: listening", "addrs", list.text(), "loops", len(g.loops), "maxConns", min(g.maxConns, limit))
	err := g.runEngine(list)
	// gnet's goroutines have ended. What was still posted is done on this one, and no
	// session is left without its end: nobody shall wait for either for ever.
	g.Loops((*Loop).wind)
	g.hangUp()
	if err != nil {
		return fmt.Errorf("sio: %w", err)
	}
	if !g.stopped.Load() {
		return ErrEngine
	}
	return nil
}

// runEngine is gnet's part of Run.
func (g *Group) runEngine(list listeners) error {
	if len(list) == 0 {
		return g.runMounted()
	}
	g.mu.Lock()
	g.addrs = list.addrs()
	g.mu.Unlock()
	if g.handler != nil || g.chain != nil {
		g.config.Fronted = g.chain != nil
		g.serveForeign()
		defer g.stopForeign()
	}
	return gnet.Rotate(&engine{g: g}, list.gnet(),
		gnet.WithNumEventLoop(len(g.loops)),
		gnet.WithReuseAddr(true),
		gnet.WithReusePort(runtime.GOOS == "linux" && !list.unix()),
		// Main and sub reactors, where ports are not shared: only this balancer may be
		// used by several goroutines.
		gnet.WithLoadBalancing(gnet.LeastConnections),
		gnet.WithTicker(true),
		gnet.WithLogger(gnetLogger{g.logger}),
	)
}

// wind does what is left to do on a loop whose goroutine has ended: what was posted, which
// may begin connections and sessions, and then the end of all there are.
func (l *Loop) wind() {
	l.mailbox.close() // nobody is to be woken any more
	l.woken = true
	l.begin()
	l.budget = math.MaxInt
	l.end()
	l.begin()
	l.budget = math.MaxInt
	for _, s := range l.table.All() {
		s.Close(l.now, session.ServerShuttingDown, nil)
	}
	for _, x := range l.group.open() {
		if s, ok := x.(*stream); ok && s.loop == l {
			s.gone(l.now, nil)
		}
	}
	l.end()
	l.closeBatch()
}

// engine is gnet's view of a group. Its callbacks come on the loops' goroutines,
// except OnBoot, OnShutdown and OnTick.
type engine struct {
	gnet.BuiltinEventEngine
	g     *Group
	first sync.Once
}

func (e *engine) OnBoot(eng gnet.Engine) gnet.Action {
	e.g.mu.Lock()
	e.g.engine = eng
	e.g.mu.Unlock()
	if e.g.stopped.Load() {
		return gnet.Shutdown
	}
	return gnet.None
}

// OnTick is the clock of all loops, and, the first time, the sign that they run.
func (e *engine) OnTick() (time.Duration, gnet.Action) {
	e.first.Do(func() { close(e.g.started) })
	e.g.Loops((*Loop).tick)
	return WheelTick, gnet.None
}

// OnShutdown comes before the loops are told to end. From here on nobody may wake them:
// once the engine has closed its descriptors, a wake is a write to whoever has their
// numbers then.
func (e *engine) OnShutdown(gnet.Engine) {
	e.g.Loops(func(l *Loop) { l.mailbox.close() })
}

func (e *engine) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	g := e.g
	var came *passage
	switch x := c.Context().(type) {
	case *control:
		x.opened()
		return nil, gnet.None
	case *scout:
		g.loopOf(c.EventLoop())
		return nil, gnet.None
	case *passage:
		came = x // it has its place, and was let in before
		came.arrived.Store(true)
	default:
		if !g.take() || g.closing.Load() {
			// Beyond the limit accept itself would fail, which ends the engine.
			c.SetContext(turnedAway{})
			if l := g.refusing(c.EventLoop()); l != nil {
				l.stats.Refused.Add(1)
			}
			if g.overTLS(c, nil) {
				return nil, gnet.Close // it would be no answer there
			}
			return unavailable, gnet.Close
		}
	}
	l := g.loopOf(c.EventLoop())
	l.begin()
	l.open(c, came)
	l.end()
	return nil, gnet.None
}

// turnedAway marks a connection that was refused at once.
type turnedAway struct{}

var unavailable = []byte("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\nConnection: close\r\n\r\n")

func (e *engine) OnTraffic(g gnet.Conn) gnet.Action {
	switch c := g.Context().(type) {
	case *conn:
		b, _ := g.Next(-1)
		l := c.loop()
		l.counted.read += int64(len(b))
		l.begin()
		c.receive(b)
		l.end()
	case *tlsConn:
		b, _ := g.Next(-1)
		l := c.loop()
		l.counted.read += int64(len(b))
		l.begin()
		c.receive(b)
		l.end()
	case *control:
		c.traffic(g)
	}
	return gnet.None
}

// OnClose may come in the middle of any write of ours. The session hears of it at
// the end of the turn, because whoever writes may be walking over its rooms.
func (e *engine) OnClose(g gnet.Conn, err error) gnet.Action {
	switch c := g.Context().(type) {
	case *conn:
		if !c.gave {
			e.g.giveBack()
		}
		c.gone(err)
	case *tlsConn:
		if !c.gave {
			e.g.giveBack()
		}
		c.drop()
		c.gone(err)
	case turnedAway:
		e.g.giveBack()
	case *control:
		c.closed()
	}
	return gnet.None
}

// loopOf finds the loop of one of gnet's event loops, making it when this is its
// first connection. It is called on that event loop.
func (g *Group) loopOf(ev gnet.EventLoop) *Loop {
	l, made := g.findOrMake(ev)
	if made {
		l.openBatch() // some dozen system calls, and the logger: not under the lock
	}
	return l
}

func (g *Group) findOrMake(ev gnet.EventLoop) (l *Loop, made bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l = g.byEvent[ev]; l != nil {
		return l, false
	}
	l = g.newLoop(func(l *Loop) {
		l.event = ev
		l.wake = func() { _ = ev.Execute(context.Background(), (*woken)(l)) }
		l.yield = newControl(l, ev).yield
	})
	g.byEvent[ev] = l
	return l, true
}

// refusing is loopOf for a connection that is turned away: no loop is made for it when the
// end is near, since what belongs to a loop might not be there before that comes.
func (g *Group) refusing(ev gnet.EventLoop) *Loop {
	if !g.closing.Load() {
		return g.loopOf(ev)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byEvent[ev]
}

// woken is a loop as the task that wakes it.
type woken Loop

// Run implements gnet's Runnable.
func (w *woken) Run(context.Context) error {
	l := (*Loop)(w)
	l.mailbox.waking.Store(false)
	l.turn()
	return nil
}

// Started is closed when the group accepts connections.
func (g *Group) Started() <-chan struct{} { return g.started }

// Done is closed when Run has returned, or is sure not to begin.
func (g *Group) Done() <-chan struct{} { return g.done }

// TurnAway refuses new connections from now on.
func (g *Group) TurnAway() { g.closing.Store(true) }

// Stop ends all sessions for the given reason, gives what is queued until ctx ends to
// be written and the clients to close, and stops the loops. It may be called more
// than once.
func (g *Group) Stop(ctx context.Context, r session.Reason) {
	g.TurnAway()
	g.mu.Lock()
	running, detached, again := g.running, g.detached, g.stopped.Swap(true)
	g.mu.Unlock()
	switch {
	case !running && !again:
		close(g.done) // it will never run
		return
	case again:
		<-g.done
		return
	}
	select {
	case <-g.started:
	case <-g.done:
		return
	}
	g.endSessions(r, ctx.Done())
	if detached {
		close(g.quit)
		<-g.done
		return
	}
	if g.foreign.server != nil {
		_ = g.foreign.server.Shutdown(ctx)
	}
	g.await(ctx)
	g.sealed.Store(true)
	g.await(ctx) // those that were let in just before
	if g.Addrs() == nil {
		close(g.quit)
		<-g.done
		return
	}
	g.mu.Lock()
	eng := g.engine
	g.mu.Unlock()
	// Stop looks every 500 ms whether the engine has ended. Rotate's return says so at once.
	go func() { _ = eng.Stop(context.WithoutCancel(ctx)) }()
	<-g.done
}

// await waits for the closing handshakes to end, and for connections on their way to a loop,
// whose descriptors gnet would lose. Connections between two requests are not waited for.
func (g *Group) await(ctx context.Context) {
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for g.parting.Load() > 0 || g.passing.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-g.done:
			return
		case <-t.C:
		}
	}
}

// gnetLogger sends gnet's log to slog.
type gnetLogger struct{ l *slog.Logger }

var _ logging.Logger = gnetLogger{}

func (g gnetLogger) Debugf(format string, args ...any) { g.log(slog.LevelDebug-4, format, args) }
func (g gnetLogger) Infof(format string, args ...any)  { g.log(slog.LevelDebug, format, args) }
func (g gnetLogger) Warnf(format string, args ...any)  { g.log(slog.LevelWarn, format, args) }
func (g gnetLogger) Errorf(format string, args ...any) { g.log(slog.LevelError, format, args) }
func (g gnetLogger) Fatalf(format string, args ...any) { g.log(slog.LevelError, format, args) }

func (g gnetLogger) log(level slog.Level, format string, args []any) {
	if g.l.Enabled(context.Background(), level) {
		g.l.Log(context.Background(), level, "gnet: "+fmt.Sprintf(format, args...))
	}
}

// cause is what a session is told about a connection that was closed: nil when the
// peer closed it.
func cause(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
