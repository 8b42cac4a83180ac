package http1

import (
	"strconv"
	"time"
)

// Continue is the interim response that asks for the body of a request with
// [Head].Expect100. Source: RFC 9110, section 15.2.1.
const Continue = "HTTP/1.1 100 Continue\r\n\r\n"

// Connection is what a response says about the connection behind it. Source:
// RFC 9112, sections 9.3, 9.6.
type Connection uint8

const (
	// ConnectionDefault says nothing, which to an HTTP/1.1 client means that
	// the connection persists.
	ConnectionDefault Connection = iota

	// ConnectionClose says that this response is the last one.
	ConnectionClose

	// ConnectionKeepAlive says to an HTTP/1.0 client that asked for it that the
	// connection persists.
	ConnectionKeepAlive

	// ConnectionUpgrade goes with status 101 and an Upgrade field.
	ConnectionUpgrade
)

// Persistence is what the response to h says about the connection if the server
// is willing to keep it.
func (h *Head) Persistence() Connection {
	switch {
	case !h.KeepAlive:
		return ConnectionClose
	case h.Minor == 0:
		return ConnectionKeepAlive
	}
	return ConnectionDefault
}

// Response is the head of one response. It is meant to be filled on the stack,
// or kept as a template.
type Response struct {
	// Status is the status code, 100 to 999; anything else is sent as 500.
	Status int

	// ContentType is the Content-Type; "" for none. See [ValidFieldValue].
	ContentType string

	// ContentLength is the length of the content in bytes. It is sent always,
	// also for the answer to HEAD, whose content is then not to be sent; except
	// that it is left out below 0, and with status 1xx and 204, which have
	// none. Source: RFC 9110, section 8.6.
	ContentLength int64

	// Connection is the Connection field.
	Connection Connection

	// Fields are further field lines, each with its CRLF, as made by
	// [AppendField] and [AppendDate]. They are not checked.
	Fields []byte
}

// AppendHead appends the head of r with the empty line at its end to dst. It
// does not allocate if dst has room. The version is HTTP/1.1 whatever the
// request's was. Source: RFC 9112, section 2.3.
func (r *Response) AppendHead(dst []byte) []byte {
	dst = AppendStatusLine(dst, r.Status)
	if r.ContentType != "" {
		dst = AppendField(dst, "Content-Type", r.ContentType)
	}
	if r.ContentLength >= 0 && r.Status/100 != 1 && r.Status != 204 {
		dst = AppendFieldInt(dst, "Content-Length", r.ContentLength)
	}
	dst = append(dst, r.Fields...)
	switch r.Connection {
	case ConnectionClose:
		dst = append(dst, "Connection: close\r\n"...)
	case ConnectionKeepAlive:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	case ConnectionUpgrade:
		dst = append(dst, "Connection: Upgrade\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// AppendStatusLine appends "HTTP/1.1 <status> <reason>" and CRLF to dst. A
// status outside 100 to 999 is sent as 500.
func AppendStatusLine(dst []byte, status int) []byte {
	if status < 100 || status > 999 {
		status = 500
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, Reason(status)...)
	return append(dst, "\r\n"...)
}

// AppendField appends the field line "name: value" and CRLF to dst. It checks
// nothing: what an application or a client has a hand in must have passed
// [ValidFieldName] and [ValidFieldValue], or it can add fields and responses of
// its own.
func AppendField[T string | []byte](dst []byte, name string, value T) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// AppendFieldInt appends a field line with a decimal number to dst.
func AppendFieldInt(dst []byte, name string, value int64) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = strconv.AppendInt(dst, value, 10)
	return append(dst, "\r\n"...)
}

// AppendDate appends the field line "Date: <now>" to dst, which a server with a
// clock owes every response of 200 or above. The line is good for a second.
// Source: RFC 9110, sections 5.6.7, 6.6.1.
func AppendDate(dst []byte, now time.Time) []byte {
	dst = append(dst, "Date: "...)
	dst = now.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
	return append(dst, "\r\n"...)
}

// ValidFieldName reports whether s can be a field name: a token. Source:
// RFC 9110, section 5.1.
func ValidFieldName(s string) bool { return isToken(s) }

// ValidFieldValue reports whether s can be a field value: HTAB, SP, visible
// ASCII and bytes above 0x7f; no CR, LF, NUL or other control character. The
// empty string can. Source: RFC 9110, section 5.5.
func ValidFieldValue(s string) bool {
	for i := range len(s) {
		if !isValueByte(s[i]) {
			return false
		}
	}
	return true
}

// Reason is the reason phrase of a status code, "unknown" if it has none. Where
// RFC 9110 and Node differ it is Node's ("Payload Too Large"), which is what
// clients of the reference server see. Source: RFC 9112, section 4.
func Reason(status int) string {
	if status >= 0 && status < len(reasons) && reasons[status] != "" {
		return reasons[status]
	}
	return "unknown"
}

var reasons = [...]string{
	100: "Continue",
	101: "Switching Protocols",
	102: "Processing",
	103: "Early Hints",
	200: "OK",
	201: "Created",
	202: "Accepted",
	203: "Non-Authoritative Information",
	204: "No Content",
	205: "Reset Content",
	206: "Partial Content",
	207: "Multi-Status",
	208: "Already Reported",
	226: "IM Used",
	300: "Multiple Choices",
	301: "Moved Permanently",
	302: "Found",
	303: "See Other",
	304: "Not Modified",
	305: "Use Proxy",
	307: "Temporary Redirect",
	308: "Permanent Redirect",
	400: "Bad Request",
	401: "Unauthorized",
	402: "Payment Required",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	406: "Not Acceptable",
	407: "Proxy Authentication Required",
	408: "Request Timeout",
	409: "Conflict",
	410: "Gone",
	411: "Length Required",
	412: "Precondition Failed",
	413: "Payload Too Large",
	414: "URI Too Long",
	415: "Unsupported Media Type",
	416: "Range Not Satisfiable",
	417: "Expectation Failed",
	418: "I'm a Teapot",
	421: "Misdirected Request",
	422: "Unprocessable Entity",
	423: "Locked",
	424: "Failed Dependency",
	425: "Too Early",
	426: "Upgrade Required",
	428: "Precondition Required",
	429: "Too Many Requests",
	431: "Request Header Fields Too Large",
	451: "Unavailable For Legal Reasons",
	500: "Internal Server Error",
	501: "Not Implemented",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Gateway Timeout",
	505: "HTTP Version Not Supported",
	506: "Variant Also Negotiates",
	507: "Insufficient Storage",
	508: "Loop Detected",
	509: "Bandwidth Limit Exceeded",
	510: "Not Extended",
	511: "Network Authentication Required",
}
