package sio_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// say is a handler that adds to the log.
func (l *log) say(format string, args ...any) sio.Handler {
	text := fmt.Sprintf(format, args...)
	return func(s *sio.Socket, m *sio.Msg) error { l.add("%s", text); return nil }
}

// TestOrderOfListeners (K08, C14): catch-all handlers first, then what is wrapped
// around the event's own, the namespace's before the socket's.
func TestOrderOfListeners(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	around := func(name string) func(sio.Handler) sio.Handler {
		return func(next sio.Handler) sio.Handler {
			return func(s *sio.Socket, m *sio.Msg) error {
				l.add("%s>", name)
				defer l.add("<%s", name)
				return next(s, m)
			}
		}
	}
	srv.Wrap(around("outer"))
	srv.On("x", l.say("on 1"))
	srv.On("x", l.say("on 2"))
	srv.OnAny(l.say("any 1"))
	srv.OnAny(l.say("any 2"))
	srv.OnUnhandled(l.say("unhandled"))
	srv.Wrap(around("inner")) // also around what came before
	srv.OnConnect(func(s *sio.Socket) {
		s.On("x", l.say("own 1"))
		s.On("x", l.say("own 2"))
		s.OnAny(l.say("own any"))
		s.PrependAny(l.say("own any, in front"))
		s.Use(l.say("own use"))
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "x")
	clock.Settle()
	in := func(s string) []string { return []string{"outer>", "inner>", s, "<inner", "<outer"} }
	want := []string{"any 1", "any 2", "own any, in front", "own any", "own use"}
	for _, s := range []string{"on 1", "on 2", "own 1", "own 2"} {
		want = append(want, in(s)...)
	}
	l.want(t, want...)
	emit(t, c, "unknown")
	clock.Settle()
	l.want(t, append([]string{"any 1", "any 2", "own any, in front", "own any", "own use"}, in("unhandled")...)...)
}

// TestWrapAndUseDrop (C14, K10): an error in front of a handler drops the event, and is
// told to OnError, or to the client if that waits for an answer. Acknowledgements pass.
func TestWrapAndUseDrop(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.Wrap(func(next sio.Handler) sio.Handler {
		return func(s *sio.Socket, m *sio.Msg) error {
			if m.Event() == "forbidden" {
				return sio.Fail{Code: "denied", Message: "not for you"}
			}
			return next(s, m)
		}
	})
	srv.On("forbidden", l.say("reached"))
	srv.On("dropped", l.say("reached"))
	srv.On("fine", l.say("fine"))
	srv.OnError(func(s *sio.Socket, err error) { l.add("error: %v", err) })
	srv.OnConnect(func(s *sio.Socket) {
		s.Use(func(s *sio.Socket, m *sio.Msg) error {
			if m.Event() == "dropped" {
				return errors.New("dropped by use")
			}
			return nil
		})
		s.OnError(func(err error) { l.add("own error: %v", err) })
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "forbidden")
	emit(t, c, "dropped")
	emit(t, c, "fine")
	clock.Settle()
	l.want(t, `own error: sio: event "forbidden": denied: not for you`, `error: sio: event "forbidden": denied: not for you`,
		`own error: sio: event "dropped": dropped by use`, `error: sio: event "dropped": dropped by use`, "fine")
	e, err := c.Ask(t.Context(), "forbidden")
	if err != nil || e.String() != `({"error":{"code":"denied","message":"not for you"}})` {
		t.Error(e, err)
	}
	l.want(t)
}

// TestErrorsWithoutListener (K10): they are logged, and nothing else happens.
func TestErrorsWithoutListener(t *testing.T) {
	var logged logBuffer
	srv := newServer(t, sio.Options{Logger: logged.logger()})
	srv.On("go", func(*sio.Socket, *sio.Msg) error { return errors.New("an error of ours") })
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "go")
	emit(t, c, "error", "of the client's")
	c.ExpectNone()
	if text := logged.String(); !strings.Contains(text, "an error of ours") {
		t.Errorf("log: %s", text)
	}
}

// TestSocketListeners (K14): On, Once, Off, OffAll, OnAny, OffAny, EventNames of one
// socket.
func TestSocketListeners(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	clock := siotest.Start(t, srv)
	c, other := pair(t, srv)
	s := socket(t, srv, c)
	one, two := l.say("one"), func(*sio.Socket, *sio.Msg) error { l.add("two"); return nil }
	play := func(events ...string) {
		t.Helper()
		for _, e := range events {
			emit(t, c, e)
			emit(t, other, e) // nothing of it is the other's
		}
		clock.Settle()
	}
	if names := s.EventNames(); len(names) != 0 {
		t.Errorf("names %v", names)
	}
	s.On("b", one)
	s.On("a", two)
	s.Once("a", l.say("once"))
	if names := s.EventNames(); !reflect.DeepEqual(names, []string{"a", "b"}) {
		t.Errorf("names %v", names)
	}
	play("a", "a", "b")
	l.want(t, "two", "once", "two", "one")
	s.Off("a", two)
	play("a", "b")
	l.want(t, "one")
	s.Off("b")
	play("b")
	l.want(t)
	if names := s.EventNames(); len(names) != 0 {
		t.Errorf("names of what was removed: %v", names)
	}
	s.OnAny(one)
	s.OnAny(two)
	play("z")
	l.want(t, "one", "two")
	s.OffAny(two)
	play("z")
	l.want(t, "one")
	s.OffAny()
	play("z")
	l.want(t)
	s.On("a", one)
	s.OnAny(two)
	s.Use(one)
	s.OffAll()
	play("a")
	l.want(t)

	// A handler may change the listeners while they run.
	s.On("self", func(s *sio.Socket, m *sio.Msg) error {
		l.add("self")
		s.Off("self")
		s.On("next", one)
		return nil
	})
	s.Once("again", func(s *sio.Socket, m *sio.Msg) error {
		l.add("again")
		s.Once("again", one)
		return nil
	})
	play("self", "self", "next", "again", "again", "again")
	l.want(t, "self", "one", "again", "one")
}

// TestListenersFromManyGoroutines: nothing is lost when several change a socket's
// listeners at once.
func TestListenersFromManyGoroutines(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				s.On(fmt.Sprint("e", i), l.say("%d", j))
				s.OnAny(func(*sio.Socket, *sio.Msg) error { return nil })
				s.OnError(func(error) {})
				s.OnDisconnect(func(sio.Reason) {})
				s.OnOutgoing(func(*sio.Socket, *sio.Msg) {})
				srv.On("n", l.say("n"))
			}
		})
	}
	for range 50 {
		emit(t, c, "e0")
		emit(t, s, "x")
	}
	all.Wait()
	siotest.Start(t, srv).Settle()
	l.take()
	emit(t, c, "e7")
	emit(t, c, "n")
	siotest.Start(t, srv).Settle()
	if got := l.take(); len(got) != 20+160 {
		t.Errorf("%d handlers ran", len(got))
	}
}

