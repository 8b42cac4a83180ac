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

	fleeting bool // it goes with its last socket: see hold

	recovery  *recovery     // nil without Options.Recovery
	announced chan struct{} // closed when OnNamespace has been told; nil if there is nobody to tell

	// Any goroutine.
	table   atomic.Pointer[table]
	sockets registry
	acks    atomic.Int64   // ids of acknowledgements
	members []atomic.Int32 // sockets on each loop
	watched atomic.Bool    // some function of OnOutgoing exists, or has existed
	users   atomic.Int64   // of a fleeting one: sockets that are in or ask to be; below 0: it has gone

	// Guarded by server.mu.
	children []*Namespace // made from this pattern, in no order
	place    int          // among the children of parent
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
	n.fleeting = parent != nil && s.options.CleanupEmptyChildNamespaces
	if parent != nil {
		t := parent.table.Load()
		n.table.Store(t)
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
	n.recovery = newRecovery(n, &s.options)
	return n
}

// Name is the namespace's name, with its leading slash. Of a pattern it is what that was
// made from: the argument of [Server.OfPattern], the text of the regular expression, or
// "func".
func (n *Namespace) Name() string { return n.name }

// Server is the server that the namespace belongs to.
func (n *Namespace) Server() *Server { return n.server }

// All is everybody in the namespace.
func (n *Namespace) All() Target { return Target{ns: n, compress: true} }

// Target is All. It implements [Targeter].
func (n *Namespace) Target() Target { return n.All() }

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

// Fetch is All().Fetch.
func (n *Namespace) Fetch(ctx context.Context) ([]Remote, error) { return n.All().Fetch(ctx) }

// Count is All().Count.
func (n *Namespace) Count(ctx context.Context) (int, error) { return n.All().Count(ctx) }
