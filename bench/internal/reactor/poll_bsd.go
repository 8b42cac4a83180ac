//go:build (darwin || freebsd || netbsd || openbsd || dragonfly) && !reactor_portable

package reactor

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const loopbackIsWide = false

// poller is kqueue, level-triggered, with a pipe to be woken by: EVFILT_USER is
// not on all of the BSDs.
type poller struct {
	sockets
	kqueue  int
	pipe    [2]int
	events  [1024]unix.Kevent_t
	changes [2]unix.Kevent_t
}

func (p *poller) open() (err error) {
	p.kqueue, p.pipe = -1, [2]int{-1, -1}
	defer func() {
		if err != nil {
			p.shut()
		}
	}()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if p.kqueue, err = unix.Kqueue(); err != nil {
		return os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(p.kqueue)
	if err = unix.Pipe(p.pipe[:]); err != nil {
		return os.NewSyscallError("pipe", err)
	}
	for _, fd := range p.pipe {
		unix.CloseOnExec(fd)
		if err = unix.SetNonblock(fd, true); err != nil {
			return os.NewSyscallError("fcntl", err)
		}
	}
	return p.change(p.pipe[0], unix.EVFILT_READ, unix.EV_ADD)
}

func (p *poller) shut() {
	for _, fd := range []*int{&p.kqueue, &p.pipe[0], &p.pipe[1]} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// change makes one change to what is watched.
func (p *poller) change(fd int, filter, flags int) error {
	c := p.changes[:1]
	unix.SetKevent(&c[0], fd, filter, flags)
	for {
		_, err := unix.Kevent(p.kqueue, c, nil, nil)
		if err != unix.EINTR {
			return os.NewSyscallError("kevent", err)
		}
	}
}

// wake ends the current or the next wait. Any goroutine, before the loop ends.
func (p *poller) wake() {
	for {
		// EAGAIN means that the pipe is full of wakes.
		if _, err := unix.Write(p.pipe[1], []byte{0}); err != unix.EINTR {
			return
		}
	}
}

// wait sleeps for at most d, for ever if d is negative, and serves what is
// ready then.
func (p *poller) wait(l *Loop, d time.Duration) {
	var limit *unix.Timespec
	if d >= 0 {
		spec := unix.NsecToTimespec(int64(d))
		limit = &spec
	}
	n, err := unix.Kevent(p.kqueue, nil, p.events[:], limit)
	if err != nil {
		if errors.Is(err, unix.EINTR) {
			return
		}
		panic(os.NewSyscallError("kevent", err)) // only a broken descriptor gets here
	}
	for i := range n {
		e := &p.events[i]
		fd := int(e.Ident)
		if fd == p.pipe[0] {
			var b [64]byte
			for {
				if k, err := unix.Read(fd, b[:]); k < len(b) || err != nil {
					break
				}
			}
			continue
		}
		p.ready(l, int32(fd), e.Filter == unix.EVFILT_READ, e.Filter == unix.EVFILT_WRITE)
	}
}

// watch adds fd, a connecting socket.
func (p *poller) watch(fd int) error {
	c := p.changes[:2]
	unix.SetKevent(&c[0], fd, unix.EVFILT_READ, unix.EV_ADD)
	unix.SetKevent(&c[1], fd, unix.EVFILT_WRITE, unix.EV_ADD)
	_, err := unix.Kevent(p.kqueue, c, nil, nil)
	return os.NewSyscallError("kevent", err)
}

// watchOut turns the watch for room to write on or off.
func (p *poller) watchOut(c *Conn, on bool) error {
	if c.sys.wantsOut == on {
		return nil
	}
	c.sys.wantsOut = on
	if on {
		return p.change(int(c.sys.fd), unix.EVFILT_WRITE, unix.EV_ADD)
	}
	return p.change(int(c.sys.fd), unix.EVFILT_WRITE, unix.EV_DELETE)
}

// watchIn turns the watch for what comes on or off, as c.paused has it. Without
// it nothing is told of the peer's end.
func (p *poller) watchIn(_ *Loop, c *Conn) error {
	if c.paused {
		return p.change(int(c.sys.fd), unix.EVFILT_READ, unix.EV_DISABLE)
	}
	return p.change(int(c.sys.fd), unix.EVFILT_READ, unix.EV_ENABLE)
}

func socket(family int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

func bindLate(int) {}
