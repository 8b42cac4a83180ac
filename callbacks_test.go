package sio_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestOnRoomMayLookAround (R03): OnRoom is called with nothing locked that its function
// might ask for, whoever it is that joins: a goroutine, a loop, or a socket that is let in.
func TestOnRoomMayLookAround(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.Use(func(_ context.Context, s *sio.Socket) error { return s.Join("early") })
	var mu sync.Mutex
	seen := map[string]bool{}
	srv.OnRoom(func(e sio.RoomEvent) {
		for s := range srv.Sockets() {
			rooms := s.Rooms()
			if e.Kind != sio.RoomCreated || e.Room == "early" {
				continue
			}
			if !slices.Contains(rooms, e.Room) || !s.In(e.Room) {
				t.Errorf("%s is there, and its first member is in %q", e.Room, rooms)
			}
			if err := s.Emit("created", e.Room); err != nil {
				t.Error(err)
			}
		}
		srv.Of("/made by OnRoom")
		_, _ = srv.Rooms(), srv.Stats()
		mu.Lock()
		defer mu.Unlock()
		seen[e.Room] = true
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := siotest.Dial(t, srv, "/")
		s := socket(t, srv, c)
		if err := s.Join("by a goroutine", "and another"); err != nil {
			t.Error(err)
		}
		if err := srv.All().Join(context.Background(), "by a loop"); err != nil {
			t.Error(err)
		}
		for _, room := range []string{"by a goroutine", "and another", "by a loop"} {
			c.Expect("created", room)
		}
		if err := s.Leave("and another"); err != nil {
			t.Error(err)
		}
	}()
	recv(t, done)
	siotest.Start(t, srv).Settle()
	mu.Lock()
	defer mu.Unlock()
	for _, room := range []string{"early", "by a goroutine", "and another", "by a loop"} {
		if !seen[room] {
			t.Errorf("nobody was told of %q", room)
		}
	}
}

// TestOnRoomHoldsUpNobody (R03): while OnRoom is told of a socket's room, the socket can
// end, and its loop goes on.
func TestOnRoomHoldsUpNobody(t *testing.T) {
	srv := newServer(t, sio.Options{Loops: 1})
	telling, on := make(chan struct{}), make(chan struct{})
	srv.OnRoom(func(e sio.RoomEvent) {
		if e.Kind == sio.RoomCreated && e.Room == "slow" {
			close(telling)
			<-on
		}
	})
	rooms := make(chan []string, 1)
	srv.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
		select {
		case rooms <- s.Rooms()[1:]:
		default: // of the other one
		}
	})
	clock := siotest.Start(t, srv)
	c, other := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	joined := make(chan error)
	go func() { joined <- s.Join("slow") }()
	recv(t, telling)
	c.Cut()
	recv(t, s.Context().Done())
	emit(t, srv, "still", "there")
	other.Expect("still", "there")
	if got := recv(t, rooms); !slices.Equal(got, []string{"slow"}) {
		t.Errorf("in OnDisconnect the rooms are %q", got)
	}
	close(on)
	if err := recv(t, joined); err != nil {
		t.Error(err)
	}
	clock.Settle()
	if rooms := srv.Rooms(); len(rooms) != 0 {
		t.Errorf("the rooms %q have outlived their member", rooms)
	}
}

// TestJoinsAndLeavesAtOnce (R02, R03): what a socket says it is in, it is in, whoever has
// joined and left meanwhile, also while it is let in.
func TestJoinsAndLeavesAtOnce(t *testing.T) {
	srv := newServer(t, sio.Options{})
	names := []string{"a", "b", "c"}
	srv.OnRoom(func(sio.RoomEvent) { // between what is said and what is done, give others the time to interfere
		for range 20 {
			runtime.Gosched()
		}
	})
	var under sync.WaitGroup
	srv.Use(func(_ context.Context, s *sio.Socket) error {
		for i := range 4 {
			under.Go(func() {
				for j := range 3 { // few: what counts is how the last ones meet
					room := names[j%len(names)]
					if (i+j)%2 == 0 {
						_ = s.Join(room)
					} else {
						_ = s.Leave(room)
					}
				}
			})
		}
		return nil
	})
	clock := siotest.Start(t, srv)
	for range 200 {
		c := siotest.Dial(t, srv, "/")
		s := socket(t, srv, c)
		under.Wait()
		clock.Settle()
		for _, room := range names {
			ids, err := srv.To(room).IDs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(ids, s.ID()) != s.In(room) {
				t.Errorf("in %q: %v, reached there: %v", room, s.In(room), !s.In(room))
			}
		}
		c.Close() // so that the next one creates the rooms
		clock.Settle()
	}
}

// TestWrapMayCallTheServer (C14): what Wrap is given is called with nothing locked.
func TestWrapMayCallTheServer(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	var once sync.Once
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Wrap(func(next sio.Handler) sio.Handler {
			srv.Of("/made by a wrap")
			srv.OfPattern("/also/{id}")
			_, _ = srv.Namespaces(), srv.Stats()
			once.Do(func() { srv.On("inner", l.say("inner")) })
			return next
		})
		srv.On("outer", l.say("outer"))
	}()
	recv(t, done)
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "outer")
	emit(t, c, "inner")
	clock.Settle()
	l.want(t, "outer", "inner")
}

