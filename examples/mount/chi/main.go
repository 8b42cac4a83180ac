// Command chi mounts a Socket.IO server in a chi router, behind its usual middlewares.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
)

func main() {
	addr := flag.String("addr", ":3000", "where to listen")
	flag.Parse()
	srv, err := app.New(sio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Serve(*addr, routes(srv), srv); err != nil {
		log.Fatal(err)
	}
}

func routes(srv *sio.Server) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Logger, middleware.Recoverer, middleware.Compress(5), app.Identify)
	r.Handle("/socket.io/*", srv.Handler())
	r.Get("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	return r
}
