package sio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestReasons (K11, K12): every way in which a connection ends, with the reason that
// each side is told, and the cause of the socket's context.
func TestReasons(t *testing.T) {
	ws, polling := []siotest.DialOption(nil), []siotest.DialOption{siotest.Polling()}
	mute := func(o []siotest.DialOption) []siotest.DialOption {
		return append([]siotest.DialOption{siotest.Mute()}, o...)
	}
	for _, tc := range []struct {
		name   string
		opts   []siotest.DialOption
		do     func(c *siotest.Client, s *sio.Socket, clock *siotest.Clock)
		reason sio.Reason
		client string
		limit  string
		cause  bool // there is one besides the reason
	}{
		{"client leaves the namespace", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Disconnect() },
			sio.ClientNamespaceDisconnect, "io client disconnect", "", false},
		{"client closes, websocket", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Close() },
			sio.TransportClose, "io client disconnect", "", false},
		{"client closes, polling", polling, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Close() },
			sio.TransportClose, "io client disconnect", "", false},
		{"connection lost, websocket", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Cut() },
			sio.TransportClose, "transport close", "", false},
		{"connection lost, polling", polling, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Cut() },
			sio.TransportError, "transport close", "", true},
		{"Disconnect", ws, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) { s.Disconnect(sio.Disconnect{}) },
			sio.ServerNamespaceDisconnect, "io server disconnect", "", false},
		{"Disconnect and close", ws, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) {
			s.Disconnect(sio.Disconnect{Close: true})
		}, sio.ServerNamespaceDisconnect, "io server disconnect", "", false},
		{"Disconnect and close, polling", polling, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) {
			s.Disconnect(sio.Disconnect{Close: true})
		}, sio.ServerNamespaceDisconnect, "io server disconnect", "", false},
		{"Disconnect, to come back", ws, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) {
			s.Disconnect(sio.Disconnect{AllowReconnect: true})
		}, sio.ForcedServerClose, "transport close", "", false},
		{"Disconnect, to come back, polling", polling, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) {
			s.Disconnect(sio.Disconnect{AllowReconnect: true})
		}, sio.ForcedServerClose, "transport close", "", false},
		{"Conn.Close", ws, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) { s.Conn().Close(false) },
			sio.ForcedClose, "transport close", "", false},
		{"Conn.Close, discarding", polling, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) { s.Conn().Close(true) },
			sio.ForcedClose, "transport close", "", false},
		{"server closes", ws, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) { s.Namespace().Server().Close() },
			sio.ServerShuttingDown, "transport close", "", false},
		{"server closes, polling", polling, func(_ *siotest.Client, s *sio.Socket, _ *siotest.Clock) { s.Namespace().Server().Close() },
			sio.ServerShuttingDown, "transport close", "", false},
		{"silence", mute(ws), func(_ *siotest.Client, _ *sio.Socket, clock *siotest.Clock) { clock.Advance(46 * time.Second) },
			sio.PingTimeout, "transport close", "", false},
		{"silence, polling", mute(polling), func(_ *siotest.Client, _ *sio.Socket, clock *siotest.Clock) { clock.Advance(46 * time.Second) },
			sio.PingTimeout, "transport close", "", false},
		{"not Engine.IO", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRaw("x") },
			sio.ParseError, "transport close", "", true},
		{"not Socket.IO", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRaw("4x") },
			sio.ForcedClose, "transport close", "", true},
		{"too many attachments", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRaw(`4511-["x"]`) },
			sio.ForcedClose, "transport close", "attachments", true},
		{"a buffer that nobody announced", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRawBinary([]byte("x")) },
			sio.ForcedClose, "transport close", "", true},
		{"a buffer that never comes", ws, func(c *siotest.Client, _ *sio.Socket, clock *siotest.Clock) {
			c.SendRaw(`451-["x",{"_placeholder":true,"num":0}]`)
			clock.Advance(31 * time.Second)
		}, sio.ForcedClose, "transport close", "attachment time", true},
		{"a ping, which is not the client's", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRaw("2") },
			sio.TransportError, "transport close", "", true},
		{"too long", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.Emit("x", make([]byte, 2000)) },
			sio.TransportError, "transport close", "payload", true},
		{"wrong state", ws, func(c *siotest.Client, _ *sio.Socket, _ *siotest.Clock) { c.SendRaw("40") },
			sio.ForcedServerClose, "transport close", "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{MaxPayload: 1000})
			var l log
			srv.OnConnect(func(s *sio.Socket) {
				s.OnDisconnect(func(r sio.Reason) { l.add("own: %s", r) })
			})
			srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
				l.add("%s", r)
				if s.Connected() || s.Context().Err() == nil {
					t.Error("still connected")
				}
			})
			clock := siotest.Start(t, srv)
			c := siotest.Dial(t, srv, "/", tc.opts...)
			s := socket(t, srv, c)
			ctx := s.Context()
			clock.Settle()
			tc.do(c, s, clock)
			<-ctx.Done()
			clock.Settle()
			l.want(t, "own: "+string(tc.reason), string(tc.reason))
			c.ExpectEnd(tc.client)
			var d *sio.DisconnectError
			if err := context.Cause(ctx); !errors.As(err, &d) || d.Reason != tc.reason || d.Limit != tc.limit ||
				(d.Err != nil) != tc.cause || !errors.Is(err, sio.ErrDisconnected) || d.Error() == "" {
				t.Errorf("cause %#v: %v", err, err)
			}
			if _, ok := srv.Socket(s.ID()); ok || srv.Len() != 0 {
				t.Error("the socket is still known")
			}
		})
	}
}

