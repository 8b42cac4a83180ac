package bench

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/bench/internal/script"
)

// A stage is one loop's part of a [Script]: its clients, who comes and goes with
// the phases, and who sleeps until when. Loop only, but for names and acts after
// the run.
type stage struct {
	*worker
	*compiler
	file   *script.File
	cast   []uint16 // kinds of clients, by number modulo its length
	random *rand.Rand
	buf    []byte

	// The loops of all processes, and how many of them are in those before this one.
	loops, before int

	// Who is there. Members of the worker are places, which are taken again and
	// again; inhabited and visitors are those that have not been asked to go.
	vacant     []*actor
	inhabited  []*actor // residents
	visitors   int
	born       int // clients so far
	notBefore  time.Duration
	tickTimer  *reactor.Timer
	asleep     sleepers
	alarm      *reactor.Timer
	patrolled  *reactor.Timer
	underWay   int // clients that wait for the server
	stopped    bool
	arrivedAt  time.Duration // up to when arrivals have been let in
	arrivalSum float64       // fraction of one that is due

	// The phase.
	phase   *script.Phase
	began   time.Duration
	act     *act
	acts    []act
	errorsA uint64 // at its begin
}

// act is what one phase was like on one loop.
type act struct {
	began      time.Duration // on the loop's clock
	warmup     bool
	entered    bool
	took       time.Duration
	conns      int
	operations uint64
	errors     uint64
	latencies  []*hist.Histogram // by stat; nil: nothing came
}

// stageStep is how often a stage looks at who should be there, patrolStep at who
// has waited too long for the server.
const (
	stageStep  = 10 * time.Millisecond
	patrolStep = 100 * time.Millisecond
)

// reentry is how long a loop lets nobody in after a connect has failed.
const reentry = 100 * time.Millisecond

func newStage(w *worker, f *script.File, c *compiler) (*stage, error) {
	s := &stage{worker: w, compiler: c, file: f, acts: make([]act, len(f.Phases))}
	s.random = rand.New(rand.NewPCG(c.options.Seed, uint64(c.options.Proc)<<32|uint64(w.index)))
	s.loops = len(w.run.workers)
	if p := c.options.part; p != nil {
		s.before = p.index * s.loops
		s.loops *= p.of
	}
	s.arrivalSum = float64(s.before+w.index) / float64(s.loops) // so that not all wait for a whole one
	s.tickTimer, s.alarm, s.patrolled = w.loop.NewTimer(s.tick), w.loop.NewTimer(s.wake), w.loop.NewTimer(s.look)
	for i := range s.acts {
		s.acts[i].latencies = make([]*hist.Histogram, len(c.names))
	}
	s.cast = castOf(f.Clients)
	for _, k := range c.plays {
		if k.kind.Transports == "" {
			continue
		}
		config, err := k.config(w.run.options)
		if err != nil {
			return nil, err
		}
		k.env = client.NewEnv(config, w.loop)
	}
	return s, nil
}

// castOf deals out the kinds by weight, each spread as evenly as can be: of any
// run of clients in a row, each kind has its share.
func castOf(kinds []script.Kind) (cast []uint16) {
	total := 0
	for _, k := range kinds {
		total += k.Weight
	}
	owed := make([]int, len(kinds))
	for range total {
		best := 0
		for i, k := range kinds {
			if owed[i] += k.Weight; owed[i] > owed[best] {
				best = i
			}
		}
		owed[best] -= total
		cast = append(cast, uint16(best))
	}
	return cast
}

// enter begins phase i.
func (s *stage) enter(i int) {
	if s.phase == nil {
		s.sending = true
		s.patrolled.Arm(s.loop.Now() + patrolStep)
	} else {
		s.leavePhase()
	}
	s.phase, s.act = &s.file.Phases[i], &s.acts[i]
	s.began, s.errorsA = s.loop.Now(), s.errors.Load()
	s.act.began, s.act.warmup, s.act.entered = s.began, s.phase.Warmup, true
	s.arrivedAt = s.began
	s.tick()
}

// leavePhase ends the phase's act.
func (s *stage) leavePhase() {
	s.act.took = s.loop.Now() - s.began
	s.act.conns = int(s.ready.Load())
	s.act.errors = s.errors.Load() - s.errorsA
}

// part is how much of the phase is over.
func (s *stage) part(now time.Duration) float64 {
	return min(1, max(0, float64(now-s.began)/float64(s.phase.Duration)))
}

// load is what times are divided by now.
func (s *stage) load() float64 { return s.phase.Load.At(s.part(s.loop.Clock())) }

// share is this loop's part of n.
func (s *stage) share(n int) int { return (n + s.loops - 1 - s.before - s.index) / s.loops }

// tick lets clients in and sends them away as the phase wants it.
func (s *stage) tick() {
	if s.stopped {
		return
	}
	now := s.loop.Now()
	want := s.share(int(math.Round(s.phase.Connections.At(s.part(now)))))
	for len(s.inhabited) > want {
		s.dismiss()
	}
	if now >= s.notBefore {
		for len(s.inhabited) < want {
			s.admit(true, now)
		}
	}
	s.arrive(now)
	s.tickTimer.Arm(now + stageStep)
}

// arrive lets in the visitors that were due since the last time, each as of when
// it was due: the mean of a straight line is its middle.
func (s *stage) arrive(now time.Duration) {
	from := s.arrivedAt
	span := now - from
	s.arrivedAt = now
	if span <= 0 {
		return
	}
	rate := s.phase.Arrivals.At((s.part(from)+s.part(now))/2) / float64(s.loops)
	if rate <= 0 {
		return
	}
	before := s.arrivalSum
	s.arrivalSum += rate * span.Seconds()
	n := int(s.arrivalSum)
	s.arrivalSum -= float64(n)
	for i := range n {
		if len(s.inhabited)+s.visitors >= script.MaxConns {
			s.fail(Overrun, "an arrival was left out: there are too many clients")
			continue
		}
		s.admit(false, from+time.Duration((float64(i+1)-before)/rate*float64(time.Second)))
	}
}

