package sio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

func boom() { panic("boom") }

// TestRule10Panics: a panic in whatever handler is caught, told with its stack, and
// ends the client that it came from; nobody else notices. Faults table, case 66.
func TestRule10Panics(t *testing.T) {
	raise := func(s *sio.Socket, m *sio.Msg) error { boom(); return nil }
	noop := func(s *sio.Socket, m *sio.Msg) error { return nil }
	for _, tc := range []struct {
		name  string
		event string // in the PanicError
		setup func(t *testing.T, srv *sio.Server)
		do    func(t *testing.T, c *siotest.Client, s *sio.Socket)
	}{
		{"serial", "go", func(t *testing.T, srv *sio.Server) { srv.On("go", raise) }, nil},
		{"inline", "go", func(t *testing.T, srv *sio.Server) { srv.On("go", raise, sio.Inline) }, nil},
		{"free", "go", func(t *testing.T, srv *sio.Server) { srv.On("go", raise, sio.Free) }, nil},
		{"typed", "go", func(t *testing.T, srv *sio.Server) {
			sio.Event[string]("go").On(srv, func(s *sio.Socket, v string) error { boom(); return nil })
		}, nil},
		{"request", "go", func(t *testing.T, srv *sio.Server) {
			sio.Request[string, int]("go").Handle(srv, func(context.Context, *sio.Socket, string) (int, error) { boom(); return 1, nil })
		}, nil},
		{"OnAny", "go", func(t *testing.T, srv *sio.Server) { srv.OnAny(raise) }, nil},
		{"OnUnhandled", "go", func(t *testing.T, srv *sio.Server) { srv.OnUnhandled(raise) }, nil},
		{"Wrap", "go", func(t *testing.T, srv *sio.Server) {
			srv.On("go", noop)
			srv.Wrap(func(next sio.Handler) sio.Handler { return raise })
		}, nil},
		{"socket's own", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.On("go", raise)
			emit(t, c, "go")
		}},
		{"socket's own, inline", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.On("go", raise, sio.Inline)
			emit(t, c, "go")
		}},
		{"socket's Once", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.Once("go", raise)
			emit(t, c, "go")
		}},
		{"socket's OnAny", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.OnAny(raise)
			emit(t, c, "go")
		}},
		{"socket's Use", "go", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			s.Use(raise)
			emit(t, c, "go")
		}},
		{"OnConnect", "", func(t *testing.T, srv *sio.Server) {
			srv.OnConnect(func(s *sio.Socket) {
				if s.Handshake().Query().Has("victim") {
					boom()
				}
			})
		}, nil},
		{"Do", "", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			if err := s.Do(boom); err != nil {
				t.Error(err)
			}
		}},
		{"AskFunc", "", nil, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			c.On("ask", func(e *siotest.Event) { e.Ack() })
			if err := s.AskFunc(0, func(*sio.Msg, error) { boom() }, "ask"); err != nil {
				t.Error(err)
			}
		}},
		{"OnOutgoing", "out", func(t *testing.T, srv *sio.Server) {
			srv.OnOutgoing(func(s *sio.Socket, m *sio.Msg) {
				if s.Handshake().Query().Has("victim") {
					boom()
				}
			})
		}, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			if err := s.Emit("out"); err != nil && !errors.Is(err, sio.ErrClosed) { // it may have ended by then
				t.Error(err)
			}
		}},
		{"OnOutgoing, broadcast", "out", func(t *testing.T, srv *sio.Server) {
			srv.OnOutgoing(func(s *sio.Socket, m *sio.Msg) {
				if m.Event() == "out" && s.Handshake().Query().Has("victim") {
					boom()
				}
			})
		}, func(t *testing.T, c *siotest.Client, s *sio.Socket) { emit(t, s.Namespace(), "out") }},
		{"AckError", "go", func(t *testing.T, srv *sio.Server) {
			srv.On("go", func(*sio.Socket, *sio.Msg) error { return errAckBoom })
		}, func(t *testing.T, c *siotest.Client, s *sio.Socket) {
			if _, err := c.Ask(context.Background(), "go"); !errors.Is(err, siotest.ErrClosed) {
				t.Error(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{AckError: func(err error) []any {
				if err == errAckBoom {
					boom()
				}
				return nil
			}})
			told := make(chan error, 10)
			srv.OnError(func(s *sio.Socket, err error) { told <- err })
			ended := make(chan sio.Reason, 10)
			srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { ended <- r })
			srv.Of("/other").OnDisconnect(func(s *sio.Socket, r sio.Reason) { ended <- r })
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			if tc.setup != nil {
				tc.setup(t, srv)
			}
			bystander := siotest.Dial(t, srv, "/other", siotest.Loop(0))
			victim, err := siotest.TryDial(t, srv, "/", siotest.Loop(0), siotest.Query("victim", "1"))
			switch {
			case err != nil && tc.name != "OnConnect": // that may be faster
				t.Fatal(err)
			case tc.do != nil:
				tc.do(t, victim, socket(t, srv, victim))
			case tc.name != "OnConnect":
				emit(t, victim, "go", "x")
			}
			var p *sio.PanicError
			if err := recv(t, told); !errors.As(err, &p) {
				t.Fatalf("told %v", err)
			}
			if p.Value != "boom" || p.Event != tc.event || !bytes.Contains(p.Stack, []byte("sio_test.boom")) {
				t.Errorf("got event %q, value %v, stack\n%s", p.Event, p.Value, p.Stack)
			}
			if r := recv(t, ended); r != sio.ServerError {
				t.Errorf("reason %q", r)
			}
			if victim != nil {
				victim.ExpectEnd("transport close")
			}
			if n := srv.Stats().Panics; n != 1 {
				t.Errorf("%d panics were counted", n)
			}
			select {
			case <-bystander.Done():
				t.Error("a bystander was disconnected")
			default:
			}
			if tc.name == "AckError" { // what it was asked about is told as well
				if err := recv(t, told); !errors.Is(err, errAckBoom) {
					t.Error(err)
				}
			}
			if len(ended) > 0 || len(told) > 0 {
				t.Errorf("also: %d ends, %d errors", len(ended), len(told))
			}
			emit(t, srv.Of("/other"), "still here")
			bystander.Expect("still here")
		})
	}
}

