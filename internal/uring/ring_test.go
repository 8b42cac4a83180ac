//go:build linux

package uring

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newRing is a ring that is closed with the test. Where there can be none the test fails: a
// machine that shows what a ring does has to let it, as it has to let us open sockets.
func newRing(t testing.TB, size int) *Ring {
	t.Helper()
	r, err := New(size)
	if err != nil {
		t.Fatalf("%v: this needs Linux 5.6, kernel.io_uring_disabled = 0, and no seccomp filter against it", err)
	}
	t.Cleanup(r.Close)
	return r
}

// pair is two ends of a stream.
func pair(t testing.TB) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[0]); _ = unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// drained is what a socket has to be read.
func drained(t testing.TB, fd int) []byte {
	t.Helper()
	var all []byte
	b := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, b)
		if n <= 0 {
			if err != nil && err != unix.EAGAIN {
				t.Fatal(err)
			}
			return all
		}
		all = append(all, b[:n]...)
	}
}

// TestLayouts holds our structures to the kernel's.
func TestLayouts(t *testing.T) {
	var s submission
	var c completion
	var p parameters
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"io_uring_sqe", unsafe.Sizeof(s), 64},
		{"its fd", unsafe.Offsetof(s.fd), 4},
		{"its addr", unsafe.Offsetof(s.addr), 16},
		{"its len", unsafe.Offsetof(s.length), 24},
		{"its msg_flags", unsafe.Offsetof(s.message), 28},
		{"its user_data", unsafe.Offsetof(s.data), 32},
		{"io_uring_cqe", unsafe.Sizeof(c), 16},
		{"its res", unsafe.Offsetof(c.result), 8},
		{"io_uring_params", unsafe.Sizeof(p), 120},
		{"its features", unsafe.Offsetof(p.features), 20},
		{"its sq_off", unsafe.Offsetof(p.sq), 40},
		{"its sq_off.array", unsafe.Offsetof(p.sq) + unsafe.Offsetof(p.sq.array), 40 + 24},
		{"its cq_off", unsafe.Offsetof(p.cq), 80},
		{"its cq_off.cqes", unsafe.Offsetof(p.cq) + unsafe.Offsetof(p.cq.first), 80 + 20},
	} {
		if f.got != f.want {
			t.Errorf("%s: %d, want %d", f.name, f.got, f.want)
		}
	}
}

// TestSends: sends of any number of buffers to many sockets, more often than the rings are
// long, by goroutines that come from different threads. What arrives is what the result
// says of what was given.
func TestSends(t *testing.T) {
	const sockets, rounds = 32, 200
	r := newRing(t, sockets)
	var ours, theirs [sockets]int
	for i := range sockets {
		ours[i], theirs[i] = pair(t)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range rounds {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			n := 1 + random.IntN(sockets)
			var want [sockets][]byte
			for i := range n {
				var bufs [][]byte
				for range 1 + random.IntN(MaxBuffers) {
					b := bytes.Repeat([]byte{byte(random.Uint32())}, 1+random.IntN(1<<random.IntN(13)))
					bufs = append(bufs, b)
					want[i] = append(want[i], b...)
				}
				r.Add(ours[i], bufs)
			}
			if r.Len() != n {
				t.Errorf("%d were added, Len is %d", n, r.Len())
			}
			results, err := r.Submit()
			if err != nil || len(results) != n {
				t.Errorf("round %d: %d results of %d sends, %v", round, len(results), n, err)
				return
			}
			for i, got := range results {
				if b := drained(t, theirs[i]); int(got) != len(want[i]) || !bytes.Equal(b, want[i]) {
					t.Errorf("round %d: %d bytes of %d came, the result is %d", round, len(b), len(want[i]), got)
				}
			}
		}()
		<-done
	}
}