// admit lets a client in that is due at due.
func (s *stage) admit(resident bool, due time.Duration) {
	var a *actor
	if n := len(s.vacant); n > 0 {
		a, s.vacant = s.vacant[n-1], s.vacant[:n-1]
	} else {
		a = &actor{stage: s, slot: -1}
		a.peer = peer{w: s.worker, id: s.index + len(s.members)*len(s.run.workers)}
		s.members = append(s.members, a)
	}
	number := s.index + s.born*s.loops // and [Options.FirstID] more, in which before is
	s.born++
	a.begin(s.plays[s.cast[(s.before+number)%len(s.cast)]], number, resident)
	if resident {
		a.place = int32(len(s.inhabited))
		s.inhabited = append(s.inhabited, a)
	} else {
		s.visitors++
	}
	a.connect(due)
}

// dismiss asks a resident to go.
func (s *stage) dismiss() {
	a := s.inhabited[len(s.inhabited)-1]
	s.disown(a)
	a.going = true
	a.hurry()
}

// disown takes a from the residents.
func (s *stage) disown(a *actor) {
	last := s.inhabited[len(s.inhabited)-1]
	s.inhabited[a.place], last.place = last, a.place
	s.inhabited = s.inhabited[:len(s.inhabited)-1]
}

// record counts that something of act a took d.
func (a *act) record(stat int, d time.Duration) {
	h := a.latencies[stat]
	if h == nil {
		h = &hist.Histogram{}
		a.latencies[stat] = h
	}
	h.Record(d)
}

// record counts that something took d.
func (s *stage) record(stat int, d time.Duration) {
	if !s.stopped {
		s.act.record(stat, d)
	}
}

// stepDone counts a step that took d.
func (s *stage) stepDone(stat int, d time.Duration) {
	if !s.stopped {
		s.act.operations++
	}
	s.record(stat, d)
	s.operation(d)
}

// pacedDone counts a step that was due d and begun service ago. Its time belongs to the
// phase in which it was due, however late it comes: see [worker.counts].
func (s *stage) pacedDone(stat int, d, service time.Duration) {
	if !s.stopped {
		s.act.operations++
	}
	of := s.actAt(s.loop.Now() - d)
	if of != nil {
		of.record(stat, d)
	}
	counts := of != nil && !of.warmup
	s.operated(d, counts)
	s.served(d, service, counts)
}

// actAt is the act of a time, nil if that is before the first or behind the last.
func (s *stage) actAt(t time.Duration) *act {
	if s.stopped && t >= s.act.began+s.act.took {
		return nil
	}
	for i := len(s.acts) - 1; i >= 0; i-- {
		if a := &s.acts[i]; a.entered && t >= a.began {
			return a
		}
	}
	return nil
}

// stop ends the phases: nobody begins a step.
func (s *stage) stop() {
	s.stopped = true
	s.tickTimer.Stop()
	s.alarm.Stop()
}

// busy says whether somebody waits for the server.
func (s *stage) busy() bool { return s.underWay > 0 }

// countLost counts what has not come to the end.
func (s *stage) countLost() {
	s.patrolled.Stop()
	for _, m := range s.members {
		m.(*actor).lose("no answer at the end")
	}
}

// look gives up what has been waited for too long.
func (s *stage) look() {
	now := s.loop.Now()
	for _, m := range s.members {
		if a := m.(*actor); a.deadline > 0 && now > a.deadline {
			a.late()
		}
	}
	s.patrolled.Arm(now + patrolStep)
}

// wake goes on with those whose time has come.
func (s *stage) wake() {
	now := s.loop.Clock()
	for len(s.asleep) > 0 && s.asleep[0].at <= now {
		a := heap.Pop(&s.asleep).(*actor)
		a.awake()
		if now < s.loop.Clock()-stageStep { // the connections have a turn, too
			break
		}
	}
	if len(s.asleep) > 0 && !s.stopped {
		s.alarm.Arm(s.asleep[0].at)
	}
}

// sleep has a go on at a time.
func (s *stage) sleep(a *actor, at time.Duration) {
	a.at = at
	heap.Push(&s.asleep, a)
	if s.asleep[0] == a {
		s.alarm.Arm(at)
	}
}

// unsleep takes a off the sleepers.
func (s *stage) unsleep(a *actor) {
	if a.slot >= 0 {
		heap.Remove(&s.asleep, int(a.slot))
	}
}

// draw is a time to think, under the load of the moment.
func (s *stage) draw(p script.Span) time.Duration {
	d := p.Min
	switch {
	case p.Mean > 0:
		d = time.Duration(min(10, s.random.ExpFloat64()) * float64(p.Mean))
	case p.Max > p.Min:
		d += time.Duration(s.random.Int64N(int64(p.Max-p.Min) + 1))
	}
	return time.Duration(float64(d) / s.load())
}

// sleepers are those who sleep, the first to wake up first.
type sleepers []*actor

func (h sleepers) Len() int           { return len(h) }
func (h sleepers) Less(i, j int) bool { return h[i].at < h[j].at }
func (h sleepers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = int32(i), int32(j)
}

// Push and Pop are container/heap's, not for callers.
func (h *sleepers) Push(x any) {
	a := x.(*actor)
	a.slot = int32(len(*h))
	*h = append(*h, a)
}

func (h *sleepers) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.slot = -1
	return a
}
