package json

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// A word is eight bytes of text, the first in the lowest place. The masks below look
// at all eight at once. A mask has the highest bit of the first byte that is looked
// for, and maybe of some behind it; it is 0 when there is none.
const (
	eachLow  = 0x0101010101010101 // times b: eight bytes b
	eachHigh = 0x8080808080808080
)

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// firstIn is the place in its word of the first byte in mask.
func firstIn(mask uint64) int { return bits.TrailingZeros64(mask) / 8 }

// below20 looks for bytes below 0x20. Where one is subtracted from, the bytes after
// it may borrow and be in the mask as well, so only the first is certain.
func below20(w uint64) uint64 { return (w - eachLow*0x20) &^ w & eachHigh }

// equal looks for bytes equal to b.
func equal(w uint64, b byte) uint64 {
	w ^= eachLow * uint64(b)
	return (w - eachLow) &^ w & eachHigh
}

// stops looks for the bytes that no JSON string has inside as they are: control
// characters, quotes and backslashes.
func stops(w uint64) uint64 { return below20(w) | equal(w, '"') | equal(w, '\\') }

// nextStop returns the first place from i on with one of the bytes of stops, and
// the length of b if there is none.
func nextStop(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		if mask := stops(word(b[i:])); mask != 0 {
			return i + firstIn(mask)
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
	}
	return i
}

// hasControl says whether b has a byte below 0x20.
func hasControl(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if below20(word(b)) != 0 {
			return true
		}
	}
	for _, c := range b {
		if c < 0x20 {
			return true
		}
	}
	return false
}

// plain says whether all of b is between 0x20 and 0x7f.
func plain(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if w := word(b); (w|(w-eachLow*0x20))&eachHigh != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < 0x20 || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// U+2028 and U+2029 are 0xe2 0x80 0xa8 and 0xe2 0x80 0xa9.
const firstOfLines = 0xe2

// appendString appends s as a JSON string, with the escapes of encoding/json and
// \ufffd for each byte that is not UTF-8. T is string or []byte.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := len(dst)
	dst = append(dst, s...) // most strings are their own text: copy, then look
	i := ownText(dst, from, eachHigh)
	if i == len(dst) {
		return append(dst, '"')
	}
	// All before i is its own text. Most of the rest may be too.
	valid := utf8.Valid(dst[i:])
	if valid {
		if i = ownText(dst, i, 0); i == len(dst) {
			return append(dst, '"')
		}
	}
	return append(appendEscaped(dst[:i], s[i-from:], valid), '"')
}

// ownText returns the first place from i on whose byte may need an escape, and the
// length of b if there is none. Bytes above 0x7f may: all of them if high is
// eachHigh, and if it is 0, for what is known to be UTF-8, the first of a line
// separator.
func ownText(b []byte, i int, high uint64) int {
	for ; len(b)-i >= 8; i += 8 {
		w := word(b[i:])
		if mask := stops(w) | equal(w, firstOfLines) | w&high; mask != 0 {
			return i + firstIn(mask)
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c == '"' || c == '\\' || c == firstOfLines || c >= utf8.RuneSelf && high != 0 {
			break
		}
	}
	return i
}

// appendEscaped appends s as the inside of a JSON string. valid says that it is
// UTF-8.
func appendEscaped[T string | []byte](dst []byte, s T, valid bool) []byte {
	from := 0 // s[from:i] is its own text and not written yet
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && (c < utf8.RuneSelf || valid && c != firstOfLines) {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, size := decodeRune(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\ufffd`...)
			from = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[from:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
			from = i + size
		}
		i += size
	}
	return append(dst, s[from:]...)
}

// decodeRune is utf8.DecodeRune for either form of text.
func decodeRune[T string | []byte](s T) (rune, int) {
	// Four bytes are the longest encoding; a conversion of so few stays on the stack.
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

// appendEscape appends the escape of c, which is below 0x20, '"' or '\\'.
func appendEscape(dst []byte, c byte) []byte {
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
	default:
		return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
	}
}

// appendFloat appends f as the shortest text that reads back as f, null if it has
// none. bits is 32 or 64, what f is exact in. The form is ECMAScript's
// Number::toString but for -0, which JavaScript reads and does not write.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 {
		if bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			format = 'e'
		}
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && (dst[n-3] == '-' || dst[n-3] == '+') && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst
}

// appendBase64 appends b as encoding/json has a byte slice; b is not nil.
func appendBase64(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// clean makes dst[from:], a JSON text from an engine or a user, fit to be sent: an
// invalid byte of UTF-8 becomes \ufffd, a control character inside a string its
// escape. Both come from values that hold text made elsewhere, say a RawMessage
// that a peer sent. It is one quick look unless there is something to do.
func clean(dst []byte, from int) []byte {
	text := dst[from:]
	if plain(text) || utf8.Valid(text) && !hasControl(text) {
		return dst
	}
	fixed := make([]byte, 0, len(text)+len(text)/8+16)
	inString := false
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				fixed = append(fixed, `\ufffd`...)
			} else {
				fixed = append(fixed, text[i:i+size]...)
			}
			i += size
			continue
		case c == '"':
			inString = !inString
			fixed = append(fixed, c)
		case c == '\\' && inString && i+1 < len(text) && text[i+1] >= 0x20 && text[i+1] < utf8.RuneSelf:
			fixed = append(fixed, c, text[i+1]) // so that \" does not end the string
			i++
		case c < 0x20 && inString:
			fixed = appendEscape(fixed, c)
		default:
			fixed = append(fixed, c)
		}
		i++
	}
	return append(dst[:from], fixed...)
}
