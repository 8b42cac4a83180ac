package sio_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestConnect (C01, C11): a client joins by asking, is told its id, and has another one
// in each namespace and each time.
func TestConnect(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.Of("/chat")
	a := siotest.Dial(t, srv, "/")
	b := a.Of("/chat")
	ids := []string{a.ID(), b.ID(), a.SessionID(), siotest.Dial(t, srv, "/").ID()}
	for i, id := range ids {
		if len(id) != 20 || slices.Contains(ids[:i], id) {
			t.Errorf("ids %q", ids)
		}
	}
	s := socket(t, srv, a)
	if s.ID() != a.ID() || s.Namespace() != srv.Namespace || !s.Connected() || s.Transport() != "websocket" {
		t.Errorf("socket %q of %q, connected %v, by %q", s.ID(), s.Namespace().Name(), s.Connected(), s.Transport())
	}
	if _, ok := srv.Of("/chat").Socket(a.ID()); ok {
		t.Error("a socket is known in another namespace")
	}
	if srv.Len() != 2 || srv.Of("/chat").Len() != 1 {
		t.Errorf("%d and %d sockets", srv.Len(), srv.Of("/chat").Len())
	}
	n := 0
	for s := range srv.Sockets() {
		if !slices.Contains(ids, s.ID()) {
			t.Errorf("unknown socket %q", s.ID())
		}
		n++
		if n == 1 {
			continue
		}
	}
	if n != 2 {
		t.Errorf("%d sockets were met", n)
	}
	for range srv.Sockets() {
		break
	}
}

// TestInvalidNamespace (C02): the client is told, and goes on with others.
func TestInvalidNamespace(t *testing.T) {
	srv := newServer(t, sio.Options{})
	c := siotest.Dial(t, srv, "/")
	_, err := c.TryOf("/nowhere")
	var e *siotest.ConnectError
	if !errors.As(err, &e) || e.Message != "Invalid namespace" || e.Data != nil {
		t.Errorf("got %v", err)
	}
	srv.Of("/nowhere")
	c.Of("/nowhere")
}

// TestWrongState (C03): a second CONNECT for one namespace, and packets for one that was
// not joined, end the connection.
func TestWrongState(t *testing.T) {
	for _, packet := range []string{`40`, `40{}`, `42/chat,["x"]`, `43/chat,1[]`, `41/chat,`, `44{"message":"x"}`, `44/chat,{}`} {
		t.Run(packet, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			srv.Of("/chat")
			ended := make(chan sio.Reason, 1)
			srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) { ended <- r })
			c := siotest.Dial(t, srv, "/")
			if err := c.SendRaw(packet); err != nil {
				t.Fatal(err)
			}
			if r := recv(t, ended); r != sio.ForcedServerClose {
				t.Errorf("reason %q", r)
			}
			c.ExpectEnd("transport close")
		})
	}
}

// TestConnectTimeout (C04): a client that joins nothing in time is disconnected, also
// while Use makes up its mind; one that has joined once never is.
func TestConnectTimeout(t *testing.T) {
	srv := newServer(t, sio.Options{ConnectTimeout: 3 * time.Second})
	asked := make(chan struct{})
	var l log
	srv.Of("/slow").Use(func(ctx context.Context, s *sio.Socket) error {
		close(asked)
		<-ctx.Done()
		var d *sio.DisconnectError
		if errors.As(context.Cause(ctx), &d) {
			l.add("%s, limit %q", d.Reason, d.Limit)
		}
		return nil
	})
	srv.Of("/slow").OnConnect(func(*sio.Socket) { l.add("connected") })
	clock := siotest.Start(t, srv)
	joined := siotest.Dial(t, srv, "/")
	joined.Disconnect()
	result := make(chan error, 1)
	go func() {
		_, err := siotest.TryDial(t, srv, "/slow")
		result <- err
	}()
	recv(t, asked)
	clock.Advance(2900 * time.Millisecond)
	if n := srv.Stats().Sessions; n != 2 {
		t.Fatalf("%d sessions before the timeout", n)
	}
	clock.Advance(200 * time.Millisecond)
	if err := recv(t, result); !errors.Is(err, siotest.ErrClosed) {
		t.Errorf("got %v", err)
	}
	clock.Settle()
	l.want(t, `forced server close, limit "connect timeout"`)
	if n := srv.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions after the timeout", n)
	}
	if err := joined.SendRaw(`40`); err != nil {
		t.Error(err)
	}
	clock.Advance(10 * time.Second)
	if n := srv.Stats().Sessions; n != 1 {
		t.Errorf("the timeout was begun anew")
	}
}

