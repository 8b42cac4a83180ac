package session

import (
	"context"
	"errors"
	"strings"
	"testing"
)

type frontKey struct{}

// wsHeaders are the rest of a request for a WebSocket, behind its target.
const wsHeaders = " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// TestFront (H18): what a server that stands before the engine tells of a request is in the
// session's handshake and, its fields, in the answer, whatever that is; of the connection's
// next request nothing of it is.
func TestFront(t *testing.T) {
	ctx := context.WithValue(context.Background(), frontKey{}, "ann")
	for _, c := range []struct {
		name, request, status string
	}{
		{"101", "GET /socket.io/?EIO=4&transport=websocket" + wsHeaders, "101"},
		{"200", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n", "200"},
		{"400", "GET /socket.io/?EIO=4&transport=none HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
		{"400 to an upgrade", "GET /socket.io/?EIO=4&transport=none" + wsHeaders, "400"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, nil)
			x := w.wire("a", 0)
			x.conn.Front(&Front{Context: ctx, Fields: []byte("X-Front: 1\r\n")})
			say := func() string {
				x.conn.Receive(w.now, []byte(c.request))
				for w.hosts[0].turn() {
				}
				got := string(x.client.in)
				x.client.in = nil
				return got
			}
			if got := say(); !strings.HasPrefix(got, "HTTP/1.1 "+c.status) || strings.Count(got, "X-Front: 1\r\n") != 1 {
				t.Errorf("the answer is %q", got)
			}
			if c.status == "400" {
				if strings.Contains(say(), "X-Front") {
					t.Error("the next answer has the fields, too")
				}
				return
			}
			if h := w.app.session("s1").Handshake(); h.Context != ctx {
				t.Errorf("the handshake's context is %v", h.Context)
			}
		})
	}
}

// TestFrontRefuses (H18): a request that a middleware has refused gets the code 3, before all
// other checks, and the application is told why.
func TestFrontRefuses(t *testing.T) {
	w := newWorld(t, 1, nil)
	x := w.wire("a", 0)
	x.conn.Front(&Front{Err: errors.New("no")})
	x.conn.Receive(w.now, []byte("GET /socket.io/?transport=none HTTP/1.1\r\nHost: h\r\n\r\n"))
	for w.hosts[0].turn() {
	}
	if got := string(x.client.in); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.HasSuffix(got, `{"code":3,"message":"Bad request"}`) {
		t.Errorf("the answer is %q", got)
	}
}

// TestFronted: where a server stands before the engine, a request that it has not seen is
// handed to it, and 503 if it has no time.
func TestFronted(t *testing.T) {
	w := newWorld(t, 1, func(c *Config) { c.Fronted = true })
	x := w.wire("a", 0)
	x.conn.Receive(w.now, []byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"))
	for w.hosts[0].turn() {
	}
	if got := string(x.client.in); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "Retry-After: 5\r\n") || !x.shut {
		t.Errorf("the answer is %q", got)
	}
	y := w.wire("b", 0)
	y.conn.Front(new(Front))
	y.conn.Receive(w.now, []byte("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n"))
	for w.hosts[0].turn() {
	}
	if got := string(y.client.in); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("the answer is %q", got)
	}
}
