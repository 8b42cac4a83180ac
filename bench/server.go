package bench

import "context"

// A Server is a child process that [StartServer] has started. Its methods are for
// any goroutine.
type Server struct{ child *child }

// StartServer starts a server and waits until it listens, half a minute at most.
func StartServer(ctx context.Context, spec ServerSpec) (*Server, error) {
	c, err := startChild(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &Server{c}, nil
}

// URL is where the server listens.
func (s *Server) URL() string { return s.child.url }

// PID is the server's process.
func (s *Server) PID() int { return s.child.cmd.Process.Pid }

// Stop ends the process, by SIGTERM at first and by SIGKILL after five seconds, and
// waits for it.
func (s *Server) Stop() { s.child.stop() }
