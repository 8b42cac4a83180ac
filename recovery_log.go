package sio

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// A recoveryLog is the events of a namespace that its clients may be sent again, numbered in
// the order in which they were posted to the loops, from 1. It is guarded by recovery.mu.
//
// An event is forgotten when it is older than keep, or when the log is longer than
// maxBytes: the oldest first. It is not enough to forget it, for a client that asks for
// what it has missed must be told if that is not all there any more. Who has answered a
// ping that was queued behind an event has got that event. So of what was forgotten the log
// knows when it was delivered at the latest: aged for all that had become too old, and for
// each room what had to go for want of space.
type recoveryLog struct {
	identity [identityBytes]byte // tells its offsets from those of other logs
	keep     session.Instant
	maxBytes int

	list  []*logged
	head  int   // list[head:] is the log
	first int64 // number of list[head]; one more than the last one's if the log is empty
	bytes int
	aged  session.Instant

	everyone lane             // events for everybody
	lanes    map[string]*lane // events by the room that they were sent to
	ghosts   []ghost          // of lanes that were empty and have a cut, the first to be looked at in front
}

// A logged event may be sent again. It is fixed but for what is atomic.
type logged struct {
	message *broadcast.Message
	rooms   []string // nil: everybody
	except  []string // rooms and ids
	filter  func(*Socket) bool

	pending atomic.Int32 // loops that have not delivered it
	at      atomic.Int64 // a session.Instant: the time of the last turn that has; before, when it was posted
}

// A lane is the numbers of a room's events.
type lane struct {
	numbers []int64
	head    int             // numbers[head:] are in the log
	cut     int64           // the last one that was forgotten for want of space; 0 for none
	cutAt   session.Instant // when it was delivered, at the latest
	haunts  bool            // a ghost is there for it
}

// A ghost is where a lane is looked at again that had become empty, and must be kept while
// somebody may ask for what it had to forget. A lane has one at most: rooms that fall
// silent and speak again must not add up.
type ghost struct {
	room string
	at   session.Instant // lane.cutAt when the ghost was made
}

// perGhost is for how many bytes of recoveryLog.maxBytes there may be a ghost. Past that,
// the first are counted as aged.
const perGhost = 1 << 10

func (l *recoveryLog) reset() {
	*l = recoveryLog{keep: l.keep, maxBytes: l.maxBytes, first: 1, lanes: make(map[string]*lane)}
	_, _ = rand.Read(l.identity[:]) // never fails
}

// next is the number of the event that is logged next.
func (l *recoveryLog) next() int64 { return l.first + int64(len(l.list)-l.head) }

func (l *recoveryLog) at(number int64) *logged { return l.list[l.head+int(number-l.first)] }

// perLogged is what an event counts in the log besides its bytes: its place, the message
// and its place in a lane.
const perLogged = 320

func (e *logged) size() int {
	n := perLogged + e.message.Size()
	for _, r := range e.rooms {
		n += 64 + len(r)
	}
	return n
}

// add appends an event, which gets the number next.
func (l *recoveryLog) add(e *logged) {
	number := l.next()
	l.list = append(l.list, e)
	l.bytes += e.size()
	if e.rooms == nil {
		l.everyone.numbers = append(l.everyone.numbers, number)
		return
	}
	for _, r := range e.rooms {
		n := l.lanes[r]
		if n == nil {
			n = new(lane)
			l.lanes[r] = n
		}
		if k := len(n.numbers); k == 0 || n.numbers[k-1] != number { // a room may be named twice
			n.numbers = append(n.numbers, number)
		}
	}
}

// trim forgets what is too old, and the oldest while the log is too long. What a loop still
// has to deliver stays: it is in that loop's mailbox anyway.
func (l *recoveryLog) trim(now session.Instant) {
	for l.head < len(l.list) {
		e := l.list[l.head]
		at := session.Instant(e.at.Load())
		old := at < now-l.keep
		if e.pending.Load() > 0 || !old && l.bytes <= l.maxBytes {
			break
		}
		l.forget(e, at, old)
	}
	l.exorcise(now)
}

// exorcise lets go of lanes that nobody can ask for any more.
func (l *recoveryLog) exorcise(now session.Instant) {
	for len(l.ghosts) > 0 {
		g := l.ghosts[0]
		crowded := len(l.ghosts) > l.maxBytes/perGhost
		if g.at >= now-l.keep && !crowded {
			return
		}
		l.ghosts = l.ghosts[1:]
		n := l.lanes[g.room]
		n.haunts = false
		switch {
		case !n.empty(): // there will be another
		case n.cutAt >= now-l.keep && !crowded:
			l.haunt(g.room, n)
		default:
			l.aged = max(l.aged, n.cutAt)
			delete(l.lanes, g.room)
		}
	}
	l.ghosts = nil
}

// haunt has a lane that is empty, and has a cut, looked at again.
func (l *recoveryLog) haunt(room string, n *lane) {
	if !n.haunts {
		n.haunts = true
		l.ghosts = append(l.ghosts, ghost{room, n.cutAt})
	}
}

