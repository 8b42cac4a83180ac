package loop

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/internal/uring"
	"github.com/e6a90ca8/sio/session"
)

// startBatched is start where there has to be io_uring.
func startBatched(t *testing.T, o Options) *server {
	t.Helper()
	r, err := uring.New(1)
	if err != nil {
		t.Fatalf("%v: this needs Linux 5.6, kernel.io_uring_disabled = 0, and no seccomp filter against it", err)
	}
	r.Close()
	return start(t, o)
}

// everybody broadcasts a packet to the clients of the first loop.
func (s *server) everybody(packet string) {
	s.Loop(0).Broadcast(s.app.spaces[0].Shard, &broadcast.Selection{Everyone: true}, newMessage(packet), 0)
}

// wireOf is the connection that a socket's packets go to.
func wireOf(k *session.Socket) *conn { return k.Session().WebSocket().Wire().(*conn) }

// batched is how many writes shared a system call.
func (s *server) batched() (n int64) {
	do(s.t, s.Loop(0), func() { n = s.Loop(0).counted.batched })
	return n
}

// TestBatch: broadcasts, and answers to many at once, share system calls, and arrive as they
// would without: in their order, each client's own.
func TestBatch(t *testing.T) {
	for name, o := range map[string]Options{"batched": {}, "one by one": {NoBatchedWrites: true}} {
		t.Run(name, func(t *testing.T) {
			const clients, rounds = 20, 30
			s := startBatched(t, o)
			var all []*wsClient
			for range clients {
				all = append(all, s.connect())
			}
			before := s.batched()
			var wg sync.WaitGroup
			for _, c := range all {
				wg.Go(func() {
					for round := range rounds {
						c.expect(fmt.Sprintf(`42["a",%d]`, round))
						c.expect(fmt.Sprintf(`42["direct",%d]`, round))
						c.expect(fmt.Sprintf(`42["b",%d]`, round))
						if round%3 == 0 { // more pieces than a write has
							for i := range 2 * session.MaxBuffers {
								c.expect(fmt.Sprintf(`42["%d%s"]`, i, strings.Repeat("l", 1000)))
							}
						}
						c.expect(fmt.Sprintf(`42["after",%d]`, round))
					}
				})
			}
			l := s.Loop(0)
			for round := range rounds {
				do(t, l, func() {
					shard := s.app.spaces[0].Shard
					everybody := func(packet string) {
						shard.Deliver(&broadcast.Selection{Everyone: true}, newMessage(packet), 0)
					}
					everybody(fmt.Sprintf(`42["a",%d]`, round))
					for _, k := range s.app.all() {
						k.Send(fmt.Appendf(nil, `42["direct",%d]`, round), 0, true)
					}
					everybody(fmt.Sprintf(`42["b",%d]`, round))
					if round%3 == 0 {
						for i := range 2 * session.MaxBuffers {
							everybody(fmt.Sprintf(`42["%d%s"]`, i, strings.Repeat("l", 1000)))
						}
					}
				})
				s.everybody(fmt.Sprintf(`42["after",%d]`, round)) // another turn, or not
			}
			wg.Wait()
			n := s.batched() - before
			if o.NoBatchedWrites && n != 0 || !o.NoBatchedWrites && n < clients*rounds/2 {
				t.Errorf("%d writes were batched", n)
			}
		})
	}
}

