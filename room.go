package sio

import (
	"context"
	"iter"
	"sync/atomic"

	"github.com/e6a90ca8/sio/broadcast"
)

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
// everybody who joins or leaves one. It must be set before the server runs.
//
// It is called on event loops, and by goroutines that call Join: it must not block. While
// it runs, the socket that joins can be read, sent to and disconnected, but its Join and
// Leave wait. So f must not call these for any socket, nor wait for those who might, as
// [Target.Fetch] and its like do, which wait for loops; it leaves that to [Socket.Do] or
// a goroutine of its own.
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
// up, so it is the fastest way to send to a room often. A room of a pattern stands for
// those of its name in all the pattern's namespaces, which are looked up.
//
// The room stays known as long as the handle is used; [Room.Close] lets go of it.
func (n *Namespace) Room(name string) *Room {
	r := n.dir.Pin(name)
	return &Room{ns: n, room: r, sel: &broadcast.Selection{Rooms: []*broadcast.Room{r}}}
}

// A Room is a handle of a room. It has the methods of the [Target] that it stands for. All
// its methods may be called by any goroutine.
type Room struct {
	ns     *Namespace
	room   *broadcast.Room
	sel    *broadcast.Selection // of its members
	closed atomic.Bool
}

// Name is the room's name.
func (r *Room) Name() string { return r.room.Name() }

// Len is the number of members on this server. Of a room of a pattern it is 0: the members
// are those of the pattern's namespaces.
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

// To is [Target.To]: the room's members, and those of the others.
func (r *Room) To(rooms ...string) Target { return r.Target().To(rooms...) }

// Except is [Target.Except].
func (r *Room) Except(rooms ...string) Target { return r.Target().Except(rooms...) }

// Local is [Target.Local].
func (r *Room) Local() Target { return r.Target().Local() }

// Volatile is [Target.Volatile].
func (r *Room) Volatile() Target { return r.Target().Volatile() }

// Compress is [Target.Compress].
func (r *Room) Compress(on bool) Target { return r.Target().Compress(on) }

// Filter is [Target.Filter].
func (r *Room) Filter(f func(*Socket) bool) Target { return r.Target().Filter(f) }

// AskAll is [Target.AskAll].
func (r *Room) AskAll(ctx context.Context, event string, args ...any) iter.Seq2[*Reply, error] {
	return r.Target().AskAll(ctx, event, args...)
}

// Count is [Target.Count].
func (r *Room) Count(ctx context.Context) (int, error) { return r.Target().Count(ctx) }

// Fetch is [Target.Fetch].
func (r *Room) Fetch(ctx context.Context) ([]Remote, error) { return r.Target().Fetch(ctx) }

// IDs is [Target.IDs].
func (r *Room) IDs(ctx context.Context) ([]string, error) { return r.Target().IDs(ctx) }

// Join is [Target.Join].
func (r *Room) Join(ctx context.Context, rooms ...string) error {
	return r.Target().Join(ctx, rooms...)
}

// Leave is [Target.Leave].
func (r *Room) Leave(ctx context.Context, rooms ...string) error {
	return r.Target().Leave(ctx, rooms...)
}

// Disconnect is [Target.Disconnect].
func (r *Room) Disconnect(ctx context.Context, d Disconnect) error {
	return r.Target().Disconnect(ctx, d)
}

// Close lets go of the room. The handle must not be used afterwards.
func (r *Room) Close() {
	if !r.closed.Swap(true) {
		r.ns.dir.Unpin(r.room)
	}
}
