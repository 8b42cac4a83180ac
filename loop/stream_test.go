package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// secure is a WebSocket over the TLS of an http.Server that has joined "/".
func (s *server) secure() *wsClient {
	s.t.Helper()
	c := upgrade(s.t, s.tlsDial(), "", "40")
	c.expectPrefix(`0{"sid":`)
	c.expectPrefix(`40{"sid":`)
	return c
}

// TestStream (H42): WebSockets over TLS that is net/http's: directly and from polling,
// with short messages and long ones.
func TestStream(t *testing.T) {
	s := mount(t, Options{Loops: 2}, withTLS(false))
	for range 4 {
		c := &httpClient{Conn: s.tlsDial(), t: t}
		c.r = newReader(c.Conn)
		sid := c.open()
		if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
			t.Fatalf("%d %q", status, body)
		}
		ws := upgrade(t, s.tlsDial(), sid, "2probe")
		ws.expect("3probe")
		ws.send("5")
		ws.expectPrefix("40{")
		direct := s.secure()
		for _, n := range []int{1, 100, 70_000, 900_000} {
			packet := `42["echo","` + strings.Repeat("y", n) + `"]`
			for _, x := range []*wsClient{ws, direct} {
				x.send(packet)
				x.expect(packet)
			}
		}
		for i := range 100 { // in one record
			direct.write(event(fmt.Sprintf(`42["echo",%d]`, i)))
		}
		for i := range 100 {
			direct.expect(fmt.Sprintf(`42["echo",%d]`, i))
		}
	}
	s.Loops(func(l *Loop) {
		do(t, l, func() {
			for _, x := range l.table.All() {
				if h := x.Handshake(); !h.Secure || h.TLS == nil || h.Remote.Addr() != netip.MustParseAddr("127.0.0.1") {
					t.Errorf("its handshake: %+v", h)
				}
			}
		})
	})
	if n := s.Connections(); n != 8 {
		t.Errorf("%d connections are counted", n)
	}
	s.hangUp()
	s.eventually("all have ended", func() bool { return s.Connections() == 0 && s.app.ended.Load() == 8 })
}

// TestStreamStop (L14): streams are told of a stop, and nothing of them is left, whatever
// their clients do.
func TestStreamStop(t *testing.T) {
	cfg := testConfig()
	cfg.CloseTimeout = WheelTick
	mustLeaveNothing(t, func() {
		s := mount(t, Options{Loops: 2, Config: cfg}, withTLS(false))
		polite, deaf := s.secure(), s.secure()
		gone := s.secure()
		_ = gone.Close()
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			ctx, cancel := context.WithTimeout(context.Background(), guard)
			defer cancel()
			s.Stop(ctx, session.ServerShuttingDown)
		}()
		if got := polite.read(); got != "close 1001" {
			t.Errorf("it is told %s", got)
		}
		polite.write([]byte{0x88, 0x80, 1, 2, 3, 4})
		polite.ended()
		deaf.ended() // its closing handshake takes too long
		wait(t, stopped, "the end")
		s.hangUp()
		s.web.Close()
	})
}

// TestStreamSlowConsumer (F55): a client that does not read is cut off at the limit, and what
// waits for it is bounded; others get everything.
func TestStreamSlowConsumer(t *testing.T) {
	cfg := testConfig()
	cfg.HardLimit = 256 << 10
	s := mount(t, Options{Config: cfg}, withTLS(false))
	s.secure() // does not read
	good := s.secure()
	pad := strings.Repeat("x", 32<<10)
	n := 0
	for ; s.app.ended.Load() == 0 && n < 2000; n++ {
		m := newMessage(fmt.Sprintf(`42["cast",%d,"%s"]`, n, pad))
		s.Loop(0).Broadcast(s.app.spaces[0].Shard, &broadcast.Selection{Everyone: true}, m, 0)
		if got, want := good.read(), fmt.Sprintf(`42["cast",%d,"%s"]`, n, pad); got != want {
			t.Fatalf("message %d differs", n)
		}
	}
	s.app.mu.Lock()
	reasons := fmt.Sprint(s.app.reasons)
	s.app.mu.Unlock()
	if reasons != "["+string(session.SlowConsumer)+"]" {
		t.Fatalf("after %d messages: %s", n, reasons)
	}
	s.eventually("its connection is closed", func() bool { return s.Connections() == 1 })
	good.send(`42["echo"]`)
	good.expect(`42["echo"]`)
}

