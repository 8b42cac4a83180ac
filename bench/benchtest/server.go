// Package benchtest is a small Socket.IO server for the tests of the load
// generator: a goroutine for each connection, all transports, the events that
// package bench drives, and faults on demand. It is for tests only.
package benchtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// Options say how a server differs from a good one.
type Options struct {
	// Fault turns a Socket.IO packet that is about to be sent to a client, with
	// its Engine.IO digit, into what is sent in its place. nil: no faults. Calls
	// may come at the same time.
	Fault func(packet string) []string

	// PingInterval is the time between two pings. Default 25 s.
	PingInterval time.Duration
}

// Server is a running server.
type Server struct {
	URL string // http://127.0.0.1:PORT

	options Options
	http    *http.Server
	done    sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	next     int
	sessions map[string]*session
	rooms    map[string]map[*session]struct{} // by namespace and name, see place
}

// New starts a server on a free port of 127.0.0.1.
func New(o Options) (*Server, error) {
	if o.PingInterval == 0 {
		o.PingInterval = 25 * time.Second
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + l.Addr().String(), options: o,
		sessions: map[string]*session{}, rooms: map[string]map[*session]struct{}{},
	}
	s.http = &http.Server{Handler: s}
	s.done.Go(func() { s.http.Serve(l) })
	return s, nil
}

// Close ends the server and waits for its goroutines.
func (s *Server) Close() {
	s.http.Close()
	s.mu.Lock()
	s.closed = true
	all := make([]*session, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.end()
	}
	s.done.Wait()
}

// session is one Engine.IO session.
type session struct {
	server *Server
	sid    string

	mu      sync.Mutex
	ws      net.Conn      // nil while it polls
	queue   []string      // for the next GET
	wake    chan struct{} // has an element when queue has
	probing bool          // a GET is answered at once
	over    bool
	pinger  *time.Timer
	rooms   map[string]struct{} // under the server's mu
}

func (s *Server) open() *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	c := &session{server: s, sid: fmt.Sprintf("session%d", s.next), wake: make(chan struct{}, 1), rooms: map[string]struct{}{}}
	s.sessions[c.sid] = c
	interval := s.options.PingInterval
	c.mu.Lock() // the timer may fire before it is assigned
	defer c.mu.Unlock()
	c.pinger = time.AfterFunc(interval, func() {
		c.send("2")
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.over {
			c.pinger.Reset(interval)
		}
	})
	return c
}

func (s *Server) find(sid string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// handshake is the open packet.
func (c *session) handshake() string {
	return string(engineio.AppendHandshake([]byte("0"), &engineio.Handshake{
		SID: c.sid, Upgrades: []string{"websocket"}, PingInterval: c.server.options.PingInterval, PingTimeout: 20 * time.Second, MaxPayload: 1_000_000,
	}))
}

// end ends the session.
func (c *session) end() {
	s := c.server
	s.mu.Lock()
	delete(s.sessions, c.sid)
	for place := range c.rooms {
		delete(s.rooms[place], c)
	}
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.pinger.Stop()
	if c.ws != nil {
		c.ws.Close()
	}
	c.signal()
}

// signal wakes the GET that waits. c.mu is held.
func (c *session) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// send sends packets in text form ("b" and base64 for binary) by whatever
// transport there is.
func (c *session) send(packets ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.ws == nil {
		c.queue = append(c.queue, packets...)
		c.signal()
		return
	}
	var b []byte
	for _, text := range packets {
		p, err := engineio.Parse([]byte(text))
		if err == nil && p.Binary {
			b = websocket.AppendFrame(b, websocket.Binary, p.Data)
		} else {
			b = websocket.AppendFrame(b, websocket.Text, []byte(text))
		}
	}
	c.ws.Write(b)
}

// emit sends a Socket.IO packet, through the faults.
func (c *session) emit(packet string) {
	if c.server.options.Fault == nil {
		c.send(packet)
		return
	}
	c.send(c.server.options.Fault(packet)...)
}

// take serves a packet in text form.
func (c *session) take(packet string) {
	switch {
	case strings.HasPrefix(packet, "40"):
		c.connect(packet[2:])
	case strings.HasPrefix(packet, "42"):
		c.event(packet[2:])
	case strings.HasPrefix(packet, "45"), strings.HasPrefix(packet, "b"):
		c.emit(packet)
	case packet == engineio.ClosePacket:
		c.send(engineio.NoopPacket)
	}
}

// known says whether there is a namespace of that name.
func known(nsp string) bool {
	number, ok := strings.CutPrefix(nsp, "/bench-")
	return nsp == "/chat" || ok && len(number) > 0 && strings.Trim(number, "0123456789") == ""
}

func (c *session) connect(rest string) {
	nsp, _, _ := strings.Cut(rest, ",")
	switch {
	case !strings.HasPrefix(nsp, "/"):
		c.emit(`40{"sid":"x"}`)
	case known(nsp):
		c.emit("40" + nsp + `,{"sid":"x"}`)
	default:
		c.emit("44" + nsp + `,{"message":"Invalid namespace"}`)
	}
}

// event serves an event of any namespace.
func (c *session) event(rest string) {
	prefix := ""
	if nsp, behind, ok := strings.Cut(rest, ","); ok && known(nsp) {
		prefix, rest = nsp+",", behind
	}
	i := strings.IndexByte(rest, '[')
	if i < 0 {
		return
	}
	id := rest[:i]
	var args []json.RawMessage
	if json.Unmarshal([]byte(rest[i:]), &args) != nil || len(args) == 0 {
		return
	}
	var room string
	if len(args) > 1 {
		json.Unmarshal(args[1], &room)
	}
	place := prefix + room
	switch string(args[0]) {
	case `"echo"`, `"object"`:
		c.emit("42" + prefix + rest[i:])
	case `"ack"`:
		c.emit("43" + prefix + id + "[" + string(bytes.Join(rawBytes(args[1:]), []byte(","))) + "]")
	case `"join"`:
		s := c.server
		s.mu.Lock()
		if s.rooms[place] == nil {
			s.rooms[place] = map[*session]struct{}{}
		}
		s.rooms[place][c], c.rooms[place] = struct{}{}, struct{}{}
		s.mu.Unlock()
		c.emit("43" + prefix + id + "[]")
	case `"leave"`:
		s := c.server
		s.mu.Lock()
		delete(s.rooms[place], c)
		delete(c.rooms, place)
		s.mu.Unlock()
		c.emit("43" + prefix + id + "[]")
	case `"broadcast"`:
		s := c.server
		s.mu.Lock()
		members := make([]*session, 0, len(s.rooms[place]))
		for m := range s.rooms[place] {
			members = append(members, m)
		}
		s.mu.Unlock()
		for _, m := range members {
			m.emit("42" + prefix + `["broadcast",` + string(args[2]) + "]")
		}
	}
}

func rawBytes(raw []json.RawMessage) (list [][]byte) {
	for _, r := range raw {
		list = append(list, r)
	}
	return list
}

// ServeHTTP serves all transports.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/socket.io/" {
		http.NotFound(rw, r)
		return
	}
	q := r.URL.Query()
	var c *session
	if sid := q.Get("sid"); sid != "" {
		if c = s.find(sid); c == nil {
			rw.WriteHeader(400)
			io.WriteString(rw, `{"code":1,"message":"Session ID unknown"}`)
			return
		}
	}
	switch {
	case q.Get("transport") == "websocket":
		s.serveWebSocket(rw, r, c)
	case c == nil:
		io.WriteString(rw, s.open().handshake())
	case r.Method == http.MethodGet:
		c.serveGet(rw, r)
	default:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		over := false
		for packet := range strings.SplitSeq(string(body), "\x1e") {
			over = over || packet == engineio.ClosePacket
			c.take(packet)
		}
		io.WriteString(rw, "ok")
		if over {
			c.end()
		}
	}
}

