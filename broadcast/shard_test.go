package broadcast

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"unsafe"
)

// TestMemberFitsACacheLine: a delivery touches one of them for each receiver.
func TestMemberFitsACacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Member{}); n > 64 {
		t.Errorf("a Member has %d bytes", n)
	}
	if n := unsafe.Sizeof(part{}); n != 64 {
		t.Errorf("a part of the directory has %d bytes: it shares its cache line", n)
	}
}

// TestMembershipDuringBroadcast: a receiver that changes membership is caught, and the
// shard goes on.
func TestMembershipDuringBroadcast(t *testing.T) {
	for _, sel := range []struct {
		name string
		make func(r *Room) *Selection
	}{
		{"everyone", func(*Room) *Selection { return &Selection{Everyone: true} }},
		{"one room", func(r *Room) *Selection { return &Selection{Rooms: []*Room{r}} }},
		{"two rooms", func(r *Room) *Selection { return &Selection{Rooms: []*Room{r, r}} }},
	} {
		for _, change := range []struct {
			name string
			do   func(s *Shard, d *Directory, m *Member)
		}{
			{"Add", func(s *Shard, _ *Directory, _ *Member) { s.Add(new(Member)) }},
			{"Remove", func(s *Shard, _ *Directory, m *Member) { s.Remove(m) }},
			{"Join", func(s *Shard, d *Directory, m *Member) { s.Join(m, d.Raise("other", 0)) }},
			{"Leave", func(s *Shard, _ *Directory, m *Member) { s.Leave(m, "room") }},
		} {
			t.Run(sel.name+"/"+change.name, func(t *testing.T) {
				d := NewDirectory(1)
				var s *Shard
				s = NewShard(0, d, func(to *Member, _ *Message, _ Flags) { change.do(s, d, to) })
				m := new(Member)
				s.Add(m)
				r := d.Raise("room", 0)
				s.Join(m, r)
				func() {
					defer func() {
						if recover() == nil {
							t.Error("nobody has noticed")
						}
					}()
					s.Deliver(sel.make(r), newMessage("4"), 0)
				}()
				if !s.Leave(m, "room") || d.Find("room") != nil {
					t.Error("the shard does not go on")
				}
				s.Remove(m)
			})
		}
	}
}

