package sio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// The rules of concurrency and order that the package promises, one test each.

// TestRule1ArrivalOrder (K09): events of one socket are handled one after another, in arrival
// order, whatever carries them and in whichever way they are handled.
func TestRule1ArrivalOrder(t *testing.T) {
	const n = 300
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
		{"polling, then websocket", []siotest.DialOption{siotest.Polling()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			var running atomic.Int32
			var got []int64 // no lock: handlers of one socket never overlap
			done := make(chan struct{})
			h := func(s *sio.Socket, m *sio.Msg) error {
				if running.Add(1) != 1 {
					t.Error("two handlers of one socket run at once")
				}
				defer running.Add(-1)
				v, err := m.Int(0)
				got = append(got, v)
				if len(got) == n {
					close(done)
				}
				return err
			}
			srv.On("serial", h)
			srv.On("inline", h, sio.Inline)
			c := siotest.Dial(t, srv, "/", tc.opts...)
			for i := range n {
				name := "serial"
				if i%3 == 0 {
					name = "inline"
				}
				emit(t, c, name, i)
				if i == n/2 && strings.Contains(tc.name, "then") {
					if err := c.Upgrade(); err != nil {
						t.Fatal(err)
					}
				}
			}
			recv(t, done)
			for i, v := range got {
				if v != int64(i) {
					t.Fatalf("event %d was handled as number %d", v, i)
				}
			}
		})
	}
}

// TestRule2SocketsRunInParallel: a handler that waits for another socket's handler is
// not waited for by it; sockets of one connection are as independent as others.
func TestRule2SocketsRunInParallel(t *testing.T) {
	for _, tc := range []string{"two connections", "two namespaces"} {
		t.Run(tc, func(t *testing.T) {
			srv := newServer(t, sio.Options{Loops: 1})
			here := make(chan struct{})
			meet := func(s *sio.Socket, m *sio.Msg) error {
				select {
				case here <- struct{}{}:
				case <-here:
				case <-time.After(patience):
					t.Error("the other handler does not run")
				}
				return m.Ack()
			}
			srv.On("meet", meet)
			srv.Of("/b").On("meet", meet)
			a := siotest.Dial(t, srv, "/")
			var b *siotest.Client
			if tc == "two namespaces" {
				b = a.Of("/b")
			} else {
				b = siotest.Dial(t, srv, "/b")
			}
			var both sync.WaitGroup
			for _, c := range []*siotest.Client{a, b} {
				both.Go(func() {
					if _, err := c.Ask(context.Background(), "meet"); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		})
	}
}

// TestRule3AnyGoroutine (K01): what one goroutine emits to a socket keeps its order, and the
// text and binary parts of a packet stay together. The client would not understand
// them otherwise.
func TestRule3AnyGoroutine(t *testing.T) {
	const emitters, each = 8, 1000
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 64 << 20}})
			c := siotest.Dial(t, srv, "/", tc.opts...)
			s := socket(t, srv, c)
			for e := range emitters {
				go func() {
					for i := range each {
						emit(t, s, "n", e, i, []byte(fmt.Sprint(e, i)))
					}
				}()
			}
			var next [emitters]int
			for range emitters * each {
				got := c.Expect("n")
				var e, i int
				if got.Decode(0, &e) != nil || got.Decode(1, &i) != nil {
					t.Fatal(got)
				}
				bin, ok := got.Binary(2)
				if !ok || string(bin) != fmt.Sprint(e, i) || i != next[e] {
					t.Fatalf("got %v, want number %d of emitter %d", got, next[e], e)
				}
				next[e]++
			}
		})
	}
}

