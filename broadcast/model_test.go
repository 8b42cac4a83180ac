package broadcast

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A model is rooms as sets of names, as one would write them without a care for speed,
// beside the real thing.
type model struct {
	t      *testing.T
	dir    *Directory
	shards []*Shard
	events []string       // of the real thing
	seats  []*seatOf      // all members there ever were
	pinned map[string]int // room -> pins
	pins   []*Room        // to be undone
	posted []posted       // joins that were raised and not applied
	got    map[string]int // of the last delivery
}

// seatOf is one member.
type seatOf struct {
	Member
	name  string
	loop  int
	in    bool
	rooms map[string]bool
}

type posted struct {
	m    *seatOf
	room *Room
}

func newModel(t *testing.T, loops int) *model {
	m := &model{t: t, dir: NewDirectory(loops), pinned: make(map[string]int)}
	watch := func(e RoomEvent) {
		kind := map[RoomEventKind]string{RoomCreated: "created", RoomJoined: "joined", RoomLeft: "left", RoomDeleted: "deleted"}[e.Kind]
		line := kind + " " + e.Room
		if e.Member != nil {
			line += " " + m.seat(e.Member).name
		}
		m.events = append(m.events, line)
	}
	m.dir.Watch = watch
	for i := range loops {
		s := NewShard(i, m.dir, func(to *Member, _ *Message, _ Flags) { m.got[m.seat(to).name]++ })
		s.Watch = watch
		m.shards = append(m.shards, s)
	}
	return m
}

func (m *model) seat(x *Member) *seatOf {
	for _, s := range m.seats {
		if &s.Member == x {
			return s
		}
	}
	m.t.Fatal("somebody else's member")
	return nil
}

// members are those in the room, by name.
func (m *model) members(room string) []string {
	var names []string
	for _, s := range m.seats {
		if s.rooms[room] {
			names = append(names, s.name)
		}
	}
	return names
}

// expect checks the events since the last time.
func (m *model) expect(want ...string) {
	m.t.Helper()
	if !slices.Equal(m.events, want) {
		m.t.Fatalf("events are %q, want %q", m.events, want)
	}
	m.events = nil
}

// raised is how many joins to the room are under way.
func (m *model) raised(room string) (n int) {
	for _, p := range m.posted {
		if p.room.Name() == room {
			n++
		}
	}
	return n
}

func (m *model) population(room string) int { return len(m.members(room)) + m.raised(room) }

var roomNames = []string{"a", "b", "c", "d", "e"}

// step does one random thing to both, and compares.
func (m *model) step(rnd *rand.Rand) {
	m.t.Helper()
	loop := rnd.IntN(len(m.shards))
	room := roomNames[rnd.IntN(len(roomNames))]
	var s *seatOf
	if len(m.seats) > 0 {
		s = m.seats[rnd.IntN(len(m.seats))]
	}
	switch n := rnd.IntN(100); {
	case n < 8 || s == nil:
		s = &seatOf{name: fmt.Sprintf("m%d", len(m.seats)), loop: loop, rooms: make(map[string]bool)}
		m.seats = append(m.seats, s)
		m.shards[loop].Add(&s.Member)
		s.in = true
		m.expect()
	case n < 12: // in again, or once more
		m.shards[s.loop].Add(&s.Member)
		s.in = true
		m.expect()
	case n < 18:
		m.leaveAll(s)
	case n < 40: // a join is counted when it is posted
		created := m.population(room) == 0
		m.posted = append(m.posted, posted{s, m.dir.Raise(room, s.loop)})
		if created {
			m.expect("created " + room)
		} else {
			m.expect()
		}
	case n < 62 && len(m.posted) > 0: // and applied later, in any order between loops
		i := rnd.IntN(len(m.posted))
		p := m.posted[i]
		m.posted = slices.Delete(m.posted, i, i+1)
		name := p.room.Name()
		fresh := p.m.in && !p.m.rooms[name]
		if got := m.shards[p.m.loop].Join(&p.m.Member, p.room); got != fresh {
			m.t.Fatalf("Join of %s to %s = %v", p.m.name, name, got)
		}
		switch {
		case fresh:
			p.m.rooms[name] = true
			m.expect("joined " + name + " " + p.m.name)
		case m.population(name) == 0:
			m.expect("deleted " + name)
		default:
			m.expect()
		}
	case n < 75:
		had := s.rooms[room]
		if got := m.shards[s.loop].Leave(&s.Member, room); got != had {
			m.t.Fatalf("Leave of %s from %s = %v", s.name, room, got)
		}
		delete(s.rooms, room)
		want := []string{}
		if had {
			want = append(want, "left "+room+" "+s.name)
			if m.population(room) == 0 {
				want = append(want, "deleted "+room)
			}
		}
		m.expect(want...)
	case n < 78:
		m.pins = append(m.pins, m.dir.Pin(room))
		m.pinned[room]++
		m.expect()
	case n < 81 && len(m.pins) > 0:
		i := rnd.IntN(len(m.pins))
		m.pinned[m.pins[i].Name()]--
		m.dir.Unpin(m.pins[i])
		m.pins = slices.Delete(m.pins, i, i+1)
		m.expect()
	default:
		m.deliver(rnd)
	}
	m.check()
}

