package loop

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// foreignApp answers with what it was asked.
var foreignApp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	fmt.Fprintf(w, "%s %s %d %s", r.Method, r.RequestURI, len(b), r.RemoteAddr)
})

// TestForeignRequests (H40 H41): what is not for the engine is served by net/http, with
// keep-alive, bodies, and what was pipelined behind.
func TestForeignRequests(t *testing.T) {
	s := start(t, Options{Loops: 2, Foreign: foreignApp})
	c := s.http()
	me := c.LocalAddr().String()
	for range 3 {
		if status, body := c.do("GET", "/page?x=1", ""); status != 200 || body != "GET /page?x=1 0 "+me {
			t.Fatalf("%d %q", status, body)
		}
	}
	if status, body := c.do("POST", "/form", strings.Repeat("z", 300<<10)); status != 200 || body != fmt.Sprintf("POST /form %d %s", 300<<10, me) {
		t.Fatalf("%d %q", status, body)
	}

	first := s.http()
	first.send("POST", "/first", strings.Repeat("z", 300<<10)) // begins with a body
	first.expect(200, fmt.Sprintf("POST /first %d %s", 300<<10, first.LocalAddr()))

	many := s.http()
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
	}
	if _, err := many.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		many.expect(200, fmt.Sprintf("GET /%d 0 %s", i, many.LocalAddr()))
	}
}

// TestForeignHeads: behind the first request of a connection, too, a head is bounded.
func TestForeignHeads(t *testing.T) {
	cfg := testConfig()
	cfg.HTTP.HeadBytes = 8 << 10
	s := start(t, Options{Foreign: foreignApp, Config: cfg})
	c := s.http()
	if status, _ := c.do("GET", "/page", ""); status != 200 {
		t.Fatal(status)
	}
	if status, _ := c.do("GET", "/"+strings.Repeat("x", 7<<10), ""); status != 200 {
		t.Errorf("a head within the bound: %d", status)
	}
	if status, _ := c.do("GET", "/"+strings.Repeat("x", 20<<10), ""); status != 431 {
		t.Errorf("a head beyond the bound: %d", status)
	}
}

// TestForeignUnread: who is answered before its body was read gets the answer and then the
// end, and no reset that takes the answer away.
func TestForeignUnread(t *testing.T) {
	a := newAuthority(t)
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusRequestEntityTooLarge) })
	for _, o := range []Options{{Foreign: refuse}, {Foreign: refuse, TLS: a.server()}} {
		s := start(t, o)
		nc := s.dial()
		if o.TLS != nil {
			nc = s.dialTLS(a.client())
		}
		fmt.Fprintf(nc, "POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", 300<<10))
		if b, err := io.ReadAll(nc); err != nil || !strings.HasSuffix(string(b), "\r\n\r\nno\n") {
			t.Errorf("%q, %v", b, err)
		}
	}
}

// TestForeignAndEngine: one connection for both, as browsers and proxies use it.
func TestForeignAndEngine(t *testing.T) {
	s := start(t, Options{Loops: 2, Foreign: foreignApp})
	c := s.http()
	for range 3 {
		sid := c.open()
		if status, _ := c.do("GET", "/page", ""); status != 200 {
			t.Fatalf("%d", status)
		}
		if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
			t.Fatalf("%d %q", status, body)
		}
		if status, body := c.do("POST", polling+"&sid="+sid, `42["n",1]`); status != 200 || body != "ok" {
			t.Fatalf("%d %q", status, body)
		}
	}
	// Pipelined, in one segment.
	fmt.Fprintf(c, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET %s HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n", polling)
	c.expect(200, "GET /a 0 "+c.LocalAddr().String())
	if status, body := c.response(); status != 200 || !strings.HasPrefix(body, `0{"sid":`) {
		t.Fatalf("%d %q", status, body)
	}
	c.expect(200, "GET /b 0 "+c.LocalAddr().String())
	// And at the end a WebSocket.
	if status, _ := c.do("GET", "/page", ""); status != 200 {
		t.Fatalf("%d", status)
	}
	ws := upgrade(t, c.Conn, "", "40", `42["echo"]`)
	ws.expectPrefix("0{")
	ws.expectPrefix("40{")
	ws.expect(`42["echo"]`)
	s.eventually("one connection is counted", func() bool { return s.Connections() == 1 })
}

// TestForeignLookalikes: a target that only looks like the engine's is answered by the
// handler, once: it does not come back to the loop, which would send it here again.
func TestForeignLookalikes(t *testing.T) {
	var calls atomic.Int64
	s := start(t, Options{Foreign: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		foreignApp(w, r)
	})})
	for i, target := range []string{
		"/socket.io/../x",
		"/socket.io/x/..?EIO=4&transport=polling",
		"/socket.io/./?EIO=4&transport=polling",
		"http://h" + polling,
		"/%73ocket.io/?EIO=4&transport=polling",
		"/socket.io?EIO=4&transport=polling",
		"/SOCKET.IO/?EIO=4&transport=polling",
		"//socket.io/?EIO=4&transport=polling",
	} {
		c := s.http() // as the first request on a connection, and as a later one
		for n := range int64(2) {
			c.send("GET", target, "")
			c.expect(200, "GET "+target+" 0 "+c.LocalAddr().String())
			if got, want := calls.Load(), int64(2*i)+n+1; got != want {
				t.Fatalf("%s: the handler was called %d times, want %d", target, got, want)
			}
		}
	}
}

// TestForeignOldClient: HTTP/1.0 needs no Host, here and there.
func TestForeignOldClient(t *testing.T) {
	s := start(t, Options{Loops: 2, Foreign: foreignApp})
	c := s.http()
	for _, target := range []string{"/page", polling, "/page", polling} {
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", target)
		if status, body := c.response(); status != 200 {
			t.Fatalf("%s: %d %q", target, status, body)
		}
	}
}

// TestForeignHijack: a handler may take the connection over itself.
func TestForeignHijack(t *testing.T) {
	s := start(t, Options{Foreign: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		line, err := rw.ReadString('\n')
		fmt.Fprintf(nc, "you said %q, %v", line, err)
	})})
	nc := s.dial()
	fmt.Fprintf(nc, "GET /raw HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: something\r\n\r\nhello\n")
	b, err := io.ReadAll(nc)
	if err != nil || string(b) != `you said "hello\n", <nil>` {
		t.Fatalf("%q, %v", b, err)
	}
	s.eventually("its place is free", func() bool { return s.Connections() == 0 })
}

// TestNoForeignHandler: without anybody to serve them they are not found.
func TestNoForeignHandler(t *testing.T) {
	s := start(t, Options{})
	c := s.http()
	if status, body := c.do("GET", "/page", ""); status != 404 || body != "" {
		t.Errorf("%d %q", status, body)
	}
	if _, err := c.r.ReadByte(); err != io.EOF {
		t.Errorf("behind it: %v", err)
	}
}
