package http1

import "bytes"

// maxMethod bounds a method, in bytes. The longest one registered has 17. It
// keeps text without a blank from being waited on up to the limit of a head.
const maxMethod = 32

var rootPath = []byte("/")

// parseRequestLine parses the request line at the start of b from left to
// right, as far as it has come: what it finds at one byte hangs on no later
// byte. line is its length with the CRLF, or 0 if it is not whole; then at is
// how much of b the next call, with more bytes, need not look at again: it is
// given as from.
func (h *Head) parseRequestLine(b []byte, from, maxTarget int) (line, at int, err error) {
	i := 0
	for i < len(b) && tokenLower[b[i]] != 0 {
		if i++; i > maxMethod {
			return 0, 0, ErrRequestLine
		}
	}
	if i == len(b) {
		return 0, 0, nil
	}
	if i == 0 || b[i] != ' ' {
		return 0, 0, ErrRequestLine
	}
	method := b[:i:i]

	start := i + 1
	i = targetEnd(b[:min(len(b), start+maxTarget+1)], max(start, from))
	if i-start > maxTarget {
		return 0, 0, ErrTargetTooLong
	}
	if i == len(b) {
		return 0, i, nil
	}
	if i == start || b[i] != ' ' {
		return 0, 0, ErrRequestLine
	}
	minor, n, err := parseVersion(b[i+1:])
	if n == 0 || err != nil {
		return 0, i, err // at the blank, so that the target's end is found at once
	}

	h.Method, h.Target, h.Minor = method, b[start:i:i], minor
	if !h.splitTarget() {
		return 0, 0, ErrTarget
	}
	return i + 1 + n, 0, nil
}

// parseVersion parses the version at the start of b with the CRLF behind it, as
// far as it has come. n is 0 if it is not whole. Source: RFC 9112, section 2.3.
func parseVersion(b []byte) (minor uint8, n int, err error) {
	const form = "HTTP/d.d\r\n"
	if len(b) < len(form) || string(b[:len(form)]) != "HTTP/1.1\r\n" {
		for i := range len(form) {
			switch {
			case i == len(b):
				return 0, 0, nil
			case form[i] == 'd' && isDigit(b[i]), form[i] == b[i]:
			case form[i] == '\r' && b[i] == '\n':
				return 0, 0, ErrLineEnding
			default:
				return 0, 0, ErrRequestLine
			}
		}
	}
	if b[5] != '1' || b[7] > '1' {
		return 0, 0, ErrVersion
	}
	return b[7] - '0', len(form), nil
}

// splitTarget fills Path, Query and, if the target has one, Host, and reports
// whether Target has a form that Method can take. Source: RFC 9112, section 3.2.
func (h *Head) splitTarget() bool {
	target := h.Target
	switch {
	case string(h.Method) == "CONNECT": // authority-form
		port, ok := validHost(target)
		h.Host = target
		return ok && port
	case target[0] == '/': // origin-form
	case len(target) == 1 && target[0] == '*': // asterisk-form
		h.Path = target
		return string(h.Method) == "OPTIONS"
	default: // absolute-form
		scheme := bytes.IndexByte(target, ':')
		if scheme < 0 || !equalFold(target[:scheme], "http") && !equalFold(target[:scheme], "https") {
			return false
		}
		rest := target[scheme+1:]
		if len(rest) < 2 || rest[0] != '/' || rest[1] != '/' {
			return false
		}
		rest = rest[2:]
		end := bytes.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		if _, ok := validHost(rest[:end]); !ok {
			return false
		}
		h.Host, target = rest[:end:end], rest[end:]
	}

	h.Path = target
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		h.Path, h.Query = target[:i:i], target[i+1:]
	}
	if len(h.Path) == 0 {
		h.Path = rootPath
	}
	return wellEscaped(h.Path)
}

// wellEscaped reports whether every '%' in b has two hex digits behind it.
func wellEscaped(b []byte) bool {
	for {
		i := bytes.IndexByte(b, '%')
		if i < 0 {
			return true
		}
		if len(b)-i < 3 || hexValue[b[i+1]]|hexValue[b[i+2]] == 0xff {
			return false
		}
		b = b[i+3:]
	}
}
