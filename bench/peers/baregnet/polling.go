package main

import (
	"bytes"
	"strconv"
	"sync"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

// pollTable finds polling sessions from any loop: a GET and a POST of one
// session may be on different ones.
type pollTable struct {
	shards [16]struct {
		sync.Mutex
		m map[string]*poll
	}
}

func (t *pollTable) init() {
	for i := range t.shards {
		t.shards[i].m = map[string]*poll{}
	}
}

func (t *pollTable) get(sid []byte) *poll {
	if len(sid) == 0 {
		return nil
	}
	s := &t.shards[sid[0]%16]
	s.Lock()
	defer s.Unlock()
	return s.m[string(sid)]
}

func (t *pollTable) open(l *loop) *poll {
	p := &poll{sid: bare.NewID()}
	s := &t.shards[p.sid[0]%16]
	s.Lock()
	s.m[p.sid] = p
	s.Unlock()
	slot := l.nextSlot()
	l.polled[slot] = append(l.polled[slot], p)
	return p
}

func (t *pollTable) drop(p *poll) {
	s := &t.shards[p.sid[0]%16]
	s.Lock()
	delete(s.m, p.sid)
	s.Unlock()
}

// poll is one polling session.
type poll struct {
	sid string

	mu      sync.Mutex
	out     []byte // packets for the next GET
	waiting *conn  // whose GET waits; nil when there is none
	pings   int    // sent since the last POST
	closed  bool
}

// receive serves the packets of a POST on loop l.
func (p *poll) receive(l *loop, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pings = 0
	for len(body) > 0 {
		var packet []byte
		packet, body, _ = bytes.Cut(body, []byte{0x1e})
		switch {
		case bytes.HasPrefix(packet, bare.Echo), bytes.HasPrefix(packet, bare.Object),
			bytes.HasPrefix(packet, []byte("45")), bytes.HasPrefix(packet, []byte("b")):
			p.add(packet)
		case len(packet) >= 2 && packet[0] == '4' && packet[1] == '0':
			p.add([]byte(`40{"sid":"` + bare.NewID() + `"}`))
		case len(packet) > 2 && packet[0] == '4' && packet[1] == '2':
			p.answer(packet)
		case len(packet) == 1 && packet[0] == '1':
			p.add([]byte("6"))
			p.closed = true
			l.server.polls.drop(p)
		}
	}
	p.flush(l)
}

// answer serves an event that wants an acknowledgement; rooms are not for
// polling here.
func (p *poll) answer(packet []byte) {
	_, digits := bare.Number(packet[2:])
	rest := packet[2+digits:]
	if args, ok := bytes.CutPrefix(rest, []byte(`["ack",`)); ok && digits > 0 {
		p.add(append(append(append([]byte("43"), packet[2:2+digits]...), '['), args...))
	}
}

func (p *poll) add(packet []byte) {
	if len(p.out) > 0 {
		p.out = append(p.out, 0x1e)
	}
	p.out = append(p.out, packet...)
}

// flush answers the GET that waits, on its own loop.
func (p *poll) flush(l *loop) {
	c := p.waiting
	if c == nil || len(p.out) == 0 {
		return
	}
	p.waiting = nil
	if c.loop == l {
		c.poll = nil
		c.Write(p.reply())
		return
	}
	reply := bytes.Clone(p.reply())
	c.loop.post(func() {
		c.poll = nil
		c.Write(reply)
	})
}

// reply is the response for a GET, made in p.out, which is empty then.
func (p *poll) reply() []byte {
	const room = len(textHead) + 20 + 4
	body := p.out
	p.out = append(body, make([]byte, room)...)
	head := append(p.out[len(body):len(body)], textHead...)
	head = strconv.AppendInt(head, int64(len(body)), 10)
	head = append(head, "\r\n\r\n"...)
	whole := append(head, body...)
	p.out = body[:0]
	return whole
}

// wait takes the GET of c.
func (p *poll) wait(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.out) > 0 {
		c.loop.out = append(c.loop.out, p.reply()...)
		return
	}
	c.poll = p
	p.waiting = c
}

// gone is told that the connection of a waiting GET has ended.
func (p *poll) gone(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting == c {
		p.waiting = nil
	}
}

// ping pings the session; it says false once the session is over. A session
// that has not posted for three pings is over, too.
func (p *poll) ping(l *loop) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.pings++; p.pings > 3 {
		p.closed = true
		l.server.polls.drop(p)
		return false
	}
	p.add([]byte("2"))
	p.flush(l)
	return true
}
