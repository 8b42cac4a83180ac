package loop

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/session"
)

// TLS is crypto/tls, pumped in memory: the loop hands it the bytes that have come and
// writes what it makes of ours, so that an encrypted connection lives on the loop like any
// other, without a goroutine. Only the handshake has one, for as long as it takes.
//
// With TLS 1.3 an idle connection costs 3.3 KB more than one in the clear (BenchmarkTLSIdle;
// it would be 6.9 without partsOf), and an echo of a short message 1 us of the loop's time
// more (BenchmarkTLSEcho).

// A tlsConn is a connection of a TLS listener. It is its session state's [session.Wire].
// Of shaking and secured it has the former until the handshake is done, the latter from
// then on, and neither when that has failed: what is said then is said in the clear.
type tlsConn struct {
	conn
	shaking *shaking
	secured *secured
}

var _ session.Wire = (*tlsConn)(nil)

// overTLS reports whether a connection that was just opened is encrypted: every newcomer
// on a TCP address of a server that has TLS, and whoever was before it moved.
func (g *Group) overTLS(c gnet.Conn, came *passage) bool {
	if came != nil {
		return came.secured != nil
	}
	return g.tls != nil && c.LocalAddr().Network() != "unix"
}

// openTLS is open for a connection over TLS.
func (l *Loop) openTLS(g gnet.Conn, came *passage) {
	if l.valve == nil {
		l.valve = newValve()
	}
	c := &tlsConn{conn: conn{gnet: g}}
	g.SetContext(c)
	c.Init(l, c, l.now)
	l.stats.Connections.Add(1)
	if came == nil {
		c.shaking = newShaking(l, c)
		return
	}
	c.secured = came.secured
	c.secured.Conn = l.valve
	if came.stays {
		c.Moved()
	}
	if came.front != nil {
		c.Front(came.front)
	}
	defer c.barrier()
	l.valve.turn(c, came.sealed)
	if len(came.unread) > 0 {
		c.Receive(l.now, came.unread)
	}
	c.decrypt() // there may be some, and what was decrypted and not read
}

// receive takes bytes that have come.
func (c *tlsConn) receive(b []byte) {
	defer c.barrier()
	switch {
	case c.shaking != nil:
		c.shake(b)
	case c.secured != nil:
		c.loop().valve.turn(c, b)
		c.decrypt()
	default: // rejected: it is not looked at
		c.Receive(c.loop().now, b)
	}
	if c.paused && !c.closed {
		setReading(c.gnet, false) // see conn.receive
	}
}

// decrypt hands the session what is in the records that have come whole with what the valve
// was turned on for. The rest is kept by crypto/tls, which never keeps more than a record
// and half a KB of the next.
func (c *tlsConn) decrypt() {
	l := c.loop()
	v := l.valve
	defer v.turn(nil, nil)
	if !c.closed {
		v.lend(c.secured)
	}
	for !c.closed {
		v.out = v.out[:0] // a panic may have left something of another connection
		n, err := v.fill(c.secured)
		c.send() // an alert, or the answer to a key update
		if n > 0 && !c.closed {
			c.Receive(l.now, v.plain[:n]) // may close it, or give it away with what v.in still has
		}
		switch {
		case c.closed || err == nil: // plain is full: there may be more
		case err == errDry:
			v.takeBack(c.secured)
			return
		case err == io.EOF: // close_notify: as a FIN
			c.Close()
		default:
			c.fail(err)
		}
	}
}

// drop lets go of what only a connection that is there needs: its session state can be
// referred to for some time.
func (c *tlsConn) drop() {
	if c.shaking != nil {
		c.shaking.abort()
		c.unshaken()
	}
	c.secured = nil
}

// unshaken is called when there will be no handshake, or it has failed.
func (c *tlsConn) unshaken() {
	c.loop().group.shaken.failed.Add(1)
	c.shaking = nil
}

