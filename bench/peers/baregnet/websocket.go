package main

import (
	"bytes"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

// frames serves the whole frames at the start of b.
func (c *conn) frames(b []byte) (n int, action gnet.Action) {
	l := c.loop
	for {
		first, payload, k := bare.Frame(b[n:])
		if k == 0 {
			return n, gnet.None
		}
		if k < 0 {
			return n, gnet.Close
		}
		n += k
		switch first & 0x0f {
		case 1:
			c.text(payload)
		case 2:
			l.out = append(bare.AppendHeader(l.out, 0x82, len(payload)), payload...) // the attachment of an echo
		case 8:
			l.out = append(l.out, 0x88, 0)
			return n, gnet.Close
		case 9:
			l.out = append(bare.AppendHeader(l.out, 0x8a, len(payload)), payload...)
		}
	}
}

// text serves one packet.
func (c *conn) text(p []byte) {
	l := c.loop
	if len(p) < 2 || p[0] != '4' {
		return // a pong, most likely
	}
	switch {
	case bytes.HasPrefix(p, bare.Echo), bytes.HasPrefix(p, bare.Object), p[1] == '5':
		l.out = append(bare.AppendHeader(l.out, 0x81, len(p)), p...)
	case bytes.HasPrefix(p, bare.Broadcast):
		if room, payload := bare.Element(p[len(bare.Broadcast):]); room != nil {
			l.broadcast(room, payload)
		}
	case p[1] == '2':
		c.answer(p)
	case p[1] == '0':
		l.out = bare.AppendConnect(l.out, p)
	}
}

// answer serves an event that wants an acknowledgement.
func (c *conn) answer(p []byte) {
	l := c.loop
	_, digits := bare.Number(p[2:])
	rest := p[2+digits:]
	switch {
	case digits == 0:
	case bytes.HasPrefix(rest, []byte(`["ack",`)):
		l.out = bare.AppendAck(l.out, p, digits, rest[len(`["ack",`):])
	case bytes.HasPrefix(rest, []byte(`["join",`)):
		if room, _ := bare.Element(rest[len(`["join",`):]); room != nil {
			c.join(room)
			l.out = bare.AppendAck(l.out, p, digits, []byte("]"))
		}
	case bytes.HasPrefix(rest, []byte(`["leave",`)):
		if room, _ := bare.Element(rest[len(`["leave",`):]); room != nil {
			if c.room != nil && c.room.name == string(room) {
				c.leave()
			}
			l.out = bare.AppendAck(l.out, p, digits, []byte("]"))
		}
	}
}
