//go:build linux && !reactor_portable

package reactor

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const loopbackIsWide = true

// poller is epoll, level-triggered, with an eventfd to be woken by and a
// timerfd for waits that are finer than epoll's millisecond.
type poller struct {
	sockets
	epoll  int
	event  int // the eventfd
	timer  int // the timerfd
	armed  time.Duration
	events [1024]unix.EpollEvent
}

func (p *poller) open() (err error) {
	p.epoll, p.event, p.timer = -1, -1, -1
	defer func() {
		if err != nil {
			p.shut()
		}
	}()
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if p.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	// Edge-triggered, so that neither has to be read: each write to the eventfd
	// and each expiry is an edge.
	for _, fd := range []int{p.event, p.timer} {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}
		if err = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return nil
}

func (p *poller) shut() {
	for _, fd := range []*int{&p.epoll, &p.event, &p.timer} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// wake ends the current or the next wait. Any goroutine, before the loop ends.
func (p *poller) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		// EAGAIN means that the counter is full, after 2^64 wakes.
		if _, err := unix.Write(p.event, one[:]); err != unix.EINTR {
			return
		}
	}
}

// wait sleeps for at most d, for ever if d is negative, and serves what is
// ready then.
func (p *poller) wait(l *Loop, d time.Duration) {
	ms := -1
	switch {
	case d == 0:
		ms = 0
	case d > 0:
		// The timer stays armed over waits that end early; it is set again only
		// for another deadline.
		at := l.Clock() + d
		if off := at - p.armed; off < -time.Microsecond || off > 2*time.Microsecond || p.armed <= l.Clock() {
			p.armed = at
			spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
			if unix.TimerfdSettime(p.timer, 0, &spec, nil) != nil {
				ms = max(1, int(d.Milliseconds()))
			}
		}
	}
	n, err := unix.EpollWait(p.epoll, p.events[:], ms)
	if err != nil {
		if errors.Is(err, unix.EINTR) {
			return
		}
		panic(os.NewSyscallError("epoll_wait", err)) // only a broken descriptor gets here
	}
	for i := range n {
		e := &p.events[i]
		if int(e.Fd) == p.event || int(e.Fd) == p.timer {
			continue
		}
		const end = unix.EPOLLERR | unix.EPOLLHUP
		p.ready(l, e.Fd, e.Events&(unix.EPOLLIN|end) != 0, e.Events&(unix.EPOLLOUT|end) != 0)
	}
}

// watch adds fd, a connecting socket.
func (p *poller) watch(fd int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &e))
}

// watchOut turns the watch for room to write on or off.
func (p *poller) watchOut(c *Conn, on bool) error {
	if c.sys.wantsOut == on {
		return nil
	}
	c.sys.wantsOut = on
	return p.rewatch(c)
}

// watchIn turns the watch for what comes on or off, as c.paused has it.
func (p *poller) watchIn(_ *Loop, c *Conn) error { return p.rewatch(c) }

// rewatch sets what c is watched for. Errors and resets are told in any case.
func (p *poller) rewatch(c *Conn) error {
	e := unix.EpollEvent{Fd: c.sys.fd}
	if !c.paused {
		e.Events |= unix.EPOLLIN
	}
	if c.sys.wantsOut {
		e.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.epoll, unix.EPOLL_CTL_MOD, int(c.sys.fd), &e))
}

func socket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	return fd, os.NewSyscallError("socket", err)
}

// bindLate lets the kernel choose the port of a bound address when it connects,
// when it knows the target and may use a port towards another target again.
func bindLate(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) // best effort: bind works without
}
