package sio_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestRule7AcksAlwaysSettle (K04, K05): a question to a client ends with the answer, the deadline,
// the caller's cancel or the client's end.
func TestRule7AcksAlwaysSettle(t *testing.T) {
	ask := func(t *testing.T, s *sio.Socket, ctx context.Context, event string) (*sio.Msg, error) {
		t.Helper()
		got := make(chan error, 1)
		var m *sio.Msg
		go func() {
			var err error
			m, err = s.Ask(ctx, event, "q")
			got <- err
		}()
		return m, recv(t, got)
	}
	setup := func(t *testing.T, o sio.Options) (*siotest.Client, *sio.Socket) {
		srv := newServer(t, o)
		c := siotest.Dial(t, srv, "/")
		c.On("ask", func(e *siotest.Event) {
			if err := e.Ack("a", []byte("bin")); err != nil {
				t.Error(err)
			}
			_ = e.Ack("too late")
		})
		c.On("leave", func(*siotest.Event) { c.Cut() })
		return c, socket(t, srv, c)
	}
	bg := context.Background()

	t.Run("value", func(t *testing.T) {
		_, s := setup(t, sio.Options{})
		for range 10 {
			m, err := s.Ask(bg, "ask", "q")
			if err != nil {
				t.Fatal(err)
			}
			v, err := m.Str(0)
			b, ok := m.Binary(1)
			if v != "a" || err != nil || string(b) != "bin" || !ok || m.Len() != 2 || m.Event() != "" || m.Socket() != s {
				t.Fatalf("got %q %v %q %v", v, err, b, ok)
			}
			if m.WantsAck() || !errors.Is(m.Ack(), sio.ErrNoAck) {
				t.Error("an answer wants no answer")
			}
		}
	})
	t.Run("deadline of the context", func(t *testing.T) {
		_, s := setup(t, sio.Options{})
		ctx, cancel := context.WithDeadline(bg, time.Now())
		defer cancel()
		if _, err := ask(t, s, ctx, "silence"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		c, s := setup(t, sio.Options{})
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(bg)
		c.On("silence", func(*siotest.Event) { cancel(why) })
		if _, err := ask(t, s, ctx, "silence"); !errors.Is(err, why) {
			t.Error(err)
		}
	})
	t.Run("disconnect", func(t *testing.T) {
		_, s := setup(t, sio.Options{AckTimeout: -1})
		if _, err := ask(t, s, bg, "leave"); !errors.Is(err, sio.ErrDisconnected) {
			t.Error(err)
		}
		<-s.Context().Done() // who is asked beside the end is told as who was asked before it
		if _, err := ask(t, s, bg, "ask"); !errors.Is(err, sio.ErrClosed) {
			t.Error(err)
		}
	})
	t.Run("server closes", func(t *testing.T) {
		c, s := setup(t, sio.Options{AckTimeout: -1})
		c.On("close", func(*siotest.Event) { go s.Namespace().Server().Close() })
		if _, err := ask(t, s, bg, "close"); !errors.Is(err, sio.ErrDisconnected) {
			t.Error(err)
		}
	})
	t.Run("reserved name", func(t *testing.T) {
		_, s := setup(t, sio.Options{})
		if _, err := ask(t, s, bg, "disconnect"); !errors.Is(err, sio.ErrReservedEvent) {
			t.Error(err)
		}
	})
}

// TestRule7DefaultDeadline (K04, K05): without a deadline of its own a question has that of the
// options. The clock of this test is synctest's: 30 s pass at once.
func TestRule7DefaultDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := sio.New(sio.Options{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		c := siotest.Dial(t, srv, "/")
		s := socket(t, srv, c)
		begin := time.Now()
		if _, err := s.Ask(context.Background(), "silence"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(begin); d != 30*time.Second {
			t.Errorf("the deadline was %v", d)
		}
		told := make(chan error)
		if err := s.AskFunc(0, func(m *sio.Msg, err error) { told <- err }, "silence"); err != nil {
			t.Fatal(err)
		}
		if err := <-told; !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(begin); d != 60*time.Second {
			t.Errorf("the deadline was %v", d-30*time.Second)
		}
	})
}

// TestRule8FullInboxStopsReading: a client that floods a handler which blocks is not
// read; others are served; all its events are handled in order when the handler goes
// on.
func TestRule8FullInboxStopsReading(t *testing.T) {
	const n, limit = 2000, 16
	payload := strings.Repeat("x", 500)
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
		by   sio.Limits
	}{
		{"websocket, events", nil, sio.Limits{QueuedEvents: limit}},
		{"websocket, bytes", nil, sio.Limits{QueuedBytes: limit * len(payload)}},
		{"polling, events", []siotest.DialOption{siotest.Polling()}, sio.Limits{QueuedEvents: limit}},
		{"polling, bytes", []siotest.DialOption{siotest.Polling()}, sio.Limits{QueuedBytes: limit * len(payload)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Polling carries many events in a body, which is read whole.
			srv := newServer(t, sio.Options{Loops: 1, Limits: tc.by, MaxPayload: 20_000})
			hold := make(chan struct{})
			var handled atomic.Int64
			srv.On("n", func(s *sio.Socket, m *sio.Msg) error {
				<-hold
				if v, err := m.Int(0); err != nil || v != handled.Load() {
					t.Errorf("event %d was handled as number %d", v, handled.Load())
				}
				handled.Add(1)
				return nil
			})
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			clock := siotest.Start(t, srv)
			other := siotest.Dial(t, srv, "/")
			c := siotest.Dial(t, srv, "/", tc.opts...)
			for i := range n {
				emit(t, c, "n", i, payload)
			}
			clock.Advance(100 * time.Millisecond)
			before := srv.Stats().BytesRead
			if before > n*int64(len(payload))/2 {
				t.Errorf("%d bytes were read while the handler blocks", before)
			}
			emit(t, other, "echo", "alive")
			other.Expect("echo", "alive")
			close(hold)
			if !clock.Settle() {
				t.Fatal("the server does not come to rest")
			}
			if handled.Load() != n {
				t.Errorf("%d of %d events were handled", handled.Load(), n)
			}
		})
	}
}

