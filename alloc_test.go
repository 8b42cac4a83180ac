package sio_test

import (
	"errors"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// burst is how many events a measurement brings in at once, so that what the pipe and the
// wait for the loop allocate, some twenty objects, does not count.
const burst = 4000

// TestInboundAllocatesNothing: from the bytes of a frame, through a turn of the loop, up to
// and out of an inline handler, an event costs no memory.
func TestInboundAllocatesNothing(t *testing.T) {
	srv := newServer(t, sio.Options{Loops: 1})
	events := 0 // written on the loop; read while it rests
	errWrong := errors.New("wrong argument")
	on := func(event string, h sio.Handler) {
		srv.On(event, func(s *sio.Socket, m *sio.Msg) error { events++; return h(s, m) }, sio.Inline)
	}
	on("tick", func(*sio.Socket, *sio.Msg) error { return nil })
	on("int", func(_ *sio.Socket, m *sio.Msg) error {
		if v, err := m.Int(0); err != nil || v != 123456 {
			return errWrong
		}
		return nil
	})
	on("mixed", func(_ *sio.Socket, m *sio.Msg) error {
		f, err := m.Float(0)
		b, berr := m.Bool(1)
		if err != nil || berr != nil || f != -0.5 || !b || string(m.Raw(2)) != `{"a":[1,2]}` || m.Len() != 3 {
			return errWrong
		}
		return nil
	})
	on("bin", func(_ *sio.Socket, m *sio.Msg) error {
		if b, ok := m.Binary(0); !ok || len(b) != 16 {
			return errWrong
		}
		return nil
	})
	var sum int
	slot := sio.NewSlot[*int]()
	on("slot", func(s *sio.Socket, m *sio.Msg) error { *slot.Get(s)++; return nil })
	sio.Event[int64]("typed").On(srv, func(*sio.Socket, int64) error { events++; return nil }, sio.Inline)
	sio.Event2[bool, float64]("typed2").On(srv, func(*sio.Socket, bool, float64) error { events++; return nil }, sio.Inline)
	wrong := 0
	srv.OnError(func(*sio.Socket, error) { wrong++ })
	c := dialRaw(t, srv)
	c.send("40")
	c.next()
	for s := range srv.Sockets() {
		slot.Set(s, &sum)
	}
	attachment := websocket.AppendMasked(nil, websocket.Binary, make([]byte, 16), [4]byte{5, 6, 7, 8})
	for _, tc := range []struct {
		name  string
		bytes []byte // of one event
		each  float64
	}{
		{"no arguments", frames(`42["tick"]`), 0},
		{"integer", frames(`42["int",123456]`), 0},
		{"several", frames(`42["mixed",-0.5,true,{"a":[1,2]}]`), 0},
		{"buffer", append(frames(`451-["bin",{"_placeholder":true,"num":0}]`), attachment...), 0},
		{"value of the socket's", frames(`42["slot"]`), 0},
		{"typed", frames(`42["typed",7]`), 0},
		{"typed, two", frames(`42["typed2",true,7]`), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var all []byte
			for range burst {
				all = append(all, tc.bytes...)
			}
			events = 0
			const runs = 5
			n := testing.AllocsPerRun(runs, func() {
				c.write(all)
				c.rest()
			})
			if events != (runs+1)*burst || wrong > 0 {
				t.Fatalf("%d events were handled, %d had the wrong arguments", events, wrong)
			}
			if n/burst > tc.each+0.01 {
				t.Errorf("%.3f allocations for each event, want %v", n/burst, tc.each)
			}
		})
	}
}

// TestAnswersAllocateNothing: an echo and an acknowledgement of an inline handler cost no
// memory either, up to the bytes that the client reads.
func TestAnswersAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Log("under the race detector only the answers are checked")
	}
	srv := newServer(t, sio.Options{Loops: 1})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, sio.Inline)
	srv.On("ask", func(_ *sio.Socket, m *sio.Msg) error { return m.Ack() }, sio.Inline)
	srv.On("packet", func(s *sio.Socket, m *sio.Msg) error {
		p := sio.Prepare("packet").Int(1).Str("two").Bool(true)
		defer p.Release()
		return s.Send(p)
	}, sio.Inline)
	c := dialRaw(t, srv)
	c.send("40")
	c.next()
	space := make([]byte, 64<<10)
	for _, tc := range []struct{ in, out string }{
		{`42["echo",{"a":1}]`, `42["echo",{"a":1}]`},
		{`427["ask",1]`, `437[]`},
		{`42["packet"]`, `42["packet",1,"two",true]`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			c.send(tc.in)
			if got := c.next(); got != tc.out {
				t.Fatalf("got %q, want %q", got, tc.out)
			}
			var all []byte
			for range burst {
				all = append(all, frames(tc.in)...)
			}
			n := testing.AllocsPerRun(5, func() {
				c.write(all)
				c.skip(burst*(2+len(tc.out)), space)
				c.rest()
			})
			if n/burst > 0.01 && !raceEnabled {
				t.Errorf("%.3f allocations for each event", n/burst)
			}
		})
	}
}

// TestBroadcastAllocatesNothingPerReceiver: what a broadcast allocates does not grow with
// the number of its receivers.
func TestBroadcastAllocatesNothingPerReceiver(t *testing.T) {
	const few, many = 10, 210
	srv := newServer(t, sio.Options{Loops: 1})
	srv.OnConnect(func(s *sio.Socket) {
		if err := s.Join("room"); err != nil {
			t.Error(err)
		}
	})
	g := startRaw(t, srv)
	var clients []*rawClient
	grow := func(n int) {
		for len(clients) < n {
			c := dialIn(t, g, 0)
			c.send("40")
			c.next()
			clients = append(clients, c)
		}
		for srv.Room("room").Len() < n {
			g.Tick()
		}
	}
	room := srv.Room("room")
	kept := sio.Prepare("kept").Int(7)
	defer kept.Release()
	everybody := func(*sio.Socket) bool { return true }
	type sender struct {
		name string
		out  string
		send func() error
	}
	senders := []sender{
		{"everybody", `42["e",1]`, func() error { return srv.Emit("e", 1) }},
		{"room", `42["e",1]`, func() error { return srv.To("room").Emit("e", 1) }},
		{"handle", `42["e",1]`, func() error { return room.Emit("e", 1) }},
		{"except", `42["e",1]`, func() error { return srv.To("room").Except("none").Emit("e", 1) }},
		{"filter", `42["e",1]`, func() error { return srv.All().Filter(everybody).Emit("e", 1) }},
		{"volatile", `42["e",1]`, func() error { return srv.All().Volatile().Emit("e", 1) }},
		{"prepared", `42["kept",7]`, func() error { return room.Send(kept) }},
	}
	space := make([]byte, 4096)
	measure := func(s sender) float64 {
		t.Helper()
		round := func() {
			if err := s.send(); err != nil {
				t.Fatal(err)
			}
			g.Tick()
			for _, c := range clients {
				c.skip(2+len(s.out), space)
			}
		}
		for range 5 { // the pipes' memory and the loop's have their size then
			round()
		}
		return testing.AllocsPerRun(20, round)
	}
	base := make(map[string]float64)
	grow(few)
	for _, s := range senders {
		base[s.name] = measure(s)
	}
	grow(many)
	for _, s := range senders {
		n := measure(s)
		t.Logf("%s: %v allocations to %d, %v to %d", s.name, base[s.name], few, n, many)
		if each := (n - base[s.name]) / (many - few); each > 0.02 {
			t.Errorf("%s: %.3f allocations for each receiver", s.name, each)
		}
	}
}
