package engineio

// AppendJSONP appends the script that brings a payload to a client without cross-origin
// requests, ___eio[index]("payload"); and returns the extended slice. index is digits, or
// nothing: [JSONPIndex]. payload is UTF-8, and must not overlap the spare capacity of dst.
//
// The string is escaped as JSON.stringify does, and U+2028 and U+2029 besides: older
// JavaScript takes them for the ends of a line.
//
// Source: the reference server, transport "polling" with the parameter j.
func AppendJSONP(dst []byte, index string, payload []byte) []byte {
	dst = append(dst, "___eio["...)
	dst = append(dst, index...)
	dst = append(dst, "](\""...)
	from := 0 // payload[from:i] stands for itself
	for i := 0; i < len(payload); i++ {
		c := payload[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0xe2 {
			continue
		}
		if c != 0xe2 {
			dst = append(dst, payload[from:i]...)
			dst = appendEscaped(dst, c)
			from = i + 1
			continue
		}
		if len(payload)-i >= 3 && payload[i+1] == 0x80 && payload[i+2]|1 == 0xa9 {
			dst = append(dst, payload[from:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, '0'+payload[i+2]&0xf)
			from = i + 3
			i += 2
		}
	}
	dst = append(dst, payload[from:]...)
	return append(dst, "\");"...)
}

// JSONPIndex is what counts of the parameter j: its digits.
func JSONPIndex(j []byte) string {
	digits := make([]byte, 0, len(j))
	for _, c := range j {
		if c >= '0' && c <= '9' {
			digits = append(digits, c)
		}
	}
	return string(digits)
}

// UnescapeJSONP takes the escapes out of the field d of a form that a JSONP client posts,
// in place, and returns the part of d that holds the payload. Form fields have no line
// ends of their own, so the client writes them as backslash and n, and puts a second
// backslash before one that stood before an n already.
//
// Source: the reference server, transport "polling" with the parameter j.
func UnescapeJSONP(d []byte) []byte {
	write, slashes := 0, 0
	for _, c := range d {
		if c == 'n' && slashes > 0 {
			write-- // one backslash less
			if slashes == 1 {
				c = '\n'
			}
		}
		if c == '\\' {
			slashes++
		} else {
			slashes = 0
		}
		d[write] = c
		write++
	}
	return d[:write]
}
