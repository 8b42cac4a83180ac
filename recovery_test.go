package sio_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// A trip is a client of a server with recovery, and its ways back.
type trip struct {
	t     *testing.T
	srv   *sio.Server
	clock *siotest.Clock
	c     *siotest.Client
	log   log // what the server is told
}

// newTrip connects a client on loop 0. The server joins it to the room "home" when it is new,
// and tells of connects, ends and expiries.
func newTrip(t *testing.T, o sio.Options, opts ...siotest.DialOption) *trip {
	if o.Recovery == nil {
		o.Recovery = &sio.Recovery{}
	}
	x := &trip{t: t}
	o.Recovery.OnExpired = func(s *sio.Socket) { x.log.add("expired") }
	x.srv = newServer(t, o)
	x.srv.OnConnect(func(s *sio.Socket) {
		x.log.add("connect %v", s.Recovered())
		if !s.Recovered() {
			if err := s.Join("home"); err != nil {
				t.Error(err)
			}
		}
	})
	x.srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { x.log.add("%s", r) })
	x.clock = siotest.Start(t, x.srv)
	x.c = siotest.Dial(t, x.srv, "/", append(opts, siotest.Loop(0))...)
	x.settle()
	x.log.want(t, "connect false")
	return x
}

func (x *trip) settle() {
	x.t.Helper()
	if !x.clock.Settle() {
		x.t.Fatal("the server does not come to rest")
	}
}

// cut cuts the client's connection.
func (x *trip) cut() {
	x.t.Helper()
	x.c.Cut()
	x.settle()
}

// back has the client come back, on loop 1, and checks whether it is recovered.
func (x *trip) back(want bool, opts ...siotest.DialOption) *siotest.Client {
	x.t.Helper()
	old := x.c
	x.c = siotest.Dial(x.t, x.srv, "/", append(opts, siotest.Resume(old), siotest.Loop(1))...)
	x.settle()
	if got := x.c.Recovered(); got != want {
		x.t.Fatalf("recovered: %v, want %v", got, want)
	}
	pid, _ := x.c.Recovery()
	was, _ := old.Recovery()
	if same := x.c.ID() == old.ID(); same != want || (pid == was) != want || len(pid) < 20 || pid == x.c.ID() {
		x.t.Fatalf("id %q, secret %q; before %q, %q", x.c.ID(), pid, old.ID(), was)
	}
	return x.c
}

// emit sends to everybody what the target says.
func (x *trip) emit(to interface {
	Emit(event string, args ...any) error
}, event string, args ...any) {
	x.t.Helper()
	emit(x.t, to, event, args...)
}

// want checks that exactly these events have come, "name(args)".
func (x *trip) want(events ...string) {
	x.t.Helper()
	var got []string
	for _, e := range x.c.Drain() {
		got = append(got, e.String())
	}
	if strings.Join(got, " ") != strings.Join(events, " ") {
		x.t.Errorf("got  %q\nwant %q", got, events)
	}
}

