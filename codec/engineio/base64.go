package engineio

import (
	"bytes"
	"encoding/binary"
)

// badDigit is set in the value of a byte that is no digit of base64. The 24 bits
// of four digits are below it.
const badDigit = 1 << 31

// digits holds the value of each byte as the first, second, third and fourth
// digit of a group, shifted to its place. So a group is four loads and three ors,
// and one look at the top bit tells whether all were digits.
//
// It stands in for encoding/base64, which does not promise to decode in place, and
// takes a third longer on 1 KiB. BenchmarkBase64 has both.
//
// Source: RFC 4648, section 4.
var digits = makeDigits()

func makeDigits() (d [4][256]uint32) {
	for i := range d {
		for c := range d[i] {
			d[i][c] = badDigit
		}
		for v, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
			d[i][c] = uint32(v) << (18 - 6*i)
		}
	}
	return d
}

// group is the 24 bits of four digits; badDigit is set in it if one of them is
// none.
func group(a, b, c, d byte) uint32 {
	return digits[0][a] | digits[1][b] | digits[2][c] | digits[3][d]
}

// decodeInPlace decodes standard base64, padded or not, over its own start, and
// returns the part of p that holds the outcome. Bits that the last digit has left
// over are ignored, as encoding/base64 and Node do, and so are line ends, LF or CRLF,
// which the official Java client puts behind every 76 digits and at the end. It is
// false, and p is spoilt, for anything else: other bytes, incomplete padding, a
// single digit at the end.
func decodeInPlace(p []byte) (data []byte, ok bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		p = unwrap(p, i)
	}
	n := len(p)
	if n%4 == 0 && n > 0 && p[n-1] == '=' {
		n--
		if p[n-1] == '=' {
			n--
		}
	}
	if n%4 == 1 {
		return nil, false
	}

	// From here on, read is a multiple of 4 and write is 3/4 of it, so what is
	// written is already read. That holds for the two bytes too that a store of
	// eight writes beyond its six: read+8 <= n, and write+8 <= read+8.
	read, write := 0, 0
	for n-read >= 8 {
		s := p[read : read+8 : read+8]
		a, b := group(s[0], s[1], s[2], s[3]), group(s[4], s[5], s[6], s[7])
		if (a|b)&badDigit != 0 {
			return nil, false
		}
		binary.BigEndian.PutUint64(p[write:], uint64(a)<<40|uint64(b)<<16)
		read, write = read+8, write+6
	}
	for n-read >= 4 {
		a := group(p[read], p[read+1], p[read+2], p[read+3])
		if a&badDigit != 0 {
			return nil, false
		}
		p[write], p[write+1], p[write+2] = byte(a>>16), byte(a>>8), byte(a)
		read, write = read+4, write+3
	}
	switch n - read {
	case 2:
		a := group(p[read], p[read+1], 'A', 'A')
		if a&badDigit != 0 {
			return nil, false
		}
		p[write] = byte(a >> 16)
		write++
	case 3:
		a := group(p[read], p[read+1], p[read+2], 'A')
		if a&badDigit != 0 {
			return nil, false
		}
		p[write], p[write+1] = byte(a>>16), byte(a>>8)
		write += 2
	}
	return p[:write:write], true
}

// unwrap moves the lines of p together, the first of which ends with the LF at i.
func unwrap(p []byte, i int) []byte {
	write := 0
	for read := 0; ; {
		line := p[read : read+i]
		if i > 0 && line[i-1] == '\r' {
			line = line[:i-1]
		}
		write += copy(p[write:], line)
		read += i + 1
		if i = bytes.IndexByte(p[read:], '\n'); i < 0 {
			write += copy(p[write:], p[read:])
			return p[:write]
		}
	}
}
