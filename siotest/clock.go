package siotest

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// A Clock is the time of one or several servers, moved by hand. It may be used by any
// goroutine; Advance and Settle not by those that they wait for, the servers' handlers
// and functions of [Client.On].
type Clock struct {
	now atomic.Int64 // a session.Instant

	moving sync.Mutex // held by Advance
	mu     sync.Mutex
	worlds []*world
}

// epoch is what a new clock shows, and zero the instant of it.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

const zero = session.Instant(time.Second) // instant 0 stands for "never"

// NewClock makes a clock, for [WithClock]. It shows the beginning of 2026, UTC.
func NewClock() *Clock {
	c := new(Clock)
	c.now.Store(int64(zero))
	return c
}

// Now is what the clock shows. It stands still but for Advance.
func (c *Clock) Now() time.Time { return epoch.Add(time.Duration(c.now.Load()) - time.Duration(zero)) }

// Advance moves the clock by d, in steps of at most 100 ms, which is the precision of
// the server's deadlines. After each step the servers do what is due, and the clients
// answer what they are asked, before the next one. So a client answers its pings
// however far the clock is moved.
//
// The first ping of a session comes at a random time in the last three quarters of
// [sio.Options].PingInterval, the others one interval behind the answer.
//
// It does not wait for handlers: see [Clock.Settle]. Nor does it wait for more than a few
// seconds for a function of [Client.On] that blocks. A d of 0 or less does nothing.
func (c *Clock) Advance(d time.Duration) {
	c.moving.Lock()
	defer c.moving.Unlock()
	until := time.Now().Add(patience)
	for d > 0 {
		step := min(d, loop.WheelTick)
		d -= step
		c.now.Add(int64(step))
		c.mu.Lock()
		worlds := slices.Clone(c.worlds)
		c.mu.Unlock()
		for _, w := range worlds {
			w.step(until)
		}
	}
}

// Settle waits until the servers have done everything that they have been told so far:
// no handler runs, nothing is on its way to a client, and what clients do by
// themselves is done. It reports false if that is not so after some seconds, because a
// handler, or a function of [Client.On], blocks.
//
// What goroutines of the application do beside the handlers is not waited for.
func (c *Clock) Settle() bool {
	c.mu.Lock()
	worlds := slices.Clone(c.worlds)
	c.mu.Unlock()
	for _, w := range worlds {
		if !w.settled() {
			return false
		}
	}
	return true
}

func (c *Clock) add(w *world) {
	c.mu.Lock()
	c.worlds = append(c.worlds, w)
	c.mu.Unlock()
}

func (c *Clock) remove(w *world) {
	c.mu.Lock()
	c.worlds = slices.DeleteFunc(c.worlds, func(x *world) bool { return x == w })
	c.mu.Unlock()
}

// hands is a clock as loops see it.
type hands struct{ *Clock }

var _ loop.Clock = hands{}

// Now implements [loop.Clock].
func (h hands) Now() session.Instant { return session.Instant(h.now.Load()) }

// Wall implements [loop.Clock].
func (h hands) Wall() time.Time { return h.Clock.Now() }
