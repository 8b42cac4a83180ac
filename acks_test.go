package sio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestAcksToClients (K02): the first answer wins, may hold buffers, may come late and
// from another goroutine; events that want none get none.
func TestAcksToClients(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			errs := make(chan error, 10)
			srv.On("twice", func(s *sio.Socket, m *sio.Msg) error {
				if !m.WantsAck() {
					t.Error("no answer wanted")
				}
				errs <- m.Ack("first", []byte("bin"), map[string]any{"b": []byte("in")})
				if m.WantsAck() {
					t.Error("an answer is still wanted")
				}
				errs <- m.Ack("second")
				return errors.New("told to OnError only")
			})
			srv.On("late", func(s *sio.Socket, m *sio.Msg) error {
				k := m.Keep()
				if m.WantsAck() || !errors.Is(m.Ack(), sio.ErrNoAck) {
					t.Error("the right to answer did not go with Keep")
				}
				go func() { errs <- k.Ack("late", k.Len()) }()
				return nil
			})
			srv.On("bad", func(s *sio.Socket, m *sio.Msg) error {
				errs <- m.Ack(make(chan int))
				return m.Ack("good") // the right was not used up
			})
			srv.On("none", func(s *sio.Socket, m *sio.Msg) error {
				errs <- m.Ack()
				return nil
			}, sio.Inline)
			c := siotest.Dial(t, srv, "/", tc.opts...)
			e, err := c.Ask(t.Context(), "twice")
			if err != nil || e.Len() != 3 {
				t.Fatal(e, err)
			}
			args, err := e.Args()
			if err != nil || fmt.Sprint(args) != fmt.Sprint([]any{"first", []byte("bin"), map[string]any{"b": []byte("in")}}) {
				t.Errorf("got %v %v", args, err)
			}
			if err := recv(t, errs); err != nil {
				t.Error(err)
			}
			if err := recv(t, errs); !errors.Is(err, sio.ErrNoAck) {
				t.Error(err)
			}
			e, err = c.Ask(t.Context(), "late", 1, 2)
			if err != nil || e.String() != `("late", 2)` {
				t.Error(e, err)
			}
			if err := recv(t, errs); err != nil {
				t.Error(err)
			}
			e, err = c.Ask(t.Context(), "bad")
			if err != nil || e.String() != `("good")` {
				t.Error(e, err)
			}
			if err := recv(t, errs); err == nil {
				t.Error("a channel was encoded")
			}
			emit(t, c, "none")
			if err := recv(t, errs); !errors.Is(err, sio.ErrNoAck) {
				t.Error(err)
			}
			c.ExpectNone()
		})
	}
}

// TestAckAfterDisconnect (K02): an answer to a client that has gone is an error, and goes to
// nobody else. Faults table, cases 69 and 70.
func TestAckAfterDisconnect(t *testing.T) {
	srv := newServer(t, sio.Options{})
	kept := make(chan *sio.Msg, 1)
	srv.On("keep", func(s *sio.Socket, m *sio.Msg) error { kept <- m.Keep(); return nil })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	go c.Ask(t.Context(), "keep")
	m := recv(t, kept)
	c.Cut()
	clock.Settle()
	other := siotest.Dial(t, srv, "/")
	if err := m.Ack("too late"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Ack: %v", err)
	}
	if err := m.Forward(m.Socket(), "x"); !errors.Is(err, sio.ErrClosed) {
		t.Errorf("Forward: %v", err)
	}
	m.Socket().Disconnect(sio.Disconnect{Close: true})
	m.Socket().Disconnect(sio.Disconnect{AllowReconnect: true})
	m.Socket().Conn().Close(true)
	m.Socket().Conn().Close(false)
	other.ExpectNone()
	if other.Reason() != "" {
		t.Error("another client was disconnected")
	}
}