// TestContextAskedLate: the cause is known also to those who ask for the context after
// the end.
func TestContextAskedLate(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ended := make(chan error, 1)
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { ended <- context.Cause(s.Context()) })
	c := siotest.Dial(t, srv, "/")
	c.Disconnect()
	var d *sio.DisconnectError
	if err := recv(t, ended); !errors.As(err, &d) || d.Reason != sio.ClientNamespaceDisconnect {
		t.Errorf("cause %v", err)
	}
}

// TestDisconnectDropsQueuedEvents (K09): what waits for its handler when the server
// disconnects a socket is dropped, and what was sent to it goes out first.
func TestDisconnectDropsQueuedEvents(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	hold := make(chan struct{})
	srv.On("first", func(s *sio.Socket, m *sio.Msg) error {
		recv(t, hold)
		emit(t, s, "one")
		emit(t, s, "two", []byte("bin"))
		s.Disconnect(sio.Disconnect{Close: true})
		s.Disconnect(sio.Disconnect{Close: true})
		l.add("first")
		return nil
	})
	srv.On("second", l.say("second"))
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("disconnect") })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "first")
	emit(t, c, "second")
	emit(t, c, "second")
	clock.Advance(100 * time.Millisecond)
	close(hold)
	c.Expect("one")
	c.Expect("two", []byte("bin"))
	c.ExpectEnd("io server disconnect")
	clock.Settle()
	l.want(t, "first", "disconnect")
}

// TestClientLeavesWhileHandling (faults, case 69): a handler whose client has gone runs
// to its end; what it sends is an error and reaches nobody.
func TestClientLeavesWhileHandling(t *testing.T) {
	srv := newServer(t, sio.Options{})
	in, errs := make(chan struct{}), make(chan error, 3)
	srv.On("x", func(s *sio.Socket, m *sio.Msg) error {
		close(in)
		<-s.Context().Done()
		errs <- s.Emit("y")
		errs <- m.Ack("z")
		errs <- s.Join("r")
		return nil
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	go c.Ask(t.Context(), "x")
	<-in
	c.Cut()
	other := siotest.Dial(t, srv, "/")
	if err := recv(t, errs); !errors.Is(err, sio.ErrClosed) {
		t.Error(err)
	}
	if err := recv(t, errs); !errors.Is(err, sio.ErrClosed) {
		t.Error(err)
	}
	if err := recv(t, errs); err != nil {
		t.Error(err)
	}
	clock.Settle()
	other.ExpectNone()
	if len(srv.Rooms()) != 0 {
		t.Errorf("rooms %q", srv.Rooms())
	}
}

// TestBlockedHandlers (faults, case 67): however many handlers block, others are served
// and new clients connect.
func TestBlockedHandlers(t *testing.T) {
	srv := newServer(t, sio.Options{})
	hold := make(chan struct{})
	srv.On("block", func(*sio.Socket, *sio.Msg) error { <-hold; return nil })
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	before := siotest.Dial(t, srv, "/")
	for range 100 {
		emit(t, siotest.Dial(t, srv, "/"), "block")
	}
	after := siotest.Dial(t, srv, "/")
	for _, c := range []*siotest.Client{before, after} {
		emit(t, c, "echo", 1)
		c.Expect("echo", 1)
	}
	if n := srv.Stats().Workers; n < 1 {
		t.Errorf("%d workers", n)
	}
	close(hold)
	siotest.Start(t, srv).Settle()
	if n := srv.Stats().Workers; n != 0 {
		t.Errorf("%d workers at rest", n)
	}
}

// TestFewWorkers: with as few workers as can be, everything gets its turn. A worker that
// is on its way to rest when it is asked for must not be missed.
func TestFewWorkers(t *testing.T) {
	for _, workers := range []int{1, 2} {
		srv := newServer(t, sio.Options{Workers: workers})
		srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
		srv.Of("/use").Use(func(context.Context, *sio.Socket) error { return nil })
		a, b := pair(t, srv)
		a.Of("/use")
		for i := range 2000 {
			emit(t, a, "echo", i)
			if i%3 == 0 {
				emit(t, b, "echo", i)
				b.Expect("echo", i)
			}
			a.Expect("echo", i)
		}
	}
}

// TestOverload: when all workers are blocked, what only they can decide about is
// refused rather than kept.
func TestOverload(t *testing.T) {
	srv := newServer(t, sio.Options{Workers: 1, AllowRequest: func(context.Context, *sio.Handshake) error { return nil }})
	hold := make(chan struct{})
	in := make(chan struct{})
	srv.On("block", func(*sio.Socket, *sio.Msg) error { close(in); <-hold; return nil })
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "block")
	<-in
	var e *siotest.HandshakeError
	if _, err := siotest.TryDial(t, srv, "/", siotest.Polling()); !errors.As(err, &e) || e.Status != 503 {
		t.Errorf("got %v", err)
	}
	srv.OfFunc(func(context.Context, string, sio.Raw) error { return nil })
	var ce *siotest.ConnectError
	if _, err := c.TryOf("/any"); !errors.As(err, &ce) || ce.Message != "Server overloaded" {
		t.Errorf("got %v", err)
	}
	close(hold)
	siotest.Start(t, srv).Settle()
	c.Of("/any")
	siotest.Start(t, srv).Settle() // the one worker may still be on its way to rest
	siotest.Dial(t, srv, "/", siotest.Polling())
}
