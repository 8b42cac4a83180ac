// Package webtransport lets clients reach a Socket.IO server over WebTransport, which is
// HTTP/3: one QUIC connection, and on it one stream with the packets. Everything above the
// packets is the server's own: namespaces, rooms, handlers, limits and counters are the
// same for a client whichever way it has come, and a client of long-polling can upgrade.
//
// The package is a module of its own, so that programs which do without QUIC do not have
// it among their dependencies.
//
//	srv, err := sio.New(sio.Options{Transports: sio.Polling | sio.WebSocket | sio.WebTransport})
//	...
//	quic, err := webtransport.New(srv, webtransport.Options{TLS: config})
//	...
//	go quic.Run(ctx, ":443")     // UDP
//	err = srv.RunTLS(ctx, cert, key, ":443") // TCP
//
// The server's middlewares, [sio.Options.HTTP], see the requests that open a session, and
// may refuse them; the reference server has no WebTransport where there are any. What asks
// about handshakes is asked, too.
//
// The official client takes part with the transport "webtransport": browsers have it built
// in; in Node it is the package @fails-components/webtransport.
//
// Source: Engine.IO protocol 4, "WebTransport"; RFC 9297; draft-ietf-webtrans-http3.
package webtransport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wt "github.com/quic-go/webtransport-go"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/internal/inproc"
	"github.com/e6a90ca8/sio/loop"
)

const (
	// receiveWindow is as much as what waits for a client's handlers at most by default.
	receiveWindow = 1 << 20

	// maxStreams are those that a client may have open at once, in one direction and in both:
	// it needs one for the request, one for the packets, and three that HTTP/3 has.
	maxStreams = 8

	// defaultMaxConns is Options.MaxConns where neither that nor the server's says anything.
	defaultMaxConns = 10_000
)

// Options are what a [Server] is made with.
type Options struct {
	// TLS has the server's certificate; it is needed. It is cloned, and its NextProtos are
	// replaced. A browser takes a certificate that it could check for a web page, or one
	// whose hash the page names (serverCertificateHashes), which must be of ECDSA and valid
	// for at most two weeks.
	TLS *tls.Config

	// CheckOrigin decides whether a page of the request's origin may connect. Default: any
	// may, as over the other transports; sio's AllowRequest is asked in any case.
	CheckOrigin func(r *http.Request) bool

	// MaxConns bounds the QUIC connections, of which each may carry a few sessions, those
	// included whose handshake is under way or that have no session yet; one more is
	// refused. From half of it on clients have to prove their address first, by a round
	// trip more. Sessions take a place of the server's, too. Default: MaxConns of
	// the server, or 10,000 if that has none.
	MaxConns int

	// Logger is told of what goes wrong. Default: slog.Default().
	Logger *slog.Logger
}

// A Server is a server's door for WebTransport. Its methods may be called by any
// goroutine.
type Server struct {
	sio      *sio.Server
	path     string
	patience time.Duration // until a client has opened its stream
	maxConns int64
	logger   *slog.Logger
	wt       *wt.Server
	chain    http.Handler // the server's middlewares, and open behind them
	conns    atomic.Int64 // QUIC connections

	mu      sync.Mutex
	conn    net.PacketConn
	stop    context.CancelFunc // ends Run
	closed  bool
	started chan struct{}
}

// New makes the door of a server whose [sio.Options.Transports] have WebTransport.
//
// Errors: no TLS configuration; a negative MaxConns; the server does not allow WebTransport.
func New(srv *sio.Server, o Options) (*Server, error) {
	if o.TLS == nil {
		return nil, errors.New("webtransport: Options.TLS is missing")
	}
	if o.MaxConns < 0 {
		return nil, errors.New("webtransport: Options.MaxConns is negative")
	}
	options := srv.Options()
	if options.Transports&sio.WebTransport == 0 {
		return nil, errors.New("webtransport: the server's Transports have no WebTransport")
	}
	s := &Server{sio: srv, path: options.Path, patience: options.UpgradeTimeout, logger: o.Logger, started: make(chan struct{})}
	s.maxConns = int64(cmp.Or(o.MaxConns, options.MaxConns, defaultMaxConns))
	if s.logger == nil {
		s.logger = slog.Default()
	}
	if o.CheckOrigin == nil {
		o.CheckOrigin = func(*http.Request) bool { return true }
	}
	h3 := &http3.Server{
		TLSConfig: http3.ConfigureTLSConfig(o.TLS.Clone()),
		QUICConfig: &quic.Config{
			HandshakeIdleTimeout: options.Limits.HeadTime,
			// Heartbeats tell of a client that is gone; QUIC shall not be sooner.
			MaxIdleTimeout: options.PingInterval + options.PingTimeout,
			// What a client may send ahead of our reading, and with that have us keep.
			MaxStreamReceiveWindow:           receiveWindow,
			MaxConnectionReceiveWindow:       2 * receiveWindow,
			MaxIncomingStreams:               maxStreams,
			MaxIncomingUniStreams:            maxStreams,
			EnableDatagrams:                  true, // WebTransport asks for it, and for the next one
			EnableStreamResetPartialDelivery: true,
		},
		MaxHeaderBytes: options.Limits.HeadBytes,
		Logger:         s.logger,
	}
	wt.ConfigureHTTP3Server(h3)
	s.wt = &wt.Server{H3: h3, CheckOrigin: o.CheckOrigin}
	s.chain = http.HandlerFunc(s.open)
	for _, f := range slices.Backward(options.HTTP) {
		s.chain = f(s.chain)
	}
	h3.Handler = http.HandlerFunc(s.serve)
	return s, nil
}

