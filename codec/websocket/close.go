package websocket

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// MaxReason is the longest reason that a close frame can hold, in bytes: what a
// control frame holds, less the status code.
const MaxReason = MaxControl - 2

// AppendClose appends a whole unmasked close frame and returns the extended
// slice. reason is cut to [MaxReason] bytes, between two characters; what is not
// UTF-8 in it becomes U+FFFD, since a peer may not be sent it. [StatusNone], for
// the answer to a close frame without status, makes a frame without body; any
// other code must be one that [ParseClose] accepts.
//
// Source: RFC 6455, section 5.5.1.
func AppendClose(dst []byte, code uint16, reason string) []byte {
	if code == StatusNone {
		return appendHeader(dst, Close, true, 0, 0)
	}
	if !utf8.ValidString(reason) {
		reason = strings.ToValidUTF8(reason, "\uFFFD")
	}
	if len(reason) > MaxReason {
		n := MaxReason
		for !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	dst = appendHeader(dst, Close, true, 2+len(reason), 0)
	return append(binary.BigEndian.AppendUint16(dst, code), reason...)
}

// ParseClose reads the payload of a close frame. reason is a view of it. An
// empty payload is legal and has the code [StatusNone].
//
// Errors: [ErrClose] for a payload of one byte and for a code other than 1000 to
// 1003, 1007 to 1014 and 3000 to 4999; [ErrUTF8] for the reason. On error code
// and reason are zero.
//
// Source: RFC 6455, sections 5.5.1 and 7.4; codes 1012 to 1014 were registered
// with IANA later.
func ParseClose(payload []byte) (code uint16, reason []byte, err error) {
	switch len(payload) {
	case 0:
		return StatusNone, nil, nil
	case 1:
		return 0, nil, ErrClose
	}
	code = binary.BigEndian.Uint16(payload)
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return 0, nil, ErrClose
	}
	reason = payload[2:len(payload):len(payload)]
	if !ValidText(reason) {
		return 0, nil, ErrUTF8
	}
	return code, reason, nil
}
