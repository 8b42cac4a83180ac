// Command twin is ../js/twin/server.mjs in Go: see ../../docs/from-node.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio"
)

// What is said, with its types.
const (
	Enter    sio.Event[string]                       = "enter"
	Entered  sio.Event[string]                       = "entered"
	Divide   sio.Request2[float64, float64, float64] = "divide"
	Reverse  sio.Request[sio.Binary, sio.Binary]     = "reverse"
	Number   sio.Request[any, int]                   = "number?"
	YourVote sio.Request[any, string]                = "your vote?"
	Vote     sio.Event[string]                       = "vote"
	Shout    sio.Event[string]                       = "shout"
	Match    sio.Event[int]                          = "match"
	Who      sio.Request[string, []string]           = "who"
	Kick     sio.Event[string]                       = "kick"
)

var name = sio.NewSlot[string]()

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	var figures struct {
		sync.Mutex
		refused   []string
		positions int
		seen      map[string]bool
	}
	figures.refused, figures.seen = []string{}, make(map[string]bool)

	// 1. options
	srv, err := sio.New(sio.Options{
		PingInterval: 10 * time.Second,
		MaxPayload:   100_000,
		AllowEIO3:    true,

		// 2. pages of other origins
		CORS: &sio.CORS{
			Origins:        []string{"https://play.example"},
			OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`\.play\.example$`)},
			Credentials:    true,
		},

		// 3. a cookie for the load balancer
		Cookie: &sio.Cookie{Name: "lb", SameSite: http.SameSiteStrictMode},

		// 4. clients that come back to where they were
		Recovery: &sio.Recovery{
			Window: time.Minute,
		},

		// 5. who may connect at all
		AllowRequest: func(ctx context.Context, h *sio.Handshake) error {
			if h.Field("X-Region") == "moon" {
				return sio.Forbid("not from there")
			}
			return nil
		},

		// 6. refusals are watched
		OnHandshakeError: func(e *sio.HandshakeError) {
			figures.Lock()
			defer figures.Unlock()
			if e.Code == 4 {
				figures.refused = append(figures.refused, e.Message)
			}
		},

		// 7. middlewares for HTTP
		HTTP: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Served-By", "twin")
				next.ServeHTTP(w, r)
			})
		}},
	})
	if err != nil {
		log.Fatal(err)
	}

	// 8. a middleware that lets in, and says why not
	srv.Use(func(ctx context.Context, s *sio.Socket) error {
		var auth struct{ Name string }
		if s.Handshake().DecodeAuth(&auth) == nil && auth.Name != "" {
			name.Set(s, auth.Name)
			return nil
		}
		return sio.Refuse{Message: "who are you?", Data: map[string]any{"need": []string{"name"}}}
	})

	// 9. rooms: everybody but the sender
	Enter.On(srv, func(s *sio.Socket, room string) error {
		if err := s.Join(room); err != nil {
			return err
		}
		return Entered.Emit(s.To(room), name.Get(s))
	})

	// 10. an acknowledgement with a value, or an error
	Divide.Handle(srv, func(ctx context.Context, s *sio.Socket, a, b float64) (float64, error) {
		if b == 0 {
			return 0, sio.Fail{Code: "zero", Message: "division by zero"}
		}
		return a / b, nil
	})

	// 11. binary in both directions
	Reverse.Handle(srv, func(ctx context.Context, s *sio.Socket, b sio.Binary) (sio.Binary, error) {
		slices.Reverse(b)
		return b, nil
	})

	// 12. a question to one client, with a time limit
	srv.On("guess", func(s *sio.Socket, m *sio.Msg) error {
		ctx, cancel := context.WithTimeout(s.Context(), 2*time.Second)
		defer cancel()
		n, err := Number.Call(ctx, s, nil)
		if err != nil {
			return err
		}
		return s.Emit("guessed", n*2)
	})

	// 13. a question to a room
	Vote.On(srv, func(s *sio.Socket, room string) error {
		ctx, cancel := context.WithTimeout(s.Context(), 2*time.Second)
		defer cancel()
		var votes []string
		for vote, err := range YourVote.CallAll(ctx, srv.To(room), nil) {
			if err != nil {
				return err
			}
			votes = append(votes, vote)
		}
		slices.Sort(votes)
		return srv.To(room).Emit("votes", votes)
	})

	// 14. several rooms, with exceptions
	Shout.On(srv, func(s *sio.Socket, text string) error {
		return srv.To("red", "blue").Except("quiet").Emit("shouted", text)
	})

	// 15. relays: the arguments as they came
	srv.On("relay", func(s *sio.Socket, m *sio.Msg) error {
		return m.Forward(s.Broadcast(), "relayed")
	})

	// 16. events that may be dropped
	srv.On("position", func(s *sio.Socket, m *sio.Msg) error {
		return m.Forward(s.Self().Volatile(), "position")
	})

	// 17. what leaves, seen before it does
	srv.OnOutgoing(func(s *sio.Socket, m *sio.Msg) {
		figures.Lock()
		defer figures.Unlock()
		if m.Event() == "position" {
			figures.positions++
		}
	})

	// 18. the rooms, while they are still there
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		for _, room := range s.Rooms() {
			if room != s.ID() {
				s.To(room).Emit("left", name.Get(s), r)
			}
		}
	})

	// 19. once
	srv.OnConnect(func(s *sio.Socket) {
		s.Once("ready", func(s *sio.Socket, m *sio.Msg) error { return s.Emit("set") })
	})

	// 20. everything that comes
	srv.OnAny(func(s *sio.Socket, m *sio.Msg) error {
		figures.Lock()
		defer figures.Unlock()
		figures.seen[m.Event()] = true
		return nil
	})

	// 21. rules for each event
	srv.Wrap(func(next sio.Handler) sio.Handler {
		return func(s *sio.Socket, m *sio.Msg) error {
			if strings.HasPrefix(m.Event(), "admin:") {
				return errors.New("forbidden")
			}
			return next(s, m)
		}
	})
	srv.OnError(func(s *sio.Socket, err error) { s.Emit("denied", errors.Unwrap(err).Error()) })

	// 22. namespaces that are made when somebody asks for them
	srv.OfRegexp(regexp.MustCompile(`^/match-(?P<n>\d+)$`)).OnConnect(func(s *sio.Socket) {
		n, _ := strconv.Atoi(s.Param("n"))
		Match.Emit(s, n)
	})

	// 23. operations on many sockets
	control := srv.Of("/control")
	Who.Handle(control, func(ctx context.Context, s *sio.Socket, room string) ([]string, error) {
		list, err := srv.To(room).Fetch(ctx)
		names := make([]string, 0, len(list))
		for _, r := range list {
			if k, ok := r.Socket(); ok {
				names = append(names, name.Get(k))
			}
		}
		slices.Sort(names)
		return names, err
	})
	control.On("move", func(s *sio.Socket, m *sio.Msg) error {
		from, _ := m.Str(0)
		to, err := m.Str(1)
		if err == nil {
			err = srv.To(from).Join(s.Context(), to)
		}
		if err == nil {
			err = srv.To(from).Leave(s.Context(), from)
		}
		if err != nil {
			return err
		}
		return m.Ack()
	})
	Kick.On(control, func(s *sio.Socket, room string) error {
		return srv.To(room).Disconnect(s.Context(), sio.Disconnect{})
	})
	control.On("figures", func(s *sio.Socket, m *sio.Msg) error {
		figures.Lock()
		defer figures.Unlock()
		return m.Ack(map[string]any{
			"refused": figures.refused, "seen": slices.Sorted(maps.Keys(figures.seen)),
			"positions": figures.positions, "clients": srv.Stats().Sessions,
		})
	})

	// ... and off it goes.
	port := "3000"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	go func() {
		<-srv.Started()
		_, port, _ := strings.Cut(srv.Addrs()[0].String(), ":")
		fmt.Println("listening on", port)
	}()
	if err := srv.Run(ctx, "127.0.0.1:"+port); err != nil {
		log.Fatal(err)
	}
}
