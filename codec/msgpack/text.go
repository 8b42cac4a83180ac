package msgpack

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// appendString appends s as a str.
func appendString(dst, s []byte) []byte {
	return append(appendStringHead(dst, len(s)), s...)
}

func appendStringHead(dst []byte, n int) []byte {
	switch {
	case n < 32:
		return append(dst, fixstr|byte(n))
	case n <= math.MaxUint8:
		return append(dst, str8, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, str16), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, str32), uint32(n))
}

// appendBinary appends b as a bin.
func appendBinary(dst, b []byte) []byte {
	switch n := len(b); {
	case n <= math.MaxUint8:
		dst = append(dst, bin8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, bin16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, bin32), uint32(n))
	}
	return append(dst, b...)
}

// appendUnquoted appends the JSON string whose opening quote is at i as a str, and
// returns where it ends, 0 if it does not.
func appendUnquoted(dst, text []byte, i int) (out []byte, next int) {
	i++
	n := bytes.IndexByte(text[i:], '"')
	if n < 0 {
		return dst, 0
	}
	s := text[i : i+n]
	if bytes.IndexByte(s, '\\') < 0 {
		if utf8.Valid(s) {
			return appendString(dst, s), i + n + 1
		}
		next = i + n + 1
	} else if next = stringEnd(text, i); next == 0 {
		return dst, 0
	}
	// Its length is known only afterwards. It goes behind the room for the longest head,
	// and moves to the one that it needs.
	const room = 5
	from := len(dst)
	out = append(dst, make([]byte, room)...)
	s = text[i : next-1]
	for len(s) > 0 {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			n = len(s)
		}
		out = appendValid(out, s[:n])
		if s = s[n:]; len(s) > 0 {
			var r rune
			if r, s = unescape(s); s == nil {
				return dst, 0
			}
			out = utf8.AppendRune(out, r)
		}
	}
	n = len(out) - from - room
	at := len(appendStringHead(out[:from], n))
	copy(out[at:], out[from+room:])
	return out[:at+n], next
}

// stringEnd returns where the JSON string ends whose opening quote is right before i.
func stringEnd(text []byte, i int) int {
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// unescape reads the escape sequence that s begins with; rest is nil if it is none.
func unescape(s []byte) (r rune, rest []byte) {
	if len(s) < 2 {
		return 0, nil
	}
	switch c := s[1]; c {
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
	case '"', '\\', '/':
		r = rune(c)
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			return 0, nil
		}
		s = s[6:]
		if utf16.IsSurrogate(r) {
			if len(s) >= 2 && s[0] == '\\' && s[1] == 'u' {
				second, _ := hex4(s[2:])
				if both := utf16.DecodeRune(r, second); both != utf8.RuneError {
					return both, s[6:]
				}
			}
			r = utf8.RuneError
		}
		return r, s
	default:
		return 0, nil
	}
	return r, s[2:]
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' < 6:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendValid appends s with U+FFFD for each byte that is not UTF-8.
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

// writeString appends s to JSON text as a string.
func writeString(dst, s []byte) []byte {
	dst = append(dst, '"')
	if !utf8.Valid(s) {
		from := len(dst)
		dst = appendValid(dst, s)
		s = bytes.Clone(dst[from:]) // rare: what is escaped must not lie where it is written
		dst = dst[:from]
	}
	from := 0
	for i, c := range s {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}
