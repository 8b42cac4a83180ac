package app

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio"
)

// Serve serves h, in which srv is mounted, on addr until the process is told to stop. The
// order of the end matters: http.Server.Shutdown waits for polls and knows nothing of
// WebSockets, so Socket.IO goes first.
func Serve(addr string, h http.Handler, srv *sio.Server) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.ListenAndServe() }()
	log.Printf("http://localhost%s", addr)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(srv.Close(), s.Shutdown(end)); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