// TestBatchRefused: where there is no ring the loop does without, and says so at debug level.
func TestBatchRefused(t *testing.T) {
	var log strings.Builder
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(b)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := start(t, Options{Logger: logger, newRing: func() (ring, error) { return nil, unix.EPERM }})
	var all []*wsClient
	for range 10 {
		all = append(all, s.connect())
	}
	s.everybody(`42["x"]`)
	for _, c := range all {
		c.expect(`42["x"]`)
	}
	if n := s.batched(); n != 0 {
		t.Errorf("%d writes were batched", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), "each write is a system call") || !strings.Contains(log.String(), unix.EPERM.Error()) {
		t.Errorf("the log says %s", log.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestBatchToSlowReaders (F55): sends that are cut short, or find no room at all, are gone on
// with when there is some; who reads gets everything meanwhile.
func TestBatchToSlowReaders(t *testing.T) {
	const clients, slow, messages = 12, 4, 30
	cfg := testConfig()
	cfg.HardLimit = 64 << 20
	s := startBatched(t, Options{Config: cfg})
	var all []*wsClient
	for i := range clients {
		c := s.connect()
		if i < slow {
			_ = c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		all = append(all, c)
	}
	do(t, s.Loop(0), func() {
		for _, k := range s.app.all() {
			if err := wireOf(k).gnet.SetWriteBuffer(64 << 10); err != nil {
				t.Error(err)
			}
		}
	})
	packet := func(i int) string { return fmt.Sprintf(`42["%d","%s"]`, i, strings.Repeat("x", i*9973%40_000)) }
	short := int64(0)
	for i := range messages {
		s.everybody(packet(i))
		for _, c := range all[slow:] {
			c.expect(packet(i))
		}
		do(t, s.Loop(0), func() {
			for _, k := range s.app.all() {
				if wireOf(k).Buffered() > 0 {
					short++
				}
			}
		})
	}
	if short == 0 {
		t.Error("everything was taken at once: this shows little")
	}
	for _, c := range all[:slow] {
		for i := range messages {
			c.expect(packet(i))
		}
	}
}

// peerOf is the address that a descriptor is connected to.
func peerOf(t *testing.T, fd int) net.Addr {
	t.Helper()
	sa, err := unix.Getpeername(fd)
	if err != nil {
		t.Error(err)
		return nil
	}
	in := sa.(*unix.SockaddrInet4)
	return &net.TCPAddr{IP: in.Addr[:], Port: in.Port}
}

// TestBatchEvicts (F55): a client that does not read is known to be behind by the very write
// of a batch that was cut short, and ends when too much waits for it; nobody else does.
func TestBatchEvicts(t *testing.T) {
	cfg := testConfig()
	cfg.HardLimit = 300_000
	s := startBatched(t, Options{Config: cfg})
	var all []*wsClient
	for range 8 {
		all = append(all, s.connect())
	}
	slow := all[0]
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	var lagging *session.Socket
	do(t, s.Loop(0), func() {
		for _, k := range s.app.all() {
			if peerOf(t, wireOf(k).gnet.Fd()).String() == slow.LocalAddr().String() {
				lagging = k
				if err := wireOf(k).gnet.SetWriteBuffer(4 << 10); err != nil {
					t.Error(err)
				}
			}
		}
	})
	packet := fmt.Sprintf(`42["%s"]`, strings.Repeat("x", 100_000))
	before := s.batched()
	s.everybody(packet)
	for _, c := range all[1:] {
		c.expect(packet)
	}
	s.eventually("it is behind", func() (behind bool) {
		do(t, s.Loop(0), func() {
			left := wireOf(lagging).Buffered()
			behind = left > 0
			if got := lagging.Session().Backlog(); got != left {
				t.Errorf("%d bytes wait, the session knows of %d", left, got)
			}
		})
		return behind
	})
	if n := s.batched() - before; n != 8 {
		t.Errorf("%d writes were batched", n)
	}
	for i := 0; s.app.ended.Load() == 0; i++ {
		if i == 100 {
			t.Fatal("it is still there")
		}
		s.everybody(packet)
		for _, c := range all[1:] {
			c.expect(packet)
		}
	}
	s.eventually("its connection is closed", func() bool { return s.Connections() == 7 })
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	if want := []session.Reason{session.SlowConsumer}; !slices.Equal(s.app.reasons, want) {
		t.Errorf("told %q", s.app.reasons)
	}
}

// TestBatchMeetsResets: clients that have reset their connections, which the loop finds out
// by writing to them, end once each, and the others get what is theirs.
func TestBatchMeetsResets(t *testing.T) {
	const clients, resets = 30, 5
	s := startBatched(t, Options{})
	var all []*wsClient
	for range clients {
		all = append(all, s.connect())
	}
	for round := range 3 {
		do(t, s.Loop(0), func() {
			for range resets {
				_ = all[0].Conn.(*net.TCPConn).SetLinger(0)
				all[0].Close()
				all = all[1:]
			}
			s.app.spaces[0].Shard.Deliver(&broadcast.Selection{Everyone: true}, newMessage(fmt.Sprintf(`42["%d"]`, round)), 0)
		})
		for _, c := range all {
			c.expect(fmt.Sprintf(`42["%d"]`, round))
		}
	}
	want := 3 * resets
	s.eventually("they have ended", func() bool { return s.app.ended.Load() == int64(want) && s.Connections() == clients-want })
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	for _, r := range s.app.reasons {
		if r != session.TransportError && r != session.TransportClose {
			t.Errorf("reason %q", r)
		}
	}
	if len(s.app.reasons) != want {
		t.Errorf("%d sockets were told", len(s.app.reasons))
	}
}

// TestBatchAfterClose: what is queued for a connection that is closed before the flush is
// not sent on its descriptor, which may be somebody else's by then.
func TestBatchAfterClose(t *testing.T) {
	s := startBatched(t, Options{})
	var all []*wsClient
	for range 10 {
		all = append(all, s.connect())
	}
	var closed []string
	var others []int
	do(t, s.Loop(0), func() {
		s.app.spaces[0].Shard.Deliver(&broadcast.Selection{Everyone: true}, newMessage(`42["x"]`), 0)
		freed := make(map[int]bool)
		for i, k := range s.app.all() {
			if i%2 == 0 {
				closed = append(closed, peerOf(t, wireOf(k).gnet.Fd()).String())
				freed[wireOf(k).gnet.Fd()] = true
				wireOf(k).Close()
			}
		}
		taken := 0
		for len(others) < 2*len(freed)+4 {
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
				return
			}
			for _, fd := range fds {
				others = append(others, fd)
				if freed[fd] {
					taken++
				}
			}
		}
		if taken == 0 {
			t.Error("no descriptor was used again: this shows little")
		}
	})
	for _, c := range all {
		if slices.Contains(closed, c.LocalAddr().String()) {
			c.ended()
		} else {
			c.expect(`42["x"]`)
		}
	}
	for _, fd := range others {
		if n, err := unix.Read(fd, make([]byte, 10)); err != unix.EAGAIN {
			t.Errorf("%d bytes went to somebody else, %v", n, err)
		}
	}
	for _, fd := range others {
		_ = unix.Close(fd)
	}
}

// TestBatchSurvivesPanics: what is called when a write is over, and panics, costs nobody else
// the end of theirs.
func TestBatchSurvivesPanics(t *testing.T) {
	s := startBatched(t, Options{})
	var all []*wsClient
	for range 10 {
		all = append(all, s.connect())
	}
	sent := 0
	do(t, s.Loop(0), func() {
		s.app.spaces[0].Shard.Deliver(&broadcast.Selection{Everyone: true}, newMessage(`42["x"]`), 0)
		for i, k := range s.app.all() {
			k.Session().Sent(func(error) {
				sent++
				if i%2 == 0 {
					panic("on demand")
				}
			})
		}
	})
	for _, c := range all {
		c.expect(`42["x"]`)
	}
	s.everybody(`42["y"]`)
	for _, c := range all {
		c.expect(`42["y"]`)
	}
	do(t, s.Loop(0), func() {
		if l := s.Loop(0); sent != 10 || len(l.batch.sent)+len(l.batch.rest)+l.batch.at != 0 {
			t.Errorf("%d were told; %v", sent, l.batch)
		}
	})
	if n := s.Loop(0).stats.Panics.Load(); n != 5 {
		t.Errorf("%d panics", n)
	}
}

// TestBatchIsWatched: who watches each flush sees them one by one.
func TestBatchIsWatched(t *testing.T) {
	cfg := testConfig()
	flushes := 0
	cfg.Hooks = &session.Hooks{Flush: func(*session.Session) { flushes++ }}
	s := startBatched(t, Options{Config: cfg})
	var all []*wsClient
	for range 10 {
		all = append(all, s.connect())
	}
	do(t, s.Loop(0), func() { flushes = 0 })
	s.everybody(`42["x"]`)
	for _, c := range all {
		c.expect(`42["x"]`)
	}
	if n := s.batched(); n != 0 {
		t.Errorf("%d writes were batched", n)
	}
	do(t, s.Loop(0), func() {
		if flushes != 10 {
			t.Errorf("%d flushes", flushes)
		}
	})
}

// TestBatchIsGivenBack: when the group has stopped no ring is left.
func TestBatchIsGivenBack(t *testing.T) {
	rings := func() (n int) {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if name, _ := os.Readlink("/proc/self/fd/" + fd.Name()); strings.Contains(name, "io_uring") {
				n++
			}
		}
		return n + strings.Count(string(maps), "io_uring")
	}
	s := startBatched(t, Options{Loops: 2})
	s.eventually("both loops are there", func() bool { s.connect(); return s.Loop(1) != nil })
	if n := rings(); n != 2*3 {
		t.Errorf("%d descriptors and mappings of two rings", n)
	}
	s.hangUp()
	s.stop()
	if n := rings(); n != 0 {
		t.Errorf("%d descriptors and mappings are left", n)
	}
}
