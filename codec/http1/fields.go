package http1

import "bytes"

// maxKnown is the length of the longest field name that readField knows.
const maxKnown = len("sec-websocket-extensions")

// seen is what the field lines of one head have said that Head does not hold.
type seen struct {
	host             []byte
	transferEncoding []byte
	unexpected       bool // an Expect other than 100-continue
	close            bool
	keepAlive        bool
}

// parseFields checks the field lines of b from at on, up to the empty line, and
// reads those that Head or its rules know. It returns the length of the head, or
// 0 if b ends before it does.
func (h *Head) parseFields(b []byte, at, maxFields int) (int, error) {
	var s seen
	h.ContentLength = -1
	for count := 0; ; count++ {
		var name [maxKnown]byte
		start := at
		for ; at < len(b); at++ {
			c := tokenLower[b[at]]
			if c == 0 {
				break
			}
			if at-start < maxKnown {
				name[at-start] = c
			}
		}
		length := at - start
		switch {
		case at+1 >= len(b):
			return 0, nil
		case b[at] == ':' && length > 0:
		case b[at] != '\r':
			return 0, ErrField
		case b[at+1] != '\n':
			return 0, ErrLineEnding
		case length > 0:
			return 0, ErrField
		default:
			return at + 2, h.settle(&s)
		}
		if count == maxFields {
			return 0, ErrTooManyFields
		}

		at++
		for at < len(b) && (b[at] == ' ' || b[at] == '\t') {
			at++
		}
		end := valueEnd(b, at)
		switch {
		case end+1 >= len(b):
			return 0, nil
		case b[end] != '\r':
			return 0, ErrField
		case b[end+1] != '\n':
			return 0, ErrLineEnding
		}
		if length <= maxKnown {
			last := end
			for last > at && (b[last-1] == ' ' || b[last-1] == '\t') {
				last--
			}
			if err := h.readField(&s, name[:length], b[at:last:last]); err != nil {
				return 0, err
			}
		}
		at = end + 2
	}
}

// readField takes one field, if its name, in lower case, is known.
func (h *Head) readField(s *seen, name, value []byte) error {
	var once *[]byte // a field that may come once
	fault := ErrDuplicateField
	switch string(name) {
	case "host":
		once, fault = &s.host, ErrHost
	case "transfer-encoding":
		once, fault = &s.transferEncoding, ErrTransferEncoding
	case "content-length":
		if h.ContentLength >= 0 {
			return ErrContentLength
		}
		length, ok := parseLength(value)
		if !ok {
			return ErrContentLength
		}
		h.ContentLength = length
	case "expect":
		known := equalFold(value, "100-continue")
		h.Expect100 = h.Expect100 || known
		s.unexpected = s.unexpected || !known
	case "connection":
		h.readConnection(s, value)
	case "upgrade":
		if len(h.Upgrade) == 0 {
			h.Upgrade = value
		}
		h.UpgradeWebSocket = h.UpgradeWebSocket || ListHasToken(value, "websocket")
	case "origin":
		once = &h.Origin
	case "sec-websocket-key":
		once = &h.WebSocketKey
	case "sec-websocket-version":
		once = &h.WebSocketVersion
	case "sec-websocket-protocol":
		keepFirst(&h.WebSocketProtocol, value)
	case "sec-websocket-extensions":
		keepFirst(&h.WebSocketExtensions, value)
	case "content-type":
		keepFirst(&h.ContentType, value)
	case "accept-encoding":
		keepFirst(&h.AcceptEncoding, value)
	case "user-agent":
		keepFirst(&h.UserAgent, value)
	case "if-none-match":
		keepFirst(&h.IfNoneMatch, value)
	}
	if once != nil {
		if *once != nil {
			return fault
		}
		*once = value
	}
	return nil
}

func keepFirst(field *[]byte, value []byte) {
	if *field == nil {
		*field = value
	}
}

func (h *Head) readConnection(s *seen, list []byte) {
	for len(list) > 0 {
		var option []byte
		option, list = nextElement(list)
		switch len(option) {
		case len("close"):
			s.close = s.close || equalFold(option, "close")
		case len("upgrade"):
			h.ConnectionUpgrade = h.ConnectionUpgrade || equalFold(option, "upgrade")
		case len("keep-alive"):
			s.keepAlive = s.keepAlive || equalFold(option, "keep-alive")
		}
	}
}

// settle applies the rules that span several fields.
func (h *Head) settle(s *seen) error {
	if s.host == nil {
		if h.Minor > 0 {
			return ErrHost
		}
	} else if _, ok := validHost(s.host); !ok {
		return ErrHost
	} else if h.Host == nil { // else the target's counts, but ours is checked
		h.Host = s.host
	}

	if s.transferEncoding != nil {
		if h.ContentLength >= 0 {
			return ErrLengthConflict
		}
		if h.Minor == 0 {
			return ErrTransferEncoding
		}
		if !equalFold(s.transferEncoding, "chunked") {
			return refuseCoding(s.transferEncoding)
		}
		h.Chunked = true
	}

	if h.Minor == 0 {
		h.Expect100 = false
		h.Upgrade, h.UpgradeWebSocket, h.ConnectionUpgrade = nil, false, false
		h.KeepAlive = s.keepAlive && !s.close
	} else {
		if s.unexpected {
			return ErrExpectation
		}
		h.KeepAlive = !s.close
		h.ConnectionUpgrade = h.ConnectionUpgrade && len(h.Upgrade) > 0
	}
	if string(h.Method) == "CONNECT" {
		h.KeepAlive = false
	}
	return nil
}

// parseLength parses a Content-Length: digits alone, of a value that fits in 63
// bits. Source: RFC 9110, section 8.6.
func parseLength(b []byte) (n int64, ok bool) {
	const most = 1<<63 - 1
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		d := int64(c - '0')
		if n > (most-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}

// refuseCoding tells a coding that we do not have from a malformed one: 501 if
// the list is of tokens and has no "chunked" except perhaps at its end, else
// 400. Parameters count as malformed; no coding that is in use has any.
func refuseCoding(list []byte) error {
	chunked := false
	for more := true; more; {
		var coding []byte
		coding, list, more = bytes.Cut(list, comma)
		coding = trimBlanks(coding)
		if chunked || !isToken(coding) {
			return ErrTransferEncoding
		}
		chunked = equalFold(coding, "chunked")
	}
	return ErrTransferCoding
}

var comma = []byte{','}
