package benchtest

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// session is one Engine.IO session.
type session struct {
	server *Server
	sid    string
	gone   chan struct{} // closed at its end
	wake   chan struct{} // has an element when there is something new to look at

	taking sync.Mutex // one packet from the client at a time
	parts  *parts     // an event whose attachments come; under taking

	mu         sync.Mutex
	ws         net.Conn   // nil while it polls
	queue      []outgoing // waits to be sent
	size       int        // of its texts
	probing    bool       // a GET is answered at once
	over       bool
	msgpack    bool // what the client speaks
	pinger     *time.Timer
	namespaces map[string]bool // that are connected
	held       *held           // a reply that is swapped with the next

	rooms map[room]struct{} // under the server's mu, as is the next
	pids  map[string]string // secrets by namespace, with recovery
}

// outgoing is a packet in text form ("b" and base64 for binary) that is not sent
// before at. What stands behind it waits as well.
type outgoing struct {
	text string
	at   time.Time
}

// open makes a session; nil if the server is closed.
func (s *Server) open() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.next++
	c := &session{
		server: s, sid: fmt.Sprintf("session%d", s.next), gone: make(chan struct{}), wake: make(chan struct{}, 1),
		namespaces: map[string]bool{}, rooms: map[room]struct{}{}, pids: map[string]string{},
	}
	s.sessions[c.sid] = c
	interval := s.options.PingInterval
	c.mu.Lock() // the timer may fire before it is assigned
	defer c.mu.Unlock()
	c.pinger = time.AfterFunc(interval, func() {
		c.send("2")
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.over {
			c.pinger.Reset(interval)
		}
	})
	return c
}

// handshake is the open packet.
func (c *session) handshake() string {
	return string(engineio.AppendHandshake([]byte("0"), &engineio.Handshake{
		SID: c.sid, Upgrades: []string{"websocket"}, PingInterval: c.server.options.PingInterval, PingTimeout: 20 * time.Second, MaxPayload: 1_000_000,
	}))
}

// end ends the session. A second call does nothing.
func (c *session) end() {
	s := c.server
	s.mu.Lock()
	delete(s.sessions, c.sid)
	s.part(c)
	for r := range c.rooms {
		s.leave(c, r)
	}
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over = true
	close(c.gone)
	c.pinger.Stop()
	if c.held != nil {
		c.held.timer.Stop()
	}
	if c.ws != nil {
		c.ws.Close()
	}
}

// signal has whoever sends look again. c.mu is held.
func (c *session) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send sends packets by whatever transport there is, one right behind the other.
func (c *session) send(packets ...string) { c.sendAt(time.Time{}, packets...) }

func (c *session) sendAt(at time.Time, packets ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(at, packets...)
}

// put is sendAt for who holds c.mu.
func (c *session) put(at time.Time, packets ...string) {
	if c.over {
		return
	}
	for _, text := range packets {
		c.queue = append(c.queue, outgoing{text, at})
		c.size += len(text)
	}
	c.signal()
	if c.size > c.server.options.MaxQueue {
		go c.end() // it takes locks
	}
}

// due takes what may be sent now, and says when to look again if there is more: 0
// if there is not.
func (c *session) due() (packets []string, wait time.Duration, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 {
		if at := c.queue[0].at; !at.IsZero() {
			if wait = time.Until(at); wait > 0 {
				break
			}
		}
		packets = append(packets, c.queue[0].text)
		c.size -= len(c.queue[0].text)
		c.queue = c.queue[1:]
		wait = 0
	}
	return packets, wait, c.over
}

// rest waits for something new, for wait if that is not 0, and says false when
// there is nobody to send to any more.
func (c *session) rest(wait time.Duration, gone <-chan struct{}) bool {
	var timer <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-c.wake:
	case <-timer:
	case <-c.gone: // the next look finds out
	case <-gone:
		return false
	}
	return true
}

// answersAtOnce says whether a GET is not to wait.
func (c *session) answersAtOnce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probing || c.ws != nil
}

// probe answers a probe, and from then on every GET at once.
func (c *session) probe(conn net.Conn) {
	conn.Write(websocket.AppendFrame(nil, websocket.Text, []byte(engineio.ProbePong)))
	c.mu.Lock()
	c.probing = true
	c.signal()
	c.mu.Unlock()
}

// move makes conn the session's transport.
func (c *session) move(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.ws != nil {
		return
	}
	c.ws, c.probing = conn, false
	c.server.done.Go(func() { c.write(conn) })
}

// write sends what there is to conn, until the session ends.
func (c *session) write(conn net.Conn) {
	var b []byte
	var frames framer
	for {
		packets, wait, over := c.due()
		switch {
		case over:
			return
		case len(packets) == 0:
			c.rest(wait, nil)
			continue
		}
		c.server.gate()
		c.mu.Lock()
		packed := c.msgpack
		c.mu.Unlock()
		b = frames.append(b[:0], packets, packed)
		if _, err := conn.Write(b); err != nil {
			conn.Close() // its reader ends the session
			return
		}
	}
}

// flush answers the closing handshake of conn.
func (c *session) flush(conn net.Conn) {
	conn.Write(websocket.AppendClose(nil, websocket.StatusNone, ""))
}
