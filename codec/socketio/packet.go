package socketio

import (
	"bytes"
	"strconv"
)

// DefaultMaxAttachments is how many attachments the reference server takes in one
// packet unless told otherwise. Its client refuses more than that, too.
const DefaultMaxAttachments = 10

// MaxAckID is the largest acknowledgement id: the last integer up to which the
// JavaScript peers count without a gap, 2^53-1.
const MaxAckID = 1<<53 - 1

// Type is the first byte of a packet, as a number.
//
// Source: Socket.IO protocol 5, "Exchange protocol".
type Type byte

const (
	// Connect asks for a namespace, or grants it. Payload: an object or nothing.
	Connect Type = iota

	// Disconnect leaves a namespace. No payload.
	Disconnect

	// Event carries an event. Payload: an array, the name of the event first.
	Event

	// Ack answers the event of the same acknowledgement id. Payload: an array.
	Ack

	// ConnectError refuses a namespace; only servers send it. Payload: a string
	// or an object.
	ConnectError

	// BinaryEvent is an Event, and its attachments follow in messages of their own.
	BinaryEvent

	// BinaryAck is an Ack, and its attachments follow in messages of their own.
	BinaryAck
)

// Binary reports whether attachments follow packets of type t.
func (t Type) Binary() bool { return t == BinaryEvent || t == BinaryAck }

