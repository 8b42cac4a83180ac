package sio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// run runs the server until stop is called, which returns what Run did.
func run(t testing.TB, srv *sio.Server, addrs ...string) (addr string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	started := srv.Started()
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(ctx, addrs...) }()
	select {
	case <-started:
	case err := <-ran:
		cancel()
		t.Fatalf("Run: %v", err)
	}
	stop = sync.OnceValue(func() error { cancel(); return recv(t, ran) })
	t.Cleanup(func() { _ = stop() })
	return srv.Addrs()[0].String(), stop
}

// TestRunAgain (O06): a server runs until its context ends, as often as one likes, with
// the same handlers; clients of before are gone and their rooms too.
func TestRunAgain(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnConnect(func(s *sio.Socket) {
		if err := s.Join("room"); err != nil {
			t.Error(err)
		}
	})
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { l.add("%s %v", r, s.Rooms()[1:]) })
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s.Namespace().To("room"), "echo") })
	if srv.Addrs() != nil {
		t.Error("addresses before Run")
	}
	for range 3 {
		addr, stop := run(t, srv, "127.0.0.1:0", "tcp://127.0.0.1:0")
		if n := len(srv.Addrs()); n != 2 {
			t.Errorf("%d addresses", n)
		}
		if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrRunning) {
			t.Errorf("a second Run beside the first: %v", err)
		}
		for _, opts := range [][]siotest.DialOption{nil, {siotest.Polling()}, {siotest.Upgrade()}} {
			c := siotest.DialAddr(t, addr, "/", opts...)
			emit(t, c, "echo", 1)
			c.Expect("echo", 1)
			defer expectGone(c)
		}
		other := siotest.DialAddr(t, srv.Addrs()[1].String(), "/")
		emit(t, other, "echo", "by the other address")
		other.Expect("echo", "by the other address")
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if srv.Len() != 0 || len(srv.Rooms()) != 0 || srv.Stats().Sessions != 0 {
			t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
		}
		if _, err := net.Dial("tcp", addr); err == nil {
			t.Error("it still listens")
		}
		select {
		case <-srv.Started():
			t.Error("started while it does not run")
		default:
		}
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	got := l.take()
	if len(got) != 12 {
		t.Errorf("%d sockets have ended", len(got))
	}
	for _, s := range got {
		if s != "server shutting down [room]" {
			t.Errorf("ended with %q", s)
		}
	}
}

// expectGone waits until a client has heard of the server's end. Who polls hears of it by
// the close packet, or, between two polls, by its next one's failure; so it is with the
// reference server.
func expectGone(c *siotest.Client) {
	<-c.Done()
	if c.Transport() == "polling" && c.Reason() == "transport error" {
		return
	}
	c.ExpectEnd("transport close")
}

// TestRunEndedContext: a context that has ended is no error, however early.
func TestRunEndedContext(t *testing.T) {
	srv := newServer(t, sio.Options{})
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := srv.Run(ctx, "127.0.0.1:0"); err != nil {
			t.Fatalf("Run: %v", err)
		}
		ctx, cancel = context.WithCancel(context.Background())
		go cancel()
		if err := srv.Run(ctx, "127.0.0.1:0"); err != nil {
			t.Fatalf("Run: %v", err)
		}
		select {
		case <-srv.Started():
			t.Fatal("started while it does not run")
		default:
		}
	}
}

// TestClose (O05): Close ends Run, tells every socket before it returns, and is for good.
func TestClose(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var ended atomic.Int32
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		if r != sio.ServerShuttingDown {
			t.Errorf("reason %q", r)
		}
		ended.Add(1)
	})
	ran := make(chan error, 1)
	started := srv.Started()
	go func() { ran <- srv.Run(context.Background(), "127.0.0.1:0") }()
	recv(t, started)
	addr := srv.Addrs()[0].String()
	var clients []*siotest.Client
	for i := range 50 {
		opts := []siotest.DialOption{siotest.Polling()}
		if i%2 == 0 {
			opts = nil
		}
		clients = append(clients, siotest.DialAddr(t, addr, "/", opts...))
	}
	if err := srv.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := ended.Load(); n != 50 {
		t.Errorf("%d of 50 sockets were told", n)
	}
	if err := recv(t, ran); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
	for _, c := range clients {
		expectGone(c)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Run after Close: %v", err)
	}
	if err := srv.Emit("x"); err != nil {
		t.Errorf("a broadcast to nobody: %v", err)
	}
	if _, err := srv.Fetch(t.Context()); err != nil {
		t.Errorf("Fetch of nobody: %v", err)
	}
}

