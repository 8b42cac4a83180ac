package sio

import (
	"github.com/e6a90ca8/sio/internal/inproc"
	"github.com/e6a90ca8/sio/loop"
)

func init() {
	inproc.Detach = func(server any, clock loop.Clock) (*loop.Group, error) {
		return server.(*Server).detach(clock)
	}
	inproc.Path = func(server any) string { return server.(*Server).options.Path }
	inproc.Idle = func(server any) (bool, uint64) {
		d := server.(*Server).dispatcher
		return d.busy() == 0, d.bursts.Load()
	}
}

// detach runs the server without a network.
func (s *Server) detach(clock loop.Clock) (*loop.Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.group != nil {
		return nil, ErrClosed
	}
	g := loop.NewGroup(loop.Options{
		App: (*app)(s), Config: s.config(), Loops: s.loops, MaxConns: s.options.MaxConns,
		Clock: clock, Logger: s.logger,
	})
	if err := g.Detach(); err != nil {
		return nil, err
	}
	s.group = g
	close(s.started)
	return g, nil
}
