package http1

// Error is why a request is refused. The package returns its own values only,
// the Err variables below, so errors.Is compares by identity and returning one
// allocates nothing. After any of them the framing of the connection is lost:
// answer with Status, then close.
type Error struct {
	// Status is the HTTP status code to answer with: 400 or above.
	Status int

	// Text is fixed lower-case English for a log. It holds nothing that the
	// client sent, so it may also be sent as a body.
	Text string
}

// Error returns Text behind the name of the package.
func (e *Error) Error() string { return "http1: " + e.Text }

// Errors of [ParseHead].
var (
	// ErrRequestLine: not "method SP target SP HTTP/digit.digit CRLF". That
	// includes anything that is not HTTP, from its first impossible byte on.
	// Source: RFC 9112, section 3.
	ErrRequestLine = &Error{400, "malformed request line"}

	// ErrTarget: a request target that is none of the four forms, or not the
	// one its method takes. Source: RFC 9112, section 3.2.
	ErrTarget = &Error{400, "malformed request target"}

	// ErrTargetTooLong: a target of more than [Limits].Target bytes.
	ErrTargetTooLong = &Error{414, "request target too long"}

	// ErrVersion: a well-formed version other than HTTP/1.0 and HTTP/1.1.
	ErrVersion = &Error{505, "HTTP version not supported"}

	// ErrHeadTooLarge: a head of more than [Limits].HeadBytes bytes.
	ErrHeadTooLarge = &Error{431, "request head too large"}

	// ErrTooManyFields: more than [Limits].Fields field lines.
	ErrTooManyFields = &Error{431, "too many header fields"}

	// ErrLineEnding: a CR or LF that is not half of the CRLF at the end of a
	// line. Source: RFC 9112, section 2.2.
	ErrLineEnding = &Error{400, "bare CR or LF"}

	// ErrField: a field line that is folded, has no colon, a name that is not a
	// token (a blank before the colon is no part of one), or a control
	// character other than HTAB in its value. Source: RFC 9112, section 5.
	ErrField = &Error{400, "malformed header field"}

	// ErrDuplicateField: a second Origin, Sec-WebSocket-Key or
	// Sec-WebSocket-Version. Which of the two a check looked at must not be a
	// question. Source: RFC 6454, section 7.3; RFC 6455, sections 11.3.1, 11.3.5.
	ErrDuplicateField = &Error{400, "repeated header field"}

	// ErrHost: HTTP/1.1 without Host, more than one Host, or one that is not a
	// host with an optional port. Source: RFC 9112, section 3.2.
	ErrHost = &Error{400, "missing or malformed host"}

	// ErrContentLength: a Content-Length that is repeated, even with the same
	// value, or anything but digits that fit in 63 bits. Source: RFC 9112,
	// section 6.3.
	ErrContentLength = &Error{400, "malformed content length"}

	// ErrTransferEncoding: a Transfer-Encoding that is repeated, malformed, on
	// HTTP/1.0, or names chunked other than alone. Source: RFC 9112, section 6.1.
	ErrTransferEncoding = &Error{400, "malformed transfer encoding"}

	// ErrTransferCoding: a well-formed Transfer-Encoding that asks for a coding
	// other than chunked. Source: RFC 9112, section 6.1.
	ErrTransferCoding = &Error{501, "transfer coding not implemented"}

	// ErrLengthConflict: Content-Length together with Transfer-Encoding, in any
	// order. Source: RFC 9112, section 6.1.
	ErrLengthConflict = &Error{400, "content length with transfer encoding"}

	// ErrExpectation: an Expect other than 100-continue. Source: RFC 9110,
	// section 10.1.1.
	ErrExpectation = &Error{417, "unknown expectation"}
)

// Errors of [NewBody] and [Body.Next].
var (
	// ErrBodyTooLarge: a body of more bytes than NewBody was told to accept.
	ErrBodyTooLarge = &Error{413, "request body too large"}

	// ErrChunk: chunked framing other than 1 to 8 hex digits, at most
	// [MaxChunkExtension] bytes of extension, CRLF, the data, CRLF. Source:
	// RFC 9112, section 7.1.
	ErrChunk = &Error{400, "malformed chunk"}

	// ErrTrailer: a trailer section that is malformed or longer than
	// [MaxTrailer]. Source: RFC 9112, section 7.1.2.
	ErrTrailer = &Error{400, "malformed or oversized trailer section"}
)
