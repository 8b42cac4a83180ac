package websocket

import (
	"encoding/binary"
	"math"

	"github.com/gobwas/ws"
)

// An Opcode is the kind of a frame, in the numbers of the wire.
//
// Source: RFC 6455, section 5.2.
type Opcode byte

const (
	// Continuation goes on with a fragmented message.
	Continuation Opcode = 0x0

	// Text is UTF-8; so are all fragments behind it, taken together.
	Text Opcode = 0x1

	// Binary is bytes of any kind.
	Binary Opcode = 0x2

	// Close starts or answers the closing handshake; see [ParseClose].
	Close Opcode = 0x8

	// Ping asks for a Pong with the same payload.
	Ping Opcode = 0x9

	// Pong answers a Ping, or nothing.
	Pong Opcode = 0xA
)

// Control tells control frames (Close, Ping, Pong) from data frames. A control
// frame is never fragmented and may stand between the fragments of a message.
func (op Opcode) Control() bool { return op&0x8 != 0 }

// known reports whether the number has a meaning.
func (op Opcode) known() bool { return op <= Binary || op-Close <= Pong-Close }

// String is the name of the opcode in the RFC, for logs.
func (op Opcode) String() string {
	switch op {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "reserved"
}

// Sizes of the parts of a frame, in bytes.
const (
	// MaxServerHeader is the longest header without a masking key: what to
	// leave free in front of a payload for [PutHeaderBefore].
	MaxServerHeader = 10

	// MaxHeader is the longest header of all.
	MaxHeader = 14

	// MaxControl is the longest payload of a control frame (section 5.5).
	MaxControl = 125
)

// The bits of the first two bytes of a header.
const (
	bitFin  = 0x80
	bitsRSV = 0x70
	bitRSV1 = 0x40
	bitMask = 0x80
)

// A Header is the head of one frame.
//
// Source: RFC 6455, section 5.2.
type Header struct {
	// Length is that of the payload, under 2^63. It is what the peer
	// announces; check it before an int is made of it.
	Length uint64

	// Opcode is one of the six that are defined.
	Opcode Opcode

	// RSV holds the reserved bits where they stand on the wire: 0x40, 0x20
	// and 0x10 for RSV1, RSV2 and RSV3.
	RSV byte

	// Fin is set on the last frame of a message; on a control frame always.
	Fin bool

	// Masked is set if the payload is masked with Mask.
	Masked bool
	Mask   [4]byte
}

// ParseHeader reads the frame header at the start of b. n is its size; with n
// zero and no error it is not complete yet. It writes nothing, keeps nothing and
// does not allocate.
//
// It checks what holds for a frame on its own: [ErrOpcode], [ErrControl],
// [ErrLength], each as soon as the bytes that break the rule are there. What
// depends on the connection is for [Reader]: masking, reserved bits, the order
// of continuations, limits.
//
// Lengths written in more bytes than they need are accepted, as everybody does;
// section 5.2 asks senders for the shortest form and does not tell receivers to
// refuse another.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	if err := checkControl(b[0], b[1]); err != nil {
		return Header{}, 0, err
	}
	n, length := extent(b)
	if n == 0 {
		return Header{}, 0, nil
	}
	if length > math.MaxInt64 {
		return Header{}, 0, ErrLength
	}
	h = Header{
		Length: length,
		Opcode: Opcode(b[0] & 0x0f),
		RSV:    b[0] & bitsRSV,
		Fin:    b[0]&bitFin != 0,
		Masked: b[1]&bitMask != 0,
	}
	if h.Masked {
		if len(b) < n+4 {
			return Header{}, 0, nil
		}
		h.Mask = [4]byte(b[n:])
		n += 4
	}
	return h, n, nil
}

// checkControl holds the first two bytes of a frame to the rules for opcodes
// and control frames. A control frame has room for no more than 7 bits of
// length, so it is refused for the longer forms, whatever they say.
func checkControl(b0, b1 byte) error {
	op := Opcode(b0 & 0x0f)
	if !op.known() {
		return ErrOpcode
	}
	if op.Control() && (b0&bitFin == 0 || b1&^bitMask > MaxControl) {
		return ErrControl
	}
	return nil
}

