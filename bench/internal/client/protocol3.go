package client

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/engineio"
)

// What Engine.IO protocol 3 and Socket.IO protocol 4 have otherwise, for servers
// with allowEIO3. Polling uses base64 for bytes, as the official client does
// where it has nothing better. Sources: those protocols, and the client of
// Socket.IO 2.

// old says whether the run speaks protocol 3.
func (c *Config) old() bool { return c.Protocol == 3 }

// pings are the pings that are due: with protocol 3 they are the client's. All
// sessions have the interval that the server told last, so they stand in order.
type pings struct {
	queue []deadline // valid while the session is ready and has this deadline
	first int        // of queue
	every time.Duration
	timer *reactor.Timer
}

// pingLater lets s, which is ready, ping one interval from now.
func (e *Env) pingLater(s *Session) {
	p := &e.pings
	s.deadline = e.Loop.Now() + p.every
	if p.first == len(p.queue) {
		p.queue, p.first = p.queue[:0], 0
		p.timer.Arm(s.deadline)
	} else if p.first > 1024 && p.first*2 > len(p.queue) {
		n := copy(p.queue, p.queue[p.first:])
		clear(p.queue[n:])
		p.queue, p.first = p.queue[:n], 0
	}
	p.queue = append(p.queue, deadline{s, s.deadline})
}

// ping sends the pings that are due.
func (e *Env) ping() {
	p := &e.pings
	for p.first < len(p.queue) {
		d := p.queue[p.first]
		due := d.s.state == ready && d.s.deadline == d.at
		if due && d.at > e.Loop.Now() {
			p.timer.Arm(d.at)
			return
		}
		p.queue[p.first] = deadline{}
		p.first++
		if due {
			d.s.send([]byte(engineio.PingPacket), false)
			e.pingLater(d.s)
		}
	}
}

// connected3 takes a packet before Ready. The server connects the main namespace
// by itself; the answer to CONNECT has no data, and an error is a JSON value.
func (s *Session) connected3(b []byte) {
	own := Prefix(s.Namespace(), '0', 0)[1:]
	switch {
	case bytes.Equal(b, []byte(own)):
		s.welcome()
	case string(b) == "0": // of the main namespace, on the way to another
	case len(b) > 0 && b[0] == '4':
		s.end(denied3(b))
	default:
		s.fail(Unexpected, "%s in place of the answer to CONNECT", Quote(b))
	}
}

// denied3 is the error that an ERROR packet is.
func denied3(b []byte) *Error {
	data := b[1:]
	if len(data) > 0 && data[0] == '/' {
		_, data, _ = bytes.Cut(data, []byte{','})
	}
	var message string
	if json.Unmarshal(data, &message) != nil {
		message = string(data)
	}
	return &Error{Name: NamespaceDeny, Detail: message + " (" + Quote(b) + ")"}
}
