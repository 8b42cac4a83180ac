package broadcast

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// MaxLoops bounds the number of event loops that a [Directory] can tell apart. It
// is gnet's own bound.
const MaxLoops = 256

// directoryParts is a power of two well above the cores of today's machines, so
// that two goroutines rarely want the same part at once.
const directoryParts = 64

// A Directory lists the rooms of one namespace that have members somewhere in
// this process. Any goroutine.
type Directory struct {
	loops int
	seed  maphash.Seed
	parts [directoryParts]part

	// Watch, when not nil, is told when a room appears and when it vanishes. It is set
	// before the directory is used. It is called with no lock held and must not block.
	//
	// Of one room it is told in the order in which things happened, one call at a time:
	// by whichever goroutine caused the change or, when another is being told of that
	// room just then, by that one, behind what it is being told. Waiting for each other
	// instead would hold up loops, and for ever if Watch raises the room itself.
	Watch func(e RoomEvent)
}

type part struct {
	mu      sync.Mutex
	rooms   map[string]*Room
	telling map[string][]RoomEvent // rooms that Watch is being told of, with what it is to be told next
	_       [40]byte               // a cache line each: 8 for the mutex, 8 for each map
}

// A Room is one room of a namespace: its entry in the [Directory] and, for each
// loop, the members that live there.
type Room struct {
	// Fixed when the room is made; read by any goroutine.
	name string

	// Any goroutine reads; written under the part's lock.
	counts []atomic.Int32 // members of each loop, counting joins still in a mailbox

	// Guarded by the part's lock.
	total int // sum of counts
	pins  int // handles that keep the room in the directory while it is empty

	// Element i belongs to loop i.
	local [][]*Member
}

// A RoomEvent tells that a room or its membership changed.
type RoomEvent struct {
	Kind   RoomEventKind
	Room   string
	Member *Member // of RoomJoined and RoomLeft
}

// RoomEventKind says what happened to a room.
type RoomEventKind uint8

// The kinds, in the order in which one room sees them. Creations and deletions alternate,
// and each departure is told before the deletion that follows from it, by the shard that
// sees it ([Shard.Watch]). An arrival is told by its shard as well, which may be before a
// creation for which [Directory.Watch] has to be called behind an earlier event of the room.
const (
	RoomCreated RoomEventKind = iota + 1 // it has its first member, or will have once a posted join is applied
	RoomJoined                           // a member came in
	RoomLeft                             // a member went out
	RoomDeleted                          // its last member has gone
)

// NewDirectory makes an empty directory for a server with the given number of
// loops, from 1 to [MaxLoops].
func NewDirectory(loops int) *Directory {
	d := &Directory{loops: loops, seed: maphash.MakeSeed()}
	for i := range d.parts {
		d.parts[i].rooms = make(map[string]*Room)
	}
	return d
}

func (d *Directory) part(name string) *part {
	return &d.parts[maphash.String(d.seed, name)%directoryParts]
}

func (d *Directory) newRoom(name string) *Room {
	return &Room{name: name, counts: make([]atomic.Int32, d.loops), local: make([][]*Member, d.loops)}
}

// Raise counts one more member of the named room on a loop and returns the room,
// making it if need be. It is called before the join is posted to that loop; every
// Raise is undone by exactly one [Directory.Lower].
func (d *Directory) Raise(name string, loop int) *Room {
	p := d.part(name)
	p.mu.Lock()
	r := p.rooms[name]
	if r == nil {
		r = d.newRoom(name)
		p.rooms[name] = r
	}
	r.counts[loop].Add(1)
	r.total++
	if r.total == 1 && d.Watch != nil {
		d.tell(p, RoomEvent{Kind: RoomCreated, Room: name})
	} else {
		p.mu.Unlock()
	}
	return r
}

// Lower counts one member less. The room leaves the directory with its last
// member, unless it is pinned.
func (d *Directory) Lower(r *Room, loop int) {
	p := d.part(r.name)
	p.mu.Lock()
	r.counts[loop].Add(-1)
	r.total--
	if r.total == 0 && r.pins == 0 {
		delete(p.rooms, r.name)
	}
	if r.total == 0 && d.Watch != nil {
		d.tell(p, RoomEvent{Kind: RoomDeleted, Room: r.name})
	} else {
		p.mu.Unlock()
	}
}

// tell has Watch called for an event, behind those of the room that came before. It is
// called with the part locked, so that the order is that of the changes, and unlocks it.
func (d *Directory) tell(p *part, e RoomEvent) {
	room := e.Room
	if next, told := p.telling[room]; told {
		p.telling[room] = append(next, e)
		p.mu.Unlock()
		return
	}
	if p.telling == nil {
		p.telling = make(map[string][]RoomEvent)
	}
	p.telling[room] = nil
	p.mu.Unlock()
	d.tellAll(p, e)
}

// tellAll calls Watch for an event, and for those that come to stand behind it.
func (d *Directory) tellAll(p *part, e RoomEvent) {
	room, ok := e.Room, true
	defer func() {
		if ok { // a panic: what stands behind it is told all the same
			if e, ok := p.next(room); ok {
				d.tellAll(p, e)
			}
		}
	}()
	for ok {
		d.Watch(e)
		e, ok = p.next(room)
	}
}

// next takes the event of a room that Watch is to be told next; without one the room is
// not being told of any more.
func (p *part) next(room string) (e RoomEvent, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.telling[room]
	if len(list) == 0 {
		delete(p.telling, room)
		return e, false
	}
	p.telling[room] = list[1:]
	return list[0], true
}

// Find returns the named room, or nil when it has no members and no pin.
func (d *Directory) Find(name string) *Room {
	p := d.part(name)
	p.mu.Lock()
	r := p.rooms[name]
	p.mu.Unlock()
	return r
}

// Pin returns the named room and keeps it in the directory, even while it is
// empty, until as many Unpins follow. A pinned room can be kept and used without
// looking it up again.
func (d *Directory) Pin(name string) *Room {
	p := d.part(name)
	p.mu.Lock()
	r := p.rooms[name]
	if r == nil {
		r = d.newRoom(name)
		p.rooms[name] = r
	}
	r.pins++
	p.mu.Unlock()
	return r
}

// Unpin undoes one Pin.
func (d *Directory) Unpin(r *Room) {
	p := d.part(r.name)
	p.mu.Lock()
	r.pins--
	if r.pins == 0 && r.total == 0 {
		delete(p.rooms, r.name)
	}
	p.mu.Unlock()
}

// Names returns the names of all rooms with members, in no order.
func (d *Directory) Names() []string {
	var names []string
	for i := range d.parts {
		p := &d.parts[i]
		p.mu.Lock()
		for name, r := range p.rooms {
			if r.total > 0 {
				names = append(names, name)
			}
		}
		p.mu.Unlock()
	}
	return names
}

// Name is the room's name.
func (r *Room) Name() string { return r.name }

// Count is the number of members in this process, joins still under way included.
func (r *Room) Count() int {
	n := 0
	for i := range r.counts {
		n += int(r.counts[i].Load())
	}
	return n
}

// On is the number of members on one loop, joins still under way included.
func (r *Room) On(loop int) int { return int(r.counts[loop].Load()) }
