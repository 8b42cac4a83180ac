package engineio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// A Handshake is the data of an open packet: what the server tells a client about
// its session.
//
// Source: Engine.IO protocol 4, "Handshake".
type Handshake struct {
	// SID is the session id. It is a secret of the two.
	SID string

	// Upgrades names the transports that the client may move to from the one
	// that it has opened.
	Upgrades []string

	// PingInterval is the time between two pings of the server, and PingTimeout
	// how long it waits for the pong; a client gives up after their sum without
	// a ping. On the wire both are whole milliseconds.
	PingInterval time.Duration
	PingTimeout  time.Duration

	// MaxPayload is the most that the body of a client's POST, or its message,
	// may have, in bytes. 0 is a server that does not tell.
	MaxPayload int
}

// ErrHandshake is the refusal of an open packet's data.
var ErrHandshake = errors.New("engineio: invalid handshake")

// AppendHandshake appends the JSON of h without the type digit, which is the
// caller's to put before it, and returns the extended slice. The keys stand in
// the order of the reference server, without blanks, and upgrades is always an
// array. Parts of a millisecond are dropped. It does not allocate into a buffer
// with room.
func AppendHandshake(dst []byte, h *Handshake) []byte {
	dst = appendString(append(dst, `{"sid":`...), h.SID)
	dst = append(dst, `,"upgrades":[`...)
	for i, name := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, name)
	}
	dst = strconv.AppendInt(append(dst, `],"pingInterval":`...), h.PingInterval.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, `,"pingTimeout":`...), h.PingTimeout.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, `,"maxPayload":`...), int64(h.MaxPayload), 10)
	return append(dst, '}')
}

// appendString appends s as a JSON string with the escapes of JSON.stringify:
// no more than JSON asks for. What is not UTF-8 becomes U+FFFD. Session ids may
// come from an application's own generator, so s can be anything.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		dst = appendEscaped(dst, c)
		i++
	}
	return append(dst, '"')
}

// appendEscaped appends the ASCII character c of a JSON string, escaped if it has to be.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c >= ' ':
		return append(dst, c)
	case c == '\b':
		return append(dst, `\b`...)
	case c == '\t':
		return append(dst, `\t`...)
	case c == '\n':
		return append(dst, `\n`...)
	case c == '\f':
		return append(dst, `\f`...)
	case c == '\r':
		return append(dst, `\r`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// ParseHandshake reads the data of an open packet, [Packet].Data, for clients.
// Keys that it does not know are ignored, and all but sid may be missing: the
// first servers of this protocol did not tell maxPayload. It copies and
// allocates; a client calls it once.
//
// Errors: [ErrHandshake], wrapped with the cause, for what is not a JSON object,
// a sid that is missing or empty, values of the wrong type, negative ones, and
// times that no [time.Duration] can hold.
func ParseHandshake(b []byte) (Handshake, error) {
	var raw struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return Handshake{}, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	if raw.SID == "" {
		return Handshake{}, fmt.Errorf("%w: no sid", ErrHandshake)
	}
	const most = math.MaxInt64 / int64(time.Millisecond)
	if min(raw.PingInterval, raw.PingTimeout) < 0 || max(raw.PingInterval, raw.PingTimeout) > most || raw.MaxPayload < 0 {
		return Handshake{}, fmt.Errorf("%w: value out of range", ErrHandshake)
	}
	return Handshake{
		SID:          raw.SID,
		Upgrades:     raw.Upgrades,
		PingInterval: time.Duration(raw.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(raw.PingTimeout) * time.Millisecond,
		MaxPayload:   raw.MaxPayload,
	}, nil
}
