package loop

import (
	"fmt"
	"runtime/debug"
)

// A panic on a loop would end the process: gnet does not recover. What users hang into
// a loop (hooks, filters) may panic, and so may we. A barrier turns that into a log
// entry and the loss of what was being done: one connection, one mail. Handlers have
// barriers of their own, which know their socket.

// barrier is deferred by whatever can go on without its rest.
func (l *Loop) barrier() {
	if v := recover(); v != nil {
		l.panicked(v)
	}
}

func (l *Loop) panicked(v any) {
	l.stats.Panics.Add(1)
	l.group.logger.Error("sio: panic on an event loop", "loop", l.index, "value", fmt.Sprint(v), "stack", string(debug.Stack()))
}

// barrier ends a connection whose bytes caused a panic.
func (c *conn) barrier() {
	if v := recover(); v != nil {
		c.loop().panicked(v)
		c.Close()
	}
}

// maxPanics is how many panics a turn survives before it drops what it still has to do.
const maxPanics = 100

// settled is settle behind a barrier: what has panicked is left out, the rest is done.
func (l *Loop) settled() {
	for range maxPanics {
		if l.settledOnce() {
			return
		}
	}
	l.answerable, l.doomed, l.urgent, l.bulky, l.dead = nil, nil, nil, nil, nil
	l.fanned, l.fannedAt, l.laden = nil, 0, false
}

func (l *Loop) settledOnce() (ok bool) {
	defer l.barrier()
	l.settle()
	return true
}

// drain calls f for each element that the list has, or gets meanwhile, and empties it.
// When f panics, its element is gone and the rest is still there.
func drain[T any](list *[]T, f func(T)) {
	done := 0
	defer func() {
		if rest := (*list)[done:]; len(rest) > 0 {
			n := copy(*list, rest)
			clear((*list)[n:])
			*list = (*list)[:n]
			return
		}
		clear(*list)
		*list = (*list)[:0]
	}()
	for done < len(*list) {
		x := (*list)[done]
		done++
		f(x)
	}
}
