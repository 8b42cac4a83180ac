package session

import (
	"errors"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// frame takes one WebSocket frame from the start of b, whose first seen bytes were here
// before. It returns 0 when there is no whole one.
func (c *Conn) frame(now Instant, b []byte, seen int) int {
	if c.form == broadcast.Stream {
		return c.streamed(now, b)
	}
	if c.form.WindowBits() != 0 {
		c.reader.Config = c.host.deflating()
	}
	m, n, err := c.reader.Next(b)
	if n == 0 && err == nil {
		err = c.reader.Early(b, seen)
	}
	if err != nil {
		c.broken(now, err)
		return len(b)
	}
	switch m.Opcode {
	case websocket.Text, websocket.Binary:
		if m.Compressed {
			c.inflate(now, &m)
		} else {
			c.message(now, m.Data, m.Opcode == websocket.Binary)
		}
	case websocket.Ping:
		c.pinged(m.Data)
	case websocket.Close:
		c.peerClosed(now, m.Data)
		return len(b)
	}
	return n
}

// message hands a whole message to whoever takes those of the connection.
func (c *Conn) message(now Instant, data []byte, binary bool) {
	switch c.state {
	case connWebSocket:
		c.sess.receive(now, data, binary)
	case connProbe:
		c.sess.probeMessage(now, c, data, binary)
	case connBare:
		c.host.Config().Bare(c, now, data, binary)
	}
}

// maxPongs is how many pings of one turn are answered each by its own pong, in its place
// between the messages. Of more only the last is answered, at the end of the turn, which
// RFC 6455 section 5.5.3 allows: a flood of pings costs a few pongs for each read.
const maxPongs = 16

func (c *Conn) pinged(payload []byte) {
	if c.state == connCloseWait {
		return
	}
	if c.pong == nil {
		c.pong = new(pong)
	}
	o := c.output() // makes the loop call Flush
	if c.pong.count < maxPongs {
		c.pong.count++
		o.control(websocket.Pong, payload)
		return
	}
	c.pong.owed = true
	c.pong.n = uint8(copy(c.pong.data[:], payload))
}

// lastPong answers the last ping of a turn that had too many. The next ones are counted
// anew.
func (c *Conn) lastPong() {
	p := c.pong
	if p == nil {
		return
	}
	c.pong = nil
	if !p.owed || c.state >= connCloseWait {
		return
	}
	if c.out == nil {
		c.out = c.host.output()
	}
	c.out.control(websocket.Pong, p.data[:p.n])
}

// broken ends a WebSocket whose peer broke RFC 6455 or a limit.
func (c *Conn) broken(now Instant, err error) {
	code, text := websocket.StatusProtocolError, ""
	var e *websocket.Error
	if errors.As(err, &e) {
		code, text = e.Code, e.Text
	}
	err = limited(c.host.Config(), err)
	awaiting := c.state == connCloseWait
	s := c.sess
	if !awaiting {
		c.closeFrame(now, code, text)
	}
	c.state = connClosing // what follows cannot be read any more
	c.until(now.After(lingerTimeout))
	c.output() // makes the loop call Flush, which ends our direction
	switch {
	case awaiting || s == nil:
	case s.ws == c:
		s.Close(now, TransportError, err)
	default:
		s.probeGone(c)
	}
}

// peerClosed is the peer's close frame: it is answered if it is the first, and the
// connection ends.
//
// Source: RFC 6455, section 5.5.1.
func (c *Conn) peerClosed(now Instant, payload []byte) {
	s := c.sess
	if c.state != connCloseWait {
		code, _, err := websocket.ParseClose(payload)
		if err != nil {
			c.broken(now, err)
			return
		}
		c.closeFrame(now, code, "")
	}
	c.state = connClosing
	c.marks |= markPeerDone
	c.output() // makes the loop call Flush, which ends the connection
	switch {
	case s == nil:
	case s.ws == c:
		s.Close(now, TransportClose, nil)
	default:
		s.probeGone(c)
	}
}

// closeFrame begins the closing handshake, or ends it. The reference server closes
// with [websocket.StatusNone], and clients tell a drop from a deliberate end by it.
func (c *Conn) closeFrame(now Instant, code uint16, reason string) {
	if c.state >= connCloseWait {
		return
	}
	if c.form == broadcast.Stream {
		c.closing(now) // it has no closing handshake
		return
	}
	o := c.output()
	n := len(o.own)
	o.own = websocket.AppendClose(o.own, code, reason)
	o.bytes += len(o.own) - n
	c.state = connCloseWait
	c.pause(false)
	c.until(now.After(c.host.Config().CloseTimeout))
}
