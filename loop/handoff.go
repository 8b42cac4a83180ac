package loop

import (
	"context"
	"net"
	"os"

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

// Foreign implements [session.Host]: the connection goes to net/http, with the bytes that
// were read already in front. It comes back with the first request that is for the engine.
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
