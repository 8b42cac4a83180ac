package siotest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// transports are the ways in which a client can be connected.
var transports = []struct {
	name string // of the transport in the end
	kind string
	opts []siotest.DialOption
}{
	{"websocket", "websocket", nil},
	{"polling", "polling", []siotest.DialOption{siotest.Polling()}},
	{"websocket", "upgrade", []siotest.DialOption{siotest.Upgrade()}},
}

// newServer makes a server of two loops that logs nothing, and has the test fail if
// anything of it, or of its clients, is left in the end.
func newServer(t testing.TB, o sio.Options) *sio.Server {
	t.Helper()
	noLeaks(t)
	o.Loops = 2
	o.Logger = slog.New(slog.DiscardHandler)
	srv, err := sio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv
}

// newEcho is newServer with a server that sends "echo" back, acknowledges "ask" with
// its arguments, and asks the client "why?" on "ask me".
func newEcho(t testing.TB) *sio.Server {
	srv := newServer(t, sio.Options{})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	srv.On("ask", func(s *sio.Socket, m *sio.Msg) error {
		args, err := m.Args()
		if err != nil {
			return err
		}
		return m.Ack(args...)
	})
	srv.On("ask me", func(s *sio.Socket, m *sio.Msg) error {
		answer, err := s.Ask(s.Context(), "why?")
		if err != nil {
			return err
		}
		return answer.Forward(s, "you said")
	})
	return srv
}

// noLeaks fails the test if it leaves goroutines behind. It must be called before
// anything else registers a Cleanup.
func noLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		// gnet's Stop looks every 500 ms whether it is done, and its pool for the
		// descriptors that change their loop lives on.
		var err error
		for range 5 {
			if err = goleak.Find(before, goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1")); err == nil {
				return
			}
		}
		if !t.Failed() {
			t.Errorf("left behind: %v", err)
		}
	})
}

// listen runs the server on a port of its own until the test ends.
func listen(t testing.TB, srv *sio.Server) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	started := srv.Started()
	go func() { ran <- srv.Run(ctx, "127.0.0.1:0") }()
	select {
	case <-started:
	case err := <-ran:
		t.Fatalf("Run: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
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
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came from the channel")
		panic("not reached")
	}
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

// emit emits, and fails the test if that cannot be done.
func emit(t testing.TB, to interface {
	Emit(event string, args ...any) error
}, event string, args ...any) {
	t.Helper()
	if err := to.Emit(event, args...); err != nil {
		t.Errorf("Emit %q: %v", event, err)
	}
}

// A fakeTB is a test that may fail without anybody minding.
type fakeTB struct {
	mu     sync.Mutex
	failed []string
	ends   []func()
}

func (*fakeTB) Helper() {}

func (f *fakeTB) Cleanup(end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ends = append(f.ends, end)
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = append(f.failed, fmt.Sprintf(format, args...))
}

func (f *fakeTB) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// end does what testing does when a test has ended.
func (f *fakeTB) end() {
	for i := len(f.ends) - 1; i >= 0; i-- {
		f.ends[i]()
	}
	f.ends = nil
}

// fake runs a test to its end, and returns what it has failed with.
func fake(test func(t siotest.TB)) (failed string) {
	f := new(fakeTB)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer f.end()
		test(f)
	}()
	<-done
	return strings.Join(f.failed, "\n")
}
