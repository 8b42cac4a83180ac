package reactor

import (
	"container/heap"
	"time"
)

// A Timer runs a function on its loop at a time. It is made once with
// [Loop.NewTimer] and armed as often as wished, without allocation. Loop only.
type Timer struct {
	loop *Loop
	f    func()
	at   time.Duration
	pos  int // index in the heap, -1 when not armed
}

// NewTimer makes a timer for f, not armed.
func (l *Loop) NewTimer(f func()) *Timer { return &Timer{loop: l, f: f, pos: -1} }

// Arm sets t to run at the loop time at (see [Loop.Now]), in place of any
// earlier setting. A time that is past means the coming turn. Precision is that
// of the system's timers, some ten microseconds, not its millisecond waits.
func (t *Timer) Arm(at time.Duration) {
	t.at = at
	if t.pos < 0 {
		heap.Push(&t.loop.timers, t)
	} else {
		heap.Fix(&t.loop.timers, t.pos)
	}
}

// Stop disarms t.
func (t *Timer) Stop() {
	if t.pos >= 0 {
		heap.Remove(&t.loop.timers, t.pos)
	}
}

// timerHeap holds the armed timers, the earliest first.
type timerHeap []*Timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

// Push and Pop are container/heap's, not for callers.
func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	t.pos = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.pos = -1
	return t
}

// fire runs the timers that were due when it was called. One that is armed
// again for a past time waits for the next turn.
func (h *timerHeap) fire(l *Loop) {
	now := l.now
	for n := len(*h); n > 0 && len(*h) > 0 && (*h)[0].at <= now; n-- {
		t := heap.Pop(h).(*Timer)
		l.now = l.Clock()
		t.f()
	}
}
