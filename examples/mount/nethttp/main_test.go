package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
	"github.com/e6a90ca8/sio/examples/mount/apptest"
)

func newServer(t *testing.T) *sio.Server {
	t.Helper()
	sessions := scs.New()
	srv, err := app.New(sio.Options{HTTP: []func(http.Handler) http.Handler{sessions.LoadAndSave, visits(sessions)}})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func TestRoutes(t *testing.T) {
	srv := newServer(t)
	apptest.Check(t, routes(srv), srv)
}

// TestCookie: the session's cookie is in the first answer, be it of polling or the 101.
func TestCookie(t *testing.T) {
	srv := newServer(t)
	defer srv.Close()
	web := httptest.NewServer(routes(srv))
	defer web.Close()
	for _, request := range []string{
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	} {
		nc, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		if _, err := fmt.Fprint(nc, request); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := r.Cookies(); len(c) != 1 || c[0].Name != "session" || c[0].Value == "" {
			t.Errorf("%d: the cookies are %v", r.StatusCode, c)
		}
		if r.StatusCode == 200 {
			_, _ = io.Copy(io.Discard, r.Body)
		}
	}
}
