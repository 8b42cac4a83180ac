package client

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// patience bounds every wait of these tests; nothing measures it.
const patience = 30 * time.Second

const handshake = `0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

// wire is the server's end of a WebSocket in a test.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   []byte
	rd   websocket.Reader
}

var serverSide = &websocket.Config{}

// say sends each text as one frame, all in one write.
func (w *wire) say(texts ...string) {
	var b []byte
	for _, text := range texts {
		b = websocket.AppendFrame(b, websocket.Text, []byte(text))
	}
	w.conn.Write(b)
}

// hear returns the next frame's payload: text as it is, binary behind "b:", a
// close frame as "close", the end as "EOF".
func (w *wire) hear() string {
	buf := make([]byte, 4096)
	for {
		m, n, err := w.rd.Next(w.in)
		if err != nil {
			w.t.Errorf("the client sent a bad frame: %v", err)
			return err.Error()
		}
		if n > 0 {
			text := string(m.Data)
			w.in = w.in[n:]
			switch m.Opcode {
			case websocket.Text:
				return text
			case websocket.Binary:
				return "b:" + text
			case websocket.Close:
				return "close"
			case websocket.Pong:
				return "pong:" + text
			}
			continue
		}
		n, err = w.conn.Read(buf)
		if n > 0 {
			w.in = append(w.in, buf[:n]...)
		} else if err != nil {
			return "EOF"
		}
	}
}

// expect fails the test unless the client says these next.
func (w *wire) expect(texts ...string) {
	w.t.Helper()
	for _, want := range texts {
		if got := w.hear(); got != want {
			w.t.Errorf("the client sent %q, want %q", got, want)
		}
	}
}

// open plays the usual start, up to the answer to CONNECT.
func (w *wire) open() {
	w.t.Helper()
	w.say(handshake)
	w.expect("40")
	w.say(`40{"sid":"x"}`)
}

// fake is a scripted server. ws plays the server's end of one WebSocket; http
// answers everything else.
type fake struct {
	t    *testing.T
	ws   func(w *wire)
	http http.HandlerFunc
	done sync.WaitGroup
	url  string
}

func newFake(t *testing.T, ws func(w *wire), h http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{t: t, ws: ws, http: h}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.url = "http://" + l.Addr().String()
	srv := &http.Server{Handler: f}
	f.done.Go(func() { srv.Serve(l) })
	t.Cleanup(func() { srv.Close(); f.done.Wait() })
	return f
}

func (f *fake) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || f.ws == nil {
		if f.http == nil {
			http.NotFound(rw, r)
			return
		}
		f.http(rw, r)
		return
	}
	f.done.Add(1)
	defer f.done.Done()
	conn, buf, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		f.t.Error(err)
		return
	}
	defer conn.Close()
	accept := websocket.AppendAccept(nil, []byte(r.Header.Get("Sec-WebSocket-Key")))
	io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+string(accept)+"\r\n\r\n")
	early, _ := io.ReadAll(io.LimitReader(buf, int64(buf.Reader.Buffered())))
	f.ws(&wire{t: f.t, conn: conn, in: early, rd: websocket.Reader{Config: serverSide}})
}

// recorder is a Handler that puts down what happens as lines, and may act on it.
type recorder struct {
	mu     sync.Mutex
	lines  []string
	onText func(s *Session, packet string)
	ready  func(s *Session)
	over   chan error
}

func newRecorder() *recorder { return &recorder{over: make(chan error, 4)} }

func (r *recorder) note(line string) {
	r.mu.Lock()
	r.lines = append(r.lines, line)
	r.mu.Unlock()
}

func (r *recorder) Ready(s *Session) {
	r.note("ready")
	if r.ready != nil {
		r.ready(s)
	}
}

func (r *recorder) Text(s *Session, packet []byte) {
	r.note(string(packet))
	if r.onText != nil {
		r.onText(s, string(packet))
	}
}

func (r *recorder) Binary(_ *Session, data []byte) { r.note("b:" + string(data)) }

func (r *recorder) Closed(_ *Session, err error) {
	if err != nil {
		r.note("closed: " + err.Error())
	} else {
		r.note("closed")
	}
	r.over <- err
}

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// dial starts one session against the server at url, on a loop of its own.
func dial(t *testing.T, url string, o Options, h Handler) *Env {
	t.Helper()
	return dialWith(t, url, o, h, func(env *Env) { new(Session).Start(env, h) })
}

// dialWith runs start on a loop of its own.
func dialWith(t *testing.T, url string, o Options, h Handler, start func(env *Env)) *Env {
	t.Helper()
	config, err := NewConfig(url, o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := reactor.New(reactor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	env := NewEnv(config, r.Loops()[0])
	r.Loops()[0].Post(func() { start(env) })
	return env
}

func (r *recorder) await(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.over:
		return err
	case <-time.After(patience):
		t.Fatalf("the session goes on; so far:\n%s", r.all())
		return nil
	}
}

// waitFor fails the test if nothing comes from c.
func waitFor[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// TestSessionIsSmall keeps the promise of a small session.
func TestSessionIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Session{}) + unsafe.Sizeof(reactor.Conn{}); size > 256 {
		t.Errorf("a session and its connection are %d bytes, want at most 256", size)
	}
}

// pieces writes b in pieces of n bytes.
func pieces(w io.Writer, b []byte, n int) {
	for chunk := range slices.Chunk(b, n) {
		w.Write(chunk)
	}
}
