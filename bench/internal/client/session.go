package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A Handler is told what happens to one session, on its loop's goroutine. It may
// call any method of the session.
type Handler interface {
	// Ready: the namespace is connected (and the transport upgraded, if asked
	// for). Events may be sent.
	Ready(s *Session)

	// Text: a Socket.IO packet has come, for whatever namespace: an event, an
	// acknowledgement, or what should not come. packet is valid until Text
	// returns and may be changed. It may come before Ready only while the
	// transport is being upgraded.
	Text(s *Session, packet []byte)

	// Binary: an attachment has come, under the same rules.
	Binary(s *Session, data []byte)

	// Closed: the session has ended other than by Abort; called once, and
	// nothing after it. err is nil after a Goodbye that the server answered,
	// else an *Error.
	Closed(s *Session, err error)
}

// An Enterer is a Handler that is told how [Session.Enter] has gone.
type Enterer interface {
	// Entered: the server has let the session into namespace, or err, an *Error,
	// says why not.
	Entered(s *Session, namespace string, err error)
}

// An Upgrader is a Handler that uses its session while the transport is upgraded.
type Upgrader interface {
	// Upgrading: the namespace is connected by polling, and the WebSocket is about
	// to be opened. From here on events may be sent. Ready comes when the session
	// has moved.
	Upgrading(s *Session)
}

// Start is what distinguishes a session from others of its [Config].
type Start struct {
	// Namespace is the session's own: what Ready waits for, and Goodbye leaves.
	// Default [Config.Namespace]. It must pass [CheckNamespace].
	Namespace string

	// PID and Offset are what [Session.Recovery] has told of an earlier session,
	// to be presented with CONNECT: a server that still knows it sends what was
	// missed, in front of its answer or behind it; the handler gets it behind
	// Ready. Both empty: none.
	PID, Offset string

	// ID is the number of the client, for what differs from one to the next.
	ID int
}

// state is the life of a session.
type state uint8

const (
	fresh      state = iota // not started
	opening                 // waits for the Engine.IO open packet
	connecting              // waits for the answer to CONNECT
	probing                 // is connected and moves to WebSocket
	ready
	leaving // has said goodbye
	ended
)

// A Session is one client: an Engine.IO session with one namespace. Its zero
// value is ready for Start; when it has ended it may be started again. Loop
// only. TestSessionIsSmall keeps its size.
type Session struct {
	env      *Env
	handler  Handler
	conn     *reactor.Conn // of the WebSocket
	reader   websocket.Reader
	carry    []byte   // the start of a frame or head that is not whole
	poll     *polling // while it polls
	more     *more    // what few sessions need, nil for the others
	deadline time.Duration
	heard    time.Duration // when the last ping came
	patience uint32        // ms without ping before the server counts as gone; 0: not watched
	slot     int32         // index in env.live, -1 when not there
	id       int32         // [Start.ID]
	state    state
	kind     kind
	framed   bool // the opening handshake of the WebSocket is done
	paused   bool
}

// Start begins to connect the session and tells h how it goes. No callback comes
// from inside Start.
func (s *Session) Start(e *Env, h Handler) { s.StartWith(e, h, Start{}) }

// StartWith is Start for a session that differs from others.
func (s *Session) StartWith(e *Env, h Handler, o Start) {
	*s = Session{env: e, handler: h, state: opening, slot: -1, id: int32(o.ID), kind: e.Config.kindOf(e.Config.firstID + o.ID)}
	if o.Namespace == e.Config.Namespace {
		o.Namespace = ""
	}
	if o.Namespace != "" || o.PID != "" {
		s.more = &more{namespace: o.Namespace, pid: o.PID, offset: []byte(o.Offset)}
	}
	e.within(s)
	if s.Transport() == WebSocket {
		s.dialWebSocket()
		return
	}
	s.poll = newPolling(s)
	s.poll.get.begin()
}

// Transport is how the session reaches the server.
func (s *Session) Transport() Transport { return s.kind.transport() }

// Env is the environment that the session was started in.
func (s *Session) Env() *Env { return s.env }

// Live says whether events may be sent: from Ready to the end or Goodbye.
func (s *Session) Live() bool { return s.state == ready }