// TestAckWithRaws: an answer may be made of the event's own arguments, which were checked
// when they came, and of other JSON text, also a part of them, which was not.
func TestAckWithRaws(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.On("same", func(s *sio.Socket, m *sio.Msg) error {
		return m.Ack(sio.Raw(m.Raw(1)), sio.Raw(`{"new":1}`), sio.Raw(m.Raw(0)))
	})
	bad := make(chan error, 2)
	srv.On("part", func(s *sio.Socket, m *sio.Msg) error {
		bad <- m.Ack(sio.Raw(m.Raw(0)[1:]))
		bad <- m.Ack(sio.Raw(m.Raw(0)[:2]))
		return m.Ack(sio.Raw(m.Raw(0)[1:2]))
	})
	c := siotest.Dial(t, srv, "/")
	got, err := c.Ask(t.Context(), "same", "a", []int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Is([]int{1, 2}, map[string]int{"new": 1}, "a") {
		t.Errorf("got %v", got)
	}
	got, err = c.Ask(t.Context(), "part", []int{7})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Is(7) {
		t.Errorf("got %v", got)
	}
	for range 2 {
		if <-bad == nil {
			t.Error("what is no JSON was sent")
		}
	}
}

// TestUnknownAcks (K03): answers that nobody waits for are ignored, and so are second
// ones; ids are counted by namespace.
func TestUnknownAcks(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.Of("/n")
	a := siotest.Dial(t, srv, "/")
	b := siotest.Dial(t, srv, "/")
	n := a.Of("/n")
	for _, p := range []string{`430[]`, `4399["x"]`, `439007199254740991[]`, `43/n,7[]`} {
		if err := a.SendRaw(p); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(e *siotest.Event) {
		e.Ack("1")
		e.Ack("2")
	}
	for _, c := range []*siotest.Client{a, b, n} {
		c.On("q", answer)
	}
	for range 3 {
		for _, s := range []*sio.Socket{socket(t, srv, a), socket(t, srv, b), socket(t, srv.Of("/n"), n)} {
			m, err := s.Ask(t.Context(), "q")
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := m.Str(0); v != "1" {
				t.Errorf("got %q", v)
			}
		}
	}
	a.ExpectNone()
	if a.Reason() != "" {
		t.Errorf("the client was disconnected: %s", a.Reason())
	}
}

// TestAskFunc (K04): the answer, or the error, comes in the order of the socket's handlers,
// and can be asked for on a loop.
func TestAskFunc(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	note := func(who string) func(*sio.Msg, error) {
		return func(m *sio.Msg, err error) {
			if err != nil {
				l.add("%s: %v", who, err)
				return
			}
			v, _ := m.Str(0)
			l.add("%s: %s", who, v)
		}
	}
	hold := make(chan struct{})
	srv.On("go", func(s *sio.Socket, m *sio.Msg) error {
		if err := s.AskFunc(0, note("inline"), "ask", "x"); err != nil {
			t.Error(err)
		}
		return nil
	}, sio.Inline)
	srv.On("block", func(s *sio.Socket, m *sio.Msg) error { recv(t, hold); l.add("block"); return nil })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	c.On("ask", func(e *siotest.Event) { e.Ack("answer") })
	emit(t, c, "go")
	clock.Settle()
	l.want(t, "inline: answer")

	emit(t, c, "block")
	clock.Advance(100 * time.Millisecond)
	if err := s.AskFunc(time.Hour, note("behind"), "ask"); err != nil {
		t.Error(err)
	}
	clock.Advance(100 * time.Millisecond)
	l.want(t)
	hold <- struct{}{}
	clock.Settle()
	l.want(t, "block", "behind: answer")

	got := make(chan error, 1)
	if err := s.AskFunc(time.Nanosecond, func(m *sio.Msg, err error) { got <- err }, "silence"); err != nil {
		t.Error(err)
	}
	if err := recv(t, got); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("disconnect") })
	if err := s.AskFunc(time.Hour, note("at the end"), "silence"); err != nil {
		t.Error(err)
	}
	clock.Settle()
	c.Cut()
	clock.Settle()
	l.want(t, "at the end: sio: socket has been disconnected", "disconnect")
	if err := s.AskFunc(0, note("never"), "ask"); !errors.Is(err, sio.ErrClosed) {
		t.Error(err)
	}
	if err := s.AskFunc(0, note("never"), "connect"); !errors.Is(err, sio.ErrReservedEvent) {
		t.Error(err)
	}
	clock.Settle()
	l.want(t)
}

