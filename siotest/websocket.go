package siotest

import (
	"bufio"
	"io"
	"net/http"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A wsLink is a WebSocket.
type wsLink struct {
	c      *conn
	pipe   io.ReadWriteCloser
	closed bool  // our close frame was sent; guarded by conn.mu
	err    error // why it did not become the transport; likewise
}

// clientFrames bounds nothing that a server might send in a test.
var clientFrames = &websocket.Config{Client: true, MaxMessage: 1 << 30}

// handshakeKey is the key of every opening handshake: nobody is to be convinced.
const handshakeKey = "c2lvdGVzdCBzYXlzIGhpIQ=="

// mask is the masking key of every frame. RFC 6455 wants one that cannot be guessed,
// for the sake of proxies that are not here; a fixed one makes runs repeatable.
var mask = [4]byte{0x5a, 0xc3, 0x0f, 0x96}

// openWS begins the opening handshake, with mu held.
func (c *conn) openWS(extra string) (*wsLink, error) {
	l := &wsLink{c: c}
	p, err := c.pipe(l.read)
	if err != nil {
		return nil, err
	}
	l.pipe = p
	c.write(p, c.head("GET", "websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+handshakeKey+"\r\n"+extra))
	return l, nil
}

// read is the link's reader.
func (l *wsLink) read(p io.ReadWriteCloser) {
	r := bufio.NewReader(p)
	if !l.switched(r) {
		return
	}
	frames := websocket.Reader{Config: clientFrames}
	var held []byte
	for {
		// One read of what is there, not more, so that nothing is held back.
		if _, err := r.Peek(1); err != nil {
			l.lost()
			return
		}
		n := r.Buffered()
		at := len(held)
		held = append(held, make([]byte, n)...)
		_, _ = io.ReadFull(r, held[at:])
		used := 0
		for {
			m, n, err := frames.Next(held[used:])
			if err != nil {
				l.c.mu.Lock()
				l.c.broken("WebSocket frame: %v", err)
				l.c.mu.Unlock()
				return
			}
			if n == 0 {
				break
			}
			used += n
			if !l.message(&m) {
				return
			}
		}
		held = held[:copy(held, held[used:])]
	}
}

// switched reads the answer to the opening handshake. It reports whether there is a
// WebSocket now.
func (l *wsLink) switched(r *bufio.Reader) bool {
	c := l.c
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		l.lost()
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.cond.Broadcast()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.mu.Unlock()
		body, _ := io.ReadAll(resp.Body)
		c.mu.Lock()
		e := &HandshakeError{Status: resp.StatusCode, Code: -1, Message: string(body)}
		if c.probe == l {
			c.probe.fail(e)
		} else {
			c.refused = e
		}
		return false
	}
	if want := string(websocket.AppendAccept(nil, []byte(handshakeKey))); resp.Header.Get("Sec-WebSocket-Accept") != want {
		c.broken("Sec-WebSocket-Accept %q", resp.Header.Get("Sec-WebSocket-Accept"))
		return false
	}
	if c.probe == l {
		l.write([]frame{{data: []byte(engineio.ProbePing)}})
	}
	return true
}

// message takes one message or control frame. It reports whether more may come.
func (l *wsLink) message(m *websocket.Message) bool {
	c := l.c
	switch m.Opcode {
	case websocket.Text:
		p, err := engineio.Parse(m.Data)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.broken("WebSocket message %q", m.Data)
			return false
		}
		l.packet(p)
	case websocket.Binary:
		c.mu.Lock()
		defer c.mu.Unlock()
		l.packet(engineio.Packet{Type: engineio.Message, Binary: true, Data: m.Data})
	case websocket.Ping:
		c.mu.Lock()
		c.write(l.pipe, websocket.AppendMasked(nil, websocket.Pong, m.Data, mask))
		c.mu.Unlock()
	case websocket.Close:
		c.mu.Lock()
		l.closeFrame(m.Data)
		c.mu.Unlock()
		l.lost()
		return false
	}
	return true
}

// packet takes a packet, with mu held.
func (l *wsLink) packet(p engineio.Packet) {
	switch l {
	case l.c.probe:
		l.probed(p)
	case l.c.ws:
		l.c.receive(p)
	}
}

// lost is told that nothing more will come.
func (l *wsLink) lost() {
	c := l.c
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.cond.Broadcast()
	switch l {
	case c.probe:
		l.fail(ErrClosed)
	case c.ws:
		c.end(transportClose)
	}
}

// write writes packets, with mu held.
func (l *wsLink) write(frames []frame) {
	var b []byte
	for _, f := range frames {
		op := websocket.Text
		if f.binary {
			op = websocket.Binary
		}
		b = websocket.AppendMasked(b, op, f.data, mask)
	}
	l.c.write(l.pipe, b)
}

// close begins the closing handshake, with mu held. The reader ends with the server's
// half of it.
func (l *wsLink) close() { l.closeFrame(nil) }

func (l *wsLink) closeFrame(payload []byte) {
	if !l.closed {
		l.closed = true
		l.c.write(l.pipe, websocket.AppendMasked(nil, websocket.Close, payload, mask))
	}
}
