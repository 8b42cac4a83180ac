package http1

import (
	"bytes"
	"iter"
	"strings"
)

// QueryValue is the decoded value of key in the query of a request target,
// without its '?'. Of several pairs with the key the last one counts; key is
// compared with the decoded names, byte by byte. A pair without '=' has the
// empty value. ok tells an empty value, which is not nil, from a missing key.
//
// In names and values '+' is a space and %XX the byte XX; a '%' without two hex
// digits stands for itself. If nothing in the value needs decoding, value is a
// view of query; else it is appended to dst, and value is what was appended. It
// allocates only if dst is too short, takes linear time, and does not check
// that the result is UTF-8.
//
// Source: WHATWG URL, section 5.1; the reference server reads the last of
// several values.
func QueryValue(dst, query []byte, key string) (value []byte, ok bool) {
	// From the end, so that the first hit is the last pair.
	for {
		start := bytes.LastIndexByte(query, '&') + 1
		if pair := query[start:]; len(pair) > 0 {
			name, value := cutPair(pair)
			if equalDecoded(name, key) {
				if !isEncoded(value) {
					return value, true
				}
				return appendDecoded(dst, value)[len(dst):], true
			}
		}
		if start == 0 {
			return nil, false
		}
		query = query[:start-1]
	}
}

// QueryPairs yields every pair of a query, decoded as [QueryValue] does, in
// order and with repetitions. Each run of bytes that is not UTF-8 becomes one
// U+FFFD, so that the strings can be written as JSON. The strings are copies.
// Source: WHATWG URL, section 5.1.
func QueryPairs(query []byte) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		var scratch []byte
		text := func(b []byte) string {
			if isEncoded(b) {
				scratch = appendDecoded(scratch[:0], b)
				b = scratch
			}
			return strings.ToValidUTF8(string(b), "\uFFFD")
		}
		for len(query) > 0 {
			var pair []byte
			if i := bytes.IndexByte(query, '&'); i < 0 {
				pair, query = query, nil
			} else {
				pair, query = query[:i], query[i+1:]
			}
			if len(pair) == 0 {
				continue
			}
			name, value := cutPair(pair)
			if !yield(text(name), text(value)) {
				return
			}
		}
	}
}

// cutPair splits a pair at its first '='. Neither part is nil.
func cutPair(pair []byte) (name, value []byte) {
	i := bytes.IndexByte(pair, '=')
	if i < 0 {
		i = len(pair)
	}
	j := min(i+1, len(pair))
	return pair[:i:i], pair[j:len(pair):len(pair)]
}

func isEncoded(b []byte) bool {
	return bytes.IndexByte(b, '%') >= 0 || bytes.IndexByte(b, '+') >= 0
}

// decodedByte is the byte that the front of b, which is not empty, stands for,
// and how many bytes of b that takes.
func decodedByte(b []byte) (c byte, n int) {
	switch c := b[0]; {
	case c == '+':
		return ' ', 1
	case c == '%' && len(b) > 2 && hexValue[b[1]]|hexValue[b[2]] != 0xff:
		return hexValue[b[1]]<<4 | hexValue[b[2]], 3
	default:
		return c, 1
	}
}

func appendDecoded(dst, b []byte) []byte {
	for len(b) > 0 {
		c, n := decodedByte(b)
		dst, b = append(dst, c), b[n:]
	}
	return dst
}

// equalDecoded reports whether b decodes to s, looking no further than the first
// difference.
func equalDecoded(b []byte, s string) bool {
	for i := range len(s) {
		if len(b) == 0 {
			return false
		}
		c, n := decodedByte(b)
		if c != s[i] {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}
