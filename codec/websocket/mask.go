package websocket

import "encoding/binary"

// highBits is the top bit of each byte of a word: set in none if all are ASCII.
const highBits = 0x8080808080808080

// unmask undoes the masking of p in place (RFC 6455, section 5.3) and reports
// whether the outcome is ASCII alone. It gathers the top bits while a word is in
// a register, so most text, being ASCII, needs no second pass for UTF-8.
//
// It stands in for ws.Cipher, which reports nothing and walks up to 15 bytes at
// the end one by one: on a message of 20 to 100 bytes this is two to three times
// as fast as ws.Cipher and utf8.Valid. BenchmarkUnmask has both.
func unmask(p []byte, mask [4]byte) (ascii bool) {
	key := uint64(binary.LittleEndian.Uint32(mask[:]))
	key |= key << 32
	var seen uint64
	for len(p) >= 32 {
		a := binary.LittleEndian.Uint64(p) ^ key
		b := binary.LittleEndian.Uint64(p[8:]) ^ key
		c := binary.LittleEndian.Uint64(p[16:]) ^ key
		d := binary.LittleEndian.Uint64(p[24:]) ^ key
		binary.LittleEndian.PutUint64(p, a)
		binary.LittleEndian.PutUint64(p[8:], b)
		binary.LittleEndian.PutUint64(p[16:], c)
		binary.LittleEndian.PutUint64(p[24:], d)
		seen |= a | b | c | d
		p = p[32:]
	}
	for len(p) >= 8 {
		a := binary.LittleEndian.Uint64(p) ^ key
		binary.LittleEndian.PutUint64(p, a)
		seen |= a
		p = p[8:]
	}
	if len(p) >= 4 {
		a := binary.LittleEndian.Uint32(p) ^ uint32(key)
		binary.LittleEndian.PutUint32(p, a)
		seen |= uint64(a)
		p = p[4:]
	}
	// Whole words were taken off the front, so p starts at the key's first byte.
	for i := range p {
		p[i] ^= mask[i&3]
		seen |= uint64(p[i])
	}
	return seen&highBits == 0
}
