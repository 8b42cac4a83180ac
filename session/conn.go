package session

import (
	"net/netip"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Conn is one TCP connection, or what stands for one: it reads HTTP requests,
// and WebSocket frames once one of them has asked for that, and hands packets to
// its session. It belongs to the loop that made it.
type Conn struct {
	// Fixed by Init.
	host *Table
	wire Wire

	sess *Session // of a WebSocket: the session it carries or probes for
	req  *request // the request being read or answered; nil between requests and on a WebSocket
	out  *Output  // nil when nothing waits to be written

	carry  []byte           // bytes read that could not be used yet
	reader websocket.Reader // of a WebSocket

	deadline Instant // of the state; 0: none
	entry    Instant // see Timed
	ticket   uint32  // number of the current request; answers to earlier ones are dropped
	state    connState
	marks    connMarks
	hops     uint8          // polling requests in a row whose session lives on another loop; in connClosing, seconds
	form     broadcast.Form // of a WebSocket's messages
	pong     *pong          // nil in a turn without pings
}

type connState uint8

const (
	// connIdle: between two requests; the first byte of a head begins connHead.
	connIdle connState = iota

	// connHead: part of a head has come, or the connection has just been accepted.
	connHead

	// connBody: the head is done, its body is coming.
	connBody

	// connAnswer: the request is somebody else's to answer: a session's, the
	// application's. What comes meanwhile is carried.
	connAnswer

	// connWebSocket: frames of the session's transport, or packets if that is a stream.
	connWebSocket

	// connProbe: frames of a WebSocket, or packets of a stream, that may become the
	// session's transport.
	connProbe

	// connBare: frames that no session is behind, see Config.Bare.
	connBare

	// connCloseWait: our close frame is written or about to be; frames are read for
	// the peer's, and all else is thrown away.
	connCloseWait

	// connClosing: our last bytes are written or about to be. What comes is thrown
	// away, until the peer closes or the deadline does.
	connClosing

	// connDead: closed, or given away.
	connDead
)

type connMarks uint8

const (
	markWritten   connMarks = 1 << iota // the loop will call Flush this turn
	markPaused                          // we do not read
	markPeerDone                        // a WebSocket in connClosing: nothing more is to be waited for
	markShut                            // Shutdown was called
	markReceiving                       // Receive is on the stack
	markFanned                          // the loop will call FlushFanned, this turn or a later one
	markMoved                           // it came from another loop, and stays
)

// pong is what this turn's pings have made of pongs.
type pong struct {
	count uint8 // written
	owed  bool  // data[:n], at the end of the turn
	n     uint8
	data  [websocket.MaxControl]byte
}

// Init makes c the state of a connection that was just opened.
func (c *Conn) Init(h Host, w Wire, now Instant) {
	*c = Conn{host: h.Sessions(), wire: w, state: connHead}
	c.until(now.After(h.Config().HeadTimeout))
}

// Ready gives the first request its time anew: only now can it be sent.
func (c *Conn) Ready(now Instant) {
	if c.state == connHead {
		c.until(now.After(c.host.Config().HeadTimeout))
	}
}

// Moved says that the connection came from another loop: it is not moved again.
func (c *Conn) Moved() { c.marks |= markMoved }

// Receive takes bytes that have come, in order, in whatever pieces. b is a view,
// and writable: frames are unmasked in place.
func (c *Conn) Receive(now Instant, b []byte) {
	if c.state >= connClosing {
		return
	}
	held := c.carry
	seen := len(held)
	if seen > 0 {
		held = c.grow(held, len(b))
		held = append(held, b...)
		b, c.carry = held, nil
	}
	c.marks |= markReceiving
	n := c.consume(now, b, seen)
	c.marks &^= markReceiving
	if c.state == connDead {
		if held != nil {
			c.host.Release(held)
		}
		return
	}
	c.keep(now, held, b[n:])
}

// grow makes room for n bytes more, doubling, and up to the length of the frame
// that has begun, but never trusting that length for more than twice what came.
func (c *Conn) grow(held []byte, n int) []byte {
	if cap(held)-len(held) >= n {
		return held
	}
	want := 2 * (len(held) + n)
	if c.state >= connWebSocket {
		need := 0
		if c.form == broadcast.Stream {
			need = streamNeed(held)
		} else {
			need = websocket.Need(held)
		}
		if need >= len(held)+n && need < want {
			want = need
		}
	}
	b := append(c.host.Buffer(want), held...)
	c.host.Release(held)
	return b
}

// keep carries rest, which is the end of held if that is not nil.
func (c *Conn) keep(now Instant, held, rest []byte) {
	if c.state >= connClosing {
		rest = nil
	}
	if len(rest) == 0 {
		if held != nil {
			c.host.Release(held)
		}
		c.carry = nil
		return
	}
	if held != nil {
		n := copy(held, rest)
		c.carry = held[:n]
	} else {
		c.carry = append(c.host.Buffer(len(rest)), rest...)
	}
	switch cfg := c.host.Config(); {
	case c.state == connAnswer || c.state == connIdle:
		if len(c.carry) > cfg.MaxPipelined {
			// Nobody who waits for an answer sends that much: close without one.
			c.fail(now, TransportError, &LimitError{Limit: "pipelined bytes", Bound: int64(cfg.MaxPipelined)})
		}
	case c.state >= connWebSocket:
		// More than a whole message: it is not read, and the wire cannot be paused or only
		// sometimes is.
		if limit := 2*cfg.Frames.MaxMessage + maxUnread; len(c.carry) > limit {
			c.fail(now, TransportError, &LimitError{Limit: "unread bytes", Bound: int64(limit)})
		}
	}
}

// maxUnread is what may be carried, in bytes, beside twice the longest message. On Linux
// each write that the kernel takes late lets one more read through the pause.
const maxUnread = 1 << 20

// consume uses as much of b as it can and returns how many bytes that is. The first seen
// bytes were here before.
func (c *Conn) consume(now Instant, b []byte, seen int) int {
	used := 0
	for {
		n := 0
		switch c.state {
		case connIdle:
			if used == len(b) {
				return used
			}
			if c.behind(now) {
				c.pause(true)
				return used
			}
			c.state = connHead
			c.until(now.After(c.host.Config().HeadTimeout))
			continue
		case connHead:
			n = c.head(now, b[used:])
		case connBody:
			n = c.body(now, b[used:])
		case connWebSocket, connProbe, connBare, connCloseWait:
			// What the kernel has to take changes with writes only; inboxes fill up with each
			// frame, and so does what inline handlers answer.
			long := c.out != nil && c.out.bytes > flushEarly
			if long && (c.state == connWebSocket || c.state == connBare) {
				c.Flush(now)
			}
			if used == 0 || long || c.state != connWebSocket || c.sess.stalls > 0 {
				if c.stopReading(now) {
					return used
				}
			}
			n = c.frame(now, b[used:], seen)
		default: // waiting for somebody, or over
			return used
		}
		used += n
		if n == 0 {
			return used
		}
		seen = 0
	}
}

// resume goes on with carried bytes after something that they waited for.
func (c *Conn) resume(now Instant) {
	if c.marks&markReceiving != 0 || len(c.carry) == 0 {
		return // Receive goes on by itself
	}
	held := c.carry
	c.carry = nil
	c.marks |= markReceiving
	whole := false
	defer func() {
		if !whole { // a panic: what was carried is lost, and nobody may go on behind the gap
			c.wire.Close()
		}
	}()
	n := c.consume(now, held, 0)
	whole = true
	c.marks &^= markReceiving
	if c.state == connDead {
		c.host.Release(held)
		return
	}
	c.keep(now, held, held[n:])
}

// stopReading reports whether frames must wait because the session's handlers, or
// the client's reading, are behind. The wire is paused meanwhile.
func (c *Conn) stopReading(now Instant) bool {
	if c.state == connProbe {
		// After the upgrade packet, what comes is for later.
		p := c.sess.polling
		return p != nil && p.switching
	}
	if c.state != connWebSocket && c.state != connBare {
		return false
	}
	stop := c.state == connWebSocket && c.sess.stalls > 0
	if !stop && c.wire.Buffered() > c.host.Config().HardLimit/2 {
		// Nobody tells when the kernel has taken it: look again.
		stop = true
		c.until(now.After(lookAgain))
	}
	c.pause(stop)
	return stop
}

const (
	// lookAgain is how often a connection that is not read, because its peer does
	// not read, is looked at: one step of the wheel.
	lookAgain = 100 * time.Millisecond

	// lingerTimeout is how long the peer has to close after our last answer. To
	// close before would lose the answer if something unread has come meanwhile:
	// the kernel then resets the connection.
	lingerTimeout = time.Second

	// maxLinger is how many times that our own last bytes may take, to a peer that
	// reads slowly.
	maxLinger = 30
)

// behind reports whether answers to earlier requests still have to be taken by the
// kernel. The next request waits for that, unread, and a peer that takes nothing for the
// write timeout is cut off.
func (c *Conn) behind(now Instant) bool {
	left := c.wire.Buffered()
	if left == 0 && len(c.host.slow) == 0 {
		return false
	}
	was, slow := c.host.slow[c]
	if left == 0 {
		if slow {
			delete(c.host.slow, c)
			c.pause(false)
		}
		return false
	}
	switch {
	case !slow || left < was.left:
		if c.host.slow == nil {
			c.host.slow = make(map[*Conn]slowness)
		}
		c.host.slow[c] = slowness{left, now}
	case now.After(-c.host.Config().WriteTimeout) >= was.since:
		c.fail(now, TransportError, &LimitError{Limit: "write time", Bound: int64(c.host.Config().WriteTimeout)})
		return true
	case left > was.left:
		c.host.slow[c] = slowness{left, was.since}
	}
	c.until(now.After(lookAgain))
	return true
}

// slowness is how far a peer is behind with taking HTTP answers: so many bytes were left
// when it had last taken any.
type slowness struct {
	left  int
	since Instant
}

// pause stops or resumes reading, where the wire can do that: what comes all the same is
// carried, see keep.
func (c *Conn) pause(on bool) {
	if on == (c.marks&markPaused != 0) {
		return
	}
	c.wire.Pause(on)
	if on {
		c.marks |= markPaused
	} else {
		c.marks &^= markPaused
	}
}

// unstall lets frames go on if nothing stands against it any more.
func (c *Conn) unstall(now Instant) {
	if (c.state == connWebSocket || c.state == connBare) && !c.stopReading(now) {
		c.resume(now)
	}
}

// output is where bytes for this connection go; the loop is told that there are some.
func (c *Conn) output() *Output {
	if c.out == nil {
		c.out = c.host.output()
	}
	if c.marks&markWritten == 0 {
		c.marks |= markWritten
		c.host.Written(c)
	}
	return c.out
}

// fanned is output for broadcasts.
func (c *Conn) fanned() *Output {
	if c.out == nil {
		c.out = c.host.output()
	}
	if c.marks&(markWritten|markFanned) == 0 {
		c.marks |= markFanned
		c.host.Fanned(c)
	}
	return c.out
}

// closing lets what waits be written and then the connection end. Nothing is read
// any more.
func (c *Conn) closing(now Instant) {
	if c.state >= connClosing {
		return
	}
	c.state = connClosing
	c.hops = 0
	c.dropRequest()
	if len(c.host.slow) > 0 {
		delete(c.host.slow, c)
	}
	c.pause(false) // the peer's close must be seen
	c.until(now.After(lingerTimeout))
	c.output() // makes the loop call Flush, even with nothing to write
}

// Closed is told by the loop when the connection is no more: err is nil or io.EOF
// when the peer closed it. It is the last call of a connection's life.
func (c *Conn) Closed(now Instant, err error) {
	if c.state == connDead {
		return
	}
	was := c.state
	c.bury()
	switch was {
	case connWebSocket:
		if s := c.sess; s != nil && s.ws == c {
			s.closeTransport(now, err)
		}
	case connProbe:
		s := c.sess
		if p := s.polling; p != nil && p.switching {
			s.closeTransport(now, err) // to the client it was the session's transport already
		} else {
			s.probeGone(c)
		}
	}
	if s := c.sess; s != nil && s.ws == c && s.state == Closed {
		s.ws = nil // sockets are kept, and those their session
	}
	c.endRequest(now, (*Session).aborted)
	c.dropRequest()
}

// bury frees what c holds. Only the request and the session are left, for the
// caller to tell of the end.
func (c *Conn) bury() {
	c.state = connDead
	if c.carry != nil {
		c.host.Release(c.carry)
		c.carry = nil
	}
	if c.out != nil {
		c.host.free(c.out)
		c.out = nil
	}
	if len(c.host.slow) > 0 {
		delete(c.host.slow, c)
	}
	c.pong = nil
	c.deadline = 0
	c.host.Forget(c)
}

// fail ends the connection at once and tells whoever depends on it.
func (c *Conn) fail(now Instant, r Reason, err error) {
	if c.state == connDead {
		return
	}
	if s := c.sess; s != nil && s.ws == c {
		s.Close(now, r, err)
	}
	c.wire.Close()
}

// until sets the deadline of the state.
func (c *Conn) until(at Instant) {
	c.deadline = at
	if at != 0 {
		c.host.Schedule(c, at)
	}
}

// Entry is for the wheel.
func (c *Conn) Entry() *Instant { return &c.entry }

// Expire is for the wheel.
func (c *Conn) Expire(now Instant) Instant {
	if c.deadline == 0 || c.state == connDead {
		return 0
	}
	if now < c.deadline {
		return c.deadline
	}
	c.deadline = 0
	switch c.state {
	case connHead, connBody:
		if c.state == connHead && len(c.carry) == 0 {
			c.wire.Close() // connected and silent: nothing to answer to
			return 0
		}
		if c.state == connBody && c.flows(now) {
			return c.deadline
		}
		c.refuse(now, errRequestTimeout)
	case connBare:
		c.unstall(now)
	case connWebSocket:
		c.unstall(now)
		c.sess.look(now)
	case connIdle, connAnswer:
		switch _, slow := c.host.slow[c]; {
		case slow && c.behind(now), c.state == connAnswer:
			// Looked at again, or waiting for somebody else's answer.
		case slow:
			c.until(now.After(c.host.Config().IdleTimeout))
			c.resume(now)
		default:
			c.wire.Close()
		}
	case connProbe:
		// The session goes on polling.
		c.sess.probeGone(c)
		c.closeFrame(now, websocket.StatusNone, "")
	case connClosing:
		c.linger(now)
	default:
		c.wire.Close()
	}
	return c.deadline
}

// linger looks after a connection that waits for its last bytes to be written, or
// for the peer to close.
func (c *Conn) linger(now Instant) {
	if c.marks&markShut != 0 || c.hops >= maxLinger {
		c.wire.Close()
		return
	}
	c.hops++
	c.until(now.After(lingerTimeout))
	c.shut()
}

// Remote is the peer's address.
func (c *Conn) Remote() netip.AddrPort { return c.wire.Remote() }

// Wire is where c's bytes go.
func (c *Conn) Wire() Wire { return c.wire }

// Host is the loop that c belongs to. Any goroutine.
func (c *Conn) Host() Host { return c.host.Host }
