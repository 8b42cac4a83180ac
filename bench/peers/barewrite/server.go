//go:build linux

package main

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

// tick is the step of the heartbeat.
const tick = 100 * time.Millisecond

// server is all there is, on one thread.
type server struct {
	poller   int
	listener int
	limit    int
	count    int
	conns    []*conn // by descriptor
	rooms    map[string]*room
	ring     *ring // nil: broadcasts are written

	handshake string // what follows the sid in the open packet
	wheel     [][]*conn
	slot      int // the wheel's hand
	next      int // the slot of the next connection

	in  []byte // what is read
	out []byte // replies to it
}

// conn is one TCP connection.
type conn struct {
	fd    int
	room  *room
	carry []byte // what was read of a head or frame that is not whole
	rest  []byte // what the kernel would not take
	at    int32  // place in its room
	spot  int32  // place in its slot
	slot  int32  // -1 when it gets no pings
	ws    bool
}

type room struct {
	name    string
	members []*conn
}

func newServer(interval, timeout time.Duration, limit int) *server {
	return &server{
		limit: limit, rooms: map[string]*room{},
		handshake: bare.Handshake(interval.Milliseconds(), timeout.Milliseconds()),
		wheel:     make([][]*conn, interval/tick),
		in:        make([]byte, 64<<10),
	}
}

// listen opens the listener and the poller, and says which port it is.
func (s *server) listen(port int) (int, error) {
	var err error
	if s.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if err = unix.SetsockoptInt(s.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err = unix.Bind(s.listener, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	if err = unix.Listen(s.listener, 4096); err != nil {
		return 0, err
	}
	if s.poller, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return 0, err
	}
	if err = s.watch(unix.EPOLL_CTL_ADD, s.listener, unix.EPOLLIN); err != nil {
		return 0, err
	}
	at, err := unix.Getsockname(s.listener)
	if err != nil {
		return 0, err
	}
	return at.(*unix.SockaddrInet4).Port, nil
}

func (s *server) watch(how, fd int, events uint32) error {
	return unix.EpollCtl(s.poller, how, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// serve serves until the process ends.
func (s *server) serve() error {
	events := make([]unix.EpollEvent, 1024)
	due := time.Now().Add(tick)
	for {
		n, err := unix.EpollWait(s.poller, events, max(0, int(time.Until(due).Milliseconds())))
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, e := range events[:max(0, n)] {
			switch c := s.conn(int(e.Fd)); {
			case int(e.Fd) == s.listener:
				if err := s.accept(); err != nil {
					return err
				}
			case c == nil: // closed in this round
			case e.Events&unix.EPOLLOUT != 0 && !s.resume(c):
			case e.Events&^unix.EPOLLOUT != 0:
				s.read(c)
			}
		}
		if now := time.Now(); !now.Before(due) {
			s.ping()
			due = now.Add(tick)
		}
	}
}

func (s *server) conn(fd int) *conn {
	if fd < len(s.conns) {
		return s.conns[fd]
	}
	return nil
}

func (s *server) accept() error {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.ECONNABORTED, err == unix.EINTR:
			continue
		case err != nil:
			return err
		}
		if s.count >= s.limit {
			unix.Close(fd)
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
		if err := s.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLRDHUP); err != nil {
			return err
		}
		for fd >= len(s.conns) {
			s.conns = append(s.conns, nil)
		}
		s.conns[fd] = &conn{fd: fd, slot: -1}
		s.count++
	}
}

func (s *server) close(c *conn) {
	s.leave(c)
	s.unping(c)
	s.conns[c.fd] = nil
	s.count--
	unix.Close(c.fd)
}

// read serves what has come for c.
func (s *server) read(c *conn) {
	n, err := unix.Read(c.fd, s.in)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if err != nil || n == 0 {
		s.close(c)
		return
	}
	b := s.in[:n]
	if len(c.carry) > 0 {
		c.carry = append(c.carry, b...)
		b = c.carry
	}
	s.out = s.out[:0]
	used, open := s.take(c, b)
	if len(s.out) > 0 {
		s.write(c, s.out)
	}
	if !open {
		s.close(c)
		return
	}
	switch rest := b[used:]; {
	case len(rest) == 0:
		c.carry = nil
	case len(c.carry) > 0:
		c.carry = c.carry[:copy(c.carry, rest)]
	default:
		c.carry = append([]byte(nil), rest...)
	}
}

// write writes b to c, and keeps what the kernel does not take.
func (s *server) write(c *conn, b []byte) {
	if len(c.rest) == 0 {
		n, err := unix.Write(c.fd, b)
		if err != nil && err != unix.EAGAIN {
			return // the poller will tell
		}
		if b = b[max(0, n):]; len(b) == 0 {
			return
		}
	}
	s.keep(c, b)
}

// keep keeps b until the kernel has room for it.
func (s *server) keep(c *conn, b []byte) {
	if len(c.rest) == 0 {
		s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLOUT)
	}
	c.rest = append(c.rest, b...)
}

// resume writes what was kept; it says false if c was closed.
func (s *server) resume(c *conn) bool {
	n, err := unix.Write(c.fd, c.rest)
	if err != nil && err != unix.EAGAIN {
		s.close(c)
		return false
	}
	if c.rest = c.rest[:copy(c.rest, c.rest[max(0, n):])]; len(c.rest) == 0 {
		c.rest = nil
		s.watch(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLIN|unix.EPOLLRDHUP)
	}
	return true
}

// ping pings the next slot of the wheel.
func (s *server) ping() {
	s.slot = (s.slot + 1) % len(s.wheel)
	for _, c := range s.wheel[s.slot] {
		s.write(c, bare.PingFrame)
	}
}

// pinged puts c into the wheel.
func (s *server) pinged(c *conn) {
	s.next = (s.next + 1) % len(s.wheel)
	c.slot, c.spot = int32(s.next), int32(len(s.wheel[s.next]))
	s.wheel[s.next] = append(s.wheel[s.next], c)
}

func (s *server) unping(c *conn) {
	if c.slot < 0 {
		return
	}
	slot := s.wheel[c.slot]
	last := slot[len(slot)-1]
	slot[c.spot], last.spot = last, c.spot
	slot[len(slot)-1] = nil
	s.wheel[c.slot] = slot[:len(slot)-1]
	c.slot = -1
}

// join puts c into the room called name, and out of its last one.
func (s *server) join(c *conn, name []byte) {
	s.leave(c)
	r := s.rooms[string(name)]
	if r == nil {
		r = &room{name: string(name)}
		s.rooms[r.name] = r
	}
	c.room, c.at = r, int32(len(r.members))
	r.members = append(r.members, c)
}

func (s *server) leave(c *conn) {
	if c.room == nil {
		return
	}
	members := c.room.members
	last := members[len(members)-1]
	members[c.at], last.at = last, c.at
	members[len(members)-1] = nil
	if c.room.members = members[:len(members)-1]; len(c.room.members) == 0 {
		delete(s.rooms, c.room.name)
	}
	c.room = nil
}

// broadcast sends the event with payload to the room.
func (s *server) broadcast(name, payload []byte) {
	r := s.rooms[string(name)]
	if r == nil {
		return
	}
	frame := bare.BroadcastFrame(nil, payload)
	if s.ring != nil {
		s.ring.send(r.members, frame, s.keep)
		return
	}
	for _, c := range r.members {
		s.write(c, frame)
	}
}