func (l *recoveryLog) forget(e *logged, at session.Instant, old bool) {
	number := l.first
	l.list[l.head] = nil
	l.head++
	l.first++
	l.bytes -= e.size()
	if l.head > 256 && l.head*2 > len(l.list) {
		n := copy(l.list, l.list[l.head:])
		clear(l.list[n:])
		l.list, l.head = l.list[:n], 0
		if cap(l.list) > 4096 && n < cap(l.list)/8 {
			l.list = slices.Clone(l.list)
		}
	}
	if old {
		l.aged = max(l.aged, at)
	}
	if e.rooms == nil {
		l.everyone.forget(number, at, old)
		return
	}
	for _, r := range e.rooms {
		n := l.lanes[r]
		if n == nil || !n.forget(number, at, old) || !n.empty() {
			continue
		}
		if n.cut == 0 {
			delete(l.lanes, r)
		} else {
			l.haunt(r, n)
		}
	}
}

func (n *lane) empty() bool { return n.head == len(n.numbers) }

// forget drops the number, which is the lane's first if it has it at all.
func (n *lane) forget(number int64, at session.Instant, old bool) bool {
	if n.empty() || n.numbers[n.head] != number {
		return false
	}
	n.head++
	if n.head == len(n.numbers) {
		n.numbers, n.head = nil, 0
	} else if n.head > 64 && n.head*2 > len(n.numbers) {
		n.numbers, n.head = append([]int64(nil), n.numbers[n.head:]...), 0
	}
	if !old {
		n.cut, n.cutAt = number, max(n.cutAt, at)
	}
	return true
}

// due is when trim will have something to do, or 0 when there is nothing in the log.
func (l *recoveryLog) due() session.Instant {
	switch {
	case l.head < len(l.list):
		return session.Instant(l.list[l.head].at.Load()) + l.keep
	case len(l.ghosts) > 0:
		return l.ghosts[0].at + l.keep
	}
	return 0
}

// missed are the events that were meant for a client, from a number on, in order. It reports
// false if they are more than maxBytes, or if one of them was forgotten that the client may
// not have got.
func (l *recoveryLog) missed(life *life, from int64, maxBytes int) ([]*logged, bool) {
	if from < l.first && l.aged > 0 && l.aged >= life.certain {
		return nil, false
	}
	if from < life.floor {
		return nil, false
	}
	var numbers []int64
	whole := true
	look := func(n *lane, from, to int64) {
		if n == nil {
			return
		}
		if n.cut >= from && n.cutAt >= life.certain {
			whole = false
		}
		list := n.numbers[n.head:]
		i, _ := slices.BinarySearch(list, from)
		for ; i < len(list) && (to == 0 || list[i] < to); i++ {
			numbers = append(numbers, list[i])
		}
	}
	look(&l.everyone, max(from, life.start), 0)
	look(l.lanes[life.id], max(from, life.born), 0)
	for _, s := range life.stays {
		if s.to == 0 || s.to > from {
			look(l.lanes[s.room], max(from, s.from), s.to)
		}
	}
	if !whole {
		return nil, false
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	events := make([]*logged, 0, len(numbers))
	total := 0
	for _, n := range numbers {
		e := l.at(n)
		if slices.ContainsFunc(e.except, func(room string) bool { return life.in(room, n) }) {
			continue
		}
		if total += e.message.Size(); total > maxBytes {
			return nil, false
		}
		events = append(events, e)
	}
	return events, true
}

// delivered is told by a loop that it delivers the event in the turn of that time.
func (e *logged) delivered(now session.Instant) {
	for {
		at := e.at.Load()
		if at >= int64(now) || e.at.CompareAndSwap(at, int64(now)) {
			break
		}
	}
	e.pending.Add(-1)
}

// An offset is what a client says to tell how far it has come: the last argument of the last
// event that it has got. It is the log's identity and the event's number, in base64.
const (
	identityBytes = 5
	offsetBytes   = identityBytes + 7
	offsetLen     = offsetBytes / 3 * 4
)

// putOffset writes an offset to dst, which is offsetLen long.
func (l *recoveryLog) putOffset(dst []byte, number int64) {
	var b [offsetBytes + 1]byte
	binary.BigEndian.PutUint64(b[offsetBytes-7:], uint64(number)<<8)
	copy(b[:], l.identity[:])
	base64.URLEncoding.Encode(dst, b[:offsetBytes])
}

// parseOffset is the number in an offset. It reports false for a text that this log cannot
// have made.
func (l *recoveryLog) parseOffset(s string) (number int64, ok bool) {
	var b [offsetBytes]byte
	if len(s) != offsetLen {
		return 0, false
	}
	if n, err := base64.URLEncoding.Decode(b[:], []byte(s)); err != nil || n != offsetBytes {
		return 0, false
	}
	if [identityBytes]byte(b[:]) != l.identity {
		return 0, false
	}
	var u [8]byte
	copy(u[1:], b[identityBytes:])
	number = int64(binary.BigEndian.Uint64(u[:]))
	return number, number < l.next()
}
