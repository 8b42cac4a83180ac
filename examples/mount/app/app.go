// Package app is what the programs beside it serve: a room in which everybody hears what
// somebody says, and a name for each client that a middleware of the HTTP server found out.
package app

import (
	"context"
	"net/http"

	"github.com/e6a90ca8/sio"
)

// Line is what is said in the room.
type Line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// The events.
const (
	Say  sio.Event[string]           = "say"
	Who  sio.Request[string, string] = "who" // answers with the client's name
	Hear sio.Event[Line]             = "hear"
)

type userKey struct{}

// Identify attaches the user to each request; a real one would check the cookie or token. It
// is a middleware as every router takes them.
func Identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			user = "guest"
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

// User is who Identify has found.
func User(ctx context.Context) string {
	user, _ := ctx.Value(userKey{}).(string)
	return user
}

// New makes the Socket.IO server.
func New(o sio.Options) (*sio.Server, error) {
	srv, err := sio.New(o)
	if err != nil {
		return nil, err
	}
	srv.OnConnect(func(s *sio.Socket) { _ = s.Join("room") })
	Say.On(srv, func(s *sio.Socket, text string) error {
		return Hear.Emit(srv.To("room"), Line{User(s.Handshake().Context()), text})
	})
	Who.Handle(srv, func(_ context.Context, s *sio.Socket, _ string) (string, error) {
		return User(s.Handshake().Context()), nil
	})
	return srv, nil
}