// Ended says whether the session is over, or was never started.
func (s *Session) Ended() bool { return s.state == ended || s.state == fresh }

// Namespace is the session's own namespace.
func (s *Session) Namespace() string {
	if s.more != nil && s.more.namespace != "" {
		return s.more.namespace
	}
	return s.env.Config.Namespace
}

// Pause stops reading what the server sends; what has been read is still told. A
// session that is paused does not answer pings either, so that the server ends it
// after a while; it is not ended from this side. No callback comes from inside.
func (s *Session) Pause() { s.pause(true) }

// Resume goes on reading.
func (s *Session) Resume() { s.pause(false) }

func (s *Session) pause(on bool) {
	if s.Ended() || s.paused == on {
		return
	}
	s.paused = on
	if !on {
		s.heard = s.env.Loop.Now()
	}
	if s.conn != nil {
		setPaused(s.conn, on)
	}
	if s.poll != nil && s.poll.get.conn != nil {
		setPaused(s.poll.get.conn, on)
	}
}

func setPaused(c *reactor.Conn, on bool) {
	if on {
		c.Pause()
	} else {
		c.Resume()
	}
}

// Waiting is the number of bytes sent that wait in this process.
func (s *Session) Waiting() int {
	n := 0
	if s.conn != nil {
		n += s.conn.Waiting()
	}
	if s.poll != nil {
		n += len(s.poll.body)
	}
	return n
}

// Send sends one Engine.IO text packet: for an event its Socket.IO packet behind
// the digit 4, in the default encoding whatever the session's parser is. It is the
// caller's again when Send returns. What is sent from inside a callback of the same
// session, or inside Batch, goes out as one write at its end. Before Ready, or the call
// of an [Upgrader], and after the end it does nothing.
func (s *Session) Send(packet []byte) {
	if s.maySend() {
		s.send(packet, false)
	}
}

// SendBinary sends one attachment, under the same rules: after its packet, and
// in the same callback or Batch.
func (s *Session) SendBinary(data []byte) {
	if s.maySend() {
		s.send(data, true)
	}
}

// maySend says whether the server takes events.
func (s *Session) maySend() bool {
	return s.state == ready || s.state == probing || s.state == leaving
}

// Batch runs f and sends what it sends on s as one write.
func (s *Session) Batch(f func()) {
	if s.env.corked == s {
		f()
		return
	}
	before, at := s.env.cork(s)
	f()
	s.env.uncork(s, before, at)
}

func (s *Session) send(packet []byte, binary bool) {
	e := s.env
	if s.kind&kindMsgPack != 0 && (binary || packet[0] == '4') {
		if packet = s.packed(packet, binary); packet == nil {
			return
		}
		binary = true
	}
	corked := e.corked == s
	var before *Session
	var at int
	if !corked {
		before, at = e.cork(s)
	}
	s.put(packet, binary)
	if !corked {
		e.uncork(s, before, at)
	}
}

// put gives the transport one message.
func (s *Session) put(packet []byte, binary bool) {
	e := s.env
	switch {
	case s.poll != nil && s.poll.paused && s.state == probing:
		s.poll.held = append(s.poll.held, early{bytes.Clone(packet), binary})
	case s.poll != nil:
		s.poll.add(packet, binary)
	case binary && e.Config.old():
		e.bytes = append(append(e.bytes[:0], engineio.BinaryMessage3), packet...)
		s.frame(websocket.Binary, e.bytes)
	case binary:
		s.frame(websocket.Binary, packet)
	default:
		s.frame(websocket.Text, packet)
	}
}

// Goodbye leaves the namespace and closes the session as the official client
// does; Closed comes when the server has closed its side, or when it does not
// within [Config.Timeout].
func (s *Session) Goodbye() {
	if s.state == ended || s.state == leaving || s.state == fresh {
		return
	}
	s.state = leaving
	s.unlist()
	s.env.within(s)
	s.Batch(func() {
		if s.more != nil && s.more.namespace != "" {
			s.send(packet(s.more.namespace, '1', nil), false)
		} else {
			s.send(s.env.Config.leave, false)
		}
		if s.poll != nil {
			s.poll.add([]byte(engineio.ClosePacket), false)
			return
		}
		e := s.env
		e.out = websocket.AppendMasked(e.out, websocket.Close, nil, e.nextMask())
	})
}

