package siotest_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestDial sends arguments of every kind to and fro on each transport.
func TestDial(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			c := siotest.Dial(t, newEcho(t), "/", tr.opts...)
			if got := c.Transport(); got != tr.name {
				t.Errorf("Transport() = %q, want %q", got, tr.name)
			}
			if c.Namespace() != "/" || len(c.ID()) != 20 || len(c.SessionID()) != 20 || c.ID() == c.SessionID() {
				t.Errorf("namespace %q, id %q, session %q", c.Namespace(), c.ID(), c.SessionID())
			}
			for _, args := range [][]any{
				{},
				{"hi"},
				{1, -2.5, true, nil, "ä\u2028\x1e\"", []any{}, map[string]any{}},
				{[]byte("abc")},
				{[]byte{}},
				{"hi", []byte{0, 255}, map[string]any{"x": []byte("y"), "z": []any{[]byte("1"), 2}}},
				{strings.Repeat("long", 10_000), make([]byte, 50_000)},
			} {
				emit(t, c, "echo", args...)
				if e := c.Expect("echo"); !e.Is(args...) {
					t.Errorf("got %v for %d arguments, %.100v", e, len(args), args)
				}
			}
			c.ExpectNone()
		})
	}
}

// TestDialManyAtOnce sends more than one POST may have, so that they are split.
func TestDialManyAtOnce(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{MaxPayload: 1000})
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			c := siotest.Dial(t, srv, "/", tr.opts...)
			for i := range 100 {
				emit(t, c, "echo", i, strings.Repeat("x", 100), []byte{byte(i)})
			}
			for i := range 100 {
				c.Expect("echo", i, strings.Repeat("x", 100), []byte{byte(i)})
			}
		})
	}
}

func TestDialOptions(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{Path: "/engine"})
			opts := append([]siotest.DialOption{
				siotest.Auth(map[string]string{"token": "t"}),
				siotest.Header("X-One", "1"), siotest.Header("x-two", "2"), siotest.Header("X-Two", "3"),
				siotest.Query("map", "a b&c"), siotest.Query("transport", "carrier pigeon"),
				siotest.Remote(netip.MustParseAddrPort("[2001:db8::1]:99")),
			}, tr.opts...)
			h := socket(t, srv, siotest.Dial(t, srv, "/", opts...)).Handshake()
			if got := string(h.Auth()); got != `{"token":"t"}` {
				t.Errorf("auth %s", got)
			}
			if one, two := h.Header().Values("X-One"), h.Header().Values("X-Two"); strings.Join(one, " ") != "1" || strings.Join(two, " ") != "2 3" {
				t.Errorf("fields %q and %q", one, two)
			}
			if q := h.Query(); q.Get("map") != "a b&c" || q.Get("transport") == "carrier pigeon" || q.Get("EIO") != "4" {
				t.Errorf("query %v", q)
			}
			if got := h.Address().String(); got != "[2001:db8::1]:99" {
				t.Errorf("address %s", got)
			}
			if !strings.HasPrefix(h.URL(), "/engine/?") {
				t.Errorf("URL %s", h.URL())
			}
		})
	}
}

// TestDialDefaults: clients differ in address, send no auth, and take turns on the
// loops.
func TestDialDefaults(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.On("loop", func(_ *sio.Socket, m *sio.Msg) error {
		stack := make([]byte, 64)
		return m.Ack(strings.Fields(string(stack[:runtime.Stack(stack, false)]))[1]) // "goroutine 7 ["
	}, sio.Inline)
	loop := func(c *siotest.Client) string {
		e, err := c.Ask(t.Context(), "loop")
		if err != nil {
			t.Fatal(err)
		}
		return string(e.Raw(0))
	}

	a, b := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "")
	if loop(a) == loop(b) {
		t.Error("both are on one loop")
	}
	x, y := socket(t, srv, a).Handshake(), socket(t, srv, b).Handshake()
	if x.Address() == y.Address() || len(x.Auth()) != 0 {
		t.Errorf("addresses %v and %v, auth %s", x.Address(), y.Address(), x.Auth())
	}
	for i, c := range []*siotest.Client{a, b} {
		for range 2 {
			if d := siotest.Dial(t, srv, "/", siotest.Loop(i)); loop(d) != loop(c) {
				t.Errorf("Loop(%d) is another loop", i)
			}
		}
	}
}

