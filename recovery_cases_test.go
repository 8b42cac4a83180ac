package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestRecoveryOff (V01, V02, V03): without the option nothing is added to what clients get, and
// nothing is made of what they say.
func TestRecoveryOff(t *testing.T) {
	srv := newServer(t, sio.Options{})
	p := startPolling(t, srv)
	p.post(`40{"pid":"abc","offset":"def"}`)
	if got := p.get(); strings.Contains(got, "pid") {
		t.Errorf("got %q", got)
	}
	emit(t, srv, "e", 1)
	if got := p.get(); got != `42["e",1]` {
		t.Errorf("got %q", got)
	}
	for s := range srv.Sockets() {
		if s.Recovered() {
			t.Error("recovered")
		}
	}
	for _, r := range []sio.Recovery{{Window: -1}, {MaxBytes: -1}, {MaxMissed: -1}, {MaxSockets: -1}} {
		if _, err := sio.New(sio.Options{Recovery: &r}); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

// TestRecoveryWire (V02, V03, V04): what a client sees of it, byte by byte.
func TestRecoveryWire(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{}})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, sio.Inline)
	srv.On("ask", func(_ *sio.Socket, m *sio.Msg) error { return m.Ack("answer") })
	p := startPolling(t, srv)
	p.post("40")
	var hello struct{ SID, PID string }
	connected := p.get()
	if err := json.Unmarshal([]byte(connected[2:]), &hello); err != nil || connected != fmt.Sprintf(`40{"sid":%q,"pid":%q}`, hello.SID, hello.PID) {
		t.Fatalf("got %q", connected)
	}
	// offset checks that a packet is this one with an offset as last argument, which it returns.
	offset := func(got, want string) string {
		t.Helper()
		start, rest, ok := strings.Cut(got, want+`,"`)
		if !ok || start != "" || len(rest) != 16+2 || rest[16:] != `"]` {
			t.Fatalf("got %q, want %q with an offset", got, want)
		}
		return rest[:16]
	}
	emit(t, srv, "e")
	seen := []string{offset(p.get(), `42["e"`)}
	emit(t, srv, "e", []byte{1})
	packet, buffer, _ := strings.Cut(p.get(), "\x1e")
	seen = append(seen, offset(packet, `451-["e",{"_placeholder":true,"num":0}`))
	if buffer != "bAQ==" {
		t.Errorf("attachment %q", buffer)
	}
	s, _ := srv.Socket(hello.SID)
	emit(t, s, "own", "text")
	seen = append(seen, offset(p.get(), `42["own","text"`))
	p.post(`42["echo", 1 ]`)
	seen = append(seen, offset(p.get(), `42["echo", 1 `))
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != 4 {
		t.Errorf("offsets %q", seen)
	}
	// Not counted: answers, questions, and volatile events that end in something else.
	p.post(`421["ask"]`)
	if got := p.get(); got != `431["answer"]` {
		t.Errorf("got %q", got)
	}
	if err := s.AskFunc(0, func(*sio.Msg, error) {}, "question"); err != nil {
		t.Error(err)
	}
	if got := p.get(); got != `420["question"]` {
		t.Errorf("got %q", got)
	}
	// The client has come as far as before when it gets a volatile one.
	got := make(chan string)
	go func() { got <- p.get() }()
	for tick := ""; ; {
		emit(t, srv.All().Volatile(), "tick")
		select {
		case tick = <-got:
		default:
			continue
		}
		first, _, _ := strings.Cut(tick, "\x1e")
		if offset(first, `42["tick"`) != seen[3] {
			t.Errorf("got %q, not %q", first, seen[3])
		}
		break
	}

	// It comes back: CONNECT first, then what it has missed with the offsets of old.
	q := startPolling(t, srv)
	q.post(fmt.Sprintf(`40{"pid":%q,"offset":%q}`, hello.PID, seen[0]))
	again := ""
	for again == "" {
		again = q.get()
	}
	want := strings.Join([]string{
		connected, `451-["e",{"_placeholder":true,"num":0},"` + seen[1] + `"]`, "bAQ==",
		`42["own","text","` + seen[2] + `"]`, `42["echo", 1 ,"` + seen[3] + `"]`,
	}, "\x1e")
	if again != want {
		t.Errorf("got  %q\nwant %q", again, want)
	}
}

