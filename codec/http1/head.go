package http1

import (
	"bytes"
	"iter"
)

// Defaults and bounds of [Limits].
const (
	DefaultHeadBytes = 16 << 10
	DefaultFields    = 100
	DefaultTarget    = 8 << 10

	// MaxHeadBytes is the most that Limits.HeadBytes can ask for.
	MaxHeadBytes = 1 << 20
)

// Limits bounds what [ParseHead] accepts. A field that is zero or negative means
// its default, never "no limit"; so does a nil *Limits for all of them.
type Limits struct {
	// HeadBytes bounds a whole head, from the method to the final CRLFCRLF
	// inclusive, in bytes; past it the head is refused with [ErrHeadTooLarge].
	// Default 16 KiB, at most [MaxHeadBytes].
	HeadBytes int

	// Fields bounds the number of field lines; past it the head is refused with
	// [ErrTooManyFields], before any of them is looked at. Default 100.
	Fields int

	// Target bounds the request target, in bytes; past it the head is refused
	// with [ErrTargetTooLong]. Useful below HeadBytes only. Default 8 KiB.
	Target int
}

func (l *Limits) resolved() Limits {
	r := Limits{DefaultHeadBytes, DefaultFields, DefaultTarget}
	if l == nil {
		return r
	}
	if l.HeadBytes > 0 {
		r.HeadBytes = min(l.HeadBytes, MaxHeadBytes)
	}
	if l.Fields > 0 {
		r.Fields = l.Fields
	}
	if l.Target > 0 {
		r.Target = min(l.Target, r.HeadBytes)
	}
	return r
}

// Progress is how far [ParseHead] has come in a head that is not whole yet. Its
// zero value stands before the first byte. It belongs to one connection.
type Progress struct {
	at     int32 // bytes of the head that need no second look
	fields int32 // field lines that lie before at
	line   bool  // the request line is whole, and lies before at
}

// Head is one request head. Its byte slices are views of the slice given to
// [ParseHead], cut so that an append to them copies, and live as long as that
// slice's bytes stay as they are. A field that the request does not have is nil;
// one that it has with an empty value is empty but not nil. Of a field that is
// sent in several lines the first is kept, except where the comment says that
// all are read; [Fields] yields every line.
type Head struct {
	// Raw is the whole head, from the method to the final CRLFCRLF inclusive. A
	// copy of it is all that has to be kept to see the request again: ParseHead,
	// [Field] and [Fields] take it.
	Raw []byte

	// Method is a token, in the case that the client sent. Methods are
	// case-sensitive: "get" is not GET.
	Method []byte

	// Target is the request target as sent, in any of its forms.
	Target []byte

	// Path is the path of the target, as sent: not decoded, not cleaned, its
	// percent-encoding known to be well-formed. It begins with '/', except that it is
	// "*" for "OPTIONS *" and nil for CONNECT. For an absolute target without a
	// path it is "/", and not a view: do not write to it.
	Path []byte

	// Query is what follows the first '?' of the target, not decoded; nil
	// without a '?'. See [QueryValue].
	Query []byte

	// Host is the host of the request, with its port if one was sent: of an
	// absolute or a CONNECT target if there is one, else of the Host field. It
	// is nil only on HTTP/1.0. Source: RFC 9112, section 3.2.2.
	Host []byte

	// Origin is the Origin field. There is at most one.
	Origin []byte

	// ContentType, AcceptEncoding, UserAgent and IfNoneMatch are the fields of
	// these names.
	ContentType    []byte
	AcceptEncoding []byte
	UserAgent      []byte
	IfNoneMatch    []byte

	// Upgrade is the first Upgrade field that is not empty, if one is not; nil on
	// HTTP/1.0, where it is to be ignored.
	// Source: RFC 9110, section 7.8.
	Upgrade []byte

	// WebSocketKey, WebSocketVersion, WebSocketProtocol and WebSocketExtensions
	// are the Sec-WebSocket-* fields, not checked beyond what holds for every
	// field. There is at most one key and one version.
	WebSocketKey        []byte
	WebSocketVersion    []byte
	WebSocketProtocol   []byte
	WebSocketExtensions []byte

	// ContentLength is the Content-Length in bytes, -1 if there is none. It is
	// what the client announced: no bound but 63 bits has been put to it.
	ContentLength int64

	// Minor is the minor version: 0 or 1, of HTTP/1.
	Minor uint8

	// Chunked tells that a body in chunked transfer coding follows.
	// ContentLength is -1 then.
	Chunked bool

	// Expect100 tells that the client waits for 100 (Continue) before it sends
	// the body. False on HTTP/1.0, where the expectation is to be ignored.
	Expect100 bool

	// KeepAlive tells that the client may use the connection again: on HTTP/1.1
	// unless Connection has "close", on 1.0 only if it has "keep-alive". It is
	// false for CONNECT, whose following bytes are no request to us. All
	// Connection lines are read. Source: RFC 9112, section 9.3.
	KeepAlive bool

	// ConnectionUpgrade tells that the client asks for another protocol: Connection
	// has "upgrade", and Upgrade something. The option alone, which proxies put on
	// every request, asks for nothing. UpgradeWebSocket tells that Upgrade has
	// "websocket"; a WebSocket opening handshake has both. They are false on
	// HTTP/1.0. All lines of both fields are read. Source: RFC 9110, section 7.8.
	ConnectionUpgrade bool
	UpgradeWebSocket  bool
}

