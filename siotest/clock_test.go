package siotest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestPings: a client answers its pings by itself, however far the clock is moved; a
// mute one is ended on time, to 100 ms. Its first ping comes in the last three quarters
// of the interval.
func TestPings(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{PingInterval: 10 * time.Second, PingTimeout: 5 * time.Second})
			gone := make(chan sio.Reason, 2)
			srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { gone <- r })
			clock := siotest.Start(t, srv)
			alive := siotest.Dial(t, srv, "/", tr.opts...)
			mute := siotest.Dial(t, srv, "/", append(tr.opts, siotest.Mute())...)

			clock.Advance(7400 * time.Millisecond)
			if r := mute.Reason(); r != "" {
				t.Fatalf("ended before its time: %s", r)
			}
			clock.Advance(7800 * time.Millisecond)
			mute.ExpectEnd("transport close")
			if r := recv(t, gone); r != sio.PingTimeout {
				t.Errorf("reason %q", r)
			}

			clock.Advance(time.Hour)
			if r := alive.Reason(); r != "" {
				t.Errorf("the other one has ended: %s", r)
			}
			alive.ExpectNone()
		})
	}
}

func TestClockNow(t *testing.T) {
	c := siotest.NewClock()
	start := c.Now()
	if want := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); !start.Equal(want) {
		t.Errorf("a new clock shows %v", start)
	}
	c.Advance(-time.Second)
	c.Advance(0)
	c.Advance(90*time.Minute + time.Nanosecond)
	if got := c.Now().Sub(start); got != 90*time.Minute+time.Nanosecond {
		t.Errorf("advanced by %v", got)
	}
	if !c.Settle() {
		t.Error("a clock without servers does not settle")
	}
}

// TestClockOfHandshake: what servers say of time is the clock's.
func TestClockOfHandshake(t *testing.T) {
	srv := newServer(t, sio.Options{})
	clock := siotest.Start(t, srv)
	clock.Advance(time.Hour)
	if got := socket(t, srv, siotest.Dial(t, srv, "/")).Handshake().Time(); !got.Equal(clock.Now()) {
		t.Errorf("the session began at %v, the clock shows %v", got, clock.Now())
	}
}

// TestWithClock has two servers on a clock.
func TestWithClock(t *testing.T) {
	noLeaks(t)
	clock := siotest.NewClock()
	var clients []*siotest.Client
	for _, patience := range []time.Duration{time.Second, 2 * time.Second} {
		srv, err := sio.New(sio.Options{PingInterval: time.Second, PingTimeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		if got := siotest.Start(t, srv, siotest.WithClock(clock)); got != clock {
			t.Error("Start returns another clock")
		}
		if got := siotest.Start(t, srv); got != clock {
			t.Error("Start returns another clock the second time")
		}
		if got := siotest.Start(t, srv, siotest.WithClock(clock)); got != clock {
			t.Error("Start returns another clock the third time")
		}
		clients = append(clients, siotest.Dial(t, srv, "/", siotest.Mute()))
	}
	clock.Advance(2200 * time.Millisecond)
	clients[0].ExpectEnd("transport close")
	if r := clients[1].Reason(); r != "" {
		t.Errorf("the second one has ended: %s", r)
	}
	clock.Advance(time.Second)
	clients[1].ExpectEnd("transport close")
}

// TestSettle: after it, everything that follows from what was said has happened, over
// as many hops as it takes.
func TestSettle(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			srv.On("down", func(s *sio.Socket, m *sio.Msg) error {
				n, err := m.Int(0)
				if n == 0 {
					return s.Broadcast().Emit("done")
				}
				_ = s.Broadcast().Emit("down", n-1)
				return err
			})
			a := siotest.Dial(t, srv, "/", append(tr.opts, siotest.Loop(0))...)
			b := siotest.Dial(t, srv, "/", append(tr.opts, siotest.Loop(1))...)
			for _, c := range []*siotest.Client{a, b} {
				c.On("down", func(e *siotest.Event) {
					var n int
					if e.Decode(0, &n) == nil {
						_ = c.Emit("down", n)
					}
				})
			}
			clock := siotest.Start(t, srv)
			for n := range 20 {
				emit(t, a, "down", n)
				if !clock.Settle() {
					t.Fatal("the server does not come to rest")
				}
				all := append(a.Drain(), b.Drain()...)
				if len(all) != 1 || all[0].Name() != "done" {
					t.Fatalf("after %d hops: %v", n, all)
				}
			}
		})
	}
}

// TestSettleGivesUp: a handler that blocks is told of, and does not stop the clock.
func TestSettleGivesUp(t *testing.T) {
	srv := newServer(t, sio.Options{})
	entered, leave := make(chan bool), make(chan bool)
	srv.On("block", func(*sio.Socket, *sio.Msg) error {
		entered <- true
		<-leave
		return nil
	})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "block")
	recv(t, entered)
	restore := siotest.SetPatience(time.Millisecond)
	if clock.Settle() {
		t.Error("Settle is true while a handler runs")
	}
	restore()
	clock.Advance(time.Minute)
	leave <- true
	if !clock.Settle() {
		t.Error("Settle is false after the handler's end")
	}

	// So does a function of On.
	c.On("hold", func(*siotest.Event) {
		entered <- true
		<-leave
	})
	emit(t, socket(t, srv, c), "hold")
	recv(t, entered)
	defer siotest.SetPatience(time.Millisecond)()
	clock.Advance(time.Minute)
	if clock.Settle() {
		t.Error("Settle is true while a function of On runs")
	}
	leave <- true
}

func TestStartFails(t *testing.T) {
	for _, tc := range []struct {
		name string
		want string
		test func(t siotest.TB, srv *sio.Server)
	}{
		{"closed", "cannot be started: sio: closed", func(t siotest.TB, srv *sio.Server) {
			_ = srv.Close()
			siotest.Start(t, srv)
		}},
		{"another clock", "runs on another clock", func(t siotest.TB, srv *sio.Server) {
			siotest.Start(t, srv)
			siotest.Start(t, srv, siotest.WithClock(siotest.NewClock()))
		}},
		{"second test", "cannot be started: sio: closed", func(t siotest.TB, srv *sio.Server) {
			if failed := fake(func(t siotest.TB) { siotest.Dial(t, srv, "/") }); failed != "" {
				t.Errorf("first test: %s", failed)
			}
			siotest.Dial(t, srv, "/")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			if failed := fake(func(t siotest.TB) { tc.test(t, srv) }); !strings.HasPrefix(failed, "siotest: the server ") || !strings.Contains(failed, tc.want) {
				t.Errorf("failed with %q", failed)
			}
		})
	}
	t.Run("runs", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		listen(t, srv)
		if failed := fake(func(t siotest.TB) { siotest.Start(t, srv) }); !strings.Contains(failed, "cannot be started") {
			t.Errorf("failed with %q", failed)
		}
	})
	t.Run("handler runs on", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		entered, leave := make(chan bool), make(chan bool)
		srv.On("block", func(*sio.Socket, *sio.Msg) error {
			entered <- true
			<-leave
			return nil
		})
		defer close(leave)
		failed := fake(func(t siotest.TB) {
			_ = siotest.Dial(t, srv, "/").Emit("block")
			<-entered
		})
		if failed != "siotest: closing the server: sio: handlers are still running" {
			t.Errorf("failed with %q", failed)
		}
	})
}