// TestRecovery (V01, V02, V03, V04, V05, V06, V07): situations in which clients come back.
func TestRecovery(t *testing.T) {
	for name, f := range map[string]func(t *testing.T){
		"what was missed, in order, and what follows": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.emit(x.srv, "all", 1)
			x.want("all(1)")
			s := socket(t, x.srv, x.c)
			x.cut()
			x.log.want(t, "transport close")
			x.emit(x.srv, "all", 2, []byte{7})
			x.emit(x.srv.To("home"), "room", 3)
			x.emit(x.srv.To("other"), "room", "no")
			x.emit(x.srv.Except("home"), "all", "no")
			x.emit(x.srv.All().Volatile(), "all", "no")
			x.emit(x.srv.To("home", "other"), "rooms", 4)
			x.emit(x.srv.To(x.c.ID()), "own", 5)
			x.emit(s, "stale", 6) // the socket has ended, its client may come back
			x.back(true)
			x.log.want(t, "connect true")
			x.emit(x.srv, "all", 7)
			x.want("all(2, <1 bytes: 07>)", "room(3)", "rooms(4)", "own(5)", "stale(6)", "all(7)")
			if now := socket(t, x.srv, x.c); now == s || !now.Recovered() || !slices.Equal(now.Rooms(), []string{x.c.ID(), "home"}) {
				t.Errorf("rooms %q", now.Rooms())
			}
			x.emit(s, "stale", 8)
			x.want("stale(8)")
		},
		"nothing was sent, ever": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			for range 5 {
				x.cut()
				x.back(true)
			}
			x.want()
		},
		"nothing was sent before": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.cut()
			x.emit(x.srv, "e", 1)
			x.back(true)
			x.want("e(1)")
		},
		"five times in a row": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			for i := range 5 {
				x.emit(x.srv, "live", i)
				x.want(fmt.Sprintf("live(%d)", i))
				x.cut()
				x.emit(x.srv, "missed", i)
				x.back(true)
				x.want(fmt.Sprintf("missed(%d)", i))
			}
			x.cut()
			x.back(true)
			x.want()
		},
		"half an hour idle, then a cut": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.emit(x.srv, "e", 1)
			x.emit(x.srv.To("other"), "e", "no")
			x.want("e(1)")
			for i := range 30 {
				x.clock.Advance(time.Minute)
				x.emit(x.srv.To("other"), "e", i)
			}
			x.cut()
			x.emit(x.srv, "e", 2)
			x.clock.Advance(100 * time.Second)
			x.back(true)
			x.want("e(2)")
		},
		"half an hour idle, nothing ever, then a cut": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.clock.Advance(30 * time.Minute)
			x.cut()
			x.back(true)
		},
		"the old connection still lives": func(t *testing.T) {
			x := newTrip(t, sio.Options{}, siotest.Mute())
			x.emit(x.srv, "e", 1)
			old := x.c
			x.want("e(1)")
			x.emit(x.srv, "e", 2)
			x.settle()
			x.back(true)
			x.log.want(t, "transport close", "connect true")
			x.want() // it has come, on the old one
			if old.Reason() == "" {
				t.Error("the old connection has not ended")
			}
			x.emit(x.srv, "e", 3)
			x.want("e(3)")
		},
		"silence, then the ping timeout": func(t *testing.T) {
			x := newTrip(t, sio.Options{}, siotest.Mute())
			x.clock.Advance(46 * time.Second)
			x.settle()
			x.log.want(t, "ping timeout")
			x.emit(x.srv, "e", 1)
			x.back(true)
			x.want("e(1)")
		},
		"over polling": func(t *testing.T) {
			x := newTrip(t, sio.Options{}, siotest.Polling())
			x.emit(x.srv, "e", 1)
			x.want("e(1)")
			x.cut()
			x.clock.Advance(50 * time.Second)
			x.emit(x.srv, "e", 2, []byte{1})
			x.back(true, siotest.Upgrade())
			x.want("e(2, <1 bytes: 01>)")
		},
		"too late": func(t *testing.T) {
			x := newTrip(t, sio.Options{Recovery: &sio.Recovery{Window: time.Minute}})
			x.cut()
			x.log.want(t, "transport close")
			x.clock.Advance(59 * time.Second)
			x.settle()
			x.log.want(t)
			x.clock.Advance(time.Second + 100*time.Millisecond)
			x.settle()
			x.log.want(t, "expired")
			x.emit(x.srv, "e", 1)
			x.back(false)
			x.log.want(t, "connect false")
			x.want()
		},
		"rooms change just before the cut": func(t *testing.T) {
			x := newTrip(t, sio.Options{}, siotest.Mute())
			s := socket(t, x.srv, x.c)
			x.emit(x.srv, "e", 0)
			x.want("e(0)")
			x.emit(x.srv.To("late"), "e", "no")
			_ = s.Join("late")
			x.emit(x.srv.To("late"), "e", 1)
			x.emit(x.srv.To("home"), "e", 2)
			_ = s.Leave("home")
			x.emit(x.srv.To("home"), "e", "no")
			_ = s.Join("home")
			_ = s.Leave("home")
			x.settle()
			x.want("e(1)", "e(2)")
			x.cut()
			x.emit(x.srv.To("late"), "e", 3)
			x.emit(x.srv.To("home"), "e", "no")
			x.back(true)
			x.want("e(3)")
		},
		"what was on its way when it left a room": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			s := socket(t, x.srv, x.c)
			x.emit(x.srv, "e", 0)
			x.want("e(0)")
			pid, offset := x.c.Recovery()
			x.emit(x.srv.To("new"), "e", "no")
			_ = s.Join("new")
			x.emit(x.srv.To("home"), "e", 1)
			x.emit(x.srv.To("new"), "e", 2)
			_ = s.Leave("home")
			x.emit(x.srv.To("home"), "e", "no")
			x.cut() // and the client has got none of them
			x.c = siotest.Dial(t, x.srv, "/", siotest.Auth(map[string]any{"pid": pid, "offset": offset}))
			x.want("e(1)", "e(2)")
			if rooms := socket(t, x.srv, x.c).Rooms(); !slices.Equal(rooms, []string{x.c.ID(), "new"}) {
				t.Errorf("rooms %q", rooms)
			}
		},
		"operations during the outage": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.cut()
			ctx := context.Background()
			for _, err := range []error{
				x.srv.To("home").Join(ctx, "no"), x.srv.All().Leave(ctx, "home"), x.srv.All().Disconnect(ctx, sio.Disconnect{}),
			} {
				if err != nil {
					t.Error(err)
				}
			}
			x.back(true)
			if rooms := socket(t, x.srv, x.c).Rooms(); !slices.Equal(rooms, []string{x.c.ID(), "home"}) {
				t.Errorf("rooms %q", rooms)
			}
		},
		"disconnected, or gone for good": func(t *testing.T) {
			for _, end := range []func(x *trip){
				func(x *trip) { x.c.Disconnect() },
				func(x *trip) { socket(t, x.srv, x.c).Disconnect(sio.Disconnect{}) },
				func(x *trip) { socket(t, x.srv, x.c).Disconnect(sio.Disconnect{Close: true}) },
				func(x *trip) { _ = x.c.SendRaw("nonsense") },
			} {
				x := newTrip(t, sio.Options{})
				x.emit(x.srv, "e", 1)
				x.want("e(1)")
				s := socket(t, x.srv, x.c)
				end(x)
				x.settle()
				if err := s.Emit("e"); err != sio.ErrClosed {
					t.Errorf("Emit: %v", err)
				}
				x.back(false)
			}
		},
		"closed over an error, or to come back": func(t *testing.T) {
			for _, end := range []func(x *trip){
				func(x *trip) { _ = x.c.SendRaw("42nonsense") },
				func(x *trip) { _ = x.c.SendRaw("40") },
				func(x *trip) { socket(t, x.srv, x.c).Disconnect(sio.Disconnect{AllowReconnect: true}) },
				func(x *trip) { socket(t, x.srv, x.c).Conn().Close(true) },
			} {
				x := newTrip(t, sio.Options{})
				end(x)
				x.settle()
				x.emit(x.srv, "e", 1)
				x.back(true)
				x.want("e(1)")
			}
		},
		"volatile events do not spoil the offset": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.emit(x.srv, "e", 1)
			x.emit(x.srv.All().Volatile(), "tick")
			x.emit(socket(t, x.srv, x.c).Self().Volatile(), "say", "hello")
			x.emit(x.srv.All().Volatile(), "number", 3)
			x.want("e(1)", "tick()", `say("hello")`, "number(3)")
			x.cut()
			x.emit(x.srv, "e", 2)
			x.back(true)
			x.want("e(2)")
		},
		"a filter is asked about the socket of now": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.cut()
			x.emit(x.srv.All().Filter(func(s *sio.Socket) bool { return s.In("home") }), "e", 1)
			x.emit(x.srv.All().Filter(func(s *sio.Socket) bool { return s.In("other") }), "e", "no")
			x.back(true)
			x.want("e(1)")
		},
		"slots": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			slot := sio.NewSlot[*int]()
			v := new(int)
			slot.Set(socket(t, x.srv, x.c), v)
			x.cut()
			x.back(true)
			if slot.Get(socket(t, x.srv, x.c)) != v {
				t.Error("another value")
			}
		},
		"a wrong secret, a wrong offset": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			y := newTrip(t, sio.Options{})
			x.emit(x.srv, "e", 1)
			x.want("e(1)")
			y.emit(y.srv, "e", 1)
			y.want("e(1)")
			pid, offset := x.c.Recovery()
			_, foreign := y.c.Recovery()
			for name, auth := range map[string]any{
				"another secret":               map[string]any{"pid": x.c.ID(), "offset": offset},
				"no secret":                    map[string]any{"offset": offset},
				"a secret that is no text":     map[string]any{"pid": 1, "offset": offset},
				"a key that only looks so":     map[string]any{"PID": pid, "offset": offset},
				"offset of another server":     map[string]any{"pid": pid, "offset": foreign},
				"offset that never was":        map[string]any{"pid": pid, "offset": offset[:15] + "_"},
				"offset of the wrong length":   map[string]any{"pid": pid, "offset": offset + "A"},
				"offset that is no base64":     map[string]any{"pid": pid, "offset": strings.Repeat("\n", 16)},
				"offset that is no text":       map[string]any{"pid": pid, "offset": 7},
				"offset that is somebody else": map[string]any{"pid": pid, "offset": "hello"},
			} {
				c := siotest.Dial(t, x.srv, "/", siotest.Auth(auth))
				if s := socket(t, x.srv, c); s.Recovered() || c.ID() == x.c.ID() {
					t.Errorf("%s: recovered", name)
				}
			}
			if x.c.Reason() != "" {
				t.Errorf("the client was ended: %q", x.c.Reason())
			}
		},
		"an offset of before, and nothing since": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			auth := siotest.Auth(map[string]any{"pid": "gone", "offset": "of the server before"})
			x.c = siotest.Dial(t, x.srv, "/", auth)
			x.settle()
			pid, _ := x.c.Recovery()
			x.cut()
			x.emit(x.srv, "e", 1)
			x.c = siotest.Dial(t, x.srv, "/", siotest.Auth(map[string]any{"pid": pid, "offset": "of the server before"}))
			x.want("e(1)")
			if s := socket(t, x.srv, x.c); !s.Recovered() {
				t.Error("not recovered")
			}
		},
		"too much": func(t *testing.T) {
			for _, r := range []sio.Recovery{{MaxMissed: 1000}, {MaxBytes: 5000}} {
				x := newTrip(t, sio.Options{Recovery: &r})
				x.emit(x.srv, "e", 0)
				x.want("e(0)")
				x.cut()
				x.emit(x.srv, "e", 1)
				x.back(true)
				x.want("e(1)")
				x.cut()
				for range 20 {
					x.emit(x.srv, "e", strings.Repeat("x", 100))
				}
				x.log.take()
				x.back(false)
				x.log.want(t, "expired", "connect false")
				x.want()
			}
		},
		"too much for others": func(t *testing.T) {
			x := newTrip(t, sio.Options{Recovery: &sio.Recovery{MaxBytes: 5000}})
			x.emit(x.srv.To("home"), "e", 0)
			x.want("e(0)")
			x.cut()
			for range 20 {
				x.emit(x.srv.To("other"), "e", strings.Repeat("x", 100))
			}
			x.emit(x.srv.To("home"), "e", 1)
			x.back(true)
			x.want("e(1)")
		},
		"a burst": func(t *testing.T) {
			for _, opts := range [][]siotest.DialOption{nil, {siotest.Polling()}} {
				x := newTrip(t, sio.Options{Queue: sio.Queue{MaxBytes: 100_000}, Recovery: &sio.Recovery{MaxMissed: 1 << 20}})
				x.cut()
				var want []string
				for i := range 5000 {
					x.emit(x.srv, "e", i)
					want = append(want, fmt.Sprintf("e(%d)", i))
				}
				x.back(true, opts...)
				x.want(want...)
			}
		},
		"of too many the oldest": func(t *testing.T) {
			oldestExpires(t, &sio.Recovery{MaxSockets: 2})
		},
		"of those who keep too much the oldest": func(t *testing.T) {
			oldestExpires(t, &sio.Recovery{MaxBytes: 100_000}, siotest.Auth(map[string]string{"token": strings.Repeat("x", 40_000)}))
		},
		"two at once": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			x.cut()
			old := x.c
			one := siotest.Dial(t, x.srv, "/", siotest.Resume(old), siotest.Loop(0))
			two := siotest.Dial(t, x.srv, "/", siotest.Resume(old), siotest.Loop(1))
			x.settle()
			// The second takes over from the first.
			if !one.Recovered() || !two.Recovered() || one.Reason() == "" || two.Reason() != "" {
				t.Errorf("%v %q, %v %q", one.Recovered(), one.Reason(), two.Recovered(), two.Reason())
			}
		},
		"namespaces have their own": func(t *testing.T) {
			x := newTrip(t, sio.Options{})
			n := x.srv.Of("/n")
			a := x.c.Of("/n")
			emit(t, n, "e", 1)
			a.Expect("e", 1)
			x.cut()
			emit(t, n, "e", 2)
			x.emit(x.srv, "e", 3)
			x.back(true)
			x.want("e(3)")
			b := x.c.Of("/n", siotest.Resume(a))
			if !b.Recovered() {
				t.Error("not recovered")
			}
			b.Expect("e", 2)
			pid, offset := a.Recovery()
			c, err := siotest.TryDial(t, x.srv, "/", siotest.Auth(map[string]any{"pid": pid, "offset": offset}))
			if err != nil || c.ID() == a.ID() {
				t.Error("a secret of another namespace", err)
			}
		},
	} {
		t.Run(name, f)
	}
}

// oldestExpires cuts off three clients where two may be away.
func oldestExpires(t *testing.T, r *sio.Recovery, opts ...siotest.DialOption) {
	t.Helper()
	x := newTrip(t, sio.Options{Recovery: r})
	var all []*siotest.Client
	for range 3 {
		all = append(all, siotest.Dial(t, x.srv, "/", opts...))
	}
	x.settle()
	x.log.take()
	for _, c := range all {
		c.Cut()
		x.settle()
	}
	if told := x.log.take(); len(told) != 4 || !slices.Contains(told, "expired") {
		t.Errorf("told %q", told)
	}
	for i, c := range all {
		x.c = c
		x.back(i > 0)
	}
}
