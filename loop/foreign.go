package loop

import (
	"cmp"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/e6a90ca8/sio/codec/http1"
)

// A foreignServer is the net/http server behind the engine, for requests that are not
// for it, or that pass middlewares first. Its listener is a queue of connections.
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
		MaxHeaderBytes:    cmp.Or(g.config.HTTP.HeadBytes, http1.DefaultHeadBytes), // and some KiB, for net/http
		IdleTimeout:       g.config.IdleTimeout,
		ErrorLog:          slog.NewLogLogger(g.logger.Handler(), slog.LevelError),
		ConnContext:       tellTLS,
	}
	go func() { _ = f.server.Serve(f) }()
}

// serveHTTP answers a request on a connection that was handed over. A browser uses the
// connection on which it got a page for whatever comes next, so requests for the engine
// come here too. With middlewares all of them do. Without, the connection goes back to a
// loop, with the request in front.
func (g *Group) serveHTTP(w http.ResponseWriter, r *http.Request) {
	r.TLS = toldTLS(r)
	switch {
	case !g.config.Serves([]byte(r.RequestURI)):
		g.elsewhere(w, r)
	case g.chain != nil:
		g.enter(w, r, r.RequestURI, false)
	default:
		g.hijack(w, r, &arrival{group: g, target: r.RequestURI})
	}
}

func (g *Group) stopForeign() {
	f := &g.foreign
	if f.server == nil {
		return
	}
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

// CloseWrite is for net/http, which ends a connection so that what it has not read does not
// cost the client the answer.
func (c *prefixedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// ReadFrom keeps sendfile for files that the handler serves.
func (c *prefixedConn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