// TestCloseBeforeRun: there is nothing to wait for.
func TestCloseBeforeRun(t *testing.T) {
	srv := newServer(t, sio.Options{})
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// TestCloseWhileStarting: whoever comes first, both return.
func TestCloseWhileStarting(t *testing.T) {
	for range 20 {
		srv := newServer(t, sio.Options{})
		ran := make(chan error, 1)
		go func() { ran <- srv.Run(context.Background(), "127.0.0.1:0") }()
		if err := srv.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := recv(t, ran); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Run: %v", err)
		}
	}
}

// TestCloseOnALoop: Close would wait for the loop that it is called on.
func TestCloseOnALoop(t *testing.T) {
	srv := newServer(t, sio.Options{})
	errs := make(chan error, 1)
	srv.On("close", func(*sio.Socket, *sio.Msg) error { errs <- srv.Close(); return nil }, sio.Inline)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "close")
	if err := recv(t, errs); !errors.Is(err, sio.ErrOnLoop) {
		t.Errorf("Close: %v", err)
	}
	emit(t, srv, "still open")
	c.Expect("still open")
}

// TestCallsWhileStopping: whoever waits for a loop when it stops is not left waiting.
func TestCallsWhileStopping(t *testing.T) {
	for range 5 {
		srv := newServer(t, sio.Options{AckTimeout: -1})
		addr, stop := run(t, srv, "127.0.0.1:0")
		for range 4 {
			siotest.DialAddr(t, addr, "/")
		}
		var all sync.WaitGroup
		end := make(chan struct{})
		loop := func(f func()) {
			all.Go(func() {
				for {
					select {
					case <-end:
						return
					default:
						f()
					}
				}
			})
		}
		bg := context.Background()
		loop(func() { _, _ = srv.Fetch(bg) })
		loop(func() { _ = srv.All().Join(bg, "r") })
		loop(func() {
			for range srv.All().AskAll(bg, "silence") {
			}
		})
		loop(func() {
			for s := range srv.Sockets() {
				_, _ = s.Ask(bg, "silence")
				_ = s.EmitWait(bg, "x")
				_ = s.Join("a", "b")
			}
		})
		loop(func() { _ = srv.To("r").Emit("x", "y") })
		if err := stop(); err != nil {
			t.Error(err)
		}
		close(end)
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		recv(t, done)
		if len(srv.Rooms()) != 0 || srv.Len() != 0 {
			t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
		}
	}
}

