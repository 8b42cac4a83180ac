package sio_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestSelf (R06, R08): a socket as a target is left out by rooms and filters like
// everybody else, and To makes of it what it makes of the socket: others.
func TestSelf(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	au := &audience{t: t, clients: map[string]*siotest.Client{"a": a, "b": b}}
	sa, sb := socket(t, srv, a), socket(t, srv, b)
	for s, rooms := range map[*sio.Socket][]string{sa: {"r", "only a"}, sb: {"r"}} {
		if err := s.Join(rooms...); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := func(*sio.Socket) bool { return true }, func(*sio.Socket) bool { return false }
	meant := []struct {
		to    sio.Target
		names []string
	}{
		{sa.Self(), []string{"a"}},
		{sa.Self().Volatile(), []string{"a"}},
		{sa.Self().Filter(yes), []string{"a"}},
		{sa.Self().Except("none"), []string{"a"}},
		{sa.Self().Except(sb.ID()), []string{"a"}},
		{sa.Self().Filter(no), nil},
		{sa.Self().Filter(yes).Filter(no), nil},
		{sa.Self().Except("only a"), nil},
		{sa.Self().Except(sa.ID()), nil},
		{sb.Self().Except("only a"), []string{"b"}},
		{sa.Self().Volatile().To("r"), []string{"b"}},
		{sa.Self().To("only a"), nil},
		{sa.Self().To(sa.ID()), nil},
		{sa.Self().To(sb.ID()), []string{"b"}},
		{sa.Self().To("r").Except(sb.ID()), nil},
	}
	for _, watched := range []bool{false, true} {
		if watched {
			srv.OnOutgoing(func(*sio.Socket, *sio.Msg) {}) // which takes another way
		}
		for i, m := range meant {
			au.want(m.to, m.names...)
			var ids []string
			for _, name := range m.names {
				ids = append(ids, au.clients[name].ID())
			}
			if got, err := m.to.IDs(t.Context()); err != nil || !slices.Equal(got, ids) {
				t.Errorf("%d: IDs are %q, %v", i, got, err)
			}
			if n, err := m.to.Count(t.Context()); err != nil || n != len(ids) {
				t.Errorf("%d: Count is %d, %v", i, n, err)
			}
		}
	}
	for _, c := range au.clients {
		c.On("ask", func(e *siotest.Event) { e.Ack(c.ID()) })
	}
	for i, m := range meant {
		n := 0
		for r, err := range m.to.AskAll(t.Context(), "ask") {
			if err != nil {
				t.Fatal(err)
			}
			if id, _ := r.Str(0); id != au.clients[m.names[0]].ID() {
				t.Errorf("%d: %q answers", i, id)
			}
			n++
		}
		if n != len(m.names) {
			t.Errorf("%d: %d answers", i, n)
		}
	}
	if err := sa.Self().Except("only a").Disconnect(t.Context(), sio.Disconnect{}); err != nil || !sa.Connected() {
		t.Errorf("it is left out, and was disconnected: %v", err)
	}
	if err := sa.Self().Join(t.Context(), "joined"); err != nil || !sa.In("joined") || sb.In("joined") {
		t.Errorf("Join: %v", err)
	}

	a.Close()
	recv(t, sa.Context().Done())
	for _, to := range []sio.Target{sa.Self(), sa.Self().Filter(yes), sa.Self().Except("none")} {
		if err := to.Emit("late"); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("to a socket that has ended: %v", err)
		}
	}
}

// TestRoomOfPattern (C08, R06): a room of a pattern is the room of that name in each of
// the pattern's namespaces.
func TestRoomOfPattern(t *testing.T) {
	srv := newServer(t, sio.Options{})
	p := srv.OfPattern("/m/{id}")
	p.OnConnect(func(s *sio.Socket) {
		if s.Param("id") != "3" {
			if err := s.Join("r"); err != nil {
				t.Error(err)
			}
		}
	})
	room := p.Room("r")
	defer room.Close()
	emit(t, room, "nobody yet")
	clock := siotest.Start(t, srv)
	one, two, three := siotest.Dial(t, srv, "/m/1"), siotest.Dial(t, srv, "/m/2"), siotest.Dial(t, srv, "/m/3")
	clock.Settle()
	emit(t, room, "handle", 1)
	emit(t, room.Volatile(), "handle", 2)
	emit(t, room.Except(two.ID()), "but two")
	emit(t, room.To(three.ID()), "and three")
	packet := sio.Prepare("packet").Int(3)
	defer packet.Release()
	for range 2 {
		if err := room.Send(packet); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []*siotest.Client{one, two} {
		c.Expect("handle", 1)
		c.Expect("handle", 2)
		if c == one {
			c.Expect("but two")
		}
		c.Expect("and three")
		c.Expect("packet", 3)
		c.Expect("packet", 3)
		c.ExpectNone()
	}
	three.Expect("and three")
	three.ExpectNone()
	if room.Len() != 0 {
		t.Errorf("Len is %d", room.Len())
	}
	if _, err := room.Count(t.Context()); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("Count: %v", err)
	}
	if _, err := room.Fetch(t.Context()); !errors.Is(err, sio.ErrParentNamespace) {
		t.Errorf("Fetch: %v", err)
	}
}

// TestRoomIsATarget (R06, R11): a room has the methods of the target that it stands for.
func TestRoomIsATarget(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	au := &audience{t: t, clients: map[string]*siotest.Client{"a": a, "b": b}}
	sa, sb := socket(t, srv, a), socket(t, srv, b)
	r := srv.Room("r")
	defer r.Close()
	for s, rooms := range map[*sio.Socket][]string{sa: {"r"}, sb: {"q"}} {
		if err := s.Join(rooms...); err != nil {
			t.Fatal(err)
		}
	}
	au.want(r.To("q"), "a", "b")
	au.want(r.Except("q"), "a")
	au.want(r.Except(sa.ID()))
	au.want(r.Local(), "a")
	au.want(r.Volatile(), "a")
	au.want(r.Compress(false), "a")
	au.want(r.Filter(func(s *sio.Socket) bool { return s != sa }))
	ctx := context.Background()
	if n, err := r.Count(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if found, err := r.Fetch(ctx); len(found) != 1 || found[0].ID() != sa.ID() || err != nil {
		t.Error(found, err)
	}
	if ids, err := r.IDs(ctx); !slices.Equal(ids, []string{sa.ID()}) || err != nil {
		t.Error(ids, err)
	}
	a.On("ask", func(e *siotest.Event) { e.Ack("a") })
	n := 0
	for reply, err := range r.AskAll(ctx, "ask") {
		if err != nil || reply.Socket != sa {
			t.Error(reply, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d answers", n)
	}
	if err := r.Join(ctx, "more"); err != nil || !sa.In("more") || sb.In("more") {
		t.Errorf("Join: %v", err)
	}
	if err := r.Leave(ctx, "more"); err != nil || sa.In("more") {
		t.Errorf("Leave: %v", err)
	}
	if err := r.Disconnect(ctx, sio.Disconnect{}); err != nil {
		t.Error(err)
	}
	recv(t, sa.Context().Done())
	if !sb.Connected() {
		t.Error("one outside of the room was disconnected")
	}
}
