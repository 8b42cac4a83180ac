package loop

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// TestEcho: clients of two loops, at the same time.
func TestEcho(t *testing.T) {
	s := start(t, Options{Loops: 2})
	var all sync.WaitGroup
	for i := range 24 {
		c := s.connect()
		all.Go(func() {
			for n := range 50 {
				want := fmt.Sprintf(`42["echo",%d,%d]`, i, n)
				c.send(want)
				if got := c.read(); got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
	all.Wait()
	for i := range 2 {
		if n := s.Loop(i).Stats().Connections.Load(); n == 0 {
			t.Errorf("loop %d has no connection: this shows little", i)
		}
	}
	if n := s.Connections(); n != 24 {
		t.Errorf("%d connections are counted", n)
	}
}

// TestPollingOnAnyLoop (F83): the requests of a session come in on connections of all
// loops, each on a new one, and on one for all.
func TestPollingOnAnyLoop(t *testing.T) {
	s := start(t, Options{Loops: 2})
	for i := range 4 {
		sid := s.http().open()
		target := polling + "&sid=" + sid
		if status, body := s.http().do("POST", target, "40"); status != 200 || body != "ok" {
			t.Fatalf("POST: %d %q", status, body)
		}
		if status, body := s.http().do("GET", target, ""); status != 200 || !strings.HasPrefix(body, `40{"sid":`) {
			t.Fatalf("GET: %d %q", status, body)
		}
		get, post := s.http(), s.http()
		for n := range 12 { // past the number at which a connection moves
			want := fmt.Sprintf(`42["echo",%d,%d]`, i, n)
			get.send("GET", target, "")
			if n%2 == 0 {
				post = s.http()
			}
			post.send("POST", target, want)
			post.expect(200, "ok")
			get.expect(200, want)
		}
	}
	for i := range 2 {
		if s.Loop(i).Stats().Connections.Load() == 0 {
			t.Errorf("loop %d has no connection: this shows little", i)
		}
	}
}

// TestUpgradeMovesToItsSession (L05): a WebSocket lives on its session's loop, wherever the
// kernel has put its connection; what came with the request comes along.
func TestUpgradeMovesToItsSession(t *testing.T) {
	s := start(t, Options{Loops: 2})
	for range 16 {
		h := s.http()
		sid := h.open()
		c := upgrade(t, s.dial(), sid, "2probe")
		c.expect("3probe")
		c.send("5")
		c.send("40")
		c.expectPrefix(`40{"sid":`)
		c.send(`42["echo"]`)
		c.expect(`42["echo"]`)
		home := s.home([]byte(sid))
		do(t, s.Loop(home), func() {
			found := s.Loop(home).table.Find([]byte(sid))
			if found == nil || found.WebSocket() == nil || found.WebSocket().Host() != session.Host(s.Loop(home)) {
				t.Errorf("session %s is not whole on loop %d", sid, home)
			}
		})
		h.Close()
	}
	s.eventually("the polling connections are gone", func() bool { return s.Connections() == 16 })
	total := int64(0)
	s.Loops(func(l *Loop) { total += l.Stats().Connections.Load() })
	if total != 16 {
		t.Errorf("the loops count %d connections", total)
	}
}

// TestSendersKeepTheirOrder (F84): four goroutines broadcast at the same time to twenty
// clients on two loops. Each client gets the messages of each in its order.
func TestSendersKeepTheirOrder(t *testing.T) {
	const senders, each = 4, 200
	s := start(t, Options{Loops: 2})
	var clients []*wsClient
	for range 20 {
		clients = append(clients, s.connect())
	}
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for n := range each {
				m := newMessage(fmt.Sprintf(`42["cast",%d,%d]`, sender, n))
				for i := range 2 {
					s.Loop(i).Broadcast(s.app.spaces[i].Shard, &broadcast.Selection{Everyone: true}, m, 0)
				}
			}
		})
	}
	for _, c := range clients {
		all.Go(func() {
			var next [senders]int
			for range senders * each {
				var sender, n int
				got := c.read()
				if _, err := fmt.Sscanf(got, `42["cast",%d,%d]`, &sender, &n); err != nil || n != next[sender] {
					t.Errorf("%q, want number %d", got, next[sender])
					return
				}
				next[sender]++
			}
		})
	}
	all.Wait()
}

// TestMaxConns (F65): one connection too many is told so and closed; when one has gone
// there is room again, and those that are there notice nothing.
func TestMaxConns(t *testing.T) {
	s := start(t, Options{Loops: 2, MaxConns: 3})
	first := s.connect()
	second, third := s.connect(), s.connect()
	for range 5 {
		b, err := io.ReadAll(s.dial())
		if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 503 ") || !strings.Contains(string(b), "Connection: close\r\n") {
			t.Fatalf("one too many is told %q, %v", b, err)
		}
	}
	s.eventually("the refused ones are gone", func() bool { return s.Connections() == 3 })
	refused := int64(0)
	s.Loops(func(l *Loop) { refused += l.Stats().Refused.Load() })
	if refused != 5 {
		t.Errorf("%d refusals are counted", refused)
	}
	second.Close()
	third.Close()
	s.eventually("there is room", func() bool { return s.Connections() == 1 })
	again := s.connect()
	for _, c := range []*wsClient{first, again} {
		c.send(`42["echo"]`)
		c.expect(`42["echo"]`)
	}
}

