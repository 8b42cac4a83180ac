package sio

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// Recovery lets clients that have lost their connection go on where they were: see
// [Options.Recovery]. Durations and sizes of 0 mean the default.
//
// A client that comes back within Window gets its socket again: the id, the rooms, the values
// of its slots, and every event that it has missed, each once and in order, before any later
// one. It is another [*Socket], for which [Socket.Recovered] is true and OnConnect is called
// as for any other. That is so exactly when nothing was lost; otherwise it gets a new session,
// and its own copy of the official client says recovered = false.
//
// Missed are events to its rooms, to everybody and to itself, as far as they are not
// volatile and ask for no answer. Each such event has one more argument, a text that tells
// the client how far it has come; so has a volatile one whose last argument is a text, or
// that has no arguments, because clients take that for it.
//
// It is for clients whose connection broke, or was closed over an error: the reasons
// "transport close", "transport error", "ping timeout", "forced close", "forced server close"
// and "slow consumer". Who was disconnected, or left, or sent what is no packet, begins anew.
// A client that comes back while its old connection is still thought to live takes it over:
// that ends with "transport close". Functions of OnDisconnect are called in any case, and the
// client is only let in again when they have returned, and handlers of earlier events before
// them: they must not wait for it, and those that take long should heed [Socket.Context].
//
// A *Socket that has ended can still be sent to while its client may come back, or has:
// that goes to the client, and is no [ErrClosed]. Only what is not volatile is kept.
// [Namespace.OnOutgoing] is not shown what is sent again.
//
// What is kept lives in memory, and ends with [Server.Run]. A client of protocol 3 cannot come
// back.
//
// Costs: all broadcasts and Joins of a namespace go through one lock, and each event is
// encoded for itself, also if it is a [Packet] that was sent before. An event to one socket
// costs 1.3 us in place of 0.2, one to a hundred 4.9 in place of 3.7; a client costs 400 bytes
// more. Text for WebSockets that take it compressed is compressed on the loops even if it is
// long, since its end is only known under that lock.
//
// Node: connectionStateRecovery.
type Recovery struct {
	// Window is how long a client may be away. Default 2 min. Node:
	// maxDisconnectionDuration.
	Window time.Duration

	// RunMiddlewares has the functions of [Namespace.Use] asked again about a client that
	// comes back; its socket has rooms and slots by then. Default: it was let in before, and
	// is again. Node: skipMiddlewares: false.
	RunMiddlewares bool

	// MaxBytes bounds the events that each namespace keeps, in bytes of memory, about. Past it
	// the oldest are forgotten, and clients that may have missed one of those get a new
	// session. Events are kept for Window, the ping interval and twice the ping timeout.
	// Default 64 MiB.
	//
	// An event counts as it travels on a WebSocket, uncompressed; what other transports and
	// encodings make of it is kept beside that.
	//
	// As many bytes again are kept of sockets whose clients are away: the heads of their
	// requests, what they have sent to join, the names of their rooms. Past that those that
	// have been away longest expire.
	MaxBytes int

	// MaxMissed bounds what one client is sent again, in bytes. One that has missed more gets
	// a new session. Default [Queue].MaxBytes.
	MaxMissed int

	// MaxSockets bounds the sockets of each namespace whose clients are away. Past it those
	// that have been away longest expire. Default 100,000.
	MaxSockets int

	// OnExpired is called for a socket whose client has not come back in time: now it cannot
	// any more. It is called after OnDisconnect, as other handlers are, and may block; it is
	// not called when the server stops. Default: nil.
	OnExpired func(s *Socket)
}

const (
	defaultWindow     = 2 * time.Minute
	defaultLogBytes   = 64 << 20
	defaultMaxSockets = 100_000
)

// withDefaults is a copy with the defaults filled in.
func (r *Recovery) withDefaults(o *Options) (*Recovery, error) {
	c := *r
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultLogBytes
	}
	if c.MaxMissed == 0 {
		c.MaxMissed = o.Queue.MaxBytes
	}
	if c.MaxSockets == 0 {
		c.MaxSockets = defaultMaxSockets
	}
	if c.Window < 0 || c.MaxBytes < 0 || c.MaxMissed < 0 || c.MaxSockets < 0 {
		return nil, errors.New("sio: Recovery has a negative bound")
	}
	return &c, nil
}

// recoverable reports whether a client may come back after its socket has ended for the
// reason.
//
// Source: the reference server, which has no "slow consumer". There "server shutting down" is
// one of them, for logs that outlive the server; ours does not.
func recoverable(r Reason) bool {
	switch r {
	case TransportError, TransportClose, ForcedClose, PingTimeout, ForcedServerClose, SlowConsumer:
		return true
	}
	return false
}

// A recovery is what a namespace keeps for clients that may come back. A namespace has one
// only if Options.Recovery is set.
//
// Its lock makes one order of everything that decides who gets what. An event is numbered and
// posted to the loops in one step, so every loop delivers in the order of numbers, and a
// client that has got one has got all before it that were meant for it. A socket comes, goes,
// joins and leaves in steps of the same kind, so it is exactly known which numbers were meant
// for it: see life.
type recovery struct {
	ns *Namespace
	o  *Recovery

	mu    sync.Mutex
	log   recoveryLog
	lives map[string]*life // those that a client can come back to, by pid
	away  lifeList         // those of them whose client is away, the longest first
	armed session.Instant  // when Expire is called; 0 if it is not

	entry session.Instant // belongs to loop 0
}

