package session

import (
	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A Socket is one client in one namespace, as its session's loop sees it. The
// application embeds it in what its users see, so that the two are one object.
type Socket struct {
	// Owned by the loop. Its seat in the namespace's rooms stands first: see SocketOf.
	Member broadcast.Member
	next   *Socket          // of the session
	acks   map[int64]Waiter // acknowledgements that are due; nil while there are none
	state  SocketState
	full   bool // its inbox is: the session does not read

	// Fixed before Grant; read by any goroutine.
	raw     [IDLen]byte // the id's characters; of revision 3 none, see Session.socketID
	space   *Space
	session *Session
}

// A Space is one namespace on one loop: what all its sockets there have in common. It is
// fixed, and may be read by any goroutine; the shard belongs to the loop.
type Space struct {
	Name  string // of the namespace, with its slash
	Shard *broadcast.Shard
}

// NewSpace makes the space of a namespace on a loop.
func NewSpace(name string, loop int, dir *broadcast.Directory) *Space {
	return &Space{Name: name, Shard: broadcast.NewShard(loop, dir, deliver)}
}

// SocketState is how far a socket has come.
type SocketState uint8

const (
	// Bidding: CONNECT has come; the application has not decided. Nothing is accepted
	// for the namespace. What the application sends goes out before the answer; clients
	// keep it until that comes.
	Bidding SocketState = iota

	// Joined: CONNECT was granted. Packets go both ways.
	Joined

	// Gone: the end. Nothing goes either way.
	Gone
)

// An Event is an inbound event; everything in it is a view.
type Event struct {
	Name        []byte
	ID          int64          // acknowledgement id, -1 for none
	Args        *socketio.Args // element 0 is the name
	Attachments [][]byte
}

// A Waiter waits for an acknowledgement. Exactly one of its methods is called,
// once for each time that it was registered, on a loop.
type Waiter interface {
	// Acked is the client's answer; args and attachments are views.
	Acked(k *Socket, args *socketio.Args, attachments [][]byte)
	// Failed is told that there will be no answer.
	Failed(k *Socket, err error)
}

// Init gives a new socket its id and its place in a session and a namespace. Loop
// only, before the socket is known to anybody else.
func (k *Socket) Init(s *Session, space *Space) {
	k.session, k.space = s, space
	if s.revision != 3 {
		s.host.NewID(&k.raw)
	}
}

// Resume gives a new socket the id that its client has had before. Loop only, before the
// socket is known to anybody else, and before anybody has asked for its id.
func (k *Socket) Resume(id string) { copy(k.raw[:], id) }

// Space is the namespace that k is in, on its loop. Any goroutine.
func (k *Socket) Space() *Space { return k.space }

// ID is the socket's public id. Any goroutine.
func (k *Socket) ID() string {
	if k.raw[0] == 0 {
		return k.session.socketID(k.space.Name)
	}
	return idString(&k.raw)
}

// Session is the session that k is in. Any goroutine.
func (k *Socket) Session() *Session { return k.session }

// State is how far the socket has come. Loop only.
func (k *Socket) State() SocketState { return k.state }

// socket returns the session's socket in a namespace, or nil.
func (s *Session) socket(nsp []byte) *Socket {
	for k := s.sockets; k != nil; k = k.next {
		if k.space.Name == string(nsp) {
			return k
		}
	}
	return nil
}

// Joining reports whether a socket of the session is in the namespace or asks to be.
// Loop only.
func (s *Session) Joining(nsp string) bool { return s.socket([]byte(nsp)) != nil }

// Sockets calls f for each socket of the session that has joined. f may end it.
func (s *Session) Sockets(f func(k *Socket)) {
	for k := s.sockets; k != nil; {
		next := k.next
		if k.state == Joined {
			f(k)
		}
		k = next
	}
}

// bid is a CONNECT.
func (s *Session) bid(now Instant, nsp, auth []byte) {
	if s.asking++; s.asking == maxAsking {
		s.stalls++
	}
	if s.asking == 1 && s.marks&markJoined != 0 {
		s.bound = now.After(s.host.Config().ConnectTimeout)
		s.schedule()
	}
	s.host.App().Connect(s, now, nsp, auth)
}

// maxAsking is how many namespaces a client may ask for at once. While it does it is not
// read: each may take a worker to decide about, and one client must not have them all.
const maxAsking = 16

// answered is told of the answer to a CONNECT. Once for each, as long as the session is open.
func (s *Session) answered(now Instant) {
	if s.asking--; s.asking == maxAsking-1 {
		s.unblocked(now)
	}
	switch {
	case s.marks&markJoined == 0: // the time that it has for its first namespace goes on
	case s.asking == 0:
		s.bound = 0 // the wheel finds out by itself
	default:
		s.bound = now.After(s.host.Config().ConnectTimeout)
	}
}

// unblocked is told that something is not full any more. The session is read again, but not
// now: it may be about to end, and frames must not be worked on in the middle of it.
func (s *Session) unblocked(now Instant) {
	if s.stalls--; s.stalls == 0 {
		s.excuse(now)
		s.host.Run(s.host.Index(), func(_ Host, now Instant) { s.unstall(now) })
	}
}

// Bid enters a socket that asks for its namespace, so that a second CONNECT beside
// it is refused. The application calls it from its Connect.
func (s *Session) Bid(k *Socket) {
	if s.state != Open { // it has ended while the application made up its mind
		k.state = Gone
		return
	}
	k.state = Bidding
	k.next = s.sockets
	s.sockets = k
}

// Grant lets a bidding socket in: it becomes a member of its namespace and the
// client is told. It reports false, and does nothing, when the session has ended
// meanwhile. pid is a secret that the client can come back with, of characters that need
// no escape in JSON; "" for none.
//
// Source: Socket.IO protocol 5, "Connection to a namespace"; pid: the reference server.
func (s *Session) Grant(now Instant, k *Socket, pid string) bool {
	if s.state != Open || k.state != Bidding {
		s.unlink(k)
		k.state = Gone
		return false
	}
	k.state = Joined
	s.marks |= markJoined
	s.answered(now)
	k.space.Shard.Add(&k.Member)
	b := append(s.host.packet[:0], byte(engineio.Message))
	b = socketio.AppendHead(b, socketio.Connect, 0, k.space.Name, -1)
	if s.revision != 3 {
		b = append(b, `{"sid":"`...)
		b = append(b, k.raw[:]...)
		if pid != "" {
			b = append(b, `","pid":"`...)
			b = append(b, pid...)
		}
		b = append(b, `"}`...)
	}
	s.packet(b, true)
	return true
}

// Deny refuses a CONNECT to the namespace with a payload of JSON text. k is the
// bidding socket, or nil if there is none.
func (s *Session) Deny(now Instant, k *Socket, nsp string, payload []byte) {
	if s.state == Open && (k == nil || k.state == Bidding) {
		s.answered(now)
	}
	if k != nil {
		s.unlink(k)
		k.state = Gone
	}
	b := append(make([]byte, 0, 64+len(payload)), byte(engineio.Message))
	b = socketio.AppendHead(b, socketio.ConnectError, 0, nsp, -1)
	s.packet(append(b, payload...), true)
}

func (s *Session) unlink(k *Socket) {
	for at := &s.sockets; *at != nil; at = &(*at).next {
		if *at == k {
			*at = k.next
			return
		}
	}
}

// Send queues an Engine.IO packet, type digit included, that holds a whole
// Socket.IO packet without attachments. It is copied. A volatile one is dropped,
// and false returned, when the client cannot take it now.
func (k *Socket) Send(packet []byte, f broadcast.Flags, compress bool) bool {
	if k.state == Gone || !k.takes(f) {
		return false
	}
	k.session.packet(packet, compress)
	return true
}

// SendMessage is Send for a message, which is shared.
func (k *Socket) SendMessage(m *broadcast.Message, f broadcast.Flags) bool {
	if k.state == Gone || !k.takes(f) {
		return false
	}
	k.session.message(m, false)
	return true
}

// SendAll is SendMessage for several messages that count as one against the bound on what
// waits for a client: as long as nothing else waits, they do not evict it.
func (k *Socket) SendAll(ms []*broadcast.Message) {
	s := k.session
	if k.state == Gone || s.state != Open || len(ms) == 0 {
		return
	}
	total := 0
	for _, m := range ms {
		total += m.Size() + perPacket
	}
	if s.ws != nil {
		o := s.ws.output()
		o.longest = max(o.longest, total)
	} else {
		q := &s.polling.queue
		q.longest = max(q.longest, total)
	}
	for _, m := range ms {
		k.SendMessage(m, 0)
	}
}

// deliver implements [broadcast.Deliver].
func deliver(to *broadcast.Member, m *broadcast.Message, f broadcast.Flags) {
	SocketOf(to).Deliver(m, f)
}

// Deliver is SendMessage for a broadcast: the write may wait for its share of it.
func (k *Socket) Deliver(m *broadcast.Message, f broadcast.Flags) {
	if k.takes(f) {
		k.session.message(m, true)
	}
}

// takes counts a packet, and says whether it is to be queued: a volatile one only if
// the client can take it now.
func (k *Socket) takes(f broadcast.Flags) bool {
	s := k.session
	if f&broadcast.Volatile != 0 && !s.writable() {
		s.host.Count.Dropped++
		return false
	}
	s.host.Count.Packets++
	return true
}

// Disconnect takes the socket out of its namespace. With all set the whole session
// is closed, after every socket of it has been told.
//
// Source: Socket.IO protocol 5, "Disconnection from a namespace".
func (k *Socket) Disconnect(now Instant, all bool, err error) {
	s := k.session
	if k.state != Joined {
		return
	}
	if !all {
		k.leave(now, err)
		return
	}
	s.Sockets(func(k *Socket) { k.leave(now, err) })
	s.Shut(now, ForcedServerClose, err)
}

func (k *Socket) leave(now Instant, err error) {
	b := append(k.session.host.packet[:0], byte(engineio.Message))
	k.session.packet(socketio.AppendHead(b, socketio.Disconnect, 0, k.space.Name, -1), true)
	k.end(now, ServerNamespaceDisconnect, err)
}

// end ends a joined socket. What waits for acknowledgements hears of it, then the
// application, whose user may still look at the rooms; then they are left.
func (k *Socket) end(now Instant, r Reason, err error) {
	if k.state != Joined {
		return
	}
	k.state = Gone
	k.session.unlink(k)
	if k.full {
		k.full = false
		k.session.unblocked(now)
	}
	acks := k.acks
	k.acks = nil
	for _, w := range acks {
		w.Failed(k, ErrGone)
	}
	k.session.host.App().Left(k, r, err)
	k.space.Shard.Remove(&k.Member)
}

// endSockets ends all sockets of the session, and withdraws its bids: the application
// need not decide any more.
func (s *Session) endSockets(now Instant, r Reason, err error) {
	s.Sockets(func(k *Socket) { k.end(now, r, err) })
	bids := s.sockets
	s.sockets = nil
	if s.asking >= maxAsking {
		s.unblocked(now)
	}
	s.asking = 0
	for k := bids; k != nil; k = k.next {
		k.state = Gone
		s.host.App().Withdrawn(k, r, err)
	}
}

// SetFull says whether the application's inbox of k is full. While any is, nothing
// is read from the client: TCP holds it back.
func (k *Socket) SetFull(now Instant, full bool) {
	if k.full == full || (full && k.state != Joined) {
		return
	}
	k.full = full
	s := k.session
	if full {
		s.stalls++
		return
	}
	s.stalls--
	if s.stalls == 0 {
		s.excuse(now)
		s.unstall(now)
	}
}