// TestStreamPause (F68): while handlers have no room a stream is not read, and its end is
// seen all the same when they have.
func TestStreamPause(t *testing.T) {
	s := mount(t, Options{}, withTLS(false))
	c := s.secure()
	l := s.Loop(0)
	var k *session.Socket
	s.app.mu.Lock()
	for x := range s.app.sockets {
		k = x
	}
	s.app.mu.Unlock()
	full := func(on bool) {
		l.Do(func(_ session.Host, now session.Instant) { k.SetFull(now, on) })
		do(t, l, func() {})
	}
	sent := 0
	for round := range 3 {
		full(true)
		before := s.app.events.Load()
		for range 200 {
			c.send(fmt.Sprintf(`42["n",%d]`, sent))
			sent++
		}
		l.Send(k, []byte(`42["out",`+fmt.Sprint(round)+`]`), 0, true)
		c.expect(fmt.Sprintf(`42["out",%d]`, round))
		if n := s.app.events.Load(); n != before {
			t.Fatalf("%d events of a client that is not to be read", n-before)
		}
		full(false)
		s.eventually("all events have come", func() bool { return s.app.events.Load() == before+200 })
	}
	for i, e := range s.app.seen() {
		if want := fmt.Sprintf(`["n",%d]`, i); e != want {
			t.Fatalf("event %d is %s", i, e)
		}
	}
	full(true)
	c.send(`42["n"]`)
	c.Close()
	full(false)
	s.eventually("the session has ended", func() bool { return s.app.ended.Load() == 1 && s.Connections() == 0 })
}

// TestStreamOfWrappedListener: a connection that a listener of the application's has wrapped
// is closed through its wrapping.
func TestStreamOfWrappedListener(t *testing.T) {
	w := &countingListener{}
	s := mount(t, Options{}, func(h *httptest.Server) {
		w.Listener = h.Listener
		h.Listener = w
	})
	c := s.connect()
	c.send(`42["echo"]`)
	c.expect(`42["echo"]`)
	_ = c.Close()
	s.eventually("it has ended", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.open == 0 && s.Connections() == 0
	})
}

// A countingListener counts its open connections, as those that limit them do.
type countingListener struct {
	net.Listener
	mu   sync.Mutex
	open int
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open++
	return &countedConn{Conn: nc, l: l}, nil
}

type countedConn struct {
	net.Conn
	l    *countingListener
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() {
		c.l.mu.Lock()
		defer c.l.mu.Unlock()
		c.l.open--
	})
	return c.Conn.Close()
}

// A stuckStream is a connection whose peer does not read: a Write waits until it is closed.
type stuckStream struct {
	read   chan struct{} // a Read waits for that
	closed chan struct{}
	once   sync.Once
	wrote  chan int
}

func newStuckStream() *stuckStream {
	return &stuckStream{read: make(chan struct{}), closed: make(chan struct{}), wrote: make(chan int, 64)}
}

func (s *stuckStream) Read([]byte) (int, error) {
	select {
	case <-s.read:
		return 0, errors.New("reset")
	case <-s.closed:
		return 0, io.ErrClosedPipe
	}
}

func (s *stuckStream) Write(b []byte) (int, error) {
	s.wrote <- len(b)
	<-s.closed
	return 0, io.ErrClosedPipe
}

