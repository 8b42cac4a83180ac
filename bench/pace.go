package bench

import (
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// A pacer is the open loop of one worker: send is called at a constant rate,
// with the time at which the message was due, whatever has come of those before.
// Loop only.
type pacer struct {
	w    *worker
	send func(due time.Duration) bool // false: nobody is left to send
	tick *reactor.Timer
	next time.Duration // when the next message is due
	gap  time.Duration
}

func newPacer(w *worker, send func(due time.Duration) bool) *pacer {
	p := &pacer{w: w, send: send}
	p.tick = w.loop.NewTimer(p.due)
	return p
}

// start begins to send rate messages per second, over all of pacers together, of
// which this is the one with the number index.
func (p *pacer) start(rate float64, index, pacers int) {
	p.gap = time.Duration(float64(time.Second) * float64(pacers) / rate)
	p.next = p.w.loop.Now() + p.gap*time.Duration(index)/time.Duration(pacers)
	p.tick.Arm(p.next)
}

func (p *pacer) stop() { p.tick.Stop() }

// due sends what is due, at most a bounded number before the loop looks at its
// connections again.
func (p *pacer) due() {
	const most = 256
	for n := 0; p.next <= p.w.loop.Clock() && n < most; n++ {
		late := p.w.loop.Clock() - p.next
		if !p.send(p.next) {
			return
		}
		p.w.sentLate(late)
		p.next += p.gap
	}
	p.tick.Arm(p.next)
}

// minRate and maxRate bound a rate, per second. Slower, nothing might be due in
// the whole run, and the gap between two messages would not fit a duration at last.
const (
	minRate = 0.001
	maxRate = 1e7
)

// checkRate says whether an open loop can have that rate; 0 is a closed loop's.
func checkRate(rate float64) error {
	if rate != 0 && !(rate >= minRate && rate <= maxRate) { // also if it is no number
		return fmt.Errorf("%w: rate %v: must be 0.001 to 10,000,000 per second, or 0 for none", ErrUsage, rate)
	}
	return nil
}

// paced adds what there is to say of an open loop that was to send rate messages
// per second and has sent n in the window.
func (res *Result) paced(rate float64, n uint64, lag *hist.Histogram) {
	res.Parameters["rate"] = rate
	res.latency(sendLag, lag)
	res.warnRate(rate, n)
}

// warnRate is how the warning about the rate begins.
const warnRate = "the rate was not reached"

func (res *Result) warnRate(rate float64, n uint64) {
	if n := float64(n); n < 0.98*rate*res.Elapsed {
		res.Warnings = append(res.Warnings, fmt.Sprintf("%s: %.4g of %.4g per second", warnRate, n/res.Elapsed, rate))
	}
}