// TestBadSockets: each send has its own result, whatever becomes of its neighbours; no
// signal comes of a pipe that is broken.
func TestBadSockets(t *testing.T) {
	r := newRing(t, 8)
	good, goodPeer := pair(t)
	full, fullPeer := pair(t)
	short, shortPeer := pair(t)
	gone, gonePeer := pair(t)
	_ = unix.Shutdown(gonePeer, unix.SHUT_RD)
	long := bytes.Repeat([]byte("0123456789abcdef"), 8192)
	for _, fd := range []int{full, short} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
			t.Fatal(err)
		}
	}
	for {
		if _, err := unix.Write(full, long); err != nil {
			break
		}
	}
	drained(t, shortPeer)
	for _, s := range []struct {
		fd   int
		bufs [][]byte
	}{
		{gone, [][]byte{[]byte("x")}},
		{full, [][]byte{[]byte("x"), []byte("y")}},
		{-1, [][]byte{[]byte("x")}},
		{short, [][]byte{long[:16], long[16:]}},
		{int(os.Stderr.Fd()), [][]byte{[]byte("x")}},
		{good, [][]byte{[]byte("fi"), []byte("ne")}},
	} {
		r.Add(s.fd, s.bufs)
	}
	results, err := r.Submit()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []unix.Errno{unix.EPIPE, unix.EAGAIN, unix.EBADF, 0, unix.ENOTSOCK, 0} {
		if want != 0 && results[i] != -int32(want) {
			t.Errorf("send %d has the result %d, want %d", i, results[i], -int32(want))
		}
	}
	if n := int(results[3]); n <= 0 || n >= len(long) || !bytes.Equal(drained(t, shortPeer), long[:n]) {
		t.Errorf("a send to a socket with little room: %d", n)
	}
	if got := drained(t, goodPeer); string(got) != "fine" || results[5] != 4 {
		t.Errorf("behind them %q came, the result is %d", got, results[5])
	}
	_ = fullPeer
}

// left are the process's descriptors and mappings of io_uring.
func left(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(len(entries), " descriptors, ", strings.Count(string(maps), "io_uring"), " mappings")
}

// TestCloseLeavesNothing, and may be called again.
func TestCloseLeavesNothing(t *testing.T) {
	newRing(t, 4).Close()
	before := left(t)
	r := newRing(t, 256)
	if r.Size() != 256 {
		t.Errorf("room for %d", r.Size())
	}
	if left(t) == before {
		t.Error("a ring is nothing: this shows little")
	}
	r.Close()
	r.Close()
	if got := left(t); got != before {
		t.Errorf("%s, before %s", got, before)
	}
}

// TestRefused: wherever the kernel says no there is no ring, an error that says why, and
// nothing is left.
func TestRefused(t *testing.T) {
	newRing(t, 4).Close()
	for name, c := range map[string]struct {
		system system
		want   error
	}{
		"seccomp":                 {system{setup: failing(unix.EPERM), enter: enter}, unix.EPERM},
		"before 5.1":              {system{setup: failing(unix.ENOSYS), enter: enter}, unix.ENOSYS},
		"no memory may be locked": {system{setup: failing(unix.ENOMEM), enter: enter}, unix.ENOMEM},
		"before 5.5": {system{setup: func(n uint32, p *parameters) (int, error) {
			fd, err := setup(n, p)
			p.features = featureSingleMapping
			return fd, err
		}, enter: enter}, ErrUnsupported},
		"it cannot be mapped": {system{setup: func(n uint32, p *parameters) (int, error) {
			fd, err := setup(n, p)
			_ = unix.Close(fd)
			fds := [2]int{}
			_ = unix.Pipe2(fds[:], unix.O_CLOEXEC)
			_ = unix.Close(fds[1])
			return fds[0], err
		}, enter: enter}, unix.EACCES},
		"only some calls may be made": {system{setup: setup, enter: func(int, int, int) (int, error) { return 0, unix.EPERM }}, unix.EPERM},
		"the calls fail when they are over": {system{setup: setup, enter: func(fd, submit, wait int) (int, error) {
			n, err := enter(fd, submit, wait)
			return n, errors.Join(err, unix.EACCES)
		}}, unix.EACCES},
	} {
		t.Run(name, func(t *testing.T) {
			before := left(t)
			r, err := c.system.open(8)
			if r != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, %v; want %v", r, err, c.want)
			}
			if got := left(t); got != before {
				t.Errorf("%s, before %s", got, before)
			}
		})
	}
	t.Run("before 5.19", func(t *testing.T) {
		r, err := system{setup: func(n uint32, p *parameters) (int, error) {
			if p.flags != 0 {
				return -1, unix.EINVAL
			}
			return setup(n, p)
		}, enter: enter}.open(8)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	})
}

