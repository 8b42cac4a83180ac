package loop

import (
	"crypto/tls"
	"net"
	"net/netip"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/session"
)

// A conn is a connection of gnet's with the session state that it carries. It is
// the state's [session.Wire].
type conn struct {
	session.Conn
	gnet gnet.Conn

	closed  bool // gnet has closed it, or is about to
	paused  bool
	parting bool // the group stops, and waits for its closing handshake
	gave    bool // it lives on elsewhere, and its place went along
}

func (c *conn) loop() *Loop { return c.Host().(*Loop) }

// A closedConn is a connection that gnet has closed, and whose session does not know yet.
type closedConn struct {
	c   *conn
	err error
}

var _ session.Wire = (*conn)(nil)

// open begins a connection that gnet has accepted, or that has come from elsewhere.
func (l *Loop) open(g gnet.Conn, came *passage) {
	if l.group.overTLS(g, came) {
		l.openTLS(g, came)
		return
	}
	c := &conn{gnet: g}
	g.SetContext(c)
	c.Init(l, c, l.now)
	l.stats.Connections.Add(1)
	if came == nil {
		return
	}
	if came.stays {
		c.Moved()
	}
	if came.front != nil {
		c.Front(came.front)
	}
	if len(came.unread) > 0 {
		c.receive(came.unread)
	}
}

func (c *conn) receive(b []byte) {
	defer c.barrier()
	c.Receive(c.loop().now, b)
	if c.paused && !c.closed {
		// The poller watches for writability by replacing its events, and so forgets the
		// pause. It costs a buffer of bytes each time, which the session has carried.
		setReading(c.gnet, false)
	}
}

// Write implements [session.Wire].
func (c *conn) Write(bufs [][]byte) {
	if c.closed {
		return
	}
	n := 0
	for _, b := range bufs {
		n += len(b)
	}
	c.loop().counted.written += int64(n)
	// An error closes the connection, which is told by OnClose.
	if len(bufs) == 1 {
		_, _ = c.gnet.Write(bufs[0])
	} else {
		_, _ = c.gnet.Writev(bufs)
	}
}

// Buffered implements [session.Wire].
func (c *conn) Buffered() int {
	if c.closed {
		return 0
	}
	return c.gnet.OutboundBuffered()
}

// Pause implements [session.Wire].
func (c *conn) Pause(on bool) bool {
	if c.closed || c.paused == on {
		return !c.closed
	}
	c.paused = on
	return setReading(c.gnet, !on)
}

// Shutdown implements [session.Wire].
func (c *conn) Shutdown() {
	if !c.closed {
		shutdownWrite(c.gnet)
	}
}

// Close implements [session.Wire].
func (c *conn) Close() {
	if !c.closed {
		_ = c.gnet.EventLoop().Close(c.gnet)
	}
}

// Remote implements [session.Wire].
func (c *conn) Remote() netip.AddrPort {
	if !c.closed {
		if a, ok := c.gnet.RemoteAddr().(*net.TCPAddr); ok {
			p := a.AddrPort()
			return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
		}
	}
	return netip.AddrPort{}
}

// TLS implements [session.Wire].
func (c *conn) TLS() *tls.ConnectionState { return nil }

// fail ends the connection at once, for the reason that its session is told.
func (c *conn) fail(err error) {
	if c.closed {
		return
	}
	g := c.gnet
	c.gone(err) // before gnet says so, which knows of no reason
	_ = g.EventLoop().Close(g)
}

// part implements [parter].
func (c *conn) part() bool {
	if c.closed || c.parting {
		return false
	}
	c.parting = true
	return true
}

// gone is told that gnet has closed the connection.
func (c *conn) gone(err error) {
	if c.closed {
		return
	}
	c.closed = true
	l := c.loop()
	l.stats.Connections.Add(-1)
	if c.parting {
		l.group.parting.Add(-1)
	}
	l.dead = append(l.dead, closedConn{c, cause(err)})
	if !l.inTurn {
		l.begin()
		l.end() // where it is behind the barrier
	}
}

// buried tells the session of the end.
func (c *conn) buried(err error) {
	c.Closed(c.loop().now, err)
	c.gnet = nil
}
