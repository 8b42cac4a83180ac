package bench

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
)

// cast is one sender and its room, over all loops.
type cast struct {
	run       *run
	speech    *speech // the sender's loop only
	entrance  *entrance
	sender    *listener // fixed by gather, while nothing is under way
	sendNext  func()
	receivers atomic.Int64
	underWay  atomic.Int64
	next      atomic.Uint32 // the first not sent

	// The open loop.
	rate  float64 // 0: a closed one
	pacer *pacer  // made with the first broadcast

	// flights are the broadcasts under way, by number modulo their length. They
	// are published before they are sent; a receiver on any loop reads them. Each
	// that a receiver has in front of it is there: there are no more under way.
	// One that it has jumped over it keeps itself.
	flights []atomic.Pointer[flight]
}

// newCast makes a room whose sender keeps inFlight broadcasts under way, or with a
// rate sends at that.
func newCast(r *run, speech *speech, entrance *entrance, inFlight int, rate float64) *cast {
	if rate > 0 {
		inFlight = maxInFlight
	}
	c := &cast{run: r, speech: speech, entrance: entrance, rate: rate, flights: make([]atomic.Pointer[flight], inFlight)}
	c.sendNext = c.send
	return c
}

// gather counts the listeners that have come since it was last called as receivers, and
// finds a sender, the first, if there is none any more. Nothing is under way.
func (c *cast) gather() {
	c.run.each(func(w *worker) {
		for _, m := range w.members {
			l, ok := m.(*listener)
			if !ok || !l.live {
				continue
			}
			if !l.counted {
				l.counted = true
				c.receivers.Add(1)
			}
			if c.sender == nil || !c.sender.live {
				c.sender = l
			}
		}
	})
}

// start begins to send, on the sender's loop.
func (c *cast) start(w *worker) {
	switch {
	case w != c.sender.w:
	case c.rate > 0:
		c.pacer = newPacer(w, c.sendAt)
		c.pacer.start(c.rate, 0, 1)
	default:
		for range c.flights {
			c.send()
		}
	}
}

// stop ends the open loop.
func (c *cast) stop(w *worker) {
	if w == c.sender.w && c.pacer != nil {
		c.pacer.stop()
	}
}

// flight is one broadcast. All but left is fixed when it is published.
type flight struct {
	seq   uint32
	text  []byte        // what each receiver gets
	start time.Duration // of the write, or when it was due
	sent  time.Duration // of the write
	left  atomic.Int64  // receivers that do not have it yet
}

// send sends the next broadcast of a closed loop, on the sender's loop.
func (c *cast) send() {
	if c.rate == 0 && c.sender.w.sending {
		c.sendAt(c.sender.w.loop.Clock())
	}
}

// sendAt sends the next broadcast, on the sender's loop; latency counts from at.
// It says false if the sender is closed.
func (c *cast) sendAt(at time.Duration) bool {
	if !c.sender.Live() {
		return false
	}
	if n := int(c.underWay.Load()); n >= len(c.flights) {
		c.sender.w.fail(Overrun, fmt.Sprintf("%d broadcasts are under way", n))
		return true
	}
	seq := c.next.Load()
	f := &flight{seq: seq, text: bytes.Clone(c.speech.in.set(seq, 0)), start: at, sent: c.sender.w.loop.Clock()}
	f.left.Store(c.receivers.Load())
	c.flights[seq%uint32(len(c.flights))].Store(f)
	c.underWay.Add(1)
	c.next.Store(seq + 1)
	c.sender.Send(c.speech.out.set(seq, 0))
	return true
}

// flight is the broadcast seq, if it is under way.
func (c *cast) flight(seq uint32) *flight {
	if f := c.flights[seq%uint32(len(c.flights))].Load(); f != nil && f.seq == seq {
		return f
	}
	return nil
}

// delivered counts a receiver off f that has got it. Any loop.
func (c *cast) delivered(f *flight, w *worker) {
	if c.landed(f, w) {
		if d := w.loop.Now() - f.start; w.counts(d) {
			w.last.Record(d)
		}
	}
}

// landed counts a receiver off f, and says whether it was the last. Any loop.
func (c *cast) landed(f *flight, w *worker) bool {
	if f.left.Add(-1) != 0 {
		return false
	}
	c.underWay.Add(-1)
	if w == c.sender.w {
		c.send()
	} else {
		c.sender.w.loop.Post(c.sendNext)
	}
	return true
}
