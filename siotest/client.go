package siotest

import (
	"context"
	"fmt"
	"strings"

	"github.com/e6a90ca8/sio/codec/engineio"
	sjson "github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A Client is one client in one namespace of a server: the other end of a
// [sio.Socket]. It is made by [Dial] and [Client.Of].
//
// Events that come are kept, in order, until they are asked for, or go to the function
// of [Client.On].
type Client struct {
	conn *conn
	nsp  string
	done chan struct{}

	// Guarded by conn.mu.
	id      string
	pid     string // what it can come back with; "" if the server has no recovery
	offset  string // of the last event; "" before the first
	back    bool   // it has come back
	state   state
	refusal *ConnectError
	reason  string
	events  []*Event
	on      map[string]func(e *Event)
	acks    map[int64]*question
	nextAck int64

	calls   []func() // of functions of On that are due
	calling bool     // somebody works calls off
}

type state uint8

const (
	connecting state = iota
	connected
	ended
)

// The reasons of an end, in the words of the official client.
const (
	transportClose = "transport close"
	transportError = "transport error"
	parseError     = "parse error"
	byServer       = "io server disconnect"
	byClient       = "io client disconnect"
)

// A question waits for an acknowledgement.
type question struct {
	answer *Event // nil if there will be none
	done   chan struct{}
}

func newClient(c *conn, nsp string) *Client {
	return &Client{
		conn: c, nsp: nsp, done: make(chan struct{}),
		on: make(map[string]func(*Event)), acks: make(map[int64]*question),
	}
}

// ID is the socket's id, the same as [sio.Socket.ID]. It stays known after the end.
func (c *Client) ID() string { return c.id } // fixed once Dial has returned

// Recovered reports whether the client has come back to what it had before: see [Resume].
func (c *Client) Recovered() bool {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.back
}

// Recovery is what the client can come back with, to a server with [sio.Options].Recovery: a
// secret, and how far it has come, "" before its first event. [Resume] uses them.
func (c *Client) Recovery() (pid, offset string) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.pid, c.offset
}

// Namespace is the name of the namespace.
func (c *Client) Namespace() string { return c.nsp }

// SessionID is the id of the connection's session, a secret between client and server.
func (c *Client) SessionID() string {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.conn.hs.SID
}

// Transport is what carries the connection now: "polling" or "websocket".
func (c *Client) Transport() string {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	if c.conn.poll != nil {
		return "polling"
	}
	return "websocket"
}

// Upgrade moves the connection from polling to a WebSocket, and returns when it is
// done. What is emitted meanwhile goes out afterwards, in order. If it fails the
// connection goes on polling.
//
// Errors: [ErrClosed]; a [*HandshakeError]; [ErrTimeout]; one that says so if the
// connection does not poll, or the server offers no upgrade.
func (c *Client) Upgrade() error { return c.conn.upgrade() }

// packet makes the packets of an event (name) or an acknowledgement (no name).
func (c *Client) packet(t socketio.Type, id int64, name *string, args []any) ([]frame, error) {
	b := []byte{'['}
	if name != nil {
		b = socketio.AppendString(b, *name)
	}
	var bin sjson.Attachments
	for _, a := range args {
		if len(b) > 1 {
			b = append(b, ',')
		}
		var err error
		if b, err = codec.Append(b, a, &bin); err != nil {
			return nil, err
		}
	}
	b = append(b, ']')
	if len(bin.Chunks) > 0 {
		t += socketio.BinaryEvent - socketio.Event
	}
	head := socketio.AppendHead([]byte{byte(engineio.Message)}, t, len(bin.Chunks), c.nsp, id)
	frames := []frame{{data: append(head, b...)}}
	for _, chunk := range bin.Chunks {
		frames = append(frames, frame{data: append([]byte{}, chunk...), binary: true})
	}
	return frames, nil
}

// Emit sends an event. Arguments are encoded as those of [sio.Socket.Emit] are: []byte
// anywhere in one becomes an attachment. What this goroutine emits arrives in order.
//
// Errors: [ErrClosed]; those of encoding.
func (c *Client) Emit(event string, args ...any) error {
	frames, err := c.packet(socketio.Event, -1, &event, args)
	if err != nil {
		return err
	}
	return c.send(frames)
}