var errAckBoom = errors.New("ack boom")

// TestPanicInOnDisconnect: the other functions of the end run all the same.
func TestPanicInOnDisconnect(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnError(func(s *sio.Socket, err error) { l.add("error: %v", err) })
	srv.OnConnect(func(s *sio.Socket) { s.OnDisconnect(func(sio.Reason) { boom() }) })
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { l.add("first"); boom() })
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { l.add("second") })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	clock.Settle()
	c.Close()
	clock.Settle()
	l.want(t, "error: sio: handler panicked: boom", "first", "error: sio: handler panicked: boom", "second")
}

// TestPanicInUse: the client is disconnected and joins nothing.
func TestPanicInUse(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.Use(func(ctx context.Context, s *sio.Socket) error { boom(); return nil })
	srv.OnError(func(s *sio.Socket, err error) { l.add("error: %v", err) })
	srv.OnConnect(func(s *sio.Socket) { l.add("connect") })
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { l.add("disconnect") })
	if c, err := siotest.TryDial(t, srv, "/"); err == nil {
		t.Error("let in", c.ID())
	}
	siotest.Start(t, srv).Settle()
	l.want(t, "error: sio: handler panicked: boom")
	if n := srv.Len(); n != 0 {
		t.Errorf("%d sockets", n)
	}
}

// TestPanicInOnError: an OnError that panics is not told of its own panic.
func TestPanicInOnError(t *testing.T) {
	var logged logBuffer
	srv := newServer(t, sio.Options{Logger: logged.logger()})
	srv.OnError(func(*sio.Socket, error) { boom() })
	srv.On("go", func(*sio.Socket, *sio.Msg) error { return errors.New("an error") })
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "go")
	emit(t, c, "echo")
	c.Expect("echo")
	if text := logged.String(); !strings.Contains(text, "OnError panicked") {
		t.Errorf("log: %s", text)
	}
}