// TestProbe: a kernel whose sends are not what a batch relies on is not used, whatever it
// says of them.
func TestProbe(t *testing.T) {
	for name, lie := range map[string]struct {
		submit, send int // whose result it is
		result       int32
	}{
		"opcodes are restricted":           {0, 1, -int32(unix.EACCES)},
		"an opcode is not known":           {0, 0, -int32(unix.EINVAL)},
		"nothing is sent":                  {0, 0, 0},
		"not all of it":                    {0, 1, 2},
		"a send waits until all of it is":  {1, 0, 64 << 10},
		"a send that has room has none":    {1, 0, -int32(unix.EAGAIN)},
		"a send without room is cut short": {2, 0, 0},
		"a send without room is taken":     {2, 0, 64 << 10},
		"a send without room is cancelled": {2, 0, -int32(unix.ECANCELED)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRing(t, 8)
			submits := 0
			r.enter = func(fd, submit, wait int) (int, error) {
				n, err := enter(fd, submit, wait)
				for i := r.doneHead.Load(); i != r.doneTail.Load(); i++ {
					if c := &r.done[i&r.doneMask]; submits == lie.submit && c.data == uint64(lie.send) {
						c.result = lie.result
					}
				}
				submits++
				return n, err
			}
			if err := r.probe(); !errors.Is(err, ErrUnsupported) || submits != lie.submit+1 {
				t.Errorf("%v after %d submits", err, submits)
			}
		})
	}
	if err := newRing(t, 8).probe(); err != nil {
		t.Errorf("the truth: %v", err)
	}
}

// TestDrop: what was dropped is not sent, and its place is free.
func TestDrop(t *testing.T) {
	r := newRing(t, 2)
	a, peerA := pair(t)
	b, peerB := pair(t)
	r.Add(a, [][]byte{[]byte("no")})
	r.Add(b, [][]byte{[]byte("no")})
	r.Drop()
	r.Add(b, [][]byte{[]byte("y"), []byte("es")})
	results, err := r.Submit()
	if err != nil || len(results) != 1 || results[0] != 3 {
		t.Errorf("results %v, %v", results, err)
	}
	if got := string(drained(t, peerA)) + "," + string(drained(t, peerB)); got != ",yes" {
		t.Errorf("%q came", got)
	}
}

func failing(err error) func(uint32, *parameters) (int, error) {
	return func(uint32, *parameters) (int, error) { return -1, err }
}

