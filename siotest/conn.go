package siotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
	sjson "github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A conn is one Engine.IO session from the client's side, with the sockets that share
// it. Its readers, one goroutine for each HTTP or WebSocket connection, take what comes;
// everybody else writes. What was read is worked on by the reader itself, so a reader
// that waits has done all there was to do.
//
// Sources: Engine.IO protocol 4; Socket.IO protocol 5; where these leave a choice, the
// official JavaScript client.
type conn struct {
	t   TB
	w   *world
	cfg *config

	readers sync.WaitGroup

	mu      sync.Mutex
	cond    sync.Cond // broadcast whenever something below has changed
	ws      *wsLink   // the transport, or
	poll    *pollLink // the other one; nil both before dial and after the end
	probe   *wsLink   // what the session moves to
	hs      engineio.Handshake
	opened  bool
	refused error // why there is no session
	over    bool
	sockets map[string]*Client
	partial *partial
	joined  bool    // some namespace was asked for
	early   []early // packets that came before that
}

// early is a packet for a client that does not exist yet: an official client is there
// before its connection.
type early struct {
	packet socketio.Packet
	parts  [][]byte
}

// A frame is one Engine.IO packet in text form, or the bytes of an attachment.
type frame struct {
	data   []byte
	binary bool
}

// A partial is a packet whose attachments are coming.
type partial struct {
	packet socketio.Packet
	parts  [][]byte
}

var codec = &sjson.Codec{AppendPlaceholder: socketio.AppendPlaceholder, Placeholder: socketio.Placeholder}

// maxAttachments is how many attachments of a packet a client here takes. Official
// clients take 10; how many the server sends is not for us to judge.
const maxAttachments = 1 << 16

func newConn(t TB, w *world, cfg *config) *conn {
	c := &conn{t: t, w: w, cfg: cfg, sockets: make(map[string]*Client)}
	c.cond.L = &c.mu
	return c
}

// wait waits, with mu held, until ready says so. It reports false if that takes longer
// than a test should wait.
func (c *conn) wait(ready func() bool) bool {
	if ready() {
		return true
	}
	late := false
	t := time.AfterFunc(patience, func() {
		c.mu.Lock()
		late = true
		c.mu.Unlock()
		c.cond.Broadcast()
	})
	defer t.Stop()
	for !ready() {
		if late {
			return false
		}
		c.cond.Wait()
	}
	return true
}

// dial opens the session.
func (c *conn) dial() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.cfg.polling {
		c.poll, err = c.openPoll()
	} else {
		c.ws, err = c.openWS("")
	}
	if err != nil {
		return err
	}
	if !c.wait(func() bool { return c.opened || c.over || c.refused != nil }) {
		return ErrTimeout
	}
	switch {
	case c.refused != nil:
		return c.refused
	case c.over:
		return ErrClosed
	}
	return nil
}

// pipe opens a connection to the server, and has read run on a goroutine of its own.
func (c *conn) pipe(read func(p io.ReadWriteCloser)) (io.ReadWriteCloser, error) {
	p, err := c.w.connect(c.cfg)
	if err != nil {
		return nil, err
	}
	c.readers.Go(func() {
		defer c.w.gone(p)
		defer p.Close()
		read(p)
	})
	return p, nil
}

// join asks for a namespace.
func (c *conn) join(namespace string, cfg *config) (*Client, error) {
	auth := cfg.auth
	if !strings.HasPrefix(namespace, "/") {
		namespace = "/" + namespace
	}
	var payload []byte
	pid, offset := "", ""
	if cfg.resume != nil {
		pid, offset = cfg.resume.Recovery()
	}
	if auth != nil || pid != "" {
		b, err := authOf(auth, pid, offset)
		if err != nil {
			return nil, fmt.Errorf("siotest: Auth: %w", err)
		}
		payload = b
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[namespace] != nil {
		return nil, fmt.Errorf("siotest: the connection is in namespace %q already", namespace)
	}
	k := newClient(c, namespace)
	k.pid, k.offset = pid, offset
	c.sockets[namespace] = k
	c.joined = true
	for _, e := range c.early {
		c.route(&e.packet, e.parts)
	}
	c.early = nil
	b := append([]byte(nil), byte(engineio.Message))
	b = socketio.AppendHead(b, socketio.Connect, 0, namespace, -1)
	if err := c.send(frame{data: append(b, payload...)}); err != nil {
		k.end(transportClose)
		return nil, err
	}
	if !c.wait(func() bool { return k.state != connecting }) {
		k.end("") // an answer that still comes finds nobody
		return nil, ErrTimeout
	}
	switch {
	case k.refusal != nil:
		return nil, k.refusal
	case k.state == ended:
		return nil, ErrClosed
	}
	return k, nil
}

// authOf is the payload of a CONNECT: what the user sends goes before what the client does.
func authOf(auth any, pid, offset string) ([]byte, error) {
	if pid == "" {
		return json.Marshal(auth)
	}
	all := map[string]any{"pid": pid}
	if offset != "" {
		all["offset"] = offset
	}
	if auth != nil {
		b, err := json.Marshal(auth)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, err
		}
	}
	return json.Marshal(all)
}

// send writes packets, with mu held. They are not interleaved with others.
func (c *conn) send(frames ...frame) error {
	switch {
	case c.over:
		return ErrClosed
	case c.ws != nil:
		c.ws.write(frames)
	case c.poll != nil:
		c.poll.out = append(c.poll.out, frames...)
		c.poll.flush()
	}
	return nil
}

