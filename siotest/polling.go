package siotest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strconv"

	"github.com/e6a90ca8/sio/codec/engineio"
)

// A pollLink is long-polling: one connection on which a GET always waits, and one for
// POSTs, one at a time. Its fields are guarded by conn.mu.
type pollLink struct {
	c       *conn
	get     io.ReadWriteCloser
	post    io.ReadWriteCloser // nil until there is something to send
	out     []frame            // to be posted
	getting bool               // a GET is on its way
	posting bool               // a POST is
	pausing bool               // the session moves to a WebSocket: no further requests
	closing bool               // what is in out goes first, then the connections
}

// openPoll sends the first GET, with mu held.
func (c *conn) openPoll() (*pollLink, error) {
	l := &pollLink{c: c}
	p, err := c.pipe(l.readGet)
	if err != nil {
		return nil, err
	}
	l.get = p
	l.poll()
	return l, nil
}

// poll sends a GET, with mu held.
func (l *pollLink) poll() {
	l.getting = true
	l.c.write(l.get, l.c.head("GET", "polling", ""))
}

// readGet is the reader of the connection for GETs.
func (l *pollLink) readGet(p io.ReadWriteCloser) {
	c := l.c
	r := bufio.NewReader(p)
	for {
		body, err := response(r)
		// The next GET goes out before anybody sees what came with this one: so a client that
		// has heard something and is cut has a GET under way.
		c.mu.Lock()
		if err == nil {
			l.payload(body)
		}
		if c.probe != nil {
			// The server lets no GET wait now. We and its loop would wake each other again and
			// again, and the probe's reader, whose turn it is, would wait for a processor.
			c.mu.Unlock()
			runtime.Gosched()
			c.mu.Lock()
		}
		l.getting = false
		switch {
		case c.poll != l:
			// The session has moved on.
		case err != nil && !c.opened:
			c.refused = err
			c.cond.Broadcast()
		case err != nil:
			c.end(transportError)
		case l.pausing:
			c.moveOn()
		case !c.over:
			l.poll()
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// payload takes the packets of a GET's answer, with mu held.
func (l *pollLink) payload(body []byte) {
	payload := engineio.NewPayload(body)
	for {
		p, ok, err := payload.Next()
		if err != nil {
			l.c.broken("polling payload %q", body)
			return
		}
		if !ok {
			return
		}
		l.c.receive(p)
	}
}

// readPost is the reader of the connection for POSTs.
func (l *pollLink) readPost(p io.ReadWriteCloser) {
	c := l.c
	r := bufio.NewReader(p)
	for {
		body, err := response(r)
		c.mu.Lock()
		waited := l.posting
		l.posting = false
		switch {
		case c.poll != l:
		case err != nil && !waited:
			// Closed between two requests, which says nothing about the session.
			l.post = nil
			_ = p.Close()
		case err != nil:
			c.end(transportError)
			l.shut()
		case string(body) != "ok":
			c.broken("answer %q to a POST", body)
		case l.pausing:
			c.moveOn()
		default:
			l.flush()
		}
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// flush posts what there is to post, if nothing is being posted, with mu held.
func (l *pollLink) flush() {
	if l.posting || l.pausing {
		return
	}
	if len(l.out) == 0 {
		if l.closing {
			l.shut()
		}
		return
	}
	if l.post == nil {
		p, err := l.c.pipe(l.readPost)
		if err != nil {
			return // the server has stopped, which the other reader finds out
		}
		l.post = p
	}
	var body []byte
	n := 0
	for _, f := range l.out {
		size := len(f.data)
		if f.binary {
			size = engineio.BinarySize(size)
		}
		if n > 0 {
			if max := l.c.hs.MaxPayload; max > 0 && len(body)+1+size > max {
				break
			}
			body = append(body, engineio.Separator)
		}
		if f.binary {
			body = engineio.AppendBinary(body, f.data)
		} else {
			body = append(body, f.data...)
		}
		n++
	}
	l.out = l.out[n:]
	l.posting = true
	head := l.c.head("POST", "polling", "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n")
	l.c.write(l.post, append(head, body...))
}

// close ends the connections once everything was posted, with mu held.
func (l *pollLink) close() {
	l.closing = true
	l.flush()
}

// shut ends the connections, with mu held.
func (l *pollLink) shut() {
	l.get.Close()
	if l.post != nil {
		l.post.Close()
	}
}

// response reads one HTTP response with status 200. Another status is a
// [*HandshakeError].
func response(r *bufio.Reader) (body []byte, err error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	e := &HandshakeError{Status: resp.StatusCode, Code: -1, Message: string(body)}
	var told struct {
		Code    *int
		Message string
	}
	if json.Unmarshal(body, &told) == nil && told.Code != nil {
		e.Code, e.Message = *told.Code, told.Message
	}
	return nil, e
}
