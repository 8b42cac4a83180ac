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
	gap  time.Duration // 0: it has not begun
	end  time.Duration // of the window, once that is over; 0 before
	gone bool          // it sends no more
}

// catchUp bounds how long behind the window's end a pacer sends what was due in it, as a
// quarter of [Options.Drain] does.
const catchUp = time.Second

func newPacer(w *worker, send func(due time.Duration) bool) *pacer {
	p := &pacer{w: w, send: send}
	p.tick = w.loop.NewTimer(p.due)
	w.pacer = p
	return p
}

// start begins to send rate messages per second, over all of pacers together, of
// which this is the one with the number index.
func (p *pacer) start(rate float64, index, pacers int) {
	p.gap = time.Duration(float64(time.Second) * float64(pacers) / rate)
	p.next = p.w.loop.Now() + p.gap*time.Duration(index)/time.Duration(pacers)
	p.tick.Arm(p.next)
}

// stop ends it, but for what was due in the window and is not sent yet: the loop may be
// behind, and what it never sent would be in no figure.
func (p *pacer) stop() {
	p.end = p.w.until
	if !p.behind() {
		p.tick.Stop()
	}
}

// behind reports whether something that was due in a window that is over is yet to be sent.
// Of nil it is not.
func (p *pacer) behind() bool { return p != nil && !p.gone && p.gap > 0 && p.next < p.end }

// giveUp counts what will not be sent any more, as that late at least.
func (p *pacer) giveUp(late time.Duration) {
	p.gone = true
	n := uint64((p.end - p.next + p.gap - 1) / p.gap)
	p.w.unsent += n
	p.w.lag.RecordN(late, n)
}

// due sends what is due, at most a bounded number before the loop looks at its
// connections again.
func (p *pacer) due() {
	const most = 256
	for n := 0; p.next <= p.w.loop.Clock() && n < most; n++ {
		if p.end > 0 {
			if !p.behind() {
				return
			}
			if late := p.w.loop.Clock() - p.end; late > min(catchUp, p.w.run.options.Drain/4) {
				p.giveUp(late)
				return
			}
		}
		late := p.w.loop.Clock() - p.next
		if !p.send(p.next) {
			p.gone = true
			return
		}
		p.w.sentLate(late)
		if !p.w.recording && p.w.due(p.next) {
			p.w.lag.Record(late)
		}
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
