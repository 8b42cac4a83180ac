//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly) && !reactor_portable

package reactor

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// sysConn is what a connection keeps for the poller.
type sysConn struct {
	fd       int32
	wantsOut bool // the poller watches for room to write
}

// sockets is the part of a poller that epoll and kqueue share: the table of
// connections and the calls on descriptors.
type sockets struct {
	byFD []*Conn // nil where the descriptor is not a connection of this loop
	dead []int32 // to be closed at the end of the turn
}

// newLoop makes a loop and its poller.
func newLoop(r *Reactor, index int) (*Loop, error) {
	l := &Loop{reactor: r, index: index, buf: make([]byte, r.config.ReadBuffer)}
	if err := l.poll.open(); err != nil {
		return nil, describe(err)
	}
	return l, nil
}

// connect makes a socket for c, starts its connect, from source if that is
// valid, and has the poller watch it.
func (p *poller) connect(l *Loop, c *Conn, source netip.Addr) error {
	family := unix.AF_INET
	if c.addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := socket(family)
	if err != nil {
		return describe(err)
	}
	if err := start(fd, c.addr, source); err != nil {
		unix.Close(fd)
		return describe(err)
	}
	c.sys = sysConn{fd: int32(fd), wantsOut: true}
	c.state = connecting
	if err := p.watch(fd); err != nil {
		c.state = queued
		unix.Close(fd)
		return describe(err)
	}
	for fd >= len(p.byFD) {
		p.byFD = append(p.byFD, make([]*Conn, max(64, len(p.byFD)))...)
	}
	p.byFD[fd] = c
	l.open++
	return nil
}

// start binds fd to source if valid, and begins to connect it.
func start(fd int, addr netip.AddrPort, source netip.Addr) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if source.IsValid() {
		bindLate(fd)
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0))); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	for {
		switch err := unix.Connect(fd, sockaddr(addr)); err {
		case nil, unix.EINPROGRESS:
			return nil
		case unix.EINTR:
			// The connect goes on by itself; a second call says EALREADY.
		case unix.EALREADY, unix.EISCONN:
			return nil
		default:
			return os.NewSyscallError("connect", err)
		}
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// describe gives the errors that have a name here their name.
func describe(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return ErrDescriptors
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return ErrSourcePorts
	}
	return err
}

// ready serves one event of the poller.
func (p *poller) ready(l *Loop, fd int32, readable, writable bool) {
	if int(fd) >= len(p.byFD) || p.byFD[fd] == nil {
		return // closed earlier in this turn
	}
	c := p.byFD[fd]
	if c.state == connecting {
		if err := socketError(int(fd), "connect"); err != nil {
			l.end(c, err)
			return
		}
		if !writable {
			return
		}
		err := p.watchOut(c, false)
		if err == nil && c.paused {
			err = p.watchIn(l, c)
		}
		if err != nil {
			l.end(c, err)
			return
		}
		l.opened(c)
		return // what is readable already comes with the next wait
	}
	if writable && len(c.out) > 0 && c.fate == nil {
		if err := p.flush(c); err != nil {
			l.end(c, err)
			return
		}
	}
	switch {
	case !readable || c.state != open:
	case c.paused: // earlier in this turn, or it is an error
		if err := socketError(int(fd), "read"); err != nil {
			l.end(c, err)
		}
	default:
		p.read(l, c)
	}
}

// read reads once, at most one buffer: what is left is reported again, after
// the other connections had their turn.
func (p *poller) read(l *Loop, c *Conn) {
	for {
		n, err := unix.Read(int(c.sys.fd), l.buf)
		switch {
		case n > 0:
			l.deliver(c, l.buf[:n])
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
		case err != nil:
			l.end(c, os.NewSyscallError("read", err))
		default:
			l.end(c, io.EOF)
		}
		return
	}
}

// write is [Conn.Write] on an open connection.
func (p *poller) write(_ *Loop, c *Conn, b []byte) error {
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return nil
	}
	n, err := writeSome(c.sys.fd, b)
	if err != nil {
		return err
	}
	if n == len(b) {
		return nil
	}
	c.out = append(c.out, b[n:]...)
	return p.watchOut(c, true)
}

// flush writes what waits, and gives its memory back when all is written.
func (p *poller) flush(c *Conn) error {
	n, err := writeSome(c.sys.fd, c.out)
	if err != nil {
		return err
	}
	if n < len(c.out) {
		c.out = c.out[:copy(c.out, c.out[n:])]
		return nil
	}
	c.out = nil
	return p.watchOut(c, false)
}

// writeSome writes until the kernel takes no more.
func writeSome(fd int32, b []byte) (n int, err error) {
	for n < len(b) {
		k, err := unix.Write(int(fd), b[n:])
		switch err {
		case nil:
			n += k
		case unix.EINTR:
		case unix.EAGAIN:
			return n, nil
		default:
			return n, os.NewSyscallError("write", err)
		}
	}
	return n, nil
}

// pending is [Conn.Waiting].
func (p *poller) pending(c *Conn) int { return len(c.out) }

// drop takes c out of the table; bury closes its descriptor, which takes it out
// of the poller too.
func (p *poller) drop(l *Loop, c *Conn) {
	fd := c.sys.fd
	if int(fd) >= len(p.byFD) || p.byFD[fd] != c {
		return // never had a descriptor
	}
	p.byFD[fd] = nil
	p.dead = append(p.dead, fd)
	l.open--
}

func (p *poller) bury(*Loop) {
	for _, fd := range p.dead {
		unix.Close(int(fd))
	}
	p.dead = p.dead[:0]
}

// close closes every descriptor of the loop.
func (p *poller) close(l *Loop) {
	for _, c := range p.byFD {
		if c != nil {
			l.drop(c)
		}
	}
	p.bury(l)
	p.shut()
}

// socketError is what has happened to fd, a connect or a reset; operation is
// what the error calls it.
func socketError(fd int, operation string) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if code != 0 {
		return describe(os.NewSyscallError(operation, syscall.Errno(code)))
	}
	return nil
}