// TestPollerOf holds the look into gnet to what it assumes of it.
func TestPollerOf(t *testing.T) {
	s := start(t, Options{Loops: 2})
	s.connect()
	s.Loops(func(l *Loop) {
		fd, ok := pollerOf(l.event)
		if !ok {
			t.Fatal("gnet's event loop looks otherwise: connections cannot be paused")
		}
		if runtime.GOOS == "linux" {
			if name, err := os.Readlink(fmt.Sprint("/proc/self/fd/", fd)); err != nil || !strings.Contains(name, "eventpoll") {
				t.Errorf("descriptor %d is %q, %v", fd, name, err)
			}
		}
	})
	if _, ok := pollerOf(nil); ok {
		t.Error("nothing has a poller")
	}
}

// TestPauseAndResume (F68): while handlers have no room a client is not read: what it
// sends stays with the kernel, until there is room, and comes in order then.
func TestPauseAndResume(t *testing.T) {
	s := start(t, Options{Loops: 1})
	slow := s.connect()
	var k *session.Socket
	s.app.mu.Lock()
	for x := range s.app.sockets {
		k = x
	}
	s.app.mu.Unlock()
	other := s.connect()
	l := s.Loop(0)
	full := func(on bool) {
		l.Do(func(_ session.Host, now session.Instant) { k.SetFull(now, on) })
		do(t, l, func() {})
	}
	sent := 0
	for round := range 3 {
		full(true)
		before := s.app.events.Load()
		for range 200 {
			slow.send(fmt.Sprintf(`42["n",%d]`, sent))
			sent++
		}
		others := int64(0)
		for range 5 { // the loop goes round, and serves others
			other.send(`42["echo"]`)
			other.expect(`42["echo"]`)
			others++
		}
		// What is sent to the client goes out meanwhile, also when that changes what the
		// poller watches for.
		l.Send(k, []byte(`42["out",`+fmt.Sprint(round)+`]`), 0, true)
		slow.expect(fmt.Sprintf(`42["out",%d]`, round))
		if got := s.app.events.Load() - before - others; got != 0 {
			t.Fatalf("%d events of a client that is not to be read", got)
		}
		full(false)
		s.eventually("all events have come", func() bool { return s.app.events.Load() == before+others+200 })
	}
	for i, e := range s.app.seen() {
		if want := fmt.Sprintf(`["n",%d]`, i); e != want {
			t.Fatalf("event %d is %s", i, e)
		}
	}
	slow.send(`42["echo"]`)
	slow.expect(`42["echo"]`)
}

// TestPausedClientResets: the end of a connection is seen also while it is not read.
func TestPausedClientResets(t *testing.T) {
	s := start(t, Options{Loops: 1})
	c := s.connect()
	var k *session.Socket
	do(t, s.Loop(0), func() {
		for x := range s.app.sockets {
			k = x
		}
		k.SetFull(s.Loop(0).now, true)
	})
	c.send(`42["n"]`)
	s.eventually("it is not read", func() bool {
		paused := false
		do(t, s.Loop(0), func() {
			if cn, ok := k.Session().WebSocket().Wire().(*conn); ok {
				paused = cn.paused
			}
		})
		return paused
	})
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	s.eventually("the session has ended", func() bool { return s.app.ended.Load() == 1 })
}

// TestYield: the control connection begins a turn, and again each time it is asked to.
func TestYield(t *testing.T) {
	s := start(t, Options{Loops: 1})
	s.connect()
	l := s.Loop(0)
	for range 100 {
		turns := int64(0)
		do(t, l, func() {
			turns = l.counted.turns
			l.again()
			l.again() // once is enough
		})
		s.eventually("the turn", func() bool { return !l.yielding.Load() })
		do(t, l, func() {
			if l.counted.turns <= turns {
				t.Error("no turn has ended")
			}
		})
	}
}

// TestSlowConsumer (F55 F58): a client that does not read is cut off at the limit; others
// get everything, in order.
func TestSlowConsumer(t *testing.T) {
	cfg := testConfig()
	cfg.HardLimit = 256 << 10
	s := start(t, Options{Loops: 2, Config: cfg})
	slow, good := s.connect(), s.connect()
	_ = slow.Conn.(*net.TCPConn).SetReadBuffer(4096)
	pad := strings.Repeat("x", 32<<10)
	n := 0
	for ; s.app.ended.Load() == 0 && n < 2000; n++ {
		m := newMessage(fmt.Sprintf(`42["cast",%d,"%s"]`, n, pad))
		s.Loops(func(l *Loop) {
			l.Broadcast(s.app.spaces[l.Index()].Shard, &broadcast.Selection{Everyone: true}, m, 0)
		})
		if got, want := good.read(), fmt.Sprintf(`42["cast",%d,"%s"]`, n, pad); got != want {
			t.Fatalf("message %d differs", n)
		}
	}
	s.app.mu.Lock()
	reasons := fmt.Sprint(s.app.reasons)
	s.app.mu.Unlock()
	if reasons != "["+string(session.SlowConsumer)+"]" {
		t.Fatalf("after %d messages: %s", n, reasons)
	}
	good.send(`42["echo"]`)
	good.expect(`42["echo"]`)
	s.eventually("its connection is closed", func() bool { return s.Connections() == 1 })
}

// TestLargeMessages: megabytes both ways, in as many pieces as the kernel likes.
func TestLargeMessages(t *testing.T) {
	s := start(t, Options{Loops: 1})
	c := s.connect()
	for _, n := range []int{100, 70_000, 900_000} {
		packet := `42["echo","` + strings.Repeat("y", n) + `"]`
		c.send(packet)
		c.expect(packet)
	}
}
