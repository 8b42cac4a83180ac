package sio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

// A Server is a Socket.IO server. It embeds the namespace "/", so that everything a
// namespace can do can be said of the server. All methods may be called by any
// goroutine.
type Server struct {
	*Namespace

	// Fixed.
	options    Options
	loops      int
	codec      *json.Codec
	dispatcher *dispatcher
	logger     *slog.Logger
	debug      scopes
	cors       *session.CORS
	cookie     *session.Cookie
	client     *session.ClientFiles
	inline     []inlineSpace // element i belongs to loop i
	counters   counters

	mu         sync.RWMutex
	namespaces map[string]*Namespace
	patterns   []*Namespace
	group      *loop.Group // of the Run under way; nil when there is none
	past       traffic     // of the ones that have ended
	started    chan struct{}
	ran        bool // there was a Run, or a Handler has begun one
	closed     bool
}

// inlineSpace is what a loop needs to run inline handlers, a cache line from the next.
type inlineSpace struct {
	msg Msg
	_   [64]byte
}

// New makes a server. Its namespaces and handlers can be set up before or while it
// runs. It has no goroutines before it does, nor afterwards: one that never runs needs
// no [Server.Close].
//
// Errors: of options that make no sense.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, loops: o.Loops, logger: o.Logger, debug: newScopes(o.Logger),
		codec:      valueCodec,
		inline:     make([]inlineSpace, o.Loops),
		namespaces: make(map[string]*Namespace),
		started:    make(chan struct{}),
	}
	if o.JSON != nil {
		s.codec = newValueCodec(engineOf(o.JSON))
	}
	if s.cors, err = o.CORS.compile(s); err != nil {
		return nil, err
	}
	if s.cookie, err = o.Cookie.compile(); err != nil {
		return nil, err
	}
	if s.client, err = compileClient(&o); err != nil {
		return nil, err
	}
	s.dispatcher = newDispatcher(o.Loops, o.Workers, o.Logger)
	s.Namespace = newNamespace(s, "/", nil)
	s.namespaces["/"] = s.Namespace
	return s, nil
}

// Options are the options that the server was made with, and the defaults of those that
// were left out. What they point to must not be changed. Node: the getters path,
// serveClient, connectTimeout and others.
func (s *Server) Options() Options { return s.options }

// Of returns the namespace with the name, making it if need be. The leading slash may
// be left out; "" is "/". A name that a pattern matches is made from the pattern.
func (s *Server) Of(name string) *Namespace {
	name = slashed(name)
	s.mu.RLock()
	n := s.namespaces[name]
	s.mu.RUnlock()
	if n != nil {
		return n
	}
	s.mu.Lock()
	parent := (*Namespace)(nil)
	for _, p := range s.patterns {
		if p.match.matches(name) {
			parent = p
			break
		}
	}
	n, fresh := s.makeLocked(name, parent)
	s.mu.Unlock()
	if fresh {
		s.announce(n)
	}
	return n
}

func slashed(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}

// makeLocked makes a namespace unless there is one of the name.
func (s *Server) makeLocked(name string, parent *Namespace) (n *Namespace, fresh bool) {
	if n := s.namespaces[name]; n != nil {
		return n, false
	}
	n = newNamespace(s, name, parent)
	if s.options.OnNamespace != nil {
		n.announced = make(chan struct{})
	}
	s.namespaces[name] = n
	if parent != nil {
		n.place = len(parent.children)
		parent.children = append(parent.children, n)
	}
	return n, true
}

func (s *Server) announce(n *Namespace) {
	if l := s.debug.server.debug; l != nil && n.parent == nil {
		l.Debug("namespace made", "nsp", n.name)
	}
	if l := s.debug.parent.debug; l != nil && n.parent != nil {
		l.Debug("child namespace made", "nsp", n.name, "parent", n.parent.name)
	}
	if f := s.options.OnNamespace; f != nil {
		defer close(n.announced)
		f(n)
	}
}

// ready reports whether OnNamespace has been told of n: until then nobody gets in.
func (n *Namespace) ready() bool {
	if n.announced == nil {
		return true
	}
	select {
	case <-n.announced:
		return true
	default:
		return false
	}
}

// Namespaces are all namespaces, patterns not included, in no order.
func (s *Server) Namespaces() []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*Namespace, 0, len(s.namespaces))
	for _, n := range s.namespaces {
		all = append(all, n)
	}
	return all
}

// Run listens on the addresses and serves until ctx ends; then it closes every session
// with the reason "server shutting down", as [Server.Close] does, waits until clients
// have been told and the last handlers are done, those of [Namespace.OnDisconnect] among
// them, each for at most 2 s, and returns nil. An address is "host:port", ":port",
// "tcp://host:port" or "unix:///path"; port 0 finds a free one, see [Server.Addrs]. With
// [Options.TLS] all of them but unix sockets are encrypted.
//
// After it has returned it may be called again.
//
// Errors: of listening, an address that is in use among them; of the event loops;
// [ErrRunning] while the server runs already; [ErrClosed] if Close was called before ctx
// ended or before Run; of handlers that still run after 2 s, such as one that has ended
// ctx and waits for Run.
//
// Without addresses it serves what comes by [Server.Handler].
func (s *Server) Run(ctx context.Context, addrs ...string) error {
	return s.run(ctx, s.options.TLS, addrs)
}

