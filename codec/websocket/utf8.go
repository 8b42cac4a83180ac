package websocket

import "encoding/binary"

// A utf8State is where a run of bytes stands in the grammar of UTF-8: the shift,
// in bits, of the state's column in utf8Rows. Only the low 6 bits count.
//
// Source: Unicode standard, table 3-7, "Well-Formed UTF-8 Byte Sequences".
type utf8State uint64

const (
	utf8Whole  utf8State = 6 * iota // between two characters
	utf8Broken                      // not UTF-8, whatever follows
	utf8Last                        // one byte of 80..BF is missing
	utf8Last2                       // two
	utf8Last3                       // three
	utf8E0                          // after E0: A0..BF, or it is overlong
	utf8ED                          // after ED: 80..9F, or it is a surrogate
	utf8F0                          // after F0: 90..BF, or it is overlong
	utf8F4                          // after F4: 80..8F, or it is past U+10FFFF
)

// utf8Rows is the automaton: one row of 64 bits for each byte, in which each
// state has a column of 6 bits that holds the state after that byte. The row
// depends on the byte alone, so rows are loaded ahead, and from byte to byte the
// processor waits for one shift only. On text beyond ASCII that is up to twice as
// fast as utf8.Valid (BenchmarkValidText has both), and it can stop after any
// byte, so fragments are checked as they come.
var utf8Rows = makeUTF8Rows()

func makeUTF8Rows() (rows [256]uint64) {
	for b := range rows {
		for s := utf8Whole; s <= utf8F4; s += 6 {
			rows[b] |= uint64(utf8Broken) << s
		}
	}
	for _, e := range []struct {
		in     utf8State
		lo, hi int
		out    utf8State
	}{
		{utf8Whole, 0x00, 0x7F, utf8Whole},
		{utf8Whole, 0xC2, 0xDF, utf8Last},
		{utf8Whole, 0xE0, 0xE0, utf8E0},
		{utf8Whole, 0xE1, 0xEC, utf8Last2},
		{utf8Whole, 0xED, 0xED, utf8ED},
		{utf8Whole, 0xEE, 0xEF, utf8Last2},
		{utf8Whole, 0xF0, 0xF0, utf8F0},
		{utf8Whole, 0xF1, 0xF3, utf8Last3},
		{utf8Whole, 0xF4, 0xF4, utf8F4},
		{utf8Last, 0x80, 0xBF, utf8Whole},
		{utf8Last2, 0x80, 0xBF, utf8Last},
		{utf8Last3, 0x80, 0xBF, utf8Last2},
		{utf8E0, 0xA0, 0xBF, utf8Last},
		{utf8ED, 0x80, 0x9F, utf8Last},
		{utf8F0, 0x90, 0xBF, utf8Last2},
		{utf8F4, 0x80, 0x8F, utf8Last2},
	} {
		for b := e.lo; b <= e.hi; b++ {
			rows[b] = rows[b]&^(63<<e.in) | uint64(e.out)<<e.in
		}
	}
	return rows
}

// utf8Next is the state after p, of text that stood in state s before it.
func utf8Next(s utf8State, p []byte) utf8State {
	for len(p) >= 8 {
		if s&63 == utf8Whole && binary.LittleEndian.Uint64(p)&highBits == 0 {
			p = p[8:]
			for len(p) >= 32 && (binary.LittleEndian.Uint64(p)|
				binary.LittleEndian.Uint64(p[8:])|
				binary.LittleEndian.Uint64(p[16:])|
				binary.LittleEndian.Uint64(p[24:]))&highBits == 0 {
				p = p[32:]
			}
			continue
		}
		s = utf8State(utf8Rows[p[0]] >> (s & 63))
		s = utf8State(utf8Rows[p[1]] >> (s & 63))
		s = utf8State(utf8Rows[p[2]] >> (s & 63))
		s = utf8State(utf8Rows[p[3]] >> (s & 63))
		s = utf8State(utf8Rows[p[4]] >> (s & 63))
		s = utf8State(utf8Rows[p[5]] >> (s & 63))
		s = utf8State(utf8Rows[p[6]] >> (s & 63))
		s = utf8State(utf8Rows[p[7]] >> (s & 63))
		p = p[8:]
	}
	for _, b := range p {
		s = utf8State(utf8Rows[b] >> (s & 63))
	}
	return s & 63
}

// ValidText reports whether p is UTF-8, as the payload of a text message must
// be. A [Reader] has checked all text but that of compressed messages, which is
// the caller's to check once it is inflated.
func ValidText(p []byte) bool { return utf8Next(utf8Whole, p) == utf8Whole }
