package loop

import (
	"time"

	"github.com/e6a90ca8/sio/session"
)

// WheelTick is the step of a loop's deadlines: each is kept to within one of it,
// late, never early.
const WheelTick = 100 * time.Millisecond

// wheelSlots is a power of two. 512 slots of 100 ms reach 51.2 s, past the default
// ping interval; a later deadline is looked at once on its way.
const wheelSlots = 512

// A wheel keeps every deadline of a loop. An entry is only a reminder: what it
// belongs to knows its true deadline, and a reminder that comes too early is set
// again. So moving a deadline back costs nothing. What has ended is swept out when it is
// half of all: otherwise clients that come and go would be held on to until their ping
// would have been due, which was 39 MB at 9,000 a second.
//
// Source: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels".
type wheel struct {
	slots [wheelSlots][]session.Timed
	tick  int64 // number of the last tick that was worked off
	size  int   // entries
	ended int   // entries of what has ended, about
	spare []session.Timed
	taken int // entries of the slot that is being worked off, which are still to come

	panicked func(v any) // is told what an Expire has panicked with
}

// afterPanic is when somebody whose Expire has panicked is reminded again: it may have
// deadlines still, and nobody else would look.
const afterPanic = time.Second

func slotTime(tick int64) session.Instant { return session.Instant(tick * int64(WheelTick)) }

// schedule reminds t at or after the instant, unless it will be reminded before
// anyway.
func (w *wheel) schedule(t session.Timed, at session.Instant) {
	tick := (int64(at) + int64(WheelTick) - 1) / int64(WheelTick)
	tick = min(max(tick, w.tick+1), w.tick+wheelSlots-1)
	live := t.Entry()
	if *live != 0 && *live <= slotTime(tick) {
		return
	}
	// An entry that was set for later stays behind; when its slot comes it is not the
	// live one and is dropped.
	*live = slotTime(tick)
	slot := &w.slots[tick%wheelSlots]
	*slot = append(*slot, t)
	w.size++
}

// forget is told that t has ended, and needs no reminder any more.
func (w *wheel) forget(t session.Timed) {
	live := t.Entry()
	if *live == 0 {
		return
	}
	*live = 0
	if w.ended++; w.ended > sweepFrom && w.ended > w.size/2 {
		w.sweep()
	}
}

// sweepFrom is how many entries of what has ended are not worth a sweep.
const sweepFrom = 512

// sweep drops all entries but live ones. It may be called in the middle of advance, which
// has taken out the slot that it works on.
func (w *wheel) sweep() {
	w.ended, w.size = 0, w.taken
	for ahead := int64(1); ahead < wheelSlots; ahead++ {
		tick := w.tick + ahead
		slot := &w.slots[tick%wheelSlots]
		list := *slot
		kept := list[:0]
		for _, t := range list {
			// Behind a jump of the clock live entries lie in slots of a later round.
			if live := *t.Entry(); live != 0 && (live == slotTime(tick) || live <= slotTime(w.tick)) {
				kept = append(kept, t)
			}
		}
		clear(list[len(kept):])
		if cap(kept) > 64 && len(kept) < cap(kept)/4 {
			kept = append([]session.Timed(nil), kept...)
		}
		*slot = kept
		w.size += len(kept)
	}
}

// advance works off every tick up to now.
func (w *wheel) advance(now session.Instant) {
	last := int64(now) / int64(WheelTick)
	if last-w.tick >= wheelSlots { // the process was stopped: once around is enough
		w.tick = last - wheelSlots + 1
	}
	for w.tick < last {
		w.tick++
		slot := &w.slots[w.tick%wheelSlots]
		list := *slot
		if len(list) == 0 {
			continue
		}
		*slot, w.spare = w.spare[:0], nil // never two names for one array, whatever panics
		w.taken = len(list)
		for done := 0; done < len(list); {
			w.expire(list, &done, now)
		}
		clear(list)
		w.spare = list[:0]
		if cap(list) > 1<<16 {
			w.spare = nil
		}
	}
}

// expire reminds those of the list from done on. A panic costs the one that it came from
// this reminder, not those behind it theirs.
func (w *wheel) expire(list []session.Timed, done *int, now session.Instant) {
	defer func() {
		if v := recover(); v != nil {
			w.panicked(v)
			w.schedule(list[*done-1], now.After(afterPanic))
		}
	}()
	for *done < len(list) {
		t := list[*done]
		*done++
		w.size--
		w.taken--
		live := t.Entry()
		if *live == 0 || *live > slotTime(w.tick) {
			w.ended = max(w.ended-1, 0)
			continue
		}
		*live = 0
		if next := t.Expire(now); next != 0 {
			w.schedule(t, next)
		}
	}
}
