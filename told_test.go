package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestErrorsNameTheirEvent: OnError is told which event an error is of, and finds the
// error in it, whether the client wanted an answer or not; of a Fail only if not.
func TestErrorsNameTheirEvent(t *testing.T) {
	errDown := errors.New("db down")
	for mode, opts := range modes {
		t.Run(mode, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			told := make(chan error, 10)
			srv.OnError(func(_ *sio.Socket, err error) { told <- err })
			srv.On("boom", func(*sio.Socket, *sio.Msg) error { return errDown }, opts...)
			srv.On("fail", func(*sio.Socket, *sio.Msg) error { return &sio.Fail{Code: "full", Message: "no seat"} }, opts...)
			c := siotest.Dial(t, srv, "/")
			ask := func(event string) {
				if _, err := c.Ask(context.Background(), event); err != nil {
					t.Error(err)
				}
			}
			for range 2 {
				ask("boom")
				if err := recv(t, told); !errors.Is(err, errDown) || err.Error() != `sio: event "boom": db down` {
					t.Errorf("told %v", err)
				}
				emit(t, c, "boom")
				if err := recv(t, told); !errors.Is(err, errDown) || err.Error() != `sio: event "boom": db down` {
					t.Errorf("told %v", err)
				}
			}
			ask("fail")
			emit(t, c, "fail")
			var f *sio.Fail
			if err := recv(t, told); !errors.As(err, &f) || err.Error() != `sio: event "fail": full: no seat` {
				t.Errorf("told %v", err)
			}
			siotest.Start(t, srv).Settle()
			if len(told) > 0 {
				t.Errorf("told also %v", <-told)
			}
			if st := srv.Stats(); st.Failed != 2 {
				t.Errorf("%d were counted", st.Failed)
			}
		})
	}
}

