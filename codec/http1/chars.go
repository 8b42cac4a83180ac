package http1

import (
	"encoding/binary"
	"math/bits"
)

// tokenLower maps a tchar to itself in lower case and every other byte to 0, so
// that one look-up both checks and folds a field name. Source: RFC 9110,
// section 5.6.2.
var tokenLower = func() (t [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		t[c] = c
		if 'a' <= c && c <= 'z' {
			t[c-'a'+'A'] = c
		}
	}
	return t
}()

// regName holds the bytes of a registered name or IPv4 address: unreserved and
// sub-delims. Percent-encoding is left out: a host that needs it is no DNS name,
// and a second spelling of the same host only helps to pass a check. Source:
// RFC 3986, section 3.2.2.
var regName = func() (t [256]bool) {
	for _, c := range []byte("-._~!$&'()*+,;=0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// hexValue is the value of a hex digit, or 0xff for any other byte.
var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = byte(10 + i)
	}
	return t
}()

func isDigit(c byte) bool { return c-'0' < 10 }

// isValueByte reports whether c may stand in a field value: HTAB, SP, VCHAR or
// obs-text. Source: RFC 9110, section 5.5.
func isValueByte(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

// The two scanners below look at 8 bytes at a time. x-n*ones borrows into a
// byte's top bit where the byte is below n; &^x drops the bytes that had the bit
// before. Borrows run upwards only, so the lowest bit that is set, which is all
// that is used, is right even when others are not. Source: "Determine if a word
// has a byte less than n", Anderson's Bit Twiddling Hacks.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// below has the top bit of the first byte of x that is less than n, n <= 128.
func below(x, n uint64) uint64 { return (x - n*ones) &^ x & tops }

// equal has the top bit of the first byte of x that is c, c < 128.
func equal(x, c uint64) uint64 { return below(x^c*ones, 1) }

// valueEnd is the index at or after i of the first byte of b that may not stand
// in a field value, or len(b).
func valueEnd(b []byte, i int) int {
	for len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		hit := below(x, ' ') | equal(x, 0x7f)
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && isValueByte(b[i]) {
		i++
	}
	return i
}

// targetEnd is the index at or after i of the first byte of b that ends a
// request target or may not stand in one, or len(b): blanks, control characters
// and '#', which begins a fragment and no client sends. Bytes above 0x7f are let
// through, as Node and net/http do: they are in no URI but in old clients'
// queries. Source: RFC 9112, section 3.2.
func targetEnd(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if hit := below(x, ' '+1) | equal(x, 0x7f) | equal(x, '#'); hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for i < len(b) && b[i] > ' ' && b[i] != 0x7f && b[i] != '#' {
		i++
	}
	return i
}

// isToken reports whether b is a token: one or more tchar.
func isToken[T string | []byte](b T) bool {
	for i := range len(b) {
		if tokenLower[b[i]] == 0 {
			return false
		}
	}
	return len(b) > 0
}

// equalFold reports whether a and b differ in nothing but ASCII case.
func equalFold(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, c := range a {
		if c != b[i] && lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}

// trimBlanks is b without the SP and HTAB at its ends.
func trimBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