func (s *Server) run(ctx context.Context, secure *tls.Config, addrs []string) error {
	if len(addrs) == 0 {
		secure = nil // there is nothing to encrypt
	}
	if err := servable(secure); err != nil {
		return err
	}
	s.mu.Lock()
	g, err := s.beginLocked(loop.Options{
		Foreign: s.options.Handler, Middlewares: s.options.HTTP,
		TLS: secure, Handshakes: min(maxHandshakes, s.options.Workers/2),
	})
	started := s.started
	s.ran = s.ran || err == nil
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if l := s.debug.server.debug; l != nil {
		l.Debug("run", "addrs", addrs)
		defer l.Debug("run ended")
	}
	return s.runGroup(ctx, g, started, addrs)
}

// runGroup runs the event loops until ctx ends or Close is called.
func (s *Server) runGroup(ctx context.Context, g *loop.Group, started chan struct{}, addrs []string) error {
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-g.Started():
			close(started)
		case <-g.Done():
		}
	})
	watching.Go(func() {
		select {
		case <-ctx.Done():
			s.stop(g)
		case <-g.Done():
		}
	})
	err := g.Run(addrs)
	watching.Wait()
	busy := s.dispatcher.rest(stopTimeout)
	for _, n := range s.Namespaces() {
		if n.recovery != nil {
			n.recovery.reset() // another run has another clock
		}
	}

	s.mu.Lock()
	s.group = nil
	s.past.add(g)
	select {
	case <-s.started:
		s.started = make(chan struct{})
	default:
	}
	closed := s.closed
	s.mu.Unlock()
	if errors.Is(err, loop.ErrStopped) {
		err = nil // before it had begun
	}
	switch {
	case err != nil:
		return err
	case closed && ctx.Err() == nil:
		return ErrClosed
	}
	return busy
}

// beginLocked makes what a run needs.
func (s *Server) beginLocked(o loop.Options) (*loop.Group, error) {
	switch {
	case s.closed:
		return nil, ErrClosed
	case s.group != nil:
		return nil, ErrRunning
	}
	if err := s.dispatcher.start(); err != nil {
		return nil, fmt.Errorf("sio: worker pool: %w", err)
	}
	o.NoBatchedWrites = s.options.NoBatchedWrites
	o.App, o.Config, o.Loops, o.MaxConns, o.Logger = (*app)(s), s.config(), s.loops, s.options.MaxConns, s.logger.With(scopeKey, "engine")
	s.group = loop.NewGroup(o)
	return s.group, nil
}

// stopTimeout is how long clients may take to be told that the server closes, and then
// handlers to be done.
const stopTimeout = 2 * time.Second

func (s *Server) stop(g *loop.Group) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	g.Stop(ctx, session.ServerShuttingDown)
}

// Close ends every session with the reason "server shutting down" and stops
// listening. Clients are not told that it was meant, so official ones connect again,
// here after a restart or elsewhere. It returns when Run has no connection any more and
// no handler runs, or after 2 s for either. The server cannot be run again; end Run's
// context if it shall. A further call waits in the same way.
//
// A handler that calls it waits for itself, 2 s long: it should say go srv.Close().
//
// Errors: [ErrOnLoop], and nothing is closed; handlers that still run after 2 s.
func (s *Server) Close() error {
	if s.onLoop() {
		return ErrOnLoop
	}
	s.mu.Lock()
	s.closed = true
	g := s.group
	s.mu.Unlock()
	if g != nil {
		s.stop(g)
	}
	return s.dispatcher.rest(stopTimeout)
}

// Started is closed when a Run accepts connections. After Run has returned it is a new
// channel, for the next one.
func (s *Server) Started() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.started
}

// Addrs are the addresses that Run listens on, with the ports that were found; nil
// before [Server.Started] is closed.
func (s *Server) Addrs() []net.Addr {
	s.mu.RLock()
	g := s.group
	s.mu.RUnlock()
	if g == nil {
		return nil
	}
	return g.Addrs()
}

// onLoop reports whether the caller is on an event loop.
func (s *Server) onLoop() bool {
	s.mu.RLock()
	g := s.group
	s.mu.RUnlock()
	return g != nil && g.OnLoop()
}

// loopAt is a loop of the Run under way, or nil.
func (s *Server) loopAt(i int) *loop.Loop {
	s.mu.RLock()
	g := s.group
	s.mu.RUnlock()
	if g == nil {
		return nil
	}
	return g.Loop(i)
}
