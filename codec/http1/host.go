package http1

import "bytes"

// validHost reports whether b is a host that is not empty with an optional
// port, and whether a port is given. Zone identifiers and IPvFuture are
// refused: neither has a meaning in a Host field. Source: RFC 3986, section
// 3.2.2; RFC 9110, section 7.2.
func validHost(b []byte) (port, ok bool) {
	var rest []byte
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !validIPv6(b[1:end]) {
			return false, false
		}
		rest = b[end+1:]
	} else {
		i := 0
		for i < len(b) && regName[b[i]] {
			i++
		}
		if i == 0 {
			return false, false
		}
		rest = b[i:]
	}
	return len(rest) > 1, validPort(rest)
}

// validPort reports whether b is empty, a colon, or a colon and a port number.
func validPort(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != ':' || len(b) > len(":65535") {
		return false
	}
	port := 0
	for _, c := range b[1:] {
		if !isDigit(c) {
			return false
		}
		port = port*10 + int(c-'0')
	}
	return port <= 65535
}

// validIPv6 reports whether b is an IPv6 address without zone: eight groups of
// up to four hex digits, the last two perhaps as an IPv4 address, one run of at
// least one zero group perhaps as "::". FuzzHost compares it with net/netip,
// which would need a string.
func validIPv6(b []byte) bool {
	groups, gap := 0, false
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, b = true, b[2:]
		if len(b) == 0 {
			return true
		}
	}
	for {
		n := 0
		for n < len(b) && n < 4 && hexValue[b[n]] != 0xff {
			n++
		}
		if n == 0 {
			return false
		}
		if n < len(b) && b[n] == '.' {
			return (groups == 6 && !gap || groups < 6 && gap) && validIPv4(b)
		}
		groups, b = groups+1, b[n:]
		if len(b) == 0 {
			return groups == 8 && !gap || groups < 8 && gap
		}
		if b[0] != ':' || groups == 8 {
			return false
		}
		b = b[1:]
		if len(b) > 0 && b[0] == ':' {
			if gap {
				return false
			}
			gap, b = true, b[1:]
			if len(b) == 0 {
				return groups < 8
			}
		}
	}
}

// validIPv4 reports whether b is four numbers below 256 without leading zeros,
// with dots between them.
func validIPv4(b []byte) bool {
	for part := range 4 {
		n, value := 0, 0
		for n < len(b) && n < 3 && isDigit(b[n]) {
			value = value*10 + int(b[n]-'0')
			n++
		}
		if n == 0 || value > 255 || n > 1 && b[0] == '0' {
			return false
		}
		b = b[n:]
		if part == 3 {
			break
		}
		if len(b) == 0 || b[0] != '.' {
			return false
		}
		b = b[1:]
	}
	return len(b) == 0
}
