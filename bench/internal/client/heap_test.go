package client

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// childEnv makes the test binary a server that lets everybody in and says nothing
// more, so that its memory is not counted with the clients'.
const childEnv = "SIO_BENCH_CLIENT_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		letIn()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// letIn serves until standard input ends.
func letIn() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		l.Close()
	}()
	for n := 0; ; n++ {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			b := fmt.Appendf(nil, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
				websocket.AppendAccept(nil, []byte(r.Header.Get("Sec-WebSocket-Key"))))
			b = websocket.AppendFrame(b, websocket.Text, fmt.Appendf(nil, `0{"sid":"s%d","upgrades":[],"pingInterval":250000,"pingTimeout":200000}`, n))
			conn.Write(websocket.AppendFrame(b, websocket.Text, fmt.Appendf(nil, `40{"sid":"x%d"}`, n)))
			io.Copy(io.Discard, conn)
		}()
	}
}

// counter is a Handler that only counts.
type counter struct {
	ready, wanted int
	done          chan struct{}
	t             *testing.T
}

func (c *counter) Ready(*Session) {
	if c.ready++; c.ready == c.wanted {
		c.done <- struct{}{}
	}
}
func (c *counter) Text(_ *Session, b []byte)   { c.t.Errorf("packet %q", b) }
func (c *counter) Binary(_ *Session, b []byte) { c.t.Errorf("attachment %q", b) }
func (c *counter) Closed(_ *Session, err error) {
	c.t.Errorf("closed with %v", err)
	c.done <- struct{}{}
}

// TestHeapPerConnection: what an idle connection takes, with everything that the
// client keeps of it, and what its handshake leaves to be collected: that is
// resident until it is.
func TestHeapPerConnection(t *testing.T) {
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), childEnv+"=1")
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); server.Wait() }()
	var addr string
	if _, err := fmt.Fscan(stdout, &addr); err != nil {
		t.Fatal(err)
	}

	const first, more = 200, 2000
	h := &counter{t: t, wanted: first, done: make(chan struct{}, 1)}
	env := dialWith(t, addr, Options{}, h, func(e *Env) {
		for range first {
			new(Session).Start(e, h)
		}
	})
	waitFor(t, "sessions", h.done)
	var before, opened, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	env.Loop.Post(func() {
		h.wanted += more
		for range more {
			new(Session).Start(env, h)
		}
	})
	waitFor(t, "sessions", h.done)
	runtime.ReadMemStats(&opened)
	runtime.GC()
	runtime.ReadMemStats(&after)
	live, made := int(after.HeapAlloc-before.HeapAlloc)/more, int(opened.TotalAlloc-before.TotalAlloc)/more
	t.Logf("%d bytes live, %d allocated for each", live, made)
	if live > 448 {
		t.Errorf("a connection takes %d bytes, want at most 448", live)
	}
	if made > 768 {
		t.Errorf("a connection allocates %d bytes until it is ready, want at most 768", made)
	}
	env.Loop.Do(func() {
		for len(env.live) > 0 {
			env.live[0].Abort()
		}
	})
}
