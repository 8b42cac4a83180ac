package engineio

import (
	"bytes"
	"unicode/utf8"
)

// Separator stands between two packets of a payload. It can stand nowhere else:
// JSON escapes it, and base64 has no use for it.
//
// Source: Engine.IO protocol 4, "HTTP long-polling", under "Packet encoding".
const Separator = 0x1e

// A Payload walks over the packets in the body of a polling request or response. The
// zero value has none.
// It allocates nothing and holds no packets, so its cost does not depend on how
// many there are.
type Payload struct {
	rest []byte
	left bool // whether a packet is still to come; it may be empty
	kind uint8
	err  error
}

// NewPayload starts at the front of b, a whole body. b belongs to the walk until
// its last packet was used: binary messages are decoded in place.
func NewPayload(b []byte) Payload { return Payload{rest: b, left: true} }

// Next returns the next packet, in the order of the body. ok is false behind the
// last one. Data is a view of the body and lives as long as that.
//
// Errors: [ErrPacket] for a packet that [Parse] refuses, so for an empty one as
// well (a body without a byte, or a separator at one of its ends), and for text
// that is not UTF-8: sent on to other clients over WebSocket it would close
// their connections. After an error the rest of the payload is dropped; each
// further call returns the error again.
//
// Source: Engine.IO protocol 4, "HTTP long-polling", under "Packet encoding".
func (p *Payload) Next() (packet Packet, ok bool, err error) {
	if p.kind != kind4 {
		return p.next3()
	}
	if !p.left {
		return Packet{}, false, p.err
	}
	b := p.rest
	if i := bytes.IndexByte(b, Separator); i >= 0 {
		b, p.rest = b[:i], b[i+1:]
	} else {
		p.rest, p.left = nil, false
	}
	packet, err = Parse(b)
	if err == nil && !packet.Binary && !utf8.Valid(packet.Data) {
		err = ErrPacket
	}
	if err != nil {
		*p = Payload{err: err}
		return Packet{}, false, err
	}
	return packet, true, nil
}

// Rest is what the walk has not come to yet, a payload of its own, of the same kind: a
// view of the body, for a caller that wants to go on another time. more is false when nothing
// is left, not even an empty packet.
func (p *Payload) Rest() (rest []byte, more bool) { return p.rest, p.left }
