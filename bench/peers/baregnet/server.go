package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

// tick is the step of the heartbeat.
const tick = 100 * time.Millisecond

// server is gnet's event handler.
type server struct {
	gnet.BuiltinEventEngine
	booted    func()
	slots     int    // of a loop's wheel: ping interval / tick
	handshake string // what follows the sid in the open packet
	limit     int64
	conns     atomic.Int64
	polls     pollTable

	mu  sync.Mutex // for adding to all
	all atomic.Pointer[[]*loop]
}

func newServer(interval, timeout time.Duration, limit int64) *server {
	s := &server{
		slots:     int(interval / tick),
		handshake: bare.Handshake(interval.Milliseconds(), timeout.Milliseconds()),
		limit:     limit,
	}
	s.all.Store(new([]*loop))
	s.polls.init()
	return s
}

// loop is what one event loop owns.
type loop struct {
	server *server
	el     gnet.EventLoop
	rooms  map[string]*room
	wheel  [][]*conn // WebSockets by the slot of their ping
	polled [][]*poll // polling sessions likewise
	slot   int       // the wheel's hand
	next   int       // the slot of the next connection
	out    []byte    // replies of the current turn

	mu     sync.Mutex
	mail   []func()
	posted bool
	spare  []func()
}

// conn is one TCP connection.
type conn struct {
	gnet.Conn
	loop  *loop
	room  *room
	carry []byte
	poll  *poll // whose GET waits here
	at    int32 // place in its room
	spot  int32 // place in its slot
	slot  int32 // -1 when it gets no pings
	ws    bool
}

type room struct {
	name    string
	members []*conn
}

func (s *server) OnBoot(gnet.Engine) gnet.Action {
	s.booted()
	return gnet.None
}

func (s *server) loop(el gnet.EventLoop) *loop {
	for _, l := range *s.all.Load() {
		if l.el == el {
			return l
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &loop{
		server: s, el: el, rooms: map[string]*room{},
		wheel: make([][]*conn, s.slots), polled: make([][]*poll, s.slots),
	}
	all := append(append([]*loop(nil), *s.all.Load()...), l)
	s.all.Store(&all)
	return l
}

func (s *server) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	if s.conns.Add(1) > s.limit {
		return nil, gnet.Close
	}
	c.SetContext(&conn{Conn: c, loop: s.loop(c.EventLoop()), slot: -1})
	return nil, gnet.None
}

func (s *server) OnClose(gc gnet.Conn, _ error) gnet.Action {
	s.conns.Add(-1)
	c, ok := gc.Context().(*conn)
	if !ok {
		return gnet.None
	}
	c.leave()
	c.unping()
	if c.poll != nil {
		c.poll.gone(c)
	}
	return gnet.None
}

func (s *server) OnTraffic(gc gnet.Conn) gnet.Action {
	c := gc.Context().(*conn)
	b, _ := gc.Next(-1)
	if len(c.carry) > 0 {
		c.carry = append(c.carry, b...)
		b = c.carry
	}
	l := c.loop
	l.out = l.out[:0]
	n, action := 0, gnet.None
	if !c.ws {
		n, action = c.http(b)
	}
	if c.ws && action == gnet.None {
		var k int
		k, action = c.frames(b[n:])
		n += k
	}
	if len(l.out) > 0 {
		gc.Write(l.out)
	}
	switch rest := b[n:]; {
	case len(rest) == 0:
		c.carry = nil
	case len(c.carry) > 0:
		c.carry = c.carry[:copy(c.carry, rest)]
	default:
		c.carry = append([]byte(nil), rest...)
	}
	return action
}

// OnTick is the heartbeat's clock; each loop pings its own.
func (s *server) OnTick() (time.Duration, gnet.Action) {
	for _, l := range *s.all.Load() {
		l.post(l.turn)
	}
	return tick, gnet.None
}

// post runs f on the loop, in order, with one task of gnet for a burst.
func (l *loop) post(f func()) {
	l.mu.Lock()
	l.mail = append(l.mail, f)
	wake := !l.posted
	l.posted = true
	l.mu.Unlock()
	if wake {
		l.el.Execute(context.Background(), l)
	}
}

// Run is gnet's Runnable: the posts made so far.
func (l *loop) Run(context.Context) error {
	l.mu.Lock()
	mail := l.mail
	l.mail, l.posted = l.spare[:0], false
	l.mu.Unlock()
	for i, f := range mail {
		f()
		mail[i] = nil
	}
	l.spare = mail
	return nil
}

// turn pings the next slot of the wheel.
func (l *loop) turn() {
	l.slot = (l.slot + 1) % len(l.wheel)
	for i := len(l.wheel[l.slot]) - 1; i >= 0; i-- { // downwards: a Write may remove its connection
		l.wheel[l.slot][i].Write(bare.PingFrame)
	}
	live := l.polled[l.slot][:0]
	for _, p := range l.polled[l.slot] {
		if p.ping(l) {
			live = append(live, p)
		}
	}
	clear(l.polled[l.slot][len(live):])
	l.polled[l.slot] = live
}

func (l *loop) nextSlot() int {
	l.next = (l.next + 1) % len(l.wheel)
	return l.next
}

// pinged puts c into the wheel.
func (c *conn) pinged() {
	slot := c.loop.nextSlot()
	c.slot, c.spot = int32(slot), int32(len(c.loop.wheel[slot]))
	c.loop.wheel[slot] = append(c.loop.wheel[slot], c)
}

func (c *conn) unping() {
	if c.slot < 0 {
		return
	}
	slot := c.loop.wheel[c.slot]
	last := slot[len(slot)-1]
	slot[c.spot], last.spot = last, c.spot
	slot[len(slot)-1] = nil
	c.loop.wheel[c.slot] = slot[:len(slot)-1]
	c.slot = -1
}

// join puts c into the room called name, and out of its last one.
func (c *conn) join(name []byte) {
	c.leave()
	r := c.loop.rooms[string(name)]
	if r == nil {
		r = &room{name: string(name)}
		c.loop.rooms[r.name] = r
	}
	c.room, c.at = r, int32(len(r.members))
	r.members = append(r.members, c)
}

func (c *conn) leave() {
	if c.room == nil {
		return
	}
	members := c.room.members
	last := members[len(members)-1]
	members[c.at], last.at = last, c.at
	members[len(members)-1] = nil
	if c.room.members = members[:len(members)-1]; len(c.room.members) == 0 {
		delete(c.loop.rooms, c.room.name)
	}
	c.room = nil
}

// broadcast writes the event with payload to the room on every loop, with one
// write for each member.
func (l *loop) broadcast(name, payload []byte) {
	frame := bare.BroadcastFrame(make([]byte, 0, 10+len(bare.Broadcast)+len(payload)), payload)
	var key string
	for _, other := range *l.server.all.Load() {
		if other == l {
			continue
		}
		if key == "" {
			key = string(name)
		}
		other.post(func() { other.deliver(other.rooms[key], frame) })
	}
	l.deliver(l.rooms[string(name)], frame)
}

func (l *loop) deliver(r *room, frame []byte) {
	if r == nil {
		return
	}
	for i := len(r.members) - 1; i >= 0; i-- { // downwards: a Write may remove its connection
		r.members[i].Write(frame)
	}
}
