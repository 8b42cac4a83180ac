package broadcast

// A Deliver function queues a message for a member. It is called on the member's loop,
// must not block, and must not change the membership of any room: a member that wants
// to go does so after the broadcast.
//
// There is one for each shard, and not one in each member: what a member is part of is
// found from the member's address, which saves every socket 16 bytes.
type Deliver func(to *Member, m *Message, f Flags)

// Flags say how a message is to be delivered.
type Flags uint8

const (
	// Volatile: the message may be dropped when the receiver cannot take it now.
	Volatile Flags = 1 << iota
)

// A Member is somebody's seat in the rooms of one namespace: part of whatever receives
// the messages. It belongs to the loop of its shard. The zero value is ready for
// [Shard.Add].
type Member struct {
	rooms []seat // small: a slice is scanned faster than a map is looked up
	at    int32  // index in the shard's members
	mark  uint32 // epoch of the last selection that met this member
	in    bool   // added and not yet removed
}

type seat struct {
	room *Room
	at   int32 // index in room.local[loop]
}

// A Shard holds the members of one namespace that live on one loop, and their
// rooms. All of it belongs to that loop.
type Shard struct {
	loop    int
	dir     *Directory
	deliver Deliver
	members []*Member // dense: a broadcast walks it in order
	epoch   uint32    // of the last selection that needed marks
	walking bool      // a broadcast is walking a member list

	// Watch, when not nil, is told of every join and leave. It is set before the
	// shard is used and must not block.
	Watch func(e RoomEvent)
}

// A Selection says who receives a broadcast: the members of any of Rooms, or every
// member when Rooms is nil, each once, without those of Except, without Skip and
// without those that Filter refuses. It is immutable once posted.
type Selection struct {
	Rooms  []*Room
	Except []*Room
	Skip   []*Member          // single members left out; only compared, so those of other loops do no harm
	Single []*Member          // single members of this shard that are met beside Rooms
	Filter func(*Member) bool // nil: all; called on each loop

	// Everyone selects all members when Rooms is empty. A selection of rooms none
	// of which exists selects nobody, hence the flag.
	Everyone bool
}

// NewShard makes the shard of a loop.
func NewShard(loop int, dir *Directory, deliver Deliver) *Shard {
	return &Shard{loop: loop, dir: dir, deliver: deliver}
}

// Len is the number of members.
func (s *Shard) Len() int { return len(s.members) }

// Add lets m in. Adding a member twice is a no-op.
func (s *Shard) Add(m *Member) {
	if m.in {
		return
	}
	s.mustNotWalk()
	m.in = true
	m.mark = 0 // of an earlier stay: nextEpoch has not wiped it
	m.at = int32(len(s.members))
	s.members = append(s.members, m)
}

// Remove makes m leave all its rooms and the shard.
func (s *Shard) Remove(m *Member) {
	if !m.in {
		return
	}
	s.mustNotWalk()
	for len(m.rooms) > 0 {
		s.leave(m, len(m.rooms)-1)
	}
	m.rooms = nil
	last := len(s.members) - 1
	moved := s.members[last]
	s.members[m.at] = moved
	moved.at = m.at
	s.members[last] = nil
	s.members = shrunk(s.members[:last])
	m.in = false
}

// Join brings m into r, which the caller has got by [Directory.Raise] for this
// loop. It reports whether m was not in the room yet; when it was, or has left the
// shard meanwhile, the raise is undone.
func (s *Shard) Join(m *Member, r *Room) bool {
	if !m.in || m.find(r) >= 0 {
		s.dir.Lower(r, s.loop)
		return false
	}
	s.mustNotWalk()
	list := r.local[s.loop]
	m.rooms = append(m.rooms, seat{room: r, at: int32(len(list))})
	r.local[s.loop] = append(list, m)
	if s.Watch != nil {
		s.Watch(RoomEvent{Kind: RoomJoined, Room: r.name, Member: m})
	}
	return true
}

