package websocket

import (
	"crypto/sha1"
	"encoding/base64"
)

const (
	// KeySize is the length of a Sec-WebSocket-Key: 16 bytes in base64.
	KeySize = 24

	// AcceptSize is the length of a Sec-WebSocket-Accept: 20 bytes in base64.
	AcceptSize = 28

	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// AppendAccept appends the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key,
// [AcceptSize] bytes, and returns the extended slice. It checks nothing: see
// [ValidKey]. It does not allocate for a valid key.
//
// Source: RFC 6455, section 4.2.2, step 5, number 4.
func AppendAccept(dst, key []byte) []byte {
	var buf [KeySize + len(acceptGUID)]byte
	b := append(append(buf[:0], key...), acceptGUID...)
	sum := sha1.Sum(b)
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// ValidKey reports whether key is 16 bytes in base64, which is all that a
// Sec-WebSocket-Key has to be. The 4 bits that the encoding leaves over in the
// last character may be anything, as the reference server has it.
//
// Source: RFC 6455, section 4.2.1, number 5.
func ValidKey(key []byte) bool {
	if len(key) != KeySize || key[22] != '=' || key[23] != '=' {
		return false
	}
	for _, c := range key[:22] {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}