// TestWrapKeepsItsState (C14): a wrap is not made anew for an event, nor because something
// else is registered.
func TestWrapKeepsItsState(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	var made atomic.Int32
	counting := func(next sio.Handler) sio.Handler {
		made.Add(1)
		n := 0
		return func(s *sio.Socket, m *sio.Msg) error {
			n++
			l.add("%s %d", m.Event(), n)
			return next(s, m)
		}
	}
	srv.On("e", l.say("run"))
	srv.Wrap(counting)
	srv.OnConnect(func(s *sio.Socket) { s.On("own", l.say("run own")) })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	play := func() {
		for _, e := range []string{"e", "own", "unknown"} {
			emit(t, c, e)
		}
		clock.Settle()
	}
	play()
	l.want(t, "e 1", "run", "own 1", "run own", "unknown 1")
	before := made.Load()
	srv.On("later", l.say("later"))
	srv.OnError(func(*sio.Socket, error) {})
	play()
	l.want(t, "e 2", "run", "own 2", "run own", "unknown 2")
	if n := made.Load() - before; n != 1 {
		t.Errorf("%d wraps were made for one handler", n)
	}
	srv.Wrap(func(next sio.Handler) sio.Handler {
		return func(s *sio.Socket, m *sio.Msg) error { l.add("inner"); return next(s, m) }
	})
	play()
	l.want(t, "e 1", "inner", "run", "own 1", "inner", "run own", "unknown 1", "inner")
	srv.OnUnhandled(l.say("unhandled"))
	play()
	l.want(t, "e 2", "inner", "run", "own 2", "inner", "run own", "unknown 1", "inner", "unhandled")
}

// TestWrapPanics: of one that panics when it is registered nothing is left; around a
// socket's own handler it is that handler's panic.
func TestWrapPanics(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.On("e", l.say("run"))
	func() {
		defer func() {
			if v := recover(); v != "no" {
				t.Errorf("Wrap panicked with %v", v)
			}
		}()
		srv.Wrap(func(sio.Handler) sio.Handler { panic("no") })
	}()
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "e")
	clock.Settle()
	l.want(t, "run")

	n := srv.Of("/own")
	n.OnUnhandled(l.say("unhandled"))
	var armed atomic.Bool
	n.Wrap(func(next sio.Handler) sio.Handler {
		if armed.Load() {
			panic("around own")
		}
		return next
	})
	n.OnConnect(func(s *sio.Socket) { s.On("e", l.say("own")) })
	n.OnError(func(_ *sio.Socket, err error) {
		var p *sio.PanicError
		if !errors.As(err, &p) || p.Value != "around own" || p.Event != "e" {
			t.Errorf("told %v", err)
		}
		l.add("panic")
	})
	n.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { l.add("%s", r) })
	armed.Store(true)
	bad := siotest.Dial(t, srv, "/own")
	emit(t, bad, "e")
	bad.ExpectEnd("transport close")
	clock.Settle()
	l.want(t, "panic", string(sio.ServerError))
}

// TestRegisteringWhilePatternsGrow (C08): every namespace of a pattern has every handler
// of the pattern once, whichever came first.
func TestRegisteringWhilePatternsGrow(t *testing.T) {
	const handlers, namespaces = 24, 24
	srv := newServer(t, sio.Options{})
	p := srv.OfPattern("/n/{id}")
	p.Wrap(func(next sio.Handler) sio.Handler {
		srv.Of("/not of the pattern")
		runtime.Gosched()
		return next
	})
	var mu sync.Mutex
	got := map[string]int{}
	var own atomic.Int32
	var all sync.WaitGroup
	for g := range 2 {
		all.Go(func() {
			for i := range handlers {
				tag := string(rune('a'+g)) + string(rune('a'+i))
				p.On("e", func(s *sio.Socket, m *sio.Msg) error {
					mu.Lock()
					defer mu.Unlock()
					got[s.Namespace().Name()+" "+tag]++
					return nil
				})
			}
		})
		all.Go(func() {
			for i := range namespaces {
				n := srv.Of("/n/" + string(rune('a'+g)) + string(rune('a'+i)))
				n.On("e", func(*sio.Socket, *sio.Msg) error { own.Add(1); return nil })
			}
		})
	}
	all.Wait()
	clock := siotest.Start(t, srv)
	for _, n := range p.Children() {
		emit(t, siotest.Dial(t, srv, n.Name()), "e")
	}
	clock.Settle()
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 2*namespaces*2*handlers || own.Load() != 2*namespaces {
		t.Errorf("%d handlers have run, and %d of namespaces", len(got), own.Load())
	}
	for who, n := range got {
		if n != 1 || !strings.HasPrefix(who, "/n/") {
			t.Errorf("%s ran %d times", who, n)
		}
	}
}
