// Package apptest tests the programs beside package app.
package apptest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
	"github.com/e6a90ca8/sio/siotest"
)

// Check tests a program: its handler, with srv mounted in it, serves clients over every
// transport, as the users that [app.Identify] has found, and a page.
func Check(t *testing.T, h http.Handler, srv *sio.Server) {
	t.Helper()
	web := httptest.NewServer(h)
	defer web.Close()
	defer srv.Close()
	Clients(t, web.Listener.Addr().String(), "ann")
	Page(t, web.Listener.Addr().String())
}

// Clients tests the Socket.IO side of addr with a client over every transport, who must
// turn out to be user.
func Clients(t *testing.T, addr, user string) {
	t.Helper()
	for _, transport := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
		{"upgrade", []siotest.DialOption{siotest.Upgrade()}},
	} {
		client := siotest.DialAddr(t, addr, "/", append(transport.opts, siotest.Header("X-User", user))...)
		if name, err := siotest.Call(client, app.Who, ""); name != user || err != nil {
			t.Errorf("%s: the user is %q, %v", transport.name, name, err)
		}
		if err := siotest.Send(client, app.Say, "hello"); err != nil {
			t.Fatal(err)
		}
		if got := siotest.Receive(client, app.Hear); got != (app.Line{From: user, Text: "hello"}) {
			t.Errorf("%s: she hears %+v", transport.name, got)
		}
		client.Close()
	}
}

// Page tests the page of addr.
func Page(t *testing.T, addr string) {
	t.Helper()
	r, err := http.Get("http://" + addr + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); r.StatusCode != 200 || string(b) != "hello\n" || err != nil {
		t.Errorf("the page: %d %q, %v", r.StatusCode, b, err)
	}
}
