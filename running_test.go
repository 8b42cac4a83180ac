package sio_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// grace is how long a test waits for what must not happen.
const grace = 50 * time.Millisecond

// TestRunWaitsForHandlers (O06): the last handlers are done when Run returns.
func TestRunWaitsForHandlers(t *testing.T) {
	noLeaks(t) // though the server is not closed
	srv, err := sio.New(sio.Options{Loops: 2, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	const clients = 20
	var told atomic.Int32
	returned := make(chan struct{})
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) {
		if told.Add(1) == 1 {
			select {
			case <-returned:
				t.Error("Run has returned")
			case <-time.After(grace):
			}
		}
	})
	for range 2 { // it can be run again
		addr, stop := run(t, srv, "127.0.0.1:0")
		for range clients {
			siotest.DialAddr(t, addr, "/")
		}
		told.Store(0)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if n := told.Load(); n != clients {
			t.Errorf("%d of %d disconnects were handled", n, clients)
		}
	}
	close(returned)
}

// TestNewStartsNothing: a server that is not run leaves nothing behind, closed or not.
func TestNewStartsNothing(t *testing.T) {
	noLeaks(t)
	for range 5 {
		if _, err := sio.New(sio.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestErrRunning: a server runs once at a time, over TCP or in a test.
func TestErrRunning(t *testing.T) {
	srv := newServer(t, sio.Options{})
	siotest.Start(t, srv)
	if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrRunning) {
		t.Errorf("Run: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

// TestCloseTwice: of several calls of Close none returns before the handlers are done.
func TestCloseTwice(t *testing.T) {
	srv := newServer(t, sio.Options{})
	in, hold := make(chan struct{}), make(chan struct{})
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { close(in); <-hold })
	siotest.Dial(t, srv, "/")
	errs := make(chan error, 3)
	go func() { errs <- srv.Close() }()
	recv(t, in)
	for range cap(errs) - 1 {
		go func() { errs <- srv.Close() }()
	}
	select {
	case err := <-errs:
		t.Errorf("Close has returned %v", err)
	case <-time.After(grace):
	}
	close(hold)
	for range cap(errs) {
		if err := recv(t, errs); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseInAHandler: a handler that closes the server waits for itself, and is told so,
// as is Run; nothing is left of that when it has returned.
func TestCloseInAHandler(t *testing.T) {
	srv := newServer(t, sio.Options{})
	closed := make(chan error, 1)
	srv.On("close", func(*sio.Socket, *sio.Msg) error { closed <- srv.Close(); return nil })
	ran := make(chan error, 1)
	started := srv.Started()
	go func() { ran <- srv.Run(context.Background(), "127.0.0.1:0") }()
	recv(t, started)
	emit(t, siotest.DialAddr(t, srv.Addrs()[0].String(), "/"), "close")
	if err := recv(t, closed); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("Close: %v", err)
	}
	if err := recv(t, ran); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("a later Close: %v", err)
	}
}

// TestRunBesideAHungHandler: a handler that does not end when the server stops is an error
// of Run, and done when it is let go, whether the server runs then or not.
func TestRunBesideAHungHandler(t *testing.T) {
	srv := newServer(t, sio.Options{Workers: 2})
	in, hold, out := make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	srv.On("hang", func(*sio.Socket, *sio.Msg) error { close(in); <-hold; return nil })
	srv.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
		if s.Handshake().Query().Has("victim") {
			out <- struct{}{}
		}
	})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	addr, stop := run(t, srv, "127.0.0.1:0")
	emit(t, siotest.DialAddr(t, addr, "/", siotest.Query("victim", "1")), "hang")
	recv(t, in)
	if err := stop(); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("Run: %v", err)
	}
	addr, stop = run(t, srv, "127.0.0.1:0")
	c := siotest.DialAddr(t, addr, "/")
	for i := range 10 {
		emit(t, c, "echo", i)
		c.Expect("echo", i)
	}
	close(hold)
	recv(t, out)
	for i := range 10 {
		emit(t, c, "echo", i)
		c.Expect("echo", i)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestRunBriefly: a run that ends while it begins leaves nothing to the next one.
func TestRunBriefly(t *testing.T) {
	srv := newServer(t, sio.Options{})
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		started, ended := srv.Started(), make(chan struct{})
		go func() {
			select {
			case <-started:
			case <-ended:
			}
			cancel()
		}()
		if err := srv.Run(ctx, "127.0.0.1:0"); err != nil {
			t.Error(err)
		}
		close(ended)
	}
}

// TestStatsOverRuns: what is counted since New does not fall when a run ends.
func TestStatsOverRuns(t *testing.T) {
	srv := newServer(t, sio.Options{Loops: 1})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	for n := int64(1); n <= 3; n++ {
		addr, stop := run(t, srv, "127.0.0.1:0")
		c := siotest.DialAddr(t, addr, "/")
		emit(t, c, "echo", strings.Repeat("x", 1000))
		c.Next()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		st := srv.Stats()
		if st.Events != n || st.Deliveries != n || st.Opened != n || st.BytesRead < 1000*n || st.BytesWritten < 1000*n {
			t.Errorf("after %d runs: %+v", n, st)
		}
		if st.Sessions != 0 || st.Sockets != 0 || st.Connections != 0 {
			t.Errorf("something is left: %+v", st)
		}
	}
}

// TestOverloadedHandshake (H16): while nobody is free to decide about a handshake, it is
// answered as at the limit of connections, and not as if it were forbidden.
func TestOverloadedHandshake(t *testing.T) {
	srv := newServer(t, sio.Options{Workers: 1, AllowRequest: func(context.Context, *sio.Handshake) error { return nil }})
	in, hold := make(chan struct{}), make(chan struct{})
	srv.On("block", func(*sio.Socket, *sio.Msg) error { close(in); <-hold; return nil })
	addr := listen(t, srv)
	c := siotest.DialAddr(t, addr, "/")
	emit(t, c, "block")
	recv(t, in)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	web := http.Client{Transport: tr}
	for _, transport := range []string{"polling", "websocket"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/socket.io/?EIO=4&transport="+transport, nil)
		if err != nil {
			t.Fatal(err)
		}
		if transport == "websocket" {
			for name, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "c2lvdGVzdCBzYXlzIGhpIQ=="} {
				req.Header.Set(name, v)
			}
		}
		resp, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", transport, resp.StatusCode, resp.Header)
		}
	}
	if st := srv.Stats(); st.TurnedAway != 2 || st.Refused[4] != 0 {
		t.Errorf("%+v", st)
	}
	close(hold)
}

