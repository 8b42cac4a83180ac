package bench

import (
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// A member is one session of a scenario, in the scenario's own type.
type member interface {
	client.Handler
	base() *peer
}

// peer is what all members have. Loop only.
type peer struct {
	client.Session
	w       *worker
	id      int           // 0, 1, … over the whole run
	started time.Duration // of the handshake
	opening bool          // counts in w.opening
	live    bool          // counts in w.ready
}

func (p *peer) base() *peer { return p }

// Ready, Text, Binary and Closed are [client.Handler]'s for members that are open once
// they are connected and get nothing; others have their own.
func (p *peer) Ready(*client.Session) {
	p.w.connected(p)
	p.w.opened(p)
}

func (p *peer) Text(_ *client.Session, packet []byte) { p.w.fail(WrongEvent, client.Quote(packet)) }

func (p *peer) Binary(_ *client.Session, data []byte) {
	p.w.fail(WrongEvent, "an attachment of nothing: "+client.Quote(data))
}

func (p *peer) Closed(_ *client.Session, err error) { p.w.closed(p, err) }

// worker is what one loop of a run owns.
type worker struct {
	run     *run
	index   int
	loop    *reactor.Loop
	env     *client.Env
	members []member

	// Opening and goodbyes, at most width at a time.
	width    int
	opening  int
	next     int // index into members
	settled  func()
	greeting bool           // else taking leave
	patrol   *reactor.Timer // over openings, and what is sent

	// The window, and its ends on the loop's clock.
	sending   bool
	recording bool
	from      time.Duration
	until     time.Duration

	tally     client.Tally
	connect   hist.Histogram // TCP to CONNECT answer
	ways      byTransport    // the same by transport
	latency   hist.Histogram
	service   hist.Histogram // in an open loop, the same from when it was really sent
	lag       hist.Histogram // send lag of an open loop
	pacer     *pacer         // of an open loop; nil: it has none
	unsent    uint64         // of an open loop: what was due in the window and was never sent
	last      hist.Histogram // last receiver of a broadcast
	recorded  uint64         // operations in the window
	respelled uint64         // answers that mean the same, in other bytes
	interval  *interval      // since the last sample; the recorder swaps it
	late      hist.Histogram // of pulse, in the window
	watched   bool           // the window, as the watch has it: from begin to end
	cpuBegin  time.Duration  // of the loop
	cpuEnd    time.Duration
	pulse     *reactor.Timer // every pulseStep, to see how late the loop is
	pulseAt   time.Duration  // when it is due
	heartbeat uint64         // how many of env.Heartbeats are in done, where beats count

	counters
}

// fail counts an error. Loop only.
func (w *worker) fail(name, detail string) { w.failN(name, detail, 1) }

func (w *worker) failN(name, detail string, n uint64) {
	w.tally.AddN(name, detail, n)
	w.errors.Add(n)
}

func (w *worker) failError(err error) {
	if err != nil {
		w.tally.AddError(err)
		w.errors.Add(1)
	}
}

// operation counts an operation that took d. Loop only.
func (w *worker) operation(d time.Duration) { w.operated(d, w.counts(d)) }

// operated counts an operation that took d; counts says whether that is of the window.
// Loop only.
func (w *worker) operated(d time.Duration, counts bool) {
	w.done.Add(1)
	w.interval.latency.Record(d)
	if w.recording {
		w.recorded++
	}
	if counts {
		w.latency.Record(d)
	}
	if late := w.run.options.Late; late > 0 && d > late && (w.recording || !w.sending) {
		w.fail(Late, fmt.Sprintf("%v", d.Round(time.Microsecond)))
	}
}

// served takes what an operation took that was due took ago and sent service ago;
// counts says whether it is of the window. The loop looks at the clock for a sending,
// but not for each message that it reads: then it may have been sent after. Loop only.
func (w *worker) served(took, service time.Duration, counts bool) {
	if counts {
		w.service.Record(min(took, max(0, service)))
	}
}

// counts reports whether a duration that ends now is one of the window's: in a closed
// loop what ends in it, in an open one what was due in it, however late it comes.
// Otherwise a server that stands still at the end would be seen only by what it has
// answered before. Loop only.
func (w *worker) counts(d time.Duration) bool {
	if !w.run.paced {
		return w.recording
	}
	return w.due(w.loop.Now() - d)
}

// due reports whether what was due at a time, and comes now, is of the window. Loop only.
func (w *worker) due(at time.Duration) bool {
	return at >= w.from && (w.recording || at < w.until)
}

// record begins the window, or ends it. Loop only.
func (w *worker) record(on bool) {
	w.recording = on
	if on {
		w.from, w.until = w.loop.Clock(), 0
	} else {
		w.until = w.loop.Clock()
	}
}

// pulseStep is the time between two looks at how late a loop is.
const pulseStep = 10 * time.Millisecond

// beat is what pulse runs.
func (w *worker) beat() {
	now := w.loop.Clock()
	if w.pulseAt > 0 {
		w.interval.late.Record(now - w.pulseAt)
		if w.watched {
			w.late.Record(now - w.pulseAt)
		}
	}
	w.pulseAt = now + pulseStep
	w.pulse.Arm(w.pulseAt)
}

// surrender gives the recorder what was seen since it last asked, for an empty
// interval. Loop only.
func (w *worker) surrender(empty *interval) *interval {
	if w.run.counts == beats {
		w.done.Add(w.env.Heartbeats - w.heartbeat)
		w.heartbeat = w.env.Heartbeats
	}
	full := w.interval
	w.interval = empty
	return full
}

// sentLate counts that a message of an open loop was sent d after it was due.
// Loop only.
func (w *worker) sentLate(d time.Duration) {
	w.interval.lag.Record(d)
	if w.recording {
		w.lag.Record(d)
	}
}
