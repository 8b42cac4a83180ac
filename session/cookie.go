package session

// A Cookie is what names the session to proxies: a field of the first answer to a polling
// client, and of no other response. It is made once and read by all loops.
type Cookie struct {
	Name       string // a token
	Attributes string // behind the value, each with "; " in front
}

// append appends the field, with its CRLF, for the session id.
func (k *Cookie) append(dst, sid []byte) []byte {
	dst = append(dst, "Set-Cookie: "...)
	dst = append(dst, k.Name...)
	dst = append(dst, '=')
	dst = appendURIComponent(dst, sid)
	dst = append(dst, k.Attributes...)
	return append(dst, "\r\n"...)
}

// appendURIComponent appends text with all bytes percent-encoded but letters, digits and
// -_.!~*'(). Only an application's own ids have others.
//
// Source: ECMA-262, encodeURIComponent, as the reference server writes a cookie's value.
func appendURIComponent(dst, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, b := range text {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
			dst = append(dst, b)
			continue
		}
		switch b {
		case '-', '_', '.', '!', '~', '*', '\'', '(', ')':
			dst = append(dst, b)
		default:
			dst = append(dst, '%', hex[b>>4], hex[b&15])
		}
	}
	return dst
}