// TestRule4BroadcastsKeepOrder: what one goroutine sends, to however many and in
// whichever way, reaches each receiver in that order.
func TestRule4BroadcastsKeepOrder(t *testing.T) {
	const senders, rounds, receivers = 4, 100, 5
	srv := newServer(t, sio.Options{})
	var clients []*siotest.Client
	for i := range receivers {
		opts := []siotest.DialOption{siotest.Loop(i % 2)}
		if i == 0 {
			opts = append(opts, siotest.Polling())
		}
		c := siotest.Dial(t, srv, "/", opts...)
		if err := socket(t, srv, c).Join("room"); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	room := srv.Room("room")
	defer room.Close()
	for e := range senders {
		go func() {
			n := 0
			next := func() (int, int) { n++; return e, n - 1 }
			for range rounds {
				a, b := next()
				emit(t, srv, "n", a, b)
				a, b = next()
				emit(t, srv.To("room"), "n", a, b)
				a, b = next()
				emit(t, room, "n", a, b)
				a, b = next()
				for s := range srv.Sockets() {
					emit(t, s, "n", a, b)
				}
				p := sio.Prepare("n")
				a, b = next()
				p.Int(int64(a)).Int(int64(b))
				if err := srv.To("room").Except("nobody").Send(p); err != nil {
					t.Error(err)
				}
				p.Release()
			}
		}()
	}
	for _, c := range clients {
		var next [senders]int
		for range senders * rounds * 5 {
			got := c.Expect("n")
			var e, i int
			if got.Decode(0, &e) != nil || got.Decode(1, &i) != nil || i != next[e] {
				t.Fatalf("got %v, want number %d of sender %d", got, next[e], e)
			}
			next[e]++
		}
	}
}

// TestRule5BeginningAndEnd (C12, K11): OnConnect is over before the first event, OnDisconnect
// comes behind the last one, each once.
func TestRule5BeginningAndEnd(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	in, hold := make(chan struct{}), make(chan struct{})
	srv.OnConnect(func(s *sio.Socket) {
		l.add("connect")
		close(in)
		recv(t, hold)
		l.add("connected")
	})
	srv.On("serial", func(s *sio.Socket, m *sio.Msg) error { l.add("serial"); recv(t, hold); return nil })
	srv.On("inline", func(s *sio.Socket, m *sio.Msg) error { l.add("inline"); return nil }, sio.Inline)
	ended := make(chan struct{})
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		l.add("disconnect: %s %v", r, s.Rooms()[1:])
		close(ended)
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	if err := socket(t, srv, c).Join("a", "b"); err != nil {
		t.Fatal(err)
	}
	emit(t, c, "inline")
	emit(t, c, "serial")
	emit(t, c, "inline")
	c.Cut()
	recv(t, in)
	clock.Advance(100 * time.Millisecond) // the loops have seen all that
	l.want(t, "connect")
	hold <- struct{}{}
	hold <- struct{}{}
	recv(t, ended)
	if !clock.Settle() {
		t.Fatal("handlers run still")
	}
	l.want(t, "connected", "inline", "serial", "inline", "disconnect: transport close [a b]")
}

// TestRule5AnswerBeforeOnConnect (C01): the client is told that it is in before OnConnect
// runs, so what that emits comes behind.
func TestRule5AnswerBeforeOnConnect(t *testing.T) {
	srv := newServer(t, sio.Options{Loops: 1})
	srv.OnConnect(func(s *sio.Socket) { emit(t, s, "welcome") })
	r := dialRaw(t, srv)
	r.send(`40`)
	if got := r.next(); !strings.HasPrefix(got, `40{"sid":"`) {
		t.Fatalf("got %q", got)
	}
	if got := r.next(); got != `42["welcome"]` {
		t.Fatalf("got %q", got)
	}
}

// TestRule6EmitTells (R10): nil means queued; everything else is an error, and nothing waits.
func TestRule6EmitTells(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ended := make(chan struct{})
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { close(ended) })
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		for _, to := range []interface {
			Emit(string, ...any) error
		}{s, srv, srv.To("r"), s.To("r"), srv.Room("r")} {
			if err := to.Emit(name); !errors.Is(err, sio.ErrReservedEvent) {
				t.Errorf("%T.Emit(%q): %v", to, name, err)
			}
		}
	}
	cycle := map[string]any{}
	cycle["self"] = cycle
	for _, v := range []any{make(chan int), func() {}, cycle} {
		if err := s.Emit("x", v); err == nil {
			t.Errorf("Emit of a %T is no error", v)
		}
		if err := srv.Emit("x", v); err == nil {
			t.Errorf("broadcast of a %T is no error", v)
		}
		if err := s.Emit("x", []byte{1}, v); err == nil {
			t.Errorf("Emit of a %T behind a buffer is no error", v)
		}
	}
	emit(t, s, "x", math.NaN(), "error is an ordinary name")
	emit(t, s, "error")
	c.Expect("x", nil, "error is an ordinary name")
	c.Expect("error")
	c.ExpectNone()

	c.Cut()
	recv(t, ended)
	if err := s.Emit("x"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Emit after the end: %v", err)
	}
	if err := s.EmitWait(context.Background(), "x"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("EmitWait after the end: %v", err)
	}
	if err := srv.To(s.ID()).Emit("x"); err != nil {
		t.Errorf("broadcast to nobody: %v", err)
	}
	if err := srv.Emit("x"); err != nil {
		t.Errorf("broadcast to nobody: %v", err)
	}
}

// TestRule6EmitWait (L16): EmitWait returns when the transport has the event, whether it was
// written before or after somebody began to wait for that.
func TestRule6EmitWait(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			c := siotest.Dial(t, srv, "/", tc.opts...)
			s := socket(t, srv, c)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for i := range 500 {
				if err := s.EmitWait(ctx, "n", i); err != nil {
					t.Fatalf("EmitWait %d: %v", i, err)
				}
				c.Expect("n", i)
			}
			errs := make(chan error, 1)
			srv.On("wait", func(s *sio.Socket, m *sio.Msg) error {
				errs <- s.EmitWait(ctx, "x")
				return nil
			}, sio.Inline)
			emit(t, c, "wait")
			if err := recv(t, errs); !errors.Is(err, sio.ErrOnLoop) {
				t.Errorf("EmitWait on a loop: %v", err)
			}
		})
	}
}