// Run serves on a UDP address, "host:port" or ":port", until ctx ends, and returns nil.
// It may be called once. Sessions live in the [sio.Server], whose event loops are started if
// it never was run, as by its Handler; a server that was run and is not running any more
// turns clients away.
//
// Errors: of listening; of QUIC; [http.ErrServerClosed] if Close was called.
func (s *Server) Run(ctx context.Context, addr string) error {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.mu.Lock()
	if s.closed || s.conn != nil {
		s.mu.Unlock()
		return http.ErrServerClosed
	}
	s.conn = conn
	accepting, stop := context.WithCancel(context.Background())
	defer stop()
	s.stop = stop
	close(s.started)
	s.mu.Unlock()

	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	err = s.accept(accepting, conn)
	if ctx.Err() != nil {
		return nil
	}
	if accepting.Err() != nil {
		return http.ErrServerClosed
	}
	return err
}

// accept serves connections until ctx ends, and returns when none is left.
func (s *Server) accept(ctx context.Context, conn net.PacketConn) error {
	t := &quic.Transport{
		Conn:                conn,
		ConnContext:         s.admit,
		VerifySourceAddress: func(net.Addr) bool { return s.conns.Load() > s.maxConns/2 },
	}
	defer t.Close()
	l, err := t.ListenEarly(s.wt.H3.TLSConfig, s.wt.H3.QUICConfig)
	if err != nil {
		return err
	}
	defer l.Close()
	var all sync.WaitGroup
	for {
		c, err := l.Accept(ctx)
		if err != nil {
			_ = s.wt.Close()
			all.Wait()
			return err
		}
		all.Go(func() {
			if err := s.wt.ServeQUICConn(c); err != nil {
				s.logger.Debug("webtransport: connection not served", "remote", c.RemoteAddr(), "err", err)
				_ = c.CloseWithError(0, "")
			}
		})
	}
}

var errFull = errors.New("webtransport: too many connections")

// admit counts a connection, until its context ends, or refuses it.
func (s *Server) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if s.conns.Add(1) > s.maxConns {
		s.conns.Add(-1)
		return nil, errFull
	}
	context.AfterFunc(ctx, func() { s.conns.Add(-1) })
	return ctx, nil
}

// Started is closed when Run listens.
func (s *Server) Started() <-chan struct{} { return s.started }

// Addr is the address that Run listens on, nil before [Server.Started] is closed.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	return s.conn.LocalAddr()
}

// Close ends all connections and Run.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	stop := s.stop
	s.mu.Unlock()
	err := s.wt.Close() // says so to the clients
	if stop != nil {
		stop()
	}
	return err
}

// serve answers a request over HTTP/3: those that are not for the engine find nothing.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect || !strings.HasPrefix(r.URL.EscapedPath(), s.path) {
		http.NotFound(w, r)
		return
	}
	s.chain.ServeHTTP(w, r)
}

// open opens a session, and stays until its stream has ended.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	w = streamer(w)
	if w == nil {
		s.logger.Error("webtransport: a middleware has wrapped the http.ResponseWriter in one without Unwrap")
		return
	}
	session, err := s.wt.Upgrade(w, r)
	if err != nil {
		s.logger.Debug("webtransport: refused", "err", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	defer session.CloseWithError(0, "")
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	ctx, cancel := context.WithTimeout(session.Context(), s.patience)
	stream, err := session.AcceptStream(ctx)
	cancel()
	if err != nil {
		return // it has gone, or opened none in time
	}
	err = inproc.Stream(s.sio, loop.PacketStream{
		Stream: &pipe{Stream: stream, session: session},
		Head:   head(r), Remote: remote, TLS: r.TLS, Context: context.WithoutCancel(r.Context()),
	})
	if err != nil {
		s.logger.Debug("webtransport: turned away", "err", err)
	}
}

// streamer is the response as HTTP/3 has made it, within what middlewares have wrapped it
// in; nil if one hides it.
func streamer(w http.ResponseWriter) http.ResponseWriter {
	for {
		if _, ok := w.(http3.HTTPStreamer); ok {
			return w
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

// head is the request as one of HTTP/1.1, which is how a handshake is kept.
func head(r *http.Request) []byte {
	var b bytes.Buffer
	b.WriteString("GET " + r.URL.RequestURI() + " HTTP/1.1\r\nHost: " + r.Host + "\r\n")
	_ = r.Header.WriteSubset(&b, hostField) // replaces line ends in values
	b.WriteString("\r\n")
	return b.Bytes()
}

// hostField is what may stand beside :authority, and is not to be there twice.
var hostField = map[string]bool{"Host": true}

// pipe is a session's stream. Closing it ends the session too: a client does not look at
// the end of a stream.
type pipe struct {
	*wt.Stream
	session *wt.Session
}

// linger is how long what was written before the end may take to be on its way: the end of
// a session, unlike that of a stream, does not wait for it.
const linger = 100 * time.Millisecond

// CloseWrite ends the stream once everything is written, and the session behind it.
func (p *pipe) CloseWrite() error {
	err := p.Stream.Close()
	time.AfterFunc(linger, func() { _ = p.session.CloseWithError(0, "") })
	return err
}

// Close ends the session at once.
func (p *pipe) Close() error { return p.session.CloseWithError(0, "") }