// TestClientsDoNotWriteTheLog: what a client can bring about at will is counted, and
// logged at debug level only; what is the application's doing is a warning.
func TestClientsDoNotWriteTheLog(t *testing.T) {
	var logged logBuffer
	srv := newServer(t, sio.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	sio.Event[int]("typed").On(srv, func(*sio.Socket, int) error { return nil })
	srv.Of("/private").Use(func(context.Context, *sio.Socket) error { return errors.New("no token") })
	srv.On("broken", func(*sio.Socket, *sio.Msg) error { return errors.New("db down") })
	clock := siotest.Start(t, srv)
	const n = 20
	for range n {
		c := siotest.Dial(t, srv, "/")
		emit(t, c, "typed", "text")
		if _, err := c.Ask(context.Background(), "typed", "text"); err != nil {
			t.Error(err)
		}
		if _, err := c.TryOf("/private"); err == nil {
			t.Error("let in")
		}
		if err := c.SendRaw("42[not JSON"); err != nil {
			t.Error(err)
		}
		clock.Settle()
	}
	if text := logged.String(); text != "" {
		t.Errorf("log: %s", text)
	}
	if st := srv.Stats(); st.Failed != 2*n || st.Denied != n || st.Malformed != n {
		t.Errorf("%+v", st)
	}
	emit(t, siotest.Dial(t, srv, "/"), "broken")
	clock.Settle()
	if text := logged.String(); !strings.Contains(text, "WARN") || !strings.Contains(text, "db down") || !strings.Contains(text, "broken") {
		t.Errorf("log: %s", text)
	}
}

// TestUnhandledInsideWraps: events that nobody listens to are counted though a Wrap has
// seen them, and not when an OnUnhandled or OnAny has.
func TestUnhandledInsideWraps(t *testing.T) {
	noop := func(*sio.Socket, *sio.Msg) error { return nil }
	for name, tc := range map[string]struct {
		setup func(srv *sio.Server)
		want  int64
	}{
		"Wrap":                 {func(*sio.Server) {}, 3},
		"Wrap and OnUnhandled": {func(srv *sio.Server) { srv.OnUnhandled(noop) }, 0},
		"Wrap and OnAny":       {func(srv *sio.Server) { srv.OnAny(noop) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			seen := 0
			srv.Wrap(func(next sio.Handler) sio.Handler {
				return func(s *sio.Socket, m *sio.Msg) error { seen++; return next(s, m) }
			})
			tc.setup(srv)
			c := siotest.Dial(t, srv, "/")
			for range 3 {
				emit(t, c, "nobody")
			}
			siotest.Start(t, srv).Settle()
			if n := srv.Stats().Unhandled; n != tc.want || seen != 3 {
				t.Errorf("%d unhandled, want %d; Wrap saw %d", n, tc.want, seen)
			}
		})
	}
}

// TestHandshakesOfHooks (H37): what hooks are shown of a request has its address and the
// server's time, whether there is a session or not.
func TestHandshakesOfHooks(t *testing.T) {
	remote := netip.MustParseAddrPort("192.0.2.7:4711")
	var mu sync.Mutex
	seen := make(map[string][]*sio.Handshake)
	show := func(hook string, h *sio.Handshake) {
		mu.Lock()
		defer mu.Unlock()
		seen[hook] = append(seen[hook], h)
	}
	srv := newServer(t, sio.Options{
		OnHeaders:        func(_ http.Header, h *sio.Handshake, _ bool) { show("OnHeaders", h) },
		AllowRequest:     func(_ context.Context, h *sio.Handshake) error { show("AllowRequest", h); return nil },
		OnHandshakeError: func(e *sio.HandshakeError) { show("OnHandshakeError", e.Request) },
	})
	clock := siotest.Start(t, srv)
	clock.Advance(time.Hour)
	siotest.Dial(t, srv, "/", siotest.Remote(remote))
	siotest.Dial(t, srv, "/", siotest.Remote(remote), siotest.Polling())
	if _, err := siotest.TryDial(t, srv, "/", siotest.Remote(remote), siotest.Polling(), siotest.Query("EIO", "2")); err == nil {
		t.Error("let in")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, hook := range []string{"OnHeaders", "AllowRequest", "OnHandshakeError"} {
		if len(seen[hook]) == 0 {
			t.Errorf("%s was not called", hook)
		}
		for _, h := range seen[hook] {
			if h.Address() != remote || !h.Time().Equal(clock.Now()) || h.Secure() || h.Method() != "GET" && h.Method() != "POST" {
				t.Errorf("%s: %v %v %v %v", hook, h.Method(), h.Address(), h.Time(), h.Secure())
			}
		}
	}
}

// TestJSONOptionEverywhere: Options.JSON decodes what a client joins with, and encodes
// what is added to a packet that the server has begun.
func TestJSONOptionEverywhere(t *testing.T) {
	upper := &sio.JSON{
		Marshal: func(v any) ([]byte, error) {
			b, err := json.Marshal(v)
			return []byte(strings.ToUpper(string(b))), err
		},
		Unmarshal: func(b []byte, v any) error { return json.Unmarshal([]byte(strings.ToUpper(string(b))), v) },
	}
	srv := newServer(t, sio.Options{JSON: upper})
	c := siotest.Dial(t, srv, "/", siotest.Auth(map[string]string{"name": "bob"}))
	var auth struct{ Name string }
	if err := socket(t, srv, c).Handshake().DecodeAuth(&auth); err != nil || auth.Name != "BOB" {
		t.Errorf("%q, %v", auth.Name, err)
	}
	for range 2 { // the packet's memory is used again
		p := srv.Prepare("mine")
		p.Add("bob").Str("as it is").Raw(sio.Raw(`"as it is"`))
		if err := srv.Send(p); err != nil {
			t.Error(err)
		}
		p.Release()
		c.Expect("mine", "BOB", "as it is", "as it is")
		p = sio.Prepare("nobody's")
		p.Add("bob")
		if err := srv.Send(p); err != nil {
			t.Error(err)
		}
		p.Release()
		c.Expect("nobody's", "bob")
	}
}

// TestPanicEndsTheClient: a panic ends all sockets of the client that it came from, in
// whatever namespaces, for one reason, and no other client's.
func TestPanicEndsTheClient(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ended := make(chan string, 10)
	srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- "/ " + string(r) })
	srv.Of("/b").OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- "/b " + string(r) })
	srv.On("go", func(*sio.Socket, *sio.Msg) error { boom(); return nil })
	a, other := pair(t, srv)
	b, otherB := a.Of("/b"), other.Of("/b")
	emit(t, a, "go")
	got := map[string]bool{recv(t, ended): true, recv(t, ended): true}
	if !got["/ server error"] || !got["/b server error"] {
		t.Errorf("ended: %v", got)
	}
	b.ExpectEnd("transport close")
	emit(t, srv, "still here")
	other.Expect("still here")
	emit(t, srv.Of("/b"), "still here")
	otherB.Expect("still here")
	if len(ended) > 0 {
		t.Errorf("ended also: %s", <-ended)
	}
}
