// Command nethttp mounts a Socket.IO server in net/http, beside a page and behind sessions
// with cookies.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/alexedwards/scs/v2"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
)

func main() {
	addr := flag.String("addr", ":3000", "where to listen")
	flag.Parse()
	sessions := scs.New()
	srv, err := app.New(sio.Options{
		// Here and not around the handler: so the cookie of a session that a WebSocket began
		// is in its 101.
		HTTP: []func(http.Handler) http.Handler{sessions.LoadAndSave, visits(sessions)},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Serve(*addr, routes(srv), srv); err != nil {
		log.Fatal(err)
	}
}

func routes(srv *sio.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", app.Identify(srv.Handler()))
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	return mux
}

// visits counts the handshakes of each session.
func visits(sessions *scs.SessionManager) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !r.URL.Query().Has("sid") {
				sessions.Put(r.Context(), "visits", sessions.GetInt(r.Context(), "visits")+1)
			}
			next.ServeHTTP(w, r)
		})
	}
}
