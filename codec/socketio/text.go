package socketio

import (
	"bytes"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Unquote appends to dst the characters of the JSON string raw, quotes included
// in raw, as valid UTF-8. A surrogate without its other half, and each byte that
// is not UTF-8, becomes U+FFFD, as encoding/json does it.
//
// raw must not have anything around the quotes: such text, and any that is not a
// JSON string, is [ErrPayload], and dst is returned as it was. raw must not
// overlap the room behind dst. Time and space are linear in len(raw).
//
// Source: RFC 8259, section 7.
func Unquote(dst, raw []byte) ([]byte, error) {
	if len(raw) < 2 || raw[0] != '"' || text(raw, 1) != len(raw) {
		return dst, ErrPayload
	}
	raw = raw[1 : len(raw)-1]
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return appendValid(dst, raw), nil
		}
		dst = appendValid(dst, raw[:i])
		var r rune
		r, raw = unescape(raw[i:])
		dst = utf8.AppendRune(dst, r)
	}
}

// unescape reads the escape sequence that s begins with; its form was checked.
func unescape(s []byte) (r rune, rest []byte) {
	switch s[1] {
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		r, s = hex4(s[2:]), s[6:]
		if utf16.IsSurrogate(r) {
			if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				if both := utf16.DecodeRune(r, hex4(s[2:])); both != utf8.RuneError {
					return both, s[6:]
				}
			}
			r = utf8.RuneError
		}
		return r, s
	default:
		r = rune(s[1]) // quote, backslash, slash
	}
	return r, s[2:]
}

// hex4 is the value of the four hexadecimal digits that s begins with.
func hex4(s []byte) (r rune) {
	for _, c := range s[:4] {
		switch {
		case c <= '9':
			c -= '0'
		default:
			c = c | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}

func appendValid(dst, s []byte) []byte {
	if utf8.Valid(s) {
		return append(dst, s...)
	}
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		dst, s = utf8.AppendRune(dst, r), s[n:]
	}
	return dst
}

// maxWord is the length of the longest word that wordOf is asked to find.
const maxWord = len("removeListener")

// A wordBuffer has room for all that the longest spelling of a word can become
// when it is something else: three bytes of U+FFFD for each byte of JSON.
type wordBuffer [3 * maxWord * len(`\u0000`)]byte

// wordOf is Unquote for comparing with ASCII words of up to maxWord characters:
// raw was checked, nothing is allocated, and the result is nil if raw is too long
// to spell such a word.
func wordOf(buf *wordBuffer, raw []byte) []byte {
	if len(raw)-len(`""`) > maxWord*len(`\u0000`) {
		return nil
	}
	word, _ := Unquote(buf[:0], raw)
	return word
}

// AppendString appends s to dst as a JSON string. Quotes, backslashes and control
// characters are escaped, all else stands for itself, U+2028 and U+2029 as well,
// as JSON.stringify does it. Each byte that is not UTF-8 becomes U+FFFD, so what
// is appended is valid UTF-8.
//
// It allocates only to grow dst.
//
// Source: RFC 8259, section 7.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if !utf8.ValidString(s) {
		for _, r := range s {
			if r < utf8.RuneSelf {
				dst = appendByte(dst, byte(r))
			} else {
				dst = utf8.AppendRune(dst, r)
			}
		}
		return append(dst, '"')
	}
	for {
		i := plainString(s)
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		dst = appendByte(dst, s[i])
		s = s[i+1:]
	}
}

// plainString is how many bytes s begins with that stand for themselves in JSON.
func plainString(s string) int {
	i := 0
	for ; i < len(s)-7; i += 8 {
		if m := special(load8(s, i)); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	return i
}

// appendByte appends the ASCII character c, escaped if it has to be.
func appendByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	if c < 0x20 {
		const digits = "0123456789abcdef"
		return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	}
	return append(dst, c)
}