// leaveAll takes a member out of everything.
func (m *model) leaveAll(s *seatOf) {
	m.t.Helper()
	m.shards[s.loop].Remove(&s.Member)
	var left, deleted []string
	for room := range s.rooms {
		left = append(left, room)
	}
	s.in, s.rooms = false, make(map[string]bool)
	for _, room := range left {
		if m.population(room) == 0 {
			deleted = append(deleted, room)
		}
	}
	// The order between rooms is nobody's; within one it is left, then deleted.
	events := m.events
	m.events = nil
	if len(events) != len(left)+len(deleted) {
		m.t.Fatalf("events are %q, want %q left and %q deleted", events, left, deleted)
	}
	for _, room := range left {
		if !slices.Contains(events, "left "+room+" "+s.name) {
			m.t.Fatalf("events are %q, %s was not left", events, room)
		}
	}
	for _, room := range deleted {
		i, j := slices.Index(events, "left "+room+" "+s.name), slices.Index(events, "deleted "+room)
		if j < i {
			m.t.Fatalf("events are %q: %s was deleted before it was left", events, room)
		}
	}
}

// deliver broadcasts to a random selection.
func (m *model) deliver(rnd *rand.Rand) {
	m.t.Helper()
	sel := &Selection{Everyone: rnd.IntN(4) == 0}
	want := make(map[string]int)
	some := func() (names []string, rooms []*Room) {
		for range rnd.IntN(4) {
			name := roomNames[rnd.IntN(len(roomNames))]
			if r := m.dir.Find(name); r != nil {
				names, rooms = append(names, name), append(rooms, r)
			}
		}
		return names, rooms
	}
	var to []string
	if !sel.Everyone {
		to, sel.Rooms = some()
	}
	except, rooms := some()
	if rnd.IntN(2) == 0 {
		except, rooms = nil, nil
	}
	sel.Except = rooms
	var skip, single []*seatOf
	if len(m.seats) > 0 && rnd.IntN(2) == 0 {
		for range rnd.IntN(3) {
			s := m.seats[rnd.IntN(len(m.seats))]
			skip, sel.Skip = append(skip, s), append(sel.Skip, &s.Member)
		}
		for range rnd.IntN(3) {
			s := m.seats[rnd.IntN(len(m.seats))]
			single = append(single, s)
		}
	}
	odd := rnd.IntN(3) == 0
	if odd {
		sel.Filter = func(x *Member) bool { return len(m.seat(x).name)%2 == 1 }
	}
	for _, s := range m.seats {
		chosen := s.in && (sel.Everyone || slices.Contains(single, s))
		for _, r := range to {
			chosen = chosen || s.rooms[r]
		}
		for _, r := range except {
			chosen = chosen && !s.rooms[r]
		}
		if chosen && !slices.Contains(skip, s) && (!odd || len(s.name)%2 == 1) {
			want[s.name] = 1
		}
	}
	m.got = make(map[string]int)
	n := 0
	for i, s := range m.shards {
		own := *sel
		own.Single = nil
		for _, x := range single { // single members are those of the loop
			if x.loop == i {
				own.Single = append(own.Single, &x.Member)
			}
		}
		n += s.Deliver(&own, newMessage("4"), 0)
	}
	if !maps.Equal(m.got, want) || n != len(want) {
		m.t.Fatalf("to %q of everyone %v, except %q, skip %d, single %d, filter %v\n got %v (%d)\nwant %v",
			to, sel.Everyone, except, len(skip), len(single), odd, m.got, n, want)
	}
	m.expect()
}