// TestHarmlessDuringBroadcast: what changes nothing may be done.
func TestHarmlessDuringBroadcast(t *testing.T) {
	d := NewDirectory(1)
	var s *Shard
	n := 0
	s = NewShard(0, d, func(to *Member, _ *Message, _ Flags) {
		s.Add(to)
		s.Leave(to, "nowhere")
		s.Remove(new(Member))
		n++
	})
	m := new(Member)
	s.Add(m)
	s.Deliver(&Selection{Everyone: true}, newMessage("4"), 0)
	if n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

// TestDeliverPasses: message and flags reach the receiver as they are.
func TestDeliverPasses(t *testing.T) {
	var got *Message
	var flags Flags
	s := NewShard(0, NewDirectory(1), func(_ *Member, m *Message, f Flags) { got, flags = m, f })
	s.Add(new(Member))
	m := newMessage("4x")
	if n := s.Deliver(&Selection{Everyone: true}, m, Volatile); n != 1 || got != m || flags != Volatile {
		t.Errorf("%d reached, message %p with flags %d", n, got, flags)
	}
	if n := s.Deliver(&Selection{}, m, 0); n != 0 {
		t.Errorf("a selection of no rooms reaches %d", n)
	}
}

// TestJoinThenBroadcast: who has raised a join sees it in the directory, so that a
// broadcast behind it is sent to that loop, before the join is applied.
func TestJoinThenBroadcast(t *testing.T) {
	d := NewDirectory(4)
	r := d.Raise("room", 2)
	if got := d.Find("room"); got != r || got.On(2) != 1 || got.On(0) != 0 || got.Count() != 1 {
		t.Fatalf("the room is %p, with %d members", got, got.Count())
	}
	n := 0
	s := NewShard(2, d, func(*Member, *Message, Flags) { n++ })
	m := new(Member)
	s.Add(m)
	s.Join(m, r)
	if s.Deliver(&Selection{Rooms: []*Room{d.Find("room")}}, newMessage("4"), 0); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

// TestEpochWraps: when the counter of selections comes round, nobody is left out for an
// old mark, not even who was away meanwhile.
func TestEpochWraps(t *testing.T) {
	d := NewDirectory(1)
	n := 0
	s := NewShard(0, d, func(*Member, *Message, Flags) { n++ })
	stays, leaves := new(Member), new(Member)
	s.Add(stays)
	s.Add(leaves)
	sel := &Selection{Everyone: true, Skip: []*Member{new(Member)}}
	s.epoch = 4
	s.Deliver(sel, newMessage("4"), 0) // both are marked 5
	s.Remove(leaves)
	s.epoch = ^uint32(0) - 1
	for range 6 { // one of these is number 5 again
		n = 0
		if s.epoch == 4 {
			s.Add(leaves)
		}
		if s.Deliver(sel, newMessage("4"), 0); n != s.Len() {
			t.Errorf("selection %d reaches %d of %d", s.epoch, n, s.Len())
		}
	}
}

// TestListsShrink: a room that was huge once does not stay so.
func TestListsShrink(t *testing.T) {
	d := NewDirectory(1)
	s := NewShard(0, d, nil)
	var all []*Member
	for range 5000 {
		m := new(Member)
		s.Add(m)
		s.Join(m, d.Raise("room", 0))
		all = append(all, m)
	}
	r := d.Find("room")
	for _, m := range all[10:] {
		s.Remove(m)
	}
	if c := cap(r.local[0]); c > 2048 {
		t.Errorf("a room of 10 has space for %d", c)
	}
	if c := cap(s.members); c > 2048 {
		t.Errorf("a shard of 10 has space for %d", c)
	}
	for at, m := range r.local[0] {
		if m.rooms[0].at != int32(at) {
			t.Fatal("shrinking has moved somebody")
		}
	}
}

// TestDirectoryConcurrently: many goroutines raise, lower and pin the same rooms. The
// counts come out right, events of creation and deletion balance, and nothing is left.
func TestDirectoryConcurrently(t *testing.T) {
	d := NewDirectory(4)
	var mu sync.Mutex
	balance := make(map[string]int)
	d.Watch = func(e RoomEvent) {
		mu.Lock()
		defer mu.Unlock()
		if e.Kind == RoomCreated {
			balance[e.Room]++
		} else {
			balance[e.Room]--
		}
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			var mine []*Room
			for i := range 500 {
				name := fmt.Sprint("room", (i*7+g)%11)
				switch i % 5 {
				case 0:
					if p := d.Pin(name); p.Name() != name {
						t.Errorf("Pin(%q) = %q", name, p.Name())
					} else {
						d.Unpin(p)
					}
				case 1:
					if r := d.Find(name); r != nil && r.Name() != name {
						t.Errorf("Find(%q) = %q", name, r.Name())
					}
				case 2:
					d.Names()
				default:
					mine = append(mine, d.Raise(name, g%4))
				}
				if len(mine) > 20 {
					for _, r := range mine {
						if r.On(g%4) < 1 {
							t.Error("a raise is not counted")
						}
						d.Lower(r, g%4)
					}
					mine = nil
				}
			}
			for _, r := range mine {
				d.Lower(r, g%4)
			}
		})
	}
	all.Wait()
	for room, n := range balance {
		if n != 0 {
			t.Errorf("%s: %d more creations than deletions", room, n)
		}
	}
	if names := d.Names(); len(names) != 0 {
		t.Errorf("rooms are left: %q", names)
	}
	for i := range d.parts {
		if len(d.parts[i].rooms) != 0 {
			t.Error("the directory keeps empty rooms")
		}
	}
}

// TestPins: a pinned room stays, also empty, and is the one that members join.
func TestPins(t *testing.T) {
	d := NewDirectory(1)
	var events []RoomEventKind
	d.Watch = func(e RoomEvent) { events = append(events, e.Kind) }
	p := d.Pin("room")
	if d.Find("room") != p || d.Pin("room") != p || len(d.Names()) != 0 {
		t.Error("a pin is not the room")
	}
	if r := d.Raise("room", 0); r != p {
		t.Error("members join another room")
	}
	d.Lower(p, 0)
	if d.Find("room") != p {
		t.Error("a pinned room went with its last member")
	}
	d.Unpin(p)
	d.Raise("room", 0)
	d.Unpin(p)
	if d.Find("room") != p {
		t.Error("a room with a member went with its last pin")
	}
	d.Lower(p, 0)
	if d.Find("room") != nil {
		t.Error("the room is still there")
	}
	want := []RoomEventKind{RoomCreated, RoomDeleted, RoomCreated, RoomDeleted}
	if !slices.Equal(events, want) {
		t.Errorf("events are %v, want %v", events, want)
	}
}
