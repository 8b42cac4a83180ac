package json

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// Valid says whether data is one JSON value by RFC 8259, nested no deeper than
// [MaxDecodeDepth]. A text that a peer sent and that goes on to others unread must
// pass it, or a byte 0x1e in a string could cut their payload in two. It does not
// look at UTF-8. It does not allocate and does not recurse.
func Valid(data []byte) bool { return Check(data) == nil }

// Check is [Valid] that says what is wrong: a [*SyntaxError] or [ErrDepth].
func Check(data []byte) error {
	var objects [(MaxDecodeDepth + 63) / 64]uint64 // bit d: the container at depth d is an object
	depth := 0
	i := skipSpace(data, 0)
	for {
		// A value starts at i.
		if i >= len(data) {
			return early(data)
		}
		opened := false
		switch c := data[i]; c {
		case '{', '[':
			if depth == MaxDecodeDepth {
				return ErrDepth
			}
			if c == '{' {
				objects[depth/64] |= 1 << (depth % 64)
			} else {
				objects[depth/64] &^= 1 << (depth % 64)
			}
			depth++
			opened = true
			i = skipSpace(data, i+1)
		default:
			end, what := checkScalar(data, i)
			if what != "" {
				return &SyntaxError{Offset: end, Text: what}
			}
			i = skipSpace(data, end)
		}

		// After a value, or after the bracket that opens a container.
		for {
			if depth == 0 {
				if i < len(data) {
					return &SyntaxError{Offset: i, Text: "bytes after the value"}
				}
				return nil
			}
			if i >= len(data) {
				return early(data)
			}
			inObject := objects[(depth-1)/64]>>((depth-1)%64)&1 != 0
			c := data[i]
			if inObject && c == '}' || !inObject && c == ']' {
				depth--
				opened = false
				i = skipSpace(data, i+1)
				continue
			}
			if !opened {
				if c != ',' {
					return &SyntaxError{Offset: i, Text: "no comma or closing bracket"}
				}
				i = skipSpace(data, i+1)
			}
			if inObject {
				if i >= len(data) {
					return early(data)
				}
				if data[i] != '"' {
					return &SyntaxError{Offset: i, Text: "no string for a name"}
				}
				end, what := checkString(data, i)
				if what != "" {
					return &SyntaxError{Offset: end, Text: what}
				}
				i = skipSpace(data, end)
				if i >= len(data) {
					return early(data)
				}
				if data[i] != ':' {
					return &SyntaxError{Offset: i, Text: "no colon after a name"}
				}
				i = skipSpace(data, i+1)
			}
			break // on to the next value
		}
	}
}

const endsEarly = "end of text"

func early(data []byte) error { return &SyntaxError{Offset: len(data), Text: endsEarly} }

// checkScalar returns the end of the string, number or literal at i, or what is
// wrong and where.
func checkScalar(data []byte, i int) (end int, what string) {
	switch c := data[i]; {
	case c == '"':
		return checkString(data, i)
	case c == 't':
		return checkWord(data, i, "true")
	case c == 'f':
		return checkWord(data, i, "false")
	case c == 'n':
		return checkWord(data, i, "null")
	case c == '-' || isDigit(c):
		return checkNumber(data, i)
	default:
		return i, "no value"
	}
}

func checkWord(data []byte, i int, word string) (end int, what string) {
	for k := 0; k < len(word); k++ {
		if i+k == len(data) {
			return i + k, endsEarly
		}
		if data[i+k] != word[k] {
			return i + k, "no value"
		}
	}
	return i + len(word), ""
}

