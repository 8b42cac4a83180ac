package client

import (
	"bytes"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
)

// greeting is what is used of an open packet. Those of one server differ in the sid
// alone, as a rule, so that one is read and the others are compared with it: ten
// thousand handshakes leave nothing to collect.
type greeting struct {
	sid               []byte // a view of the packet
	interval, timeout time.Duration

	rest []byte // what stood behind the sid
}

// handshake reads the data of an open packet.
func (e *Env) handshake(data []byte) (greeting, error) {
	sid, rest, ok := leadingSID(data)
	if g := e.greeting; ok && len(sid) > 0 && len(g.rest) > 0 && bytes.Equal(rest, g.rest) {
		g.sid = sid
		return g, nil
	}
	h, err := engineio.ParseHandshake(data)
	if err != nil {
		return greeting{}, err
	}
	g := greeting{interval: h.PingInterval, timeout: h.PingTimeout, rest: append([]byte(nil), rest...)}
	if e.greeting = g; !ok {
		e.greeting.rest = nil
	}
	g.sid = []byte(h.SID)
	return g, nil
}

// leadingSID takes an object apart that begins with a sid without escapes; ok is
// false for others. rest is what stands behind the sid's last quote.
func leadingSID(data []byte) (sid, rest []byte, ok bool) {
	tail, ok := bytes.CutPrefix(data, []byte(`{"sid":"`))
	if !ok {
		return nil, nil, false
	}
	i := bytes.IndexByte(tail, '"')
	if i < 0 || bytes.IndexByte(tail[:i], '\\') >= 0 {
		return nil, nil, false
	}
	return tail[:i], tail[i+1:], true
}
