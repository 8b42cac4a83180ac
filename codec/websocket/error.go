package websocket

// Status codes of a close frame. Those that a server has no use for are left
// out; [ParseClose] says which ones may come.
//
// Source: RFC 6455, section 7.4.1, and the IANA registry of close codes.
const (
	StatusNormal         uint16 = 1000 // the purpose is fulfilled
	StatusGoingAway      uint16 = 1001 // the server stops, the page is left
	StatusProtocolError  uint16 = 1002
	StatusUnsupported    uint16 = 1003 // a kind of data that is not accepted
	StatusNone           uint16 = 1005 // the frame had no status; never on the wire
	StatusAbnormal       uint16 = 1006 // there was no close frame; never on the wire
	StatusInvalidPayload uint16 = 1007 // text that is not UTF-8
	StatusPolicy         uint16 = 1008 // a rule of ours, not of the protocol
	StatusTooBig         uint16 = 1009 // a message over the limit
	StatusInternalError  uint16 = 1011
	StatusRestart        uint16 = 1012
	StatusTryLater       uint16 = 1013
)

// An Error is a breach of the protocol or of a limit, after which a connection
// cannot go on. All errors of this package are one of the values below, to be
// compared with [errors.Is]; none is made at run time.
type Error struct {
	// Code is the status to answer with in a close frame.
	Code uint16

	// Text says what was wrong, without the package's name, short enough for
	// the reason of a close frame.
	Text string
}

// Error is Text behind the name of the package.
func (e *Error) Error() string { return "websocket: " + e.Text }

// What a [Reader], [ParseHeader], [ParseClose], [Inflate] and [AcceptDeflate] refuse.
var (
	// ErrReserved: a reserved bit is set that no extension gave a meaning
	// (section 5.2).
	ErrReserved = &Error{StatusProtocolError, "reserved bit set"}

	// ErrOpcode: an opcode of 3 to 7 or 11 to 15 (section 5.2).
	ErrOpcode = &Error{StatusProtocolError, "reserved opcode"}

	// ErrControl: a control frame of more than 125 bytes, or in fragments
	// (section 5.5).
	ErrControl = &Error{StatusProtocolError, "control frame too long or fragmented"}

	// ErrOrder: a continuation of nothing, or a new message inside a
	// fragmented one (section 5.4).
	ErrOrder = &Error{StatusProtocolError, "continuation out of order"}

	// ErrMasking: a client's frame without mask, or a server's with one
	// (section 5.1).
	ErrMasking = &Error{StatusProtocolError, "frame masked wrongly"}

	// ErrLength: the top bit of a 64-bit length is set (section 5.2).
	ErrLength = &Error{StatusProtocolError, "length of 2^63 or more"}

	// ErrTooBig: a message over Config.MaxMessage.
	ErrTooBig = &Error{StatusTooBig, "message too big"}

	// ErrFragments: a message in more fragments than Config.MaxFragments, or
	// with more than 64 empty ones.
	ErrFragments = &Error{StatusPolicy, "too many fragments"}

	// ErrUTF8: a text message or the reason of a close frame that is not
	// UTF-8 (section 8.1).
	ErrUTF8 = &Error{StatusInvalidPayload, "invalid UTF-8"}

	// ErrDeflate: a compressed message that cannot be inflated (RFC 7692, section
	// 7.2.2).
	ErrDeflate = &Error{StatusInvalidPayload, "invalid compressed data"}

	// ErrExtensions: a Sec-WebSocket-Extensions field that is not a list of
	// extensions (section 9.1). It refuses a request, which has no close frame.
	ErrExtensions = &Error{StatusProtocolError, "malformed list of extensions"}

	// ErrClose: a close frame whose body is one byte long or names a status
	// that may not stand there (sections 5.5.1 and 7.4).
	ErrClose = &Error{StatusProtocolError, "invalid close frame"}
)
