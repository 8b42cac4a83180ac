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

// PreferredEncoding is the index in offers of the content coding that an
// Accept-Encoding field likes best, or -1 if it has none of them.
//
// The highest weight wins; of equal ones a coding that is named wins over one that
// only "*" stands for, then the one that the field names first, then the one that is
// offered first. A coding that is named twice has the better weight. A weight of 0
// refuses, and so does a malformed one, since an uncompressed response is always safe.
// "identity" counts for nothing: a coding that is acceptable at all is taken.
//
// No field, a nil or empty header, accepts nothing: RFC 9110 would allow any
// coding there, but such clients are mostly unable to decode one, and Node does
// not compress for them either. It does not allocate, and takes linear time for each
// offer. Source: RFC 9110, section 12.5.3; the order of equals is the reference
// server's.
func PreferredEncoding(header []byte, offers ...string) int {
	best, bestRank := -1, rank{}
	for i, offer := range offers {
		if r := rankOf(header, offer); r.weight > 0 && (best < 0 || r.before(bestRank)) {
			best, bestRank = i, r
		}
	}
	return best
}

// A rank is how well a coding is liked.
type rank struct {
	weight int  // in thousandths
	named  bool // by itself, not by "*"
	at     int  // the element's number
}

func (r rank) before(than rank) bool {
	switch {
	case r.weight != than.weight:
		return r.weight > than.weight
	case r.named != than.named:
		return r.named
	}
	return r.at < than.at
}

func rankOf(header []byte, coding string) (r rank) {
	for at := 0; len(header) > 0; at++ {
		var element []byte
		element, header = nextElement(header)
		name, parameters, _ := bytes.Cut(element, semicolon)
		name = trimBlanks(name)
		named := equalFold(name, coding)
		if !named && (r.named || len(name) != 1 || name[0] != '*') {
			continue
		}
		if w := weight(parameters); named && !r.named || w >= r.weight {
			r = rank{w, named, at} // of equal ones the last: so the reference server has it
		}
	}
	return r
}

var semicolon = []byte{';'}

// weight is the weight among the parameters of a list element, in thousandths: 0 if it
// is malformed, 1000 if there is none. Source: RFC 9110, section 12.4.2.
func weight(parameters []byte) int {
	for len(parameters) > 0 {
		var p []byte
		p, parameters, _ = bytes.Cut(parameters, semicolon)
		p = trimBlanks(p)
		if len(p) < 2 || lower(p[0]) != 'q' || p[1] != '=' {
			continue
		}
		q := p[2:]
		if len(q) == 0 || len(q) > len("0.000") || len(q) > 1 && q[1] != '.' {
			return 0
		}
		w, unit := 0, 1000
		for i, c := range q {
			if i == 1 {
				continue // the dot
			}
			if !isDigit(c) {
				return 0
			}
			w += int(c-'0') * unit
			unit /= 10
		}
		if w > 1000 {
			return 0
		}
		return w
	}
	return 1000
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
