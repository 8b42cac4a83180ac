package msgpack

import "errors"

// What can be wrong with a message. Each of these is fatal to the connection, as it is to
// the reference server's. The errors never have bytes of the message in their text.
var (
	// ErrSyntax: a byte that begins no value, or bytes behind the packet.
	ErrSyntax = errors.New("msgpack: not one value")

	// ErrShort: the message ends within a value, or announces more elements than it can
	// have.
	ErrShort = errors.New("msgpack: value is cut off")

	// ErrDepth: more than [MaxDepth] arrays and maps are open at once.
	ErrDepth = errors.New("msgpack: nested too deep")

	// ErrKey: a member's name that is neither a string nor an integer.
	ErrKey = errors.New("msgpack: illegal member name")

	// ErrBuffers: more buffers than the caller allows.
	ErrBuffers = errors.New("msgpack: too many buffers")

	// ErrType: the packet is no map, or its type is not an integer from 0 to 4.
	ErrType = errors.New("msgpack: invalid packet type")

	// ErrNamespace: nsp is missing, no string, or no namespace can be called so.
	ErrNamespace = errors.New("msgpack: invalid namespace")

	// ErrAckID: an id that is not an integer from 0 to 2^53-1.
	ErrAckID = errors.New("msgpack: invalid packet id")

	// ErrJSON: text to be encoded that is not JSON.
	ErrJSON = errors.New("msgpack: invalid JSON text")
)
