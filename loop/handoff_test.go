package loop

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/session"
)

// twoHomes are two connections with a session each, on different loops.
func twoHomes(s *server) (a, b *httpClient, sids [2]string) {
	s.t.Helper()
	a = s.http()
	sids[0] = a.open()
	for range 64 {
		b = s.http()
		sids[1] = b.open()
		if s.home([]byte(sids[0])) != s.home([]byte(sids[1])) {
			return a, b, sids
		}
		_ = b.Close()
	}
	s.t.Fatal("the kernel puts all connections on one loop")
	return nil, nil, sids
}

// hold keeps a loop busy until release is called.
func hold(t *testing.T, l *Loop) (release func()) {
	t.Helper()
	held, free := make(chan struct{}), make(chan struct{})
	l.Do(func(session.Host, session.Instant) { close(held); <-free })
	wait(t, held, "the loop")
	done := false
	release = func() {
		if !done {
			done = true
			close(free)
		}
	}
	t.Cleanup(release)
	return release
}

// until calls f until it is true, without a word to the loops.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(guard); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		runtime.Gosched()
	}
}

// TestMoveKeepsItsPlace: a connection on its way to its session's loop is still counted,
// so that at the limit no newcomer gets its place, and is let in where it arrives, also
// when new clients are turned away by then.
func TestMoveKeepsItsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(s *server)
	}{
		{"at the limit", func(s *server) { s.process.limit.Store(s.process.taken.Load()) }},
		{"while stopping", func(s *server) { s.TurnAway() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, Options{Loops: 2})
			_, b, sids := twoHomes(s)
			s.eventually("only the two are there", func() bool { return s.Connections() == 2 })
			target, origin := s.Loop(s.home([]byte(sids[0]))), s.Loop(s.home([]byte(sids[1])))
			c.then(s)
			release := hold(t, target)
			before := origin.Stats().Connections.Load()
			_, _ = io.WriteString(b, "GET /socket.io/?EIO=4&transport=websocket&sid="+sids[0]+openingHandshake)
			until(t, "it has left its loop", func() bool { return origin.Stats().Connections.Load() < before })
			if n := s.Connections(); n != 2 {
				t.Errorf("%d connections are counted while one moves", n)
			}
			release()
			line, err := b.r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 101 ") {
				t.Errorf("it is told %q, %v", line, err)
			}
			if n := s.Connections(); n != 2 {
				t.Errorf("%d connections are counted at the end", n)
			}
		})
	}
}

// TestReturnKeepsItsPlace: as much for one that comes back from net/http.
func TestReturnKeepsItsPlace(t *testing.T) {
	s := start(t, Options{Loops: 1, Foreign: foreignApp})
	c := s.http()
	sid := c.open()
	if status, _ := c.do("GET", "/page", ""); status != 200 {
		t.Fatal(status)
	}
	release := hold(t, s.Loop(0))
	c.send("POST", polling+"&sid="+sid, "40")
	s.TurnAway()
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections are counted on the way", n)
	}
	release()
	c.expect(200, "ok")
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections are counted at the end", n)
	}
}

// TestLostOnTheWay: the place of a connection that gnet was given and never opened is
// given back, also when gnet ends without a word.
func TestLostOnTheWay(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(g *Group, result chan gnet.RegisteredResult)
	}{
		{"gnet says so", func(_ *Group, r chan gnet.RegisteredResult) {
			r <- gnet.RegisteredResult{Err: io.ErrUnexpectedEOF}
			close(r)
		}},
		{"gnet says nothing", func(_ *Group, r chan gnet.RegisteredResult) { close(r) }},
		{"gnet has ended", func(g *Group, _ chan gnet.RegisteredResult) { close(g.done) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHandLoop(t)
			g := h.group
			g.process = new(places)
			g.process.limit.Store(1)
			g.maxConns = 1
			result := make(chan gnet.RegisteredResult, 1)
			h.event = enrolling{result: result}
			if !g.take() {
				t.Fatal("there is no place")
			}
			ours, theirs := net.Pipe()
			defer ours.Close()
			if err := h.enroll(theirs, new(passage)); err != nil {
				t.Fatal(err)
			}
			if n := g.process.taken.Load(); n != 2 {
				t.Errorf("%d descriptors are counted on the way", n)
			}
			c.lose(g, result)
			until(t, "the places are free", func() bool { return g.Connections() == 0 && g.process.taken.Load() == 0 })
		})
	}
}

// enrolling is an event loop that answers Enroll with result.
type enrolling struct {
	gnet.EventLoop
	result chan gnet.RegisteredResult
}

func (e enrolling) Enroll(context.Context, net.Conn) (<-chan gnet.RegisteredResult, error) {
	return e.result, nil
}