// TestConnectTimeoutBeside (C04; faults, case 71): who is in a namespace and asks for another
// one is disconnected if nobody decides about that in time.
func TestConnectTimeoutBeside(t *testing.T) {
	for _, decides := range []bool{false, true} {
		srv := newServer(t, sio.Options{ConnectTimeout: 3 * time.Second})
		asked, answer := make(chan struct{}, 1), make(chan struct{})
		var l log
		srv.Of("/slow").Use(func(ctx context.Context, s *sio.Socket) error {
			asked <- struct{}{}
			select {
			case <-ctx.Done():
			case <-answer:
			}
			return nil
		})
		srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
			var d *sio.DisconnectError
			errors.As(context.Cause(s.Context()), &d)
			l.add("%s, limit %q", r, d.Limit)
		})
		clock := siotest.Start(t, srv)
		c := siotest.Dial(t, srv, "/")
		clock.Advance(10 * time.Second)
		_ = c.SendRaw("40/slow,") // else asked tells
		recv(t, asked)
		clock.Advance(2900 * time.Millisecond)
		if n := srv.Stats().Sessions; n != 1 {
			t.Fatalf("%d sessions before the timeout", n)
		}
		if decides {
			answer <- struct{}{}
			clock.Settle()
			clock.Advance(time.Minute)
			if n := srv.Stats().Sessions; n != 1 {
				t.Error("disconnected in spite of the answer")
			}
			continue
		}
		clock.Advance(200 * time.Millisecond)
		c.ExpectEnd("transport close")
		clock.Settle()
		l.want(t, `forced server close, limit "connect timeout"`)
	}
}

// TestMultiplexing (C05): namespaces of one connection come and go by themselves.
func TestMultiplexing(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	for _, name := range []string{"/", "/a", "/b"} {
		n := srv.Of(name)
		n.On("who", func(s *sio.Socket, m *sio.Msg) error { return s.Emit("me", s.Namespace().Name()) })
		n.OnDisconnect(func(s *sio.Socket, r sio.Reason) { l.add("%s %s", name, r) })
	}
	clock := siotest.Start(t, srv)
	root := siotest.Dial(t, srv, "/")
	a, b := root.Of("/a"), root.Of("/b")
	sr, sa := socket(t, srv, root), socket(t, srv.Of("/a"), a)
	if !sr.Conn().Is(sa.Conn()) || sr.Conn().ID() != root.SessionID() {
		t.Error("not one connection")
	}
	for _, c := range []*siotest.Client{root, a, b} {
		emit(t, c, "who")
		c.Expect("me", c.Namespace())
	}
	a.Disconnect()
	clock.Settle()
	l.want(t, "/a client namespace disconnect")
	emit(t, b, "who")
	b.Expect("me", "/b")
	a = root.Of("/a") // again
	emit(t, a, "who")
	a.Expect("me", "/a")

	sr.Disconnect(sio.Disconnect{})
	root.ExpectEnd("io server disconnect")
	clock.Settle()
	l.want(t, "/ server namespace disconnect")
	emit(t, b, "who")
	b.Expect("me", "/b")

	socket(t, srv.Of("/b"), b).Disconnect(sio.Disconnect{Close: true})
	a.ExpectEnd("io server disconnect") // told by name before the connection ends
	b.ExpectEnd("io server disconnect")
	clock.Settle()
	got := l.take()
	slices.Sort(got)
	if !slices.Equal(got, []string{"/a server namespace disconnect", "/b server namespace disconnect"}) {
		t.Errorf("got %q", got)
	}
}

// TestOf (C06, C07): names with and without their slash are one; OnNamespace is told of
// each but "/".
func TestOf(t *testing.T) {
	var l log
	srv := newServer(t, sio.Options{OnNamespace: func(n *sio.Namespace) { l.add("%s", n.Name()) }})
	if srv.Of("/") != srv.Namespace || srv.Of("") != srv.Namespace {
		t.Error("the server is not its main namespace")
	}
	if srv.Of("chat") != srv.Of("/chat") || srv.Of("/chat").Name() != "/chat" || srv.Of("/chat").Server() != srv {
		t.Error("two namespaces of one name")
	}
	srv.OfPattern("/m/{id}")
	siotest.Dial(t, srv, "/m/1")
	siotest.Dial(t, srv, "/m/1")
	srv.Of("/m/2")
	l.want(t, "/chat", "/m/1", "/m/2")
	var names []string
	for _, n := range srv.Namespaces() {
		names = append(names, n.Name())
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"/", "/chat", "/m/1", "/m/2"}) {
		t.Errorf("namespaces %q", names)
	}
}

