package bench

import (
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
)

// An announcer broadcasts into each of its rooms in turn.
type announcer struct {
	peer
	speech *speech
	pacer  *pacer
	sent   []atomic.Uint32
	room   int
}

// announcer opens the session that broadcasts, into as many rooms as sent has.
func (r *run) announcer(sent []atomic.Uint32, speech func(*worker) *speech) (*announcer, error) {
	a := &announcer{sent: sent}
	if err := r.open(1, func(w *worker, _ int) member {
		a.speech = speech(w)
		return a
	}); err != nil {
		return nil, err
	}
	a.pacer = newPacer(a.w, a.send)
	return a, nil
}

// start begins to broadcast at a rate, if w is the announcer's.
func (a *announcer) start(w *worker, rate float64) {
	if w == a.w {
		a.pacer.start(rate, 0, 1)
	}
}

func (a *announcer) stop(w *worker) {
	if w == a.w {
		a.pacer.stop()
	}
}

// send broadcasts to the next room; it says false when it is closed.
func (a *announcer) send(at time.Duration) bool {
	if !a.Live() {
		return false
	}
	a.room = (a.room + 1) % len(a.sent)
	// The number counts as sent before it is: who reads it on another loop, when a
	// join is acknowledged, must not take for later what is under way.
	seq := a.sent[a.room].Add(1) - 1
	a.Send(a.speech.to(a.room, seq, a.room, at))
	return true
}

func (a *announcer) Text(_ *client.Session, packet []byte) { a.w.fail(WrongRoom, client.Quote(packet)) }

func (a *announcer) Closed(_ *client.Session, err error) {
	if a.live && err != nil {
		a.w.fail(NoSender, err.Error())
	}
	a.w.closed(&a.peer, err)
}
