package websocket

import "math"

const (
	// DefaultMaxMessage is the default of Config.MaxMessage, in bytes: the
	// default of the reference server, told to clients as maxPayload.
	DefaultMaxMessage = 1_000_000

	// DefaultMaxFragments is the default of Config.MaxFragments.
	DefaultMaxFragments = 16_384

	// maxEmpty bounds the empty fragments of a message. There is no use for
	// more than the first or the last; the bytes of a message do not bound
	// them, so something else has to.
	maxEmpty = 64

	// minFragments is what the buffer of a fragmented message starts with.
	minFragments = 512
)

// A Config is what the Readers of one server, or of one client, have in common.
// It must not change while a [Reader] uses it. Its zero value is a server with
// the defaults.
type Config struct {
	// MaxMessage bounds the payload of a message, all fragments together, in
	// bytes; one more is refused with [ErrTooBig]. Default (0 or less)
	// [DefaultMaxMessage].
	MaxMessage int

	// MaxFragments bounds the fragments of a message; one more is refused with
	// [ErrFragments], since each costs far more than its bytes. Default (0 or
	// less) [DefaultMaxFragments].
	MaxFragments int

	// Client is set to read what a server sends: frames must not be masked.
	// Otherwise they must be.
	Client bool

	// Deflate lets RSV1 stand on the first frame of a message, where
	// permessage-deflate was negotiated, and Message.Compressed tells of it.
	// Inflating is the caller's, see [Inflate]: MaxMessage counts the bytes before it.
	//
	// Source: RFC 7692, section 6.
	Deflate bool
}

// A Message is what one call of [Reader.Next] has found.
type Message struct {
	// Data is the payload, unmasked; see Next for how long it lives. It is cut
	// so that an append to it copies.
	Data []byte

	// Opcode is that of the message's first frame, or [Continuation] if there
	// is no message yet.
	Opcode Opcode

	// Compressed is set for a message of permessage-deflate, only with
	// Config.Deflate. Data is as it came, and text has not been checked to be
	// UTF-8: see [ValidText].
	Compressed bool
}

// A Reader assembles the messages of one direction of one connection. It is used
// by one goroutine at a time, must not be copied once it has read something, and
// has nothing to be closed. TestReaderIsTwoWords keeps its size: an idle
// connection has one.
type Reader struct {
	// Config is shared; it must be set before the first call of Next.
	Config *Config

	// open is the message of which some fragments have come, or nil.
	open *fragments
}

// fragments is a message under way.
type fragments struct {
	data       []byte
	count      int // frames that were taken in
	empty      int // those of them without payload
	opcode     Opcode
	compressed bool
	text       bool      // whether data has to be UTF-8
	utf8       utf8State // where the end of data stands in it
}

// Next takes the next frame from the start of b, the unread bytes of the stream.
//
//   - n == 0: the frame is not whole yet; nothing was touched. Call again with
//     the same bytes and more behind them; [Need] tells how many.
//   - n > 0 and m.Opcode == [Continuation]: a fragment of n bytes was taken in.
//   - n > 0 otherwise: m is a message, or a control frame, which may also come
//     between the fragments of a message.
//
// The payload of the frame taken is unmasked in place, so b must be writable,
// and its n bytes mean nothing afterwards. Data of a message in one frame and of
// a control frame is a view of b. Data of a fragmented message is a view of a
// buffer of the Reader, and valid until the next call.
//
// A fragmented message grows with the bytes that came, not with those that were
// announced, and is let go when it is complete. Until then its buffer holds at
// most twice what came, 512 bytes at least, and never more than MaxMessage.
// Nothing else allocates.
//
// Errors, each an [*Error] and fatal for the connection: [ErrReserved],
// [ErrOpcode], [ErrControl], [ErrOrder] and [ErrMasking], told from the first two
// bytes of a frame; [ErrLength], [ErrTooBig] and [ErrFragments], told from its
// length, before the payload; [ErrUTF8] for text, told by the frame that breaks
// it. With an error n is 0. The Reader has let go of its buffer and must not be
// used again.
//
// The body of a close frame is left to [ParseClose].
func (r *Reader) Next(b []byte) (m Message, n int, err error) {
	if len(b) < 2 {
		return Message{}, 0, nil
	}
	if err := r.checkHead(b[0], b[1]); err != nil {
		r.open = nil
		return Message{}, 0, err
	}
	op, head, length := Opcode(b[0]&0x0f), 2, uint64(b[1]&^bitMask)
	if length > MaxControl { // the longer forms, never of a control frame
		if head, length = extent(b); head == 0 {
			return Message{}, 0, nil
		}
		if length > math.MaxInt64 {
			r.open = nil
			return Message{}, 0, ErrLength
		}
	}
	if !op.Control() {
		if err := r.checkSize(b[0], length); err != nil {
			r.open = nil
			return Message{}, 0, err
		}
	}

	var mask [4]byte
	masked := b[1]&bitMask != 0
	if masked {
		if len(b) < head+4 {
			return Message{}, 0, nil
		}
		mask = [4]byte(b[head:])
		head += 4
	}
	if uint64(len(b)-head) < length {
		return Message{}, 0, nil
	}
	n = head + int(length)
	data := b[head:n:n]
	ascii := masked && unmask(data, mask)

	if op.Control() {
		return Message{Data: data, Opcode: op}, n, nil
	}
	if b[0]&bitFin != 0 && op != Continuation {
		m = Message{Data: data, Opcode: op, Compressed: b[0]&bitRSV1 != 0}
		if op == Text && !ascii && !m.Compressed && !ValidText(data) {
			return Message{}, 0, ErrUTF8
		}
		return m, n, nil
	}
	m, err = r.takeFragment(b[0], data, ascii)
	if err != nil {
		return Message{}, 0, err
	}
	return m, n, nil
}