// TestRecoveryMiddlewares (V01, V04): who comes back is let in again; with RunMiddlewares Use is
// asked about it, as it was.
func TestRecoveryMiddlewares(t *testing.T) {
	slot := sio.NewSlot[string]()
	for _, run := range []bool{false, true} {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			x := newTrip(t, sio.Options{Recovery: &sio.Recovery{RunMiddlewares: run}})
			s := socket(t, x.srv, x.c)
			slot.Set(s, "kept")
			_ = s.Join("out")
			var refuse error
			x.srv.Use(func(_ context.Context, s *sio.Socket) error {
				x.log.add("use %v %v %q %q", s.Recovered(), s.Connected(), slot.Get(s), s.Rooms()[1:])
				if refuse == nil {
					emit(t, s, "from use", 2)
					_ = s.Join("in")
					_ = s.Leave("out")
				}
				return refuse
			})
			x.cut()
			x.emit(x.srv.To("out"), "e", 1)
			x.log.take()
			if !run {
				x.back(true)
				x.log.want(t, "connect true")
				x.want("e(1)")
				return
			}
			refuse = sio.Refuse{Message: "not now"}
			old := x.c
			_, err := siotest.TryDial(t, x.srv, "/", siotest.Resume(old))
			if c := (*siotest.ConnectError)(nil); !errors.As(err, &c) || c.Message != "not now" {
				t.Errorf("error %v", err)
			}
			x.settle()
			x.log.want(t, `use true false "kept" ["home" "out"]`)
			refuse = nil
			x.back(true)
			x.log.want(t, `use true false "kept" ["home" "out"]`, "connect true")
			x.want("e(1)", "from use(2)")
			x.emit(x.srv.To("out"), "e", "no")
			x.emit(x.srv.To("in"), "e", 3)
			x.want("e(3)")
			x.cut()
			x.emit(x.srv.To("in"), "e", 4)
			x.back(true)
			x.want("e(4)", "from use(2)")
		})
	}
}

// TestRecoveryUse (C13): what Use sends to a new client comes when it is in, and counts.
func TestRecoveryUse(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{}})
	srv.Use(func(_ context.Context, s *sio.Socket) error {
		emit(t, srv, "all", "no") // it is not in
		emit(t, s, "hello", 1)
		return s.Join("room")
	})
	c := siotest.Dial(t, srv, "/")
	emit(t, srv.To("room"), "e", 2)
	c.Expect("hello", 1)
	c.Expect("e", 2)
	c.ExpectNone()
}

// TestRecoveryLeavesInUse: a client that goes again while Use is asked can come back once more.
func TestRecoveryLeavesInUse(t *testing.T) {
	x := newTrip(t, sio.Options{Recovery: &sio.Recovery{RunMiddlewares: true}})
	asked, go_ := make(chan struct{}), make(chan struct{})
	x.srv.Use(func(ctx context.Context, s *sio.Socket) error {
		asked <- struct{}{}
		<-go_
		return nil
	})
	x.cut()
	x.emit(x.srv, "e", 1)
	old := x.c
	pid, _ := old.Recovery()
	p := startPolling(t, x.srv)
	p.post(fmt.Sprintf(`40{"pid":%q}`, pid))
	recv(t, asked)
	// Somebody else is slower, and begins anew.
	other := make(chan *siotest.Client)
	go func() {
		c, _ := siotest.TryDial(t, x.srv, "/", siotest.Resume(old))
		other <- c
	}()
	recv(t, asked)
	p.post("1")
	go_ <- struct{}{}
	go_ <- struct{}{}
	if c := recv(t, other); c == nil || c.Recovered() {
		t.Error("two have come back")
	}
	x.settle()
	x.log.take()
	go func() { <-asked; go_ <- struct{}{} }()
	x.back(true)
	x.log.want(t, "connect true")
	x.want("e(1)")
}