// TestAddressInUse: it is an error, though the kernel would share the port.
func TestAddressInUse(t *testing.T) {
	a, b := newServer(t, sio.Options{}), newServer(t, sio.Options{})
	addr, _ := run(t, a, "127.0.0.1:0")
	if err := b.Run(context.Background(), addr); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("Run: %v", err)
	}
	for _, bad := range []string{"nonsense", "udp://127.0.0.1:0", ""} {
		if err := b.Run(context.Background(), bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	addr, _ = run(t, b, "127.0.0.1:0") // all that does not spoil it
	siotest.DialAddr(t, addr, "/")
}

// TestUnixSocket: a server can be listened for in the file system.
func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "sio")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	srv := newServer(t, sio.Options{})
	path := filepath.Join(dir, "s")
	run(t, srv, "unix://"+path)
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) },
	}}
	resp, err := c.Get("http://x/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 || body[0] != '0' {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// TestHandlerOption: requests that are not for the engine go to the application's
// handler, on the same port.
func TestHandlerOption(t *testing.T) {
	srv := newServer(t, sio.Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Method+" "+r.URL.Path+" "+string(b))
	})})
	addr, _ := run(t, srv, "127.0.0.1:0")
	c := siotest.DialAddr(t, addr, "/")
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	web := http.Client{Transport: tr}
	for range 3 {
		resp, err := web.Post("http://"+addr+"/api/x", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != "POST /api/x body" {
			t.Errorf("got %d %s", resp.StatusCode, b)
		}
	}
	emit(t, srv, "x")
	c.Expect("x")
	none := newServer(t, sio.Options{})
	addr, _ = run(t, none, "127.0.0.1:0")
	resp, err := web.Get("http://" + addr + "/other")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 404 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// TestServersInOneProcess: they share nothing.
func TestServersInOneProcess(t *testing.T) {
	a, b := newServer(t, sio.Options{}), newServer(t, sio.Options{Loops: 1})
	addrA, stopA := run(t, a, "127.0.0.1:0")
	addrB, _ := run(t, b, "127.0.0.1:0")
	ca, cb := siotest.DialAddr(t, addrA, "/"), siotest.DialAddr(t, addrB, "/")
	emit(t, a, "a")
	emit(t, b, "b")
	ca.Expect("a")
	cb.Expect("b")
	if err := stopA(); err != nil {
		t.Error(err)
	}
	emit(t, b, "b")
	cb.Expect("b")
}

// TestUpgradesUnderTraffic (faults, cases 80 and 81): clients move from polling to
// WebSocket in the middle of numbered events in both directions and of broadcasts:
// every one arrives once, in order. Over TCP, on two loops.
func TestUpgradesUnderTraffic(t *testing.T) {
	const clients, n, broadcasts = 12, 150, 150
	srv := newServer(t, sio.Options{})
	srv.On("n", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "n") })
	srv.On("inline", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "n") }, sio.Inline)
	addr := listen(t, srv)
	var all, ready sync.WaitGroup
	ready.Add(clients)
	for range clients {
		all.Go(func() {
			c := siotest.DialAddr(t, addr, "/", siotest.Polling())
			ready.Done()
			var up sync.WaitGroup
			for i := range n {
				name := "n"
				if i%4 == 0 {
					name = "inline"
				}
				emit(t, c, name, i, []byte("bin"))
				if i == n/3 {
					up.Go(func() {
						if err := c.Upgrade(); err != nil {
							t.Error(err)
						}
					})
				}
			}
			echo, all := 0, 0
			for echo < n || all < broadcasts {
				e := c.Next()
				if e == nil {
					t.Errorf("ended: %s", c.Reason())
					return
				}
				switch {
				case e.Name() == "n" && e.Is(echo, []byte("bin")):
					echo++
				case e.Name() == "all" && e.Is(all, []byte("x")):
					all++
				default:
					t.Errorf("got %v, want echo %d or broadcast %d", e, echo, all)
					return
				}
			}
			up.Wait()
			if c.Transport() != "websocket" {
				t.Error("not upgraded")
			}
		})
	}
	ready.Wait()
	for i := range broadcasts {
		emit(t, srv, "all", i, []byte("x"))
	}
	all.Wait()
}

// TestEmittersOverTCP (faults, case 84): several senders, many receivers: the order of
// each sender is kept at each receiver.
func TestEmittersOverTCP(t *testing.T) {
	const senders, each, receivers = 8, 250, 8
	srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 16 << 20}})
	addr := listen(t, srv)
	var clients []*siotest.Client
	for i := range receivers {
		var opts []siotest.DialOption
		if i%4 == 3 {
			opts = append(opts, siotest.Polling())
		}
		c := siotest.DialAddr(t, addr, "/", opts...)
		if err := socket(t, srv, c).Join("room"); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	for s := range senders {
		go func() {
			for i := range each {
				emit(t, srv.To("room"), "n", s, i, []byte{byte(i)})
			}
		}()
	}
	for _, c := range clients {
		var next [senders]int
		for range senders * each {
			e := c.Expect("n")
			var s, i int
			if e.Decode(0, &s) != nil || e.Decode(1, &i) != nil || i != next[s] || !e.Is(s, i, []byte{byte(i)}) {
				t.Fatalf("got %v, want %d of %d", e, next[s], s)
			}
			next[s]++
		}
	}
}

// TestSlowReaderOverTCP (faults, case 55): a client that does not read is evicted; one
// that does gets everything, in order.
func TestSlowReaderOverTCP(t *testing.T) {
	const n = 400
	srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 256 << 10}})
	ended := make(chan sio.Reason, 2)
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { ended <- r })
	addr := listen(t, srv)
	good := siotest.DialAddr(t, addr, "/")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	io.WriteString(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvdGVzdCBzYXlzIGhpIQ==\r\n\r\n"+string(frames("40")))
	deadline := time.Now().Add(patience)
	for srv.Len() < 2 {
		if time.Now().After(deadline) {
			t.Fatal("the slow client has not joined")
		}
	}
	text := strings.Repeat("x", 100_000)
	for i := range n {
		emit(t, srv, "n", i, text)
		good.Expect("n", i, text)
	}
	if r := recv(t, ended); r != sio.SlowConsumer {
		t.Errorf("reason %q", r)
	}
	if len(ended) > 0 {
		t.Error("somebody else was disconnected")
	}
}
