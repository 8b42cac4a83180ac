package sio

import (
	"bytes"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// This file is how events are sent, and rooms joined and left, where clients may come back.

// records reports whether the event is to be sent by send: it may be sent again, or clients
// would take its end for an offset.
func (r *recovery) records(t Target, p *Packet) bool {
	return r != nil && (!t.volatile || p.endsInText())
}

// endsInText reports whether the last argument is a text, or the name if there is none.
func (p *Packet) endsInText() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeArray()
	b := trimmed(p.json[headRoom:])
	b = trimmed(b[:len(b)-1])
	return b[len(b)-1] == '"'
}

// trimmed is JSON text without space behind it: what a client has sent may have some.
func trimmed(b []byte) []byte { return bytes.TrimRight(b, " \t\r\n") }

// stamped is the packet as a message with one more argument: an offset, which is to be
// written to stamp before the message is sent.
func (p *Packet) stamped(ns *Namespace, compress bool) (m *broadcast.Message, stamp []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	framed := trimmed(p.head(socketio.Event, ns.name, -1))
	b := make([]byte, 0, len(framed)+len(`,""`)+offsetLen)
	b = append(b, framed[:len(framed)-1]...)
	b = append(b, `,"`...)
	from := len(b)
	b = b[:from+offsetLen]
	stamp = b[from:]
	b = append(b, `"]`...)
	return broadcast.NewMessage(b, p.bin.Chunks, compress), stamp
}

// send sends the packet to everybody meant, those who are away among them, unless it is
// volatile.
func (r *recovery) send(t Target, p *Packet) error {
	if p.err != nil {
		return p.err
	}
	var own *life // of the socket, if it is for one
	if t.self != nil {
		m := t.self.more.Load()
		if m == nil || m.life == nil { // of a protocol that cannot come back
			return p.sendTo(t.self, socketio.Event, -1, t.flags(), t.compress)
		}
		if t.ns.watched.Load() {
			t.self.outgoing(p)
		}
		own = m.life
	}
	var shown *Msg
	if own == nil && t.ns.watched.Load() {
		shown = p.kept(t.ns)
	}
	t = t.named()
	first := t.ns.server.loopAt(0)
	switch {
	case first != nil:
	case own != nil:
		return ErrClosed
	default:
		return nil // nobody has been here since the run began, if there is one
	}
	m, stamp := p.stamped(t.ns, t.compress)
	e := &logged{message: m, rooms: t.rooms, except: t.except, filter: t.filter}
	if t.skip != nil {
		e.except = append(e.except[:len(e.except):len(e.except)], t.skip.ID())
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if own != nil {
		if own.state == lifeOver {
			return ErrClosed
		}
		// Not the socket: it may be history, and the client have another.
		t.self, t.rooms = nil, []string{own.id}
		e.rooms = t.rooms
	}
	if t.volatile {
		r.log.putOffset(stamp, r.log.next()-1)
		var post posting
		post.resolve(t)
		post.post(m, t.flags(), shown, nil)
		return nil
	}
	r.log.putOffset(stamp, r.log.next())
	if len(r.lives) > 0 || own != nil {
		now := first.Clock()
		e.at.Store(int64(now))
		r.log.add(e)
		r.log.trim(now)
		r.arm(now)
	}
	var post posting
	post.resolve(t)
	post.post(m, 0, shown, e)
	return nil
}

// post posts a message to every loop where somebody is meant. shown, if it is not nil, is
// shown to those who watch; e, if it is not nil, is told of the delivery.
func (p *posting) post(m *broadcast.Message, f broadcast.Flags, shown *Msg, e *logged) {
	for i, space := range p.ns.spaces {
		sel := p.on(i)
		if sel == nil {
			continue
		}
		l := p.ns.server.loopAt(i)
		if l == nil {
			continue
		}
		if e != nil {
			e.pending.Add(1)
		}
		ok := l.Do(func(_ session.Host, now session.Instant) {
			if e != nil {
				e.delivered(now)
			}
			if shown == nil {
				space.Shard.Deliver(sel, m, f)
				return
			}
			space.Shard.Each(sel, func(member *broadcast.Member) {
				s := socketOf(member)
				s.outgoingMsg(shown)
				s.core.Deliver(m, f)
			})
		})
		if !ok && e != nil {
			e.pending.Add(-1)
		}
	}
}

// join brings the socket into a room, which was raised for its loop, and reports whether the
// loop will do so.
func (r *recovery) join(s *Socket, l *loop.Loop, room *broadcast.Room) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if life := s.ownLife(); life != nil && life.socket == s {
		life.enter(room.Name(), r.log.next())
	}
	return l.Join(&s.core, room)
}

// leave takes the socket out of a room.
func (r *recovery) leave(s *Socket, room string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if life := s.ownLife(); life != nil && life.socket == s {
		life.leave(room, r.log.next(), r.log.first)
	}
	s.loop().Leave(&s.core, room)
}

// ownLife is the life that the socket belongs to, nil for a client that cannot come back.
func (s *Socket) ownLife() *life {
	if m := s.more.Load(); m != nil {
		return m.life
	}
	return nil
}