// String is the name of t as the protocol spells it, such as "BINARY_EVENT".
func (t Type) String() string {
	switch t {
	case Connect:
		return "CONNECT"
	case Disconnect:
		return "DISCONNECT"
	case Event:
		return "EVENT"
	case Ack:
		return "ACK"
	case ConnectError:
		return "CONNECT_ERROR"
	case BinaryEvent:
		return "BINARY_EVENT"
	case BinaryAck:
		return "BINARY_ACK"
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// A Packet is the head of one packet and its payload as raw JSON.
type Packet struct {
	Type Type

	// Attachments is how many binary messages follow. 0 unless Type is binary,
	// and at least 1 if it is.
	Attachments int

	// Namespace begins with a slash; it is "/" when the packet names none. From
	// clients of protocol 4 and earlier it may end in a query, "/chat?token=1".
	// Not to be written to.
	Namespace []byte

	// ID is the acknowledgement id, 0 to [MaxAckID], or -1 for none.
	ID int64

	// Data is the payload as JSON text, empty if there is none.
	Data []byte
}

var mainNamespace = []byte("/")[:1:1]

// Parse reads the head of the packet in b and leaves its JSON unread, but for the
// first byte: that has to begin a value of the kind that the type asks for.
//
// b is one whole message. Namespace and Data are views of it, cut so that an
// append to them copies; without a namespace in b, Namespace is shared memory.
// Parse keeps nothing, writes nothing and does not allocate; its time is linear
// in the length of the head. On error the packet is zero.
//
// A binary packet announces 1 to maxAttachments attachments, in digits without
// sign, blank, exponent or leading zero. The reference server takes more
// spellings, and 0, after which it waits for attachments for ever. It also reads
// a blank in place of an acknowledgement id as 0; here it is an [ErrPayload]. Ids
// may have leading zeros, and may stand in packets that have no use for them,
// where they mean nothing; an Ack without one answers nothing.
//
// Errors: [ErrType], [ErrAttachments], [ErrTooManyAttachments], [ErrAckID],
// [ErrPayload].
//
// Source: Socket.IO protocol 5, "Packet encoding".
func Parse(b []byte, maxAttachments int) (p Packet, err error) {
	if len(b) == 0 || b[0]-'0' > byte(BinaryAck) {
		return Packet{}, ErrType
	}
	p.Type = Type(b[0] - '0')
	b = b[1:]

	if p.Type.Binary() {
		n, digits := leadingInt(b)
		if digits == 0 || b[0] == '0' || digits == len(b) || b[digits] != '-' {
			return Packet{}, ErrAttachments
		}
		if n > int64(maxAttachments) {
			return Packet{}, ErrTooManyAttachments
		}
		p.Attachments, b = int(n), b[digits+1:]
	}

	p.Namespace = mainNamespace
	if len(b) > 0 && b[0] == '/' {
		end, next := len(b), len(b)
		if comma := bytes.IndexByte(b, ','); comma >= 0 {
			end, next = comma, comma+1
		}
		p.Namespace, b = b[:end:end], b[next:]
	}

	p.ID = -1
	if id, digits := leadingInt(b); digits > 0 {
		if id > MaxAckID {
			return Packet{}, ErrAckID
		}
		p.ID, b = id, b[digits:]
	}

	if !begins(p.Type, b) {
		return Packet{}, ErrPayload
	}
	p.Data = b[:len(b):len(b)]
	return p, nil
}

// leadingInt reads the decimal digits that b begins with, and says how many they
// are. A number past MaxAckID comes back as some number past MaxAckID.
func leadingInt(b []byte) (n int64, digits int) {
	for digits < len(b) && b[digits]-'0' <= 9 {
		if n <= MaxAckID { // so 10n+9 is far from overflow
			n = n*10 + int64(b[digits]-'0')
		}
		digits++
	}
	return n, digits
}

// begins reports whether data could be the payload of a packet of type t, by its
// first byte.
func begins(t Type, data []byte) bool {
	if len(data) == 0 {
		return t == Connect || t == Disconnect
	}
	switch t {
	case Connect:
		return data[0] == '{'
	case Disconnect:
		return false
	case ConnectError:
		return data[0] == '{' || data[0] == '"'
	default:
		return data[0] == '['
	}
}

// Check holds p to everything that its type asks for and [Parse] left unread, and
// splits the payload of an event or an acknowledgement into a, which is left
// empty for the other types and on error. a then has views of p.Data.
//
//   - CONNECT: an object or nothing; DISCONNECT: nothing; CONNECT_ERROR: an object
//     or a string.
//   - EVENT, BINARY_EVENT: an array, first in it a name as [Args.EventName] takes it.
//   - ACK, BINARY_ACK: an array.
//   - Both binary types: placeholders as [CheckPlaceholders] takes them.
//
// A payload may be missing only where "nothing" is named above; the reference
// server lets an EVENT without one pass its parser, against the protocol.
//
// Errors: [ErrPayload], and as that [ErrDepth] and [ErrReserved];
// [ErrPlaceholder]; [ErrType] for a type that does not exist.
//
// Source: Socket.IO protocol 5, "Exchange protocol".
func (p *Packet) Check(a *Args) error {
	a.empty()
	if p.Type > BinaryAck {
		return ErrType
	}
	if !begins(p.Type, p.Data) {
		return ErrPayload
	}
	switch p.Type {
	case Connect, Disconnect, ConnectError:
		if len(p.Data) == 0 {
			return nil
		}
		return Valid(p.Data)
	}

	err := a.Parse(p.Data)
	if err == nil && (p.Type == Event || p.Type == BinaryEvent) {
		_, _, err = a.EventName()
	}
	if err == nil && p.Type.Binary() {
		err = CheckPlaceholders(p.Data, p.Attachments)
	}
	if err != nil {
		a.empty()
	}
	return err
}

// Append appends the wire form of p to dst. It is the inverse of [Parse] for
// every packet that Parse returns.
//
// Nothing is checked: a Namespace that does not begin with a slash or has a comma
// in it, Data that is not JSON, or a binary Type without Attachments make a
// packet that the peer refuses or misreads.
func Append(dst []byte, p Packet) []byte {
	return append(appendHead(dst, p.Type, p.Attachments, p.Namespace, p.ID), p.Data...)
}

// AppendHead appends to dst all that stands before the JSON of a packet.
// attachments counts only for the binary types; nsp "" and "/" are the main
// namespace and leave no trace; id below 0 is none. It checks as little as
// [Append] does.
func AppendHead(dst []byte, t Type, attachments int, nsp string, id int64) []byte {
	return appendHead(dst, t, attachments, nsp, id)
}

func appendHead[T string | []byte](dst []byte, t Type, attachments int, nsp T, id int64) []byte {
	dst = append(dst, '0'+byte(t))
	if t.Binary() {
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	}
	if len(nsp) > 1 {
		dst = append(dst, nsp...)
		dst = append(dst, ',')
	}
	if id >= 0 {
		dst = strconv.AppendInt(dst, id, 10)
	}
	return dst
}