// Write implements [session.Wire]. Short buffers are joined: a record costs some 25 bytes
// and 200 ns, whatever is in it.
func (c *tlsConn) Write(bufs [][]byte) {
	if c.secured == nil {
		c.conn.Write(bufs)
		return
	}
	if c.closed {
		return
	}
	v := c.loop().valve
	v.out, v.joined = v.out[:0], v.joined[:0]
	for i, b := range bufs {
		if len(b) < joinBelow && (len(bufs) > 1) {
			if v.joined = append(v.joined, b...); len(v.joined) < joinBelow && i < len(bufs)-1 {
				continue
			}
			b = nil
		}
		if !c.seal(v.joined) || !c.seal(b) {
			return
		}
		v.joined = v.joined[:0]
	}
	c.send()
}

// joinBelow is the length in bytes from which a buffer has records of its own.
const joinBelow = 4 << 10

// sealAtOnce bounds how much is encrypted before it is written, in bytes.
const sealAtOnce = 128 << 10

// seal encrypts b to where send finds it. It reports false if the connection is no more.
func (c *tlsConn) seal(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), sealAtOnce)
		if _, err := c.secured.tls.Write(b[:n]); err != nil {
			c.fail(err) // no key is left, or an alert was sent
			return false
		}
		if b = b[n:]; len(c.loop().valve.out) >= sealAtOnce {
			if c.send(); c.closed {
				return false
			}
		}
	}
	return true
}

// send writes what was encrypted.
func (c *tlsConn) send() {
	l := c.loop()
	v := l.valve
	if len(v.out) > 0 && !c.closed {
		c.put(v.out)
	}
	v.out = v.out[:0]
}

// put writes bytes as they are.
func (c *conn) put(b []byte) {
	c.loop().counted.written += int64(len(b))
	_, _ = c.gnet.Write(b) // an error closes the connection, which is told by OnClose
}

// Buffered implements [session.Wire]: it is about as many bytes of what Write was given,
// rather too few, so that what encryption adds brings nobody over a limit.
func (c *tlsConn) Buffered() int {
	n := c.conn.Buffered()
	return n - n/16
}

// Shutdown implements [session.Wire]: close_notify, and then the FIN.
//
// Source: RFC 8446, section 6.1.
func (c *tlsConn) Shutdown() {
	c.farewell()
	c.conn.Shutdown()
}

// Close implements [session.Wire].
func (c *tlsConn) Close() {
	c.farewell()
	c.conn.Close()
}

// farewell says close_notify, if that can be said and was not.
func (c *tlsConn) farewell() {
	if c.secured != nil && !c.closed {
		v := c.loop().valve
		v.out = v.out[:0]
		_ = c.secured.tls.CloseWrite()
		c.send()
	}
}

// TLS implements [session.Wire].
func (c *tlsConn) TLS() *tls.ConnectionState {
	if c.secured == nil {
		return nil
	}
	return c.secured.state
}

// pack puts what TLS knows of a connection that leaves its loop in the passage.
func (p *passage) pack(l *Loop, w session.Wire) {
	if c, ok := w.(*tlsConn); ok {
		p.secured = c.secured
		if l.valve.conn == c {
			p.sealed = bytes.Clone(l.valve.in)
			l.valve.takeBack(c.secured)
		}
	}
}

// connIn is the connection behind a session's wire; nil if it is none of gnet's.
func connIn(w session.Wire) *conn {
	switch c := w.(type) {
	case *conn:
		return c
	case *tlsConn:
		return &c.conn
	}
	return nil
}

// A secured is what TLS has made of a connection whose handshake is done. It is used by
// one goroutine at a time, that of the loop which the connection is on, or net/http's, and
// goes along when the connection moves.
type secured struct {
	under
	tls   *tls.Conn
	state *tls.ConnectionState // shared by whoever asks; not changed
}

// done is called when the handshake is.
func (s *secured) done() {
	state := s.tls.ConnectionState()
	s.state = &state
	if p, ok := partsOf(s.tls); ok && p.hand.Len() == 0 {
		*p.hand = bytes.Buffer{} // a hello, or the client's certificates
	}
}

// under is the net.Conn below a tls.Conn. What it is changes with who drives that: a
// shaking, a loop's valve, or a direct connection.
type under struct{ net.Conn }
