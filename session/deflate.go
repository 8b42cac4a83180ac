package session

import (
	"bytes"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// deflating is what a loop keeps for the compressed messages of its WebSockets.
type deflating struct {
	frames websocket.Config // Config.Frames with RSV1 allowed

	buf  []byte // that messages are inflated into; nil while one of them is worked on
	turn Instant
	done int // what was inflated in that turn, as inflateTurn counts
}

// deflating is what frames are held to where permessage-deflate was agreed on. Config may
// have changed since the last time.
func (t *Table) deflating() *websocket.Config {
	t.deflate.frames = t.Config().Frames
	t.deflate.frames.Deflate = true
	return &t.deflate.frames
}

// agree looks for an offer of permessage-deflate in the request. The offers may stand in
// several fields, as if they were one list.
//
// Source: RFC 6455, section 11.3.2.
func (c *Conn) agree(q *Request) (d websocket.Deflate, err error) {
	if len(q.WebSocketExtensions) == 0 || c.host.Config().DeflateFrom == 0 {
		return d, nil
	}
	for name, value := range http1.Fields(q.Raw) {
		if !bytes.EqualFold(name, extensionsField) {
			continue
		}
		one, err := websocket.AcceptDeflate(value)
		if err != nil {
			return websocket.Deflate{}, err
		}
		if !d.On() {
			d = one
		}
	}
	return d, nil
}

var extensionsField = []byte("Sec-WebSocket-Extensions")

// put adds a message for a client that takes compressed ones.
func (c *Conn) put(o *Output, m *broadcast.Message) {
	from, before := c.host.Config().DeflateFrom, o.bytes
	for i := range m.Frames() {
		form := c.form
		f := m.Frame(i)
		if !m.Compress() || len(f.Payload()) < from {
			form = form.Plain()
		}
		o.formedFrame(f.In(form))
	}
	o.longest = max(o.longest, o.bytes-before)
}

// putText adds an Engine.IO packet, which is copied, for a client that takes compressed
// messages.
func (c *Conn) putText(o *Output, packet []byte) {
	if len(packet) < c.host.Config().DeflateFrom {
		o.text(packet, c.form)
		return
	}
	n := len(o.own)
	o.own = websocket.AppendDeflated(o.own, websocket.Text, packet, c.form.WindowBits())
	o.bytes += len(o.own) - n
	o.longest = max(o.longest, len(o.own)-n)
}

// inflateTurn is how much is inflated on the loop in one turn: some milliseconds at most.
// A peer can make a thousand bytes of each that it sends, and other connections must not
// wait for that; what is more is given away. Counted are the bytes that come out, and
// those that go in inflateIn times: blocks that hold nothing cost 0.12 us for each byte.
const (
	inflateTurn = 256 << 10
	inflateIn   = 4
)

// inflate takes a compressed message. What costs more than inlineBelow is inflated
// elsewhere, and the connection is not read meanwhile: its messages keep their order.
func (c *Conn) inflate(now Instant, m *websocket.Message) {
	if c.state == connCloseWait {
		return // not looked at any more
	}
	w := &c.host.deflate
	if now != w.turn {
		w.turn, w.done = now, 0
	}
	limit := w.frames.MaxMessage
	most := min(inlineBelow, inflateTurn-w.done)
	first, cost := min(limit, most), inflateIn*len(m.Data)
	var data []byte
	var err error
	long := cost >= most
	if !long {
		data, err = inflated(w.take(), m, first)
		w.done += len(data) + cost
		long = err == websocket.ErrTooBig && first < limit
	}
	if long {
		if c.state == connWebSocket && c.inflateElsewhere(m, limit) {
			w.keep(data)
			return
		}
		if data == nil {
			data = w.take()
		}
		data, err = inflated(data[:0], m, limit)
		w.done += len(data) + cost
	}
	if err != nil {
		c.broken(now, err)
	} else {
		c.message(now, data, m.Opcode == websocket.Binary)
	}
	w.keep(data)
}

// inflated is what a compressed message holds, at most limit bytes, behind dst. Any
// goroutine.
func inflated(dst []byte, m *websocket.Message, limit int) ([]byte, error) {
	data, err := websocket.Inflate(dst, m.Data, limit)
	if err == nil && m.Opcode == websocket.Text && !websocket.ValidText(data) {
		err = websocket.ErrUTF8
	}
	return data, err
}

// inflateElsewhere has a message inflated by another goroutine; until that is done the
// connection is as stalled as by a full inbox. It reports false if nobody is free.
func (c *Conn) inflateElsewhere(m *websocket.Message, limit int) bool {
	s, h := c.sess, c.host
	kept := *m
	kept.Data = bytes.Clone(m.Data)
	if !h.App().Offload(func() {
		var data []byte
		err := error(websocket.ErrDeflate)
		defer func() { // also when the goroutine ends: a connection that is stalled is never given up
			h.Run(h.Index(), func(_ Host, now Instant) { c.inflatedElsewhere(now, s, data, kept.Opcode, err) })
		}()
		data, err = inflated(nil, &kept, limit)
	}) {
		return false
	}
	s.stalls++
	return true
}

// inflatedElsewhere goes on with what inflateElsewhere has made of a message.
func (c *Conn) inflatedElsewhere(now Instant, s *Session, data []byte, op websocket.Opcode, err error) {
	whole := false
	defer func() {
		if !whole { // a panic: nobody may go on behind the message
			c.wire.Close()
		}
	}()
	if c.state == connWebSocket {
		if err != nil {
			c.broken(now, err)
		} else {
			c.message(now, data, op == websocket.Binary)
		}
	}
	whole = true
	s.stalls--
	if s.stalls == 0 {
		s.excuse(now)
		s.unstall(now)
	}
}

// take lends the buffer that messages are inflated into.
func (w *deflating) take() []byte {
	b := w.buf
	w.buf = nil
	return b[:0]
}

// keep takes it back, grown, unless it is large.
func (w *deflating) keep(b []byte) {
	if cap(b) <= maxKept && cap(b) > cap(w.buf) {
		w.buf = b
	}
}

// maxKept is how much of the buffer for inflated messages a loop keeps, in bytes.
const maxKept = 64 << 10
