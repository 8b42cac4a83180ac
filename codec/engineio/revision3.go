package engineio

import (
	"encoding/base64"
	"math"
)

// BinaryMessage3 stands in front of the data of a binary message of protocol 3: the type
// as a number, in a binary frame of a WebSocket and in a binary payload.
const BinaryMessage3 = byte(Message - Open)

// Parse3 is [Parse] for protocol 3, whose packets differ in one thing: binary in text has
// its type behind the 'b', "b4AQIDBA==". It may have any type, but only a [Message] is
// Binary then. What is said there of overwriting b, of errors and of UTF-8 holds here too.
//
// The reference server takes base64 of an unknown type and does nothing with it; we refuse
// it like any other packet of an unknown type.
//
// Source: Engine.IO protocol 3, "Encoding", "Packet".
func Parse3(b []byte) (Packet, error) {
	if len(b) == 0 || b[0] != binaryMark {
		return Parse(b)
	}
	if len(b) < 2 || Type(b[1]) < Open || Type(b[1]) > Noop {
		return Packet{}, ErrPacket
	}
	data, ok := decodeInPlace(b[2:])
	if !ok {
		return Packet{}, ErrPacket
	}
	t := Type(b[1])
	return Packet{Type: t, Binary: t == Message, Data: data}, nil
}

// ParseBinary3 decodes a packet in binary form, as it comes in a binary frame of a
// WebSocket: its type as a number, and its data, which is returned as a view. Only a
// [Message] is Binary.
//
// Errors: [ErrPacket] for an empty packet and for an unknown type. The reference server
// takes both and does nothing with them.
//
// Source: Engine.IO protocol 3, "Encoding", "Packet".
func ParseBinary3(b []byte) (Packet, error) {
	if len(b) == 0 || b[0] > byte(Noop-Open) {
		return Packet{}, ErrPacket
	}
	t := Open + Type(b[0])
	return Packet{Type: t, Binary: t == Message, Data: b[1:len(b):len(b)]}, nil
}

// AppendBase64 appends data as a binary message of protocol 3 in text form, "b4" and
// padded base64, and returns the extended slice. data must not overlap the spare capacity
// of dst.
//
// Source: Engine.IO protocol 3, "Encoding", "Packet".
func AppendBase64(dst, data []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(dst, binaryMark, byte(Message)), data)
}

// Base64Size is how many bytes [AppendBase64] appends for n bytes of data, or
// [math.MaxInt] if that is more than an int can count.
func Base64Size(n int) int {
	size := BinarySize(n)
	if size == math.MaxInt {
		return size
	}
	return size + 1
}