// ParseHead parses the request head at the start of b. n is its length with the
// final CRLFCRLF; what follows it in b is the body or the next request, and is
// not looked at.
//
// While the head is not whole, n is 0 and err nil. The caller then keeps the
// bytes, and calls again with the same bytes and more, at any address, and with
// the same p: p remembers what has been looked at, so that a head that comes byte
// by byte costs linear time. A slice shorter than the last one starts over. At a
// result or an error p is back to zero, ready for the next head of the
// connection. p must not be nil.
//
// The request line is checked as its bytes come in, so that a TLS hello, an
// HTTP/2 preface or random bytes are refused without waiting for an end that
// will not come; so are bare line feeds and broken limits. All else is checked
// when the head is whole. However the bytes are cut, the result is the same. An
// empty line before the request line is refused.
//
// Errors: [ErrRequestLine], [ErrTarget], [ErrTargetTooLong], [ErrVersion],
// [ErrHeadTooLarge], [ErrTooManyFields], [ErrLineEnding], [ErrField],
// [ErrDuplicateField], [ErrHost], [ErrContentLength], [ErrTransferEncoding],
// [ErrTransferCoding], [ErrLengthConflict], [ErrExpectation]. On error, and
// while the head is not whole, h is zero.
//
// It does not allocate, and does not write to b.
//
// Source: RFC 9112, sections 2 to 6.
func ParseHead(b []byte, p *Progress, lim *Limits) (h Head, n int, err error) {
	n, err = p.parse(&h, b, lim.resolved())
	if n == 0 && err == nil {
		return Head{}, 0, nil
	}
	*p = Progress{}
	if err != nil {
		return Head{}, 0, err
	}
	h.Raw = b[:n:n]
	return h, n, nil
}

func (p *Progress) parse(h *Head, b []byte, lim Limits) (int, error) {
	if int(p.at) > len(b) {
		*p = Progress{}
	}
	// Only what a head may fill is ever looked at, so what is found first does
	// not hang on how much has come.
	window := b[:min(len(b), lim.HeadBytes)]
	if int(p.at) > len(window) { // the limit has been lowered meanwhile
		return 0, ErrHeadTooLarge
	}
	if !p.line {
		line, at, err := h.parseRequestLine(window, int(p.at), lim.Target)
		if err != nil {
			return 0, err
		}
		if line > 0 {
			// Most heads come whole, and are good: one pass does. It is made
			// once a head, and what it does not accept is left to the passes
			// below, which accept the same heads but find faults in an order
			// that does not hang on how the bytes were cut.
			if end, err := h.parseFields(window, line, lim.Fields); end > 0 && err == nil {
				return end, nil
			}
			p.line, at = true, line
		}
		p.at = int32(at)
	}

	end := 0
	if p.line {
		var err error
		if end, err = p.findEnd(window, lim.Fields); err != nil {
			return 0, err
		}
	}
	if end == 0 {
		if len(b) >= lim.HeadBytes {
			return 0, ErrHeadTooLarge
		}
		return 0, nil
	}
	*h = Head{}
	line, _, err := h.parseRequestLine(b[:end], 0, lim.Target)
	if err != nil {
		return 0, err
	}
	return h.parseFields(b[:end], line, lim.Fields)
}

// findEnd returns the length of the head in b, whose request line is whole, or
// 0, and goes on next time where it has stopped.
func (p *Progress) findEnd(b []byte, maxFields int) (int, error) {
	for {
		i := bytes.IndexByte(b[p.at:], '\n')
		if i < 0 {
			p.at = int32(len(b))
			return 0, nil
		}
		i += int(p.at)
		if b[i-1] != '\r' {
			return 0, ErrLineEnding
		}
		if b[i-2] == '\n' {
			return i + 1, nil
		}
		p.at = int32(i + 1)
		if p.fields++; int(p.fields) > maxFields {
			return 0, ErrTooManyFields
		}
	}
}

// Field is the value of the first field of h with this name, in any case, a
// view; nil if there is none. See the function [Field].
func (h *Head) Field(name string) []byte { return Field(h.Raw, name) }

// Field is the value, without the blanks around it, of the first field with
// this name in raw, which is [Head].Raw or a copy of it. Names are compared
// without regard to ASCII case. The value is a view of raw, nil if there is no
// such field, empty but not nil if its value is. It scans raw on each call and
// does not allocate.
func Field(raw []byte, name string) []byte {
	rest := afterLine(raw)
	for {
		n, v, next, ok := cutField(rest)
		if !ok {
			return nil
		}
		if equalFold(n, name) {
			return v
		}
		rest = next
	}
}

// Fields yields name and value of every field line in raw, which is [Head].Raw
// or a copy of it, in order, repeated names included. Names are in the case that
// the client sent; values are without the blanks around them. Both are views.
func Fields(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		rest := afterLine(raw)
		for {
			n, v, next, ok := cutField(rest)
			if !ok || !yield(n, v) {
				return
			}
			rest = next
		}
	}
}

// afterLine is b without its first line.
func afterLine(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }

// cutField cuts a field line, known to be well-formed, off lines. ok is false at
// the empty line, and at anything that is no field line.
func cutField(lines []byte) (name, value, rest []byte, ok bool) {
	end := bytes.IndexByte(lines, '\n')
	colon := bytes.IndexByte(lines[:max(end, 0)], ':')
	if colon < 1 || lines[end-1] != '\r' {
		return nil, nil, nil, false
	}
	value = trimBlanks(lines[colon+1 : end-1])
	return lines[:colon:colon], value[:len(value):len(value)], lines[end+1:], true
}