// TestPatterns (C08): patterns, regular expressions and functions make namespaces of
// their own, with their handlers, present and future.
func TestPatterns(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	match := srv.OfPattern("/match/{id}/{role}")
	shard := srv.OfRegexp(regexp.MustCompile(`^/shard-(?P<n>\d+)$`))
	free := srv.OfFunc(func(ctx context.Context, name string, auth sio.Raw) error {
		l.add("asked for %s %s", name, auth)
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		if !strings.HasPrefix(name, "/free") {
			return errors.New("not here")
		}
		return nil
	})
	match.Use(func(_ context.Context, s *sio.Socket) error {
		if s.Param("role") == "admin" {
			return sio.Refuse{Message: "no admins"}
		}
		return nil
	})
	match.OnConnect(func(s *sio.Socket) { emit(t, s, "hello", s.Param("id"), s.Param("role"), s.Param("none")) })
	shard.OnConnect(func(s *sio.Socket) { emit(t, s, "hello", s.Param("n")) })

	a := siotest.Dial(t, srv, "/match/7/player")
	a.Expect("hello", "7", "player", "")
	b := siotest.Dial(t, srv, "/match/8/player")
	b.Expect("hello", "8", "player", "")
	s := siotest.Dial(t, srv, "/shard-12")
	s.Expect("hello", "12")
	if _, err := siotest.TryDial(t, srv, "/match/7/admin"); err == nil {
		t.Error("let in")
	}
	l.want(t)
	for _, name := range []string{"/match/7", "/match/7/a/b", "/shard-x", "/shard-1/x", "/match//x"} {
		var e *siotest.ConnectError
		if _, err := siotest.TryDial(t, srv, name); !errors.As(err, &e) || e.Message != "Invalid namespace" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := l.take(); len(got) != 5 {
		t.Errorf("the function was asked: %q", got)
	}
	f := siotest.Dial(t, srv, "/free/1", siotest.Auth(map[string]any{"k": "v"}))
	siotest.Dial(t, srv, "/free/1")
	l.want(t, `asked for /free/1 {"k":"v"}`) // once

	// Later handlers.
	for _, n := range []*sio.Namespace{match, shard, free} {
		n.On("late", func(s *sio.Socket, m *sio.Msg) error { return s.Emit("late", s.Namespace().Name()) })
	}
	for _, c := range []*siotest.Client{a, b, s, f} {
		emit(t, c, "late")
		c.Expect("late", c.Namespace())
	}

	// To all namespaces of a pattern.
	if err := socket(t, srv.Of("/match/7/player"), a).Join("r"); err != nil {
		t.Fatal(err)
	}
	emit(t, match, "all")
	emit(t, match.To("r"), "room")
	emit(t, match.Except("r"), "not room")
	a.Expect("all")
	a.Expect("room")
	b.Expect("all")
	b.Expect("not room")
	a.ExpectNone()
	b.ExpectNone()
	s.ExpectNone()

	// What makes no sense for several.
	ctx := context.Background()
	if _, err := match.Fetch(ctx); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("Fetch: %v", err)
	}
	if _, err := match.Count(ctx); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("Count: %v", err)
	}
	if err := match.All().Disconnect(ctx, sio.Disconnect{}); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("Disconnect: %v", err)
	}
	for _, err := range match.All().AskAll(ctx, "x") {
		if !errors.Is(err, sio.ErrParentNamespace) {
			t.Errorf("AskAll: %v", err)
		}
	}

	// A namespace made by hand belongs to the pattern that it matches.
	srv.Of("/match/9/x")
	var names []string
	for _, n := range match.Children() {
		names = append(names, n.Name())
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"/match/7/admin", "/match/7/player", "/match/8/player", "/match/9/x"}) {
		t.Errorf("children %q", names)
	}
	if srv.Children() != nil {
		t.Error("an ordinary namespace has children")
	}
	for _, bad := range []string{"/a{b", "/{a}b", "/x{y}z"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("pattern %q is taken", bad)
				}
			}()
			srv.OfPattern(bad)
		}()
	}
}