func (s *stuckStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// TestStreamEnds: however a stream ends, its session is told once, its connection closed,
// and its place free.
func TestStreamEnds(t *testing.T) {
	handshake := "GET /socket.io/?EIO=4&transport=websocket" + openingHandshake
	for _, c := range []struct {
		name string
		end  func(s *server, x *stuckStream)
	}{
		{"by an error of reading", func(_ *server, x *stuckStream) { close(x.read) }},
		{"by an error of writing", func(_ *server, x *stuckStream) { <-x.wrote; x.Close() }},
		{"by the session, while a write waits", func(s *server, x *stuckStream) {
			<-x.wrote
			do(s.t, s.Loop(0), func() {
				for _, y := range s.Loop(0).table.All() {
					y.WebSocket().Wire().Close()
				}
			})
		}},
		{"with the loops", func(s *server, x *stuckStream) {
			<-x.wrote
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			s.Stop(ctx, session.ServerShuttingDown)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mount(t, Options{})
			x := newStuckStream()
			if !s.letIn(s.Loop(0)) {
				t.Fatal("no place")
			}
			if err := s.Loop(0).stream(x, netip.AddrPort{}, nil, []byte(handshake), nil); err != nil {
				t.Fatal(err)
			}
			until(t, "its session is there", func() bool { return s.app.opened.Load() == 1 })
			c.end(s, x)
			select {
			case <-x.closed:
			case <-time.After(guard):
				t.Fatal("it is not closed")
			}
			until(t, "all is told", func() bool { return s.app.ended.Load() == 1 && s.Connections() == 0 })
			if n := s.Loop(0).Stats().Connections.Load(); n != 0 {
				t.Errorf("%d connections are counted on the loop", n)
			}
		})
	}
}

// TestStreamMeetsTheEnd: a stream that is on its way to a loop when that ends is begun and
// ended, with its session; one that comes later is refused.
func TestStreamMeetsTheEnd(t *testing.T) {
	app := newTestApp(t, 1)
	g := NewGroup(Options{App: app, Config: testConfig()})
	l := g.newLoop(func(l *Loop) { l.wake, l.yield = func() {}, func() {} }) // its goroutine has ended
	g.maxConns = 2
	handshake := []byte("GET /socket.io/?EIO=4&transport=websocket" + openingHandshake)
	g.letIn(l)
	x := newStuckStream()
	if err := l.stream(x, netip.AddrPort{}, nil, handshake, nil); err != nil {
		t.Fatal(err)
	}
	// It is on the list, and the loop will take no mail any more.
	late := l.newStream(newStuckStream(), netip.AddrPort{}, nil)
	g.guests[late] = struct{}{}
	l.wind()
	g.hangUp()
	if opened, ended := app.opened.Load(), app.ended.Load(); opened != 1 || ended != 1 {
		t.Errorf("%d sessions were begun, %d ended", opened, ended)
	}
	if n := l.stats.Panics.Load() + l.stats.Connections.Load(); n != 0 {
		t.Errorf("%d panics, or connections that are counted", n)
	}
	if err := late.begin(nil, nil); err != ErrStopped {
		t.Errorf("the late one: %v", err)
	}
	until(t, "its place is free", func() bool { return g.Connections() == 0 })
	if n := len(g.open()); n != 0 {
		t.Errorf("%d are on the list", n)
	}
}

// TestStreamFlushesAtClose: what was written before a Close goes out, as a kernel would have
// it; the connection is closed behind it.
func TestStreamFlushesAtClose(t *testing.T) {
	s := mount(t, Options{})
	ours, theirs := net.Pipe() // a Write waits for its Read
	defer theirs.Close()
	if !s.letIn(s.Loop(0)) {
		t.Fatal("no place")
	}
	if err := s.Loop(0).stream(ours, netip.AddrPort{}, nil, []byte("GET /socket.io/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), nil); err != nil {
		t.Fatal(err)
	}
	_ = theirs.SetDeadline(time.Now().Add(guard))
	b, err := io.ReadAll(theirs)
	if err != nil || !strings.HasSuffix(string(b), `{"code":0,"message":"Transport unknown"}`) {
		t.Errorf("%q, %v", b, err)
	}
	s.eventually("its place is free", func() bool { return s.Connections() == 0 })
}