// Abort closes the session's connections without a word to anyone. Closed is
// not called.
func (s *Session) Abort() {
	if s.state == fresh || s.state == ended {
		return
	}
	s.unlist()
	s.state = ended
	s.deadline = 0
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	if s.poll != nil {
		s.poll.close()
		s.poll = nil
	}
	s.env.recycle(s.carry)
	s.carry = nil
}

// end is the only way to Closed.
func (s *Session) end(err error) {
	if s.state == ended {
		return
	}
	s.Abort()
	s.handler.Closed(s, err)
}

// fail ends the session for something the server did.
func (s *Session) fail(name, format string, args ...any) {
	s.end(&Error{Name: name, Detail: fmt.Sprintf(format, args...)})
}

// late is called when the deadline of the handshake or the goodbye is over.
func (s *Session) late() {
	switch s.state {
	case leaving:
		s.fail(GoodbyeLate, "the server has not closed within %v", s.env.Config.Timeout)
	case opening:
		s.fail(HandshakeLate, "no Engine.IO open packet within %v", s.env.Config.Timeout)
	case connecting:
		s.fail(HandshakeLate, "no answer to CONNECT within %v", s.env.Config.Timeout)
	case probing:
		s.fail(HandshakeLate, "the upgrade was not done within %v", s.env.Config.Timeout)
	}
}

// setReady starts the session's ordinary life.
func (s *Session) setReady() {
	s.state = ready
	s.deadline = 0
	e := s.env
	if e.Config.old() {
		e.pingLater(s)
	}
	s.heard = e.Loop.Now()
	s.slot = int32(len(e.live))
	e.live = append(e.live, s)
	if len(e.live) == 1 {
		e.watch.Arm(s.heard + watchStep)
	}
	s.handler.Ready(s)
}

// unlist takes s out of the watched sessions.
func (s *Session) unlist() {
	if s.slot < 0 {
		return
	}
	live := s.env.live
	last := live[len(live)-1]
	live[s.slot], last.slot = last, s.slot
	live[len(live)-1] = nil
	s.env.live = live[:len(live)-1]
	s.slot = -1
}

// text takes one Engine.IO packet in text form, from either transport.
func (s *Session) text(b []byte) {
	if len(b) > 0 && b[0] == '4' && s.state == ready && s.kind&kindMsgPack == 0 { // nearly all of them
		s.message(b[1:])
		return
	}
	var p engineio.Packet
	var err error
	if s.env.Config.old() {
		p, err = engineio.Parse3(b)
	} else {
		p, err = engineio.Parse(b)
	}
	if err != nil {
		s.fail(BadPacket, "Engine.IO packet %s", Quote(b))
		return
	}
	s.packet(p)
}

// packet takes one Engine.IO packet.
func (s *Session) packet(p engineio.Packet) {
	switch p.Type {
	case engineio.Open:
		s.opened(p.Data)
	case engineio.Message:
		if p.Binary {
			s.binary(p.Data)
			return
		}
		if s.kind&kindMsgPack != 0 {
			s.fail(Unexpected, "text where the parser is MessagePack: %s", Quote(p.Data))
			return
		}
		s.message(p.Data)
	case engineio.Ping, engineio.Pong:
		if (p.Type == engineio.Pong) != s.env.Config.old() {
			s.fail(Unexpected, "Engine.IO %v packet, which is the client's to send", p.Type)
			return
		}
		s.heard = s.env.Loop.Now()
		s.env.Heartbeats++
		if p.Type == engineio.Ping {
			s.send([]byte(engineio.PongPacket), false)
		}
	case engineio.Close:
		if s.state == leaving {
			s.end(nil)
			return
		}
		s.fail(ClosedByServer, "Engine.IO close packet")
	case engineio.Noop:
	default:
		s.fail(Unexpected, "Engine.IO %v packet %s", p.Type, Quote(p.Data))
	}
}

