package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Rooms spreads the connections over Rooms rooms of equal size, in which
// everyone sends to its own room all the time: the next event when its own copy
// of the last has come back. Its operation is one delivery.
type Rooms struct {
	Rooms int // default: a tenth of the connections
	Size  int // of the packet that is delivered, in bytes; default [DefaultSize]

	first int // number of the first room, where there are other processes
}

// Name is "rooms".
func (*Rooms) Name() string { return "rooms" }

// maxRoom bounds the members of one room: each watches the sequence of every
// other.
const maxRoom = 4096

// Run implements [Scenario].
func (s *Rooms) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	rooms, size := s.Rooms, s.Size
	if rooms == 0 {
		rooms = max(1, o.Conns/10)
	}
	if size == 0 {
		size = DefaultSize
	}
	if rooms < 1 || rooms > o.Conns {
		return nil, fmt.Errorf("%w: %d rooms: must be 1 to the number of connections, %d", ErrUsage, rooms, o.Conns)
	}
	each := (o.Conns + rooms - 1) / rooms
	if each > maxRoom {
		return nil, fmt.Errorf("%w: %d connections in %d rooms: a room must have at most %d", ErrUsage, o.Conns, rooms, maxRoom)
	}
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	chats := make([]*chat, o.Loops)
	for i := range chats {
		sp, err := newSpeech(config, &o, size, true)
		if err != nil {
			return nil, err
		}
		chats[i] = &chat{speech: sp, entrance: newEntrance(config, &o), rooms: rooms, first: s.first}
	}

	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.open(o.Conns, func(w *worker, id int) member {
		members := (o.Conns - id%rooms + rooms - 1) / rooms
		return &talker{chat: chats[w.index], room: id % rooms, from: make([]sequence, members)}
	}); err != nil {
		return nil, err
	}
	err = r.measure(
		func(w *worker) {
			for _, m := range w.members {
				if t := m.(*talker); t.Live() && t.live {
					t.send()
				}
			}
		},
		func(*worker) {},
		func(w *worker) bool { return chats[w.index].waiting > 0 })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		sent := make([]uint32, o.Conns)
		r.each(func(w *worker) {
			for _, m := range w.members {
				t := m.(*talker)
				sent[t.id] = t.sent
			}
		})
		missing := func(w *worker) (n uint64) {
			for _, m := range w.members {
				if t := m.(*talker); t.Live() && t.live {
					n += t.missing(sent)
				}
			}
			return n
		}
		// A sender has waited for its own copy only; the others may be under way.
		if err := r.drain(func(w *worker) bool { return missing(w) > 0 }); err != nil {
			return nil, err
		}
		r.each(func(w *worker) { w.failN(Lost, "deliveries that were missing at the end", missing(w)) })
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}

	var delivery hist.Histogram
	var n uint64
	r.each(func(w *worker) {
		delivery.Merge(&w.latency)
		n += w.recorded
	})
	res := r.result("delivery", n)
	res.Parameters["connections"] = o.Conns
	res.Parameters["rooms"] = rooms
	res.Parameters["size"] = size
	res.latency("delivery", &delivery)
	res.throughput()
	return res, nil
}

// chat is what the sessions of one loop share.
type chat struct {
	speech   *speech
	entrance *entrance
	rooms    int
	first    int // number of the first
	waiting  int // senders whose own copy has not come
}

// talker is one session.
type talker struct {
	peer
	chat *chat
	room int
	sent uint32 // the first number not sent
	old  marks
	from []sequence // by the member's place in the room: its id / rooms
	busy bool       // its own copy has not come
}

func (t *talker) Ready(*client.Session) {
	t.chat.entrance.enter(&t.peer, roomName(t.chat.first+t.room))
}

// send sends the next event to the room.
func (t *talker) send() {
	packet := t.chat.speech.to(t.chat.first+t.room, t.sent, t.id, t.w.loop.Clock())
	t.sent++
	t.busy = true
	t.chat.waiting++
	t.Send(packet)
}

func (t *talker) Text(_ *client.Session, packet []byte) {
	if !t.live {
		t.chat.entrance.entered(&t.peer, packet)
		return
	}
	if d, ok := t.chat.speech.take(t.w, packet); ok {
		t.delivered(d.seq, d.id, d.stamp)
	}
}

// delivered takes event seq of the session id, sent at stamp.
func (t *talker) delivered(seq uint32, id int, stamp time.Duration) {
	place := id / t.chat.rooms
	if id%t.chat.rooms != t.room || place >= len(t.from) {
		t.w.fail(WrongRoom, fmt.Sprintf("connection %d in room %d got an event of connection %d", t.id, t.room, id))
		return
	}
	next := t.from[place].want + maxWaiting // what others have sent is not known here
	if id == t.id {
		next = t.sent
	}
	wrong, counts := t.from[place].arrive(seq, next)
	if wrong != "" {
		t.w.fail(wrong, fmt.Sprintf("connection %d: event %d of connection %d came, %d was next", t.id, seq, id, t.from[place].want))
	}
	if !counts {
		return
	}
	t.w.operation(t.w.loop.Now() - stamp)
	if id == t.id && t.busy {
		t.proceed()
	}
}

// proceed sends the next event: the last has come back, or is given up.
func (t *talker) proceed() {
	t.busy = false
	t.chat.waiting--
	if t.w.sending {
		t.send()
	}
}

// giveUp implements [patient]. What others have sent nobody waits for; it is counted
// at the end.
func (t *talker) giveUp() {
	old := t.old.pass(t.sent)
	if t.busy && t.Live() && len(t.from[t.id/t.chat.rooms].giveUp(old)) > 0 {
		t.w.fail(Lost, fmt.Sprintf("connection %d: its own event %d did not come in time", t.id, t.sent-1))
		t.proceed()
	}
}

// missing is how many events of the room have not come, sent being what each
// session has sent.
func (t *talker) missing(sent []uint32) (n uint64) {
	for place := range t.from {
		n += t.from[place].missing(sent[place*t.chat.rooms+t.room])
	}
	return n
}

func (t *talker) Closed(_ *client.Session, err error) {
	if t.busy {
		t.busy = false
		t.chat.waiting--
		if err != nil {
			t.w.fail(Lost, fmt.Sprintf("connection %d closed before its own event came", t.id))
		}
	}
	t.w.closed(&t.peer, err)
}