// TestRecoveryWaits (K11, R05): a client is let in again when OnDisconnect is through with what
// it was before, and not beside that. Of two that come meanwhile one wins.
func TestRecoveryWaits(t *testing.T) {
	x := newTrip(t, sio.Options{}, siotest.Mute())
	entered, leave := make(chan struct{}), make(chan struct{})
	x.srv.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
		entered <- struct{}{}
		<-leave
		x.log.add("through %q", s.Rooms()[1:])
	})
	old := x.c
	won := make(chan *siotest.Client)
	go func() {
		c, err := siotest.TryDial(t, x.srv, "/", siotest.Resume(old), siotest.Loop(1))
		if err != nil {
			t.Error(err)
		}
		won <- c
	}()
	recv(t, entered)
	x.emit(x.srv, "e", 1)
	second := siotest.Dial(t, x.srv, "/", siotest.Resume(old))
	if second.Recovered() {
		t.Error("the second has won")
	}
	leave <- struct{}{}
	c := recv(t, won)
	x.settle()
	told := slices.DeleteFunc(x.log.take(), func(s string) bool { return s == "connect false" })
	if !slices.Equal(told, []string{"transport close", `through ["home"]`, "connect true"}) {
		t.Errorf("told %q", told)
	}
	if !c.Recovered() || c.ID() != old.ID() {
		t.Error("not recovered")
	}
	c.Expect("e", 1)
	go func() { // their ends, with the test's
		for range 2 {
			<-entered
			leave <- struct{}{}
		}
	}()
	c.Close()
	second.Close()
	x.settle()
}

// TestRecoveryLeftMeanwhile: a client whose socket has left for good, when its connection is to
// be taken over, begins anew.
func TestRecoveryLeftMeanwhile(t *testing.T) {
	x := newTrip(t, sio.Options{})
	entered, leave := make(chan struct{}), make(chan struct{})
	x.srv.On("block", func(*sio.Socket, *sio.Msg) error { entered <- struct{}{}; <-leave; return nil }, sio.Inline)
	emit(t, x.c, "block")
	recv(t, entered)
	old := x.c
	old.Disconnect() // nobody on loop 0 sees it yet
	won := make(chan *siotest.Client)
	go func() {
		c, err := siotest.TryDial(t, x.srv, "/", siotest.Resume(old), siotest.Loop(1))
		if err != nil {
			t.Error(err)
		}
		won <- c
	}()
	for sio.Claims(x.srv.Namespace) == 0 {
		runtime.Gosched()
	}
	leave <- struct{}{}
	if c := recv(t, won); c.Recovered() || c.ID() == old.ID() {
		t.Error("recovered")
	}
	x.settle()
	x.log.want(t, "client namespace disconnect", "connect false")
}

// TestRecoveryCrowded (V06): a client that is about to be let in again does not stand in the
// way of the bound on those who are away, nor expires by it.
func TestRecoveryCrowded(t *testing.T) {
	x := newTrip(t, sio.Options{Recovery: &sio.Recovery{MaxSockets: 1}})
	entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan struct{}, 10)
	slow := x.c.ID()
	x.srv.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
		if s.ID() == slow && !s.Recovered() {
			entered <- struct{}{}
			<-leave
		}
		ended <- struct{}{}
	})
	others := []*siotest.Client{siotest.Dial(t, x.srv, "/"), siotest.Dial(t, x.srv, "/")}
	old := x.c
	won := make(chan *siotest.Client)
	go func() {
		c, err := siotest.TryDial(t, x.srv, "/", siotest.Resume(old), siotest.Loop(1))
		if err != nil {
			t.Error(err)
		}
		won <- c
	}()
	recv(t, entered)
	for _, c := range others {
		c.Cut()
		recv(t, ended)
	}
	leave <- struct{}{}
	if c := recv(t, won); !c.Recovered() {
		t.Error("the one that was about to be let in has expired")
	}
	for i, c := range others {
		x.c = c
		x.back(i == 1)
	}
}

