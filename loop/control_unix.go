//go:build unix

package loop

import (
	"context"
	"net"
	"os"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// A control is a socket pair with one end among a loop's connections. A byte written
// to the other end begins a turn like anybody's bytes do, after the poller has looked
// at all connections. A task that puts itself in gnet's queue again would not: gnet
// empties that queue before it looks.
type control struct {
	loop *Loop
	fd   int // our end; -1 until the other is enrolled
}

// newControl makes the control connection of a loop. It is called on the loop, and
// ready some time later; until then yield wakes the loop the ordinary way.
func newControl(l *Loop, ev gnet.EventLoop) *control {
	c := &control{loop: l, fd: -1}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return c
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	theirs := os.NewFile(uintptr(fds[1]), "sio-control")
	nc, err := net.FileConn(theirs)
	_ = theirs.Close()
	if err == nil {
		c.fd = fds[0]
		_, err = ev.Enroll(gnet.NewContext(context.Background(), c), nc)
	}
	if err != nil {
		_ = unix.Close(fds[0])
		c.fd = -1
	}
	return c
}

// opened is called when the loop has taken the connection in.
func (c *control) opened(gnet.Conn) {}

// traffic is the byte: it begins a turn.
func (c *control) traffic(g gnet.Conn) {
	_, _ = g.Next(-1)
	l := c.loop
	l.yielding.Store(false)
	l.turn()
}

// closed gives our end back when the loop ends.
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
