package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Churn has every connection join a room, stay until it has heard Stay
// broadcasts, leave, and join the next room, over and over, while one more
// connection broadcasts into the rooms in turn. Its operation is one stay: a join
// and a leave, both acknowledged.
//
// What is sent after a join was acknowledged must come, as far as anything that
// was sent later comes before the leave; nothing may come once a leave was
// acknowledged. What is sent while either is under way may come or not.
type Churn struct {
	Rooms int     // default 10
	Rate  float64 // broadcasts per second over all rooms; default 100 for each room
	Stay  int     // default 1; less than 0: leave at once
	Size  int     // of the packet that is delivered, in bytes; default [DefaultSize]
}

// Name is "churn".
func (*Churn) Name() string { return "churn" }

// NotMember counts deliveries to a client that has left the room.
const NotMember = "delivered after leave"

// maxChurnRooms bounds [Churn.Rooms].
const maxChurnRooms = 100_000

func (s *Churn) withDefaults() (Churn, error) {
	c := *s
	if c.Rooms == 0 {
		c.Rooms = 10
	}
	if c.Rooms < 1 || c.Rooms > maxChurnRooms {
		return c, fmt.Errorf("%w: %d rooms: must be 1 to %d", ErrUsage, c.Rooms, maxChurnRooms)
	}
	if c.Rate == 0 {
		c.Rate = 100 * float64(c.Rooms)
	}
	if c.Stay == 0 {
		c.Stay = 1
	}
	c.Stay = max(0, c.Stay)
	if c.Size == 0 {
		c.Size = DefaultSize
	}
	return c, checkRate(c.Rate)
}

// Run implements [Scenario].
func (s *Churn) Run(ctx context.Context, o Options) (*Result, error) {
	c, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	traffic := make([]*turnover, o.Loops)
	sent := make([]atomic.Uint32, c.Rooms)
	for i := range traffic {
		sp, err := newSpeech(config, &o, c.Size, true)
		if err != nil {
			return nil, err
		}
		traffic[i] = &turnover{
			churn: &c, speech: sp, sent: sent,
			join: newRequest(config, joinID, o.Events.Join), leave: newRequest(config, leaveID, o.Events.Leave),
		}
	}

	r, err := newRun(ctx, s, o, o.Conns+1)
	if err != nil {
		return nil, err
	}
	defer r.close()
	for i, w := range r.workers {
		traffic[i].worker = w
	}
	announce, err := r.announcer(sent, func(w *worker) *speech { return traffic[w.index].speech })
	if err != nil {
		return nil, err
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		m := &guest{turnover: traffic[w.index]}
		m.turnover.guests = append(m.turnover.guests, m)
		return m
	}); err != nil {
		return nil, err
	}
	err = r.measure(
		func(w *worker) {
			announce.start(w, c.Rate)
			for _, g := range traffic[w.index].guests {
				g.join()
			}
		},
		announce.stop,
		func(w *worker) bool { return traffic[w.index].pending() })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, g := range traffic[w.index].guests {
				g.settle("at the end")
			}
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return c.result(r, traffic), nil
}

