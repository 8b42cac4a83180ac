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

	// Watch, when not nil, is told when a room appears and when it vanishes. It is
	// set before the directory is used, is called by whichever goroutine caused the
	// change, with no lock held, and must not block.
	Watch func(e RoomEvent)
}

type part struct {
	mu    sync.Mutex
	rooms map[string]*Room
	_     [48]byte // a cache line each: 8 for the mutex, 8 for the map
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

// The kinds, in the order in which one room can see them.
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
	created := r.total == 1
	p.mu.Unlock()
	if created && d.Watch != nil {
		d.Watch(RoomEvent{Kind: RoomCreated, Room: name})
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
	deleted := r.total == 0
	if deleted && r.pins == 0 {
		delete(p.rooms, r.name)
	}
	p.mu.Unlock()
	if deleted && d.Watch != nil {
		d.Watch(RoomEvent{Kind: RoomDeleted, Room: r.name})
	}
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