// TestPatternOrder (C08): patterns are tried in order of registration.
func TestPatternOrder(t *testing.T) {
	srv := newServer(t, sio.Options{})
	for _, p := range []string{"/a/{x}", "/{y}/{z}"} {
		srv.OfPattern(p).OnConnect(func(s *sio.Socket) { emit(t, s, "by", p) })
	}
	siotest.Dial(t, srv, "/a/1").Expect("by", "/a/{x}")
	siotest.Dial(t, srv, "/b/1").Expect("by", "/{y}/{z}")
}

// TestPatternRace (C08): of many clients that ask for a new namespace at once, one makes
// it, and all are in the same. OnNamespace is over before any of them is in.
func TestPatternRace(t *testing.T) {
	var made log
	srv := newServer(t, sio.Options{OnNamespace: func(n *sio.Namespace) {
		made.add("%s", n.Name())
		n.Use(func(context.Context, *sio.Socket) error { return nil })
		n.OnConnect(func(s *sio.Socket) { emit(t, s, "hello") })
	}})
	srv.OfPattern("/room/{id}")
	for round := range 20 {
		name := "/room/" + string(rune('a'+round))
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				c := siotest.Dial(t, srv, name, siotest.Loop(i%2))
				c.Expect("hello")
			})
		}
		all.Wait()
		made.want(t, name)
		if n := srv.Of(name).Len(); n != 8 {
			t.Errorf("%d sockets", n)
		}
	}
}

// TestUse (C13): the functions run in order, may block, and their verdict is told to the
// client. In them the socket is not connected; rooms it joins count once it is in.
func TestUse(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	var verdict error
	srv.Use(func(ctx context.Context, s *sio.Socket) error {
		l.add("first, connected %v", s.Connected())
		if err := s.Join("early", "later left"); err != nil {
			t.Error(err)
		}
		emit(t, s, "before the answer")
		emit(t, srv.To("early"), "not yet a member")
		if ctx != s.Context() {
			t.Error("not the socket's context")
		}
		return nil
	})
	srv.Use(func(ctx context.Context, s *sio.Socket) error {
		l.add("second")
		if err := s.Leave("later left"); err != nil {
			t.Error(err)
		}
		return verdict
	})
	srv.OnConnect(func(s *sio.Socket) { l.add("connect %v", s.Rooms()[1:]) })
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("disconnect") })
	clock := siotest.Start(t, srv)

	c := siotest.Dial(t, srv, "/")
	c.Expect("before the answer")
	clock.Settle()
	l.want(t, "first, connected false", "second", "connect [early]")
	emit(t, srv.To("early"), "to the room")
	c.Expect("to the room")
	c.ExpectNone()
	if rooms := srv.Rooms(); !slices.Equal(rooms, []string{"early"}) {
		t.Errorf("rooms %q", rooms)
	}
	c.Close()
	clock.Settle()
	l.want(t, "disconnect")

	for _, tc := range []struct {
		err     error
		message string
		data    string
	}{
		{sio.Refuse{Message: "unauthorized"}, "unauthorized", ""},
		{sio.Refuse{Message: `say "why"`, Data: map[string]any{"retry": 5}}, `say "why"`, `{"retry":5}`},
		{errors.Join(errors.New("x"), sio.Refuse{Message: "wrapped", Data: "text"}), "wrapped", `"text"`},
		{errors.New("the password of the database"), "connection refused", ""},
		{sio.Refuse{Message: "bad data", Data: make(chan int)}, "bad data", "null"},
	} {
		verdict = tc.err
		_, err := siotest.TryDial(t, srv, "/")
		var e *siotest.ConnectError
		if !errors.As(err, &e) || e.Message != tc.message || string(e.Data) != tc.data {
			t.Errorf("%v: got %#v", tc.err, err)
		}
		clock.Settle()
		l.want(t, "first, connected false", "second")
		if srv.Len() != 0 || len(srv.Rooms()) != 0 {
			t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
		}
	}
}

// TestUseAfterRefusal (C13): a refused client may ask again on the same connection.
func TestUseAfterRefusal(t *testing.T) {
	srv := newServer(t, sio.Options{})
	n := srv.Of("/n")
	n.Use(func(_ context.Context, s *sio.Socket) error {
		var a struct{ Token string }
		if err := s.Handshake().DecodeAuth(&a); err != nil {
			return err
		}
		if a.Token != "good" {
			return sio.Refuse{Message: "bad token"}
		}
		return nil
	})
	c := siotest.Dial(t, srv, "/")
	for range 2 {
		if _, err := c.TryOf("/n", siotest.Auth(map[string]any{"Token": "bad"})); err == nil {
			t.Fatal("let in")
		}
	}
	c.Of("/n", siotest.Auth(map[string]any{"Token": "good"}))
}

