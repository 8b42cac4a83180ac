package loop

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/session"
)

// testApp lets everybody into "/", sends "echo" events back, has "cast" events sent to
// everybody, panics on "panic", and counts all others.
type testApp struct {
	t      testing.TB
	dir    *broadcast.Directory
	spaces []*session.Space

	opened, ended atomic.Int64
	events        atomic.Int64
	mu            sync.Mutex
	sockets       map[*session.Socket]bool
	reasons       []session.Reason
	order         []string // of events that are neither of the above
	onEvent       func(k *session.Socket, name string, e *session.Event) bool
	onEnded       func()
	onLeft        func(error) // loop only
	admit         func(c *session.Conn, ticket uint32) session.Verdict
}

func newTestApp(t testing.TB, loops int) *testApp {
	a := &testApp{t: t, dir: broadcast.NewDirectory(loops), sockets: make(map[*session.Socket]bool)}
	for i := range loops {
		a.spaces = append(a.spaces, session.NewSpace("/", i, a.dir))
	}
	return a
}

func (a *testApp) Admit(c *session.Conn, ticket uint32, _ *session.Request) session.Verdict {
	if a.admit != nil {
		return a.admit(c, ticket)
	}
	return session.Verdict{}
}
func (a *testApp) Refused(*session.Request, *session.Failure) {}

func (a *testApp) Connect(s *session.Session, now session.Instant, _, _ []byte) {
	k := new(session.Socket)
	k.Init(s, a.spaces[s.Host().Index()])
	s.Bid(k)
	a.mu.Lock()
	a.sockets[k] = true
	a.mu.Unlock()
	s.Grant(now, k, "")
}

func (a *testApp) Event(_ session.Instant, k *session.Socket, e *session.Event) {
	a.events.Add(1)
	name := string(e.Name)
	if a.onEvent != nil && a.onEvent(k, name, e) {
		return
	}
	switch name {
	case "echo":
		b := socketio.AppendHead([]byte{byte(engineio.Message)}, socketio.Event, 0, "/", -1)
		k.Send(append(b, e.Args.Text()...), 0, true)
	case "panic":
		panic("on demand")
	default:
		a.mu.Lock()
		a.order = append(a.order, string(e.Args.Text()))
		a.mu.Unlock()
	}
}

func (a *testApp) Failed(*session.Socket, error) {}
func (a *testApp) Left(k *session.Socket, r session.Reason, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.sockets[k] {
		a.t.Error("a socket ended twice, or never was")
	}
	delete(a.sockets, k)
	a.reasons = append(a.reasons, r)
	if a.onLeft != nil {
		a.onLeft(err)
	}
}
func (a *testApp) Withdrawn(*session.Socket, session.Reason, error) {}
func (a *testApp) Opened(*session.Session)                          { a.opened.Add(1) }
func (a *testApp) Ended(*session.Session, session.Reason, error) {
	a.ended.Add(1)
	if a.onEnded != nil {
		a.onEnded()
	}
}
func (a *testApp) Untranslatable(error)  {}
func (a *testApp) Offload(f func()) bool { go f(); return true }

func (a *testApp) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.order...)
}

// firstReason is why the first socket that ended did.
func (a *testApp) firstReason() session.Reason {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reasons[0]
}

// all are the sockets that are there.
func (a *testApp) all() []*session.Socket {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Keys(a.sockets))
}

func testConfig() session.Config {
	return session.Config{
		Path: "/socket.io/", Transports: session.Set(session.Polling, session.WebSocket), AllowUpgrades: true,
		PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
		ConnectTimeout: 45 * time.Second, HeadTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second,
		IdleTimeout: 60 * time.Second, CloseTimeout: 5 * time.Second, DrainTimeout: 30 * time.Second,
		WriteTimeout:  10 * time.Second,
		BinaryTimeout: 30 * time.Second,
		MaxPayload:    1_000_000, MaxAttachments: 10, MaxPipelined: 64 << 10,
		SoftLimit: 64 << 10, HardLimit: 1 << 20, CompressFrom: 1024,
		Frames: websocket.Config{MaxMessage: 1_000_000},
	}
}

// guard is how long a test waits for what must come, before it gives up. Nothing is
// measured by it.
const guard = 30 * time.Second

// A server is a running group.
type server struct {
	*Group
	t    testing.TB
	app  *testApp
	addr string
	err  chan error
	once sync.Once
	web  *httptest.Server // that it is mounted in, if it is

	clients []net.Conn
}

// minBatchEnv, at 1, has all that is written to WebSockets written in batches: all tests are
// to pass that way too, where there is io_uring.
const minBatchEnv = "SIO_TEST_MIN_BATCH"

