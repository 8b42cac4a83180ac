package sio

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// A Namespace is one of the channels that a connection is shared by, with handlers,
// rooms and sockets of its own. All its methods may be called by any goroutine, at
// any time.
type Namespace struct {
	// Fixed.
	server *Server
	name   string
	dir    *broadcast.Directory
	spaces []*session.Space  // element i is that of loop i
	parent *Namespace        // the pattern that it was made from, or nil
	match  *matcher          // of a pattern; nil in an ordinary namespace
	params map[string]string // of its name, that the pattern has names for; nil if there are none

	announced chan struct{} // closed when OnNamespace has been told; nil if there is nobody to tell

	// Any goroutine.
	table   atomic.Pointer[table]
	sockets registry
	acks    atomic.Int64   // ids of acknowledgements
	members []atomic.Int32 // sockets on each loop
	watched atomic.Bool    // some function of OnOutgoing exists, or has existed

	// Guarded by server.mu.
	children []*Namespace // made from this pattern
	onRoom   func(RoomEvent)
}

func newNamespace(s *Server, name string, parent *Namespace) *Namespace {
	n := &Namespace{server: s, name: name, parent: parent}
	loops := s.loops
	n.dir = broadcast.NewDirectory(loops)
	n.members = make([]atomic.Int32, loops)
	n.spaces = make([]*session.Space, loops)
	for i := range n.spaces {
		n.spaces[i] = session.NewSpace(name, i, n.dir)
	}
	if parent != nil {
		t := *parent.table.Load()
		n.table.Store(&t)
		n.watched.Store(len(t.outgoing) > 0)
		n.onRoom = parent.onRoom
		if f := parent.match.params; f != nil {
			n.params = f(name)
		}
	} else {
		n.table.Store((&table{}).built())
	}
	if n.onRoom != nil {
		n.watchRooms()
	}
	return n
}

// Name is the namespace's name, with its leading slash.
func (n *Namespace) Name() string { return n.name }

// Server is the server that the namespace belongs to.
func (n *Namespace) Server() *Server { return n.server }

// All is everybody in the namespace.
func (n *Namespace) All() Target { return Target{ns: n, compress: true} }

// To is everybody in any of the rooms, each once. A socket's id is a room too.
func (n *Namespace) To(rooms ...string) Target { return n.All().To(rooms...) }

// Except is everybody but those in any of the rooms.
func (n *Namespace) Except(rooms ...string) Target { return n.All().Except(rooms...) }

// Emit sends an event to everybody in the namespace: All().Emit.
func (n *Namespace) Emit(event string, args ...any) error { return n.All().Emit(event, args...) }

// Send sends a packet to everybody in the namespace. It implements [Sender].
func (n *Namespace) Send(p *Packet) error { return n.All().Send(p) }

// Socket returns the socket with the id, if it is on this server.
func (n *Namespace) Socket(id string) (*Socket, bool) {
	s := n.sockets.find(id)
	return s, s != nil
}

// Sockets are the sockets on this server, in no order. One that comes or goes
// meanwhile may be met or not.
func (n *Namespace) Sockets() iter.Seq[*Socket] {
	return func(yield func(*Socket) bool) { n.sockets.each(yield) }
}

// Len is the number of sockets on this server.
func (n *Namespace) Len() int { return n.sockets.len() }

// Rooms are the names of the rooms that have members on this server, in no order.
// The room that every socket has under its own id is not among them.
func (n *Namespace) Rooms() []string { return n.dir.Names() }

// Fetch, Count, Join, Leave and Disconnect for everybody: see [Target].

// Fetch is All().Fetch.
func (n *Namespace) Fetch(ctx context.Context) ([]Remote, error) { return n.All().Fetch(ctx) }

// Count is All().Count.
func (n *Namespace) Count(ctx context.Context) (int, error) { return n.All().Count(ctx) }

// A RoomEvent tells of a room of a namespace.
type RoomEvent struct {
	Kind   RoomEventKind
	Room   string
	Socket *Socket // of RoomJoined and RoomLeft
}

// RoomEventKind says what happened to a room.
type RoomEventKind = broadcast.RoomEventKind

// What can happen to a room.
const (
	RoomCreated = broadcast.RoomCreated // it is about to have its first member
	RoomJoined  = broadcast.RoomJoined
	RoomLeft    = broadcast.RoomLeft
	RoomDeleted = broadcast.RoomDeleted // its last member has gone
)

// OnRoom sets a function that is told of every room that appears or vanishes, and
// everybody who joins or leaves one. It must be set before the server runs. It is
// called on event loops, and by goroutines that call Join: it must not block.
func (n *Namespace) OnRoom(f func(e RoomEvent)) {
	n.server.mu.Lock()
	defer n.server.mu.Unlock()
	n.onRoom = f
	n.watchRooms()
}

func (n *Namespace) watchRooms() {
	f := n.onRoom
	watch := func(e broadcast.RoomEvent) {
		defer n.server.survive("OnRoom")
		r := RoomEvent{Kind: e.Kind, Room: e.Room}
		if e.Member != nil {
			r.Socket = socketOf(e.Member)
		}
		f(r)
	}
	n.dir.Watch = watch
	for _, s := range n.spaces {
		s.Shard.Watch = watch
	}
}

// Room returns a handle of the room: it finds the members without looking the room
// up, so it is the fastest way to send to a room often.
//
// The room stays known as long as the handle is used; [Room.Close] lets go of it.
func (n *Namespace) Room(name string) *Room {
	r := n.dir.Pin(name)
	return &Room{ns: n, room: r, sel: &broadcast.Selection{Rooms: []*broadcast.Room{r}}}
}

// A Room is a handle of a room. All its methods may be called by any goroutine.
type Room struct {
	ns     *Namespace
	room   *broadcast.Room
	sel    *broadcast.Selection // of its members
	closed atomic.Bool
}

// Name is the room's name.
func (r *Room) Name() string { return r.room.Name() }

// Len is the number of members on this server.
func (r *Room) Len() int { return r.room.Count() }

// Target is the room's members.
func (r *Room) Target() Target {
	t := r.ns.All()
	t.handle = r
	return t
}

// Emit sends an event to the room.
func (r *Room) Emit(event string, args ...any) error { return r.Target().Emit(event, args...) }

// Send sends a packet to the room. It implements [Sender].
func (r *Room) Send(p *Packet) error { return r.Target().Send(p) }

// Close lets go of the room. The handle must not be used afterwards.
func (r *Room) Close() {
	if !r.closed.Swap(true) {
		r.ns.dir.Unpin(r.room)
	}
}
