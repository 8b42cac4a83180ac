package engineio

import (
	"encoding/binary"
	"errors"
	"math"
)

// Packets on a stream of bytes, which is what WebTransport has, stand behind a header: one
// byte whose highest bit tells bytes from text and whose other bits are the packet's
// length; 126 there says that the length follows in two bytes, 127 in eight, the highest
// first. A text packet begins with its type; one of bytes is the data of a message.
//
// Source: Engine.IO protocol 4, "WebTransport", under "Packet encoding".

// MaxStreamHeader is the length in bytes of the longest header of a packet on a stream.
const MaxStreamHeader = 9

// ErrStream is the refusal of a packet on a stream: its length is 0, or one that
// JavaScript cannot count. Where the next packet begins is not known then.
var ErrStream = errors.New("engineio: invalid packet length")

// maxStreamLength is the largest length that the reference parser can read: 2^53-1, the
// largest safe integer of JavaScript.
const maxStreamLength = 1<<53 - 1

// StreamHeader reads the header at the start of b, of a packet of size bytes that stands
// behind its n bytes. n is 0 while b is too short to tell. Lengths need not be written in
// the shortest way.
//
// Errors: [ErrStream]. A bound on size is the caller's.
func StreamHeader(b []byte) (n, size int, isBinary bool, err error) {
	if len(b) == 0 {
		return 0, 0, false, nil
	}
	isBinary = b[0]&0x80 != 0
	length := uint64(b[0] & 0x7f)
	n = 1
	switch length {
	case 126:
		if len(b) < 3 {
			return 0, 0, false, nil
		}
		n, length = 3, uint64(binary.BigEndian.Uint16(b[1:]))
	case 127:
		if len(b) < 9 {
			return 0, 0, false, nil
		}
		n, length = 9, binary.BigEndian.Uint64(b[1:])
	}
	if length == 0 || length > maxStreamLength || length > math.MaxInt-MaxStreamHeader {
		return 0, 0, false, ErrStream
	}
	return n, int(length), isBinary, nil
}

// AppendStreamHeader appends the header of a packet of size bytes, at least one, and
// returns the extended slice.
func AppendStreamHeader(dst []byte, size int, isBinary bool) []byte {
	var mark byte
	if isBinary {
		mark = 0x80
	}
	switch {
	case size < 126:
		return append(dst, mark|byte(size))
	case size < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, mark|126), uint16(size))
	default:
		return binary.BigEndian.AppendUint64(append(dst, mark|127), uint64(size))
	}
}