func TestTryDialRefused(t *testing.T) {
	type reply struct{ Retry int }
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{AllowRequest: func(_ context.Context, h *sio.Handshake) error {
				if h.Field("X-Key") != "k" {
					return sio.Forbid("no key")
				}
				return nil
			}})
			srv.Use(func(_ context.Context, s *sio.Socket) error {
				var auth struct{ Name string }
				switch err := s.Handshake().DecodeAuth(&auth); {
				case err != nil:
					return err
				case auth.Name == "":
					return sio.Refuse{Message: "who?", Data: reply{Retry: 3}}
				case auth.Name == "nobody":
					return sio.Refuse{Message: "not you"}
				}
				return nil
			})
			key := siotest.Header("X-Key", "k")
			try := func(opts ...siotest.DialOption) error {
				c, err := siotest.TryDial(t, srv, "/", append(opts, tr.opts...)...)
				if (c == nil) != (err != nil) {
					t.Errorf("client %v and error %v", c, err)
				}
				return err
			}

			var handshake *siotest.HandshakeError
			if err := try(); !errors.As(err, &handshake) || handshake.Status != http.StatusForbidden && handshake.Status != http.StatusBadRequest {
				t.Errorf("without key: %v", err)
			} else if !strings.Contains(handshake.Message, "no key") || !strings.Contains(err.Error(), "no key") {
				t.Errorf("without key: %+v", handshake)
			} else if want := map[bool]int{true: -1, false: 4}[tr.kind == "websocket"]; handshake.Code != want {
				t.Errorf("code %d, want %d", handshake.Code, want)
			}

			var refused *siotest.ConnectError
			var data reply
			if err := try(key); !errors.As(err, &refused) || refused.Message != "who?" || !strings.Contains(err.Error(), "who?") {
				t.Errorf("without name: %v", err)
			} else if err := refused.Decode(&data); err != nil || data.Retry != 3 {
				t.Errorf("data %s decodes to %v, %v", refused.Data, data, err)
			}
			if err := try(key, siotest.Auth(map[string]string{"name": "nobody"})); !errors.As(err, &refused) || refused.Data != nil {
				t.Errorf("as nobody: %v", err)
			} else if refused.Decode(&data) == nil {
				t.Error("data that is not there was decoded")
			}
			if err := try(key, siotest.Auth(map[string]string{"name": "me"})); err != nil {
				t.Errorf("as me: %v", err)
			}
		})
	}
}

func TestTryDialErrors(t *testing.T) {
	srv := newEcho(t)
	if _, err := siotest.TryDial(t, srv, "/", siotest.Auth(make(chan int))); err == nil || !strings.Contains(err.Error(), "Auth") {
		t.Errorf("with a channel as auth: %v", err)
	}
	if _, err := siotest.TryDial(t, srv, "/", siotest.Loop(2)); err == nil || !strings.Contains(err.Error(), "Loop(2)") {
		t.Errorf("on loop 2 of 2: %v", err)
	}
	var refused *siotest.ConnectError
	if _, err := siotest.TryDial(t, srv, "/nowhere"); !errors.As(err, &refused) || refused.Message != "Invalid namespace" {
		t.Errorf("in a namespace that is not there: %v", err)
	}
	var handshake *siotest.HandshakeError
	if _, err := siotest.TryDial(t, srv, "/", siotest.Polling(), siotest.Query("EIO", "3")); !errors.As(err, &handshake) || handshake.Code != 5 {
		t.Errorf("with another protocol: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tr := range transports {
		if _, err := siotest.TryDial(t, srv, "/", tr.opts...); err == nil {
			t.Errorf("%s to a server that was closed succeeds", tr.kind)
		}
	}
}

// TestDialAddr is the same client over TCP.
func TestDialAddr(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newEcho(t)
			gone := make(chan sio.Reason, 1)
			srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { gone <- r })
			addr := listen(t, srv)
			c := siotest.DialAddr(t, addr, "/", append(tr.opts, siotest.Header("X-One", "1"), siotest.Path("/socket.io/"))...)
			if got := socket(t, srv, c).Handshake().Field("X-One"); got != "1" {
				t.Errorf("field %q", got)
			}
			big := make([]byte, 500_000)
			emit(t, c, "echo", "hi", big)
			c.Expect("echo", "hi", big)
			if e, err := c.Ask(t.Context(), "ask", 1, []byte("b")); err != nil || !e.Is(1, []byte("b")) {
				t.Errorf("Ask: %v, %v", e, err)
			}
			socket(t, srv, c).Disconnect(sio.Disconnect{})
			c.ExpectEnd("io server disconnect")
			recv(t, gone)

			c = siotest.DialAddr(t, addr, "/", tr.opts...)
			c.Close()
			c.ExpectEnd("io client disconnect")
			if r := recv(t, gone); r != sio.TransportClose {
				t.Errorf("the server's reason is %q", r)
			}
			c = siotest.DialAddr(t, addr, "/", tr.opts...)
			if _, err := c.Ask(t.Context(), "ask"); err != nil {
				t.Fatal(err)
			}
			c.Cut()
			c.ExpectEnd("transport close")
			if tr.name == "websocket" { // of polling the server may hear nothing
				recv(t, gone)
			}
		})
	}
}

func TestTryDialAddrErrors(t *testing.T) {
	addr := listen(t, newEcho(t))
	var handshake *siotest.HandshakeError
	if _, err := siotest.TryDialAddr(t, addr, "/", siotest.Path("/elsewhere/")); !errors.As(err, &handshake) || handshake.Status != http.StatusNotFound {
		t.Errorf("at another path: %v", err)
	}
	if _, err := siotest.TryDialAddr(t, "127.0.0.1:1", "/"); err == nil {
		t.Error("nobody listens, and no error")
	}
}
