package engineio

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// The kinds of payload that a [Payload] can walk over.
const (
	kind4       = iota // packets in text, joined by a [Separator]
	kind3              // of protocol 3: a length in front of each packet
	kind3Binary        // of protocol 3: the same in binary
)

// NewPayload3 is [NewPayload] for a body of protocol 3. As text each packet has its length
// in front, in UTF-16 code units, as JavaScript counts: "6:4hello2:4€". In binary, which
// the content type application/octet-stream says, it is a byte that is 0 for text and 1
// for bytes, the decimal digits of the length in bytes as bytes of value 0 to 9, 255, and
// the packet; bytes have their type as a number in front.
//
// A length of 0 is passed over in text, and is [ErrPacket] in binary. So is a body without
// a byte in text; in binary it has no packets. Errors are as those of [Payload.Next], and
// for a length that is none, that the body does not have, or that ends inside a character.
// The reference server takes some of those: blanks, signs and exponents in a length, and a
// last packet of a binary payload that is too short.
//
// Source: Engine.IO protocol 3, "Encoding", "Payload", and the reference server.
func NewPayload3(b []byte, binary bool) Payload {
	if binary {
		return Payload{rest: b, left: len(b) > 0, kind: kind3Binary}
	}
	return Payload{rest: b, left: true, kind: kind3}
}

// next3 is Next for protocol 3.
func (p *Payload) next3() (packet Packet, ok bool, err error) {
	for p.left {
		if p.kind == kind3 {
			packet, ok, err = p.nextText3()
		} else {
			packet, err = p.nextBinary3()
			ok = err == nil
		}
		if err != nil {
			*p = Payload{err: err, kind: p.kind}
			return Packet{}, false, err
		}
		if p.left = len(p.rest) > 0; ok {
			return packet, true, nil
		}
	}
	return Packet{}, false, p.err
}

// nextText3 takes the packet at the front of a text payload. ok is false, without an
// error, for one of no length.
func (p *Payload) nextText3() (packet Packet, ok bool, err error) {
	i := bytes.IndexByte(p.rest, ':')
	if i < 1 {
		return Packet{}, false, ErrPacket
	}
	n := 0
	for _, c := range p.rest[:i] {
		if c -= '0'; c > 9 {
			return Packet{}, false, ErrPacket
		}
		if n = n*10 + int(c); n > len(p.rest) {
			return Packet{}, false, ErrPacket
		}
	}
	b := p.rest[i+1:]
	size, ok := sizeOfUnits(b, n)
	if !ok {
		return Packet{}, false, ErrPacket
	}
	p.rest = b[size:]
	if n == 0 {
		return Packet{}, false, nil
	}
	packet, err = Parse3(b[:size:size])
	return packet, err == nil, err
}

// nextBinary3 takes the packet at the front of a binary payload.
func (p *Payload) nextBinary3() (Packet, error) {
	b := p.rest
	if b[0] > 1 {
		return Packet{}, ErrPacket
	}
	n, i := 0, 1
	for ; i < len(b) && b[i] <= 9; i++ {
		if n = n*10 + int(b[i]); n > len(b) {
			return Packet{}, ErrPacket
		}
	}
	if i == 1 || i == len(b) || b[i] != lengthEnd || n > len(b)-i-1 {
		return Packet{}, ErrPacket
	}
	text := b[0] == 0
	b, p.rest = b[i+1:i+1+n:i+1+n], b[i+1+n:]
	if !text {
		return ParseBinary3(b)
	}
	if !utf8.Valid(b) {
		return Packet{}, ErrPacket
	}
	return Parse3(b)
}

// lengthEnd stands behind a length in a binary payload.
const lengthEnd = 255

// sizeOfUnits is how many bytes at the front of b are n code units of UTF-16. ok is false
// if b has not so many, is not UTF-8 up to there, or if they end between the two halves of
// a character.
func sizeOfUnits(b []byte, n int) (size int, ok bool) {
	i := 0
	for n > 0 {
		for n >= 8 && len(b)-i >= 8 && binary.LittleEndian.Uint64(b[i:])&nonASCII == 0 {
			i, n = i+8, n-8
		}
		switch {
		case n == 0:
		case i == len(b):
			return 0, false
		case b[i] < utf8.RuneSelf:
			i, n = i+1, n-1
		default:
			r, size := utf8.DecodeRune(b[i:])
			if size == 1 { // the error; U+FFFD itself has 3
				return 0, false
			}
			i, n = i+size, n-1
			if r > 0xffff {
				n--
			}
		}
	}
	return i, n == 0
}

// nonASCII is set in a word of eight bytes that has others than ASCII.
const nonASCII = 0x8080808080808080

// units is the length of b, which is UTF-8, in code units of UTF-16: one for each
// character, two for those that take four bytes.
func units(b []byte) (n int) {
	for len(b) >= 8 && binary.LittleEndian.Uint64(b)&nonASCII == 0 {
		b, n = b[8:], n+8
	}
	for _, c := range b {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// AppendPacket3 appends a packet in text form, which is UTF-8, to a text payload of
// protocol 3, and returns the extended slice.
//
// Source: Engine.IO protocol 3, "Encoding", "Payload".
func AppendPacket3(dst, packet []byte) []byte {
	dst = strconv.AppendInt(dst, int64(units(packet)), 10)
	return append(append(dst, ':'), packet...)
}

// AppendBinaryPacket3 appends a packet in text form, or, if binary is set, the data of a
// binary message, to a binary payload of protocol 3, and returns the extended slice.
//
// Source: Engine.IO protocol 3, "Encoding", "Payload".
func AppendBinaryPacket3(dst, packet []byte, binary bool) []byte {
	mark, n := byte(0), len(packet)
	if binary {
		mark, n = 1, n+1
	}
	dst = append(dst, mark)
	from := len(dst)
	dst = strconv.AppendInt(dst, int64(n), 10)
	for i := from; i < len(dst); i++ {
		dst[i] -= '0'
	}
	dst = append(dst, lengthEnd)
	if binary {
		dst = append(dst, BinaryMessage3)
	}
	return append(dst, packet...)
}

// PacketRoom3 is how many bytes the length of a packet and what stands beside it take at
// most in a payload of protocol 3: a mark, a length, an end, a type.
const PacketRoom3 = 1 + 19 + 1 + 1
