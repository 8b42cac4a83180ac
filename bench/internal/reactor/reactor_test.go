package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests; nothing measures it.
const patience = 30 * time.Second

// serve runs handle for each connection to a listener that lives as long as the
// test, and returns its address.
func serve(t testing.TB, handle func(c *net.TCPConn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c.(*net.TCPConn))
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func echo(c *net.TCPConn) {
	defer c.Close()
	io.Copy(c, c)
}

// start makes a reactor that lives as long as the test.
func startReactor(t testing.TB, config Config) *Reactor {
	t.Helper()
	r, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// script is a Handler made of functions; nil ones do nothing.
type script struct {
	opened func(c *Conn)
	data   func(c *Conn, b []byte)
	closed func(c *Conn, err error)
}

func (s *script) Opened(c *Conn) {
	if s.opened != nil {
		s.opened(c)
	}
}

func (s *script) Data(c *Conn, b []byte) {
	if s.data != nil {
		s.data(c, b)
	}
}

func (s *script) Closed(c *Conn, err error) {
	if s.closed != nil {
		s.closed(c, err)
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("unreachable")
	}
}

func TestEcho(t *testing.T) {
	addr := serve(t, echo)
	for _, size := range []int{1, 64, 64 << 10, 8 << 20} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			r := startReactor(t, Config{})
			want := make([]byte, size)
			for i := range want {
				want[i] = byte(i * 7)
			}
			got := make([]byte, 0, size)
			done := make(chan error, 1)
			h := &script{
				opened: func(c *Conn) {
					c.Write(want[:size/2])
					c.Write(want[size/2:])
				},
				data: func(c *Conn, b []byte) {
					if got = append(got, b...); len(got) >= size {
						c.Close()
						done <- nil
					}
				},
				closed: func(_ *Conn, err error) { done <- fmt.Errorf("closed: %w", err) },
			}
			l := r.Loops()[0]
			l.Post(func() { l.Dial(addr, h) })
			if err := await(t, "echo", done); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the bytes came back changed")
			}
		})
	}
}

// TestWaiting: what a peer does not read waits, and goes when it reads.
func TestWaiting(t *testing.T) {
	read := make(chan struct{})
	addr := serve(t, func(c *net.TCPConn) {
		defer c.Close()
		<-read
		io.Copy(io.Discard, c)
	})
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	const size = 32 << 20 // more than the kernel takes
	opened := make(chan *Conn, 1)
	l.Post(func() {
		l.Dial(addr, &script{opened: func(c *Conn) {
			c.Write(make([]byte, size))
			opened <- c
		}})
	})
	c := await(t, "connection", opened)
	waiting := func() (n int) {
		l.Do(func() { n = c.Waiting() })
		return n
	}
	if n := waiting(); n == 0 || n > size {
		t.Errorf("%d of %d bytes wait", n, size)
	}
	close(read)
	for deadline := time.Now().Add(patience); waiting() > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes still wait", waiting())
		}
		runtime.Gosched()
	}
}

// TestHalfClose: the server's data is delivered before its end.
func TestHalfClose(t *testing.T) {
	addr := serve(t, func(c *net.TCPConn) {
		defer c.Close()
		io.WriteString(c, "last words")
		c.CloseWrite()
		io.Copy(io.Discard, c)
	})
	r := startReactor(t, Config{})
	var got []byte
	done := make(chan error, 1)
	h := &script{
		data:   func(_ *Conn, b []byte) { got = append(got, b...) },
		closed: func(_ *Conn, err error) { done <- err },
	}
	l := r.Loops()[0]
	l.Post(func() { l.Dial(addr, h) })
	if err := await(t, "end", done); err != io.EOF {
		t.Errorf("closed with %v, want io.EOF", err)
	}
	if string(got) != "last words" {
		t.Errorf("got %q", got)
	}
}