// A life is what a client goes on with when it comes back: several sockets after one
// another. It is guarded by recovery.mu.
type life struct {
	pid    string // a secret
	id     string // of its sockets
	state  lifeState
	socket *Socket // the present one, or the last
	next   *claim  // of a client that has come back and was not let in yet; nil without one
	known  bool    // the client has been told of it
	before string  // the offset that the client came with when the life began

	// What was meant for it: events to its id from number born on, to everybody from start on,
	// to rooms as stays says. Of offsets below floor that is not known any more.
	born, start, floor int64
	stays              []stay

	entered session.Instant // the turn in which socket was let in
	certain session.Instant // what was delivered in turns before has arrived; known when it ended

	since     session.Instant // when its client went away
	bytes     int             // that it keeps meanwhile, and that its client has chosen
	list      *lifeList
	prev, nxt *life
}

// A stay is that a life's sockets were in a room, for events from number from on and, if to is
// not 0, below to.
type stay struct {
	room     string
	from, to int64
}

// A claim is a socket that bids to go on with a life, from an event's number on.
type claim struct {
	socket *Socket
	from   int64
}

type lifeState uint8

const (
	lifeBids     lifeState = iota // its first socket is not in yet
	lifeAttached                  // socket is in
	lifeEnds                      // socket has ended, and its handlers have not
	lifeAway                      // socket is history
	lifeOver                      // nobody can go on with it
)

// maxStays bounds how many former stays of a socket are known. Those before are forgotten.
const maxStays = 128

func newRecovery(n *Namespace, o *Options) *recovery {
	if o.Recovery == nil {
		return nil
	}
	r := &recovery{ns: n, o: o.Recovery, lives: make(map[string]*life)}
	r.log.keep = session.Instant(o.Recovery.Window + o.PingInterval + 2*o.PingTimeout + 2*time.Second)
	r.log.maxBytes = o.Recovery.MaxBytes
	r.log.reset()
	return r
}

// reset forgets everything. The loops have stopped.
func (r *recovery) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lives {
		l.state = lifeOver
	}
	clear(r.lives)
	r.away = lifeList{}
	r.log.reset()
	r.armed, r.entry = 0, 0
}

// in reports whether the life's socket was in the room when the event with the number was
// sent.
func (l *life) in(room string, number int64) bool {
	if room == l.id {
		return true
	}
	for _, s := range l.stays {
		if s.room == room && s.from <= number && (s.to == 0 || number < s.to) {
			return true
		}
	}
	return false
}

// enter notes that the socket is in the room from the next event on.
func (l *life) enter(room string, next int64) {
	if !slices.ContainsFunc(l.stays, func(s stay) bool { return s.room == room && s.to == 0 }) {
		l.stays = append(l.stays, stay{room: room, from: next})
	}
}

// leave notes that it is not any more, and forgets what nobody will ask for: former stays
// whose events are not in the log, and more of them than maxStays.
func (l *life) leave(room string, next, first int64) {
	former := 0
	for i := range l.stays {
		if s := &l.stays[i]; s.room == room && s.to == 0 {
			s.to = next
		}
		if l.stays[i].to != 0 {
			former++
		}
	}
	l.stays = slices.DeleteFunc(l.stays, func(s stay) bool {
		switch {
		case s.to == 0:
			return false
		case s.to <= first || s.to == s.from:
		case former > maxStays:
			l.floor = max(l.floor, s.to)
		default:
			return false
		}
		former--
		return true
	})
}

// rooms are the rooms that the life's next socket is in.
func (l *life) rooms() (list []string) {
	for _, s := range l.stays {
		if s.to == 0 {
			list = append(list, s.room)
		}
	}
	return list
}

// weigh counts what the life keeps while its client is away.
func (l *life) weigh() {
	l.bytes = len(l.socket.session().Handshake().Head) + len(l.socket.more.Load().auth)
	for _, s := range l.stays {
		l.bytes += len(s.room)
	}
}

// A lifeList is lives in order.
type lifeList struct {
	first, last *life
	len, bytes  int
}

func (q *lifeList) push(l *life) {
	l.list, l.prev, l.nxt = q, q.last, nil
	if q.last != nil {
		q.last.nxt = l
	} else {
		q.first = l
	}
	q.last = l
	q.len++
	q.bytes += l.bytes
}

// unlist takes the life out of its list, if it is in one.
func (l *life) unlist() {
	q := l.list
	if q == nil {
		return
	}
	if l.prev != nil {
		l.prev.nxt = l.nxt
	} else {
		q.first = l.nxt
	}
	if l.nxt != nil {
		l.nxt.prev = l.prev
	} else {
		q.last = l.prev
	}
	q.len--
	q.bytes -= l.bytes
	l.list, l.prev, l.nxt = nil, nil, nil
}
