package loop

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"

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
	p := &passage{unread: append([]byte(nil), unread...), stays: true}
	p.pack(l, sc.Wire())
	if to.enroll(nc, p) != nil {
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
	if c == nil || l.group.foreign.server == nil {
		return false
	}
	nc, err := detach(c)
	if err != nil {
		return false
	}
	// It needs a descriptor as long as it lives, like one of ours: its place goes along.
	p := &prefixedConn{Conn: nc, group: l.group, unread: append([]byte(nil), unread...)}
	p.unpack(l, sc.Wire())
	if !l.group.foreign.put(p) {
		p.repack(l)
		_ = nc.Close()
		return false
	}
	c.release()
	return true
}

// A passage is a connection on its way to a loop, from another one or from net/http. It
// keeps the place that it had: a newcomer cannot take it meanwhile, and a group that lets
// nobody in any more still serves those it has.
type passage struct {
	unread  []byte
	secured *secured       // of a connection over TLS
	sealed  []byte         // and what was read of it and not decrypted
	stays   bool           // it is where its session is, and is not moved again
	front   *session.Front // of the request in front of unread; nil if only loops have seen it
	arrived atomic.Bool    // the loop has it
}

var errDescriptors = errors.New("sio: no descriptor is left")

// enroll sends a connection to the loop. It belongs to the passage then, with its place;
// after an error both are still the caller's. Any goroutine.
func (l *Loop) enroll(nc net.Conn, p *passage) error {
	g := l.group
	g.passing.Add(1)
	defer g.passing.Add(-1)
	if g.sealed.Load() {
		return ErrStopped
	}
	if !g.process.second() {
		return errDescriptors
	}
	result, err := l.event.Enroll(gnet.NewContext(context.Background(), p), nc)
	if err != nil {
		g.process.taken.Add(-1)
		return err
	}
	g.follow(result, nc, &p.arrived, func(arrived bool) {
		g.process.taken.Add(-1)
		if !arrived {
			g.giveBack()
		}
	})
	return nil
}

// follow calls over, on a goroutine of its own, when gnet has done with nc, whose duplicate
// it was to take in, and tells whether that has arrived. If not, gnet could not duplicate
// or watch it, of which it tells the one and not the other, or has ended with it in a queue.
func (g *Group) follow(result <-chan gnet.RegisteredResult, nc net.Conn, arrived *atomic.Bool, over func(arrived bool)) {
	g.passing.Add(1)
	go func() {
		defer g.passing.Add(-1)
		for open := true; open; {
			select {
			case _, open = <-result: // closed behind nc
			case <-g.done:
				_ = nc.Close()
				open = false
			}
		}
		over(arrived.Load())
	}()
}

// connOf is the connection of a session state; nil if it is not one of gnet's.
func (l *Loop) connOf(sc *session.Conn) *conn {
	c := connIn(sc.Wire())
	if c == nil || c.closed || c.gnet.OutboundBuffered() > 0 {
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
	c.closed, c.gave = true, true
	c.loop().stats.Connections.Add(-1)
	_ = c.gnet.EventLoop().Close(c.gnet)
}