func (s *Churn) result(r *run, traffic []*turnover) *Result {
	var join, leave, both, delivery, lag hist.Histogram
	var n, heard uint64
	r.each(func(w *worker) {
		both.Merge(&w.latency)
		lag.Merge(&w.lag)
		n += w.recorded
		t := traffic[w.index]
		join.Merge(&t.joins)
		leave.Merge(&t.leaves)
		delivery.Merge(&t.deliveries)
		heard += t.deliveries.Count()
	})
	res := r.result("stay", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["rooms"] = s.Rooms
	res.Parameters["stay"] = s.Stay
	res.Parameters["size"] = s.Size
	res.latency("join and leave", &both)
	res.latency("join", &join)
	res.latency("leave", &leave)
	res.latency("delivery", &delivery)
	res.paced(s.Rate, lag.Count(), &lag)
	res.throughput()
	if res.Elapsed > 0 {
		res.Metrics = append(res.Metrics, Metric{Name: "deliveries per second", Unit: "1/s", Value: float64(heard) / res.Elapsed, Higher: true})
	}
	return res
}

// turnover is what the sessions of one loop share.
type turnover struct {
	*worker
	churn  *Churn
	speech *speech
	join   *request
	leave  *request
	sent   []atomic.Uint32 // for each room the first number not sent
	guests []*guest

	joins, leaves, deliveries hist.Histogram // in the window
}

// pending says whether something is under way: an acknowledgement, or broadcasts
// for those that stay.
func (t *turnover) pending() bool {
	for _, g := range t.guests {
		if g.Live() && (g.busy() || g.missing() > 0) {
			return true
		}
	}
	return false
}

// place is where a guest is.
type place uint8

const (
	outside  place = iota // of its room; nothing may come
	entering              // the join is under way
	inside                // what is sent must come
	exiting               // the leave is under way
)

func (p place) String() string {
	return [...]string{"outside", "entering", "inside", "exiting"}[p]
}

// guest is one that comes and goes.
type guest struct {
	peer
	turnover *turnover
	place    place
	started  time.Duration // of the join or leave under way
	took     time.Duration // the join
	room     int
	stays    int

	// The broadcasts of this stay.
	from  uint32   // the first that must come, once inside
	heard int      // those from there on
	seq   sequence // begins with the first that came, or must
	any   bool     // seq has begun
	first uint32   // the earliest that has come, or must
}

func (g *guest) busy() bool { return g.place == entering || g.place == exiting }

// join asks for the next room.
func (g *guest) join() {
	if !g.Live() {
		return
	}
	g.room = (g.id + g.stays) % g.turnover.churn.Rooms
	g.stays++
	g.place, g.started = entering, g.w.loop.Now()
	g.any, g.heard, g.seq = false, 0, sequence{}
	g.Send(g.turnover.join.packet(roomName(g.room)))
}

// leave asks to leave the room.
func (g *guest) leave() {
	g.place, g.started = exiting, g.w.loop.Now()
	g.Send(g.turnover.leave.packet(roomName(g.room)))
}

func (g *guest) Text(_ *client.Session, packet []byte) {
	switch {
	case g.place == entering && g.turnover.join.answers(packet):
		g.joined()
	case g.place == exiting && g.turnover.leave.answers(packet):
		g.left()
	default:
		if d, ok := g.turnover.speech.take(g.w, packet); ok {
			g.hear(d)
		}
	}
}

// joined takes the acknowledgement of a join. What is sent from here on must
// come.
func (g *guest) joined() {
	t := g.turnover
	g.took = g.w.loop.Now() - g.started
	if g.w.recording {
		t.joins.Record(g.took)
	}
	g.place = inside
	g.from = t.sent[g.room].Load()
	if t.churn.Stay == 0 && g.w.sending {
		g.leave()
	}
}

// left takes the acknowledgement of a leave.
func (g *guest) left() {
	g.place = outside
	if n := len(g.seq.gaps); n > 0 {
		g.w.failN(Lost, fmt.Sprintf("connection %d in room %d: before broadcast %d", g.id, g.room, g.seq.want), uint64(n))
	}
	took := g.w.loop.Now() - g.started
	if g.w.recording {
		g.turnover.leaves.Record(took)
	}
	g.w.operation(g.took + took)
	if g.w.sending {
		g.join()
	}
}

// hear takes a broadcast.
func (g *guest) hear(d delivery) {
	t := g.turnover
	switch {
	case g.place == outside || d.id != g.room:
		name := WrongRoom
		if g.visited(d.id) {
			name = NotMember
		}
		g.w.fail(name, fmt.Sprintf("connection %d, %v room %d: broadcast %d of room %d", g.id, g.place, g.room, d.seq, d.id))
		return
	case !g.any:
		g.any = true
		g.seq.want = d.seq
		if g.place != entering && int32(d.seq-g.from) > 0 {
			g.seq.want = g.from // and those in between are missing
		}
		g.first = g.seq.want
	}
	wrong, counts := Reordered, true
	if int32(g.first-d.seq) > 0 { // it was sent before all that has come
		g.first = d.seq
	} else {
		wrong, counts = g.seq.arrive(d.seq, t.sent[g.room].Load())
	}
	if wrong != "" {
		g.w.fail(wrong, fmt.Sprintf("connection %d in room %d: broadcast %d came, %d was next", g.id, g.room, d.seq, g.seq.want))
	}
	if !counts {
		return
	}
	if g.w.due(d.stamp) {
		t.deliveries.Record(g.w.loop.Now() - d.stamp)
	}
	if g.place == inside && int32(d.seq-g.from) >= 0 {
		if g.heard++; g.heard >= t.churn.Stay && g.w.sending {
			g.leave()
		}
	}
}

// visited says whether the guest has been in that room.
func (g *guest) visited(room int) bool {
	rooms := g.turnover.churn.Rooms
	return room < rooms && (room-g.id%rooms+rooms)%rooms < g.stays
}

// missing is how many broadcasts have not come that must.
func (g *guest) missing() uint64 {
	switch {
	case g.place != inside:
		return 0
	case !g.any:
		return uint64(g.turnover.sent[g.room].Load() - g.from)
	}
	return g.seq.missing(g.turnover.sent[g.room].Load())
}

// settle counts what has not come.
func (g *guest) settle(when string) {
	if !g.live {
		return
	}
	switch g.place {
	case entering:
		g.w.fail(NotJoined, fmt.Sprintf("connection %d: room %d, %s", g.id, g.room, when))
	case exiting:
		g.w.fail(NotLeft, fmt.Sprintf("connection %d: room %d, %s", g.id, g.room, when))
	case inside:
		g.w.failN(Lost, fmt.Sprintf("connection %d in room %d, %s", g.id, g.room, when), g.missing())
	}
	g.place = outside
}

// NotLeft counts leaves without acknowledgement.
const NotLeft = "leave not answered"

func (g *guest) Closed(_ *client.Session, err error) {
	if err != nil {
		g.settle("when it was closed")
	}
	g.w.closed(&g.peer, err)
}
