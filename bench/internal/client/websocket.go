package client

import (
	"bytes"
	"errors"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// dialWebSocket begins the session's WebSocket.
func (s *Session) dialWebSocket() {
	s.framed = false
	s.conn = s.env.Loop.Dial(s.env.Config.Addr, (*webSocket)(s))
	if s.paused {
		s.conn.Pause()
	}
}

// webSocket is a Session as the handler of its WebSocket's connection.
type webSocket Session

// Opened sends the opening handshake. Source: RFC 6455, section 4.1.
func (w *webSocket) Opened(c *reactor.Conn) {
	s := (*Session)(w)
	e, config := s.env, s.env.Config
	var query, headers string
	if s.poll != nil {
		query, headers = s.poll.query, s.poll.headers
	} else {
		var ok bool
		if query, headers, ok = s.dressed(); !ok {
			return
		}
	}
	b := append(e.buffer(), "GET "...)
	b = append(append(b, config.Target...), query...)
	b = append(b, "&transport=websocket"...)
	if s.poll != nil {
		b = append(append(b, "&sid="...), s.poll.sid...)
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, config.Host...)
	b = append(b, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	b = append(b, webSocketKey...)
	b = append(b, "\r\n"...)
	if config.compress {
		b = append(b, offer...)
	}
	b = append(append(b, config.headers...), headers...)
	b = append(b, "\r\n"...)
	c.Write(b)
	e.recycle(b)
}

func (w *webSocket) Closed(_ *reactor.Conn, err error) {
	s := (*Session)(w)
	if !s.framed && len(s.carry) > 0 { // an answer that ends with its connection
		if r, n, err := parseResponse(s.carry, true); err == nil && n > 0 {
			s.refusal(&r)
			return
		}
		s.fail(NotSocketIO, "the server sent %s and closed", Quote(s.carry))
		return
	}
	s.lost(err)
}

func (w *webSocket) Data(c *reactor.Conn, b []byte) {
	s := (*Session)(w)
	carried := len(s.carry) > 0
	if carried {
		s.carry = append(s.carry, b...)
		b = s.carry
	}
	before, at := s.env.cork(s)
	n := s.take(b)
	if s.state != ended && s.conn == c { // and was not started anew meanwhile
		switch rest := b[n:]; {
		case len(rest) == 0 && carried:
			s.env.recycle(s.carry)
			s.carry = nil
		case len(rest) > 0 && carried:
			s.carry = s.carry[:copy(s.carry, rest)]
		case len(rest) > 0:
			s.carry = append(s.env.buffer(), rest...)
		}
	}
	s.env.uncork(s, before, at)
}

// take takes the whole frames at the start of b and says how many bytes they
// were.
func (s *Session) take(b []byte) (n int) {
	if !s.framed {
		if n = s.shake(b); n == 0 || s.state == ended {
			return n
		}
	}
	conn := s.conn
	for s.state != ended && s.conn == conn {
		m, k, err := s.reader.Next(b[n:])
		if err != nil {
			s.badFrame(err, b[n:])
			return n
		}
		if k == 0 {
			return n
		}
		n += k
		if m.Compressed {
			if m.Data = s.inflated(m); m.Data == nil {
				return n
			}
		}
		switch m.Opcode {
		case websocket.Text:
			if s.state == probing {
				s.probed(m.Data)
			} else {
				s.text(m.Data)
			}
		case websocket.Binary:
			s.binaryFrame(m.Data)
		case websocket.Ping:
			s.env.out = websocket.AppendMasked(s.env.out, websocket.Pong, m.Data, s.env.nextMask())
		case websocket.Close:
			s.closing(m.Data)
		}
	}
	return n
}

// badFrame ends the session for what is no frame. The reference server refuses
// some clients by an HTTP response after it has agreed to the WebSocket.
func (s *Session) badFrame(err error, b []byte) {
	if s.state == opening {
		if r, n, err := parseResponse(b, true); err == nil && n > 0 {
			s.refusal(&r)
			return
		}
	}
	s.fail(BadFrame, "%v: %s", err, Quote(b))
}

// shake takes the answer to the opening handshake. Source: RFC 6455, section
// 4.1.
func (s *Session) shake(b []byte) (n int) {
	r, n, err := parseResponse(b, false)
	switch {
	case err != nil:
		s.fail(NotSocketIO, "%v: the server sent %s", err, Quote(b))
	case n == 0:
	case r.status != 101:
		s.refusal(&r)
	case !bytes.EqualFold(r.header("Upgrade"), []byte("websocket")):
		s.fail(NotSocketIO, "101 without Upgrade: websocket")
	case !bytes.Equal(r.header("Sec-WebSocket-Accept"), s.env.Config.accept[:]):
		s.fail(NotSocketIO, "wrong Sec-WebSocket-Accept %q", r.header("Sec-WebSocket-Accept"))
	case !s.agreed(r.header("Sec-WebSocket-Extensions")):
	default:
		s.framed = true
		if s.state == probing {
			s.env.out = websocket.AppendMasked(s.env.out, websocket.Text, []byte(engineio.ProbePing), s.env.nextMask())
		}
	}
	return n
}

// binaryFrame takes a binary message of the WebSocket.
func (s *Session) binaryFrame(b []byte) {
	if !s.env.Config.old() {
		s.binary(b)
		return
	}
	p, err := engineio.ParseBinary3(b)
	if err != nil {
		s.fail(BadPacket, "%v: %s", err, Quote(b))
		return
	}
	s.packet(p)
}

// closing takes a close frame. After our own goodbye it is the answer, and the
// server, as the side that RFC 6455, section 7.1.1, has close first, ends the
// connection next.
func (s *Session) closing(payload []byte) {
	code, reason, err := websocket.ParseClose(payload)
	switch {
	case err != nil:
		s.fail(BadFrame, "%v: %s", err, Quote(payload))
	case s.state == leaving:
	default:
		s.fail(ClosedByServer, "close frame %d %s", code, Quote(reason))
	}
}

// errProbe is the refusal of what comes on a WebSocket before the upgrade.
var errProbe = errors.New("not the answer to the probe")

// probed takes the answer to the probe. Source: Engine.IO protocol 4, "Upgrade".
func (s *Session) probed(b []byte) {
	if string(b) != engineio.ProbePong {
		s.fail(Unexpected, "%v: %s", errProbe, Quote(b))
		return
	}
	s.poll.paused = true
	s.poll.maySwitch()
}
