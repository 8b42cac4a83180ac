package loop

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/e6a90ca8/sio/session"
)

// descriptors counts the open descriptors; ok is false where the system does not tell.
func descriptors() (n int, ok bool) {
	names, err := os.ReadDir("/proc/self/fd")
	return len(names), err == nil
}

// mustLeaveNothing runs f, which starts and stops servers, and checks that no goroutine
// and no descriptor is left. gnet keeps the workers of its pool.
func mustLeaveNothing(t *testing.T, f func()) {
	t.Helper()
	warm := start(t, Options{}) // what the process opens once
	warm.stop()
	runtime.GC()
	before, _ := descriptors()
	ignore := goleak.IgnoreCurrent()
	f()
	if err := goleak.Find(ignore,
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*goWorker).run.func1"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/ants/v2.(*poolCommon).purgeStaleWorkers"),
		goleak.IgnoreAnyFunction("github.com/panjf2000/gnet/v2.(*engine).stop"), // Stop looks once more, 500 ms later
		goleak.IgnoreAnyFunction("github.com/panjf2000/gnet/v2.Engine.Stop"),
	); err != nil {
		t.Error(err)
	}
	after, ok := descriptors()
	if ok && after > before {
		var open []string
		names, _ := os.ReadDir("/proc/self/fd")
		for _, n := range names {
			to, _ := os.Readlink("/proc/self/fd/" + n.Name())
			open = append(open, n.Name()+": "+to)
		}
		t.Errorf("%d descriptors, %d before:\n%s", after, before, strings.Join(open, "\n"))
	}
}

// TestStopLeavesNothing (L14 F52 F63): a server that is stopped takes everything with it,
// whatever its clients were at.
func TestStopLeavesNothing(t *testing.T) {
	cfg := testConfig()
	cfg.CloseTimeout = WheelTick // for those who do not answer a close frame
	mustLeaveNothing(t, func() {
		for range 3 {
			s := start(t, Options{Loops: 2, Foreign: foreignApp, Config: cfg})
			for range 5 {
				s.connect()
			}
			idle := s.http()
			sid := idle.open()
			waiting := s.http()
			waiting.send("GET", polling+"&sid="+sid, "")
			probing := upgrade(t, s.dial(), sid, "2probe")
			probing.expect("3probe")
			half := s.dial()
			_, _ = half.Write([]byte("GET /socket.io/ HTT"))
			s.dial() // silent
			foreign := s.http()
			if status, _ := foreign.do("GET", "/page", ""); status != 200 {
				t.Fatal(status)
			}
			reset := s.connect()
			reset.Close()
			s.stop()
			if n := s.app.ended.Load(); n != s.app.opened.Load() {
				t.Errorf("%d sessions of %d have ended", n, s.app.opened.Load())
			}
		}
	})
}

// bytesRead is how much all loops have read.
func (s *server) bytesRead() (n int64) {
	s.Loops(func(l *Loop) { do(s.t, l, func() { n += l.counted.read }) })
	return n
}

// TestStopAtTheStart: a server can be stopped while its loops are still being made.
func TestStopAtTheStart(t *testing.T) {
	mustLeaveNothing(t, func() {
		for range 20 {
			s := start(t, Options{Loops: 2})
			s.dial()
			s.dial()
			s.stop()
			if n := s.passing.Load(); n != 0 {
				t.Errorf("%d connections are still on their way", n)
			}
		}
	})
}

// TestStopTellsClients (L14 F72): a WebSocket is closed with 1001, a GET that waits is
// answered with the close packet, and what was queued before goes out first.
func TestStopTellsClients(t *testing.T) {
	s := start(t, Options{Loops: 2})
	c := s.connect()
	h := s.http()
	sid := h.open()
	before := s.bytesRead()
	h.send("GET", polling+"&sid="+sid, "")
	s.eventually("the GET has come", func() bool { return s.bytesRead() > before })
	s.Loops(func(l *Loop) { do(t, l, func() {}) }) // and has reached its session
	stopped := make(chan struct{})
	go func() { // not s.stop, which hangs up
		s.Stop(t.Context(), session.ServerShuttingDown)
		close(stopped)
	}()
	c.expect("close 1001")
	c.write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9}) // the answer to it
	h.expect(200, "1")
	h.Close()
	if b, err := io.ReadAll(c.Conn); err != nil || len(b) > 0 {
		t.Errorf("behind it: %q, %v", b, err)
	}
	wait(t, stopped, "the end")
	for _, r := range s.app.reasons {
		if r != session.ServerShuttingDown {
			t.Errorf("a socket ended for %q", r)
		}
	}
}

