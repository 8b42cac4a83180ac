package sio

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// This file is how sockets come and go where clients may come back. In the order of a life:
//
//	bid       a socket asks to join: it claims a life, or begins one
//	goOn      what the claimed life was before is history
//	granted   it is let in, is sent what was missed, and from then on all that follows
//	left      it has ended
//	told      its handlers have, too: OnDisconnect has been told
//	expire    nobody has come back

// errTakenOver is why a connection ends whose client has come back on another one.
var errTakenOver = errors.New("the client has come back on another connection")

// errMissed is why a connection ends whose client was told that it has its state again
// when it was still there: while functions of Use were asked it got lost.
var errMissed = errors.New("events that the client has missed were forgotten while it was let in")

// maxBefore bounds an offset that is remembered though we have not made it, in bytes.
const maxBefore = 64

// maxQuoted bounds what is read of the two texts by which a client comes back, in bytes of
// JSON.
const maxQuoted = 256

// resumption is what a client sends that comes back; offset is "" if it has got nothing yet.
// auth is JSON text, perhaps a long one: it is looked at once, and only these two are decoded.
func resumption(auth string) (pid, offset string) {
	if !strings.Contains(auth, `"pid"`) {
		return "", ""
	}
	var rawPID, rawOffset string
	depth, from := 0, 0 // from is where a member of the outermost object begins
	for i := 0; i < len(auth); i++ {
		switch c := auth[i]; c {
		case '"':
			for i++; i < len(auth) && auth[i] != '"'; i++ {
				if auth[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth == 1 {
				from = i + 1
			}
		case ',', '}', ']':
			if depth == 1 {
				name, value, _ := strings.Cut(auth[from:i], ":")
				switch strings.TrimSpace(name) {
				case `"pid"`:
					rawPID = value
				case `"offset"`:
					rawOffset = value
				}
				from = i + 1
			}
			if c != ',' {
				depth--
			}
		}
	}
	if rawOffset != "" && !unquote(rawOffset, &offset) || !unquote(rawPID, &pid) {
		return "", ""
	}
	return pid, offset
}

// unquote decodes a text; null is the empty one.
func unquote(raw string, to *string) bool {
	return len(raw) <= maxQuoted && json.Unmarshal([]byte(raw), to) == nil
}

// bid is called on the loop for a socket that asks to join. It reports whether the socket
// must wait: goOn will be called when it is known what it goes on with.
func (r *recovery) bid(s *Socket, sess *session.Session, auth string) (wait bool) {
	if sess.Revision() == 3 {
		return false // which has no words for it
	}
	m := s.extend()
	pid, offset := resumption(auth)
	var over *Socket
	now := s.session().Host().Clock()
	r.mu.Lock()
	l := r.lives[pid]
	switch from, ok := r.from(l, offset, now); {
	case l == nil || l.next != nil: // an old secret, or somebody else was faster
		r.begin(s, m, offset)
		r.mu.Unlock()
	case !ok:
		if l.state == lifeAway {
			over = r.drop(l)
		}
		r.begin(s, m, offset)
		r.mu.Unlock()
		r.expired(over)
	default:
		m.life = l
		l.next = &claim{socket: s, from: from}
		state, old := l.state, l.socket
		r.mu.Unlock()
		switch state {
		case lifeAttached:
			old.loop().Do(func(_ session.Host, now session.Instant) {
				old.session().Close(now, TransportClose, errTakenOver)
			})
		case lifeAway:
			r.call(s)
		}
		return true
	}
	return false
}

// from is the number of the first event that a client has not got, by the offset that it
// says. It reports false if nobody can tell, or if the client comes too late. r.mu is held.
func (r *recovery) from(l *life, offset string, now session.Instant) (int64, bool) {
	if l == nil || l.list != nil && now >= l.since.After(r.o.Window) {
		return 0, false
	}
	if offset == "" || offset == l.before { // it has got nothing in this life
		return l.born, true
	}
	n, ok := r.log.parseOffset(offset)
	return max(n+1, l.born), ok
}

// begin begins a life with the socket. r.mu is held.
func (r *recovery) begin(s *Socket, m *socketMore, offset string) {
	next := r.log.next()
	l := &life{id: strings.Clone(s.ID()), socket: s, born: next, start: next}
	var pid [session.IDLen]byte
	s.session().Host().NewID(&pid)
	l.pid = string(pid[:])
	if len(offset) <= maxBefore {
		l.before = offset
	}
	m.life = l
}

// call has goOn called for a socket that has claimed a life. Any goroutine.
func (r *recovery) call(s *Socket) {
	s.loop().Do(func(_ session.Host, now session.Instant) { r.goOn(s, now) })
}

// goOn is called on the loop of a socket that has claimed a life, when nothing is done for
// the life's last socket any more.
func (r *recovery) goOn(s *Socket, now session.Instant) {
	m := s.more.Load()
	asked := r.asks(s)
	r.mu.Lock()
	l := m.life
	c := l.next
	if c == nil || c.socket != s {
		r.mu.Unlock()
		return // it has left
	}
	whole := l.state == lifeAway
	if whole && asked {
		_, whole = r.log.missed(l, c.from, r.o.MaxMissed)
	}
	if !whole {
		l.next = nil
		over := r.drop(l)
		r.begin(s, m, l.before)
		r.mu.Unlock()
		r.expired(over)
		s.knock(now)
		return
	}
	if asked { // Use may ask for its id
		s.core.Resume(l.id)
	}
	rooms, old := l.rooms(), l.socket
	r.mu.Unlock()

	s.mu.Lock()
	if rooms != nil {
		s.rooms = &membership{list: rooms}
	}
	s.mu.Unlock()
	s.slots.Store(old.slots.Load())
	s.marks.Or(markRecovered)
	s.knock(now)
}

// asks reports whether functions of Use are asked about a socket that goes on with a life.
func (r *recovery) asks(s *Socket) bool {
	return r.o.RunMiddlewares && len(s.ns.table.Load().use) > 0
}

// granted lets the socket in. Loop only.
func (r *recovery) granted(s *Socket, now session.Instant) {
	if s.is(markGone) {
		return // the client has left meanwhile
	}
	switch r.admit(s) {
	case lost:
		s.session().Shut(now, ForcedServerClose, errMissed)
	case anew:
		s.mu.Lock()
		s.rooms = nil
		s.mu.Unlock()
		s.slots.Store(nil)
		s.marks.And(^uint32(markRecovered))
		s.knock(now)
	case ended:
		s.refused(ForcedClose, nil)
	}
}

type admission uint8

const (
	admitted admission = iota
	lost               // what it was to be sent is not there any more
	anew               // so it begins anew
	ended              // the loop has stopped
)

// admit makes the socket a receiver of all that is sent from now on, in one step with looking
// up what it is sent of what was. Loop only.
func (r *recovery) admit(s *Socket) admission {
	s.mu.Lock()
	if s.rooms == nil {
		s.rooms = new(membership)
	}
	m := s.rooms
	s.mu.Unlock()
	m.joining.Lock() // see up
	defer m.joining.Unlock()

	// Not with r.mu held: OnRoom is told.
	at := s.loop()
	raised := make([]*broadcast.Room, len(m.list))
	for i, name := range m.list {
		raised[i] = s.ns.dir.Raise(name, at.Index())
	}
	result, over := r.admitLocked(s, at, m.list, raised)
	if result != admitted {
		for _, room := range raised {
			s.ns.dir.Lower(room, at.Index())
		}
	}
	r.expired(over)
	return result
}

func (r *recovery) admitLocked(s *Socket, at *loop.Loop, rooms []string, raised []*broadcast.Room) (result admission, over *Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := s.more.Load().life
	back := l.next != nil && l.next.socket == s
	next := r.log.next()
	from := l.born
	if back {
		from = l.next.from
	} else {
		l.start = next
	}
	var missed []*logged
	if back || r.log.lanes[l.id] != nil { // Use may have sent it something
		var whole bool
		switch missed, whole = r.log.missed(l, from, r.o.MaxMissed); {
		case whole:
		case back && !r.asks(s): // nobody has seen it yet
			l.next = nil
			over = r.drop(l)
			r.begin(s, s.more.Load(), l.before)
			return anew, over
		default:
			return lost, nil
		}
	}
	if back && !r.asks(s) {
		s.core.Resume(l.id)
	}
	if !at.Do(func(_ session.Host, now session.Instant) { r.enter(s, l, now, missed) }) {
		return ended, nil
	}
	s.register()
	r.lives[l.pid] = l
	l.unlist()
	l.socket, l.next, l.state = s, nil, lifeAttached
	for _, room := range l.rooms() {
		if !slices.Contains(rooms, room) { // Use has taken it out
			l.leave(room, next, r.log.first)
		}
	}
	for i, room := range rooms {
		l.enter(room, next)
		at.Join(&s.core, raised[i])
	}
	s.marks.Or(markUp)
	return admitted, nil
}

// enter is the mail that admit posts: behind what was sent before, in front of what is sent
// afterwards.
//
// The client is told first that it has its state again, and then sent what it has missed. The
// reference server does it the other way about, and a client whose connection breaks in
// between keeps what came, does not count it, and gets it twice.
func (r *recovery) enter(s *Socket, l *life, now session.Instant, missed []*logged) {
	if !s.session().Grant(now, &s.core, l.pid) {
		s.unregister()
		s.refused(ForcedClose, nil) // Withdrawn was told why
		return
	}
	r.mu.Lock()
	l.known, l.entered = true, now
	r.mu.Unlock()
	all := make([]*broadcast.Message, 0, len(missed))
	for _, e := range missed {
		if e.filter != nil {
			meant := false
			if s.guard("", func() error { meant = e.filter(s); return nil }) != nil {
				return // it has panicked, and the client is disconnected
			}
			if !meant {
				continue
			}
		}
		all = append(all, e.message)
	}
	s.core.SendAll(all)
	s.welcome()
}

// withdrawn is told of a socket that has ended before it was in.
func (r *recovery) withdrawn(s *Socket) {
	m := s.more.Load()
	if m == nil || m.life == nil {
		return
	}
	r.mu.Lock()
	l := m.life
	var waits *Socket
	switch {
	case l.next != nil && l.next.socket == s:
		l.next = nil
		r.arm(s.loop().Clock())
	case l.socket != s: // told before
	case l.state == lifeBids, l.state == lifeAttached && !l.known:
		r.drop(l)
	case l.state == lifeAttached: // the client has gone while it was let in
		l.state = lifeAway
		l.weigh()
		r.away.push(l)
		r.arm(s.loop().Clock())
		if l.next != nil {
			waits = l.next.socket
		}
	}
	r.mu.Unlock()
	if waits != nil {
		r.call(waits)
	}
}

// left is told of a socket that was in and has ended. Loop only.
func (r *recovery) left(s *Socket, reason Reason) {
	m := s.more.Load()
	if m == nil || m.life == nil {
		return
	}
	now, confirmed := s.loop().Clock(), s.session().Confirmed()
	r.mu.Lock()
	l := m.life
	var over []*Socket
	if recoverable(reason) && !s.ns.gone() {
		l.state, l.since = lifeEnds, now
		if confirmed > l.entered {
			l.certain = confirmed
		}
		l.weigh()
		r.away.push(l)
		over = r.crowded()
		r.arm(now)
	} else {
		r.drop(l)
	}
	r.mu.Unlock()
	for _, s := range over {
		r.expired(s)
	}
}

// crowded drops those who have been away longest while there are too many, but for those
// who have come back and are about to be let in, and the last. r.mu is held.
func (r *recovery) crowded() (over []*Socket) {
	for l := r.away.first; l != r.away.last && (r.away.len > r.o.MaxSockets || r.away.bytes > r.o.MaxBytes); {
		nxt := l.nxt
		if l.next == nil {
			over = append(over, r.drop(l))
		}
		l = nxt
	}
	return over
}

// told is called when all that was to be done for a socket that was in is done.
func (r *recovery) told(s *Socket) {
	m := s.more.Load()
	if m == nil || m.life == nil {
		return
	}
	r.mu.Lock()
	l := m.life
	if l.state == lifeEnds {
		l.state = lifeAway
	}
	var waits *Socket
	if l.next != nil {
		waits = l.next.socket
	}
	r.mu.Unlock()
	if waits != nil {
		r.call(waits)
	}
}

// drop ends a life, and returns its socket if the client had gone and might have come back.
// r.mu is held.
func (r *recovery) drop(l *life) (over *Socket) {
	if l.list != nil {
		over = l.socket
	}
	l.unlist()
	delete(r.lives, l.pid)
	l.state = lifeOver
	return over
}

// expired tells that nobody has come back, if s is not nil.
func (r *recovery) expired(s *Socket) {
	if f := r.o.OnExpired; f != nil && s != nil {
		s.push(job{kind: jobFunc, f: func() { f(s) }})
	}
}

// arm makes sure that Expire is called when there is something to forget. r.mu is held.
func (r *recovery) arm(now session.Instant) {
	due := r.due(now)
	if due == 0 || r.armed != 0 && r.armed <= due {
		return
	}
	// Always the same loop: the entry belongs to it.
	if l := r.ns.server.loopAt(0); l != nil && l.Do(func(h session.Host, _ session.Instant) { h.Schedule(r, due) }) {
		r.armed = due
	}
}

// claimed is how long a life is left alone whose client might be let in yet.
const claimed = session.Instant(1e9)

// due is when there will be something to forget, 0 for never. r.mu is held.
func (r *recovery) due(now session.Instant) session.Instant {
	due := r.log.due()
	if l := r.away.first; l != nil {
		at := l.since.After(r.o.Window)
		if l.next != nil {
			at = max(at, now+claimed)
		}
		if due == 0 || at < due {
			due = at
		}
	}
	return due
}

// Entry implements [session.Timed].
func (r *recovery) Entry() *session.Instant { return &r.entry }

// Expire implements [session.Timed]: it forgets what has become too old.
func (r *recovery) Expire(now session.Instant) session.Instant {
	var gone []*Socket
	r.mu.Lock()
	for l := r.away.first; l != nil && now >= l.since.After(r.o.Window); {
		nxt := l.nxt
		if l.next == nil {
			gone = append(gone, r.drop(l))
		}
		l = nxt
	}
	r.log.trim(now)
	due := r.due(now)
	r.armed = due
	r.mu.Unlock()
	for _, s := range gone {
		r.expired(s)
	}
	return due
}
