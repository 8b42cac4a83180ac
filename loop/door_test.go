package loop

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// mount runs a group that does not listen, in an http.Server on a port of its own, until
// the test ends. set changes the http.Server before it starts.
func mount(t testing.TB, o Options, set ...func(h *httptest.Server)) *server {
	t.Helper()
	o.Loops = max(o.Loops, 1)
	s := &server{t: t, app: newTestApp(t, o.Loops), err: make(chan error, 1)}
	if o.Config.Path == "" {
		o.Config = testConfig()
	}
	o.App = s.app
	s.Group = NewGroup(o)
	go func() { s.err <- s.Run(nil) }()
	select {
	case <-s.Started():
	case err := <-s.err:
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(s.Group)
	s.web = h
	for _, f := range set {
		f(h)
	}
	if h.TLS == nil {
		h.Start()
	} else {
		h.StartTLS()
	}
	s.addr = h.Listener.Addr().String()
	t.Cleanup(func() { s.hangUp(); s.stop(); h.Close() })
	return s
}

// withTLS has the http.Server speak TLS, with HTTP/2 if wanted.
func withTLS(http2 bool) func(h *httptest.Server) {
	return func(h *httptest.Server) { h.TLS, h.EnableHTTP2 = new(tls.Config), http2 }
}

// tlsDial is a TLS connection to the server.
func (s *server) tlsDial() net.Conn {
	s.t.Helper()
	nc := tls.Client(s.dial(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err := nc.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return nc
}

// TestMounted (O03 H41): a group in an http.Server serves polling, WebSockets and the way
// from one to the other, on all its loops.
func TestMounted(t *testing.T) {
	s := mount(t, Options{Loops: 2})
	for range 4 {
		c := s.http()
		sid := c.open()
		target := polling + "&sid=" + sid
		if status, body := c.do("POST", target, "40"); status != 200 || body != "ok" {
			t.Fatalf("POST: %d %q", status, body)
		}
		if status, body := c.do("GET", target, ""); status != 200 || !strings.HasPrefix(body, `40{"sid":`) {
			t.Fatalf("GET: %d %q", status, body)
		}
		poll := s.http()
		poll.send("GET", target, "")
		if status, body := c.do("POST", target, `42["echo",1]`); status != 200 || body != "ok" {
			t.Fatalf("POST: %d %q", status, body)
		}
		poll.expect(200, `42["echo",1]`)

		ws := upgrade(t, s.dial(), sid, "2probe")
		ws.expect("3probe")
		ws.send("5")
		ws.send(`42["echo",2]`)
		ws.expect(`42["echo",2]`)

		direct := s.connect()
		direct.send(`42["echo",3]`)
		direct.expect(`42["echo",3]`)
	}
	for i := range 2 {
		if n := s.Loop(i).Stats().Connections.Load(); n != 4 {
			t.Errorf("loop %d has %d WebSockets, want 4", i, n)
		}
	}
	if n := s.Connections(); n != 8 {
		t.Errorf("%d connections are counted", n)
	}
	s.hangUp()
	s.eventually("their places are free", func() bool { return s.Connections() == 0 && s.app.ended.Load() == 8 })
}

// TestMountedOnListener: a group that listens can be mounted, too, before it has had a
// client of its own.
func TestMountedOnListener(t *testing.T) {
	s := start(t, Options{Loops: 2})
	h := httptest.NewServer(s.Group)
	defer h.Close()
	s.addr = h.Listener.Addr().String()
	for range 4 {
		ws := s.connect()
		ws.send(`42["echo",1]`)
		ws.expect(`42["echo",1]`)
	}
	for i := range 2 {
		if n := s.Loop(i).Stats().Connections.Load(); n != 2 {
			t.Errorf("loop %d has %d connections", i, n)
		}
	}
}

// alike are requests that are answered by the engine without a session.
var alike = []string{
	"GET /socket.io/?EIO=4&transport=none HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /socket.io/ HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
	"POST /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
	"POST /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
	"PUT /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
	"OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nOrigin: http://x\r\n\r\n",
	"GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nUser-Agent: x;MSIE 9\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade:\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=websocket&sid=none HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n",
	"HEAD /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=none HTTP/1.0\r\n\r\n",
	"GET /socket.io/?EIO=4&transport=none HTTP/1.1\r\nHost: h\r\nCookie: " + strings.Repeat("c", 20<<10) + "\r\n\r\n",
}

// TestMountedAlike (H06 H08 H13 H26): the answers are those of a listener of our own: status,
// fields and body, and whether the connection goes on.
func TestMountedAlike(t *testing.T) {
	own, mounted := start(t, Options{}), mount(t, Options{})
	ask := func(s *server, request string) string {
		nc := s.dial()
		if _, err := io.WriteString(nc, request); err != nil {
			t.Fatal(err)
		}
		method, _, _ := strings.Cut(request, " ")
		in := bufio.NewReader(nc)
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		for err == nil && r.StatusCode == 100 {
			r, err = http.ReadResponse(in, &http.Request{Method: method})
		}
		if err != nil {
			t.Fatalf("%.60q: %v", request, err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatalf("%.60q: %v", request, err)
		}
		goesOn := !r.Close && r.ProtoMinor == 1
		if len(r.Header.Values("Date")) != 1 {
			t.Errorf("%.60q: the date is %q", request, r.Header["Date"])
		}
		r.Header.Del("Date")
		r.Header.Del("Connection")
		return fmt.Sprint(r.StatusCode, r.Header, r.ContentLength, string(body), goesOn)
	}
	for _, request := range alike {
		if a, b := ask(own, request), ask(mounted, request); a != b {
			t.Errorf("%.90q\n    our own: %s\nin net/http: %s", request, a, b)
		}
	}
}

// TestMountedPath: requests that are not for the engine get the handler for those, or 404;
// where a prefix was stripped, what is left counts.
func TestMountedPath(t *testing.T) {
	for _, c := range []struct {
		name    string
		foreign http.Handler
		target  string
		status  int
	}{
		{"nobody", nil, "/page", 404},
		{"a handler", foreignApp, "/page", 200},
		{"dots", nil, "/socket.io/../x", 404},
		{"a prefix that was stripped", nil, "/api" + polling, 200},
		{"with a scheme, as proxies are asked", nil, "http://h" + polling, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mount(t, Options{Foreign: c.foreign}, func(h *httptest.Server) {
				inner := h.Config.Handler
				h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasPrefix(r.URL.Path, "/api/") {
						http.StripPrefix("/api", inner).ServeHTTP(w, r)
						return
					}
					inner.ServeHTTP(w, r)
				})
			})
			if status, body := s.http().do("GET", c.target, ""); status != c.status {
				t.Errorf("%d %q, want %d", status, body, c.status)
			}
		})
	}
}

// TestMountedBodies (H30): bodies in pieces, with and without their length.
func TestMountedBodies(t *testing.T) {
	s := mount(t, Options{})
	c := s.http()
	sid := c.open()
	target := polling + "&sid=" + sid
	if status, _ := c.do("POST", target, "40"); status != 200 {
		t.Fatal(status)
	}
	if status, _ := c.do("GET", target, ""); status != 200 {
		t.Fatal(status)
	}
	packet := `42["n","` + strings.Repeat("z", 100<<10) + `"]`
	for i, chunked := range []bool{false, true} {
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: h\r\n", target)
		if chunked {
			fmt.Fprint(c, "Transfer-Encoding: chunked\r\n\r\n")
		} else {
			fmt.Fprintf(c, "Content-Length: %d\r\n\r\n", len(packet))
		}
		for piece := range slices.Chunk([]byte(packet), 7777) {
			if chunked {
				fmt.Fprintf(c, "%x\r\n%s\r\n", len(piece), piece)
			} else {
				_, _ = c.Write(piece)
			}
		}
		if chunked {
			fmt.Fprint(c, "0\r\n\r\n")
		}
		c.expect(200, "ok")
		if seen := s.app.seen(); len(seen) != i+1 || seen[i] != packet[2:] {
			t.Fatalf("%d events have come", len(seen))
		}
	}
	// Without its length, and too long: refused while it comes.
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", target)
	go func() {
		for range 200 {
			if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", 10_000, strings.Repeat("z", 10_000)); err != nil {
				return
			}
		}
	}()
	if status, body := c.response(); status != 413 || body != "" {
		t.Errorf("%d %q", status, body)
	}
	// The session goes on.
	if status, body := s.http().do("POST", target, `42["echo"]`); status != 200 || body != "ok" {
		t.Errorf("%d %q", status, body)
	}
}

