package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/e6a90ca8/sio"
)

// app is the application and all that it remembers.
type app struct {
	ctx      context.Context // ends when the server is to stop
	srv      *sio.Server
	parent   *sio.Namespace // of /dyn/...
	records  records
	refusals refusals
	attempts attempts

	echoing []sio.HandlerOption // how the events that echo are handled
}

// What a socket carries for its namespace's code.
var (
	tag   = sio.NewSlot[any]()      // of the CONNECT's auth
	trail = sio.NewSlot[[]string]() // of /chain
)

func newApp(ctx context.Context, f *flags) (*app, error) {
	a := &app{ctx: ctx}
	a.attempts.of = make(map[string]int)
	a.records.byID = make(map[string]*record)
	if f.inline {
		a.echoing = append(a.echoing, sio.Inline)
	}
	o := f.options
	o.AllowRequest = admit
	o.OnHeaders = headers
	o.OnHandshakeError = a.refusals.add
	if f.generateID {
		o.GenerateID = sessionID
	}
	var err error
	if a.srv, err = sio.New(o); err != nil {
		return nil, err
	}
	a.namespaces()
	return a, nil
}

// ---- hooks of the handshake

func admit(_ context.Context, h *sio.Handshake) error {
	if deny, ok := h.Query()["deny"]; ok {
		return sio.Forbid(deny[len(deny)-1])
	}
	return nil
}

func headers(add http.Header, _ *sio.Handshake, initial bool) {
	add.Set("x-app-every", "1")
	if initial {
		add.Set("x-app-initial", "1")
	}
}

func sessionID(_ context.Context, h *sio.Handshake) (string, error) {
	switch id := h.Query().Get("id"); id {
	case "fail":
		return "", errors.New("no id today")
	case "":
		var b [15]byte
		_, _ = rand.Read(b[:]) // never fails
		return base64.URLEncoding.EncodeToString(b[:]), nil
	default:
		return id, nil
	}
}

// ---- namespaces

func (a *app) namespaces() {
	a.common(a.srv.Namespace)
	a.common(a.srv.Of("/static"))

	a.parent = a.srv.OfPattern("/dyn/{segment}")
	a.common(a.parent)
	a.common(a.srv.OfFunc(allowed))

	auth := a.srv.Of("/auth")
	auth.Use(checkToken)
	a.common(auth)

	enter := a.srv.Of("/enter")
	enter.Use(enterRooms)
	a.common(enter)

	chain := a.srv.Of("/chain")
	chain.Use(step("one"))
	chain.Use(step("two"))
	a.common(chain)

	a.srv.Of("/never").Use(func(ctx context.Context, _ *sio.Socket) error {
		<-ctx.Done()
		return ctx.Err()
	})

	watch := a.srv.Of("/watch")
	a.common(watch)
	watched(watch)

	a.control(a.srv.Of("/control"))
}

func allowed(_ context.Context, name string, auth sio.Raw) error {
	var a struct{ Allow any }
	if strings.HasPrefix(name, "/fn/") && decode(auth, &a) && a.Allow == true {
		return nil
	}
	return errors.New("not allowed")
}

func checkToken(_ context.Context, s *sio.Socket) error {
	auth := make(map[string]any)
	if err := s.Handshake().DecodeAuth(&auth); err != nil {
		return err
	}
	switch token, ok := auth["token"]; {
	case !ok:
		return sio.Refuse{Message: "no token"}
	case token == "good":
		return nil
	default:
		return sio.Refuse{Message: "unauthorized", Data: unauthorized{401, token, []any{"ask", map[string]bool{"again": true}}}}
	}
}

type unauthorized struct {
	Code  int   `json:"code"`
	Seen  any   `json:"seen"`
	Hints []any `json:"hints"`
}

func enterRooms(_ context.Context, s *sio.Socket) error {
	if err := s.Join("enter:a", "enter:b"); err != nil {
		return err
	}
	var auth struct{ Fail bool }
	if err := s.Handshake().DecodeAuth(&auth); err != nil {
		return err
	}
	if auth.Fail {
		return sio.Refuse{Message: "not this time"}
	}
	return nil
}

// step is a middleware of /chain.
func step(name string) func(context.Context, *sio.Socket) error {
	return func(_ context.Context, s *sio.Socket) error {
		so := append(trail.Get(s), name+":"+text(s.Connected()))
		trail.Set(s, so)
		var auth struct{ Stop string }
		if err := s.Handshake().DecodeAuth(&auth); err != nil {
			return err
		}
		if auth.Stop == name {
			return sio.Refuse{Message: "stopped", Data: map[string]any{"trail": so}}
		}
		return nil
	}
}

// ---- /watch

// seen is what a socket of /watch has noted.
type seen struct {
	mu  sync.Mutex
	in  []string
	out []string
}

var notes = sio.NewSlot[*seen]()

// watched adds what /watch has beyond the common events. Incoming events are noted in
// the order of the socket's handlers, outgoing ones by whoever sends them: hence the
// lock.
func watched(n *sio.Namespace) {
	n.OnConnect(func(s *sio.Socket) {
		w := &seen{in: []string{}, out: []string{}}
		notes.Set(s, w)
		s.OnAny(func(_ *sio.Socket, m *sio.Msg) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.in = append(w.in, m.Event())
			return nil
		})
		s.OnOutgoing(func(_ *sio.Socket, m *sio.Msg) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.out = append(w.out, m.Event())
		})
		s.Use(func(_ *sio.Socket, m *sio.Msg) error {
			if m.Event() != "blocked" {
				return nil
			}
			args, err := m.Args()
			if err != nil {
				return err
			}
			return sio.Refuse{Message: "blocked", Data: map[string]any{"args": args}}
		})
	})
	n.On("blocked", func(s *sio.Socket, _ *sio.Msg) error { return s.Emit("blocked.ran") })
	n.On("report", func(s *sio.Socket, m *sio.Msg) error {
		w := notes.Get(s)
		w.mu.Lock()
		defer w.mu.Unlock()
		return m.Ack(struct {
			In  []string `json:"in"`
			Out []string `json:"out"`
		}{w.in, w.out})
	})
}
