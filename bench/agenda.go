package bench

import (
	"container/heap"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// An agenda calls the members of one loop at their times, with one timer for all
// of them. Loop only.
type agenda struct {
	timer *reactor.Timer
	loop  *reactor.Loop
	list  appointments
}

// A caller is who has appointments. called is told the time it was to be called
// at.
type caller interface{ called(at time.Duration) }

func newAgenda(l *reactor.Loop) *agenda {
	a := &agenda{loop: l}
	a.timer = l.NewTimer(a.fire)
	return a
}

// add has who called at a time of the loop's clock.
func (a *agenda) add(at time.Duration, who caller) {
	heap.Push(&a.list, appointment{at, who})
	if a.list[0].at == at {
		a.timer.Arm(at)
	}
}

// clear forgets all appointments.
func (a *agenda) clear() {
	clear(a.list)
	a.list = a.list[:0]
	a.timer.Stop()
}

// fire calls those that are due, at most a bounded number before the loop looks
// at its connections again.
func (a *agenda) fire() {
	const most = 256
	for n := 0; n < most && len(a.list) > 0 && a.list[0].at <= a.loop.Clock(); n++ {
		next := heap.Pop(&a.list).(appointment)
		next.who.called(next.at)
	}
	if len(a.list) > 0 {
		a.timer.Arm(a.list[0].at)
	}
}

type appointment struct {
	at  time.Duration
	who caller
}

// appointments is a heap, the earliest first.
type appointments []appointment

func (h appointments) Len() int           { return len(h) }
func (h appointments) Less(i, j int) bool { return h[i].at < h[j].at }
func (h appointments) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push and Pop are container/heap's, not for callers.
func (h *appointments) Push(x any) { *h = append(*h, x.(appointment)) }

func (h *appointments) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = appointment{}
	*h = old[:len(old)-1]
	return last
}
