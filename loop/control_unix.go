//go:build unix

package loop

import (
	"context"
	"io"
	"net"
	"os"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"github.com/e6a90ca8/sio/session"
)

// A control is a socket pair with one end among a loop's connections. A byte written
// to the other end begins a turn like anybody's bytes do, after the poller has looked
// at all connections. A task that puts itself in gnet's queue again would not: gnet
// empties that queue before it looks.
type control struct {
	loop    *Loop
	fd      int         // our end; -1 if there is none. The loop's
	arrived atomic.Bool // the loop has the other end
}

// newControl makes the control connection of a loop. It is called on the loop, which has
// the other end some time later: a byte that is written until then waits in the socket
// pair. If there is no control connection yield wakes the loop the ordinary way.
func newControl(l *Loop, ev gnet.EventLoop) *control {
	c := &control{loop: l, fd: -1}
	fd, nc, err := socketPair()
	if err != nil {
		return c
	}
	result, err := ev.Enroll(gnet.NewContext(context.Background(), c), nc)
	if err != nil {
		_ = nc.Close()
		_ = unix.Close(fd)
		return c
	}
	c.fd = fd
	l.group.follow(result, nc, &c.arrived, func(arrived bool) {
		if !arrived {
			c.lost()
		}
	})
	return c
}

// socketPair is a pair of connected sockets, which do not block. The second is closed as a
// net.Conn is.
func socketPair() (fd int, nc net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, nil, err
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	theirs := os.NewFile(uintptr(fds[1]), "sio-control")
	nc, err = net.FileConn(theirs)
	_ = theirs.Close()
	if err != nil {
		_ = unix.Close(fds[0])
		return -1, nil, err
	}
	return fds[0], nc, nil
}

// scoutPair is a connection for gnet to take in, and what ends it.
func scoutPair() (io.Closer, net.Conn, error) {
	fd, nc, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	return descriptor(fd), nc, nil
}

type descriptor int

// Close implements [io.Closer].
func (d descriptor) Close() error { return unix.Close(int(d)) }

// opened is called when the loop has taken the connection in.
func (c *control) opened() { c.arrived.Store(true) }

// lost is called when it never will, by a goroutine of its own. A byte that was written
// already comes to nothing: the turn that it asked for is asked for again.
func (c *control) lost() {
	if !c.loop.Do(func(session.Host, session.Instant) {
		c.closed()
		c.loop.yielding.Store(false)
		c.loop.rouse()
	}) {
		<-c.loop.group.done // until then the loop may write to it
		c.closed()
	}
}

// traffic is the byte: it begins a turn.
func (c *control) traffic(g gnet.Conn) {
	_, _ = g.Next(-1)
	l := c.loop
	l.yielding.Store(false)
	l.turn()
}

// closed gives our end back: the loop has ended, or has lost the other.
func (c *control) closed() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
		c.fd = -1
	}
}

var controlByte = []byte{0}

// yield asks for a turn. Loop only.
func (c *control) yield() {
	if c.fd >= 0 {
		if _, err := unix.Write(c.fd, controlByte); err == nil || err == unix.EAGAIN {
			return
		}
	}
	c.loop.yielding.Store(false)
	c.loop.wake()
}

// setReading makes the poller look for bytes of a connection, or not. It reports
// whether it could.
func setReading(g gnet.Conn, on bool) bool {
	poller, ok := pollerOf(g.EventLoop())
	return ok && watch(poller, g.Fd(), on, g.OutboundBuffered() > 0)
}

// shutdownWrite sends FIN.
func shutdownWrite(g gnet.Conn) { _ = unix.Shutdown(g.Fd(), unix.SHUT_WR) }
