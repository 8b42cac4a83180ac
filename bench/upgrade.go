package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Upgrade has each of [Options.Conns] clients connect by polling and move to a
// WebSocket while messages are under way in both directions: it echoes from the
// answer to CONNECT on, through probe and move, until each message it had under
// way then and as many more are answered, says goodbye, and begins anew. Its
// operation is one upgrade. Whatever transport a message and its answer took, none
// may be lost, doubled or out of order.
//
// What is sent once the probe is answered waits for the WebSocket, as it does in
// the official client.
type Upgrade struct {
	Kind  Kind // as [Echo.Kind]; Binary has messages of which a part may take either transport
	Depth int  // messages under way; default 4
	Size  int  // as [Echo.Size]; default [DefaultSize]
}

// Name is "upgrade" and the kind.
func (s *Upgrade) Name() string {
	if s.Kind == "" || s.Kind == Event {
		return "upgrade"
	}
	return "upgrade " + string(s.Kind)
}

// redials says that sessions are opened over and over.
func (*Upgrade) redials() {}

// Run implements [Scenario].
func (s *Upgrade) Run(ctx context.Context, o Options) (*Result, error) {
	u := *s
	if u.Kind == "" {
		u.Kind = Event
	}
	if u.Depth == 0 {
		u.Depth = 4
	}
	if u.Size == 0 {
		u.Size = DefaultSize
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if u.Depth < 1 || u.Depth > maxWaiting {
		return nil, fmt.Errorf("%w: depth %d: must be 1 to %d", ErrUsage, u.Depth, maxWaiting)
	}
	o.Transport = string(client.Upgrade) // it is what is measured
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	talks, err := newTalks(config.Namespace, u.Kind, u.Size, "", u.Depth, &o)
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	stairs := make([]*stair, o.Loops)
	for i, w := range r.workers {
		stairs[i] = &stair{worker: w, talk: talks[i]}
	}
	r.enlist(o.Conns, func(w *worker, _ int) member { return &climber{stair: stairs[w.index]} })
	err = r.measure(
		func(w *worker) {
			for _, m := range w.members {
				m.(*climber).begin()
			}
		},
		func(*worker) {},
		func(w *worker) bool { return stairs[w.index].climbing > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range w.members {
				if m := m.(*climber); m.climbs {
					m.lose(&m.peer, m.stair.talk, "no answer at the end")
				}
			}
		})
	}
	return u.result(r, stairs), nil
}

func (s *Upgrade) result(r *run, stairs []*stair) *Result {
	var upgrade, polling, moved hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		upgrade.Merge(&w.latency)
		n += w.recorded
		polling.Merge(&stairs[w.index].before)
		moved.Merge(&stairs[w.index].after)
	})
	res := r.result("upgrade", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["kind"] = string(s.Kind)
	res.Parameters["depth"] = s.Depth
	if s.Kind != Object {
		res.Parameters["size"] = s.Size
	}
	res.latency("upgrade under traffic", &upgrade)
	res.latency("echo until it has moved", &polling)
	res.latency("echo after", &moved)
	connectMetrics(r, res)
	return res
}

// stair is what the sessions of one loop share.
type stair struct {
	*worker
	talk     *talk
	climbing int            // clients under way
	failed   int            // in a row
	before   hist.Histogram // echoes answered before the move was done, in the window
	after    hist.Histogram
}

// climber is one client.
type climber struct {
	peer
	exchange
	stair  *stair
	begun  time.Duration // when the upgrade did
	left   int           // messages that it has yet to send once it has moved
	climbs bool          // under way
	moved  bool
	leaves bool // has said goodbye
}

// begin connects.
func (m *climber) begin() {
	m.stair.climbing++
	m.exchange = exchange{times: m.times}
	m.climbs, m.moved, m.leaves = true, false, false
	m.started = m.w.loop.Now()
	m.StartWith(m.w.env, m, client.Start{ID: m.id})
}

// Upgrading implements [client.Upgrader].
func (m *climber) Upgrading(*client.Session) {
	if m.w.recording {
		m.w.connected(&m.peer)
	}
	m.begun = m.w.loop.Now()
	m.exchange.begin(&m.peer, m.stair.talk)
}

func (m *climber) Ready(*client.Session) {
	m.w.opened(&m.peer)
	m.moved = true
	m.left = m.stair.talk.depth
	m.w.operation(m.w.loop.Now() - m.begun)
	m.goOn()
}

// goOn sends what is left to send, as answers come, and then leaves.
func (m *climber) goOn() {
	waiting := int(m.next - m.seq.want)
	switch {
	case m.moved && m.left == 0:
		if m.seq.missing(m.next) == 0 && !m.leaves {
			m.leaves = true
			m.Goodbye()
		}
	case waiting < m.stair.talk.depth:
		if m.moved {
			m.left--
		}
		m.send(&m.peer, m.stair.talk, m.w.loop.Now())
	}
}

func (m *climber) Text(_ *client.Session, packet []byte) {
	m.answered(m.text(&m.peer, m.stair.talk, packet))
}

func (m *climber) Binary(_ *client.Session, data []byte) {
	m.answered(m.binary(&m.peer, m.stair.talk, data))
}

// giveUp implements [patient].
func (m *climber) giveUp() {
	if m.climbs {
		for range m.exchange.giveUp(&m.peer, m.stair.talk) {
			m.goOn()
		}
	}
}

// answered takes what text and binary say.
func (m *climber) answered(took time.Duration, ok bool) {
	if !ok {
		return
	}
	if m.w.recording && took >= 0 {
		if m.moved {
			m.stair.after.Record(took)
		} else {
			m.stair.before.Record(took)
		}
	}
	m.goOn()
}

func (m *climber) Closed(_ *client.Session, err error) {
	s := m.stair
	m.climbs = false
	s.climbing--
	m.lose(&m.peer, s.talk, "closed without answer")
	m.w.closed(&m.peer, err)
	var e *client.Error
	if err == nil {
		s.failed = 0
	} else if s.failed++; s.failed > maxFailures || errors.As(err, &e) && (e.Name == client.Descriptors || e.Name == client.SourcePorts) {
		return
	}
	if m.w.sending {
		m.begin()
	}
}
