package loop

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// A timedThing has a deadline, and notes when it was reminded.
type timedThing struct {
	t        *testing.T
	deadline session.Instant // 0: none
	entry    session.Instant
	fired    []session.Instant // of deadlines that had come
	next     []session.Instant // deadlines that follow
	reminded int
}

func (x *timedThing) Entry() *session.Instant { return &x.entry }

func (x *timedThing) Expire(now session.Instant) session.Instant {
	x.reminded++
	if x.entry != 0 {
		x.t.Error("the entry of a reminder is still live")
	}
	if x.deadline == 0 || now < x.deadline {
		return x.deadline
	}
	x.fired = append(x.fired, now)
	x.deadline = 0
	if len(x.next) > 0 {
		x.deadline, x.next = x.next[0], x.next[1:]
	}
	return x.deadline
}

func (x *timedThing) until(w *wheel, at session.Instant) {
	x.deadline = at
	w.schedule(x, at)
}

const tick = session.Instant(WheelTick)

// TestWheelKeepsTime: never early, at most a tick late, whatever the distance.
func TestWheelKeepsTime(t *testing.T) {
	for _, d := range []time.Duration{
		1, time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 101 * time.Millisecond, time.Second,
		25 * time.Second, 51*time.Second + 100*time.Millisecond, 51*time.Second + 200*time.Millisecond, time.Minute,
		10 * time.Minute, 24 * time.Hour,
	} {
		var w wheel
		start := session.Instant(time.Hour)
		w.tick = int64(start / tick)
		x := &timedThing{t: t}
		x.until(&w, start.After(d))
		for now := start; len(x.fired) == 0; now += tick {
			if now > start.After(d)+2*tick {
				t.Fatalf("%v: never", d)
			}
			w.advance(now)
		}
		if late := x.fired[0] - start.After(d); late < 0 || late > tick {
			t.Errorf("%v: late by %v", d, time.Duration(late))
		}
		if w.size != 0 || x.entry != 0 {
			t.Errorf("%v: %d entries are left", d, w.size)
		}
		if most := 2 + int(d/(511*WheelTick)); x.reminded > most {
			t.Errorf("%v: reminded %d times", d, x.reminded)
		}
	}
}

// TestWheelMoves: a deadline can be put off and brought forward; entries that are not
// live any more are dropped.
func TestWheelMoves(t *testing.T) {
	var w wheel
	x := &timedThing{t: t}
	x.until(&w, 50*tick)
	x.until(&w, 80*tick) // put off: the reminder stays
	if w.size != 1 {
		t.Errorf("%d entries", w.size)
	}
	w.advance(79 * tick)
	if len(x.fired) != 0 || w.size != 1 {
		t.Fatalf("fired at %v, %d entries", x.fired, w.size)
	}
	x.until(&w, 200*tick)
	x.until(&w, 85*tick) // brought forward: the old entry is stale
	w.advance(85 * tick)
	if len(x.fired) != 1 || x.fired[0] != 85*tick {
		t.Fatalf("fired at %v", x.fired)
	}
	w.advance(300 * tick)
	if len(x.fired) != 1 || w.size != 0 {
		t.Errorf("fired at %v, %d entries", x.fired, w.size)
	}
	x.until(&w, 310*tick)
	x.deadline = 0 // forgotten
	w.advance(400 * tick)
	if len(x.fired) != 1 || w.size != 0 {
		t.Errorf("fired at %v, %d entries", x.fired, w.size)
	}
}

// TestWheelForgetsBehindAJump: when the clock has jumped further than the wheel goes round,
// as when the process was stopped, a sweep still tells live entries from others.
func TestWheelForgetsBehindAJump(t *testing.T) {
	const tick = session.Instant(WheelTick)
	var w wheel
	stay := make([]*timedThing, 300)
	gone := make([]*timedThing, 5000)
	w.schedule(&sweeper{f: func() {
		for _, x := range gone {
			w.forget(x)
		}
	}}, 5*tick)
	for i := range stay {
		stay[i] = &timedThing{t: t}
		stay[i].until(&w, session.Instant(20+i)*tick)
	}
	for i := range gone {
		gone[i] = &timedThing{t: t}
		gone[i].until(&w, session.Instant(10+i%400)*tick)
	}
	w.advance(3 * wheelSlots * tick)
	for i, x := range stay {
		if len(x.fired) != 1 {
			t.Fatalf("entry %d was reminded %d times, want once", i, len(x.fired))
		}
	}
	if w.size != 0 {
		t.Errorf("%d entries are left", w.size)
	}
}

