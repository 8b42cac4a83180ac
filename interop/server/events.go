package main

import (
	"cmp"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio"
)

// Events whose arguments and answer have fixed types.
const (
	give         sio.Event[string]               = "give"
	join         sio.Request[[]string, []string] = "join"
	leave        sio.Request[string, []string]   = "leave"
	refuse       sio.Request[string, [2]bool]    = "refuse"
	disconnectMe sio.Event[bool]                 = "disconnect.me"
)

// common installs the events that all namespaces but /control and /never have.
func (a *app) common(n *sio.Namespace) {
	n.OnConnect(func(s *sio.Socket) {
		a.records.begin(s.ID())
		if s.Recovered() {
			return // the tag is kept
		}
		var auth struct{ Tag any }
		if s.Handshake().DecodeAuth(&auth) == nil {
			tag.Set(s, auth.Tag)
		}
	})
	n.OnError(a.failed)
	n.OnDisconnect(a.ended)

	for _, event := range []string{"echo", "message"} {
		n.On(event, echo, a.echoing...)
	}
	n.On("42", renamed("numeric"), a.echoing...)
	n.On("error", renamed("error.seen"), a.echoing...)
	n.On("kinds", kinds, a.echoing...)
	give.On(n, func(s *sio.Socket, name string) error {
		args, err := gift(name)
		if err != nil {
			return err
		}
		return s.Emit("given", args...)
	})
	n.On("reply", reply)
	n.On("burst", burst)

	n.On("ack.twice", func(_ *sio.Socket, m *sio.Msg) error {
		if err := m.Ack("first"); err != nil {
			return err
		}
		if err := m.Ack("second"); !errors.Is(err, sio.ErrNoAck) {
			return errors.New("a second acknowledgement was sent")
		}
		return nil
	})
	n.On("ack.never", func(*sio.Socket, *sio.Msg) error { return nil })
	n.On("flaky", a.flaky)
	n.On("ask", func(s *sio.Socket, m *sio.Msg) error { return ask(s, m, 0) })

	join.Handle(n, func(_ ctx, s *sio.Socket, rooms []string) ([]string, error) {
		err := s.Join(rooms...)
		return sorted(s.Rooms()), err
	})
	leave.Handle(n, func(_ ctx, s *sio.Socket, room string) ([]string, error) {
		err := s.Leave(room)
		return sorted(s.Rooms()), err
	})
	n.On("rooms", func(s *sio.Socket, m *sio.Msg) error { return m.Ack(sorted(s.Rooms())) })
	n.On("cast", func(s *sio.Socket, m *sio.Msg) error { return emitCast(s.Namespace(), s, m, 0) })
	n.On("cast.ask", func(s *sio.Socket, m *sio.Msg) error { return askCast(s.Namespace(), s, m, 0) }, sio.Free)

	n.On("about", about)
	n.On("handshake", handshake)
	refuse.Handle(n, func(_ ctx, s *sio.Socket, name string) ([2]bool, error) {
		one := s.Emit(name)
		all := s.Namespace().Emit(name)
		return [2]bool{errors.Is(one, sio.ErrReservedEvent), errors.Is(all, sio.ErrReservedEvent)}, nil
	})
	disconnectMe.On(n, func(s *sio.Socket, all bool) error {
		s.Disconnect(sio.Disconnect{Close: all})
		return nil
	})
	n.On("cut", func(s *sio.Socket, _ *sio.Msg) error {
		s.Conn().Close(false)
		return nil
	})
}

// echo sends the arguments back: to one who wants an answer, in it.
func echo(s *sio.Socket, m *sio.Msg) error {
	if !m.WantsAck() {
		return m.Forward(s, m.Event())
	}
	args, err := rest(m, 0)
	if err != nil {
		return err
	}
	return m.Ack(args...)
}

// renamed sends the arguments back as another event.
func renamed(event string) sio.Handler {
	return func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, event) }
}

func kinds(_ *sio.Socket, m *sio.Msg) error {
	args, err := m.Args()
	if err != nil {
		return err
	}
	list := make([]string, len(args))
	for i, v := range args {
		list[i] = kind(v)
	}
	return m.Ack(list)
}

