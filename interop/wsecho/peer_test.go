package main

import (
	"bufio"
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// The servers of all tests, without and with permessage-deflate.
var plainAddr, deflateAddr string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		for to, deflate := range map[*string]bool{&plainAddr: false, &deflateAddr: true} {
			g := newServer(deflate)
			ended := make(chan error, 1)
			go func() { ended <- g.Run([]string{"127.0.0.1:0"}) }()
			select {
			case <-g.Started():
			case err := <-ended:
				fmt.Println(err)
				return 1
			}
			*to = g.Addrs()[0].String()
			defer func() {
				shut(g)
				if err := <-ended; err != nil {
					fmt.Println(err)
				}
			}()
		}
		return m.Run()
	}())
}

// patience is how long a peer waits for anything.
const patience = 30 * time.Second

// A peer is the client of one case. It sends whatever it is told to, and keeps what comes.
type peer struct {
	t          *testing.T
	conn       net.Conn
	extensions string // agreed on
	chop       int    // bytes of one write; 0: all at once
	came       chan websocket.Message
	hangUp     sync.Once
}

// dial opens a WebSocket with the given offer of extensions, none if it is empty.
func dial(t *testing.T, addr, offer string) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	head := "GET /chat HTTP/1.1\r\nHost: " + addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if offer != "" {
		head += "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%+v, %v", resp, err)
	}
	p := &peer{t: t, conn: conn, extensions: resp.Header.Get("Sec-WebSocket-Extensions"), came: make(chan websocket.Message, 64)}
	done := make(chan struct{})
	go func() { defer close(done); p.read(r) }()
	t.Cleanup(func() {
		_ = conn.Close()
		for range p.came { // lets the reader end
		}
		<-done
	})
	return p
}

// read gives what comes to came, which is closed with the connection. A frame that is not
// legal is a failure.
func (p *peer) read(r io.Reader) {
	defer close(p.came)
	frames := websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 30, Deflate: p.extensions != ""}}
	buf, held := make([]byte, 256<<10), []byte(nil)
	for {
		n, err := r.Read(buf)
		for held = append(held, buf[:n]...); len(held) > 0; {
			m, n, err := frames.Next(held)
			if err != nil {
				p.t.Errorf("the server sent something illegal: %v", err)
				return
			}
			if n == 0 {
				break
			}
			held = held[n:]
			if m.Opcode == websocket.Continuation {
				p.t.Error("the server sent a fragment")
				return
			}
			m.Data = bytes.Clone(m.Data)
			p.came <- m
		}
		if err != nil {
			if len(held) > 0 {
				p.t.Errorf("the server ended in the middle of a frame: %.40q", held)
			}
			return
		}
	}
}

// write sends bytes. The server may have closed before it has them all, so errors are not
// looked at.
func (p *peer) write(b []byte) {
	for len(b) > 0 {
		n := len(b)
		if p.chop > 0 {
			n = min(n, p.chop)
		}
		if _, err := p.conn.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

// next is what comes next; ok is false if it is the end.
func (p *peer) next() (m websocket.Message, ok bool) {
	p.t.Helper()
	select {
	case m, ok = <-p.came:
		return m, ok
	case <-time.After(patience):
		p.t.Fatal("nothing comes")
		return m, false
	}
}

// expect takes messages and pongs in their order.
func (p *peer) expect(want ...websocket.Message) {
	p.t.Helper()
	for i, w := range want {
		m, ok := p.next()
		if !ok {
			p.t.Fatalf("the connection ended before answer %d of %d", i+1, len(want))
		}
		if m.Compressed {
			var err error
			if m.Data, err = websocket.Inflate(nil, m.Data, 1<<30); err != nil {
				p.t.Fatalf("answer %d: %v", i+1, err)
			}
		}
		if m.Opcode != w.Opcode || !bytes.Equal(m.Data, w.Data) {
			p.t.Fatalf("answer %d of %d is %v of %d bytes %.60q, want %v of %d bytes %.60q", i+1, len(want), m.Opcode, len(m.Data), m.Data, w.Opcode, len(w.Data), w.Data)
		}
	}
}

// failed expects that the server fails the connection with the code: its close frame, and
// then the end.
func (p *peer) failed(code uint16) {
	p.t.Helper()
	p.closed(code)
}

// closed expects a close frame with the code, and then the end.
func (p *peer) closed(code uint16) {
	p.t.Helper()
	m, ok := p.next()
	if !ok {
		p.t.Fatal("the connection ended without a close frame")
	}
	if m.Opcode != websocket.Close {
		p.t.Fatalf("%v %.60q came, want a close frame with %d", m.Opcode, m.Data, code)
	}
	got, _, err := websocket.ParseClose(m.Data)
	if err != nil || got != code {
		p.t.Errorf("closed with %d, %v, want %d", got, err, code)
	}
	if m, ok := p.next(); ok {
		p.t.Errorf("%v came behind the close frame", m.Opcode)
	}
}

// closes starts the closing handshake, and expects it to be ended.
func (p *peer) closes() {
	p.t.Helper()
	p.write(frame(websocket.Close, "\x03\xe8"))
	p.closed(websocket.StatusNormal)
}

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame is a whole message in one masked frame.
func frame[T string | []byte](op websocket.Opcode, payload T) []byte {
	return websocket.AppendMasked(nil, op, []byte(payload), mask)
}

// part is one fragment.
func part[T string | []byte](op websocket.Opcode, fin bool, payload T) []byte {
	return websocket.AppendMaskedFragment(nil, op, fin, []byte(payload), mask)
}

// parts is a message in fragments of n bytes.
func parts[T string | []byte](op websocket.Opcode, payload T, n int) (wire []byte) {
	if len(payload) == 0 {
		return part(op, true, payload)
	}
	for len(payload) > 0 {
		k := min(n, len(payload))
		wire = append(wire, part(op, k == len(payload), payload[:k])...)
		op, payload = websocket.Continuation, payload[k:]
	}
	return wire
}

// marked is a frame with these reserved bits: 4 is RSV1.
func marked(rsv byte, frame []byte) []byte {
	frame[0] |= rsv << 4
	return frame
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func text(s string) websocket.Message {
	return websocket.Message{Opcode: websocket.Text, Data: []byte(s)}
}

func binary(s string) websocket.Message {
	return websocket.Message{Opcode: websocket.Binary, Data: []byte(s)}
}

func pong(s string) websocket.Message {
	return websocket.Message{Opcode: websocket.Pong, Data: []byte(s)}
}

// compress is what a client makes of a message that it compresses, without context.
func compress(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = w.Write(p)
	_ = w.Flush()
	return b.Bytes()[:b.Len()-4]
}

// sample is text of n bytes that compresses, but not to nothing.
func sample(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id":%d,"at":"%x"},`, i, i*i*2654435761)
	}
	return b.String()[:n]
}
