package http1

import "bytes"

// ListHasToken reports whether token is an element of a comma-separated list
// field such as Connection or Upgrade, without regard to ASCII case. Elements
// are compared whole: "websocket" is not in "websocket/13". It does not
// allocate and takes linear time. Source: RFC 9110, section 5.6.1.
func ListHasToken(list []byte, token string) bool {
	for len(list) > 0 {
		var element []byte
		element, list = nextElement(list)
		if equalFold(element, token) {
			return true
		}
	}
	return false
}

// FirstToken is the first element of a comma-separated list that is not empty,
// a view of list; nil if there is none or if it is not a token. It is how a
// server that takes any subprotocol answers Sec-WebSocket-Protocol: a token is
// safe to send back. Source: RFC 6455, section 4.1.
func FirstToken(list []byte) []byte {
	for len(list) > 0 {
		var element []byte
		element, list = nextElement(list)
		if len(element) == 0 {
			continue
		}
		if !isToken(element) {
			return nil
		}
		return element
	}
	return nil
}

// AcceptsEncoding reports whether an Accept-Encoding field lets a response have
// the content coding named by token, such as "gzip". The first element that
// names the coding decides, whatever its place beside "*"; only without one
// does "*" count. A weight of 0 refuses, and so does a malformed weight, since
// an uncompressed response is always safe.
//
// No field, a nil or empty header, accepts nothing: RFC 9110 would allow any
// coding there, but such clients are mostly unable to decode one, and Node does
// not compress for them either. Source: RFC 9110, section 12.5.3.
func AcceptsEncoding(header []byte, token string) bool {
	star, starSeen := false, false
	for len(header) > 0 {
		var element []byte
		element, header = nextElement(header)
		coding, parameters, _ := bytes.Cut(element, semicolon)
		coding = trimBlanks(coding)
		if equalFold(coding, token) {
			return hasWeight(parameters)
		}
		if !starSeen && len(coding) == 1 && coding[0] == '*' {
			starSeen, star = true, hasWeight(parameters)
		}
	}
	return star
}

var semicolon = []byte{';'}

// hasWeight reports whether the weight among the parameters of a list element
// is well-formed and not zero. Without a weight it is 1. Source: RFC 9110,
// section 12.4.2.
func hasWeight(parameters []byte) bool {
	for len(parameters) > 0 {
		var p []byte
		p, parameters, _ = bytes.Cut(parameters, semicolon)
		p = trimBlanks(p)
		if len(p) < 2 || lower(p[0]) != 'q' || p[1] != '=' {
			continue
		}
		q := p[2:]
		if len(q) == 0 || len(q) > len("0.000") || q[0] != '0' && q[0] != '1' || len(q) > 1 && q[1] != '.' {
			return false
		}
		zero := true
		for _, c := range q[min(2, len(q)):] {
			if !isDigit(c) {
				return false
			}
			zero = zero && c == '0'
		}
		return q[0] == '1' && zero || q[0] == '0' && !zero
	}
	return true
}

// nextElement cuts the first element, without the blanks around it, off a
// comma-separated list.
func nextElement(list []byte) (element, rest []byte) {
	i := bytes.IndexByte(list, ',')
	if i < 0 {
		return trimBlanks(list), nil
	}
	return trimBlanks(list[:i]), list[i+1:]
}