func TestReset(t *testing.T) {
	addr := serve(t, func(c *net.TCPConn) {
		var b [1]byte
		c.Read(b[:])
		c.SetLinger(0)
		c.Close()
	})
	r := startReactor(t, Config{})
	done := make(chan error, 1)
	h := &script{
		opened: func(c *Conn) { c.Write([]byte("x")) },
		closed: func(_ *Conn, err error) { done <- err },
	}
	l := r.Loops()[0]
	l.Post(func() { l.Dial(addr, h) })
	if err := await(t, "end", done); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("closed with %v, want a reset", err)
	}
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	r := startReactor(t, Config{Dials: 3})
	const n = 20
	done := make(chan error, n)
	h := &script{
		opened: func(*Conn) { done <- errors.New("opened") },
		closed: func(_ *Conn, err error) { done <- err },
	}
	loop := r.Loops()[0]
	loop.Post(func() {
		for range n {
			loop.Dial(addr, h)
		}
	})
	for range n {
		if err := await(t, "refusal", done); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("closed with %v, want refused", err)
		}
	}
	loop.Do(func() {
		if loop.Open() != 0 || loop.inFlight != 0 {
			t.Errorf("%d descriptors, %d dials in flight remain", loop.Open(), loop.inFlight)
		}
	})
}

// TestDialTimeout dials past the backlog of a listener that nobody accepts on.
func TestDialTimeout(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("other systems refuse where Linux is silent; the bound is common code")
		return
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		syscall.Listen(fd, 0),
	); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port))

	r := startReactor(t, Config{DialTimeout: 50 * time.Millisecond})
	done := make(chan error, 4)
	h := &script{closed: func(_ *Conn, err error) { done <- err }}
	l := r.Loops()[0]
	l.Post(func() {
		for range 4 {
			l.Dial(addr, h)
		}
	})
	if err := await(t, "timeout", done); !errors.Is(err, ErrDialTimeout) {
		t.Errorf("closed with %v, want ErrDialTimeout", err)
	}
}

