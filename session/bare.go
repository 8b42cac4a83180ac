package session

import "github.com/e6a90ca8/sio/codec/websocket"

// bare makes the connection a WebSocket without a session, see [Config.Bare].
func (c *Conn) bare(now Instant, q *Request) {
	if !c.legalUpgrade(now, q) {
		return
	}
	c.switchProtocols(q, 4)
	c.state = connBare
	c.dropRequest()
}

// SendBare sends a message on a connection that [Config.Bare] was called with. data is
// copied.
func (c *Conn) SendBare(data []byte, binary bool) {
	if c.state != connBare {
		return
	}
	op := websocket.Text
	if binary {
		op = websocket.Binary
	}
	o := c.output()
	n := len(o.own)
	if bits := c.form.WindowBits(); bits != 0 && len(data) >= c.host.Config().DeflateFrom {
		o.own = websocket.AppendDeflated(o.own, op, data, bits)
	} else {
		o.own = websocket.AppendFrame(o.own, op, data)
	}
	if o.bytes += len(o.own) - n; o.bytes > flushEarly {
		c.host.Bulky(c)
	}
}