// checkNumber follows RFC 8259, 6: [-] int [frac] [exp].
func checkNumber(data []byte, i int) (end int, what string) {
	if data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i, what = checkDigits(data, i); what != "" {
		return i, what
	}
	if i < len(data) && data[i] == '.' {
		if i, what = checkDigits(data, i+1); what != "" {
			return i, what
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if i, what = checkDigits(data, i); what != "" {
			return i, what
		}
	}
	return i, ""
}

// checkDigits returns the end of the digits at i, of which there must be one.
func checkDigits(data []byte, i int) (end int, what string) {
	if i >= len(data) {
		return i, endsEarly
	}
	if !isDigit(data[i]) {
		return i, "no digit"
	}
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i, ""
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// checkString returns the end of the string whose opening quote is at i.
func checkString(data []byte, i int) (end int, what string) {
	for i++; ; {
		i = nextStop(data, i)
		if i >= len(data) {
			return len(data), endsEarly
		}
		switch data[i] {
		case '"':
			return i + 1, ""
		case '\\':
			if i, what = checkEscape(data, i+1); what != "" {
				return i, what
			}
		default:
			return i, "control character in a string"
		}
	}
}

// checkEscape returns the end of the escape whose backslash is before i.
func checkEscape(data []byte, i int) (end int, what string) {
	if i >= len(data) {
		return i, endsEarly
	}
	switch data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, ""
	case 'u':
		for range 4 {
			if i++; i >= len(data) {
				return i, endsEarly
			}
			if _, ok := hexValue(data[i]); !ok {
				return i, "no hexadecimal digit"
			}
		}
		return i + 1, ""
	default:
		return i, "no escape"
	}
}

func hexValue(c byte) (rune, bool) {
	switch {
	case isDigit(c):
		return rune(c - '0'), true
	case c-'a' < 6:
		return rune(c-'a') + 10, true
	case c-'A' < 6:
		return rune(c-'A') + 10, true
	default:
		return 0, false
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipSpace returns the first place from i on that is no space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && isSpace(data[i]) {
		i++
	}
	return i
}

// checkInbound refuses what an engine might not: text nested deeper than
// [MaxDecodeDepth], control characters in strings, and a string without an end,
// which sonic takes for one when it is 32, 64, ... bytes long. Texts as
// JSON.stringify makes them cost one pass of eight bytes a step.
func checkInbound(data []byte) error {
	if len(data) == 0 {
		return early(data)
	}
	if data[0] == '"' || data[0] == ' ' || hasControl(data) {
		return Check(data) // the control characters are spaces, at best
	}
	if len(data) > MaxDecodeDepth && tooDeep(data) {
		return ErrDepth
	}
	return nil
}

// tooDeep says whether data nests deeper than [MaxDecodeDepth]. data need not be
// JSON: then the answer is about the brackets outside of what would be strings.
func tooDeep(data []byte) bool {
	// Most long texts have few brackets, and counting is quick.
	if bytes.Count(data, []byte{'['})+bytes.Count(data, []byte{'{'}) <= MaxDecodeDepth {
		return false
	}
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipString(data, i) - 1
		case '[', '{':
			if depth++; depth > MaxDecodeDepth {
				return true
			}
		case ']', '}':
			depth--
		}
	}
	return false
}

// skipString returns the end of the string whose opening quote is at i, and the
// end of data if it has no closing one. It looks at quotes and backslashes only.
func skipString(data []byte, i int) int {
	for i = nextStop(data, i+1); i < len(data); i = nextStop(data, i) {
		switch data[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default:
			i++ // a control character: data is no JSON, which is not our concern
		}
	}
	return len(data)
}

// skipValue returns the end of the value at i. data has passed [Check].
func skipValue(data []byte, i int) int {
	depth := 0
	for i < len(data) {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '[', '{':
			depth++
			i++
			continue
		case ']', '}':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default: // a number or a word
			for i++; i < len(data); i++ {
				if c := data[i]; c == ',' || c == ']' || c == '}' || isSpace(c) {
					break
				}
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// flatObject returns the end of the object whose bracket is at i, or ok == false
// if an array or object is inside. data has passed [Check].
//
// No byte is looked at twice in one text: what lies behind the first bracket
// inside belongs to another object.
func flatObject(data []byte, i int) (end int, ok bool) {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipString(data, i) - 1
		case '[', '{':
			return 0, false
		case '}':
			return i + 1, true
		}
	}
	return 0, false
}

// appendUnquoted appends the text of quoted, a string with its quotes that has
// passed [Check]. Half a surrogate pair, and what is not UTF-8, is U+FFFD, as in
// encoding/json.
func appendUnquoted(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for len(s) > 0 {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			n = len(s)
		}
		dst = appendValid(dst, s[:n])
		if s = s[n:]; len(s) < 2 {
			break
		}
		c := s[1]
		s = s[2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := fourHex(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					pair = utf16.DecodeRune(r, fourHex(s[2:]))
				}
				if r = pair; pair != utf8.RuneError {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendValid appends s, with U+FFFD for each byte that is not UTF-8.
func appendValid(dst, s []byte) []byte {
	for !utf8.Valid(s) {
		n := 0
		for {
			r, size := utf8.DecodeRune(s[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		dst = append(dst, s[:n]...)
		dst = append(dst, "\ufffd"...)
		s = s[n+1:]
	}
	return append(dst, s...)
}

// fourHex is the value of the four hexadecimal digits that s starts with.
func fourHex(s []byte) (r rune) {
	for _, c := range s[:4] {
		v, _ := hexValue(c)
		r = r<<4 | v
	}
	return r
}