// TestManyConnections opens 2,000 connections on two loops with few dials in
// flight, has each echo a few times, lets the server end half of them, and
// leaves no descriptor behind.
func TestManyConnections(t *testing.T) {
	const n, rounds = 2000, 3
	before := descriptors(t)
	t.Run("run", func(t *testing.T) {
		addr := serve(t, echo)
		r := startReactor(t, Config{Loops: 2, Dials: 32, ReadBuffer: 4096})
		most := make([]int, len(r.Loops())) // dials in flight, by loop, which has its share of the bound
		done := make(chan error, n)
		for i, l := range r.Loops() {
			l.Post(func() {
				for k := i; k < n; k += len(r.Loops()) {
					word := fmt.Appendf(nil, "connection %d", k)
					round, got := 0, []byte(nil)
					l.Dial(addr, &script{
						opened: func(c *Conn) {
							most[i] = max(most[i], 1+l.inFlight)
							c.Write(word)
						},
						data: func(c *Conn, b []byte) {
							if got = append(got, b...); len(got) < len(word) {
								return
							}
							if !bytes.Equal(got, word) {
								done <- fmt.Errorf("%q became %q", word, got)
								c.Close()
								return
							}
							if round++; round < rounds {
								got = got[:0]
								c.Write(word)
								return
							}
							c.Close()
							done <- nil
						},
						closed: func(_ *Conn, err error) { done <- err },
					})
				}
			})
		}
		for range n {
			if err := await(t, "connection", done); err != nil {
				t.Fatal(err)
			}
		}
		all := 0
		for i, l := range r.Loops() {
			l.Do(func() {
				all += most[i]
				if l.Open() != 0 {
					t.Errorf("loop %d holds %d connections", l.Index(), l.Open())
				}
			})
		}
		if all > 32 {
			t.Errorf("%v dials in flight, want at most 32 together", most)
		}
	})
	// The server's side closes on its own goroutines.
	deadline := time.Now().Add(patience)
	for descriptors(t) > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestCloseWithLiveConnections: Close leaves no descriptor and tells nobody.
func TestCloseWithLiveConnections(t *testing.T) {
	addr := serve(t, echo)
	before := descriptors(t)
	r, err := New(Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{}, 40)
	var told atomic.Int64
	for _, l := range r.Loops() {
		l.Post(func() {
			for range 20 {
				l.Dial(addr, &script{
					opened: func(*Conn) { opened <- struct{}{} },
					closed: func(*Conn, error) { told.Add(1) },
				})
			}
		})
	}
	for range 40 {
		await(t, "connection", opened)
	}
	r.Close()
	r.Close()
	r.Loops()[0].Do(func() { t.Error("a post ran after Close") })
	if told.Load() != 0 {
		t.Errorf("%d handlers were told of Close", told.Load())
	}
	deadline := time.Now().Add(patience)
	for descriptors(t) > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestBusyLoopServesAll: a connection that never stops and a post that posts
// itself again starve neither another connection nor a timer.
func TestBusyLoopServesAll(t *testing.T) {
	addr := serve(t, echo)
	r := startReactor(t, Config{ReadBuffer: 1024})
	l := r.Loops()[0]
	answered := make(chan struct{}, 1)
	fired := make(chan struct{}, 1)
	stop := false
	var again func()
	again = func() {
		if !stop {
			l.Post(again)
		}
	}
	l.Post(func() {
		again()
		l.Dial(addr, &script{ // floods itself
			opened: func(c *Conn) { c.Write(make([]byte, 64<<10)) },
			data:   func(c *Conn, b []byte) { c.Write(b) },
		})
		l.Dial(addr, &script{
			opened: func(c *Conn) { c.Write([]byte("one")) },
			data: func(*Conn, []byte) {
				answered <- struct{}{}
				var ticks int
				var tick *Timer
				tick = l.NewTimer(func() {
					if ticks++; ticks == 100 {
						fired <- struct{}{}
						return
					}
					tick.Arm(l.Now()) // past by the time it is looked at
				})
				tick.Arm(l.Now() + time.Millisecond)
			},
		})
	})
	await(t, "answer", answered)
	await(t, "timer", fired)
	l.Do(func() { stop = true })
}

func TestTimers(t *testing.T) {
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	var order []int
	done := make(chan time.Duration, 1)
	var armed time.Duration
	l.Post(func() {
		armed = l.Now()
		for _, k := range []int{5, 1, 3, 4, 2} {
			l.NewTimer(func() { order = append(order, k) }).Arm(armed + time.Duration(k)*time.Millisecond)
		}
		stopped := l.NewTimer(func() { order = append(order, -1) })
		stopped.Arm(armed + time.Millisecond)
		stopped.Stop()
		stopped.Stop()
		moved := l.NewTimer(func() { done <- l.Now() })
		moved.Arm(armed)
		moved.Arm(armed + 6*time.Millisecond + 300*time.Microsecond)
	})
	end := await(t, "last timer", done)
	if end < armed+6*time.Millisecond+300*time.Microsecond {
		t.Errorf("a timer fired %v after it was armed, want at least 6.3ms", end-armed)
	}
	if got := fmt.Sprint(order); got != "[1 2 3 4 5]" {
		t.Errorf("fired in the order %v", got)
	}
}

// TestWriteErrorIsToldLater: an error inside Write reaches Closed after the
// callback has returned, once.
func TestWriteErrorIsToldLater(t *testing.T) {
	closedByServer := make(chan struct{})
	addr := serve(t, func(c *net.TCPConn) {
		c.SetLinger(0)
		c.Close()
		close(closedByServer)
	})
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	done := make(chan error, 2)
	inside := false
	l.Post(func() {
		l.Dial(addr, &script{
			opened: func(c *Conn) {
				inside = true
				<-closedByServer
				for range 10 {
					c.Write([]byte("into the void"))
				}
				inside = false
			},
			closed: func(_ *Conn, err error) {
				if inside {
					err = errors.New("told inside Write")
				}
				done <- err
			},
		})
	})
	err := await(t, "end", done)
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("closed with %v", err)
	}
	l.Do(func() {})
	if len(done) != 0 {
		t.Errorf("told twice, again with %v", <-done)
	}
}

// descriptors is the number of open sockets of this process, 0 where the system
// does not tell.
func descriptors(t *testing.T) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// BenchmarkEcho times one message there and back over loopback, the server's
// goroutine included. An in-process server is no measure of a server.
func BenchmarkEcho(b *testing.B) {
	addr := serve(b, echo)
	for _, conns := range []int{1, 100} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			r := startReactor(b, Config{})
			l := r.Loops()[0]
			word := make([]byte, 64)
			left, live := 0, 0
			ready, done := make(chan struct{}), make(chan struct{})
			var all []*Conn
			l.Post(func() {
				for range conns {
					all = append(all, l.Dial(addr, &script{
						opened: func(*Conn) {
							if live++; live == conns {
								close(ready)
							}
						},
						data: func(c *Conn, _ []byte) {
							if left--; left == 0 {
								close(done)
							} else if left >= conns {
								c.Write(word)
							}
						},
					}))
				}
			})
			<-ready
			b.ReportAllocs()
			b.ResetTimer()
			l.Post(func() {
				left = max(b.N, conns)
				for _, c := range all {
					c.Write(word)
				}
			})
			<-done
		})
	}
}
