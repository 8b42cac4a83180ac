package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// A shaking is a TLS handshake that is to be done, or is under way: crypto/tls cannot stop
// in the middle of one, so it has a goroutine of the application's pool, which reads here
// what the loop has got, and whose writes go by the loop's mailbox. It gets that when the
// first record of the client's has come whole: who is silent, or slow with it, costs none.
//
// Its time is that of a connection's first request head, from accept.
type shaking struct {
	// Fixed.
	loop *Loop
	conn *tlsConn

	// The loop's.
	begun bool

	// Set before the goroutine begins.
	local, remote net.Addr
	ctx           context.Context // ends with the connection
	cancel        context.CancelFunc

	mu   sync.Mutex
	more sync.Cond // something was added to in, or it is over
	in   []byte    // has come and was not read
	held bool      // the loop does not read, since in is long
	over bool      // the connection is no more
}

func newShaking(l *Loop, c *tlsConn) *shaking {
	h := &shaking{loop: l, conn: c}
	h.more.L = &h.mu
	return h
}

const (
	// heldFrom is how much may wait for a handshake, in bytes, before the client is not
	// read for a while. It is more than a client sends before it has got an answer.
	heldFrom = 64 << 10

	// maxShaking is how much may wait where reading cannot be paused.
	maxShaking = 1 << 20
)

var (
	errNotTLS   = errors.New("sio: not a TLS record")
	errShaking  = errors.New("sio: too much has come during a TLS handshake")
	errCallback = errors.New("sio: a function of the TLS configuration has panicked")
)

// shake takes bytes that have come during the handshake. Loop only.
func (c *tlsConn) shake(b []byte) {
	h := c.shaking
	h.mu.Lock()
	h.in = append(h.in, b...)
	n := len(h.in)
	if h.begun && n > heldFrom {
		h.held = true
	}
	held := h.held
	h.more.Signal()
	h.mu.Unlock()
	switch {
	case n > maxShaking:
		c.fail(errShaking)
	case held:
		c.Pause(true)
	case h.begun:
	default:
		c.greeted(h.in) // nobody else has it yet
	}
}

// greeted looks at the first bytes of a client, and begins the handshake when there is a
// record. Nothing is lost if that is only a part of its hello.
//
// Source: RFC 8446, section 5.1.
func (c *tlsConn) greeted(b []byte) {
	const head, longest, handshake = 5, 16<<10 + 2<<10, 22
	switch {
	case b[0] >= 'A' && b[0] <= 'Z': // a method
		c.unshaken()
		c.Reject(c.loop().now, 400, "Client sent an HTTP request to an HTTPS server.")
	case b[0] != handshake:
		c.fail(errNotTLS)
	case len(b) < head:
	default:
		if n := int(b[3])<<8 | int(b[4]); n > longest || len(b) >= head+n {
			c.begin()
		}
	}
}

// begin asks for a goroutine.
func (c *tlsConn) begin() {
	h := c.shaking
	h.begun = true
	h.local, h.remote = c.gnet.LocalAddr(), net.TCPAddrFromAddrPort(c.Remote())
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.loop.group.shaken.begin(h)
}

// run is the handshake, on a goroutine of the pool.
func (h *shaking) run() {
	s := new(secured)
	err := errCallback
	defer func() { // also when a callback ends the goroutine
		if v := recover(); v != nil {
			h.loop.stats.Panics.Add(1)
			h.loop.group.logger.Error("sio: panic in a TLS handshake", "value", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
		h.cancel()
		h.loop.group.shaken.done()
		h.loop.Do(func(_ session.Host, now session.Instant) { h.conn.established(now, s, err) })
	}()
	s.Conn = h
	s.tls = tls.Server(&s.under, h.loop.group.tls)
	if err = s.tls.HandshakeContext(h.ctx); err == nil {
		s.done()
	}
}

// established is told of the end of the handshake. From here on the tls.Conn is the
// loop's. Loop only.
func (c *tlsConn) established(now session.Instant, s *secured, err error) {
	h := c.shaking
	if h == nil { // the connection has gone meanwhile
		return
	}
	g := h.loop.group
	defer c.barrier()
	c.Pause(false)
	if err != nil {
		c.unshaken()
		g.logger.Debug("sio: TLS handshake failed", "remote", h.remote, "err", err)
		c.Reject(now, 0, "") // the alert is out: the client shall read it
		return
	}
	c.shaking, c.secured = nil, s
	s.Conn = h.loop.valve
	c.Ready(now)
	h.loop.valve.turn(c, h.in)
	c.decrypt()
}

// abort ends the handshake: the connection is no more. Loop only.
func (h *shaking) abort() {
	_ = h.Close()
	if h.cancel != nil {
		h.cancel()
	}
}

// Handshakes are those of TLS: how many are under way or wait for their turn, and how many
// connections have ended before theirs was done. Any goroutine.
func (g *Group) Handshakes() (underWay int, failed int64) {
	return g.shaken.underWay(), g.shaken.failed.Load()
}

var _ net.Conn = (*shaking)(nil)

// Read waits for bytes of the client.
func (h *shaking) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.in) == 0 && !h.over {
		h.more.Wait()
	}
	if h.over {
		return 0, net.ErrClosed
	}
	n := copy(p, h.in)
	if h.in = h.in[n:]; len(h.in) == 0 {
		h.in = nil
		if h.held {
			h.held = false
			h.loop.Do(func(session.Host, session.Instant) { h.conn.Pause(false) })
		}
	}
	return n, nil
}