// start runs a group on a port of its own until the test ends.
func start(t testing.TB, o Options) *server {
	t.Helper()
	o.Loops = max(o.Loops, 1)
	if v := os.Getenv(minBatchEnv); v != "" && o.minBatch == 0 {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		o.minBatch = n
	}
	s := &server{t: t, app: newTestApp(t, o.Loops), err: make(chan error, 1)}
	if o.Config.Path == "" {
		o.Config = testConfig()
	}
	o.App = s.app
	o.Handshakes = max(o.Handshakes, 100)
	s.Group = NewGroup(o)
	go func() { s.err <- s.Run([]string{"127.0.0.1:0"}) }()
	select {
	case <-s.Started():
	case err := <-s.err:
		t.Fatal(err)
	}
	s.addr = s.Addrs()[0].String()
	t.Cleanup(func() { s.hangUp(); s.stop() }) // nobody is left who would not answer a close frame
	return s
}

func (s *server) hangUp() {
	for _, nc := range s.clients {
		_ = nc.Close()
	}
}

func (s *server) stop() {
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		s.Stop(ctx, session.ServerShuttingDown)
		if err := <-s.err; err != nil {
			s.t.Errorf("Run: %v", err)
		}
		s.hangUp()
	})
}

// do runs f on a loop and waits for it.
func do(t testing.TB, l *Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Do(func(session.Host, session.Instant) { f(); close(done) }) {
		t.Fatal("the loop has stopped")
	}
	wait(t, done, "the loop")
}

func wait(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(guard):
		t.Fatalf("%s does not come", what)
	}
}

// eventually calls f, between round trips through every loop, until it is true.
func (s *server) eventually(what string, f func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(guard)
	for !f() {
		if time.Now().After(deadline) {
			s.t.Fatalf("never: %s", what)
		}
		s.Loops(func(l *Loop) { do(s.t, l, func() {}) })
	}
}

func (s *server) dial() net.Conn {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(guard))
	s.clients = append(s.clients, nc)
	return nc
}

// A wsClient is one WebSocket's client.
type wsClient struct {
	net.Conn
	t   testing.TB
	r   websocket.Reader
	in  []byte
	buf []byte
}

const openingHandshake = " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// upgrade opens a WebSocket on a connection, for the session or a new one, and sends the
// frames in the same segment.
func upgrade(t testing.TB, nc net.Conn, sid string, frames ...string) *wsClient {
	t.Helper()
	c := &wsClient{Conn: nc, t: t, buf: make([]byte, 64<<10)}
	c.r.Config = &websocket.Config{Client: true, MaxMessage: 1 << 30}
	target := "GET /socket.io/?EIO=4&transport=websocket"
	if sid != "" {
		target += "&sid=" + sid
	}
	b := []byte(target + openingHandshake)
	for _, f := range frames {
		b = websocket.AppendMasked(b, websocket.Text, []byte(f), [4]byte{1, 2, 3, 4})
	}
	c.write(b)
	for {
		if i := bytes.Index(c.in, []byte("\r\n\r\n")); i >= 0 {
			if !bytes.HasPrefix(c.in, []byte("HTTP/1.1 101 ")) {
				t.Fatalf("not upgraded: %q", c.in)
			}
			c.in = c.in[i+4:]
			return c
		}
		c.more()
	}
}

// connect is a WebSocket that has joined "/".
func (s *server) connect() *wsClient {
	s.t.Helper()
	c := upgrade(s.t, s.dial(), "", "40")
	c.expectPrefix(`0{"sid":`)
	c.expectPrefix(`40{"sid":`)
	return c
}

func (c *wsClient) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *wsClient) more() {
	c.t.Helper()
	n, err := c.Conn.Read(c.buf)
	if err != nil {
		c.t.Fatalf("read: %v, after %q", err, c.in)
	}
	c.in = append(c.in, c.buf[:n]...)
}

func (c *wsClient) send(packet string) {
	c.t.Helper()
	c.write(websocket.AppendMasked(nil, websocket.Text, []byte(packet), [4]byte{1, 2, 3, 4}))
}

// read is the next message, or "close" and its status.
func (c *wsClient) read() string {
	c.t.Helper()
	for {
		m, n, err := c.r.Next(c.in)
		if err != nil {
			c.t.Fatal(err)
		}
		if n > 0 {
			c.in = c.in[n:]
			if m.Opcode == websocket.Close {
				code, _, _ := websocket.ParseClose(m.Data)
				return fmt.Sprint("close ", code)
			}
			return string(m.Data)
		}
		c.more()
	}
}