// TestMountedSlowBody: a body that does not come is given up by the engine, although net/http
// would wait.
func TestMountedSlowBody(t *testing.T) {
	o := Options{Config: testConfig()}
	o.Config.BodyTimeout = 100 * time.Millisecond
	s := mount(t, o)
	c := s.http()
	sid := c.open()
	fmt.Fprintf(c, "POST %s&sid=%s HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n42[", polling, sid)
	if status, body := c.response(); status != 408 || body != "" {
		t.Errorf("%d %q", status, body)
	}
	if _, err := c.r.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

// TestMountedHangUp (H29): a client that goes while it polls, or while its body comes, has
// its session closed.
func TestMountedHangUp(t *testing.T) {
	for _, c := range []struct{ name, request string }{
		{"a poll", "GET %s HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"a body", "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n42["},
		{"a body in chunks", "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n42"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mount(t, Options{})
			h := s.http()
			target := polling + "&sid=" + h.open()
			before := s.Loop(0).Stats().Read.Load()
			fmt.Fprintf(h, c.request, target)
			s.eventually("the request has come", func() bool {
				s.tickled()
				return s.Connections() == 1 && s.Loop(0).Stats().Read.Load() > before
			})
			_ = h.Close()
			s.eventually("the session has ended", func() bool { return s.app.ended.Load() == 1 && s.Connections() == 0 })
		})
	}
}

// quiet waits until requests that were answered are over. Only those have come before.
func (s *server) quiet() {
	s.t.Helper()
	s.eventually("no request is under way", func() bool { return s.Connections() == 0 })
}

// tickled has the loops show their figures.
func (s *server) tickled() {
	s.Loops(func(l *Loop) { do(s.t, l, l.show) })
}

// TestMountedTwoPolls (H27): a second GET is refused and ends the session, the first too.
func TestMountedTwoPolls(t *testing.T) {
	s := mount(t, Options{Loops: 2})
	c := s.http()
	target := polling + "&sid=" + c.open()
	s.quiet()
	c.send("GET", target, "")
	s.eventually("the first waits", func() bool { return s.Connections() == 1 })
	if status, body := s.http().do("GET", target, ""); status != 400 || body != "" {
		t.Errorf("the second: %d %q", status, body)
	}
	if status, body := c.response(); status != 200 || body != "1" {
		t.Errorf("the first: %d %q", status, body)
	}
	s.eventually("the session has ended", func() bool { return s.app.ended.Load() == 1 })
}

// TestMountedTimeouts: the http.Server's times for reading and writing do not end a poll.
func TestMountedTimeouts(t *testing.T) {
	s := mount(t, Options{}, func(h *httptest.Server) {
		h.Config.ReadTimeout, h.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	c := s.http()
	target := polling + "&sid=" + c.open()
	post := s.http()
	if status, _ := post.do("POST", target, "40"); status != 200 {
		t.Fatal(status)
	}
	if status, _ := c.do("GET", target, ""); status != 200 {
		t.Fatal(status)
	}
	c.send("GET", target, "")
	begin := time.Now()
	s.eventually("more than that has passed", func() bool { return time.Since(begin) > 150*time.Millisecond })
	if status, body := s.http().do("POST", target, `42["echo"]`); status != 200 || body != "ok" {
		t.Fatalf("%d %q", status, body)
	}
	c.expect(200, `42["echo"]`)
}

// TestMountedLimit: beyond the limit requests are answered with 503, in a way that clients
// understand.
func TestMountedLimit(t *testing.T) {
	s := mount(t, Options{MaxConns: 2})
	one := s.connect()
	s.connect()
	for _, upgrade := range []string{"\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"} {
		c := s.http()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n%s", polling, upgrade)
		r, err := http.ReadResponse(c.r, nil)
		if err != nil || r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
			t.Errorf("%v, %v", r, err)
		}
	}
	_ = one.Close()
	s.eventually("a place is free", func() bool { return s.Connections() == 1 })
	s.http().open()
	if n := s.Loop(0).Stats().Refused.Load(); n != 2 {
		t.Errorf("%d are counted as refused", n)
	}
}

// TestMountedStop: a stop tells all, ends what waits, and leaves nothing; what comes then is
// answered with 503.
func TestMountedStop(t *testing.T) {
	s := mount(t, Options{Loops: 2})
	poll := s.http()
	sid := poll.open()
	s.quiet()
	poll.send("GET", polling+"&sid="+sid, "")
	s.eventually("it waits", func() bool { return s.Connections() == 1 })
	ws := s.connect()
	s.eventually("both are there", func() bool { return s.Connections() == 2 })
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		s.Stop(ctx, session.ServerShuttingDown)
	}()
	if status, body := poll.response(); status != 200 || body != "1" {
		t.Errorf("the poll: %d %q", status, body)
	}
	if got := ws.read(); got != "close 1001" {
		t.Errorf("the WebSocket: %s", got)
	}
	_ = ws.Close()
	wait(t, s.Done(), "the end")
	if status, _ := s.http().do("GET", polling, ""); status != 503 {
		t.Errorf("behind the end: %d", status)
	}
}

// TestMountedPanic: a panic over a request costs that request.
func TestMountedPanic(t *testing.T) {
	s := mount(t, Options{})
	s.app.admit = func(*session.Conn, uint32) session.Verdict { panic("on demand") }
	if status, _ := s.http().do("GET", polling, ""); status != 500 {
		t.Errorf("%d", status)
	}
	s.eventually("its place is free", func() bool { return s.Connections() == 0 })
	if n := s.Loop(0).Stats().Panics.Load(); n != 1 {
		t.Errorf("%d panics are counted", n)
	}
}

// TestMountedHTTP2 (H42): polling over HTTP/2, where requests of one connection come at the
// same time, and are cancelled one by one.
func TestMountedHTTP2(t *testing.T) {
	s := mount(t, Options{Loops: 2}, withTLS(true))
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	defer client.CloseIdleConnections()
	do := func(ctx context.Context, method, target, body string) (string, error) {
		r, err := http.NewRequestWithContext(ctx, method, "https://"+s.addr+target, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		resp, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Errorf("%s", resp.Proto)
		}
		b, err := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.StatusCode, " ", string(b)), err
	}
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	open, err := do(ctx, "GET", polling, "")
	_, rest, _ := strings.Cut(open, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if !ok || err != nil {
		t.Fatalf("%q, %v", open, err)
	}
	target := polling + "&sid=" + sid
	if got, err := do(ctx, "POST", target, "40"); got != "200 ok" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := do(ctx, "GET", target, ""); !strings.HasPrefix(got, `200 40{"sid":`) || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if got, err := do(ctx, "GET", target, ""); got != `200 42["echo",1]` || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
	s.eventually("a poll waits", func() bool { return s.Connections() == 1 })
	if got, err := do(ctx, "POST", target, `42["echo",1]`); got != "200 ok" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	both.Wait()

	s.quiet()
	short, stop := context.WithCancel(ctx)
	both.Go(func() { _, err = do(short, "GET", target, "") })
	s.eventually("a poll waits", func() bool { return s.Connections() == 1 })
	stop()
	both.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.eventually("the session has ended", func() bool { return s.app.ended.Load() == 1 })
}

// TestMountedHost: HTTP/2 leaves a Host field among the others, beside :authority or in its
// place; a request has one all the same.
func TestMountedHost(t *testing.T) {
	s := mount(t, Options{})
	r := httptest.NewRequest("GET", polling, nil)
	r.Header.Set("Host", r.Host)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// TestMountedInAnotherGroup: one server can be the handler of another's other requests; the
// place of a connection goes with it.
func TestMountedInAnotherGroup(t *testing.T) {
	inner := mount(t, Options{})
	o := Options{Config: testConfig(), Foreign: inner.Group}
	o.Config.Path = "/other/"
	outer := start(t, o)
	inner.addr = outer.addr
	ws := inner.connect()
	ws.send(`42["echo"]`)
	ws.expect(`42["echo"]`)
	if n, m := inner.Connections(), outer.Connections(); n != 1 || m != 0 {
		t.Errorf("%d and %d connections are counted", n, m)
	}
	if status, body := inner.http().do("GET", "/other/?EIO=4&transport=polling", ""); status != 200 {
		t.Errorf("the outer: %d %q", status, body)
	}
}

// TestMountedObjects: an idle WebSocket that came through net/http costs as many objects as
// one of our own listener, and three for addresses that gnet keeps of connections which it
// has not accepted itself.
func TestMountedObjects(t *testing.T) {
	const n = 200
	count := func(s *server) float64 {
		s.connect() // what is made once
		objects := func() uint64 {
			var m runtime.MemStats
			for range 3 {
				runtime.GC()
			}
			runtime.ReadMemStats(&m)
			return m.HeapObjects
		}
		before := objects()
		for range n {
			s.connect()
		}
		s.eventually("all are there", func() bool { return s.Connections() == n+1 })
		return float64(objects()-before) / n
	}
	own, mounted := count(start(t, Options{})), count(mount(t, Options{}))
	t.Logf("%.1f objects a connection with its client, %.1f mounted", own, mounted)
	if mounted > own+3.9 {
		t.Errorf("%.1f objects a connection with its client, %.1f mounted", own, mounted)
	}
}