// TestWheelForgets: what has ended is not held on to, nor reminded, and the rest is.
func TestWheelForgets(t *testing.T) {
	const tick = session.Instant(WheelTick)
	for _, during := range []bool{false, true} {
		var w wheel
		var fired int
		stay := make([]*timedThing, 300)
		for i := range stay {
			stay[i] = &timedThing{t: t}
			stay[i].until(&w, session.Instant(20+i)*tick)
		}
		gone := make([]*timedThing, 5000)
		for i := range gone {
			gone[i] = &timedThing{t: t}
			gone[i].until(&w, session.Instant(10+i%400)*tick)
		}
		forget := func() {
			for _, x := range gone {
				w.forget(x)
				w.forget(x) // once more does nothing
			}
		}
		if during { // while a slot is being worked off
			w.schedule(&sweeper{f: forget}, 10*tick)
			w.advance(10 * tick)
		} else {
			forget()
		}
		if w.size > len(stay)+2*sweepFrom+1 {
			t.Errorf("%d entries are left, of %d that are wanted", w.size, len(stay))
		}
		held := 0
		for i := range w.slots {
			held += len(w.slots[i])
		}
		if held != w.size {
			t.Errorf("the wheel counts %d entries and has %d", w.size, held)
		}
		w.advance(600 * tick)
		w.advance(1200 * tick)
		for _, x := range stay {
			fired += len(x.fired)
		}
		if fired != len(stay) || w.size != 0 {
			t.Errorf("%d of %d were reminded, %d entries are left", fired, len(stay), w.size)
		}
		for _, x := range gone {
			if len(x.fired) > 0 && !during {
				t.Fatal("one that has ended was reminded")
			}
		}
	}
}

// A sweeper does something when it is due.
type sweeper struct {
	entry session.Instant
	f     func()
}

func (x *sweeper) Entry() *session.Instant { return &x.entry }

func (x *sweeper) Expire(session.Instant) session.Instant { x.f(); return 0 }

// TestWheelStaleMeetsLive: a stale entry in the slot of the live one does not make it
// fire twice.
func TestWheelStaleMeetsLive(t *testing.T) {
	var w wheel
	x := &timedThing{t: t}
	x.until(&w, 100*tick)
	x.until(&w, 50*tick) // the entry for 100 is stale
	w.advance(50 * tick)
	x.until(&w, 100*tick) // and there is a live one beside it
	w.advance(100 * tick)
	w.advance(200 * tick)
	if len(x.fired) != 2 || w.size != 0 {
		t.Errorf("fired at %v, %d entries", x.fired, w.size)
	}
}

// TestWheelJumps: after a stop of the process everything that was due comes at once, and
// the wheel goes on.
func TestWheelJumps(t *testing.T) {
	for _, jump := range []session.Instant{511, 512, 513, 1024, 1_000_000} {
		var w wheel
		var all []*timedThing
		for i := range session.Instant(511) {
			x := &timedThing{t: t, next: []session.Instant{(jump + 10) * tick}}
			x.until(&w, (i+1)*tick)
			all = append(all, x)
		}
		w.advance(jump * tick)
		w.advance((jump + 1) * tick)
		for i, x := range all {
			if len(x.fired) != 1 {
				t.Fatalf("jump of %d: number %d fired %d times", jump, i, len(x.fired))
			}
		}
		w.advance((jump + 9) * tick)
		w.advance((jump + 10) * tick)
		for i, x := range all {
			if len(x.fired) != 2 || x.fired[1] != (jump+10)*tick {
				t.Fatalf("jump of %d: number %d fired at %v", jump, i, x.fired)
			}
		}
		if w.size != 0 {
			t.Errorf("jump of %d: %d entries are left", jump, w.size)
		}
		w.advance((jump - 5) * tick) // a clock that goes back changes nothing
		if want := int64(jump + 10); w.tick != want {
			t.Errorf("tick = %d, want %d", w.tick, want)
		}
	}
}

