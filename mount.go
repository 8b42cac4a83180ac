package sio

import (
	"context"
	"errors"
	"net/http"

	"github.com/e6a90ca8/sio/loop"
)

// Handler is the server as a handler of net/http, for applications that have an
// http.Server, a router or middlewares of their own:
//
//	mux.Handle("/socket.io/", srv.Handler())
//
// The pattern must cover [Options.Path], for all methods. Requests for other paths get
// [Options.Handler], or 404. Every handler of a server is the same, and may be used by
// several http.Servers. Node: attach.
//
// A request for a WebSocket brings its connection along: one of plain TCP is an event
// loop's from then on and costs what one of the server's own listeners does; one of TLS, or
// of a listener that wraps its connections, keeps a goroutine. Polling stays with net/http,
// over HTTP/2, too. Limits.HeadTime, IdleTime and the acceptance of connections are the
// http.Server's business; its ReadTimeout and WriteTimeout do not cut polls.
//
// The event loops are those of the Run under way; [Server.Run] without addresses starts
// them alone. If the server never was run, the first request starts them: they end with
// [Server.Close], and Run gives [ErrRunning] from then on. Requests to a server that was run
// and is not running now, or is closed, are answered with 503.
//
// http.Server.Shutdown waits for polls and does not know of WebSockets: end this server
// first, or by http.Server.RegisterOnShutdown.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	g := s.summon()
	if g == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	g.ServeHTTP(w, r)
}

// summon are the event loops for a request that has come by a door of somebody else's: those
// of the Run under way, or of a server that never was run. It returns nil if there are none.
func (s *Server) summon() *loop.Group {
	s.mu.RLock()
	g, idle := s.group, s.group == nil && !s.ran && !s.closed
	s.mu.RUnlock()
	if idle {
		return s.begin()
	}
	return g
}

// begin starts the event loops without a Run. It returns nil if that cannot be.
func (s *Server) begin() *loop.Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group != nil || s.ran {
		return s.group // somebody was faster
	}
	g, err := s.beginLocked(loop.Options{Foreign: s.options.Handler, Middlewares: s.options.HTTP})
	if err != nil {
		s.logger.Error("sio: the event loops do not start", "err", err)
		return nil
	}
	s.ran = true
	started := s.started
	go func() {
		if err := s.runGroup(context.Background(), g, started, nil); err != nil && !errors.Is(err, ErrClosed) {
			s.logger.Error("sio: the event loops have ended", "err", err)
		}
	}()
	return g
}

// RefuseRequest has the engine refuse the request that a middleware of [Options.HTTP] was
// called with: the client is told the code 3, "Bad request", and [Options.OnHandshakeError]
// err. The middleware must return then. Of a request that did not come through Options.HTTP
// nothing is told, and the answer is 400. Node: next(err).
func RefuseRequest(w http.ResponseWriter, r *http.Request, err error) {
	if !loop.Refuse(w, r, err) {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
	}
}
