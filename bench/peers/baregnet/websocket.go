package main

import (
	"bytes"
	"encoding/binary"

	"github.com/panjf2000/gnet/v2"
)

// frames serves the whole frames at the start of b.
func (c *conn) frames(b []byte) (n int, action gnet.Action) {
	l := c.loop
	for {
		f := b[n:]
		if len(f) < 6 {
			return n, gnet.None
		}
		size, head := int(f[1]&0x7f), 6
		switch size {
		case 126:
			size, head = int(binary.BigEndian.Uint16(f[2:])), 8
		case 127:
			if len(f) < 14 {
				return n, gnet.None
			}
			size, head = int(binary.BigEndian.Uint64(f[2:])), 14
			if size < 0 || size > 1_000_000 {
				return n, gnet.Close
			}
		}
		if len(f) < head+size {
			return n, gnet.None
		}
		payload := f[head : head+size]
		unmask(payload, f[head-4:head])
		n += head + size
		switch f[0] & 0x0f {
		case 1:
			c.text(payload)
		case 2:
			l.out = append(appendHeader(l.out, 0x82, size), payload...) // the attachment of an echo
		case 8:
			l.out = append(l.out, 0x88, 0)
			return n, gnet.Close
		case 9:
			l.out = append(appendHeader(l.out, 0x8a, size), payload...)
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
	case bytes.HasPrefix(p, echoHead), bytes.HasPrefix(p, objectHead), p[1] == '5':
		l.out = append(appendHeader(l.out, 0x81, len(p)), p...)
	case bytes.HasPrefix(p, broadcastHead):
		if room, payload := element(p[len(broadcastHead):]); room != nil {
			l.broadcast(room, payload)
		}
	case p[1] == '2':
		c.answer(p)
	case p[1] == '0':
		if len(p) > 2 && p[2] == '/' {
			nsp, _, _ := bytes.Cut(p[2:], []byte(","))
			l.out = appendText(l.out, "44", nsp, []byte(`,{"message":"Invalid namespace"}`))
			return
		}
		l.out = appendText(l.out, `40{"sid":"`, []byte(newID()), []byte(`"}`))
	}
}

var (
	echoHead      = []byte(`42["echo",`)
	objectHead    = []byte(`42["object",`)
	broadcastHead = []byte(`42["broadcast",`)
)

// answer serves an event that wants an acknowledgement.
func (c *conn) answer(p []byte) {
	l := c.loop
	_, digits := number(p[2:])
	id, rest := p[2:2+digits], p[2+digits:]
	switch {
	case digits == 0:
	case bytes.HasPrefix(rest, []byte(`["ack",`)):
		args := rest[len(`["ack",`):]
		l.out = appendHeader(l.out, 0x81, 2+digits+1+len(args))
		l.out = append(append(append(append(l.out, "43"...), id...), '['), args...)
	case bytes.HasPrefix(rest, []byte(`["join",`)):
		if room, _ := element(rest[len(`["join",`):]); room != nil {
			c.join(room)
			l.out = appendText(l.out, "43", id, []byte("[]"))
		}
	}
}

// appendText appends a text frame of three parts.
func appendText(dst []byte, a string, b, c []byte) []byte {
	dst = appendHeader(dst, 0x81, len(a)+len(b)+len(c))
	return append(append(append(dst, a...), b...), c...)
}

// appendHeader appends the header of an unmasked frame.
func appendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size < 1<<16:
		return append(dst, first, 126, byte(size>>8), byte(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
}

func unmask(b, key []byte) {
	word := uint64(binary.LittleEndian.Uint32(key))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