// TestAskAll (K06): everybody is asked once, answers come as they come, and the last
// element names those who did not answer.
func TestAskAll(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ctx := context.Background()
	var clients []*siotest.Client
	for i := range 5 {
		opts := []siotest.DialOption{siotest.Loop(i % 2)}
		if i == 4 {
			opts = append(opts, siotest.Polling())
		}
		c := siotest.Dial(t, srv, "/", opts...)
		clients = append(clients, c)
		c.On("ask", func(e *siotest.Event) { e.Ack(i, []byte{byte(i)}) })
		if i < 2 {
			if err := socket(t, srv, c).Join("two"); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := func(to sio.Target, ctx context.Context, event string) (ids []string, last error) {
		t.Helper()
		for r, err := range to.AskAll(ctx, event, "q") {
			if err != nil {
				last = err
				continue
			}
			v, _ := r.Int(0)
			b, ok := r.Binary(1)
			if !ok || int64(b[0]) != v || r.Socket.ID() != clients[v].ID() {
				t.Errorf("socket %q answered %d %v", r.Socket.ID(), v, b)
			}
			ids = append(ids, r.Socket.ID())
		}
		return sorted(ids), last
	}
	ids := func(list ...int) (ids []string) {
		for _, i := range list {
			ids = append(ids, clients[i].ID())
		}
		return sorted(ids)
	}
	for _, tc := range []struct {
		to   sio.Target
		want []string
	}{
		{srv.All(), ids(0, 1, 2, 3, 4)},
		{srv.To("two"), ids(0, 1)},
		{srv.Room("two").Target(), ids(0, 1)},
		{srv.To(clients[3].ID(), "two").Except(clients[0].ID()), ids(1, 3)},
		{socket(t, srv, clients[2]).Broadcast(), ids(0, 1, 3, 4)},
		{socket(t, srv, clients[2]).Self(), ids(2)},
		{srv.To("nobody"), nil},
		{srv.All().Filter(func(*sio.Socket) bool { return false }), nil},
	} {
		if got, err := ask(tc.to, ctx, "ask"); !slices.Equal(got, tc.want) || err != nil {
			t.Errorf("got %q, want %q (%v)", got, tc.want, err)
		}
	}

	// One is silent until everybody has been asked, and then the caller gives up. The others
	// may have answered by then or not; none of them is forgotten.
	var asked sync.WaitGroup
	asked.Add(4)
	for i, c := range clients[1:] {
		c.On("some", func(e *siotest.Event) { e.Ack(i+1, []byte{byte(i + 1)}); asked.Done() })
	}
	short, cancel := context.WithCancelCause(ctx)
	why := errors.New("enough")
	clients[0].On("some", func(*siotest.Event) { asked.Wait(); cancel(why) })
	got, err := ask(srv.All(), short, "some")
	var p *sio.PartialError
	if !errors.As(err, &p) || !errors.Is(err, why) || !slices.Contains(p.Missing, clients[0].ID()) ||
		!slices.Equal(sorted(append(got, p.Missing...)), ids(0, 1, 2, 3, 4)) {
		t.Errorf("got %q, %v", got, err)
	}

	// One leaves.
	for _, c := range clients[1:] {
		c.On("leave", func(e *siotest.Event) { e.Ack(slices.Index(clients, c), []byte{byte(slices.Index(clients, c))}) })
	}
	clients[0].On("leave", func(*siotest.Event) { clients[0].Cut() })
	got, err = ask(srv.All(), ctx, "leave")
	if !slices.Equal(got, ids(1, 2, 3, 4)) || !errors.As(err, &p) || p.Err != nil || !slices.Equal(p.Missing, ids(0)) {
		t.Errorf("got %q, %v", got, err)
	}

	// The caller leaves early.
	n := 0
	for _, err := range srv.All().AskAll(ctx, "ask", "q") {
		if err != nil {
			t.Error(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d elements", n)
	}
	for _, err := range srv.All().AskAll(ctx, "disconnect") {
		if !errors.Is(err, sio.ErrReservedEvent) {
			t.Error(err)
		}
	}
	for _, err := range srv.All().AskAll(ctx, "x", make(chan int)) {
		if err == nil {
			t.Error("a channel was sent")
		}
	}
}

// TestCallAll (K06): the same with types.
func TestCallAll(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	const rq sio.Request[string, string] = "rq"
	siotest.Answer(a, rq, func(v string) (string, error) { return "a " + v, nil })
	b.On("rq", func(e *siotest.Event) { e.Ack(5) })
	var good, bad int
	room := srv.Room("r")
	defer room.Close()
	if err := srv.All().Join(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	for _, to := range []sio.Targeter{srv.All(), room} {
		for v, err := range rq.CallAll(t.Context(), to, "q") {
			switch {
			case err == nil && v == "a q":
				good++
			case err != nil && v == "" && strings.Contains(err.Error(), "argument 0"):
				bad++
			default:
				t.Errorf("got %q %v", v, err)
			}
		}
	}
	if good != 2 || bad != 2 {
		t.Errorf("%d good answers, %d bad ones", good, bad)
	}
	for range rq.CallAll(t.Context(), srv.To("nobody"), "q") {
		t.Error("nobody answered")
	}
}

// TestAsksOfManyGoroutines: questions of several goroutines to several clients, single
// and to all, are not mixed up, and nothing of them is kept. Ecosystem: 500 sockets that
// never answer leave nothing pending.
func TestAsksOfManyGoroutines(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var clients []*siotest.Client
	for i := range 4 {
		c := siotest.Dial(t, srv, "/", siotest.Loop(i%2))
		c.On("echo", func(e *siotest.Event) {
			var v string
			if e.Decode(0, &v) != nil {
				t.Error(e)
			}
			e.Ack(v)
		})
		clients = append(clients, c)
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 100 {
				v := fmt.Sprint(g, i)
				if i%4 == 0 {
					n := 0
					for r, err := range srv.All().AskAll(t.Context(), "echo", v) {
						if err != nil {
							t.Error(err)
							continue
						}
						if got, _ := r.Str(0); got != v {
							t.Errorf("asked %q, got %q", v, got)
						}
						n++
					}
					if n != len(clients) {
						t.Errorf("%d answers", n)
					}
					continue
				}
				m, err := socket(t, srv, clients[g]).Ask(t.Context(), "echo", v)
				if err != nil {
					t.Error(err)
				} else if got, _ := m.Str(0); got != v {
					t.Errorf("asked %q, got %q", v, got)
				}
			}
		})
	}
	all.Wait()
	for range 50 { // never answered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range srv.All().AskAll(ctx, "silence") {
		}
		_, _ = socket(t, srv, clients[0]).Ask(ctx, "silence")
	}
	siotest.Start(t, srv).Settle()
	for _, c := range clients {
		if n := sio.Pending(socket(t, srv, c)); n != 0 {
			t.Errorf("%d acknowledgements are still due", n)
		}
	}
}
