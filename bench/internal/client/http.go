package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// maxHead bounds the head of a response, in bytes.
const maxHead = 64 << 10

// response is one HTTP response, views of the bytes it was parsed from.
type response struct {
	status int
	line   []byte // the status line
	head   []byte // the header lines
	body   []byte
	close  bool // the server ends the connection after it
}

var errHTTP = errors.New("not an HTTP/1.1 response")

// parseResponse reads the response at the start of b. n is its size; with n
// zero and no error it is not complete yet. A chunked body is joined in place,
// so b must be writable; with ended, the bytes that are there are all there
// will be. Interim responses (1xx but 101) are skipped. A 101 has no body.
//
// Source: RFC 9112, sections 2.2, 4, 6 and 7.1.
func parseResponse(b []byte, ended bool) (r response, n int, err error) {
	for {
		end := bytes.Index(b[n:], []byte("\r\n\r\n"))
		if end < 0 {
			if len(b)-n > maxHead {
				return response{}, 0, fmt.Errorf("%w: head of more than %d bytes", errHTTP, maxHead)
			}
			if !plausible(b[n:]) {
				return response{}, 0, errHTTP
			}
			return response{}, 0, nil
		}
		head := b[n : n+end+2]
		n += end + 4
		line := head[:bytes.Index(head, []byte("\r\n"))]
		r = response{line: line, head: head[len(line)+2:]}
		if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
			return response{}, 0, errHTTP
		}
		r.status, err = strconv.Atoi(string(line[9:12]))
		if err != nil || r.status < 100 {
			return response{}, 0, errHTTP
		}
		if r.status >= 200 || r.status == 101 {
			break
		}
	}
	connection := r.header("Connection")
	r.close = bytes.EqualFold(connection, []byte("close")) ||
		r.line[7] == '0' && !bytes.EqualFold(connection, []byte("keep-alive"))
	if r.status == 101 || r.status == 204 || r.status == 304 {
		return r, n, nil
	}
	if bytes.EqualFold(r.header("Transfer-Encoding"), []byte("chunked")) {
		body, size, err := joinChunks(b[n:])
		if err != nil || size == 0 {
			return response{}, 0, err
		}
		r.body = body
		return r, n + size, nil
	}
	length := r.header("Content-Length")
	if length == nil { // the end of the connection ends the body
		if !ended {
			return response{}, 0, nil
		}
		r.body, r.close = b[n:], true
		return r, len(b), nil
	}
	size, err := strconv.ParseUint(string(length), 10, 31)
	if err != nil || size > maxMessage {
		return response{}, 0, fmt.Errorf("%w: Content-Length %q", errHTTP, length)
	}
	if uint64(len(b)-n) < size {
		return response{}, 0, nil
	}
	r.body = b[n : n+int(size)]
	return r, n + int(size), nil
}

// plausible says whether b may become a response.
func plausible(b []byte) bool {
	const start = "HTTP/1."
	return bytes.HasPrefix(b, []byte(start[:min(len(start), len(b))]))
}

// header is the value of the first header line called name, nil if there is
// none.
func (r *response) header(name string) []byte {
	for rest := r.head; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.Trim(line[len(name)+1:], " \t")
		}
	}
	return nil
}

// joinChunks moves the data of a chunked body together at its front. size is
// what the body took of b, 0 if it is not complete; nothing was moved then.
func joinChunks(b []byte) (body []byte, size int, err error) {
	for pass := range 2 { // the first only measures
		var at, to int
		for {
			end := bytes.Index(b[at:], []byte("\r\n"))
			if end < 0 {
				if len(b)-at > 64 {
					return nil, 0, fmt.Errorf("%w: chunk size", errHTTP)
				}
				return nil, 0, nil
			}
			digits, _, _ := bytes.Cut(b[at:at+end], []byte(";"))
			n, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
			if err != nil || n > maxMessage || to+int(n) > maxMessage {
				return nil, 0, fmt.Errorf("%w: chunk size %q", errHTTP, digits)
			}
			at += end + 2
			if n == 0 {
				break
			}
			if len(b)-at < int(n)+2 {
				return nil, 0, nil
			}
			if pass == 1 {
				copy(b[to:], b[at:at+int(n)])
			}
			to += int(n)
			at += int(n)
			if b[at] != '\r' || b[at+1] != '\n' {
				return nil, 0, fmt.Errorf("%w: chunk end", errHTTP)
			}
			at += 2
		}
		for { // trailers, up to an empty line
			end := bytes.Index(b[at:], []byte("\r\n"))
			if end < 0 {
				return nil, 0, nil
			}
			at += end + 2
			if end == 0 {
				break
			}
		}
		body, size = b[:to], at
	}
	return body, size, nil
}