// check compares the whole state, and looks at the indices that keep removal short.
func (m *model) check() {
	m.t.Helper()
	var names []string
	for _, room := range roomNames {
		r := m.dir.Find(room)
		members, raised := m.members(room), m.raised(room)
		if len(members)+raised > 0 {
			names = append(names, room)
		}
		if (r != nil) != (len(members)+raised > 0 || m.pinned[room] > 0) {
			m.t.Fatalf("room %s is there: %v, with %q, %d raised, %d pins", room, r != nil, members, raised, m.pinned[room])
		}
		if r == nil {
			continue
		}
		if r.Count() != len(members)+raised || r.Name() != room {
			m.t.Fatalf("room %s counts %d, want %d", r.Name(), r.Count(), len(members)+raised)
		}
		for i := range m.shards {
			on := 0
			for _, s := range m.seats {
				if s.loop == i && s.rooms[room] {
					on++
				}
			}
			if len(r.local[i]) != on {
				m.t.Fatalf("room %s has %d members on loop %d, want %d", room, len(r.local[i]), i, on)
			}
			for at, x := range r.local[i] {
				if seat := x.find(r); seat < 0 || x.rooms[seat].at != int32(at) {
					m.t.Fatalf("room %s: the seat of member %d does not know its place", room, at)
				}
			}
			for _, p := range m.posted {
				if p.room == r && p.m.loop == i {
					on++
				}
			}
			if r.On(i) != on {
				m.t.Fatalf("room %s: On(%d) = %d, want %d", room, i, r.On(i), on)
			}
		}
	}
	got := m.dir.Names()
	slices.Sort(got)
	if !slices.Equal(got, names) {
		m.t.Fatalf("Names = %q, want %q", got, names)
	}
	for i, s := range m.shards {
		n := 0
		for _, x := range m.seats {
			if x.loop == i && x.in {
				n++
			}
		}
		if s.Len() != n {
			m.t.Fatalf("shard %d has %d members, want %d", i, s.Len(), n)
		}
		for at, x := range s.members {
			if x.at != int32(at) {
				m.t.Fatalf("shard %d: member %d does not know its place", i, at)
			}
		}
	}
}

// TestAgainstModel does thousands of random things to rooms of one to three loops and
// compares every step with the model.
func TestAgainstModel(t *testing.T) {
	for seed := range 40 {
		rnd := rand.New(rand.NewPCG(uint64(seed), 11))
		m := newModel(t, 1+seed%3)
		if seed%4 == 0 { // the epochs wrap on the way
			for _, s := range m.shards {
				s.epoch = ^uint32(0) - 20
			}
		}
		for range 600 {
			m.step(rnd)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for _, p := range m.posted {
			m.shards[p.m.loop].Join(&p.m.Member, p.room)
			if p.m.in {
				p.m.rooms[p.room.Name()] = true
			}
		}
		m.posted, m.events = nil, nil
		for _, s := range m.seats {
			m.leaveAll(s)
		}
		for _, r := range m.pins {
			m.dir.Unpin(r)
		}
		for i := range m.dir.parts {
			if n := len(m.dir.parts[i].rooms); n != 0 {
				t.Fatalf("seed %d: %d rooms are left: %v", seed, n, strings.Join(m.dir.Names(), " "))
			}
		}
	}
}
