package session

import (
	"context"
	"crypto/tls"
	"math"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Session is the Engine.IO state of one client, over whichever connections carry
// it.
type Session struct {
	// Fixed by newSession; read by any goroutine.
	host   *Table // its Host only, for others than the loop
	custom string // the id, if the application made it
	head   string // of the request that the session began with
	remote compactAddr
	raw    [IDLen]byte // the id's characters, if the application did not make it
	issued int64       // milliseconds of Unix time
	secure bool
	apart  bool // more is there, with its fields that are fixed
	first  Transport

	revision uint8 // of Engine.IO's protocol: 3 or 4

	// Written by the loop, read by any goroutine.
	public  atomic.Uint32 // transport and state
	rtt     atomic.Uint32 // of the last heartbeat, in microseconds; 0: none yet
	backlog atomic.Int32  // bytes that the last flush left waiting

	// Owned by the loop.
	transport Transport // as in public
	state     State     // as in public
	marks     sessionMarks
	asking    uint8        // namespaces that it asks for and that nobody has decided about
	stalls    int32        // what is full, such as the inbox of a socket: nothing is read while anything is
	grant     int32        // see flushed
	heard     uint32       // microseconds from the last ping to the first packet behind it that is no pong; 0: none yet
	ws        *Conn        // the WebSocket; nil on polling, and when it is no more
	polling   *polling     // nil once on a WebSocket
	sockets   *Socket      // a list: most sessions have one
	more      *sessionMore // what most sessions do not have; nil until then
	due       Instant      // of the next ping, or of the pong
	bound     Instant      // to join a namespace, or to be closed
	entry     Instant      // see Timed
}

// sessionMore is the part of a session that most do without. It belongs to the loop.
type sessionMore struct {
	partial *partial      // a packet whose attachments are coming
	sent    []func(error) // see Sent
	inbound Inbound       // of a client that does not use the default encoding

	// Only with Config.Confirm: when the last ping was queued, and the last one that was
	// answered. Each is the time of a turn.
	pinged, confirmed Instant

	// Of the first request; fixed, see Session.apart.
	tls     *tls.ConnectionState
	context context.Context
}

// Handshake is what a session keeps of its first request.
type Handshake struct {
	Head      string // raw
	Remote    netip.AddrPort
	Issued    int64 // milliseconds of Unix time
	Secure    bool
	TLS       *tls.ConnectionState // nil without TLS, or if that ends before this server
	Context   context.Context      // of the HTTP server that it came through, see [Front]; nil if there was none
	Transport Transport
}

// Handshake tells of the request that the session began with. Any goroutine.
func (s *Session) Handshake() Handshake {
	h := Handshake{Head: s.head, Remote: s.remote.addrPort(), Issued: s.issued, Secure: s.secure, Transport: s.first}
	if s.apart {
		h.TLS, h.Context = s.more.tls, s.more.context
	}
	return h
}

// compactAddr is an address and a port in 20 bytes instead of 32. It has no room for
// the zone of a link-local IPv6 address.
type compactAddr struct {
	ip   [16]byte
	port uint16
	kind uint8 // 0: none, 4 or 6
}

func compact(a netip.AddrPort) (c compactAddr) {
	if !a.IsValid() {
		return c
	}
	c.ip, c.port, c.kind = a.Addr().As16(), a.Port(), 6
	if a.Addr().Unmap().Is4() {
		c.kind = 4
	}
	return c
}

func (c compactAddr) addrPort() netip.AddrPort {
	switch c.kind {
	case 4:
		return netip.AddrPortFrom(netip.AddrFrom16(c.ip).Unmap(), c.port)
	case 6:
		return netip.AddrPortFrom(netip.AddrFrom16(c.ip), c.port)
	}
	return netip.AddrPort{}
}

// State is the readyState of a session.
type State uint8

const (
	// Opening: the handshake has not been answered. Accepted and sent: nothing.
	Opening State = iota

	// Open: accepted and sent: all packets.
	Open

	// Closing: we want the end. Accepted: nothing. Sent: what waits, then close. It
	// ends with that, or at its deadline.
	Closing

	// Closed: nothing is accepted or sent; the sid is unknown.
	Closed
)

// String is the reference server's name of the state.
func (s State) String() string {
	return [...]string{"opening", "open", "closing", "closed"}[s]
}

type sessionMarks uint8

const (
	markAwaitsPong sessionMarks = 1 << iota
	markJoined                  // some namespace was joined once
	markAnswerable              // the loop will call FlushPolling this turn
	markExcused                 // the pong that is awaited has been given more time
	markSpoken                  // a message of the client has come
	markMsgpack                 // it speaks MessagePack
)

// errTaken is the failure of an application that made an id which is in use.
var errTaken = &takenError{}

type takenError struct{}

func (*takenError) Error() string { return "session id already in use" }

// newSession makes the session of an admitted handshake and puts it in the table.
// It returns nil if the application's id is taken.
func newSession(h Host, now Instant, q *Request, t Transport, sid string) *Session {
	s := &Session{host: h.Sessions(), custom: sid, transport: t, first: t, revision: 4}
	if t != WebTransport {
		s.revision = revisionOf(q.EIO)
	}
	if sid == "" {
		h.NewID(&s.raw)
	} else if !h.Claim(sid) {
		return nil
	}
	s.head, s.remote, s.secure, s.issued = string(q.Raw), compact(q.Remote), q.Secure, h.Wall()
	if q.TLS != nil || q.Context != nil {
		s.apart, s.more = true, &sessionMore{tls: q.TLS, context: q.Context}
	}
	if t == Polling {
		s.polling = &polling{queue: queue{style: styleOf(q)}}
	}
	s.host.byID[s.ID()] = s
	return s
}

// open sends the open packet and begins the session's life.
//
// Source: Engine.IO protocol 4, "Handshake".
func (s *Session) open(now Instant) {
	cfg := s.host.Config()
	s.setState(Open)
	hs := engineio.Handshake{
		SID: s.ID(), PingInterval: cfg.PingInterval, PingTimeout: cfg.PingTimeout, MaxPayload: cfg.MaxPayload,
	}
	if s.transport == Polling && cfg.AllowUpgrades {
		hs.Upgrades = cfg.Transports.upgrades()
	}
	buf := s.host.packet[:0]
	s.packet(engineio.AppendHandshake(append(buf, byte(engineio.Open)), &hs), true)
	if cfg.InitialPacket != nil {
		s.packet(append(append(buf, byte(engineio.Message)), cfg.InitialPacket...), true)
	}
	if s.revision == 3 {
		s.awaitPing(now)
	} else {
		s.firstPing(now)
	}
	s.bound = now.After(cfg.ConnectTimeout)
	s.schedule()
	s.host.App().Opened(s)
	if h := cfg.Hooks; h != nil && h.Open != nil {
		h.Open(s)
	}
	if s.revision == 3 {
		s.welcome(now)
	}
}

// ID is the session's secret id. Any goroutine.
func (s *Session) ID() string {
	if s.custom != "" {
		return s.custom
	}
	return idString(&s.raw)
}

// WebSocket is the connection that carries the session, nil while it polls. Loop only.
func (s *Session) WebSocket() *Conn { return s.ws }

// Host is the loop that s belongs to. Any goroutine.
func (s *Session) Host() Host { return s.host.Host }

// Transport is what carries the session now. Any goroutine.
func (s *Session) Transport() Transport { return Transport(s.public.Load()) }

// RTT is the time that the last ping took to be answered; 0 before the first pong. Any
// goroutine.
func (s *Session) RTT() time.Duration { return time.Duration(s.rtt.Load()) * time.Microsecond }

// Backlog is how many bytes were waiting for the client after the last flush. Any
// goroutine.
func (s *Session) Backlog() int { return int(s.backlog.Load()) }

// Confirmed is the time of the turn in which the last ping was queued that the client has
// answered: what was queued in turns before has arrived. It is 0 before the first answer,
// and always without [Config].Confirm. Loop only.
func (s *Session) Confirmed() Instant {
	if s.more == nil {
		return 0
	}
	return s.more.confirmed
}

// ReadyState is the session's state. Any goroutine.
func (s *Session) ReadyState() State { return State(s.public.Load() >> 8) }

// setState is the only writer of the state.
func (s *Session) setState(to State) {
	s.state = to
	s.publish()
}

// publish shows transport and state to other goroutines.
func (s *Session) publish() { s.public.Store(uint32(s.state)<<8 | uint32(s.transport)) }

// packet queues an Engine.IO text packet, type digit included, which is copied.
func (s *Session) packet(p []byte, compress bool) {
	if s.state != Open || s.translatedPacket(p, compress) {
		return
	}
	s.created(p, false)
	if s.ws != nil {
		o := s.ws.output()
		if compress && s.ws.form.WindowBits() != 0 {
			s.ws.putText(o, p)
		} else {
			o.text(p, s.ws.form)
		}
		if o.bytes > flushEarly {
			s.host.Bulky(s.ws)
		}
		return
	}
	s.polling.queue.text(p, compress)
	s.queued()
}

// message queues a message.
func (s *Session) message(m *broadcast.Message, fanned bool) {
	if s.state != Open {
		return
	}
	if m = s.translated(m); m != nil {
		s.queue(m, fanned)
	}
}

// queue queues a message as it is.
func (s *Session) queue(m *broadcast.Message, fanned bool) {
	if h := s.host.Config().Hooks; h != nil && h.PacketCreate != nil {
		for i := range m.Frames() {
			s.created(m.Frame(i).Payload(), m.Frame(i).Binary())
		}
	}
	if s.ws != nil {
		var o *Output
		if fanned {
			o = s.ws.fanned()
		} else {
			o = s.ws.output()
		}
		if form := s.ws.form; form.WindowBits() == 0 {
			o.message(m, form)
		} else {
			s.ws.put(o, m)
		}
		switch {
		case o.bytes <= flushEarly:
		case fanned:
			s.host.Laden()
		default:
			s.host.Bulky(s.ws)
		}
		return
	}
	s.polling.queue.message(m)
	s.queued()
}

func (s *Session) created(p []byte, binary bool) {
	h := s.host.Config().Hooks
	if h == nil || h.PacketCreate == nil {
		return
	}
	if binary {
		h.PacketCreate(s, byte(engineio.Message), p, true)
	} else {
		h.PacketCreate(s, p[0], p[1:], false)
	}
}

// flushEarly is the output in bytes past which it is flushed before the end of the
// turn, so that a burst of one turn neither piles up nor is taken for a backlog. It is
// what a kernel's send buffer takes at once from an idle connection.
const flushEarly = 64 << 10

// evict ends the session of a client that does not read. The end comes after the
// caller, who may be walking over many sessions.
func (s *Session) evict(limit int) {
	s.host.Later(s, SlowConsumer, &LimitError{Limit: "send queue", Bound: int64(limit)})
}

// writable reports whether the transport can take a packet right now. It decides
// about volatile packets: a WebSocket can unless the kernel still has to take
// something or the turn has queued a lot; polling can while a GET waits.
func (s *Session) writable() bool {
	soft := s.host.Config().SoftLimit
	if s.ws != nil {
		return s.ws.wire.Buffered() == 0 && (s.ws.out == nil || s.ws.out.bytes <= soft)
	}
	return s.polling.get != nil && s.polling.queue.bytes <= soft
}

// flushing is called before a write to the transport.
func (s *Session) flushing() {
	if h := s.host.Config().Hooks; h != nil && h.Flush != nil {
		h.Flush(s)
	}
}

// flushed is called after a write to the WebSocket: before bytes were waiting
// before it, left are waiting now, and longest was the longest message written.
//
// A client is evicted when more than the hard limit waits for it. One message that was
// written while nothing waited is its grant and does not count, until it has been taken:
// otherwise one longer than the limit would evict whoever gets it.
func (s *Session) flushed(now Instant, before, left, longest int) {
	if left > 0 || s.grant > 0 || s.backlog.Load() > 0 {
		if before == 0 {
			s.grant = saturated(min(left, longest))
		} else {
			s.grant = min(s.grant, saturated(before))
		}
		s.backlog.Store(saturated(left))
		if limit := s.host.Config().HardLimit; left-int(s.grant) > limit && s.state != Closed {
			s.evict(limit)
		}
	}
	s.taken(now, left)
}

// taken goes on with what waits for the kernel to have everything: left bytes are not in
// its buffer yet. Nobody tells when they are, so the wheel looks again.
func (s *Session) taken(now Instant, left int) {
	if left == 0 {
		s.drained()
		return
	}
	if s.ws == nil {
		return // the write has found the connection gone
	}
	h := s.host.Config().Hooks
	if (s.more != nil && s.more.sent != nil) || (h != nil && h.Drain != nil) {
		s.ws.until(now.After(lookAgain))
	}
}

// look sees what the kernel has taken meanwhile.
func (s *Session) look(now Instant) {
	if s.ws == nil || s.state != Open || s.backlog.Load() == 0 {
		return
	}
	left := s.ws.wire.Buffered()
	if left == 0 {
		s.backlog.Store(0)
	}
	s.taken(now, left)
}

// saturated is n as the counters of a session hold it.
func saturated(n int) int32 { return int32(min(n, math.MaxInt32)) }

// drained is called when the transport has got everything.
func (s *Session) drained() {
	s.settle(nil)
	if h := s.host.Config().Hooks; h != nil && h.Drain != nil {
		h.Drain(s)
	}
}

// Sent has f called, on the loop, when everything queued so far has been handed to
// the transport, with nil, or with an error when the session ends before.
func (s *Session) Sent(f func(error)) {
	if s.state != Open {
		f(ErrPacketState)
		return
	}
	waits := s.polling != nil && !s.polling.queue.empty()
	if s.ws != nil {
		waits = s.ws.out != nil && s.ws.out.bytes > 0
		if !waits && s.ws.wire.Buffered() > 0 {
			waits = true
			s.ws.until(s.host.Clock().After(lookAgain))
		}
	}
	if !waits { // an earlier turn has written it
		f(nil)
		return
	}
	more := s.extend()
	more.sent = append(more.sent, f)
}

func (s *Session) settle(err error) {
	if s.more == nil || s.more.sent == nil {
		return
	}
	all := s.more.sent
	s.more.sent = nil
	for _, f := range all {
		f(err)
	}
}

func (s *Session) extend() *sessionMore {
	if s.more == nil {
		s.more = new(sessionMore)
	}
	return s.more
}

// partial is the packet whose attachments are coming, or nil.
func (s *Session) partial() *partial {
	if s.more == nil {
		return nil
	}
	return s.more.partial
}

// Shut closes the session gracefully: what waits is sent first. Its sockets end at
// once, with reason r.
func (s *Session) Shut(now Instant, r Reason, err error) {
	if s.state != Open {
		return
	}
	s.endSockets(now, r, err)
	if s.state != Open { // a handler of the end has closed it for good
		return
	}
	s.setState(Closing)
	s.dropPartial()
	if s.ws != nil {
		// Everything queued is ahead of the close frame in the same output.
		s.Close(now, ForcedClose, err)
		return
	}
	s.due = 0
	s.bound = now.After(s.host.Config().DrainTimeout)
	s.schedule()
	s.shutPolling(now)
}

// closeTransport ends the session because its WebSocket is gone.
func (s *Session) closeTransport(now Instant, err error) {
	if peerLeft(err) {
		s.Close(now, TransportClose, nil)
		return
	}
	s.Close(now, TransportError, err)
}

// Close ends the session at once. It may be called in any state and repeatedly; the
// first reason wins.
func (s *Session) Close(now Instant, r Reason, err error) {
	if s.state == Closed {
		return
	}
	s.endSockets(now, r, err)
	if s.state == Closed {
		return
	}
	s.setState(Closed)
	delete(s.host.byID, s.ID())
	if s.custom != "" {
		s.host.Unclaim(s.custom)
	}
	s.due, s.bound = 0, 0
	s.dropPartial()
	s.host.Forget(s)
	if s.ws != nil {
		status := websocket.StatusNone
		if r == ServerShuttingDown {
			status = websocket.StatusGoingAway
		}
		s.ws.closeFrame(now, status, "")
		if r == SlowConsumer {
			// Our close frame stands behind more than it has taken in all this time.
			s.ws.until(now.After(lingerTimeout))
		}
	} else {
		s.endPolling(now, r)
	}
	s.settle(ErrPacketState)
	s.host.App().Ended(s, r, err)
	if h := s.host.Config().Hooks; h != nil && h.Close != nil {
		h.Close(s, r, err)
	}
}

// schedule tells the wheel of the next deadline.
func (s *Session) schedule() {
	if at := earlier(s.due, s.bound); at != 0 {
		s.host.Schedule(s, at)
	}
}

// Entry is for the wheel.
func (s *Session) Entry() *Instant { return &s.entry }

// Expire is for the wheel.
func (s *Session) Expire(now Instant) Instant {
	if s.state == Closed {
		return 0
	}
	if s.due != 0 && now >= s.due {
		s.beat(now)
	}
	if s.bound != 0 && now >= s.bound && s.state != Closed {
		s.bound = 0
		switch {
		case s.state == Closing:
			s.Close(now, ForcedClose, nil)
		case s.marks&markJoined == 0, s.asking > 0:
			s.Shut(now, ForcedServerClose, &LimitError{Limit: "connect timeout", Bound: int64(s.host.Config().ConnectTimeout)})
		}
	}
	next := earlier(s.due, s.bound)
	if p := s.partial(); p != nil {
		if now >= p.bound {
			s.protocolError(now, &LimitError{Limit: "attachment time", Bound: int64(s.host.Config().BinaryTimeout)})
		} else {
			next = earlier(next, p.bound)
		}
	}
	if s.state == Closed {
		return 0
	}
	return next
}
