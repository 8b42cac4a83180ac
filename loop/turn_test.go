package loop

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// TestLongBroadcastsYield: broadcasts of long messages write to no more connections in a
// turn than those of short ones. The mail behind them waits, and keeps its order.
func TestLongBroadcastsYield(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		times int
	}{
		{"one that is long", flushMuch + 5000, 1},
		{"several that are long together", 10_000, 10},
		{"several that are long", flushMuch + 5000, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			const members = 2000
			h := newHandLoop(t)
			var log []string
			for range members {
				h.join("member", &log)
			}
			log = log[:0]
			shard := h.app.spaces[0].Shard
			for range c.times {
				h.Broadcast(shard, &broadcast.Selection{Everyone: true}, newMessage(`42["`+strings.Repeat("x", c.bytes)+`"]`), 0)
			}
			behind := false
			h.Do(func(session.Host, session.Instant) { behind = true })
			turns := 0
			for h.wakes+h.yields > 0 {
				h.wakes, h.yields = 0, 0
				h.mailbox.waking.Store(false)
				h.yielding.Store(false)
				before := len(log)
				h.turn()
				if n := len(log) - before; n > flushChunk {
					t.Fatalf("%d writes in one turn", n)
				}
				turns++
			}
			if !behind || !h.mailbox.empty() {
				t.Error("the mail behind was not done")
			}
			if len(log) < members || turns < members/flushChunk {
				t.Errorf("%d writes in %d turns", len(log), turns)
			}
		})
	}
}

// flushMuch is what a session takes for much in one output.
const flushMuch = 64 << 10

// TestBroadcastYields (F55 F81): a broadcast to 5,000 is written to 512 at a time, and
// what another client of the same loop asks for in between is answered in between.
func TestBroadcastYields(t *testing.T) {
	h := newHandLoop(t)
	var log []string
	for range 5000 {
		h.join("member", &log)
	}
	other := new(session.Conn)
	h.begin()
	wire := &handWire{name: "other", log: &log}
	other.Init(h.Loop, wire, h.now)
	other.Receive(h.now, []byte("GET /socket.io/?EIO=4&transport=websocket"+openingHandshake))
	h.end()
	h.run()
	log = log[:0]

	h.Broadcast(h.app.spaces[0].Shard, &broadcast.Selection{Everyone: true}, newMessage(`42["tick"]`), 0)
	if h.wakes != 1 {
		t.Fatalf("%d wakes", h.wakes)
	}
	h.wakes--
	h.mailbox.waking.Store(false)
	h.turn()
	if len(log) != flushChunk || h.yields != 1 || h.wakes != 0 {
		t.Fatalf("after the first turn: %d writes, %d yields, %d wakes", len(log), h.yields, h.wakes)
	}
	// The poller looks at its connections now: one asks for its namespace.
	h.traffic(other, event("40"))
	if at := slices.Index(log, "other"); at != flushChunk {
		t.Errorf("the answer is write number %d", at)
	}
	// And somebody posts something for it.
	h.Do(func(session.Host, session.Instant) {
		for k := range h.app.sockets {
			if ws := k.Session().WebSocket(); ws == other {
				k.Send([]byte(`42["x"]`), 0, true)
			}
		}
	})
	turns := h.run()
	// 5,001 members now, of which 512 had theirs; the one that joined meanwhile was not
	// in the room when the message went out.
	if n := len(log) - 1 - 1; n != 5000 {
		t.Errorf("%d members got it", n)
	}
	if want := 9; turns < want || turns > want+2 {
		t.Errorf("%d turns, want about %d", turns, want)
	}
	if last := slices.Index(log[flushChunk+1:], "other"); last < 0 || last > 2*flushChunk {
		t.Errorf("the second answer is write number %d behind the first", last)
	}
}

// TestBroadcastsJoin: several broadcasts of one turn are one write for each receiver,
// and what is sent directly behind them does not overtake them.
func TestBroadcastsJoin(t *testing.T) {
	h := newHandLoop(t)
	var log []string
	for range 10 {
		h.join("member", &log)
	}
	h.run()
	log = log[:0]
	for range 8 {
		h.Broadcast(h.app.spaces[0].Shard, &broadcast.Selection{Everyone: true}, newMessage(`42["tick"]`), 0)
	}
	for k := range h.app.sockets {
		h.Send(k, []byte(`42["direct"]`), 0, true)
	}
	h.run()
	if len(log) != 10 {
		t.Errorf("%d writes for 10 receivers", len(log))
	}
}

// TestPostersWithoutEnd: who posts from within every mail does not keep the loop from
// its connections.
func TestPostersWithoutEnd(t *testing.T) {
	h := newHandLoop(t)
	n, over := 0, false
	var again func(session.Host, session.Instant)
	again = func(session.Host, session.Instant) {
		n++
		if !over {
			h.Do(again)
		}
	}
	h.Do(again)
	h.wakes--
	h.mailbox.waking.Store(false)
	h.turn()
	if h.yields != 1 {
		t.Fatalf("%d yields after %d mails of one turn", h.yields, n)
	}
	if n != maxTakes {
		t.Errorf("%d mails in one turn, each posted by the one before it: want %d", n, maxTakes)
	}
	over = true
	h.run()
	if !h.Clear() {
		t.Error("mail is left")
	}
}

// TestNoTickIsLost: a tick that comes at the end of a turn is worked off by that turn or
// wakes the loop. Otherwise it would be the last one: a tick that waits keeps out those
// behind it.
func TestNoTickIsLost(t *testing.T) {
	h := newHandLoop(t)
	var due atomic.Int64
	h.turn()
	h.wheel.schedule(&everTimed{due: &due}, h.now+1)
	h.turn()
	if !h.armed.Load() {
		t.Fatal("the loop wants no ticks")
	}
	// A real one, on its own goroutine, that sleeps when nothing wakes it.
	wake := make(chan struct{}, 2)
	h.Loop.wake = func() { wake <- struct{}{} }
	h.Loop.yield = func() { h.yielding.Store(false); h.rouse() }
	stop := make(chan struct{})
	var asleep atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for {
			asleep.Store(true)
			select {
			case <-wake:
				asleep.Store(false)
				h.mailbox.waking.Store(false)
				h.turn()
			case <-stop:
				return
			}
		}
	})
	for i := range 20_000 {
		h.clock.advance(WheelTick)
		h.tick()
		for !h.mailbox.awake.Load() && h.ticking.Load() {
			runtime.Gosched()
		}
		for range i % 256 { // so that the next one comes at every place in the turn
			h.armed.Load()
		}
		h.tick()
		// Nothing is under way once it sleeps and nobody has woken it.
		for h.mailbox.waking.Load() || len(wake) > 0 || !asleep.Load() {
			runtime.Gosched()
		}
		if h.ticking.Load() {
			t.Errorf("round %d: a tick was lost, and with it all that follow", i)
			break
		}
	}
	close(stop)
	all.Wait()
	if due.Load() == 0 {
		t.Error("no deadline was kept")
	}
}

// everTimed is due at every tick.
type everTimed struct {
	entry session.Instant
	due   *atomic.Int64
}

func (x *everTimed) Entry() *session.Instant { return &x.entry }
func (x *everTimed) Expire(now session.Instant) session.Instant {
	x.due.Add(1)
	return now + 1
}