func reply(s *sio.Socket, m *sio.Msg) error {
	var how struct {
		Volatile bool
		Compress *bool
	}
	if err := m.Decode(0, &how); err != nil {
		return err
	}
	event, err := m.Str(1)
	if err != nil {
		return err
	}
	args, err := rest(m, 2)
	if err != nil {
		return err
	}
	to := s.Self()
	if how.Volatile {
		to = to.Volatile()
	}
	if how.Compress != nil {
		to = to.Compress(*how.Compress)
	}
	return to.Emit(event, args...)
}

func burst(s *sio.Socket, m *sio.Msg) error {
	n, err1 := m.Int(0)
	event, err2 := m.Str(1)
	var how struct {
		Volatile bool
		Pad      int
	}
	if err := cmp.Or(err1, err2, m.Decode(2, &how)); err != nil {
		return err
	}
	to := s.Self()
	if how.Volatile {
		to = to.Volatile()
	}
	padding := strings.Repeat("x", how.Pad)
	for i := range n {
		if err := to.Emit(event, i, padding); err != nil {
			return err
		}
	}
	return m.Ack()
}

// attempts counts those of flaky, over the whole process.
type attempts struct {
	mu sync.Mutex
	of map[string]int
}

func (a *app) flaky(_ *sio.Socket, m *sio.Msg) error {
	key, err1 := m.Str(0)
	failures, err2 := m.Int(1)
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	a.attempts.mu.Lock()
	a.attempts.of[key]++
	n := a.attempts.of[key]
	a.attempts.mu.Unlock()
	if int64(n) <= failures {
		return nil
	}
	return m.Ack(n)
}

// about and handshake answer with members in this order.

func about(s *sio.Socket, m *sio.Msg) error {
	return m.Ack(struct {
		ID        string   `json:"id"`
		Nsp       string   `json:"nsp"`
		Transport string   `json:"transport"`
		Protocol  int      `json:"protocol"`
		Connected bool     `json:"connected"`
		Recovered bool     `json:"recovered"`
		Tag       any      `json:"tag"`
		Trail     []string `json:"trail"`
	}{
		ID: s.ID(), Nsp: s.Namespace().Name(), Transport: s.Transport(), Protocol: s.Conn().Protocol(),
		Connected: s.Connected(), Recovered: s.Recovered(), Tag: tag.Get(s), Trail: append([]string{}, trail.Get(s)...),
	})
}

func handshake(s *sio.Socket, m *sio.Msg) error {
	h := s.Handshake()
	header := make(map[string]string)
	for name, values := range h.Header() {
		header[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	auth := h.Auth()
	if len(auth) == 0 {
		auth = sio.Raw("{}")
	}
	return m.Ack(struct {
		Headers map[string]string `json:"headers"`
		Query   map[string]string `json:"query"`
		Auth    sio.Raw           `json:"auth"`
		Address string            `json:"address"`
		XDomain bool              `json:"xdomain"`
		Secure  bool              `json:"secure"`
		Issued  int64             `json:"issued"`
		URL     string            `json:"url"`
	}{
		Headers: header, Query: query(h), Auth: auth, Address: h.Address().Addr().String(),
		XDomain: h.CrossDomain(), Secure: h.Secure(), Issued: h.Time().UnixMilli(), URL: h.URL(),
	})
}

// query is the handshake's query, of a repeated key the last value.
func query(h *sio.Handshake) map[string]string {
	q := make(map[string]string)
	for name, values := range h.Query() {
		q[name] = values[len(values)-1]
	}
	return q
}

// ---- questions to clients

// An answer is what ask and cast.ask answer with.
type answer struct {
	Error  any   `json:"error"` // null, "timeout", "disconnected" or "unknown"
	Values []any `json:"values"`
}

// ask puts a question to the socket of, with the time, event and arguments that m has
// from index i on, and answers m with what comes back. It does not wait: the asker's
// next events are handled meanwhile.
func ask(of *sio.Socket, m *sio.Msg, i int) error {
	ms, err1 := m.Int(i)
	event, err2 := m.Str(i + 1)
	args, err3 := rest(m, i+2)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	asker := m.Keep()
	err := of.AskFunc(time.Duration(ms)*time.Millisecond, func(reply *sio.Msg, err error) {
		a := answer{Error: why(err), Values: []any{}}
		if err == nil {
			if a.Values, err = rest(reply, 0); err != nil {
				a.Error = err.Error()
			}
		}
		_ = asker.Ack(a) // fails only if the asker has left
	}, event, args...)
	if errors.Is(err, sio.ErrClosed) {
		return asker.Ack(answer{Error: "disconnected", Values: []any{}})
	}
	return err
}
