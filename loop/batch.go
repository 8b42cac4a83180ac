package loop

import (
	"errors"
	"os"
	"syscall"

	"github.com/e6a90ca8/sio/internal/uring"
	"github.com/e6a90ca8/sio/session"
)

// A batch writes to many connections with one system call. A write for each costs the way
// into the kernel and out of it, and wakes a reader each time; that is a third of a delivery.
//
// It is begun and over within [Loop.together], where no code runs but ours and nothing is
// closed before everything is sent, so that a descriptor is whose it was. The kernel takes
// what it has room for; the rest of a write, or all of it, goes the way of all others, by
// gnet, which keeps it. A connection that is found broken is ended by us.
type batch struct {
	ring ring     // nil: every connection has a write of its own
	sent []flight // in the order of the ring's sends
	rest []session.Write
	at   int // so many of both have landed
}

// A ring is an io_uring for sends, see [uring.Ring].
type ring interface {
	Add(fd int, bufs [][]byte)
	Drop()
	Submit() (results []int32, err error)
	Close()
}

// newRing makes the ring of a loop.
func newRing() (ring, error) { return uring.New(maxBatch) }

// A flight is a write whose bytes the ring has.
type flight struct {
	session.Write
	conn  *conn
	size  int
	whole bool // the kernel has taken all of it
}

const (
	// maxBatch is how many writes a batch has: 1 ms, if they are short.
	maxBatch = 256

	// minBatch is from how many on it costs less than as many writes.
	minBatch = 3
)

// openBatch makes the loop's ring, where there can be one.
func (l *Loop) openBatch() {
	if l.group.newRing == nil {
		return
	}
	ring, err := l.group.newRing()
	if err != nil {
		l.group.logger.Debug("sio: each write is a system call", "loop", l.index, "why", err)
		return
	}
	l.group.logger.Debug("sio: writes are batched by io_uring", "loop", l.index)
	l.batch = batch{ring: ring, sent: make([]flight, 0, maxBatch), rest: make([]session.Write, 0, maxBatch)}
}

// closeBatch gives the ring back: from now on each write is a system call.
func (l *Loop) closeBatch() {
	if l.batch.ring != nil {
		l.batch.ring.Close()
		l.batch.ring = nil
	}
}

// batches reports whether n connections are flushed together. They are not while somebody
// watches each flush: who is called then may do what must not be done within a batch.
func (l *Loop) batches(n int) bool {
	h := l.config.Hooks
	return n >= l.group.minBatch && l.batch.ring != nil && (h == nil || h.Flush == nil)
}

// together flushes connections, at most maxBatch.
func (l *Loop) together(list []*session.Conn, fanned bool) {
	b := &l.batch
	begun, over := 0, false
	defer func() {
		if !over {
			l.crash(list, begun, fanned)
		}
	}()
	for _, c := range list {
		begun++
		var w session.Write
		if fanned {
			w = c.BeginFanned()
		} else {
			w = c.Begin()
		}
		// The batch before may have been the ring's last.
		if conn, ok := c.Wire().(*conn); ok && b.ring != nil && w.Len() > 0 && w.Len() <= maxFlight && conn.idle() {
			if bufs, ok := w.Buffers(); ok {
				b.sent = append(b.sent, flight{Write: w, conn: conn, size: w.Len()})
				b.ring.Add(conn.gnet.Fd(), bufs)
				continue
			}
		}
		b.rest = append(b.rest, w)
	}
	var err error
	switch n := len(b.sent); {
	case n >= l.group.minBatch:
		err = l.launch()
	case n > 0: // of the list, few have had something for the ring
		b.ring.Drop()
		for i := range b.sent {
			b.rest = append(b.rest, b.sent[i].Write)
		}
		b.sent = empty(b.sent)
	}
	for b.at < len(b.sent)+len(b.rest) {
		l.land()
	}
	b.sent, b.rest, b.at = empty(b.sent), empty(b.rest), 0
	over = true
	if err != nil {
		l.group.logger.Error("sio: from now on each write is a system call", "loop", l.index, "why", err)
	}
}

// empty is a list without elements, which keep nothing alive.
func empty[T any](list []T) []T {
	clear(list)
	return list[:0]
}

// crash is what a panic within a batch leaves: it comes from ourselves, for nobody else's
// code runs there. Nobody can say what of the batch was sent, so its connections end, and
// there are no more batches. Those behind it are flushed one by one: of the list so many
// were begun.
func (l *Loop) crash(list []*session.Conn, begun int, fanned bool) {
	if fanned { // urgent still has its own
		l.fanned = append(l.fanned, list[begun:]...)
	}
	b := l.batch
	l.closeBatch()
	l.batch = batch{}
	for _, f := range b.sent[min(b.at, len(b.sent)):] {
		f.conn.fail(errLost)
	}
	for _, w := range b.rest[max(b.at-len(b.sent), 0):] {
		w.Abort()
	}
	if len(b.sent)+len(b.rest) < begun { // it was the beginning that has panicked
		list[begun-1].Wire().Close()
	}
}

// launch sends what the ring has. What that leaves is with gnet when it returns, or the
// connection is closed. After an error the ring is no more.
func (l *Loop) launch() error {
	b := &l.batch
	results, err := b.ring.Submit()
	for i := range b.sent {
		f, n := &b.sent[i], int(results[i])
		switch {
		case n == f.size:
			f.whole = true
			l.counted.written += int64(n)
		case n == uring.Lost:
			f.Lend()
			f.conn.fail(errLost)
		case n < 0 && broken(syscall.Errno(-n)):
			f.conn.fail(os.NewSyscallError("send", syscall.Errno(-n)))
		default:
			l.counted.written += int64(max(n, 0))
			bufs, _ := f.Buffers()
			f.conn.Write(behind(bufs, max(n, 0)))
		}
	}
	l.counted.batched += int64(len(b.sent))
	if err != nil {
		l.closeBatch()
	}
	return err
}

// broken reports whether an error is the connection's own: the send has taken it off the
// socket, and a second one would only say EPIPE. All others have sent nothing and say
// nothing of the connection, ENOMEM for instance, so that gnet may try.
func broken(e syscall.Errno) bool {
	switch e {
	case syscall.EPIPE, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.ECONNREFUSED, syscall.ENOTCONN, syscall.ETIMEDOUT,
		syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN:
		return true
	}
	return false
}

var errLost = errors.New("sio: the kernel does not say what it has sent")

// behind is what is left of the buffers, which it changes, behind n bytes.
func behind(bufs [][]byte, n int) [][]byte {
	for n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	bufs[0] = bufs[0][n:]
	return bufs
}

// land tells connections that their writes are over, behind a barrier: a panic costs the
// one that it came from.
func (l *Loop) land() {
	defer l.barrier()
	b := &l.batch
	for b.at < len(b.sent) {
		f := &b.sent[b.at]
		b.at++
		left := 0
		if !f.whole {
			left = f.conn.Buffered()
		}
		f.End(l.now, left)
	}
	for b.at < len(b.sent)+len(b.rest) {
		w := &b.rest[b.at-len(b.sent)]
		b.at++
		w.Finish(l.now)
	}
}

// maxFlight is the most bytes that a write of a batch has. The kernel does not take many more
// at once.
const maxFlight = 256 << 10

// idle reports whether what is written now may be sent at once.
func (c *conn) idle() bool { return !c.closed && c.gnet.OutboundBuffered() == 0 }
