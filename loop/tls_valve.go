package loop

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// A valve is what the tls.Conns of a loop read from and write to. There is one for all of
// them, as the loop drives one at a time: between two turns it is empty.
type valve struct {
	conn *tlsConn // the one that is being read; nil if none is
	in   []byte   // what has come for it, and was not taken yet: a view
	out  []byte   // is to be written to the one that is being driven

	plain  []byte // room for what is decrypted
	joined []byte // room for what is encrypted together
	raw    []byte // room for records, lent to the one that is being read; nil if given away
	lent   bool
}

// valveRoom is as much as gnet reads at once.
const valveRoom = 64 << 10

func newValve() *valve { return &valve{plain: make([]byte, valveRoom)} }

// turn lets c read b; nobody if that is nil. What it leaves is for whoever c is given to.
func (v *valve) turn(c *tlsConn, b []byte) { v.conn, v.in, v.lent = c, b, false }

// lend gives a connection the loop's memory to read to, if it has nothing in its own. So
// an idle one has none, and none is allocated for records that come whole.
func (v *valve) lend(s *secured) {
	p, ok := partsOf(s.tls)
	if !ok || p.raw.Len() > 0 {
		return
	}
	if v.raw == nil {
		v.raw = make([]byte, 0, valveRoom+2*bytes.MinRead)
	}
	*p.raw = *bytes.NewBuffer(v.raw[:0])
	v.lent = true
}

// fill decrypts into plain until that is full, or an error comes: errDry when there is no
// whole record any more.
func (v *valve) fill(s *secured) (n int, err error) {
	p, known := partsOf(s.tls)
	for n < len(v.plain) && err == nil {
		var k int
		k, err = s.tls.Read(v.plain[n:])
		n += k
		if known && err == nil && len(v.in)+p.raw.Len()+p.input.Len() == 0 {
			err = errDry // as it would say itself, for 100 ns and 24 bytes
		}
	}
	return n, err
}

// takeBack is called when the connection is not read any more, or not here: what it has of
// a record is its own from then on.
func (v *valve) takeBack(s *secured) {
	p, ok := partsOf(s.tls)
	switch {
	case !ok:
	case p.raw.Len() == 0:
		*p.raw = bytes.Buffer{} // its own, too
	case v.lent:
		*p.raw = *bytes.NewBuffer(bytes.Clone(p.raw.Bytes()))
	}
	if v.lent && p.input.Len() > 0 {
		v.raw = nil // it has to be read yet, and is there
	}
	v.lent = false
}

var _ net.Conn = (*valve)(nil)

// errDry is what a tls.Conn is told when nothing has come any more. It is temporary, so
// that crypto/tls keeps what it has of a record and goes on with it the next time.
var errDry net.Error = dry{}

type dry struct{}

func (dry) Error() string   { return "sio: nothing more has come" }
func (dry) Timeout() bool   { return true }
func (dry) Temporary() bool { return true }

func (v *valve) Read(p []byte) (int, error) {
	if len(v.in) == 0 {
		return 0, errDry
	}
	n := copy(p, v.in)
	v.in = v.in[n:]
	return n, nil
}

func (v *valve) Write(p []byte) (int, error) {
	v.out = append(v.out, p...)
	return len(p), nil
}

// The rest of a net.Conn, which crypto/tls calls to no end here, or not at all.

func (v *valve) Close() error                     { return nil }
func (v *valve) LocalAddr() net.Addr              { return nil }
func (v *valve) RemoteAddr() net.Addr             { return nil }
func (v *valve) SetDeadline(time.Time) error      { return nil }
func (v *valve) SetReadDeadline(time.Time) error  { return nil }
func (v *valve) SetWriteDeadline(time.Time) error { return nil }

// A direct connection is one in net/http's hands, some of whose bytes were read before.
type direct struct {
	net.Conn
	sealed []byte // read by one goroutine at a time
}

func (d *direct) Read(p []byte) (int, error) {
	if len(d.sealed) == 0 {
		return d.Conn.Read(p)
	}
	n := copy(p, d.sealed)
	if d.sealed = d.sealed[n:]; len(d.sealed) == 0 {
		d.sealed = nil
	}
	return n, nil
}

// unpack makes p a connection of net/http, whose bytes are decrypted by whoever reads it,
// if it was one over TLS.
func (p *prefixedConn) unpack(l *Loop, w session.Wire) {
	var way passage
	way.pack(l, w)
	if way.secured == nil {
		return
	}
	p.secured = way.secured
	p.secured.Conn = &direct{Conn: p.Conn, sealed: way.sealed}
	p.Conn = p.secured.tls
}

// repack undoes that.
func (p *prefixedConn) repack(l *Loop) {
	if p.secured != nil {
		p.secured.Conn = l.valve
	}
}

// passage is the way back, for the connection nc below p.
func (p *prefixedConn) passage(unread []byte) (nc net.Conn, way *passage) {
	way = &passage{unread: unread, secured: p.secured}
	if p.secured == nil {
		return p.Conn, way
	}
	d := p.secured.Conn.(*direct)
	way.sealed = d.sealed
	return d.Conn, way
}

// tlsState is the key of what TLS has negotiated in the contexts of a connection's requests:
// net/http tells it to handlers only of connections that are a tls.Conn themselves.
type tlsState struct{}

// tellTLS puts it there.
func tellTLS(ctx context.Context, c net.Conn) context.Context {
	if p, ok := c.(*prefixedConn); ok && p.secured != nil {
		return context.WithValue(ctx, tlsState{}, p.secured.state)
	}
	return ctx
}

// toldTLS is what was put there; nil for a connection in the clear.
func toldTLS(r *http.Request) *tls.ConnectionState {
	state, _ := r.Context().Value(tlsState{}).(*tls.ConnectionState)
	return state
}