// send writes the frames of one packet, together.
func (c *Client) send(frames []frame) error {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	if c.state != connected {
		return ErrClosed
	}
	return c.conn.send(frames...)
}

// Ask sends an event and waits for the server's acknowledgement.
//
// Errors: of Emit; [ErrClosed] when the client ends before the answer; ctx's; and
// [ErrTimeout] after some seconds, should ctx have no deadline.
func (c *Client) Ask(ctx context.Context, event string, args ...any) (*Event, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, ErrTimeout)
		defer cancel()
	}
	q := &question{done: make(chan struct{})}
	c.conn.mu.Lock()
	id := c.nextAck
	c.nextAck++
	c.acks[id] = q
	c.conn.mu.Unlock()
	defer c.forget(id)
	frames, err := c.packet(socketio.Event, id, &event, args)
	if err != nil {
		return nil, err
	}
	if err := c.send(frames); err != nil {
		return nil, err
	}
	select {
	case <-q.done:
		if q.answer == nil {
			return nil, ErrClosed
		}
		return q.answer, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Client) forget(id int64) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	delete(c.acks, id)
}

// SendRaw sends one Engine.IO packet as it is, "42[\"hi\"]" for an event without
// arguments, for tests of what becomes of clients that break the protocol.
//
// Errors: [ErrClosed] once the connection has ended; it may be used after Disconnect.
func (c *Client) SendRaw(packet string) error {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.conn.send(frame{data: []byte(packet)})
}

// SendRawBinary sends bytes as an attachment, announced or not. They are copied.
//
// Errors: as SendRaw.
func (c *Client) SendRawBinary(data []byte) error {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.conn.send(frame{data: append([]byte(nil), data...), binary: true})
}

// take takes an event, with conn.mu held.
func (c *Client) take(e *Event) {
	if c.state != ended {
		if e.offset != "" {
			c.offset = e.offset
		}
		c.deliver(e)
	}
}

// deliver brings an event to its function, or keeps it, with conn.mu held.
func (c *Client) deliver(e *Event) {
	if f := c.on[e.name]; f != nil {
		c.call(func() { f(e) })
		return
	}
	c.events = append(c.events, e)
}

// call has f run on a goroutine of its own or on one that is doing such things
// already, so that functions run one after another and none holds up a reader: they may
// wait for the server. With conn.mu held.
func (c *Client) call(f func()) {
	c.calls = append(c.calls, f)
	if c.calling {
		return
	}
	c.calling = true
	c.conn.w.calling.Add(1)
	c.conn.readers.Go(func() {
		c.conn.mu.Lock()
		defer c.conn.mu.Unlock()
		defer func() {
			c.calling, c.calls = false, nil // there are some if one has ended the goroutine
			c.conn.w.calling.Add(-1)
		}()
		for len(c.calls) > 0 {
			f := c.calls[0]
			c.calls = c.calls[1:]
			c.unlocked(f)
		}
	})
}

// unlocked calls f without conn.mu, which is held before and afterwards, also if f ends
// the goroutine, as t.FailNow does.
func (c *Client) unlocked(f func()) {
	c.conn.mu.Unlock()
	defer c.conn.mu.Lock()
	f()
}

// end ends the client, with conn.mu held.
func (c *Client) end(reason string) {
	if c.state == ended {
		return
	}
	c.state, c.reason = ended, reason
	delete(c.conn.sockets, c.nsp)
	for id, q := range c.acks {
		delete(c.acks, id)
		close(q.done)
	}
	close(c.done)
	c.conn.cond.Broadcast()
}

// On has f called for each event of the name, in place of keeping it, also for those
// that were kept before. To answer what the server asks:
//
//	c.On("ready?", func(e *siotest.Event) { e.Ack(true) })
//
// A second function for a name takes the place of the first; nil has the events kept
// again. The functions of a client run one after another, beside the test: they may wait
// for the server, but must not call t.FailNow, nor methods that do, nor [Clock.Advance].
func (c *Client) On(event string, f func(e *Event)) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	c.on[event] = f
	kept := c.events
	c.events = nil
	for _, e := range kept {
		c.deliver(e)
	}
}

// Next waits for the next event and returns it; nil once the client has ended and all
// its events were taken. It fails the test at once if none comes.
func (c *Client) Next() *Event {
	c.conn.t.Helper()
	e, why := c.next()
	if e == nil && why != "" {
		c.conn.t.Fatalf("siotest: Next: %s", why)
	}
	return e
}

