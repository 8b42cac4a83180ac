//go:build !unix

package loop

import (
	"io"
	"net"

	"github.com/panjf2000/gnet/v2"
)

// On systems without socket pairs in the poller (Windows, where gnet runs a goroutine
// for each connection and is for development only) a yield is an ordinary wake,
// reading cannot be paused, and a connection is closed at once.

type control struct{ loop *Loop }

func newControl(l *Loop, _ gnet.EventLoop) *control { return &control{loop: l} }

func (c *control) opened()           {}
func (c *control) traffic(gnet.Conn) {}
func (c *control) closed()           {}

func (c *control) yield() {
	c.loop.yielding.Store(false)
	c.loop.wake()
}

// scoutPair is a connection for gnet to take in, and what ends it.
func scoutPair() (io.Closer, net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	theirs, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	ours, err := l.Accept()
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

func setReading(gnet.Conn, bool) bool { return false }

func shutdownWrite(g gnet.Conn) { _ = g.EventLoop().Close(g) }