// Write has the loop write p, which is copied.
func (h *shaking) Write(p []byte) (int, error) {
	own := append([]byte(nil), p...)
	if !h.loop.Do(func(session.Host, session.Instant) {
		if !h.conn.closed {
			h.conn.put(own)
		}
	}) {
		return 0, net.ErrClosed
	}
	return len(p), nil
}

// Close is called by crypto/tls when the context of the handshake ends.
func (h *shaking) Close() error {
	h.mu.Lock()
	h.over, h.in = true, nil // it may stay in the queue for some time
	h.more.Signal()
	h.mu.Unlock()
	return nil
}

// LocalAddr and RemoteAddr are for the application's functions, which may ask.
func (h *shaking) LocalAddr() net.Addr  { return h.local }
func (h *shaking) RemoteAddr() net.Addr { return h.remote }

// The deadline is the loop's.

func (h *shaking) SetDeadline(time.Time) error      { return nil }
func (h *shaking) SetReadDeadline(time.Time) error  { return nil }
func (h *shaking) SetWriteDeadline(time.Time) error { return nil }

// shakings are the handshakes of a group. One beyond the bound waits until another ends,
// or its time is over. Any goroutine.
type shakings struct {
	// Fixed.
	most  int
	offer func(f func()) bool // runs f, if somebody is free for that

	failed atomic.Int64

	mu    sync.Mutex
	under int        // way
	queue []*shaking // that wait, in order; over ones may be among them
}

// begin runs a handshake, at once or later. Without a worker for it there is none: its
// client is closed, as one that must be asked about is turned away.
func (a *shakings) begin(h *shaking) {
	a.mu.Lock()
	if a.under >= a.most {
		a.makeRoom()
		a.queue = append(a.queue, h)
		a.mu.Unlock()
		return
	}
	a.under++
	a.mu.Unlock()
	if !a.offer(h.run) {
		h.turnAway()
		a.done()
	}
}

// makeRoom drops those that are over before the queue grows for one more: else who comes
// and goes while all places are taken would leave something each time. Under the lock.
func (a *shakings) makeRoom() {
	n := len(a.queue)
	if n < cap(a.queue) {
		return
	}
	a.queue = slices.DeleteFunc(a.queue, (*shaking).isOver)
	if len(a.queue) > n/2 {
		a.queue = slices.Grow(a.queue, n) // not looked through again before as many have come
	}
}

func (h *shaking) isOver() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.over
}

func (h *shaking) turnAway() {
	h.loop.stats.Refused.Add(1)
	h.loop.Do(func(session.Host, session.Instant) { h.conn.Close() })
}

// done is called when one has ended: the next may begin.
func (a *shakings) done() {
	for {
		h := a.next()
		if h == nil || a.offer(h.run) {
			return
		}
		h.turnAway()
	}
}

// next is who has waited longest; without anybody the place is free.
func (a *shakings) next() *shaking {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) > 0 {
		h := a.queue[0]
		a.queue[0] = nil
		a.queue = a.queue[1:]
		if !h.isOver() {
			return h
		}
	}
	a.under--
	return nil
}

// underWay is the number of handshakes that have begun and not ended, and of those that
// wait for that.
func (a *shakings) underWay() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.under + len(a.queue)
}

// listenerConfig is the configuration of a listener: the application's, but for ALPN, in
// which the loops speak one protocol only. nil stays nil.
func listenerConfig(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	c = c.Clone()
	c.NextProtos = []string{"http/1.1"}
	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen != nil && !slices.Equal(chosen.NextProtos, c.NextProtos) {
				chosen = chosen.Clone()
				chosen.NextProtos = c.NextProtos
			}
			return chosen, err
		}
	}
	return c
}