// TestUseClientLeaves (C13): a client that leaves meanwhile joins nothing, whatever the
// functions say; the context ends.
func TestUseClientLeaves(t *testing.T) {
	for _, verdict := range []error{nil, sio.Refuse{Message: "no"}} {
		srv := newServer(t, sio.Options{})
		var l log
		in := make(chan *sio.Socket)
		srv.Use(func(ctx context.Context, s *sio.Socket) error {
			if err := s.Join("r"); err != nil {
				t.Error(err)
			}
			in <- s
			<-ctx.Done()
			return verdict
		})
		srv.OnConnect(func(*sio.Socket) { l.add("connect") })
		srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("disconnect") })
		clock := siotest.Start(t, srv)
		r := siotest.Dial(t, srv.Of("/other").Server(), "/other")
		go r.TryOf("/")
		s := recv(t, in)
		r.Cut()
		clock.Settle()
		l.want(t)
		var d *sio.DisconnectError
		if !errors.As(context.Cause(s.Context()), &d) || d.Reason != sio.TransportClose {
			t.Errorf("cause %v", context.Cause(s.Context()))
		}
		if err := s.Emit("x"); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Emit: %v", err)
		}
		if err := s.Do(func() { t.Error("run") }); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Do: %v", err)
		}
		if srv.Len() != 0 || len(srv.Rooms()) != 0 {
			t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
		}
		clock.Settle()
	}
}

// TestDisconnectInUse: in Use there is nothing to disconnect from; it changes nothing.
func TestDisconnectInUse(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.Use(func(_ context.Context, s *sio.Socket) error {
		s.Disconnect(sio.Disconnect{})
		return nil
	})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "echo", 1)
	c.Expect("echo", 1)
}

// TestHandshake (C10, C12): what the first request told stays known.
func TestHandshake(t *testing.T) {
	srv := newServer(t, sio.Options{})
	clock := siotest.Start(t, srv)
	clock.Advance(time.Hour)
	c := siotest.Dial(t, srv, "/", siotest.Header("X-Test", "one"), siotest.Header("X-Test", "two"),
		siotest.Header("Origin", "https://play.example"), siotest.Query("token", "a b&c"),
		siotest.Auth(map[string]any{"name": "bob", "n": 1}), siotest.Polling())
	s := socket(t, srv, c)
	h := s.Handshake()
	if h.Method() != "GET" || !strings.HasPrefix(h.URL(), "/socket.io/?") {
		t.Errorf("%s %s", h.Method(), h.URL())
	}
	q := h.Query()
	if q.Get("token") != "a b&c" || q.Get("EIO") != "4" || q.Get("transport") != "polling" {
		t.Errorf("query %v", q)
	}
	if got := h.Header(); !slices.Equal(got["X-Test"], []string{"one", "two"}) || got.Get("Host") != "siotest" {
		t.Errorf("header %v", got)
	}
	if h.Field("x-test") != "one" || h.Field("none") != "" || !h.CrossDomain() || h.Secure() {
		t.Errorf("field %q, cross domain %v, secure %v", h.Field("x-test"), h.CrossDomain(), h.Secure())
	}
	if a := h.Address(); a.Addr().String() != "192.0.2.1" || a.Port() == 0 {
		t.Errorf("address %v", a)
	}
	if !h.Time().Equal(clock.Now()) {
		t.Errorf("time %v", h.Time())
	}
	var auth struct {
		Name string
		N    int
	}
	if err := h.DecodeAuth(&auth); err != nil || auth.Name != "bob" || auth.N != 1 || !json.Valid(h.Auth()) {
		t.Errorf("auth %s: %v %v", h.Auth(), auth, err)
	}
	plain := socket(t, srv, siotest.Dial(t, srv, "/")).Handshake()
	auth.Name = "as it was"
	if err := plain.DecodeAuth(&auth); err != nil || auth.Name != "as it was" || len(plain.Auth()) != 0 || plain.CrossDomain() {
		t.Errorf("without auth: %v %v", auth, err)
	}
	if err := h.DecodeAuth(new(int)); err == nil {
		t.Error("an object is no int")
	}
}
