package sio_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestGoexit: a handler that ends its goroutine, as FailNow of a test does, is caught as a
// panic is; the socket's other functions, and the only worker, go on.
func TestGoexit(t *testing.T) {
	exit := func(*sio.Socket, *sio.Msg) error { runtime.Goexit(); return nil }
	for _, tc := range []struct {
		name  string
		event string // in the PanicError
		setup func(srv *sio.Server)
		do    func(t *testing.T, c *siotest.Client, s *sio.Socket)
	}{
		{"serial", "go", func(srv *sio.Server) { srv.On("go", exit) }, nil},
		{"free", "go", func(srv *sio.Server) { srv.On("go", exit, sio.Free) }, nil},
		{"OnAny", "go", func(srv *sio.Server) { srv.OnAny(exit) }, nil},
		{"socket's own", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.On("go", exit)
			emit(t, c, "go")
		}},
		{"Do", "", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			if err := s.Do(runtime.Goexit); err != nil {
				t.Error(err)
			}
		}},
		{"AckError", "go", func(srv *sio.Server) {
			srv.On("go", func(*sio.Socket, *sio.Msg) error { return errAckExit })
		}, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			if _, err := c.Ask(context.Background(), "go"); !errors.Is(err, siotest.ErrClosed) {
				t.Error(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{Workers: 1, AckError: func(err error) []any {
				if err == errAckExit {
					runtime.Goexit()
				}
				return nil
			}})
			told := make(chan error, 10)
			srv.OnError(func(_ *sio.Socket, err error) { told <- err })
			ended := make(chan sio.Reason, 10)
			srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- r })
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			if tc.setup != nil {
				tc.setup(srv)
			}
			other := siotest.Dial(t, srv, "/", siotest.Loop(0))
			c := siotest.Dial(t, srv, "/", siotest.Loop(0))
			if tc.do != nil {
				tc.do(t, c, socket(t, srv, c))
			} else {
				for range 3 { // those behind are not handled any more
					_ = c.Emit("go")
				}
			}
			var p *sio.PanicError
			if err := recv(t, told); !errors.As(err, &p) || p.Event != tc.event || !strings.Contains(err.Error(), "runtime.Goexit") {
				t.Fatalf("told %v", err)
			}
			if r := recv(t, ended); r != sio.ServerError {
				t.Errorf("reason %q", r)
			}
			c.ExpectEnd("transport close")
			if tc.name != "OnAny" {
				emit(t, other, "echo", "alive")
				other.Expect("echo", "alive")
			}
			if !siotest.Start(t, srv).Settle() {
				t.Error("the server does not come to rest")
			}
			if n := srv.Stats().Panics; tc.name == "serial" && n != 1 {
				t.Errorf("%d panics were counted", n)
			}
		})
	}
}

var errAckExit = errors.New("ack exit")

// TestGoexitInOnDisconnect: the other functions of the end are called all the same, each
// once.
func TestGoexitInOnDisconnect(t *testing.T) {
	srv := newServer(t, sio.Options{Workers: 1})
	var l log
	srv.OnError(func(_ *sio.Socket, err error) { l.add("error: %v", err) })
	srv.OnConnect(func(s *sio.Socket) {
		s.OnDisconnect(func(sio.Reason) { l.add("own"); runtime.Goexit() })
	})
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("first"); runtime.Goexit() })
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("second") })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	clock.Settle()
	c.Close()
	clock.Settle()
	const exited = "error: sio: handler called runtime.Goexit, as t.FailNow does"
	l.want(t, "own", exited, "first", exited, "second")
}

// TestGoexitInHooks: clients that are being decided about are not left without an answer.
func TestGoexitInHooks(t *testing.T) {
	for name, o := range map[string]sio.Options{
		"AllowRequest": {AllowRequest: func(_ context.Context, h *sio.Handshake) error {
			if h.Query().Has("victim") {
				runtime.Goexit()
			}
			return nil
		}},
		"Use": {}, "OfFunc": {},
	} {
		t.Run(name, func(t *testing.T) {
			o.Workers = 1
			srv := newServer(t, o)
			nsp := "/"
			switch name {
			case "Use":
				nsp = "/n"
				srv.Of(nsp).Use(func(context.Context, *sio.Socket) error { runtime.Goexit(); return nil })
			case "OfFunc":
				nsp = "/n"
				srv.OfFunc(func(context.Context, string, sio.Raw) error { runtime.Goexit(); return nil })
			}
			for range 2 {
				if _, err := siotest.TryDial(t, srv, nsp, siotest.Query("victim", "1")); err == nil {
					t.Error("let in")
				}
				siotest.Start(t, srv).Settle()
			}
			siotest.Dial(t, srv, "/")
		})
	}
}
