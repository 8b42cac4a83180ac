package reactor

import (
	"net/netip"
	"time"
)

// state is the life of a connection.
type state uint8

const (
	queued     state = iota // waits for its dial
	connecting              // the system connects
	open                    // may be read and written
	closed                  // nothing is told any more
)

// A Conn is one TCP connection. All methods are for the loop's goroutine.
type Conn struct {
	loop     *Loop
	handler  Handler
	out      []byte        // what the kernel did not take yet
	deadline time.Duration // of the connect
	fate     error         // why a write ended it; told at the end of the turn
	addr     netip.AddrPort
	sys      sysConn
	state    state
	paused   bool   // nothing is read
	source   uint16 // index into Config.Sources, once it connects
}

// Loop is the loop that owns the connection.
func (c *Conn) Loop() *Loop { return c.loop }

// Waiting is the number of written bytes that the kernel has not taken yet.
func (c *Conn) Waiting() int { return c.loop.poll.pending(c) }

// Write hands b to the kernel, and copies what it does not take at once to send
// it when it does. b is the caller's again when Write returns. An error ends
// the connection and is told by Closed at the end of the turn, never from
// inside Write. Writing to a connection that is not open does nothing.
func (c *Conn) Write(b []byte) {
	if c.state != open || c.fate != nil || len(b) == 0 {
		return
	}
	if err := c.loop.poll.write(c.loop, c, b); err != nil {
		c.fate = err
		c.loop.doomed = append(c.loop.doomed, c)
	}
}

// Pause stops reading: what the peer sends stays in the kernel, until its window
// is full and the peer has to wait. Data is not called from the end of the
// current one on; Closed still is where the system tells of an end that nobody
// reads (a reset on most; the peer's orderly end, behind what it has sent, only
// after Resume). It may be called before the connection is open.
func (c *Conn) Pause() { c.pause(true) }

// Resume goes on reading. No callback comes from inside Resume.
func (c *Conn) Resume() { c.pause(false) }

func (c *Conn) pause(on bool) {
	if c.paused == on || c.state == closed {
		return
	}
	c.paused = on
	if c.state != open || c.fate != nil {
		return // the poller looks at it when the connection opens
	}
	if err := c.loop.poll.watchIn(c.loop, c); err != nil {
		c.fate = err
		c.loop.doomed = append(c.loop.doomed, c)
	}
}

// Close closes the connection. What waits is dropped; the handler hears nothing
// more. A second Close does nothing.
func (c *Conn) Close() { c.loop.drop(c) }

// A dialQueue is a queue of connections; those that left their state are
// skipped where that matters.
type dialQueue struct {
	list []*Conn
	at   int
}

func (q *dialQueue) len() int    { return len(q.list) - q.at }
func (q *dialQueue) empty() bool { return q.at == len(q.list) }

func (q *dialQueue) push(c *Conn) {
	if q.at > 64 && q.at*2 > len(q.list) {
		n := copy(q.list, q.list[q.at:])
		clear(q.list[n:])
		q.list, q.at = q.list[:n], 0
	}
	q.list = append(q.list, c)
}

func (q *dialQueue) pop() *Conn {
	c := q.list[q.at]
	q.list[q.at] = nil
	q.at++
	return c
}

// head is the first connection that is still connecting, nil if there is none;
// those before it are forgotten.
func (q *dialQueue) head() *Conn {
	for !q.empty() {
		if c := q.list[q.at]; c.state == connecting {
			return c
		}
		q.pop()
	}
	return nil
}