// serveGet waits until there is something to say.
func (c *session) serveGet(rw http.ResponseWriter, r *http.Request) {
	for {
		c.mu.Lock()
		if len(c.queue) > 0 {
			io.WriteString(rw, strings.Join(c.queue, "\x1e"))
			c.queue = nil
			c.mu.Unlock()
			return
		}
		if c.over || c.probing || c.ws != nil {
			c.mu.Unlock()
			io.WriteString(rw, engineio.NoopPacket)
			return
		}
		c.mu.Unlock()
		select {
		case <-c.wake:
		case <-r.Context().Done():
			return
		}
	}
}

// serveWebSocket serves a WebSocket of its own, or one that c moves to.
func (s *Server) serveWebSocket(rw http.ResponseWriter, r *http.Request, c *session) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.done.Add(1)
	s.mu.Unlock()
	defer s.done.Done()
	conn, buf, err := rw.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	accept := websocket.AppendAccept(nil, []byte(r.Header.Get("Sec-WebSocket-Key")))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept)
	if c == nil {
		c = s.open()
		c.mu.Lock()
		c.ws = conn
		c.mu.Unlock()
		c.send(c.handshake())
	}
	defer c.end()
	in, _ := io.ReadAll(io.LimitReader(buf, int64(buf.Reader.Buffered())))
	reader := websocket.Reader{Config: &config}
	piece := make([]byte, 16<<10)
	for {
		m, n, err := reader.Next(in)
		if err != nil {
			return
		}
		if n == 0 {
			n, err = conn.Read(piece)
			if n > 0 {
				in = append(in, piece[:n]...)
			} else if err != nil {
				return
			}
			continue
		}
		switch m.Opcode {
		case websocket.Close:
			conn.Write(websocket.AppendClose(nil, websocket.StatusNone, ""))
			return
		case websocket.Binary:
			c.take(string(engineio.AppendBinary(nil, m.Data)))
		case websocket.Text:
			switch text := string(m.Data); text {
			case engineio.ProbePing:
				c.probe(conn)
			case engineio.UpgradePacket:
				c.upgrade(conn)
			default:
				c.take(text)
			}
		}
		in = in[n:]
	}
}

var config = websocket.Config{}

// probe answers a probe, and from then on every GET at once.
func (c *session) probe(conn net.Conn) {
	conn.Write(websocket.AppendFrame(nil, websocket.Text, []byte(engineio.ProbePong)))
	c.mu.Lock()
	c.probing = true
	c.signal()
	c.mu.Unlock()
}

// upgrade moves the session to conn.
func (c *session) upgrade(conn net.Conn) {
	c.mu.Lock()
	c.ws, c.probing = conn, false
	rest := c.queue
	c.queue = nil
	c.mu.Unlock()
	c.send(rest...)
}
