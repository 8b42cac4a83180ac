package sio

import (
	"errors"

	"github.com/e6a90ca8/sio/internal/inproc"
	"github.com/e6a90ca8/sio/loop"
)

func init() {
	inproc.Detach = func(server any, clock loop.Clock) (*loop.Group, error) {
		return server.(*Server).detach(clock)
	}
	inproc.Stream = func(server any, p loop.PacketStream) error {
		g := server.(*Server).summon()
		if g == nil {
			return errNotRunning
		}
		return g.Packets(p)
	}
	inproc.Path = func(server any) string { return server.(*Server).options.Path }
	inproc.Idle = func(server any) (bool, uint64) {
		d := server.(*Server).dispatcher
		return d.idle(), d.bursts.Load()
	}
}

var errNotRunning = errors.New("sio: the server does not run")

// detach runs the server without a network.
func (s *Server) detach(clock loop.Clock) (*loop.Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.beginLocked(loop.Options{Clock: clock})
	if err != nil {
		return nil, err
	}
	if err := g.Detach(); err != nil {
		s.group = nil
		return nil, err
	}
	close(s.started)
	return g, nil
}