// extent reads the length in the header at the start of b, which holds two bytes
// or more. n is the size of the header up to the masking key, or zero if the
// length is not complete.
func extent(b []byte) (n int, length uint64) {
	switch length = uint64(b[1] &^ bitMask); length {
	case 126:
		if len(b) < 4 {
			return 0, 0
		}
		return 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if len(b) < 10 {
			return 0, 0
		}
		return 10, binary.BigEndian.Uint64(b[2:])
	}
	return 2, length
}

// Need is how many bytes the frame at the start of b has in all, header and
// payload. It is zero while the header is not complete, and [math.MaxInt] for
// more than an int can count.
//
// It is the peer's word and nothing else: use it to tell how much is missing,
// never to allocate. It checks nothing; [Reader.Next] has refused a frame over
// the limit as soon as its length was there.
func Need(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	n, length := extent(b)
	if b[1]&bitMask != 0 && n > 0 {
		n += 4
	}
	if n == 0 || len(b) < n {
		return 0
	}
	if length > math.MaxInt-MaxHeader {
		return math.MaxInt
	}
	return n + int(length)
}

// HeaderSize is the size of an unmasked header in front of so many bytes of
// payload: 2, 4 or 10.
func HeaderSize(payload int) int {
	switch {
	case payload <= MaxControl:
		return 2
	case payload <= math.MaxUint16:
		return 4
	}
	return MaxServerHeader
}

// AppendHeader appends the header of an unmasked frame with so many bytes of
// payload, and returns the extended slice. payload is a length, so not negative;
// for a control frame it is at most [MaxControl], and fin is set.
func AppendHeader(dst []byte, op Opcode, fin bool, payload int) []byte {
	return appendHeader(dst, op, fin, payload, 0)
}

// PutHeaderBefore writes the header of a final, unmasked frame into buf so that
// it ends where its payload starts, at buf[at], and returns where it starts:
// buf[start:at+payload] is then the frame. It is for payloads that are encoded
// with [MaxServerHeader] bytes left free before them, when their length is not
// yet known.
//
// It panics if there are less than [HeaderSize] bytes before at.
func PutHeaderBefore(buf []byte, at int, op Opcode, payload int) (start int) {
	start = at - HeaderSize(payload)
	appendHeader(buf[start:start:at], op, true, payload, 0)
	return start
}

// AppendFrame appends a final, unmasked frame, as servers send them, and returns
// the extended slice. The payload of a control frame is at most [MaxControl]
// bytes. payload may be nil.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(appendHeader(dst, op, true, len(payload), 0), payload...)
}

// AppendMasked appends a final frame with masked payload, as clients send them,
// and returns the extended slice. payload itself stays as it is and must not
// overlap the spare capacity of dst.
//
// A client must draw each mask from a source that nobody can predict (section
// 5.3); tests and load generators need not.
func AppendMasked(dst []byte, op Opcode, payload []byte, mask [4]byte) []byte {
	return AppendMaskedFragment(dst, op, true, payload, mask)
}

// AppendMaskedFragment is [AppendMasked] for one fragment of a message: the
// first has the opcode of the message, the others [Continuation], and only the
// last has fin.
func AppendMaskedFragment(dst []byte, op Opcode, fin bool, payload []byte, mask [4]byte) []byte {
	dst = append(appendHeader(dst, op, fin, len(payload), bitMask), mask[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[at:], mask, 0)
	return dst
}

// appendHeader is AppendHeader with a mask bit of 0 or bitMask. The masking key
// is the caller's to append.
func appendHeader(dst []byte, op Opcode, fin bool, payload int, maskBit byte) []byte {
	b0 := byte(op)
	if fin {
		b0 |= bitFin
	}
	switch {
	case payload <= MaxControl:
		return append(dst, b0, maskBit|byte(payload))
	case payload <= math.MaxUint16:
		return append(dst, b0, maskBit|126, byte(payload>>8), byte(payload))
	}
	return binary.BigEndian.AppendUint64(append(dst, b0, maskBit|127), uint64(payload))
}