// TestOnceRunsOnce (K14): however many events are under way.
func TestOnceRunsOnce(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	for range 50 {
		s.Once("free", l.say("free"), sio.Free)
		s.Once("serial", l.say("serial"))
		for range 5 {
			emit(t, c, "free")
			emit(t, c, "serial")
		}
		clock.Settle()
		if got := l.take(); len(got) != 2 {
			t.Fatalf("ran %q", got)
		}
	}
}

// TestOnOutgoing (K08, R09): functions for what goes out see direct events and
// broadcasts, once for each receiver, with their arguments, and no acknowledgements.
func TestOnOutgoing(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(who string) func(s *sio.Socket, m *sio.Msg) {
		return func(s *sio.Socket, m *sio.Msg) {
			v, _ := m.Int(0)
			b, _ := m.Binary(1)
			if m.Socket() != s {
				t.Error("another socket's message")
			}
			mu.Lock()
			seen[fmt.Sprintf("%s %s %d %s", who, m.Event(), v, b)]++
			mu.Unlock()
		}
	}
	a, b := pair(t, srv)
	sa, sb := socket(t, srv, a), socket(t, srv, b)
	want := func(list map[string]int) {
		t.Helper()
		siotest.Start(t, srv).Settle()
		mu.Lock()
		defer mu.Unlock()
		if !reflect.DeepEqual(seen, list) {
			t.Errorf("got %v\nwant %v", seen, list)
		}
		seen = map[string]int{}
	}
	srv.OnOutgoing(note("ns"))
	sa.OnOutgoing(note("second"))
	sa.PrependOutgoing(note("first"))
	if err := sa.Join("room"); err != nil {
		t.Fatal(err)
	}
	bin := []byte("bin")
	emit(t, sa, "direct", 1, bin)
	emit(t, sb, "direct", 2, bin)
	emit(t, srv, "all", 3, bin)
	emit(t, srv.To("room"), "room", 4, bin)
	emit(t, sa.To("room"), "room without sender", 5, bin)
	emit(t, srv.To(sb.ID()), "by id", 6, bin)
	emit(t, srv.Room("room"), "handle", 7, bin)
	want(map[string]int{
		"ns direct 1 bin": 1, "first direct 1 bin": 1, "second direct 1 bin": 1,
		"ns direct 2 bin": 1,
		"ns all 3 bin":    2, "first all 3 bin": 1, "second all 3 bin": 1,
		"ns room 4 bin": 1, "first room 4 bin": 1, "second room 4 bin": 1,
		"ns by id 6 bin":  1,
		"ns handle 7 bin": 1, "first handle 7 bin": 1, "second handle 7 bin": 1,
	})
	sa.OffOutgoing()
	srv.On("q", func(s *sio.Socket, m *sio.Msg) error { return m.Ack(8, bin) })
	if _, err := a.Ask(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	a.On("ask", func(e *siotest.Event) { e.Ack() })
	b.On("ask", func(e *siotest.Event) { e.Ack() })
	if _, err := sa.Ask(t.Context(), "ask", 9, bin); err != nil {
		t.Fatal(err)
	}
	for _, err := range srv.All().AskAll(t.Context(), "ask", 10, bin) {
		if err != nil {
			t.Fatal(err)
		}
	}
	want(map[string]int{"ns ask 9 bin": 1, "ns ask 10 bin": 2})
}

// TestOnOutgoingOfPatterns (R09, C08): what is registered with a pattern holds for its namespaces,
// those made before and after.
func TestOnOutgoingOfPatterns(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	p := srv.OfPattern("/m/{id}")
	before := siotest.Dial(t, srv, "/m/before")
	p.OnOutgoing(func(s *sio.Socket, m *sio.Msg) { l.add("%s %s", s.Namespace().Name(), m.Event()) })
	after := siotest.Dial(t, srv, "/m/after")
	for _, c := range []*siotest.Client{before, after} {
		n := srv.Of(c.Namespace())
		emit(t, n, "broadcast")
		emit(t, socket(t, n, c), "direct")
	}
	siotest.Start(t, srv).Settle()
	got := l.take()
	slices.Sort(got)
	if want := []string{"/m/after broadcast", "/m/after direct", "/m/before broadcast", "/m/before direct"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestUnhandled (K08): an event that nobody listens to is counted, unless OnUnhandled takes
// it; a client that waits for an answer to it gets none.
func TestUnhandled(t *testing.T) {
	srv := newServer(t, sio.Options{})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	socket(t, srv, c).OnDisconnect(func(sio.Reason) {}) // listens, but not to events
	emit(t, c, "nobody")
	emit(t, c, "nobody", []byte("at all"))
	clock.Settle()
	if n := srv.Stats().Unhandled; n != 2 {
		t.Errorf("%d unhandled events were counted", n)
	}
	var l log
	srv.OnUnhandled(func(s *sio.Socket, m *sio.Msg) error { l.add("%s/%d", m.Event(), m.Len()); return nil })
	emit(t, c, "nobody", 1, 2)
	clock.Settle()
	l.want(t, "nobody/2")
	if n := srv.Stats().Unhandled; n != 2 {
		t.Errorf("%d unhandled events were counted", n)
	}
}

// TestListenersAddedInOnConnect (K14): what OnConnect or an earlier handler adds listens to
// events that had come before it did so.
func TestListenersAddedInOnConnect(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	hold := make(chan struct{})
	srv.OnConnect(func(s *sio.Socket) {
		recv(t, hold)
		s.On("x", func(s *sio.Socket, m *sio.Msg) error {
			l.add("x")
			s.On("y", l.say("y"))
			srv.On("z", l.say("z"))
			return nil
		})
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	for _, e := range []string{"y", "x", "y", "z", "unknown"} {
		emit(t, c, e)
	}
	clock.Advance(100 * time.Millisecond) // the loop has seen them
	close(hold)
	clock.Settle()
	l.want(t, "x", "y", "z")
	if n := srv.Stats().Unhandled; n != 2 {
		t.Errorf("%d unhandled events were counted", n)
	}
}