// TestHandlerLogs: what net/http has to say about Options.Handler goes to the logger.
func TestHandlerLogs(t *testing.T) {
	var logged logBuffer
	srv := newServer(t, sio.Options{Logger: logged.logger(), Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { boom() })})
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	web := http.Client{Transport: tr}
	if resp, err := web.Get("http://" + listen(t, srv) + "/x"); err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
	if text := logged.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "boom") {
		t.Errorf("log: %s", text)
	}
}

// TestWorkersAtRest: a server that stops while its few workers go from one loop's sockets
// to another's loses none of them.
func TestWorkersAtRest(t *testing.T) {
	for range 20 {
		srv := newServer(t, sio.Options{Loops: 4, Workers: 1})
		var connects, disconnects atomic.Int32
		srv.OnConnect(func(*sio.Socket) { connects.Add(1) })
		srv.OnDisconnect(func(*sio.Socket, sio.Reason) { disconnects.Add(1) })
		siotest.Start(t, srv)
		const clients = 40
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() { siotest.Dial(t, srv, "/", siotest.Loop(i%4)) })
		}
		all.Wait()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		if c, d := connects.Load(), disconnects.Load(); c != clients || d != clients {
			t.Fatalf("%d connects and %d disconnects were handled of %d", c, d, clients)
		}
	}
}
