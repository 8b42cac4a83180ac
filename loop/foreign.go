package loop

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// A foreignServer is the net/http server behind the engine, for requests that are not
// for it. Its listener is a queue of connections.
type foreignServer struct {
	conns  chan net.Conn
	quit   chan struct{}
	once   sync.Once
	server *http.Server
	addr   net.Addr
}

// foreignBacklog is how many connections may wait to be taken over. When it is full
// the request is answered with 404, rather than the loop made to wait.
const foreignBacklog = 1024

func (g *Group) serveForeign() {
	f := &g.foreign
	f.conns, f.quit, f.addr = make(chan net.Conn, foreignBacklog), make(chan struct{}), g.addrs[0]
	f.server = &http.Server{
		Handler:           http.HandlerFunc(g.serveHTTP),
		ReadHeaderTimeout: g.config.HeadTimeout,
		IdleTimeout:       g.config.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(g.logger.Handler(), slog.LevelError),
		ConnContext:       tellTLS,
	}
	go func() { _ = f.server.Serve(f) }()
}

// serveHTTP answers a request on a connection that was handed over. A browser uses the
// connection on which it got a page for whatever comes next, so requests for the engine
// come here too: the connection then goes back to a loop, with the request in front.
func (g *Group) serveHTTP(w http.ResponseWriter, r *http.Request) {
	r.TLS = toldTLS(r)
	if !g.config.Serves([]byte(r.RequestURI)) {
		g.handler.ServeHTTP(w, r)
		return
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	var unread bytes.Buffer
	writeHead(&unread, r)
	rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	unread.Write(rest)
	p := nc.(*prefixedConn)
	unread.Write(p.unread)
	raw, way := p.passage(unread.Bytes())
	l := g.homeOf(r)
	if l == nil || l.enroll(raw, way) != nil {
		_ = p.Close()
	}
}

// homeOf is the loop that a request for the engine goes to: that of its session, or any.
func (g *Group) homeOf(r *http.Request) *Loop {
	if i := g.home([]byte(r.URL.Query().Get("sid"))); i >= 0 {
		return g.Loop(i)
	}
	var least *Loop
	g.Loops(func(l *Loop) {
		if least == nil || l.stats.Connections.Load() < least.stats.Connections.Load() {
			least = l
		}
	})
	return least
}

// writeHead writes the head of a request as it stood on the wire, but for the order and
// the case of its fields.
func writeHead(w *bytes.Buffer, r *http.Request) {
	w.WriteString(r.Method + " " + r.RequestURI + " " + r.Proto + "\r\n")
	if r.Host != "" { // HTTP/1.0 does without, and an empty one is refused
		w.WriteString("Host: " + r.Host + "\r\n")
	}
	if len(r.TransferEncoding) > 0 {
		w.WriteString("Transfer-Encoding: chunked\r\n")
	}
	for name, values := range r.Header {
		for _, v := range values {
			w.WriteString(name + ": " + v + "\r\n")
		}
	}
	w.WriteString("\r\n")
}

func (g *Group) stopForeign() {
	f := &g.foreign
	_ = f.Close()
	_ = f.server.Close()
	for {
		select {
		case c := <-f.conns:
			_ = c.Close()
		default:
			return
		}
	}
}

func (f *foreignServer) put(c net.Conn) bool {
	select {
	case <-f.quit:
		return false
	default:
	}
	select {
	case f.conns <- c:
		return true
	default:
		return false
	}
}

// Accept implements [net.Listener].
func (f *foreignServer) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.quit:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (f *foreignServer) Close() error {
	f.once.Do(func() { close(f.quit) })
	return nil
}

// Addr implements [net.Listener].
func (f *foreignServer) Addr() net.Addr { return f.addr }

// A prefixedConn is a connection some of whose bytes were read before.
type prefixedConn struct {
	net.Conn
	group   *Group
	once    sync.Once
	unread  []byte   // read by one goroutine at a time, as any net.Conn
	secured *secured // if Conn is one of TLS
}

// Read reads what was read before first.
func (c *prefixedConn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// Close closes the connection, and gives its place back.
func (c *prefixedConn) Close() error {
	c.once.Do(c.group.giveBack)
	return c.Conn.Close()
}

// ReadFrom keeps sendfile for files that the handler serves.
func (c *prefixedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
