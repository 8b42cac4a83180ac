package sio

import (
	"slices"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/session"
)

// A Target is who is sent to: everybody of a namespace, the members of rooms, or one
// socket. It is a value that never changes: each method returns another one, so a
// Target can be kept and used by any goroutine.
type Target struct {
	ns       *Namespace
	self     *Socket // only this one
	skip     *Socket // not this one
	rooms    []string
	except   []string
	handle   *Room // in place of rooms
	filter   func(*Socket) bool
	volatile bool
	compress bool
}

// To adds rooms: everybody in any of the target's rooms is meant, each once. A socket's
// id is a room too. Of [Socket.Self] it makes what [Socket.To] is: others.
func (t Target) To(rooms ...string) Target {
	t = t.named()
	if t.self != nil {
		t.self, t.skip = nil, t.self
	}
	t.rooms = append(slices.Clip(t.rooms), rooms...)
	return t
}

// named is the target with the name of its room in place of the handle.
func (t Target) named() Target {
	if t.handle != nil {
		t.rooms, t.handle = []string{t.handle.Name()}, nil
	}
	return t
}

// Except leaves out everybody in any of the rooms.
func (t Target) Except(rooms ...string) Target {
	t.except = append(slices.Clip(t.except), rooms...)
	return t
}

// Local means only sockets of this server. A server without others beside it has no
// others.
func (t Target) Local() Target { return t }

// Volatile lets an event be dropped for each receiver that cannot take it right now:
// one that has not yet taken what it was sent before, or that polls and has no request
// waiting.
func (t Target) Volatile() Target {
	t.volatile = true
	return t
}

// Compress says whether a transport that compresses may compress the event; by default
// it may.
func (t Target) Compress(on bool) Target {
	t.compress = on
	return t
}

// Filter leaves out sockets that f refuses. f is called on the sockets' event loops,
// and must not block. Several filters must all agree.
func (t Target) Filter(f func(*Socket) bool) Target {
	if g := t.filter; g != nil {
		t.filter = func(s *Socket) bool { return g(s) && f(s) }
	} else {
		t.filter = f
	}
	return t
}

func (t Target) flags() (f broadcast.Flags) {
	if t.volatile {
		f |= broadcast.Volatile
	}
	return f
}

// Emit sends an event to everybody meant. It is encoded once. See [Socket.Emit] for
// the arguments. It never blocks.
//
// Two events that one goroutine sends reach each receiver in their order.
//
// Errors: [ErrReservedEvent], those of encoding, and, for a single socket,
// [ErrClosed].
func (t Target) Emit(event string, args ...any) error {
	p := Prepare(event)
	defer p.Release()
	for _, a := range args {
		p.add(t.ns.server.codec, a)
	}
	return t.Send(p)
}

// Send sends a packet to everybody meant. It implements [Sender].
func (t Target) Send(p *Packet) error {
	if p.err != nil {
		return p.err
	}
	if t.ns.match != nil {
		return t.each(func(t Target) error { return t.Send(p) })
	}
	if r := t.ns.recovery; r.records(t, p) {
		return r.send(t, p)
	}
	if t.self != nil {
		if len(t.except) == 0 && t.filter == nil {
			return t.sendTo(t.self, p)
		}
		if t.self.is(markGone) {
			return ErrClosed
		}
	}
	if s := t.one(); s != nil {
		if err := t.sendTo(s, p); err != ErrClosed {
			return err
		}
		return nil
	}
	var post posting
	post.resolve(t)
	if post.empty() {
		return nil
	}
	m := p.messageFor(t.ns, socketio.Event, -1, t.compress)
	if t.ns.watched.Load() {
		k := p.kept(t.ns)
		post.each(func(s *Socket) {
			s.outgoingMsg(k)
			s.core.Deliver(m, t.flags())
		}, nil)
		return nil
	}
	post.send(m, t.flags())
	return nil
}

// sendTo sends the packet to one socket, with the target's flags.
func (t Target) sendTo(s *Socket, p *Packet) error {
	if t.ns.watched.Load() {
		s.outgoing(p)
	}
	return p.sendTo(s, socketio.Event, -1, t.flags(), t.compress)
}

