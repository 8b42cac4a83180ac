//go:build linux

package main

import (
	"bytes"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

// take serves what is whole at the start of b, and says how much that was, and
// whether c stays open.
func (s *server) take(c *conn, b []byte) (used int, open bool) {
	if !c.ws {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return 0, len(b) <= 16<<10
		}
		line := b[:bytes.IndexByte(b, '\r')]
		if !bytes.Contains(line, []byte("transport=websocket")) {
			s.out = append(s.out, bare.Refused...)
			return len(b), false
		}
		s.out = bare.AppendUpgrade(s.out, b[:end+2], s.handshake)
		c.ws = true
		s.pinged(c)
		used = end + 4
	}
	for {
		first, payload, n := bare.Frame(b[used:])
		if n <= 0 {
			return used, n == 0
		}
		used += n
		switch first & 0x0f {
		case 1:
			s.text(c, payload)
		case 2:
			s.out = append(bare.AppendHeader(s.out, 0x82, len(payload)), payload...) // the attachment of an echo
		case 8:
			s.out = append(s.out, 0x88, 0)
			return used, false
		case 9:
			s.out = append(bare.AppendHeader(s.out, 0x8a, len(payload)), payload...)
		}
	}
}

// text serves one packet.
func (s *server) text(c *conn, p []byte) {
	if len(p) < 2 || p[0] != '4' {
		return // a pong, most likely
	}
	switch {
	case bytes.HasPrefix(p, bare.Echo), bytes.HasPrefix(p, bare.Object), p[1] == '5':
		s.out = append(bare.AppendHeader(s.out, 0x81, len(p)), p...)
	case bytes.HasPrefix(p, bare.Broadcast):
		if room, payload := bare.Element(p[len(bare.Broadcast):]); room != nil {
			s.broadcast(room, payload)
		}
	case p[1] == '2':
		s.answer(c, p)
	case p[1] == '0':
		s.out = bare.AppendConnect(s.out, p)
	}
}

// answer serves an event that wants an acknowledgement.
func (s *server) answer(c *conn, p []byte) {
	_, digits := bare.Number(p[2:])
	rest := p[2+digits:]
	switch {
	case digits == 0:
	case bytes.HasPrefix(rest, []byte(`["ack",`)):
		s.out = bare.AppendAck(s.out, p, digits, rest[len(`["ack",`):])
	case bytes.HasPrefix(rest, []byte(`["join",`)):
		if room, _ := bare.Element(rest[len(`["join",`):]); room != nil {
			s.join(c, room)
			s.out = bare.AppendAck(s.out, p, digits, []byte("]"))
		}
	case bytes.HasPrefix(rest, []byte(`["leave",`)):
		if room, _ := bare.Element(rest[len(`["leave",`):]); room != nil {
			if c.room != nil && c.room.name == string(room) {
				s.leave(c)
			}
			s.out = bare.AppendAck(s.out, p, digits, []byte("]"))
		}
	}
}
