package loop

import (
	"crypto/tls"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// A stream is a connection that gnet cannot watch, as a [session.Wire]: TLS of
// net/http's, what a listener of the application's wraps, a stream of QUIC. It costs a
// goroutine, which waits for bytes with a buffer of 4 KiB, and another one while bytes
// wait to be written.
type stream struct {
	// Fixed.
	loop   *Loop
	rw     io.ReadWriteCloser
	remote netip.AddrPort
	tls    *tls.ConnectionState
	end    chan struct{} // closed when the reader is to end
	shut   chan struct{} // closed when rw is
	taken  chan struct{} // the loop has received in
	hand   func(h session.Host, now session.Instant)

	// The loop's.
	conn    session.Conn
	in      []byte // what it is to receive; the reader's again after taken
	begun   bool   // conn is there
	held    bool   // in came while the session does not read
	paused  bool
	closed  bool
	parting bool

	left atomic.Int64 // bytes not written yet

	closing sync.Once

	mu      sync.Mutex
	out     []byte // not yet given to the writer
	writing bool   // there is a writer
	after   after  // what it does when everything is written
}

var _ session.Wire = (*stream)(nil)

// after is what comes behind the last byte.
type after uint8

const (
	goesOn after = iota
	shutsWrite
	closes
	isClosed
)

const (
	// firstRead and mostRead are the length of the buffer that a stream reads to, at first
	// and once it was full.
	firstRead = 4 << 10
	mostRead  = 64 << 10

	// streamBuffer is how many bytes a stream's writer may have without that counting as
	// waiting: what a kernel's buffer is to a connection of gnet's.
	streamBuffer = 64 << 10

	// writeChunk is what is written at once. What a peer takes is seen in such steps.
	writeChunk = 16 << 10

	// closeGrace is how long the last bytes may take once the connection was closed.
	closeGrace = time.Second
)

// stream makes a connection of the loop's of rw, which belongs to it then, with its place;
// after an error both are still the caller's. unread begins with the request that front
// tells of, if that is not nil. Any goroutine.
//
// If rw has a method CloseWrite that ends our direction, and SetWriteDeadline bounds the
// time that Close waits for the last bytes.
func (l *Loop) stream(rw io.ReadWriteCloser, remote netip.AddrPort, state *tls.ConnectionState, unread []byte, front *session.Front) error {
	s := l.newStream(rw, remote, state)
	return s.begin(func(now session.Instant) {
		s.conn.Init(l, s, now)
		if front != nil {
			s.conn.Front(front)
		}
	}, unread)
}

func (l *Loop) newStream(rw io.ReadWriteCloser, remote netip.AddrPort, state *tls.ConnectionState) *stream {
	s := &stream{
		loop: l, rw: rw, remote: remote, tls: state,
		end: make(chan struct{}), shut: make(chan struct{}), taken: make(chan struct{}, 1),
	}
	s.hand = s.receive
	return s
}

// begin has init make the session state, on the loop, and begins to read.
func (s *stream) begin(init func(now session.Instant), unread []byte) error {
	l := s.loop
	g := l.group
	g.mu.Lock()
	g.guests[s] = struct{}{}
	g.mu.Unlock()
	if !l.Do(func(_ session.Host, now session.Instant) {
		l.stats.Connections.Add(1)
		init(now)
		s.begun = true
		s.in = unread
		s.receive(nil, now)
	}) {
		s.forget()
		return ErrStopped
	}
	go s.read()
	return nil
}

// forget takes the stream off the list of those that are open.
func (s *stream) forget() {
	g := s.loop.group
	g.mu.Lock()
	delete(g.guests, s)
	g.mu.Unlock()
}

// read is the reader. It ends when the connection is closed.
func (s *stream) read() {
	var buf []byte
	var err error
	for size := firstRead; s.wait(); {
		if len(buf) < size {
			buf = make([]byte, size)
		}
		var n int
		n, err = s.rw.Read(buf)
		if n > 0 {
			s.in = buf[:n]
			if !s.loop.Do(s.hand) {
				break
			}
			if n == len(buf) {
				size = min(2*size, mostRead)
			}
		} else if err == nil {
			s.taken <- struct{}{}
		}
		if err != nil {
			if n > 0 {
				s.wait()
			}
			break
		}
	}
	s.loop.Do(func(_ session.Host, now session.Instant) { s.gone(now, cause(err)) })
	s.finish(closes)
	<-s.shut
	s.forget()
	s.loop.group.giveBack()
}

// wait waits until the session has received what was read before. It reports false when
// the connection was closed.
func (s *stream) wait() bool {
	select {
	case <-s.taken:
		return true
	case <-s.end:
		return false
	}
}

// receive brings what was read to the session, unless that does not read. Loop only.
func (s *stream) receive(_ session.Host, now session.Instant) {
	if s.held = s.paused && !s.closed; s.held {
		return
	}
	if !s.closed {
		s.loop.counted.read += int64(len(s.in))
		s.hear(now)
	}
	s.in = nil
	s.taken <- struct{}{}
}

// hear has the session receive. A panic costs the connection.
func (s *stream) hear(now session.Instant) {
	defer func() {
		if p := recover(); p != nil {
			s.loop.panicked(p)
			s.Close()
		}
	}()
	s.conn.Receive(now, s.in)
}

// gone tells the session of the end, once. Loop only.
func (s *stream) gone(now session.Instant, err error) {
	if s.closed || !s.begun {
		return
	}
	s.closed = true
	s.loop.stats.Connections.Add(-1)
	if s.parting {
		s.loop.group.parting.Add(-1)
	}
	s.conn.Closed(now, err)
}

// part implements [parter].
func (s *stream) part() bool {
	if s.closed || s.parting {
		return false
	}
	s.parting = true
	return true
}

// hangUp implements [guest]: it closes the connection, at once. TLS says goodbye, and may
// wait for that: not on the loop.
func (s *stream) hangUp() {
	s.closing.Do(func() {
		_ = s.rw.Close()
		close(s.shut)
	})
	s.finish(isClosed)
}

// Write implements [session.Wire].
func (s *stream) Write(bufs [][]byte) {
	n := 0
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after != goesOn {
		return
	}
	for _, b := range bufs {
		s.out = append(s.out, b...)
		n += len(b)
	}
	s.loop.counted.written += int64(n)
	s.left.Add(int64(n))
	s.writeLocked()
}

// writeLocked sees to it that there is a writer.
func (s *stream) writeLocked() {
	if !s.writing {
		s.writing = true
		go s.write()
	}
}

// write is the writer: it ends when everything is written.
func (s *stream) write() {
	var b, spare []byte
	for {
		s.mu.Lock()
		if len(s.out) == 0 || s.after == isClosed {
			then := s.after
			s.out, s.writing = nil, false
			s.mu.Unlock()
			s.then(then)
			return
		}
		b, s.out, spare = s.out, spare, nil
		s.mu.Unlock()
		for rest := b; len(rest) > 0; {
			n, err := s.rw.Write(rest[:min(len(rest), writeChunk)])
			s.left.Add(-int64(n))
			if err != nil {
				s.loop.Do(func(_ session.Host, now session.Instant) { s.gone(now, cause(err)) })
				s.finish(isClosed)
				break
			}
			rest = rest[n:]
		}
		if cap(b) <= streamBuffer {
			spare = b[:0]
		}
	}
}

// then does what comes behind the last byte.
func (s *stream) then(a after) {
	switch a {
	case shutsWrite:
		if c, ok := s.rw.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	case closes, isClosed:
		s.hangUp()
	}
}

// finish says what is to come behind the last byte; less than what was said before changes
// nothing.
func (s *stream) finish(a after) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after >= a {
		return
	}
	open := s.after < closes
	s.after = a
	switch d, bounded := s.rw.(interface{ SetWriteDeadline(time.Time) error }); {
	case a == shutsWrite:
	case a == closes && s.writing && bounded && d.SetWriteDeadline(time.Now().Add(closeGrace)) == nil:
	case s.writing: // the writer waits for a peer that does not read
		s.after = isClosed
		go s.hangUp()
	}
	if open && s.after >= closes {
		close(s.end)
	}
	if s.after != isClosed {
		s.writeLocked()
	}
}

// Buffered implements [session.Wire].
func (s *stream) Buffered() int { return int(max(s.left.Load()-streamBuffer, 0)) }

// Pause implements [session.Wire].
func (s *stream) Pause(on bool) bool {
	s.paused = on
	if !on && s.held {
		s.loop.Do(func(_ session.Host, now session.Instant) {
			if s.held {
				s.receive(nil, now)
			}
		})
	}
	return true
}

// Shutdown implements [session.Wire].
func (s *stream) Shutdown() { s.finish(shutsWrite) }

// Close implements [session.Wire]. As a kernel would, it sends what was written before.
func (s *stream) Close() {
	s.finish(closes)
	s.loop.Do(func(_ session.Host, now session.Instant) { s.gone(now, nil) })
}

// Remote implements [session.Wire].
func (s *stream) Remote() netip.AddrPort { return s.remote }

// TLS implements [session.Wire].
func (s *stream) TLS() *tls.ConnectionState { return s.tls }
