package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/e6a90ca8/sio"
)

// mounted serves the application by net/http: polling, WebSockets, HTTPS and HTTP/2 alike.
func (a *app) mounted(f *flags) error {
	ran := make(chan error, 1)
	started := a.srv.Started()
	go func() { ran <- a.srv.Run(a.ctx) }()
	select {
	case <-started:
	case err := <-ran:
		return err
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", f.port))
	if err != nil {
		return err
	}
	s := &http.Server{Handler: a.srv.Handler(), TLSConfig: f.options.TLS, ReadHeaderTimeout: 10 * time.Second}
	scheme, serve := "http", s.Serve
	if f.cert != "" {
		scheme, serve = "https", func(l net.Listener) error { return s.ServeTLS(l, f.cert, f.key) }
	}
	if f.options.Transports&sio.WebTransport != 0 {
		if err := withQUIC(a.ctx, a.srv, l.Addr()); err != nil {
			return err
		}
	}
	served := make(chan error, 1)
	go func() { served <- serve(l) }()
	fmt.Printf("listening %s://%s\n", scheme, l.Addr())
	select {
	case err := <-served:
		return err
	case err := <-ran: // clients have been told, and handlers are done
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		_ = s.Close() // of connections that never sent a request
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return a.srv.Close() // waits for the handlers of the last disconnects
}

// stamped is a middleware that clients do not notice.
func stamped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-App-Middleware", "1")
		next.ServeHTTP(w, r)
	})
}