// TestRule8OverTCP is the same where the kernel holds the client back.
func TestRule8OverTCP(t *testing.T) {
	const n = 20_000
	srv := newServer(t, sio.Options{Limits: sio.Limits{QueuedEvents: 64}})
	hold := make(chan struct{})
	var handled int64
	done := make(chan struct{})
	srv.On("n", func(s *sio.Socket, m *sio.Msg) error {
		<-hold
		if v, err := m.Int(0); err != nil || v != handled {
			t.Errorf("event %d was handled as number %d", v, handled)
		}
		if handled++; handled == n {
			close(done)
		}
		return nil
	})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	addr := listen(t, srv)
	c := siotest.DialAddr(t, addr, "/")
	payload := strings.Repeat("x", 500)
	for i := range n {
		emit(t, c, "n", i, payload)
	}
	for range 4 { // on both loops, most likely
		other := siotest.DialAddr(t, addr, "/")
		emit(t, other, "echo", "alive")
		other.Expect("echo", "alive")
	}
	if got := srv.Stats().Events; got > n/2 {
		t.Errorf("%d events were taken while the handler blocks", got)
	}
	close(hold)
	recv(t, done)
}

// TestRule8AskingForNamespaces (F67): a client that asks for many namespaces, which takes the
// application long to decide about, leaves workers to others. It gets all its answers.
func TestRule8AskingForNamespaces(t *testing.T) {
	const n, most = 100, 16
	for _, how := range []string{"OfFunc", "Use"} {
		t.Run(how, func(t *testing.T) {
			srv := newServer(t, sio.Options{Workers: most + 8})
			asked, hold := make(chan struct{}, n), make(chan struct{})
			decide := func() error { asked <- struct{}{}; <-hold; return nil }
			if how == "Use" {
				srv.OfPattern("/{name}").Use(func(context.Context, *sio.Socket) error { return decide() })
			} else {
				srv.OfFunc(func(context.Context, string, sio.Raw) error { return decide() })
			}
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			g := startRaw(t, srv)
			c, other := dialIn(t, g, 0), dialIn(t, g, 0)
			for i := range n {
				c.send(fmt.Sprintf("40/%d", i))
			}
			other.send("40")
			other.next()
			for range most {
				recv(t, asked)
			}
			for range 20 {
				other.send(`42["echo"]`)
				if got := other.next(); got != `42["echo"]` {
					t.Fatalf("got %q", got)
				}
			}
			if n := len(asked); n > 0 {
				t.Errorf("%d more are decided about", n)
			}
			close(hold)
			for range n {
				if got := c.next(); !strings.HasPrefix(got, "40/") {
					t.Errorf("got %q", got)
				}
			}
			c.send(`41/7`, `40/7`)
			if got := c.next(); !strings.HasPrefix(got, "40/7,") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestRule9Modes: serial handlers may block; inline ones run on the loop, unless
// earlier events still wait elsewhere; free ones run beside each other.
func TestRule9Modes(t *testing.T) {
	onLoop := func(s *sio.Socket) bool {
		_, err := s.Ask(context.Background(), "x")
		return errors.Is(err, sio.ErrOnLoop)
	}
	t.Run("inline", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		var l log
		hold := make(chan struct{})
		srv.On("serial", func(s *sio.Socket, m *sio.Msg) error { recv(t, hold); l.add("serial"); return nil })
		srv.On("inline", func(s *sio.Socket, m *sio.Msg) error {
			l.add("inline, on a loop: %v", onLoop(s))
			return nil
		}, sio.Inline)
		clock := siotest.Start(t, srv)
		c := siotest.Dial(t, srv, "/")
		c.On("x", func(e *siotest.Event) { e.Ack() })
		emit(t, c, "inline")
		clock.Settle()
		l.want(t, "inline, on a loop: true")
		emit(t, c, "serial")
		emit(t, c, "inline")
		clock.Advance(100 * time.Millisecond)
		l.want(t)
		hold <- struct{}{}
		clock.Settle()
		l.want(t, "serial", "inline, on a loop: false")
		emit(t, c, "inline")
		clock.Settle()
		l.want(t, "inline, on a loop: true")
	})
	t.Run("inline beside a socket's own listeners", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		var l log
		srv.OnConnect(func(s *sio.Socket) {
			s.OnDisconnect(func(sio.Reason) {})
			s.OnError(func(error) {})
			s.On("other", func(*sio.Socket, *sio.Msg) error { return nil })
			s.On("mine", func(s *sio.Socket, m *sio.Msg) error { l.add("mine %v", onLoop(s)); return nil }, sio.Inline)
			s.On("both", func(s *sio.Socket, m *sio.Msg) error { l.add("own %v", onLoop(s)); return nil }, sio.Inline)
			s.On("mixed", func(s *sio.Socket, m *sio.Msg) error { l.add("own %v", onLoop(s)); return nil })
		})
		for _, name := range []string{"inline", "both", "mixed"} {
			srv.On(name, func(s *sio.Socket, m *sio.Msg) error { l.add("%s %v", name, onLoop(s)); return nil }, sio.Inline)
		}
		clock := siotest.Start(t, srv)
		c := siotest.Dial(t, srv, "/")
		c.On("x", func(e *siotest.Event) { e.Ack() })
		clock.Settle()
		for _, name := range []string{"inline", "mine", "both", "mixed"} {
			emit(t, c, name)
			clock.Settle()
		}
		l.want(t, "inline true", "mine true", "both true", "own true", "mixed false", "own false")
	})
	t.Run("several handlers of one event", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		var l log
		h := func(who string) sio.Handler {
			return func(s *sio.Socket, m *sio.Msg) error { l.add("%s %v", who, onLoop(s)); return nil }
		}
		srv.On("inline", h("1"), sio.Inline)
		srv.On("inline", h("2"), sio.Inline)
		srv.On("mixed", h("1"), sio.Inline)
		srv.On("mixed", h("2"), sio.Inline)
		srv.On("mixed", h("3"))
		clock := siotest.Start(t, srv)
		c := siotest.Dial(t, srv, "/")
		c.On("x", func(e *siotest.Event) { e.Ack() })
		emit(t, c, "inline")
		clock.Settle()
		l.want(t, "1 true", "2 true")
		emit(t, c, "mixed")
		clock.Settle()
		l.want(t, "1 false", "2 false", "3 false")
	})
	t.Run("free", func(t *testing.T) {
		for _, first := range []bool{true, false} {
			srv := newServer(t, sio.Options{})
			meet := make(chan struct{})
			rendezvous := func(s *sio.Socket, m *sio.Msg) error {
				select {
				case meet <- struct{}{}:
				case <-meet:
				case <-time.After(patience):
					t.Error("events of a free handler wait for each other")
				}
				if _, err := m.Str(0); err != nil { // the message lasts
					t.Error(err)
				}
				return m.Ack("done")
			}
			quick := func(s *sio.Socket, m *sio.Msg) error { return nil }
			if first {
				srv.On("meet", rendezvous, sio.Free)
				srv.On("meet", quick)
			} else {
				srv.On("meet", quick)
				srv.On("meet", rendezvous, sio.Free)
			}
			c := siotest.Dial(t, srv, "/")
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					e, err := c.Ask(context.Background(), "meet", "text")
					if err != nil || string(e.Raw(0)) != `"done"` {
						t.Error(e, err)
					}
				})
			}
			both.Wait()
		}
	})
	t.Run("waiting calls on a loop", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		errs := make(chan error, 20)
		ctx := context.Background()
		srv.On("go", func(s *sio.Socket, m *sio.Msg) error {
			_, err := s.Ask(ctx, "x")
			errs <- err
			_, err = srv.Fetch(ctx)
			errs <- err
			errs <- srv.All().Join(ctx, "r")
			errs <- srv.All().Leave(ctx, "r")
			errs <- srv.All().Disconnect(ctx, sio.Disconnect{})
			for _, err := range srv.All().AskAll(ctx, "x") {
				errs <- err
			}
			errs <- s.EmitWait(ctx, "x")
			close(errs)
			return nil
		}, sio.Inline)
		c := siotest.Dial(t, srv, "/")
		emit(t, c, "go")
		n := 0
		for err := range errs {
			if n++; !errors.Is(err, sio.ErrOnLoop) {
				t.Errorf("call %d: %v", n, err)
			}
		}
		if n != 7 {
			t.Errorf("%d results", n)
		}
	})
}