// TestPanicsOfHooks: what the options and namespaces hang into the server may panic
// too, on loops, on workers and on the caller's goroutine. The process goes on and
// serves others.
func TestPanicsOfHooks(t *testing.T) {
	var armed atomic.Bool
	raise := func() {
		if armed.Load() {
			boom()
		}
	}
	victim := siotest.Query("victim", "1")
	for _, tc := range []struct {
		name string
		o    sio.Options
		do   func(t *testing.T, srv *sio.Server)
	}{
		{"AllowRequest", sio.Options{AllowRequest: func(context.Context, *sio.Handshake) error { raise(); return nil }},
			func(t *testing.T, srv *sio.Server) {
				var e *siotest.HandshakeError
				if _, err := siotest.TryDial(t, srv, "/", siotest.Polling()); !errors.As(err, &e) || e.Status != 403 || e.Code != 4 {
					t.Errorf("got %v", err)
				}
			}},
		{"GenerateID", sio.Options{GenerateID: func(_ context.Context, h *sio.Handshake) (string, error) {
			raise()
			return "id-" + h.Address().String(), nil
		}}, func(t *testing.T, srv *sio.Server) {
			if _, err := siotest.TryDial(t, srv, "/", siotest.Polling()); err == nil {
				t.Error("let in")
			}
		}},
		{"OnHeaders", sio.Options{OnHeaders: func(http.Header, *sio.Handshake, bool) { raise() }},
			func(t *testing.T, srv *sio.Server) {
				_, _ = siotest.TryDial(t, srv, "/", siotest.Polling())
				_, _ = siotest.TryDial(t, srv, "/")
			}},
		{"OnHandshakeError", sio.Options{OnHandshakeError: func(*sio.HandshakeError) { raise() }},
			func(t *testing.T, srv *sio.Server) {
				_, _ = siotest.TryDial(t, srv, "/", siotest.Polling(), siotest.Query("EIO", "2"))
			}},
		{"Engine.Open", sio.Options{Engine: &sio.EngineHooks{Open: func(*sio.Conn) { raise() }}},
			func(t *testing.T, srv *sio.Server) { _, _ = siotest.TryDial(t, srv, "/", victim) }},
		{"Engine.Packet", sio.Options{Engine: &sio.EngineHooks{Packet: func(*sio.Conn, sio.EnginePacket) { raise() }}},
			func(t *testing.T, srv *sio.Server) { _, _ = siotest.TryDial(t, srv, "/", victim) }},
		{"Engine.Drain", sio.Options{Engine: &sio.EngineHooks{Drain: func(*sio.Conn) { raise() }}},
			func(t *testing.T, srv *sio.Server) { _, _ = siotest.TryDial(t, srv, "/", victim) }},
		{"Engine.Close", sio.Options{Engine: &sio.EngineHooks{Close: func(*sio.Conn, sio.Reason, error) { raise() }}},
			func(t *testing.T, srv *sio.Server) {
				c, err := siotest.TryDial(t, srv, "/", victim)
				if err == nil {
					c.Cut()
				}
			}},
		{"OnNamespace", sio.Options{OnNamespace: func(*sio.Namespace) { raise() }},
			func(t *testing.T, srv *sio.Server) {
				srv.OfPattern("/p/{x}")
				_, _ = siotest.TryDial(t, srv, "/p/1")
			}},
		{"OfFunc", sio.Options{}, func(t *testing.T, srv *sio.Server) {
			srv.OfFunc(func(context.Context, string, sio.Raw) error { raise(); return nil })
			var e *siotest.ConnectError
			if _, err := siotest.TryDial(t, srv, "/p/1"); !errors.As(err, &e) || e.Message != "Invalid namespace" {
				t.Error(err)
			}
		}},
		{"Filter", sio.Options{}, func(t *testing.T, srv *sio.Server) {
			emit(t, srv.All().Filter(func(*sio.Socket) bool { raise(); return true }), "x")
		}},
		{"OnJoin, on a loop", sio.Options{}, func(t *testing.T, srv *sio.Server) {
			srv.OnJoin(func(*sio.Socket, string) error { raise(); return nil })
			told := make(chan error, 1)
			srv.OnError(func(s *sio.Socket, err error) { told <- err })
			c := siotest.Dial(t, srv, "/", victim)
			if err := srv.To(c.ID()).Join(context.Background(), "r"); err != nil {
				t.Error(err)
			}
			var p *sio.PanicError
			if err := recv(t, told); !errors.As(err, &p) {
				t.Error(err)
			}
			c.ExpectEnd("transport close")
		}},
		{"OnRoom", sio.Options{}, func(t *testing.T, srv *sio.Server) {
			for s := range srv.Sockets() {
				func() {
					defer func() { _ = recover() }() // on this goroutine, for a room that is new
					_ = s.Join("watched")
				}()
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			armed.Store(false)
			srv := newServer(t, tc.o)
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			srv.OnRoom(func(e sio.RoomEvent) { raise() })
			bystander := siotest.Dial(t, srv, "/", siotest.Loop(0))
			armed.Store(true)
			tc.do(t, srv)
			siotest.Start(t, srv).Settle()
			armed.Store(false)
			for range 2 {
				emit(t, bystander, "echo", "alive")
				bystander.Expect("echo", "alive")
				emit(t, srv, "x")
				bystander.Expect("x")
				c := siotest.Dial(t, srv, "/")
				emit(t, c, "echo", "alive")
				c.Expect("echo", "alive")
			}
		})
	}
}

// explosive is an argument that panics when it is encoded or decoded.
type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { boom(); return nil, nil }

func (*explosive) UnmarshalJSON([]byte) error { boom(); return nil }

// TestPanicsOfArguments: methods of values, and the functions of Options.JSON, panic where
// the values are encoded and decoded: in a handler, which is caught as any other panic of
// it, or in a call of the application's, which is the application's to catch. The server
// is as it was, and so is the packet's memory, which others get.
func TestPanicsOfArguments(t *testing.T) {
	own := &sio.JSON{
		Marshal: func(v any) ([]byte, error) {
			b, err := json.Marshal(v)
			if bytes.Contains(b, []byte("explode")) {
				boom()
			}
			return b, err
		},
		Unmarshal: func(b []byte, v any) error {
			if string(b) == `"explode"` {
				boom()
			}
			return json.Unmarshal(b, v)
		},
	}
	for _, tc := range []struct {
		name string
		o    sio.Options
		v    any // to be encoded
		into any // to be decoded into
	}{
		{"methods", sio.Options{}, explosive{}, new(explosive)},
		{"methods beside a buffer", sio.Options{}, []any{[]byte("b"), explosive{}}, new(explosive)},
		{"Options.JSON", sio.Options{JSON: own}, "explode", new(string)},
	} {
		handlers := map[string]func(s *sio.Socket, m *sio.Msg) error{
			"Emit":           func(s *sio.Socket, m *sio.Msg) error { return s.Emit("x", 1, tc.v) },
			"broadcast":      func(s *sio.Socket, m *sio.Msg) error { return s.Namespace().Emit("x", 1, tc.v) },
			"Event.Emit":     func(s *sio.Socket, m *sio.Msg) error { return sio.Event[any]("x").Emit(s, tc.v) },
			"Ack":            func(s *sio.Socket, m *sio.Msg) error { return m.Ack(1, tc.v) },
			"Fail.Data":      func(s *sio.Socket, m *sio.Msg) error { return sio.Fail{Code: "c", Data: tc.v} },
			"Decode":         func(s *sio.Socket, m *sio.Msg) error { return m.Decode(0, tc.into) },
			"AskFunc":        func(s *sio.Socket, m *sio.Msg) error { return s.AskFunc(0, func(*sio.Msg, error) {}, "x", tc.v) },
			"in Socket.Join": func(s *sio.Socket, m *sio.Msg) error { return s.Join("explode") },
		}
		for name, h := range handlers {
			for mode, opts := range modes {
				t.Run(tc.name+", "+name+", "+mode, func(t *testing.T) {
					srv := newServer(t, tc.o)
					told := make(chan error, 10)
					srv.OnError(func(_ *sio.Socket, err error) { told <- err })
					ended := make(chan sio.Reason, 10)
					srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- r })
					srv.OnJoin(func(*sio.Socket, string) error { boom(); return nil })
					srv.On("go", h, opts...)
					srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
					a, b := pair(t, srv)
					if _, err := a.Ask(context.Background(), "go", "explode"); err == nil {
						t.Error("answered")
					}
					var p *sio.PanicError
					if err := recv(t, told); !errors.As(err, &p) || p.Value != "boom" || p.Event != "go" {
						t.Errorf("told %v", err)
					}
					if r := recv(t, ended); r != sio.ServerError {
						t.Errorf("reason %q", r)
					}
					for i := range 20 { // the memory of the packet is among theirs
						emit(t, srv, "y", i, []byte("bin"))
						b.Expect("y", i, []byte("bin"))
						emit(t, b, "echo", i)
						b.Expect("echo", i)
					}
				})
			}
		}
		t.Run(tc.name+", on a goroutine of the application's", func(t *testing.T) {
			srv := newServer(t, tc.o)
			a, _ := pair(t, srv)
			s := socket(t, srv, a)
			for name, f := range map[string]func(){
				"Emit":      func() { _ = s.Emit("x", tc.v) },
				"broadcast": func() { _ = srv.To("x").Emit("x", tc.v) },
				"Ask":       func() { _, _ = s.Ask(context.Background(), "x", tc.v) },
				"AskAll": func() {
					for range srv.All().AskAll(context.Background(), "x", tc.v) {
						t.Error("an element")
					}
				},
				"EmitWait": func() { _ = s.EmitWait(context.Background(), "x", tc.v) },
			} {
				func() {
					defer func() {
						if v := recover(); v != "boom" {
							t.Errorf("%s: recovered %v", name, v)
						}
					}()
					f()
				}()
			}
			if n := sio.Pending(s); n != 0 {
				t.Errorf("%d answers are due", n)
			}
			emit(t, s, "alive", 1)
			a.Expect("alive", 1)
		})
	}
}

// TestPanicInRefusal: the data of a refusal is the application's, and may panic.
func TestPanicInRefusal(t *testing.T) {
	srv := newServer(t, sio.Options{Workers: 1})
	var l log
	srv.OnError(func(_ *sio.Socket, err error) { l.add("%v", err) })
	n := srv.Of("/n")
	n.OnError(func(_ *sio.Socket, err error) { l.add("%v", err) })
	n.Use(func(context.Context, *sio.Socket) error { return sio.Refuse{Message: "no", Data: explosive{}} })
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	a, b := pair(t, srv)
	if _, err := a.TryOf("/n"); err == nil {
		t.Error("let in")
	}
	a.ExpectEnd("transport close")
	emit(t, b, "echo", "the worker is still there")
	b.Expect("echo", "the worker is still there")
	siotest.Start(t, srv).Settle()
	l.want(t, "sio: handler panicked: boom")
}
