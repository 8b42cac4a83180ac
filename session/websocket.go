package session

import (
	"errors"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// frame takes one WebSocket frame from the start of b. It returns 0 when there is
// no whole one.
func (c *Conn) frame(now Instant, b []byte) int {
	if c.form == broadcast.Stream {
		return c.streamed(now, b)
	}
	m, n, err := c.reader.Next(b)
	if err != nil {
		c.broken(now, err)
		return len(b)
	}
	switch m.Opcode {
	case websocket.Text, websocket.Binary:
		switch c.state {
		case connWebSocket:
			c.sess.receive(now, m.Data, m.Opcode == websocket.Binary)
		case connProbe:
			c.sess.probeMessage(now, c, m.Data, m.Opcode == websocket.Binary)
		}
	case websocket.Ping:
		c.owePong(m.Data)
	case websocket.Close:
		c.peerClosed(now, m.Data)
		return len(b)
	}
	return n
}

// owePong answers a ping at the end of the turn. Of several pings in one turn only
// the last is answered, which RFC 6455 section 5.5.3 allows: a flood of pings costs
// one pong for each read.
func (c *Conn) owePong(payload []byte) {
	if c.state == connCloseWait {
		return
	}
	if c.pong == nil {
		c.pong = new(pong)
	}
	c.pong.n = uint8(copy(c.pong.data[:], payload))
	c.output() // makes the loop call Flush
}

// broken ends a WebSocket whose peer broke RFC 6455 or a limit.
func (c *Conn) broken(now Instant, err error) {
	code, text := websocket.StatusProtocolError, ""
	var e *websocket.Error
	if errors.As(err, &e) {
		code, text = e.Code, e.Text
	}
	if errors.Is(err, websocket.ErrTooBig) {
		err = errors.Join(err, &LimitError{Limit: "payload", Bound: int64(c.host.Config().MaxPayload)})
	}
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