// TestSubmitFails: whenever the call fails, the results tell what was sent and what was not,
// and what was not is not sent later.
func TestSubmitFails(t *testing.T) {
	const n = 4
	again := -int32(unix.EAGAIN)
	for name, c := range map[string]struct {
		enter func(r *Ring) func(fd, submit, wait int) (int, error)
		want  [n]int32
		fails bool
	}{
		"at once": {func(*Ring) func(int, int, int) (int, error) {
			return func(int, int, int) (int, error) { return 0, unix.EAGAIN }
		}, [n]int32{again, again, again, again}, true},
		"by a signal, before and behind": {func(*Ring) func(int, int, int) (int, error) {
			calls := 0
			return func(fd, submit, wait int) (int, error) {
				calls++
				switch calls {
				case 1:
					return 0, unix.EINTR
				case 2:
					_, _ = enter(fd, submit, wait)
					return 0, unix.EINTR
				}
				return enter(fd, submit, wait)
			}
		}, [n]int32{1, 1, 1, 1}, false},
		"in pieces": {func(*Ring) func(int, int, int) (int, error) {
			return func(fd, submit, wait int) (int, error) { return enter(fd, min(submit, 1), min(wait, 1)) }
		}, [n]int32{1, 1, 1, 1}, false},
		"half way": {func(*Ring) func(int, int, int) (int, error) {
			calls := 0
			return func(fd, submit, wait int) (int, error) {
				if calls++; calls == 1 {
					return enter(fd, 2, 2)
				}
				return 0, unix.EBUSY
			}
		}, [n]int32{1, 1, again, again}, true},
		"and does not answer": {func(r *Ring) func(int, int, int) (int, error) {
			return func(int, int, int) (int, error) {
				if r.head.Load() != r.tail.Load() {
					r.head.Store(r.tail.Load() - 1)
				}
				return 0, unix.EBADF
			}
		}, [n]int32{Lost, Lost, Lost, again}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRing(t, n)
			r.enter = c.enter(r)
			var peers [n]int
			for i := range n {
				ours, theirs := pair(t)
				peers[i] = theirs
				r.Add(ours, [][]byte{[]byte("x")})
			}
			results, err := r.Submit()
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			if [n]int32(results) != c.want {
				t.Errorf("results %v, want %v", results, c.want)
			}
			r.enter = enter
			_, _ = r.enter(r.fd, n, 0) // would send what was left behind
			for i, got := range results {
				if b := drained(t, peers[i]); got != Lost && len(b) != max(int(got), 0) {
					t.Errorf("send %d: %d bytes came, the result is %d", i, len(b), got)
				}
			}
		})
	}
}

// TestSendAllocatesNothing keeps what a fan-out relies on.
func TestSendAllocatesNothing(t *testing.T) {
	r := newRing(t, 8)
	ours, theirs := pair(t)
	bufs := [][]byte{[]byte("one"), []byte("two")}
	b := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		r.Add(ours, bufs[:1])
		r.Add(ours, bufs)
		if _, err := r.Submit(); err != nil {
			t.Fatal(err)
		}
		_, _ = unix.Read(theirs, b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSend is one of so many sends to as many TCP connections over loopback, whose other
// ends are read now and then: with one system call, and with one each.
func BenchmarkSend(b *testing.B) {
	for _, n := range []int{1, 2, 4, 16, 64, 256} {
		fds, drain := connections(b, n)
		frame := [][]byte{bytes.Repeat([]byte("x"), 100)}
		b.Run(fmt.Sprintf("%d/ring", n), func(b *testing.B) {
			r := newRing(b, 256)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.Add(fds[i%n], frame)
				if r.Len() == n {
					if results, err := r.Submit(); err != nil || results[0] != 100 {
						b.Fatal(results, err)
					}
				}
				if i%(n*256) == 0 {
					b.StopTimer()
					drain()
					b.StartTimer()
				}
			}
			_, _ = r.Submit()
		})
		drain()
		b.Run(fmt.Sprintf("%d/write", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := unix.Write(fds[i%n], frame[0]); err != nil {
					b.Fatal(err)
				}
				if i%(n*256) == 0 {
					b.StopTimer()
					drain()
					b.StartTimer()
				}
			}
		})
	}
}

// connections are TCP connections over loopback, and what reads their other ends empty.
func connections(b *testing.B, n int) (fds []int, drain func()) {
	b.Helper()
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(l)
	if err := errors.Join(unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(l, n)); err != nil {
		b.Fatal(err)
	}
	at, err := unix.Getsockname(l)
	if err != nil {
		b.Fatal(err)
	}
	var peers []int
	for range n {
		c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(c, at)
		}
		if err != nil {
			b.Fatal(err)
		}
		s, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == nil {
			err = unix.SetsockoptInt(s, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		if err == nil {
			err = unix.SetNonblock(c, true)
		}
		if err != nil {
			b.Fatal(err)
		}
		fds, peers = append(fds, s), append(peers, c)
		b.Cleanup(func() { _ = unix.Close(s); _ = unix.Close(c) })
	}
	buf := make([]byte, 64<<10)
	return fds, func() {
		for _, p := range peers {
			for {
				if n, _ := unix.Read(p, buf); n <= 0 {
					break
				}
			}
		}
	}
}