// Leave takes m out of the named room and reports whether it was in.
func (s *Shard) Leave(m *Member, name string) bool {
	for i := range m.rooms {
		if m.rooms[i].room.name == name {
			s.mustNotWalk()
			s.leave(m, i)
			return true
		}
	}
	return false
}

func (s *Shard) leave(m *Member, i int) {
	it := m.rooms[i]
	list := it.room.local[s.loop]
	last := len(list) - 1
	moved := list[last]
	list[it.at] = moved
	moved.rooms[moved.find(it.room)].at = it.at
	list[last] = nil
	it.room.local[s.loop] = shrunk(list[:last])

	end := len(m.rooms) - 1
	m.rooms[i] = m.rooms[end]
	m.rooms[end] = seat{}
	m.rooms = m.rooms[:end]
	if s.Watch != nil {
		s.Watch(RoomEvent{Kind: RoomLeft, Room: it.room.name, Member: m})
	}
	s.dir.Lower(it.room, s.loop) // behind the event: the room is not gone before its last member
}

// shrunk gives most of a list's memory back once it is mostly empty, so that a
// room that was huge once does not stay so.
func shrunk(list []*Member) []*Member {
	if cap(list) < 1024 || len(list) > cap(list)/4 {
		return list
	}
	return append(make([]*Member, 0, cap(list)/2), list...)
}

func (m *Member) find(r *Room) int {
	for i := range m.rooms {
		if m.rooms[i].room == r {
			return i
		}
	}
	return -1
}

// Deliver hands msg to everyone selected on this loop and returns how many they
// were. It allocates nothing and copies nothing of the message.
func (s *Shard) Deliver(sel *Selection, msg *Message, f Flags) int {
	n := 0
	if list, ok := s.plain(sel); ok {
		s.walking = true
		defer func() { s.walking = false }()
		for _, m := range list {
			s.deliver(m, msg, f)
		}
		return len(list)
	}
	s.Each(sel, func(m *Member) { s.deliver(m, msg, f); n++ })
	return n
}

// plain returns the one list that sel amounts to, if it is one list.
func (s *Shard) plain(sel *Selection) ([]*Member, bool) {
	if len(sel.Except) > 0 || len(sel.Skip) > 0 || len(sel.Single) > 0 || sel.Filter != nil {
		return nil, false
	}
	switch {
	case sel.Everyone:
		return s.members, true
	case len(sel.Rooms) == 1:
		return sel.Rooms[0].local[s.loop], true
	}
	return nil, false
}

// Each calls f for everyone selected on this loop, once each. f must not change
// any membership.
func (s *Shard) Each(sel *Selection, f func(*Member)) {
	s.walking = true
	defer func() { s.walking = false }()

	// One mark serves both "left out" and "met already": neither is to be met again.
	epoch := s.nextEpoch()
	for _, r := range sel.Except {
		for _, m := range r.local[s.loop] {
			m.mark = epoch
		}
	}
	visit := func(list []*Member) {
		for _, m := range list {
			if m.mark == epoch || !m.in || skipped(sel.Skip, m) {
				continue
			}
			m.mark = epoch
			if sel.Filter != nil && !sel.Filter(m) {
				continue
			}
			f(m)
		}
	}
	if sel.Everyone {
		visit(s.members)
		return
	}
	visit(sel.Single)
	for _, r := range sel.Rooms {
		visit(r.local[s.loop])
	}
}

func skipped(skip []*Member, m *Member) bool {
	for _, x := range skip {
		if x == m {
			return true
		}
	}
	return false
}

// nextEpoch returns a mark that no member bears. When the counter wraps, after
// four thousand million selections, the old marks are wiped.
func (s *Shard) nextEpoch() uint32 {
	s.epoch++
	if s.epoch == 0 {
		for _, m := range s.members {
			m.mark = 0
		}
		s.epoch = 1
	}
	return s.epoch
}

// mustNotWalk catches a receiver that changes membership while a broadcast walks
// the lists: the walk would skip or repeat members, silently.
func (s *Shard) mustNotWalk() {
	if s.walking {
		panic("broadcast: membership changed during a broadcast")
	}
}