// TestStopDoesNotWaitForEver: a client that does not answer is left behind when the
// context ends.
func TestStopDoesNotWaitForEver(t *testing.T) {
	s := start(t, Options{})
	s.connect()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.once.Do(func() {
		s.Stop(ctx, session.ServerShuttingDown)
		if err := <-s.err; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	s.Stop(ctx, session.ServerShuttingDown) // again
	select {
	case <-s.Done():
	default:
		t.Error("Done is not closed")
	}
}

// TestPostingToAStoppedLoop: nothing is run, nothing is kept, and it is told.
func TestPostingToAStoppedLoop(t *testing.T) {
	s := start(t, Options{Loops: 2})
	s.connect()
	var l *Loop
	s.Loops(func(x *Loop) { l = x })
	s.hangUp()
	s.stop()
	if l.Do(func(session.Host, session.Instant) { t.Error("run on a loop that has stopped") }) {
		t.Error("a loop that has stopped takes mail")
	}
	l.tick()
}

// TestTurnAway (F73): a server that is about to stop takes no new connections, and serves
// those it has.
func TestTurnAway(t *testing.T) {
	s := start(t, Options{Loops: 2})
	c := s.connect()
	s.TurnAway()
	b, err := io.ReadAll(s.dial())
	if err != nil && !errors.Is(err, io.EOF) || !strings.HasPrefix(string(b), "HTTP/1.1 503 ") {
		t.Errorf("a new client is told %q, %v", b, err)
	}
	c.send(`42["echo"]`)
	c.expect(`42["echo"]`)
}

// TestPanics (F66): a panic of the application on a loop costs the client that caused it
// its connection, and nobody else anything; in a mail it costs that mail.
func TestPanics(t *testing.T) {
	s := start(t, Options{Loops: 1})
	other := s.connect()
	for range 5 {
		c := s.connect()
		c.send(`42["panic"]`)
		c.ended()
		other.send(`42["echo"]`)
		other.expect(`42["echo"]`)
	}
	l := s.Loop(0)
	ran := make(chan struct{})
	l.Do(func(session.Host, session.Instant) { panic("in a mail") })
	l.Do(func(session.Host, session.Instant) { close(ran) })
	wait(t, ran, "the mail behind it")
	other.send(`42["echo"]`)
	other.expect(`42["echo"]`)
	if n := l.Stats().Panics.Load(); n != 6 {
		t.Errorf("%d panics are counted", n)
	}
	s.eventually("sessions have ended", func() bool { return s.app.ended.Load() == 5 })
}

// TestPanicsInAnyStep: in whichever step of a turn something panics, the others are done.
func TestPanicsInAnyStep(t *testing.T) {
	h := newHandLoop(t)
	var log []string
	for _, name := range []string{"a", "b", "c"} {
		h.join(name, &log)
	}
	log = log[:0]
	at := 0
	h.wheel.schedule(&panicTimed{}, h.now+1)
	h.Do(func(session.Host, session.Instant) {
		for k := range h.app.sockets {
			at++
			if at == 2 {
				k.Session().Sent(func(error) {})
			}
			k.Send([]byte(`42["x"]`), 0, true)
			if at == 2 {
				k.Session().Sent(func(error) { panic("when it was sent") })
			}
		}
		panic("behind it all")
	})
	h.clock.advance(WheelTick * 2)
	h.tick()
	h.run()
	if len(log) != 3 {
		t.Errorf("%d of 3 were written to: %q", len(log), log)
	}
	if n := h.stats.Panics.Load(); n != 3 {
		t.Errorf("%d panics are counted", n)
	}
}

// TestPanicAtTheEnd: a connection that closes between two turns can bring a panic, too.
func TestPanicAtTheEnd(t *testing.T) {
	h := newHandLoop(t)
	h.app.onEnded = func() { panic("when it has ended") }
	var log []string
	c := new(conn)
	h.begin()
	c.Init(h.Loop, &handWire{name: "c", log: &log}, h.now)
	c.Receive(h.now, []byte("GET /socket.io/?EIO=4&transport=websocket"+openingHandshake))
	h.end()
	if h.inTurn {
		t.Fatal("the turn goes on")
	}
	c.gone(nil)
	if n := h.stats.Panics.Load(); n != 1 || h.app.ended.Load() != 1 {
		t.Errorf("%d panics, %d sessions have ended", n, h.app.ended.Load())
	}
	if h.inTurn || len(h.dead) != 0 {
		t.Error("the turn has not ended")
	}
}

type panicTimed struct{ entry session.Instant }

func (x *panicTimed) Entry() *session.Instant                { return &x.entry }
func (x *panicTimed) Expire(session.Instant) session.Instant { panic("when it was due") }
