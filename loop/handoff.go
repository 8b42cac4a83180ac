package loop

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/session"
)

// Move implements [session.Host]: the descriptor is duplicated, given to the other
// loop with the unread bytes, and closed here. It costs the two loops about 12 us and
// a pool goroutine 60, once in the life of a WebSocket that began with polling.
func (l *Loop) Move(sc *session.Conn, index int, unread []byte) bool {
	c := l.connOf(sc)
	to := l.group.Loop(index)
	if c == nil || to == nil {
		return false
	}
	nc, err := detach(c)
	if err != nil {
		return false
	}
	ctx := gnet.NewContext(context.Background(), moving(append([]byte(nil), unread...)))
	if _, err := to.event.Enroll(ctx, nc); err != nil {
		_ = nc.Close()
		return false
	}
	c.release()
	return true
}

// Foreign implements [session.Host]: the connection goes to net/http, for good, with
// the bytes that were read already in front.
func (l *Loop) Foreign(sc *session.Conn, unread []byte) bool {
	c := l.connOf(sc)
	if c == nil || l.group.handler == nil {
		return false
	}
	nc, err := detach(c)
	if err != nil {
		return false
	}
	l.group.conns.Add(1) // it needs a descriptor as long as it lives, like one of ours
	p := &prefixedConn{Conn: nc, group: l.group, unread: append([]byte(nil), unread...)}
	if !l.group.foreign.put(p) {
		_ = p.Close()
		return false
	}
	c.release()
	return true
}

// connOf is the connection of a session state; nil if it is not one of gnet's.
func (l *Loop) connOf(sc *session.Conn) *conn {
	c, ok := sc.Wire().(*conn)
	if !ok || c.closed || c.gnet.OutboundBuffered() > 0 {
		return nil
	}
	return c
}

// detach makes a net.Conn of a connection's descriptor, duplicated.
func detach(c *conn) (net.Conn, error) {
	fd, err := c.gnet.Dup()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "sio-conn")
	defer f.Close() // FileConn has a duplicate of its own
	return net.FileConn(f)
}

// release lets go of a connection that lives on elsewhere: the descriptor is closed
// here, the session state is dead already.
func (c *conn) release() {
	c.closed = true
	c.loop().stats.Connections.Add(-1)
	_ = c.gnet.EventLoop().Close(c.gnet)
}

// A foreignServer is the net/http server behind the engine, for requests that are not
// for it. Its listener is a queue of connections.
type foreignServer struct {
	conns  chan net.Conn
	quit   chan struct{}
	once   sync.Once
	server *http.Server
	addr   net.Addr
}

// foreignBacklog is how many connections may wait to be taken over. When it is full
// the request is answered with 404, rather than the loop made to wait.
const foreignBacklog = 1024

func (g *Group) serveForeign() {
	f := &g.foreign
	f.conns, f.quit, f.addr = make(chan net.Conn, foreignBacklog), make(chan struct{}), g.addrs[0]
	f.server = &http.Server{
		Handler:           g.handler,
		ReadHeaderTimeout: g.config.HeadTimeout,
		IdleTimeout:       g.config.IdleTimeout,
	}
	go func() { _ = f.server.Serve(f) }()
}

func (g *Group) stopForeign() {
	f := &g.foreign
	_ = f.Close()
	_ = f.server.Close()
	for {
		select {
		case c := <-f.conns:
			_ = c.Close()
		default:
			return
		}
	}
}

func (f *foreignServer) put(c net.Conn) bool {
	select {
	case <-f.quit:
		return false
	default:
	}
	select {
	case f.conns <- c:
		return true
	default:
		return false
	}
}

// Accept implements [net.Listener].
func (f *foreignServer) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.quit:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (f *foreignServer) Close() error {
	f.once.Do(func() { close(f.quit) })
	return nil
}

// Addr implements [net.Listener].
func (f *foreignServer) Addr() net.Addr { return f.addr }

// A prefixedConn is a connection some of whose bytes were read before.
type prefixedConn struct {
	net.Conn
	group  *Group
	once   sync.Once
	unread []byte // read by one goroutine at a time, as any net.Conn
}

// Read reads what was read before first.
func (c *prefixedConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// Close closes the connection, and gives its place back.
func (c *prefixedConn) Close() error {
	c.once.Do(func() { c.group.conns.Add(-1) })
	return c.Conn.Close()
}

// ReadFrom keeps sendfile for files that the handler serves.
func (c *prefixedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
