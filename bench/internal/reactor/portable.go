//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly) || reactor_portable

package reactor

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

const loopbackIsWide = false

// sysConn is what a connection keeps for its two goroutines.
type sysConn struct{ p *pipe }

// pipe is a net.Conn with a goroutine for each direction. Both talk to the loop
// by posts.
type pipe struct {
	giveUp context.CancelFunc // ends the dial

	mu   sync.Mutex
	room *sync.Cond // signalled when wait or shut changes
	conn net.Conn
	wait []byte // to be written
	busy int    // of what was taken from wait, not written yet
	shut bool

	// taken has an element when the loop has taken what was read; the buffer is
	// the reader's again then.
	taken chan struct{}
	held  []byte // read, but not taken: the connection is paused. Loop only.
}

// poller is the mailbox alone: everything that happens is a post.
type poller struct {
	bell  chan struct{}
	pipes map[*Conn]struct{}
	done  sync.WaitGroup
}

func newLoop(r *Reactor, index int) (*Loop, error) {
	l := &Loop{reactor: r, index: index}
	l.poll.bell = make(chan struct{}, 1)
	l.poll.pipes = map[*Conn]struct{}{}
	return l, nil
}

func (p *poller) wake() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

func (p *poller) wait(_ *Loop, d time.Duration) {
	switch {
	case d < 0:
		<-p.bell
	case d == 0:
		select {
		case <-p.bell:
		default:
		}
	default:
		t := time.NewTimer(d)
		select {
		case <-p.bell:
		case <-t.C:
		}
		t.Stop()
	}
}

func (p *poller) connect(l *Loop, c *Conn, source netip.Addr) error {
	ctx, giveUp := context.WithCancel(context.Background())
	w := &pipe{giveUp: giveUp, taken: make(chan struct{}, 1)}
	w.room = sync.NewCond(&w.mu)
	c.sys.p, c.state = w, connecting
	p.pipes[c] = struct{}{}
	l.open++
	var dialer net.Dialer
	if source.IsValid() {
		dialer.LocalAddr = &net.TCPAddr{IP: source.AsSlice()}
	}
	p.done.Go(func() {
		conn, err := dialer.DialContext(ctx, "tcp", c.addr.String())
		if err != nil {
			l.Post(func() { l.end(c, describe(err)) })
			return
		}
		w.mu.Lock()
		if w.shut {
			w.mu.Unlock()
			conn.Close()
			return
		}
		w.conn = conn
		w.mu.Unlock()
		p.done.Go(func() { w.writeAll(l, c) })
		l.Post(func() {
			if c.state == connecting {
				l.opened(c)
			}
		})
		w.readAll(l, c)
	})
	return nil
}

// describe gives the errors that have a name here their name.
func describe(err error) error {
	switch text := err.Error(); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrDialTimeout
	case strings.Contains(text, "too many open files"):
		return ErrDescriptors
	case strings.Contains(text, "requested address is not valid"), strings.Contains(text, "cannot assign requested address"):
		return ErrSourcePorts
	}
	return err
}

// readAll hands what comes to the loop, one piece at a time.
func (w *pipe) readAll(l *Loop, c *Conn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := w.conn.Read(buf)
		if n > 0 {
			ok := l.TryPost(func() {
				if c.state == open && c.paused {
					w.held = buf[:n]
					return
				}
				w.take(l, c, buf[:n])
			})
			if !ok {
				return
			}
			<-w.taken
		}
		if err != nil {
			l.Post(func() { l.end(c, err) })
			return
		}
	}
}

// take hands b to the loop's handler and lets the reader go on.
func (w *pipe) take(l *Loop, c *Conn, b []byte) {
	w.held = nil
	if c.state == open {
		l.deliver(c, b)
	}
	w.taken <- struct{}{}
}

// watchIn lets a connection that is no longer paused have what was held.
func (p *poller) watchIn(l *Loop, c *Conn) error {
	if w := c.sys.p; !c.paused && w.held != nil {
		l.TryPost(func() {
			if w.held != nil && !c.paused {
				w.take(l, c, w.held)
			}
		})
	}
	return nil
}

// writeAll writes what waits until the connection is dropped.
func (w *pipe) writeAll(l *Loop, c *Conn) {
	var b []byte
	for {
		w.mu.Lock()
		w.busy = 0
		for len(w.wait) == 0 && !w.shut {
			w.room.Wait()
		}
		if w.shut {
			w.mu.Unlock()
			return
		}
		b, w.wait = w.wait, b[:0]
		w.busy = len(b)
		w.mu.Unlock()
		if _, err := w.conn.Write(b); err != nil {
			l.Post(func() { l.end(c, err) })
			return
		}
	}
}

func (p *poller) write(_ *Loop, c *Conn, b []byte) error {
	w := c.sys.p
	w.mu.Lock()
	w.wait = append(w.wait, b...)
	w.mu.Unlock()
	w.room.Signal()
	return nil
}

func (p *poller) pending(c *Conn) int {
	w := c.sys.p
	if w == nil {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.wait) + w.busy
}

func (p *poller) drop(l *Loop, c *Conn) {
	if _, ok := p.pipes[c]; !ok {
		return
	}
	delete(p.pipes, c)
	l.open--
	w := c.sys.p
	w.giveUp()
	if w.held != nil {
		w.held = nil
		w.taken <- struct{}{}
	}
	w.mu.Lock()
	w.shut = true
	if w.conn != nil {
		w.conn.Close()
	}
	w.mu.Unlock()
	w.room.Signal()
}

func (p *poller) bury(*Loop) {}

// close drops all connections and waits for their goroutines. The loop is over,
// so their posts are dropped.
func (p *poller) close(l *Loop) {
	for c := range p.pipes {
		l.drop(c)
	}
	p.done.Wait()
}