// write writes bytes to the server, and notes that something is under way.
func (c *conn) write(p io.ReadWriteCloser, b []byte) {
	c.w.written.Add(int64(len(b)))
	_, _ = p.Write(b) // a connection that has ended is found out by its reader
}

// receive takes one Engine.IO packet, whose data is a view. With mu held; readers only.
func (c *conn) receive(p engineio.Packet) {
	defer c.cond.Broadcast()
	if c.over {
		return
	}
	switch p.Type {
	case engineio.Open:
		hs, err := engineio.ParseHandshake(p.Data)
		if err != nil || c.opened {
			c.broken("open packet %q", p.Data)
			return
		}
		c.hs, c.opened = hs, true
	case engineio.Ping:
		if !c.cfg.mute {
			_ = c.send(frame{data: append([]byte(engineio.PongPacket), p.Data...)})
		}
	case engineio.Close:
		c.end(transportClose)
	case engineio.Message:
		if p.Binary {
			c.attachment(append([]byte{}, p.Data...)) // never nil, which is no buffer
		} else {
			c.text(bytes.Clone(p.Data))
		}
	case engineio.Noop:
	default:
		c.broken("%v packet", p.Type)
	}
}

// broken is what happens when the server breaks the protocol: the test fails.
func (c *conn) broken(format string, args ...any) {
	c.t.Errorf("siotest: the server broke the protocol: "+format, args...)
	c.end(parseError)
}

// text takes one Socket.IO packet, which it keeps. With mu held.
func (c *conn) text(data []byte) {
	p, err := socketio.Parse(data, maxAttachments)
	if err != nil || c.partial != nil {
		c.broken("packet %q", data)
		return
	}
	var args socketio.Args
	if err := p.Check(&args); err != nil {
		c.broken("packet %q: %v", data, err)
		return
	}
	if p.Attachments > 0 {
		c.partial = &partial{packet: p}
		return
	}
	c.route(&p, nil)
}

// attachment takes one attachment, which it keeps. With mu held.
func (c *conn) attachment(data []byte) {
	q := c.partial
	if q == nil {
		c.broken("an attachment of %d bytes that no packet has announced", len(data))
		return
	}
	q.parts = append(q.parts, data)
	if len(q.parts) == q.packet.Attachments {
		c.partial = nil
		c.route(&q.packet, q.parts)
	}
}

// route brings a whole packet to its socket. With mu held.
func (c *conn) route(p *socketio.Packet, parts [][]byte) {
	k := c.sockets[string(p.Namespace)]
	if k == nil {
		if !c.joined {
			c.early = append(c.early, early{*p, parts})
		}
		return // else the client has left, and the server did not know yet
	}
	switch p.Type {
	case socketio.Connect:
		var answer struct {
			SID string `json:"sid"`
			PID string `json:"pid"`
		}
		if json.Unmarshal(p.Data, &answer) != nil || answer.SID == "" || k.state != connecting {
			c.broken("CONNECT packet %q", p.Data)
			return
		}
		k.back = answer.PID != "" && answer.PID == k.pid
		k.id, k.pid, k.state = answer.SID, answer.PID, connected
	case socketio.ConnectError:
		var e ConnectError
		if json.Unmarshal(p.Data, &e) != nil || k.state != connecting {
			c.broken("CONNECT_ERROR packet %q", p.Data)
			return
		}
		k.refusal = &e
		k.end("")
	case socketio.Disconnect:
		k.end(byServer)
	case socketio.Event, socketio.BinaryEvent:
		k.take(newEvent(k, p, parts, 1))
	case socketio.Ack, socketio.BinaryAck:
		if a := k.acks[p.ID]; a != nil {
			delete(k.acks, p.ID)
			a.answer = newEvent(k, p, parts, 0)
			close(a.done)
		}
	}
}

// end ends the session, with mu held. Readers end by themselves, by their connections'
// ends.
func (c *conn) end(reason string) {
	if c.over {
		return
	}
	c.over = true
	for _, k := range c.sockets {
		k.end(reason)
	}
	if c.ws != nil {
		c.ws.close()
	}
	if c.probe != nil {
		c.probe.fail(ErrClosed)
	}
	if p := c.poll; p != nil {
		if reason != byClient {
			p.out = nil // nobody is there to take it
		}
		p.close()
	}
	c.cond.Broadcast()
}

// leave closes the session as a client does that means it.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.poll != nil {
		_ = c.send(frame{data: []byte(engineio.ClosePacket)})
	}
	c.end(byClient)
}

// cut closes the connections without a word.
func (c *conn) cut(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ws != nil {
		c.ws.pipe.Close()
	}
	if p := c.poll; p != nil {
		p.get.Close()
		if p.post != nil {
			p.post.Close()
		}
	}
	c.end(reason)
}

// shutdown ends everything and waits for the readers.
func (c *conn) shutdown() {
	c.cut(transportClose)
	c.readers.Wait()
}

// head is the head of a request.
func (c *conn) head(method, transport, extra string) []byte {
	q := c.cfg.query
	if !q.Has("EIO") {
		q.Set("EIO", "4")
	}
	q.Set("transport", transport)
	if c.opened {
		q.Set("sid", c.hs.SID)
	}
	b := append([]byte(nil), method...)
	b = append(b, ' ')
	b = append(b, c.cfg.path...)
	b = append(b, '?')
	b = append(b, q.Encode()...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, c.w.host...)
	b = append(b, "\r\n"...)
	b = c.cfg.fields(b)
	b = append(b, extra...)
	return append(b, "\r\n"...)
}