func (c *wsClient) expect(want string) {
	c.t.Helper()
	if got := c.read(); got != want {
		c.t.Fatalf("the server said %q, want %q", got, want)
	}
}

func (c *wsClient) expectPrefix(want string) string {
	c.t.Helper()
	got := c.read()
	if !strings.HasPrefix(got, want) {
		c.t.Fatalf("the server said %q, want %q", got, want)
	}
	return got
}

// ended reads until the server closes.
func (c *wsClient) ended() {
	c.t.Helper()
	if _, err := io.Copy(io.Discard, c.Conn); err != nil && strings.Contains(err.Error(), "timeout") {
		c.t.Fatal("the server does not close")
	}
}

// An httpClient is one connection that speaks HTTP.
type httpClient struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (s *server) http() *httpClient {
	nc := s.dial()
	return &httpClient{nc, s.t, bufio.NewReader(nc)}
}

// do sends a request and reads its response.
func (c *httpClient) do(method, target, body string) (int, string) {
	c.t.Helper()
	c.send(method, target, body)
	return c.response()
}

func (c *httpClient) send(method, target, body string) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body); err != nil {
		c.t.Fatal(err)
	}
}

func (c *httpClient) response() (int, string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

const polling = "/socket.io/?EIO=4&transport=polling"

// open begins a session, and returns its id.
func (c *httpClient) open() string {
	c.t.Helper()
	status, body := c.do("GET", polling, "")
	_, rest, ok := strings.Cut(body, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if status != 200 || !ok {
		c.t.Fatalf("handshake: %d %q", status, body)
	}
	return sid
}

func (c *httpClient) expect(status int, body string) {
	c.t.Helper()
	if s, b := c.response(); s != status || b != body {
		c.t.Fatalf("the server said %d %q, want %d %q", s, b, status, body)
	}
}

// A handClock is a clock that stands until it is moved.
type handClock struct{ now atomic.Int64 }

func newHandClock() *handClock {
	c := new(handClock)
	c.now.Store(int64(time.Hour))
	return c
}

func (c *handClock) Now() session.Instant    { return session.Instant(c.now.Load()) }
func (c *handClock) Wall() time.Time         { return time.Unix(0, c.now.Load()) }
func (c *handClock) advance(d time.Duration) { c.now.Add(int64(d)) }

// A handLoop is a loop that is turned by hand, on the test's goroutine.
type handLoop struct {
	*Loop
	clock  *handClock
	app    *testApp
	wakes  int
	yields int
}

func newHandLoop(t testing.TB) *handLoop {
	h := &handLoop{clock: newHandClock(), app: newTestApp(t, 1)}
	g := NewGroup(Options{App: h.app, Config: testConfig(), Loops: 1, Clock: h.clock})
	h.Loop = g.newLoop(func(l *Loop) {
		l.wake = func() { h.wakes++ }
		l.yield = func() { h.yields++ }
	})
	return h
}

// run takes the turns that were asked for, and returns how many they were.
func (h *handLoop) run() (turns int) {
	for h.wakes+h.yields > 0 {
		if h.wakes > 0 {
			h.wakes--
			h.mailbox.waking.Store(false)
		} else {
			h.yields--
			h.yielding.Store(false)
		}
		h.turn()
		turns++
	}
	return turns
}

// traffic is a turn that bytes begin.
func (h *handLoop) traffic(c *session.Conn, b []byte) {
	h.begin()
	c.Receive(h.now, b)
	h.end()
}

// A handWire notes what is written to it in a log that several share.
type handWire struct {
	pipeWire
	name string
	log  *[]string
	n    int
}

func (w *handWire) Write(bufs [][]byte) {
	w.n++
	*w.log = append(*w.log, w.name)
}
func (w *handWire) Buffered() int   { return 0 }
func (w *handWire) Pause(bool) bool { return true }
func (w *handWire) Shutdown()       {}
func (w *handWire) Close()          {}

// join makes a WebSocket on the loop that has joined "/".
func (h *handLoop) join(name string, log *[]string) *session.Conn {
	c := new(session.Conn)
	h.begin()
	c.Init(h.Loop, &handWire{name: name, log: log}, h.now)
	c.Receive(h.now, []byte("GET /socket.io/?EIO=4&transport=websocket"+openingHandshake))
	c.Receive(h.now, websocket.AppendMasked(nil, websocket.Text, []byte("40"), [4]byte{1, 2, 3, 4}))
	h.end()
	return c
}

func event(packet string) []byte {
	return websocket.AppendMasked(nil, websocket.Text, []byte(packet), [4]byte{1, 2, 3, 4})
}

func newMessage(packet string) *broadcast.Message {
	return broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), packet...), nil, true)
}

var _ = http1.Continue

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }
