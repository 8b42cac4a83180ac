package sio_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// patience is how long a test waits for what must happen, in real time. It passes only
// when a test fails.
const patience = 20 * time.Second

// newServer makes a server of two loops that logs nothing, and has the test fail if
// anything of it is left in the end.
func newServer(t testing.TB, o sio.Options) *sio.Server {
	t.Helper()
	noLeaks(t)
	if o.Loops == 0 {
		o.Loops = 2
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	srv, err := sio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv
}

// noLeaks fails the test if it leaves goroutines or descriptors behind. It must be
// called before anything else registers a Cleanup; further calls, for a test's further
// servers, do nothing: the first one looks when all of them are gone. TestLeaksAreNoticed
// shows that it can fail. Timers leave nothing that can be counted: TestNothingIsHeld
// looks at what a timer would hold.
func noLeaks(t testing.TB) {
	t.Helper()
	if _, again := leakTests.LoadOrStore(t, true); again {
		return
	}
	before := goleak.IgnoreCurrent()
	fds := descriptors()
	t.Cleanup(func() {
		leakTests.Delete(t)
		// gnet has a pool of its own for the descriptors that change their loop, and its Stop
		// looks every 500 ms whether it is done.
		var err error
		for range 5 {
			if err = goleak.Find(before, goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1")); err == nil {
				break
			}
		}
		if err != nil && !t.Failed() {
			t.Errorf("left behind: %v", err)
		}
		if n := descriptors(); n > fds && !t.Failed() {
			t.Errorf("%d descriptors are open, %d were before", n, fds)
		}
	})
}

var leakTests sync.Map // testing.TB -> true, while it runs

// descriptors is how many are open; 0 where there is no /proc.
func descriptors() int {
	runtimePoller()
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// runtimePoller has the runtime open the descriptors of its own poller, which it keeps.
var runtimePoller = sync.OnceFunc(func() {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
})

// listen runs the server on a port of its own until the test ends.
func listen(t testing.TB, srv *sio.Server) (addr string) {
	t.Helper()
	return listenBy(t, srv, func(ctx context.Context) error { return srv.Run(ctx, "127.0.0.1:0") })
}

// listenBy has the server run by the function, whose first address is returned.
func listenBy(t testing.TB, srv *sio.Server, run func(ctx context.Context) error) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	started := srv.Started()
	go func() { ran <- run(ctx) }()
	select {
	case <-started:
	case err := <-ran:
		t.Fatalf("Run: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil && err != sio.ErrClosed {
			t.Errorf("Run: %v", err)
		}
	})
	return srv.Addrs()[0].(*net.TCPAddr).String()
}

// recv is what comes from the channel, which must not take long.
func recv[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		buf := make([]byte, 1<<20)
		t.Fatalf("nothing came from the channel\n%s", buf[:runtime.Stack(buf, true)])
		panic("not reached")
	}
}

// A log is a list that several goroutines write.
type log struct {
	mu   sync.Mutex
	list []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, fmt.Sprintf(format, args...))
}

// take returns the list and empties it.
func (l *log) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// want fails the test unless the list is this one. It empties it.
func (l *log) want(t testing.TB, want ...string) {
	t.Helper()
	got := l.take()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// emit emits, and fails the test if that cannot be done.
func emit(t testing.TB, to interface {
	Emit(event string, args ...any) error
}, event string, args ...any) {
	t.Helper()
	if err := to.Emit(event, args...); err != nil {
		t.Errorf("Emit %q: %v", event, err)
	}
}

// pair starts a server with the two clients that most tests of broadcasts need, on
// different loops, in the namespace "/".
func pair(t testing.TB, srv *sio.Server) (a, b *siotest.Client) {
	t.Helper()
	return siotest.Dial(t, srv, "/", siotest.Loop(0)), siotest.Dial(t, srv, "/", siotest.Loop(1))
}

// socket is the server's side of a client.
func socket(t testing.TB, n interface {
	Socket(id string) (*sio.Socket, bool)
}, c *siotest.Client) *sio.Socket {
	t.Helper()
	s, ok := n.Socket(c.ID())
	if !ok {
		t.Fatalf("no socket %q", c.ID())
	}
	return s
}

// A logBuffer is what a server has logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug - 8}))
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
