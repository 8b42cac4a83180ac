package loop

import (
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// A Loop is one event loop and all that it owns.
type Loop struct {
	// Fixed when the loop is made; read by any goroutine.
	index int
	group *Group
	wake  func()         // makes Run be called on the loop's goroutine, soon
	yield func()         // the same, but after the poller has looked at the connections
	event gnet.EventLoop // nil for a loop without gnet

	// Any goroutine.
	mailbox  mailbox
	ticking  atomic.Bool // a tick has been posted and not been worked off
	armed    atomic.Bool // the wheel has entries: ticks are wanted
	yielding atomic.Bool // yield was called and has not come back
	goid     atomic.Uint64
	stats    Stats

	// Owned by the loop's goroutine.
	config  session.Config
	table   *session.Table
	counted counted
	wheel   wheel
	now     session.Instant // of this turn
	inTurn  bool
	woken   bool // this turn was asked for: the poller has no other event before it

	urgent     []*session.Conn    // written to in this turn by something direct
	fanned     []*session.Conn    // written to by broadcasts; flushed in chunks
	fannedAt   int                // fanned[:fannedAt] has been flushed
	budget     int                // how many of fanned this turn may still flush
	takes      int                // how often this turn has taken mail
	laden      bool               // they hold so much that they are flushed before more mail is done
	bulky      []*session.Conn    // to be flushed before the turn ends
	answerable []*session.Session // polling sessions with something to say
	doomed     []doom
	dead       []closedConn // whose sessions are to be told

	batch   batch
	valve   *valve // nil before the first connection over TLS
	ids     idSource
	date    dateCache
	buffers bufferPool
	random  uint64
}

type doom struct {
	s   *session.Session
	r   session.Reason
	err error
}

// Stats are a loop's counters, as other goroutines may read them: at most a tick
// behind, since the loop counts for itself and shows the figures now and then.
type Stats struct {
	Connections atomic.Int64 // open now
	Refused     atomic.Int64 // connections over the limit
	Panics      atomic.Int64 // on the loop; handlers' are not among them
	Turns       atomic.Int64
	Read        atomic.Int64 // bytes
	Written     atomic.Int64
	Batched     atomic.Int64 // writes that had no system call of their own
	Events      atomic.Int64 // see session.Count
	Packets     atomic.Int64
	Dropped     atomic.Int64
}

// counted is what the loop counts for Stats; it belongs to the loop.
type counted struct{ turns, read, written, batched int64 }

// show publishes what was counted.
func (l *Loop) show() {
	s, c := &l.stats, &l.table.Count
	s.Turns.Store(l.counted.turns)
	s.Read.Store(l.counted.read)
	s.Written.Store(l.counted.written)
	s.Batched.Store(l.counted.batched)
	s.Events.Store(c.Events)
	s.Packets.Store(c.Packets)
	s.Dropped.Store(c.Dropped)
}

// flushChunk is how many connections a broadcast may write to in one turn: 1 to 3 ms
// of system calls. The poller then looks at the connections before it goes on.
const flushChunk = 512

// maxTakes bounds how often a turn takes mail, so that posters without end cannot keep a
// loop from its connections.
const maxTakes = 8

func newLoop(g *Group, index int) *Loop {
	l := &Loop{index: index, group: g, config: g.config}
	l.table = session.NewTable(l)
	l.config.Draining = g.closing.Load()
	l.now = g.clock.Now()
	l.wheel.tick = int64(l.now) / int64(WheelTick)
	l.wheel.panicked = l.panicked
	l.random = uint64(l.now)*0x9E3779B97F4A7C15 + uint64(index) + 1
	return l
}

// Index is the loop's number. Any goroutine.
func (l *Loop) Index() int { return l.index }

// Stats are the loop's counters. Any goroutine.
func (l *Loop) Stats() *Stats { return &l.stats }

// Send queues an Engine.IO packet for a socket; see [session.Socket.Send]. The packet
// is copied. It reports false when the loop has stopped. Any goroutine.
func (l *Loop) Send(k *session.Socket, packet []byte, f broadcast.Flags, compress bool) bool {
	return l.post(&mail{op: opSend, socket: k, flags: f, compress: compress}, packet)
}

// SendMessage queues a message for a socket. Any goroutine.
func (l *Loop) SendMessage(k *session.Socket, m *broadcast.Message, f broadcast.Flags) bool {
	return l.post(&mail{op: opMessage, socket: k, message: m, flags: f}, nil)
}

// Broadcast queues a message for the selected members of a shard of this loop. Any
// goroutine.
func (l *Loop) Broadcast(s *broadcast.Shard, sel *broadcast.Selection, m *broadcast.Message, f broadcast.Flags) bool {
	return l.post(&mail{op: opBroadcast, shard: s, sel: sel, message: m, flags: f}, nil)
}

// Join brings a socket into a room that was raised for this loop. Any goroutine.
func (l *Loop) Join(k *session.Socket, r *broadcast.Room) bool {
	return l.post(&mail{op: opJoin, socket: k, room: r}, nil)
}

// Leave takes a socket out of the named room. Any goroutine.
func (l *Loop) Leave(k *session.Socket, room string) bool {
	return l.post(&mail{op: opRun, run: func(session.Host, session.Instant) { k.Space().Shard.Leave(&k.Member, room) }}, nil)
}

// Do runs f on the loop, behind what this goroutine posted before. It reports false
// when the loop has stopped; f is not run then. Any goroutine.
func (l *Loop) Do(f func(h session.Host, now session.Instant)) bool {
	return l.post(&mail{op: opRun, run: f}, nil)
}

// Clear reports whether nothing waits in the mailbox, so that what is done directly
// overtakes nothing. What a mail does is in front of the mails that were taken out with
// it: a request from another loop's connection, which comes by mail, can find behind it
// what handlers sent before. Loop only.
func (l *Loop) Clear() bool { return l.mailbox.empty() }

func (l *Loop) post(m *mail, data []byte) bool {
	wake, ok := l.mailbox.post(m, data)
	if wake {
		l.wake()
	}
	return ok
}

// rouse asks for a turn behind the events that the poller has at hand.
func (l *Loop) rouse() {
	if l.mailbox.waking.CompareAndSwap(false, true) {
		l.wake()
	}
}

// turn opens and closes a turn that was asked for, by wake or by yield.
func (l *Loop) turn() {
	l.begin()
	l.woken = true
	l.end()
	l.woken = false
}

// begin opens a turn.
func (l *Loop) begin() {
	l.mailbox.awake.Store(true)
	l.now = l.group.clock.Now()
	l.inTurn = true
	l.budget, l.takes = flushChunk, 0
	if l.goid.Load() == 0 {
		l.goid.Store(goroutineID())
	}
}

// end closes a turn: everything that came in between is done, everything that was
// queued is written, and nothing is left but what a long broadcast may take another
// turn for.
func (l *Loop) end() {
	for {
		l.settled()
		l.mailbox.awake.Store(false)
		if l.mailbox.empty() && !l.ticking.Load() { // a tick sees awake as posters do
			break
		}
		if l.laden {
			break // another turn was asked for, to flush first
		}
		if l.takes == maxTakes {
			l.again()
			break
		}
		l.mailbox.awake.Store(true)
	}
	l.inTurn = false
	l.counted.turns++
	armed := l.wheel.size > 0
	if armed != l.armed.Load() {
		l.armed.Store(armed)
	}
	if l.woken || !armed { // ticks come this way, and without them nothing else will
		l.show()
	}
}

// settle works until nothing is left to do at once. The order is that of cause and
// effect: mails and ticks queue packets, packets become answers, answers are flushed,
// a flush can close a connection, which ends a session, which queues packets.
func (l *Loop) settle() {
	for {
		busy := false
		if l.ticking.Load() {
			l.ticking.Store(false)
			l.wheel.advance(l.now)
			busy = true
		}
		if !l.laden && l.takeMail() {
			l.work()
			busy = true
		}
		if l.flush() || busy {
			continue
		}
		if len(l.fanned) == 0 {
			if l.laden { // all of them were urgent too, and are flushed
				l.laden = false
				continue
			}
			return
		}
		if !l.woken {
			// The poller may have more events at hand, and they more for the same receivers:
			// these are written to when it has none.
			l.rouse()
			return
		}
		if !l.flushFanned() {
			return
		}
	}
}

// takeMail reports whether there is mail to be done in this turn.
func (l *Loop) takeMail() bool {
	if b := &l.mailbox; b.at < len(b.work) {
		return true // left over
	}
	if l.takes == maxTakes || !l.mailbox.take() {
		return false
	}
	l.takes++
	return true
}

// work does what the mailbox had. A panic costs the mail that it came from, not those
// behind it.
func (l *Loop) work() {
	for l.mailbox.at < len(l.mailbox.work) {
		if l.laden {
			return
		}
		l.workOn()
	}
	l.mailbox.done()
}

func (l *Loop) workOn() {
	defer l.barrier()
	b := &l.mailbox
	for b.at < len(b.work) {
		m := &b.work[b.at]
		b.at++
		switch m.op {
		case opSend:
			m.socket.Send(b.workArena[m.from:m.to], m.flags, m.compress)
		case opMessage:
			m.socket.SendMessage(m.message, m.flags)
		case opBroadcast:
			m.shard.Deliver(m.sel, m.message, m.flags)
		case opJoin:
			m.socket.Space().Shard.Join(&m.socket.Member, m.room)
		case opRun:
			m.run(l, l.now)
		}
		if len(l.bulky) > 0 {
			l.flushBulky()
		}
		if l.laden {
			return
		}
	}
}

// again makes sure that there is another turn, after the poller has looked at the
// connections.
func (l *Loop) again() {
	if l.yielding.CompareAndSwap(false, true) {
		l.yield()
	}
}

// tick is told that time has passed. Any goroutine.
func (l *Loop) tick() {
	if !l.armed.Load() || !l.ticking.CompareAndSwap(false, true) {
		return
	}
	if !l.mailbox.awake.Load() {
		l.rouse()
	}
}

// A Clock tells a group's loops the time. Any goroutine.
type Clock interface {
	// Now is the monotonic clock; above 0.
	Now() session.Instant
	// Wall is the time of day.
	Wall() time.Time
}

type systemClock struct{ start time.Time }

// Now is the time since the clock was made, plus a second so that 0 stays free.
func (c systemClock) Now() session.Instant {
	return session.Instant(time.Since(c.start) + time.Second)
}

func (c systemClock) Wall() time.Time { return time.Now() }
