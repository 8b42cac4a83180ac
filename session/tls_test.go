package session

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

// TestSecure (C10): what TLS has negotiated is told with the session's first request, and
// of no other connection.
func TestSecure(t *testing.T) {
	w := newWorld(t, 1, nil)
	state := &tls.ConnectionState{ServerName: "play.example"}
	for _, name := range []string{"first", "second"} {
		w.wire(name, 0)
	}
	w.wires["first"].tls = state
	for _, name := range []string{"first", "second"} {
		x := w.wires[name]
		x.send(x.client.bytesOf("UPGRADE"))
	}
	if h := w.app.session("s1").Handshake(); !h.Secure || h.TLS != state {
		t.Errorf("over TLS: %+v", h)
	}
	if h := w.app.session("s2").Handshake(); h.Secure || h.TLS != nil {
		t.Errorf("without: %+v", h)
	}
}

// TestReady: the time of a first request, from accept, can begin again.
func TestReady(t *testing.T) {
	w := newWorld(t, 1, nil)
	a, b := w.wire("a", 0), w.wire("b", 0)
	w.advance(9 * time.Second)
	a.conn.Ready(w.now)
	w.advance(9 * time.Second)
	if a.closed || !b.closed {
		t.Errorf("after 18 s: one that was ready after 9 is closed: %v, one that never was: %v", a.closed, b.closed)
	}
	w.advance(2 * time.Second)
	if !a.closed {
		t.Error("10 s after it was ready it is still there")
	}
}

// TestReject: a client that does not speak HTTP is told so, and the connection ends; once
// it has spoken there is nothing to reject.
func TestReject(t *testing.T) {
	w := newWorld(t, 1, nil)
	x := w.wire("a", 0)
	x.conn.Reject(w.now, 400, "not here")
	for w.hosts[0].turn() {
	}
	got := string(x.client.in)
	if !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") || !strings.Contains(got, "\r\nConnection: close\r\n") ||
		!strings.HasSuffix(got, "\r\n\r\nnot here\n") || !x.shut {
		t.Errorf("it is told %q, the end %v", got, x.shut)
	}
	x.conn.Reject(w.now, 400, "again")
	x.conn.Receive(w.now, []byte("GET / HTTP/1.1\r\n\r\n"))
	if w.hosts[0].turn() || string(x.client.in) != got {
		t.Errorf("behind the end: %q", x.client.in)
	}
	w.advance(lingerTimeout)
	if !x.closed {
		t.Error("the connection is still there")
	}

	y := w.wire("b", 0)
	y.conn.Reject(w.now, 0, "")
	for w.hosts[0].turn() {
	}
	if len(y.client.in) > 0 || !y.shut || y.closed {
		t.Errorf("without a status it is told %q, the end %v, closed %v", y.client.in, y.shut, y.closed)
	}
}
