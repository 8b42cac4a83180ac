package bench

import (
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// mood is what an actor is doing.
type mood uint8

const (
	gone       mood = iota // it is a place that nobody has taken
	connecting             // until Ready
	acting                 // runs its lines, or waits for the server in one
	sleeping               // until its time has come
	away                   // sleeps, to connect again
	leaving                // has said goodbye, to go on with the next line
	departing              // has said goodbye for good
)

// actor is one client of a [Script]: a place in its play, and what it waits for.
type actor struct {
	peer
	stage *stage
	play  *play
	laps  []lap // of the loops that it is in

	at       time.Duration // when it wakes up
	due      time.Duration // when the next step was due, if that is known: its latency counts from then
	since    time.Duration // what the step in hand counts from
	begun    time.Duration // when it really began
	deadline time.Duration // of what it waits for; 0: nothing

	// Messages that are answered are numbered through. next is the first not sent,
	// first that of the step in hand, of which left are not answered.
	seq         sequence
	next, first uint32
	left        uint32

	number   int                 // among all clients so far
	said     []uint32            // numbers of its broadcasts, by line
	from     map[uint64]*hearing // of others' broadcasts
	heard    [maxHeard]uint8     // events that nobody has waited for
	skip     uint16              // attachments to come that nobody wants to see
	slot     int32               // among the sleepers, -1: not there
	place    int32               // among the residents
	pc       uint16
	mood     mood
	resident bool
	paced    bool // the step in hand counts from when it was due
	going    bool // is to end at the next step
	rejoins  bool // connects in a step of its own
	owed     bool // the attachment of an echo comes next
}

// lap is where an actor is in a loop.
type lap struct {
	left int           // times it is still to run, the one in hand included; 0: for ever
	due  time.Duration // of the time in hand, in a paced loop
}

// begin has a new client take the place.
func (a *actor) begin(p *play, number int, resident bool) {
	*a = actor{
		peer: a.peer, stage: a.stage, play: p, slot: -1, number: number, resident: resident,
		next: a.next, said: a.said, laps: a.laps,
	}
	if len(a.laps) < p.loops {
		a.laps = make([]lap, p.loops)
	}
	if len(a.said) < p.speeches {
		a.said = append(a.said, make([]uint32, p.speeches-len(a.said))...)
	}
}

// connect opens the session; its time counts from due.
func (a *actor) connect(due time.Duration) {
	env := a.play.env
	if env == nil {
		env = a.stage.env
	}
	a.mood = connecting
	a.stage.underWay++
	a.seq = sequence{want: a.next}
	for i := range a.said { // what was cut off is not missed
		a.said[i] += 2 * maxWaiting
	}
	a.started = due
	a.StartWith(env, a, client.Start{Namespace: a.play.namespace, ID: a.number})
}

func (a *actor) Ready(*client.Session) {
	s := a.stage
	s.underWay--
	s.connected(&a.peer)
	s.opened(&a.peer)
	s.record(connectStat, s.loop.Now()-a.started)
	a.mood = acting
	if a.rejoins {
		a.rejoins = false
		s.stepDone(a.line().stat, s.loop.Now()-a.started)
		a.pc++
	}
	a.run()
}

// line is the step in hand, nil behind the last.
func (a *actor) line() *line {
	if int(a.pc) >= len(a.play.lines) {
		return nil
	}
	return &a.play.lines[a.pc]
}

// breath bounds the steps that a client does before others have a turn.
const breath = 64

// full is how much may wait to be sent before a client pauses.
const full = 1 << 20

// run does one step after the other until one has to wait.
func (a *actor) run() {
	for n := 0; ; n++ {
		switch l := a.line(); {
		case a.stage.stopped:
			return
		case a.going, l == nil && !a.resident:
			a.depart()
			return
		case l == nil:
			a.pc = 0
		case n == breath || a.Waiting() > full:
			a.rest(a.stage.loop.Clock() + time.Millisecond)
			return
		case !l.run(a, l):
			return
		}
	}
}

// rest sleeps until a time.
func (a *actor) rest(at time.Duration) {
	a.mood = sleeping
	a.stage.sleep(a, at)
}

// awake goes on after a rest.
func (a *actor) awake() {
	before := a.mood
	a.mood = acting
	switch {
	case a.stage.stopped:
		return
	case before == away && !a.going:
		a.rejoin()
		return
	case a.due > 0 && a.due == a.at:
		a.stage.sentLate(a.stage.loop.Clock() - a.due)
	}
	a.run()
}

// rejoin connects again.
func (a *actor) rejoin() {
	a.rejoins = true
	a.connect(a.stage.loop.Clock())
}

// hurry ends a rest, for one that is to go.
func (a *actor) hurry() {
	if a.mood == sleeping || a.mood == away {
		a.stage.unsleep(a)
		a.mood = acting
		a.run()
	}
}

// depart ends the client.
func (a *actor) depart() {
	if !a.Live() {
		a.vacate()
		return
	}
	a.mood = departing
	a.stage.underWay++
	a.loseGaps()
	a.Goodbye()
}

// vacate makes room for another client.
func (a *actor) vacate() {
	s := a.stage
	switch {
	case !a.resident:
		s.visitors--
	case !a.going:
		s.disown(a)
	}
	a.mood = gone
	s.vacant = append(s.vacant, a)
}

func (a *actor) Closed(_ *client.Session, err error) {
	s := a.stage
	before := a.mood
	s.closed(&a.peer, err)
	switch before {
	case connecting:
		s.underWay--
	case leaving, departing:
		s.underWay--
	case sleeping:
		s.unsleep(a)
	}
	if err != nil {
		s.notBefore = s.loop.Now() + reentry
		a.lose("closed without answer")
		a.vacate()
		return
	}
	switch {
	case s.stopped:
	case before == leaving:
		a.mood = acting
		a.pc++
		a.run()
	default:
		a.vacate()
	}
}

// present says whether the session may be sent on. If it has been left it is
// opened again, and the step in hand begins then.
func (a *actor) present() bool {
	if a.Live() {
		return true
	}
	a.connect(a.stage.loop.Now())
	return false
}

// expect begins to wait for n answers.
func (a *actor) expect(l *line, n uint32) {
	s := a.stage
	now := s.loop.Clock()
	a.first, a.left = a.next, n
	a.since, a.begun, a.due = now, now, 0
	a.deadline = now + l.timeout
	s.underWay++
}

// start is the time that a step's latency counts from: when it was due, if that
// is known.
func (a *actor) start(l *line, n uint32) {
	due := a.due
	a.expect(l, n)
	if a.paced = due > 0; a.paced {
		a.since = due
	}
}

// answered takes one answer to the step in hand, and goes on after the last.
func (a *actor) answered() {
	s := a.stage
	l := a.line()
	if d := s.loop.Now() - a.since; a.paced {
		s.pacedDone(l.stat, d, s.loop.Now()-a.begun)
	} else {
		s.stepDone(l.stat, d)
	}
	if a.left--; a.left == 0 {
		a.proceed()
	}
}

// proceed ends the step in hand and goes on.
func (a *actor) proceed() {
	a.deadline, a.left = 0, 0
	a.stage.underWay--
	a.pc++
	a.run()
}

// late gives up what has not come.
func (a *actor) late() {
	l := a.line()
	a.stage.failN(Lost, fmt.Sprintf("client %d, line %d: no answer to %s within %s", a.number, l.step.Line, l.stepName(), briefly(l.timeout)), uint64(a.left))
	a.seq.giveUp(a.next)
	a.proceed()
}

// stepName is how errors call the step.
func (l *line) stepName() string {
	if l.step.Name != "" {
		return l.step.Name
	}
	return string(l.step.Op)
}

// lose counts what the client still waits for.
func (a *actor) lose(why string) {
	if a.left > 0 {
		l := a.line()
		a.stage.failN(Lost, fmt.Sprintf("client %d, line %d: %s to %s", a.number, l.step.Line, why, l.stepName()), uint64(a.left))
		a.left, a.deadline = 0, 0
		a.stage.underWay--
	}
	a.loseGaps()
}

// echo sends messages that come back.
func (a *actor) echo(l *line) bool {
	if !a.present() {
		return false
	}
	a.start(l, uint32(l.step.Count))
	a.Batch(func() {
		for range l.step.Count {
			if l.data == nil {
				a.Send(l.out.set(a.next, a.id))
			} else {
				a.Send(l.out.text)
				a.SendBinary(l.data.set(a.next, a.id))
			}
			a.next++
		}
	})
	return false
}

// emit sends an event, and waits for what was asked for.
func (a *actor) emit(l *line) bool {
	if !a.present() {
		return false
	}
	s := a.stage
	args := l.args.fill(a)
	waits := l.step.Ack || l.answer != ""
	if waits {
		a.start(l, 1)
	}
	s.buf = append(append(s.buf[:0], l.out.set(a.next, a.id)...), args...)
	a.Batch(func() {
		a.Send(s.buf)
		for _, p := range l.parts {
			a.SendBinary(p)
		}
	})
	if waits {
		a.next++
		return false
	}
	a.sent()
	return true
}

// sent ends a step that waits for nothing.
func (a *actor) sent() {
	s := a.stage
	s.act.operations++
	s.worker.done.Add(1)
	if s.recording {
		s.recorded++
	}
	a.due = 0
	a.pc++
}

// joinOrLeave asks for a room and waits for the acknowledgement.
func (a *actor) joinOrLeave(l *line) bool {
	if !a.present() {
		return false
	}
	s := a.stage
	room := l.room.fill(a)
	a.start(l, 1)
	s.buf = socketio.AppendString(append(s.buf[:0], l.out.set(a.next, a.id)...), room)
	s.buf = append(s.buf, ']')
	a.Send(s.buf)
	a.next++
	return false
}

// broadcast has the server pass an event on to a room.
func (a *actor) broadcast(l *line) bool {
	if !a.present() {
		return false
	}
	s := a.stage
	room := l.room.fill(a)
	n := a.said[l.place]
	a.said[l.place]++
	l.out.setStamp(int64(s.loop.Clock()))
	s.buf = append(socketio.AppendString(append(s.buf[:0], l.head...), room), l.out.set(n, a.id)...)
	if l.own {
		a.start(l, 1)
		a.next++
		a.Send(s.buf)
		return false
	}
	a.Send(s.buf)
	a.sent()
	return true
}

// wait waits for events, those included that have come since the last wait.
func (a *actor) wait(l *line) bool {
	if !a.present() {
		return false
	}
	n := uint32(l.step.Count)
	a.start(l, n)
	for ; a.heard[l.slot] > 0 && a.left > 0; a.heard[l.slot]-- {
		a.stage.stepDone(l.stat, 0)
		a.left--
	}
	if a.left > 0 {
		return false
	}
	a.deadline = 0
	a.stage.underWay--
	a.pc++
	return true
}

func (a *actor) think(l *line) bool {
	d := a.stage.draw(l.step.Span)
	a.pc++
	a.due = 0
	if d == 0 {
		return true
	}
	a.rest(a.stage.loop.Clock() + d)
	return false
}

// repeat begins a loop.
func (a *actor) repeat(l *line) bool {
	a.laps[l.loop] = lap{left: l.step.Times, due: a.stage.loop.Clock()}
	a.pc++
	return true
}

// again ends one time of a loop.
func (a *actor) again(l *line) bool {
	p := &a.laps[l.loop]
	if p.left > 0 {
		if p.left--; p.left == 0 {
			a.pc++
			return true
		}
	}
	a.pc = uint16(l.to)
	if l.step.Every == 0 {
		return true
	}
	p.due += time.Duration(float64(l.step.Every) / a.stage.load())
	a.due = p.due
	if p.due > a.stage.loop.Clock() {
		a.rest(p.due)
		return false
	}
	return true
}

// disconnect ends the session; steps behind it that need one open another.
func (a *actor) disconnect(l *line) bool {
	if !a.Live() {
		a.pc++
		return true
	}
	a.loseGaps()
	if l.step.Abort {
		a.Abort()
		a.stage.closed(&a.peer, nil)
		a.pc++
		return true
	}
	a.mood = leaving
	a.stage.underWay++
	a.Goodbye()
	return false
}

// reconnect cuts the session if there is one, and opens another after a while.
func (a *actor) reconnect(l *line) bool {
	s := a.stage
	if a.Live() {
		a.loseGaps()
		a.Abort()
		s.closed(&a.peer, nil)
	}
	if d := s.draw(l.step.Span); d > 0 {
		a.rest(s.loop.Clock() + d)
		a.mood = away
		return false
	}
	a.rejoin()
	return false
}
