// Package benchtest is a small Socket.IO server to try the load generator on, and
// to check it with: goroutines for each connection, all transports, the events
// that package bench drives, and on demand what a server should not do. Command
// sio-bench has it as "target"; it is no server to measure.
package benchtest

import (
	"errors"
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
	// Addr is where it listens. Default: a free port of 127.0.0.1.
	Addr string

	// Plant makes replies go wrong now and then. The zero value makes none.
	Plant Plant

	// Stall makes the whole server stand still now and then.
	Stall Stall

	// Fault turns a Socket.IO packet that is about to be sent to a client, with
	// its Engine.IO digit, into what is sent in its place. nil: no faults. Calls
	// may come at the same time.
	Fault func(packet string) []string

	// MaxQueue bounds what waits for a client, in bytes; one that lets more wait is
	// cut off. Default 64 MiB.
	MaxQueue int

	// Recovery is how many of the last broadcasts are kept for clients that come
	// back. 0: it is not offered.
	Recovery int

	// PingInterval is the time between two pings. Default 25 s.
	PingInterval time.Duration
}

// Stall is a server that takes nothing and sends nothing for a while, as one does
// that collects garbage or waits for a lock: for For at the end of every Every
// since it was started. For 0: never.
type Stall struct{ For, Every time.Duration }

func (s Stall) check() error {
	if s.For < 0 || s.For > 0 && s.Every <= s.For {
		return fmt.Errorf("a stall of %v every %v: it must be shorter than the time from one to the next", s.For, s.Every)
	}
	return nil
}

// left is how long the stall at the time since the start has still to go; 0 if
// there is none.
func (s Stall) left(since time.Duration) time.Duration {
	if s.For <= 0 {
		return 0
	}
	at := since % s.Every
	if at < s.Every-s.For {
		return 0
	}
	return s.Every - at
}

// Bounds of what clients may ask for, and of what waits for one of them.
const (
	maxMessage = 64 << 20
	maxQueue   = 64 << 20 // default of Options.MaxQueue
	maxRooms   = 1024     // of one session
)

// Server is a running server.
type Server struct {
	URL string // http://127.0.0.1:PORT

	options Options
	planter *planter
	http    *http.Server
	started time.Time
	gone    chan struct{} // closed by Close
	done    sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	next     int
	sessions map[string]*session
	rooms    map[room]map[*session]struct{}
	past     past
}

// room is a room in a namespace.
type room struct{ namespace, name string }

// New starts a server.
func New(o Options) (*Server, error) {
	if o.PingInterval == 0 {
		o.PingInterval = 25 * time.Second
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = maxQueue
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	planter, err := newPlanter(o.Plant)
	if err == nil {
		err = o.Stall.check()
	}
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + l.Addr().String(), options: o, planter: planter, started: time.Now(), gone: make(chan struct{}),
		sessions: map[string]*session{}, rooms: map[room]map[*session]struct{}{}, past: past{lives: map[string]*life{}},
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.done.Go(func() { s.http.Serve(l) })
	return s, nil
}

// Planted is how many replies have gone wrong as [Options.Plant] says.
func (s *Server) Planted() uint64 { return s.planter.count() }

// Close ends the server and waits for its goroutines. A second call does nothing.
func (s *Server) Close() {
	s.http.Close()
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.gone)
	}
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

// gate waits until no stall is.
func (s *Server) gate() {
	if d := s.options.Stall.left(time.Since(s.started)); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.gone:
		}
	}
}

func (s *Server) find(sid string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions[sid]
}

// ServeHTTP serves all transports.
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	s.gate()
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
		if c = s.open(); c != nil {
			io.WriteString(rw, c.handshake())
		}
	case r.Method == http.MethodGet:
		c.serveGet(rw, r)
	default:
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxMessage))
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
		packets, wait, end := c.due()
		switch {
		case len(packets) > 0:
			c.server.gate()
			io.WriteString(rw, strings.Join(packets, "\x1e"))
			return
		case end || c.answersAtOnce():
			io.WriteString(rw, engineio.NoopPacket)
			return
		}
		if !c.rest(wait, r.Context().Done()) {
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
		if c = s.open(); c == nil {
			return
		}
		c.send(c.handshake())
		c.move(conn)
	}
	defer c.end()
	in, _ := io.ReadAll(io.LimitReader(buf, int64(buf.Reader.Buffered())))
	reader := websocket.Reader{Config: &config}
	piece := make([]byte, 16<<10)
	for {
		m, n, err := reader.Next(in)
		if errors.Is(err, websocket.ErrTooBig) {
			conn.Write(websocket.AppendClose(nil, websocket.StatusTooBig, ""))
		}
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
			c.flush(conn)
			return
		case websocket.Binary:
			c.binary(m.Data)
		case websocket.Text:
			switch text := string(m.Data); text {
			case engineio.ProbePing:
				c.probe(conn)
			case engineio.UpgradePacket:
				c.move(conn)
			default:
				c.take(text)
			}
		}
		in = in[n:]
	}
}

var config = websocket.Config{MaxMessage: maxMessage}