// checkHead holds the first two bytes of a frame to all rules that can be told
// from them.
func (r *Reader) checkHead(b0, b1 byte) error {
	op := Opcode(b0 & 0x0f)
	if rsv := b0 & bitsRSV; rsv != 0 && (rsv != bitRSV1 || !r.Config.Deflate || op != Text && op != Binary) {
		return ErrReserved
	}
	if err := checkControl(b0, b1); err != nil {
		return err
	}
	if !op.Control() && (op == Continuation) != (r.open != nil) {
		return ErrOrder
	}
	if (b1&bitMask == 0) != r.Config.Client {
		return ErrMasking
	}
	return nil
}

// checkSize holds a data frame to the limits of its message, from its header.
// length is under 2^63 and so is what has come before: their sum fits.
func (r *Reader) checkSize(b0 byte, length uint64) error {
	limit := uint64(r.maxMessage())
	if r.open == nil {
		if length > limit {
			return ErrTooBig
		}
		return nil
	}
	if uint64(len(r.open.data))+length > limit {
		return ErrTooBig
	}
	most := r.Config.MaxFragments
	if most <= 0 {
		most = DefaultMaxFragments
	}
	if r.open.count >= most || length == 0 && r.open.empty >= maxEmpty {
		return ErrFragments
	}
	return nil
}

func (r *Reader) maxMessage() int {
	if r.Config.MaxMessage > 0 {
		return r.Config.MaxMessage
	}
	return DefaultMaxMessage
}

// takeFragment adds one frame of a fragmented message, the first, a further or
// the last, which checkHead and checkSize let through. ascii promises that p is
// ASCII.
func (r *Reader) takeFragment(b0 byte, p []byte, ascii bool) (Message, error) {
	f := r.open
	if f == nil {
		op, compressed := Opcode(b0&0x0f), b0&bitRSV1 != 0
		f = &fragments{opcode: op, compressed: compressed, text: op == Text && !compressed}
		r.open = f
	}
	last := b0&bitFin != 0
	if f.text {
		if !ascii || f.utf8 != utf8Whole {
			f.utf8 = utf8Next(f.utf8, p)
		}
		if f.utf8 == utf8Broken || last && f.utf8 != utf8Whole {
			r.open = nil
			return Message{}, ErrUTF8
		}
	}
	f.count++
	if len(p) == 0 {
		f.empty++
	}
	f.add(p, last, r.maxMessage())
	if !last {
		return Message{}, nil
	}
	r.open = nil
	n := len(f.data)
	return Message{Data: f.data[:n:n], Opcode: f.opcode, Compressed: f.compressed}, nil
}

// add appends p, which does not take the message over limit. The buffer doubles
// up to the limit, and to the message's own size when p is the last of it.
func (f *fragments) add(p []byte, last bool, limit int) {
	if need := len(f.data) + len(p); need > cap(f.data) {
		size := need
		if !last {
			size = min(max(need, 2*cap(f.data), minFragments), max(need, limit))
		}
		grown := make([]byte, len(f.data), size)
		copy(grown, f.data)
		f.data = grown
	}
	f.data = append(f.data, p...)
}