// TestWheelAgainstModel: random deadlines, moved at random, on a clock that goes on in
// random steps. Each fires at the first tick of the clock that is not before it.
func TestWheelAgainstModel(t *testing.T) {
	for seed := range 30 {
		rnd := rand.New(rand.NewPCG(uint64(seed), 3))
		var w wheel
		now := session.Instant(rnd.Int64N(int64(time.Hour)))
		w.tick = int64(now / tick)
		things := make([]*timedThing, 40)
		for i := range things {
			things[i] = &timedThing{t: t}
		}
		for range 2000 {
			x := things[rnd.IntN(len(things))]
			switch rnd.IntN(4) {
			case 0, 1:
				x.until(&w, now+1+session.Instant(rnd.Int64N(int64(90*time.Second))))
			case 2:
				if rnd.IntN(4) == 0 {
					x.deadline = 0
				}
			default:
				before := make([]session.Instant, len(things))
				for i, x := range things {
					before[i], x.fired = x.deadline, nil
				}
				step := session.Instant(rnd.Int64N(int64(300 * time.Millisecond)))
				if rnd.IntN(20) == 0 {
					step = session.Instant(rnd.Int64N(int64(100 * time.Second)))
				}
				now += step
				w.advance(now)
				for i, x := range things {
					due := before[i] != 0 && (before[i]+tick-1)/tick*tick <= now/tick*tick
					if due && step >= wheelSlots*tick && len(x.fired) == 0 {
						w.advance(now + tick) // of a jump past the wheel one slot is left for the next tick
					}
					switch {
					case due && len(x.fired) != 1, !due && len(x.fired) != 0 && x.fired[0] < before[i]:
						t.Fatalf("seed %d: deadline %v at %v fired at %v", seed, before[i], now, x.fired)
					case !due && len(x.fired) == 0 && before[i] != 0 && x.entry == 0:
						t.Fatalf("seed %d: deadline %v at %v is forgotten", seed, before[i], now)
					}
				}
			}
		}
	}
}

// TestWheelPanics: a panic costs the one that it came from a second, those behind it in
// the slot nothing, and the wheel keeps its books.
func TestWheelPanics(t *testing.T) {
	var w wheel
	panics := 0
	w.panicked = func(any) { panics++ }
	bad := [2]faultyTimed{{left: 1}, {left: 2}}
	var good [3]*timedThing
	for i := range good {
		good[i] = &timedThing{t: t, next: []session.Instant{60 * tick}}
		good[i].until(&w, 50*tick)
		if i < len(bad) {
			w.schedule(&bad[i], 50*tick)
		}
	}
	w.advance(50 * tick)
	if panics != 2 || w.size != 5 {
		t.Errorf("%d panics, %d entries", panics, w.size)
	}
	for i, x := range good {
		if len(x.fired) != 1 {
			t.Errorf("number %d fired at %v", i, x.fired)
		}
	}
	w.advance(60 * tick)
	for i, x := range good {
		if len(x.fired) != 2 || x.fired[1] != 60*tick {
			t.Errorf("number %d fired at %v", i, x.fired)
		}
	}
	if panics != 2+1 || w.size != 1 { // both are reminded again; one has got over it
		t.Errorf("a second later: %d panics, %d entries", panics, w.size)
	}
}

// A faultyTimed panics the first times that it is reminded.
type faultyTimed struct {
	entry session.Instant
	left  int
}

func (x *faultyTimed) Entry() *session.Instant { return &x.entry }
func (x *faultyTimed) Expire(session.Instant) session.Instant {
	if x.left == 0 {
		return 0
	}
	x.left--
	panic(x.left)
}

func BenchmarkWheel(b *testing.B) {
	var w wheel
	all := make([]benchTimed, 10_000)
	now := session.Instant(time.Hour)
	w.tick = int64(now / tick)
	for i := range all {
		all[i].w = &w
		w.schedule(&all[i], now.After(time.Duration(i)*2500*time.Microsecond))
	}
	b.ReportAllocs()
	for b.Loop() {
		now += tick
		w.advance(now)
	}
}

type benchTimed struct {
	w     *wheel
	entry session.Instant
}

func (x *benchTimed) Entry() *session.Instant { return &x.entry }
func (x *benchTimed) Expire(now session.Instant) session.Instant {
	return now.After(25 * time.Second)
}
