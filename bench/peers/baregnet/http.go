package main

import (
	"bytes"
	"strconv"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

const (
	textHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\ncache-control: no-store\r\nContent-Length: "
	okReply  = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\ncache-control: no-store\r\nContent-Length: 2\r\n\r\nok"
	unknown  = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 41\r\n\r\n" + `{"code":1,"message":"Session ID unknown"}`
)

// http serves the whole requests at the start of b, up to one that makes c a
// WebSocket.
func (c *conn) http(b []byte) (n int, action gnet.Action) {
	l := c.loop
	for n < len(b) && !c.ws {
		end := bytes.Index(b[n:], []byte("\r\n\r\n"))
		if end < 0 {
			if len(b)-n > 16<<10 {
				return n, gnet.Close
			}
			return n, gnet.None
		}
		head := b[n : n+end+2]
		line := head[:bytes.IndexByte(head, '\r')]
		sid := query(line, "&sid=")
		switch {
		case head[0] == 'P':
			size, _ := bare.Number(bare.Field(head, "Content-Length: "))
			if size > 1_000_000 {
				return n, gnet.Close
			}
			if len(b)-n-end-4 < size {
				return n, gnet.None
			}
			body := b[n+end+4 : n+end+4+size]
			n += end + 4 + size
			p := l.server.polls.get(sid)
			if p == nil {
				l.out = append(l.out, unknown...)
				continue
			}
			// The answer to the POST goes out in this turn; what the packets ask
			// for goes to the GET that waits.
			p.receive(l, body)
			l.out = append(l.out, okReply...)
			continue
		case bytes.Contains(line, []byte("transport=websocket")) && sid == nil:
			c.upgrade(head)
		case bytes.Contains(line, []byte("transport=polling")) && sid == nil:
			p := l.server.polls.open(l)
			l.out = appendBody(l.out, []byte(`0{"sid":"`+p.sid+l.server.handshake))
		case bytes.Contains(line, []byte("transport=polling")):
			if p := l.server.polls.get(sid); p == nil {
				l.out = append(l.out, unknown...)
			} else {
				p.wait(c)
			}
		default:
			l.out = append(l.out, bare.Refused...)
			return len(b), gnet.Close
		}
		n += end + 4
	}
	return n, gnet.None
}

// upgrade makes c a WebSocket.
func (c *conn) upgrade(head []byte) {
	c.loop.out = bare.AppendUpgrade(c.loop.out, head, c.loop.server.handshake)
	c.ws = true
	c.pinged()
}

// appendBody appends a response with body.
func appendBody(dst, body []byte) []byte {
	dst = append(dst, textHead...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, body...)
}

// query is what follows name in the request line, up to the next & or blank;
// nil if name is not there.
func query(line []byte, name string) []byte {
	at := bytes.Index(line, []byte(name))
	if at < 0 {
		return nil
	}
	value := line[at+len(name):]
	return value[:max(0, bytes.IndexAny(value, "& "))]
}