// each does f for the target in every namespace that was made from the pattern.
func (t Target) each(f func(t Target) error) error {
	t = t.named() // the handle is of the pattern, which has no members
	t.ns.server.mu.RLock()
	children := slices.Clone(t.ns.children)
	t.ns.server.mu.RUnlock()
	for _, n := range children {
		t.ns = n
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

// one is the socket, if the target is nothing but the room of its id. Ids of another length,
// which old clients have and sessions whose ids the application makes, are found on the
// longer way.
func (t Target) one() *Socket {
	if len(t.rooms) != 1 || len(t.rooms[0]) != session.IDLen || len(t.except) > 0 || t.filter != nil {
		return nil
	}
	s := t.ns.sockets.find(t.rooms[0])
	if s == nil || s == t.skip || t.ns.dir.Find(t.rooms[0]) != nil {
		return nil
	}
	return s
}

// A posting is a target resolved to members, ready to be posted to the loops that
// have some.
type posting struct {
	ns     *Namespace
	sel    *broadcast.Selection
	single []*Socket // met by themselves, beside sel's rooms
}

func (p *posting) resolve(t Target) {
	p.ns = t.ns
	plain := len(t.except) == 0 && t.skip == nil && t.filter == nil && t.self == nil
	switch {
	case plain && t.handle != nil:
		p.sel = t.handle.sel
		return
	case plain && len(t.rooms) == 0:
		p.sel = everyone
		return
	}
	sel := &broadcast.Selection{Everyone: t.handle == nil && len(t.rooms) == 0 && t.self == nil}
	p.sel = sel
	if t.self != nil {
		p.single = append(p.single, t.self)
	}
	if t.handle != nil {
		sel.Rooms = t.handle.sel.Rooms
	}
	for _, name := range t.rooms {
		if r := t.ns.dir.Find(name); r != nil {
			sel.Rooms = append(sel.Rooms, r)
		}
		if s := t.ns.sockets.find(name); s != nil {
			p.single = append(p.single, s)
		}
	}
	for _, name := range t.except {
		if r := t.ns.dir.Find(name); r != nil {
			sel.Except = append(sel.Except, r)
		}
		if s := t.ns.sockets.find(name); s != nil {
			sel.Skip = append(sel.Skip, &s.core.Member)
		}
	}
	if t.skip != nil {
		sel.Skip = append(sel.Skip, &t.skip.core.Member)
	}
	if f := t.filter; f != nil {
		sel.Filter = func(m *broadcast.Member) bool { return f(socketOf(m)) }
	}
}

var everyone = &broadcast.Selection{Everyone: true}

// empty reports whether nobody can be meant.
func (p *posting) empty() bool {
	if p.sel.Everyone || len(p.single) > 0 {
		return false
	}
	for _, r := range p.sel.Rooms {
		if r.Count() > 0 {
			return false
		}
	}
	return true
}

// on is the selection for a loop, nil if nobody is meant there.
func (p *posting) on(i int) *broadcast.Selection {
	var single []*broadcast.Member
	for _, s := range p.single {
		if s.loop().Index() == i {
			single = append(single, &s.core.Member)
		}
	}
	if single != nil {
		sel := *p.sel
		sel.Single = single
		return &sel
	}
	if p.sel.Everyone {
		if p.ns.members[i].Load() > 0 {
			return p.sel
		}
		return nil
	}
	for _, r := range p.sel.Rooms {
		if r.On(i) > 0 {
			return p.sel
		}
	}
	return nil
}

// send posts a message to every loop where somebody is meant.
func (p *posting) send(m *broadcast.Message, f broadcast.Flags) {
	for i, space := range p.ns.spaces {
		if sel := p.on(i); sel != nil {
			if l := p.ns.server.loopAt(i); l != nil {
				l.Broadcast(space.Shard, sel, m, f)
			}
		}
	}
}

// each has f called for everybody meant, on their loops, and then after, if it is not
// nil, once on each of those. It returns the number of these loops.
func (p *posting) each(f func(s *Socket), after func()) (loops int) {
	for i, space := range p.ns.spaces {
		sel := p.on(i)
		l := p.ns.server.loopAt(i)
		if sel == nil || l == nil {
			continue
		}
		if l.Do(func(session.Host, session.Instant) {
			if after != nil {
				defer after() // also when a filter panics
			}
			space.Shard.Each(sel, func(m *broadcast.Member) { f(socketOf(m)) })
		}) {
			loops++
		}
	}
	return loops
}

// outgoing shows a packet to the functions of OnOutgoing.
func (s *Socket) outgoing(p *Packet) { s.outgoingMsg(p.kept(s.ns)) }

func (s *Socket) outgoingMsg(m *Msg) {
	own := s.own()
	list := s.ns.table.Load().outgoing
	if len(list) == 0 && (own == nil || len(own.outgoing) == 0) {
		return
	}
	k := *m
	k.socket = s
	for _, f := range list {
		_ = s.guard(m.name, func() error { f(s, &k); return nil })
	}
	if own != nil {
		for _, f := range own.outgoing {
			_ = s.guard(m.name, func() error { f(s, &k); return nil })
		}
	}
}

// kept is the packet as a message that lasts, for those who watch.
func (p *Packet) kept(ns *Namespace) *Msg {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeArray()
	m := &Msg{name: p.name, data: append([]byte(nil), p.json[headRoom:]...), first: 1, id: -1, args: new(socketio.Args)}
	if err := m.args.Parse(m.data); err != nil {
		// Raw text that is not JSON was sent: there are no arguments to show.
		m.args, m.first = new(socketio.Args), 0
	}
	for _, b := range p.bin.Chunks {
		m.parts = append(m.parts, append([]byte(nil), b...))
	}
	return m
}