// TestRecoveryForeignOffset (V04, V06): a client that has got nothing but what another server
// sent it says so each time that it comes, also if it had to begin anew in between.
func TestRecoveryForeignOffset(t *testing.T) {
	for _, run := range []bool{false, true} {
		t.Run(fmt.Sprint(run), func(t *testing.T) {
			x := newTrip(t, sio.Options{Recovery: &sio.Recovery{RunMiddlewares: run, MaxMissed: 1000}})
			x.srv.Use(func(context.Context, *sio.Socket) error { return nil })
			pid := "of another server"
			for i, want := range []bool{false, false, true} {
				c := siotest.Dial(t, x.srv, "/", siotest.Auth(map[string]string{"pid": pid, "offset": "1234-5"}))
				x.settle()
				was := pid
				if pid, _ = c.Recovery(); (pid == was) != want {
					t.Fatalf("time %d: recovered %v", i, !want)
				}
				c.Cut()
				x.settle()
				for range 100 * (1 - i) { // so that it has missed too much
					x.emit(x.srv, "e")
				}
			}
		})
	}
}

// TestRecoveryForgets (V06): when nobody can come back any more nothing is kept.
func TestRecoveryForgets(t *testing.T) {
	x := newTrip(t, sio.Options{Recovery: &sio.Recovery{Window: time.Minute, MaxBytes: 100_000}})
	want := func(when string, away, lives int, some bool) {
		t.Helper()
		x.settle()
		a, l, events, bytes, rooms := sio.Remembered(x.srv.Namespace)
		if a != away || l != lives || (events > 0) != some || (bytes > 0) != some || (rooms > 0) != some || bytes > 110_000 {
			t.Errorf("%s: %d away, %d lives, %d events, %d bytes, %d rooms", when, a, l, events, bytes, rooms)
		}
	}
	var all []*siotest.Client
	for range 20 {
		all = append(all, siotest.Dial(t, x.srv, "/"))
	}
	want("before", 0, 21, false)
	for i := range 1000 {
		x.emit(x.srv.To(fmt.Sprint("room ", i%300), "home"), "e", i)
		x.emit(socket(t, x.srv, all[i%20]), "e", i)
	}
	for _, c := range all {
		c.Cut()
	}
	x.cut()
	x.emit(x.srv, "e") // what was over the bound and not delivered yet is forgotten now
	want("away", 21, 21, true)
	x.clock.Advance(61 * time.Second)
	want("after the window", 0, 0, true)
	x.clock.Advance(70 * time.Second)
	want("later", 0, 0, false)
}

// TestRecoverySlow (V05): a client that was ended because too much waited for it may come back,
// if that is not too much.
func TestRecoverySlow(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{MaxMissed: 10_000}, Queue: sio.Queue{MaxBytes: 1000}})
	ended := make(chan sio.Reason, 2)
	srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- r })
	p := startPolling(t, srv)
	p.post("40")
	var hello struct{ SID, PID string }
	_ = json.Unmarshal([]byte(p.get()[2:]), &hello)
	for i := range 100 {
		emit(t, srv, "e", i)
	}
	if r := recv(t, ended); r != sio.SlowConsumer {
		t.Errorf("reason %q", r)
	}
	c := siotest.Dial(t, srv, "/", siotest.Auth(map[string]any{"pid": hello.PID}))
	if c.ID() != hello.SID {
		t.Fatal("not recovered")
	}
	for i := range 100 {
		c.Expect("e", i)
	}
	c.ExpectNone()
}

// TestRecoveryOutgoing (K08, R09): OnOutgoing is shown events as they were sent, without an
// offset, and once.
func TestRecoveryOutgoing(t *testing.T) {
	x := newTrip(t, sio.Options{})
	x.srv.OnOutgoing(func(s *sio.Socket, m *sio.Msg) { x.log.add("%s %d", m.Event(), m.Len()) })
	x.emit(x.srv, "all", 1)
	x.emit(socket(t, x.srv, x.c), "own")
	x.emit(x.srv.All().Volatile(), "volatile", "text")
	x.want("all(1)", "own()", `volatile("text")`)
	shown := x.log.take() // some by those who send, some by loops
	slices.Sort(shown)
	if !slices.Equal(shown, []string{"all 1", "own 0", "volatile 1"}) {
		t.Errorf("shown %q", shown)
	}
	x.cut()
	x.emit(x.srv, "missed")
	x.log.take()
	x.back(true)
	x.log.want(t, "connect true")
	x.want("missed()")
}

