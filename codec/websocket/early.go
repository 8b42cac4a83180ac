package websocket

// Early looks at the start of a frame of which [Reader.Next] has said that it is not whole:
// text that is not UTF-8 is refused as soon as the byte has come that breaks it, and not
// by the last byte of a frame that a peer may take its time with. b is what Next was given;
// its first seen bytes have been looked at before. It writes nothing, keeps nothing and
// does not allocate. What it has looked at, Next will look at again.
//
// Error: [ErrUTF8], after which the Reader must not be used again.
//
// Source: RFC 6455, section 8.1, which leaves it to us when to look.
func (r *Reader) Early(b []byte, seen int) error {
	if len(b) < 2 || !r.text(b[0]) {
		return nil
	}
	head, _ := extent(b)
	var mask [4]byte
	if b[1]&bitMask != 0 && head != 0 {
		if len(b) < head+4 {
			return nil
		}
		mask = [4]byte(b[head:])
		head += 4
	}
	if head == 0 || len(b) <= max(head, seen) {
		return nil
	}
	p, at, state := b[head:], 0, utf8Whole
	if r.open != nil {
		state = r.open.utf8
	}
	// Of four bytes of UTF-8 one begins a character, wherever they were cut out: from there
	// on it can be read without what stands before.
	for i := seen - head - 4; i >= 0 && i < seen-head; i++ {
		if (p[i]^mask[i&3])&0xC0 != 0x80 {
			at, state = i, utf8Whole
			break
		}
	}
	if utf8Masked(state, p[at:], [4]byte{mask[at&3], mask[(at+1)&3], mask[(at+2)&3], mask[(at+3)&3]}) == utf8Broken {
		r.open = nil
		return ErrUTF8
	}
	return nil
}

// text reports whether a frame with this first byte, which Next has not refused, is of a
// message whose bytes must be UTF-8.
func (r *Reader) text(b0 byte) bool {
	switch Opcode(b0 & 0x0f) {
	case Text:
		return b0&bitRSV1 == 0
	case Continuation:
		return r.open != nil && r.open.text
	}
	return false
}

// utf8Masked is utf8Next for p with the mask undone, leaving p as it is.
func utf8Masked(s utf8State, p []byte, mask [4]byte) utf8State {
	var space [512]byte // a multiple of the mask's length
	for len(p) > 0 && s != utf8Broken {
		b := space[:copy(space[:], p)]
		if ascii := unmask(b, mask); !ascii || s != utf8Whole {
			s = utf8Next(s, b)
		}
		p = p[len(b):]
	}
	return s
}