// opened takes the open packet and asks for the namespace.
func (s *Session) opened(data []byte) {
	if s.state != opening {
		s.fail(Unexpected, "a second Engine.IO open packet")
		return
	}
	h, err := s.env.handshake(data)
	if err != nil {
		s.fail(NotSocketIO, "%v: %s", err, Quote(data))
		return
	}
	s.patience = uint32(min((h.interval + h.timeout).Milliseconds(), 1<<31))
	if s.env.Config.old() {
		s.env.pings.every = max(time.Millisecond, h.interval)
	}
	s.heard = s.env.Loop.Now()
	if s.poll != nil {
		s.poll.sid = string(h.sid)
	}
	s.state = connecting
	switch c := s.env.Config; {
	case s.more == nil && c.dress == nil && !c.old():
		s.send(c.connect, false)
	case c.old() && s.Namespace() == "/": // the server connects it by itself
	default:
		if auth, ok := s.auth(); ok {
			s.send(packet(s.Namespace(), '0', s.more.present(auth)), false)
		}
	}
}

// message takes one Socket.IO packet.
func (s *Session) message(b []byte) {
	switch s.state {
	case ready, probing:
		if s.more != nil {
			if b = s.more.take(s, b); b == nil {
				return
			}
		}
		if len(b) > 0 && b[0] == '1' {
			s.fail(ClosedByServer, "Socket.IO packet %s", Quote(b))
			return
		}
		s.handler.Text(s, b)
	case connecting:
		if !s.more.before(s, b, false) {
			s.connected(b)
		}
	case leaving: // what was under way
	default:
		s.fail(Unexpected, "message %s before the open packet", Quote(b))
	}
}

// binary takes a binary message.
func (s *Session) binary(b []byte) {
	if s.kind&kindMsgPack != 0 {
		s.unpack(b)
		return
	}
	s.attachment(b)
}

func (s *Session) attachment(b []byte) {
	switch s.state {
	case ready, probing:
		s.handler.Binary(s, b)
	case leaving:
	default:
		if s.state == connecting && s.more.before(s, b, true) {
			return
		}
		s.fail(Unexpected, "binary message before the namespace was connected")
	}
}

// connected takes the answer to CONNECT.
func (s *Session) connected(b []byte) {
	if s.env.Config.old() {
		s.connected3(b)
		return
	}
	p, err := socketio.Parse(b, socketio.DefaultMaxAttachments)
	var args socketio.Args
	if err == nil {
		err = p.Check(&args)
	}
	if err != nil {
		s.fail(BadPacket, "%v: %s", err, Quote(b))
		return
	}
	if string(p.Namespace) != s.Namespace() {
		s.fail(Unexpected, "answer to CONNECT for another namespace: %s", Quote(b))
		return
	}
	switch p.Type {
	case socketio.Connect:
		pid, err := readConnect(p.Data)
		if err != nil {
			s.fail(BadPacket, "%v: %s", err, Quote(b))
			return
		}
		s.known(pid)
		s.welcome()
		s.catchUp()
	case socketio.ConnectError:
		s.end(denied(&p, b))
	default:
		s.fail(Unexpected, "%s in place of the answer to CONNECT", Quote(b))
	}
}

// welcome goes on when the namespace is connected.
func (s *Session) welcome() {
	if s.Transport() != Upgrade {
		s.setReady()
		return
	}
	s.state = probing
	s.poll.began = s.env.Loop.Now()
	s.dialWebSocket()
	if h, ok := s.handler.(Upgrader); ok {
		h.Upgrading(s)
	}
}

// refusal is what a response that is not the wished-for one says.
func (s *Session) refusal(r *response) {
	var reason struct {
		Code    *json.Number `json:"code"`
		Message string       `json:"message"`
	}
	if json.Unmarshal(r.body, &reason) == nil && reason.Code != nil && reason.Message != "" {
		s.fail(Denied, "%s: %s (code %v)", r.line, reason.Message, *reason.Code)
		return
	}
	name := NotSocketIO
	if s.state != opening {
		name = HTTPStatus
	}
	s.fail(name, "%s answered %s, body %s", s.env.Config.Target, r.line, Quote(r.body))
}

// lost ends the session because a connection has.
func (s *Session) lost(err error) {
	if s.state == leaving && !errors.Is(err, reactor.ErrDescriptors) {
		s.end(nil)
		return
	}
	e := nameOf(err)
	if e.Name == Refused {
		e.Detail = "nobody listens at " + s.env.Config.Addr.String()
	}
	s.end(e)
}