// TestRecoveryRevision3: a client of before 2020 is sent events, and cannot come back.
func TestRecoveryRevision3(t *testing.T) {
	srv := newServer(t, sio.Options{AllowEIO3: true, Recovery: &sio.Recovery{}, Loops: 1})
	c := dialWith(t, startRaw(t, srv), 0, "EIO=3")
	if got := c.next(); got != "40" {
		t.Errorf("got %q", got)
	}
	for srv.Len() == 0 {
		c.rest()
	}
	for s := range srv.Sockets() {
		emit(t, s, "own", 1)
	}
	if got := c.next(); got != `42["own",1]` {
		t.Errorf("got %q", got)
	}
}

// TestRecoveryRunAgain (O06): what is kept ends with a run.
func TestRecoveryRunAgain(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{}})
	left := make(chan sio.Reason, 1)
	srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { left <- r })
	var pid, offset, id string
	for run := range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		ran, started := make(chan error, 1), srv.Started()
		go func() { ran <- srv.Run(ctx, "127.0.0.1:0") }()
		recv(t, started)
		c := siotest.DialAddr(t, srv.Addrs()[0].String(), "/", siotest.Auth(map[string]any{"pid": pid, "offset": offset}))
		emit(t, srv, "e", run)
		c.Expect("e", run)
		if c.ID() == id {
			t.Error("recovered")
		}
		pid, offset = c.Recovery()
		id = c.ID()
		s := socket(t, srv, c)
		cancel()
		if err := recv(t, ran); err != nil {
			t.Error(err)
		}
		if r := recv(t, left); r != sio.ServerShuttingDown {
			t.Errorf("reason %q", r)
		}
		if err := s.Emit("e"); err != sio.ErrClosed {
			t.Errorf("Emit to what a run has left: %v", err)
		}
		emit(t, srv, "nobody")
		if away, lives, events, _, _ := sio.Remembered(srv.Namespace); away+lives+events > 0 {
			t.Errorf("%d away, %d lives, %d events", away, lives, events)
		}
	}
}

// TestRecoveryParser (S10): clients with an encoding of their own come back, too.
func TestRecoveryParser(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{}, Parser: new(parcels), Loops: 1})
	g := startRaw(t, srv)
	c := dialIn(t, g, 0)
	c.send(`4{"type":0,"nsp":"/"}`)
	var hello struct{ Data struct{ SID, PID string } }
	got := c.next()
	if err := json.Unmarshal([]byte(got[1:]), &hello); err != nil || hello.Data.PID == "" {
		t.Fatalf("got %q", got)
	}
	c.pipe.Close()
	c.rest()
	emit(t, srv, "e", 1)
	c = dialIn(t, g, 0)
	c.send(fmt.Sprintf(`4{"type":0,"nsp":"/","data":{"pid":%q}}`, hello.Data.PID))
	if again := c.next(); again != got {
		t.Errorf("got %q", again)
	}
	if e := c.next(); !strings.HasPrefix(e, `4{"type":2,"nsp":"/","data":["e",1,"`) {
		t.Errorf("got %q", e)
	}
}

// TestRecoveryOldPing (V04): a pong for a ping that was sent before the client came back says
// nothing of what it was sent then.
func TestRecoveryOldPing(t *testing.T) {
	x := newTrip(t, sio.Options{
		PingInterval: time.Second, PingTimeout: 100 * time.Second,
		Recovery: &sio.Recovery{Window: 300 * time.Second},
	})
	x.srv.Of("/n")
	x.cut()
	x.emit(x.srv, "e", 1)
	x.clock.Advance(150 * time.Second)
	old := x.c
	b := siotest.Dial(t, x.srv, "/n", siotest.Mute())
	x.clock.Advance(10 * time.Second) // it has been sent a ping
	x.c = b.Of("/", siotest.Resume(old))
	x.want("e(1)")
	if err := b.SendRaw("3"); err != nil {
		t.Error(err)
	}
	x.clock.Advance(50 * time.Second)
	x.cut()
	x.clock.Advance(297 * time.Second) // the event is forgotten, the client not yet
	if _, lives, events, _, _ := sio.Remembered(x.srv.Namespace); lives != 1 || events != 0 {
		t.Fatalf("%d lives, %d events", lives, events)
	}
	x.c = old // which has not got it: it was lost on the way
	x.back(false)
}
