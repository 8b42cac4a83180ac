package engineio

import (
	"encoding/base64"
	"errors"
	"math"
)

// A Type is the kind of a packet: its digit on the wire.
//
// Source: Engine.IO protocol 4, "Protocol", list of packet types.
type Type byte

const (
	// Open is the server's first packet; its data is a [Handshake].
	Open Type = '0'

	// Close ends the session; it has no data. Mostly a client says it, by POST.
	Close Type = '1'

	// Ping is the server's question of the heartbeat. With the data "probe" it
	// is a client's, on a transport that it wants to move to.
	Ping Type = '2'

	// Pong is the answer, with the data of the ping.
	Pong Type = '3'

	// Message carries the application's data: for sio a Socket.IO packet.
	Message Type = '4'

	// Upgrade is the client's last word on moving to another transport.
	Upgrade Type = '5'

	// Noop says nothing. It ends a poll that would otherwise wait.
	Noop Type = '6'
)

// Packets that are always the same, as they stand on the wire.
//
// Source: Engine.IO protocol 4, "Heartbeat" and "Upgrade".
const (
	ClosePacket   = "1"
	PingPacket    = "2"
	PongPacket    = "3"
	UpgradePacket = "5"
	NoopPacket    = "6"
	ProbePing     = "2probe" // client, on the new transport
	ProbePong     = "3probe" // server, on the new transport

	// ProbeData is the data of the two packets of a probe.
	ProbeData = "probe"
)

// binaryMark stands where other packets have their type.
const binaryMark = 'b'

// String is the name of the type in the protocol, for logs.
func (t Type) String() string {
	if t < Open || t > Noop {
		return "unknown"
	}
	return [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}[t-Open]
}

// ErrPacket is the refusal of a packet: it is empty, its type is unknown, its
// base64 is wrong, or it is text that is not UTF-8. It is fatal to the session
// ("parse error"), and what else came in the same payload is dropped.
var ErrPacket = errors.New("engineio: invalid packet")

// A Packet is one decoded packet.
type Packet struct {
	// Data is what follows the type, a view of the input, cut so that an append
	// to it copies. It may be empty.
	Data []byte

	// Type is one of the seven.
	Type Type

	// Binary is set for a Message of bytes rather than text.
	Binary bool
}

// Parse decodes one packet in text form, as it comes in a text frame of a
// WebSocket: "4hello". A binary frame needs no parsing: it is the data of a
// binary [Message].
//
// A message in base64, "bAQIDBA==", is decoded in place: it overwrites b, and
// Data is a view of the start of it. The document has that form for polling only,
// but clients with the option forceBase64 send it on WebSocket, and the
// reference server takes it. All other packets leave b as it is.
//
// Errors: [ErrPacket], with a zero packet; b may then have been partly
// overwritten if it started with 'b'. That text is UTF-8 is the caller's to know:
// a WebSocket's frames were checked, and [Payload.Next] checks.
//
// Source: Engine.IO protocol 4, "Packet encoding".
func Parse(b []byte) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, ErrPacket
	}
	t := Type(b[0])
	if t >= Open && t <= Noop {
		return Packet{Type: t, Data: b[1:len(b):len(b)]}, nil
	}
	if t != binaryMark {
		return Packet{}, ErrPacket
	}
	data, ok := decodeInPlace(b[1:])
	if !ok {
		return Packet{}, ErrPacket
	}
	return Packet{Type: Message, Binary: true, Data: data}, nil
}

// Append appends a packet in text form, as it stands in a payload, and returns
// the extended slice. A binary packet is a [Message], whatever its Type says.
// Between two packets of a payload belongs a [Separator]; text data must not
// contain one, or the payload falls apart there. JSON never does.
func Append(dst []byte, p Packet) []byte {
	if p.Binary {
		return AppendBinary(dst, p.Data)
	}
	return append(append(dst, byte(p.Type)), p.Data...)
}

// AppendBinary appends data as a binary message in text form, 'b' and padded
// base64, and returns the extended slice. data must not overlap the spare
// capacity of dst.
//
// Source: Engine.IO protocol 4, "HTTP long-polling", under "Packet encoding".
func AppendBinary(dst []byte, data []byte) []byte {
	return base64.StdEncoding.AppendEncode(append(dst, binaryMark), data)
}

// BinarySize is how many bytes [AppendBinary] appends for n bytes of data, or
// [math.MaxInt] if that is more than an int can count.
func BinarySize(n int) int {
	groups := n / 3
	if n%3 != 0 {
		groups++
	}
	if groups > (math.MaxInt-1)/4 {
		return math.MaxInt
	}
	return 1 + 4*groups
}