// next is the next event; or nil and "" at the client's end; or nil and what is wrong.
func (c *Client) next() (e *Event, why string) {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	if !c.conn.wait(func() bool { return len(c.events) > 0 || c.state == ended }) {
		return nil, fmt.Sprintf("nothing has come for %v", patience)
	}
	if len(c.events) == 0 {
		return nil, ""
	}
	e = c.events[0]
	c.events = c.events[1:]
	return e, ""
}

// Expect waits for the next event and returns it. It fails the test at once if that
// has another name, or, if arguments are given, other arguments; if none comes; and if
// the client has ended. Arguments are compared as [Event.Is] does it. Events that have
// a function of [Client.On] do not count.
func (c *Client) Expect(event string, args ...any) *Event {
	c.conn.t.Helper()
	e, why := c.next()
	switch {
	case e == nil && why == "":
		c.conn.t.Fatalf("siotest: want event %q: the client has ended: %q", event, c.Reason())
	case e == nil:
		c.conn.t.Fatalf("siotest: want event %q: %s", event, why)
	case e.name != event:
		c.conn.t.Fatalf("siotest: want event %q, got %v", event, e)
	case len(args) > 0:
		if want, ok := e.compare(args); !ok {
			c.conn.t.Fatalf("siotest: got %v, want %s%s", e, event, want)
		}
	}
	return e
}

// ExpectNone fails the test at once if an event has come, or is still coming: it waits
// until the server has nothing more to do for what it was told so far (see
// [Clock.Settle]), and fails the test too if it does not come to that.
func (c *Client) ExpectNone() {
	c.conn.t.Helper()
	c.conn.w.rest(c.conn.t, "ExpectNone")
	c.conn.mu.Lock()
	var came []string
	for _, e := range c.events {
		came = append(came, e.String())
	}
	c.conn.mu.Unlock()
	if len(came) > 0 {
		c.conn.t.Fatalf("siotest: want no event, got %s", strings.Join(came, ", "))
	}
}

// Drain waits as ExpectNone does, and returns all events that have come and were not
// taken yet.
func (c *Client) Drain() []*Event {
	c.conn.t.Helper()
	c.conn.w.rest(c.conn.t, "Drain")
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	came := c.events
	c.events = nil
	return came
}

// Disconnect leaves the namespace. The connection stays open, also when no other
// namespace is left on it: [Client.Of] may join this one again, as a new client. It
// does not wait for the server, and does nothing once the client has ended.
func (c *Client) Disconnect() {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	if c.state == connected {
		_ = c.conn.send(frame{data: socketio.AppendHead([]byte{byte(engineio.Message)}, socketio.Disconnect, 0, c.nsp, -1)})
		c.end(byClient)
	}
}

// Close closes the connection, with all namespaces on it, as a client does that means
// it: the server hears of a "transport close", behind all that was emitted before. It
// does not wait for that.
func (c *Client) Close() { c.conn.leave() }

// Cut drops the connection without a word, as a network does that fails. Over polling and
// over TCP what was emitted last may be lost with it. The server hears of a "transport
// close"; of a client that polls it hears of a "transport error" if a GET was under way,
// which is so unless the server was just sending something, and else of nothing before
// the ping timeout.
func (c *Client) Cut() { c.conn.cut(transportClose) }

// Done is closed when the client has ended, for the reason of [Client.Reason].
func (c *Client) Done() <-chan struct{} { return c.done }

// Reason is why the client has ended, in the words of the official one: "io server
// disconnect", "io client disconnect", "transport close", "transport error", "parse
// error"; "" while it has not.
func (c *Client) Reason() string {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	return c.reason
}

// ExpectEnd waits for the client's end and fails the test at once if it does not come,
// or is for another reason. Events that were not asked for do not matter.
func (c *Client) ExpectEnd(reason string) {
	c.conn.t.Helper()
	c.conn.mu.Lock()
	ok := c.conn.wait(func() bool { return c.state == ended })
	got := c.reason
	c.conn.mu.Unlock()
	switch {
	case !ok:
		c.conn.t.Fatalf("siotest: want end with %q: the client is still connected", reason)
	case got != reason:
		c.conn.t.Fatalf("siotest: want end with %q, got %q", reason, got)
	}
}
