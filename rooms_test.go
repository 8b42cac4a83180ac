package sio_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestOwnRoom (R01): a socket's id is a room of its own, for every operator.
func TestOwnRoom(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	sa := socket(t, srv, a)
	emit(t, srv.To(a.ID()), "1")
	emit(t, srv.To(a.ID(), b.ID()), "2")
	emit(t, srv.Except(a.ID()), "3")
	emit(t, sa.To(b.ID()), "4")
	emit(t, sa.To(a.ID()), "never: the sender")
	emit(t, srv.To("none", a.ID()), "5")
	emit(t, srv.To(strings.Repeat("x", 20)), "never: nobody has that id")
	for _, e := range []string{"1", "2", "5"} {
		a.Expect(e)
	}
	for _, e := range []string{"2", "3", "4"} {
		b.Expect(e)
	}
	a.ExpectNone()
	b.ExpectNone()
	if !sa.In(a.ID()) || !slices.Equal(sa.Rooms(), []string{a.ID()}) {
		t.Errorf("rooms %q", sa.Rooms())
	}
	// To join it changes nothing, nor does leaving it.
	if err := sa.Join(a.ID()); err != nil {
		t.Error(err)
	}
	if !slices.Equal(sa.Rooms(), []string{a.ID()}) || len(srv.Rooms()) != 0 {
		t.Errorf("rooms %q, of all %q", sa.Rooms(), srv.Rooms())
	}
	if err := sa.Leave(a.ID()); err != nil || !sa.In(a.ID()) {
		t.Error(err)
	}
	emit(t, srv.To(a.ID()), "6")
	a.Expect("6")
	a.ExpectNone()
}

// TestJoinLeave (R02, R04, R05): rooms come and go with their members; joining twice is
// joining once; after the end nothing is joined, and OnDisconnect still tells the rooms.
func TestJoinLeave(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		l.add("%v, in a: %v", s.Rooms()[1:], s.In("a"))
		if err := s.Join("late"); err != nil {
			t.Error(err)
		}
	})
	clock := siotest.Start(t, srv)
	a, b := pair(t, srv)
	sa, sb := socket(t, srv, a), socket(t, srv, b)
	join := func(s *sio.Socket, rooms ...string) {
		t.Helper()
		if err := s.Join(rooms...); err != nil {
			t.Error(err)
		}
	}
	join(sa, "a", "b", "a")
	join(sa, "a")
	join(sb, "b")
	clock.Settle()
	if got := sa.Rooms()[1:]; !slices.Equal(got, []string{"a", "b"}) || !sa.In("a") || sa.In("c") {
		t.Errorf("rooms %q", got)
	}
	names := srv.Rooms()
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("rooms %q", names)
	}
	if err := sa.Leave("b", "none"); err != nil || sa.In("b") {
		t.Error(err)
	}
	emit(t, srv.To("b"), "b")
	emit(t, srv.To("a"), "a")
	a.Expect("a")
	b.Expect("b")
	join(sa, "b", "c")
	if err := sa.LeaveAll(); err != nil || len(sa.Rooms()) != 1 {
		t.Error(err, sa.Rooms())
	}
	clock.Settle()
	if names := srv.Rooms(); !slices.Equal(names, []string{"b"}) {
		t.Errorf("rooms %q", names)
	}
	join(sa, "a", "d")
	a.Cut()
	clock.Settle()
	l.want(t, "[a d], in a: true")
	if got := sa.Rooms(); len(got) != 1 {
		t.Errorf("rooms after the end: %q", got)
	}
	join(sa, "a")
	clock.Settle()
	if names := srv.Rooms(); !slices.Equal(names, []string{"b"}) {
		t.Errorf("rooms %q", names)
	}
}

// TestJoinThenEmit (R02): an event that a goroutine sends to a room behind its Join reaches the
// socket, in whatever way it is sent and on whichever loop the socket lives.
func TestJoinThenEmit(t *testing.T) {
	const n = 300
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	var both sync.WaitGroup
	for _, c := range []*siotest.Client{a, b} {
		s := socket(t, srv, c)
		both.Go(func() {
			for i := range n {
				name := fmt.Sprint(c.ID(), i)
				if err := s.Join(name); err != nil {
					t.Error(err)
				}
				switch i % 3 {
				case 0:
					emit(t, srv.To(name), "n", i)
				case 1:
					r := srv.Room(name)
					emit(t, r, "n", i)
					r.Close()
				case 2:
					emit(t, srv.To("none", name).Except("nobody"), "n", i)
				}
				if err := s.Leave(name); err != nil {
					t.Error(err)
				}
				emit(t, srv.To(name), "never")
			}
		})
	}
	both.Wait()
	for _, c := range []*siotest.Client{a, b} {
		for i := range n {
			c.Expect("n", i)
		}
		c.ExpectNone()
	}
	if names := srv.Rooms(); len(names) != 0 {
		t.Errorf("rooms %q", names)
	}
}

// TestOnJoin (R02): OnJoin may veto, and the options may; then none of the rooms is joined.
func TestOnJoin(t *testing.T) {
	srv := newServer(t, sio.Options{Limits: sio.Limits{RoomsPerSocket: 3}})
	veto := errors.New("members only")
	srv.OnJoin(func(s *sio.Socket, room string) error {
		if strings.HasPrefix(room, "private") {
			return veto
		}
		return nil
	})
	var l log
	srv.OnError(func(s *sio.Socket, err error) { l.add("%v", err) })
	a, b := pair(t, srv)
	s := socket(t, srv, a)
	if err := s.Join("private"); !errors.Is(err, veto) {
		t.Error(err)
	}
	if err := s.Join("a", "private", "b"); !errors.Is(err, veto) {
		t.Error(err)
	}
	if got := s.Rooms()[1:]; len(got) != 0 {
		t.Errorf("rooms %q", got)
	}
	if err := s.Join("a", "b", "c", "d"); !errors.Is(err, sio.ErrRoomLimit) {
		t.Error(err)
	}
	if got := s.Rooms()[1:]; len(got) != 0 {
		t.Errorf("rooms %q", got)
	}
	if err := s.Join("a", "b", "c"); err != nil {
		t.Error(err)
	}
	if err := s.Join("d"); !errors.Is(err, sio.ErrRoomLimit) {
		t.Error(err)
	}
	if err := s.Join("a", "c"); err != nil { // is in them already
		t.Error(err)
	}
	if got := s.Rooms()[1:]; !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("rooms %q", got)
	}
	if err := srv.To(b.ID()).Join(context.Background(), "private 2"); err != nil {
		t.Error(err)
	}
	siotest.Start(t, srv).Settle()
	l.want(t, "members only")
	if socket(t, srv, b).In("private 2") {
		t.Error("in a room that was refused")
	}
}

// TestOnRoom (R03): rooms appear before their first member and vanish after the last;
// nobody joins or leaves twice.
func TestOnRoom(t *testing.T) {
	srv := newServer(t, sio.Options{Loops: 1})
	var l log
	kinds := map[sio.RoomEventKind]string{
		sio.RoomCreated: "created", sio.RoomJoined: "joined", sio.RoomLeft: "left", sio.RoomDeleted: "deleted",
	}
	names := map[*sio.Socket]string{}
	srv.OnRoom(func(e sio.RoomEvent) {
		l.add("%s %s%s", e.Room, kinds[e.Kind], names[e.Socket])
	})
	clock := siotest.Start(t, srv)
	a, b := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "/")
	sa, sb := socket(t, srv, a), socket(t, srv, b)
	names[sa], names[sb] = " a", " b"
	do := func(f func() error) {
		t.Helper()
		if err := f(); err != nil {
			t.Error(err)
		}
		clock.Settle()
	}
	do(func() error { return sa.Join("r", "r") })
	l.want(t, "r created", "r joined a")
	do(func() error { return sa.Join("q", "r") })
	l.want(t, "q created", "q joined a")
	do(func() error { return sb.Join("r") })
	do(func() error { return sb.Join("r") })
	l.want(t, "r joined b")
	do(func() error { return sa.Leave("r") })
	do(func() error { return sa.Leave("r") })
	l.want(t, "r left a")
	do(func() error { b.Cut(); return nil })
	l.want(t, "r left b", "r deleted")
	handle := srv.Room("q")
	do(func() error { return sa.Leave("q") })
	l.want(t, "q left a", "q deleted")
	do(func() error { return sa.Join("q") })
	l.want(t, "q created", "q joined a")
	handle.Close()
}

// TestRoomHandle (R06): a handle stays good while its room is empty, and lets go of it when it
// is closed.
func TestRoomHandle(t *testing.T) {
	srv := newServer(t, sio.Options{})
	clock := siotest.Start(t, srv)
	a, b := pair(t, srv)
	r := srv.Room("r")
	if r.Name() != "r" || r.Len() != 0 {
		t.Errorf("%q, %d", r.Name(), r.Len())
	}
	emit(t, r, "nobody")
	for _, c := range []*siotest.Client{a, b} {
		if err := socket(t, srv, c).Join("r"); err != nil {
			t.Fatal(err)
		}
	}
	clock.Settle()
	if r.Len() != 2 {
		t.Errorf("%d members", r.Len())
	}
	emit(t, r, "both", []byte("bin"))
	a.Expect("both", []byte("bin"))
	b.Expect("both", []byte("bin"))
	p := sio.Prepare("packet")
	for range 3 {
		if err := r.Send(p); err != nil {
			t.Fatal(err)
		}
	}
	p.Release()
	for range 3 {
		a.Expect("packet")
		b.Expect("packet")
	}
	a.Close()
	b.Close()
	clock.Settle()
	if r.Len() != 0 || len(srv.Rooms()) != 0 {
		t.Errorf("%d members, rooms %q", r.Len(), srv.Rooms())
	}
	c := siotest.Dial(t, srv, "/")
	if err := socket(t, srv, c).Join("r"); err != nil {
		t.Fatal(err)
	}
	emit(t, r, "still the same room")
	c.Expect("still the same room")
	r.Close()
	r.Close()
}

// TestManage (R11, R12, K07): many sockets are found, counted, told by their ids, brought
// into rooms, taken out of them and disconnected at once; each call returns when it is
// done. One that was found can be asked by itself, and answers with one value.
func TestManage(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ctx := context.Background()
	var clients []*siotest.Client
	var ids []string
	for i := range 6 {
		c := siotest.Dial(t, srv, "/", siotest.Loop(i%2))
		clients = append(clients, c)
		ids = append(ids, c.ID())
	}
	slices.Sort(ids)
	count := func(to interface {
		Count(context.Context) (int, error)
	}, want int) {
		t.Helper()
		if n, err := to.Count(ctx); n != want || err != nil {
			t.Errorf("counted %d, want %d (%v)", n, want, err)
		}
	}
	half := srv.To(ids[0], ids[1], ids[2])
	if err := half.Join(ctx, "x", "y"); err != nil {
		t.Fatal(err)
	}
	count(srv, 6)
	count(srv.To("x"), 3)
	count(srv.To("x", "y"), 3)
	count(srv.Except("x"), 3)
	count(srv.To("none"), 0)
	count(srv.To(ids[0]), 1)
	count(srv.Room("x").Target(), 3)
	count(srv.All().Filter(func(s *sio.Socket) bool { return s.ID() == ids[5] }), 1)

	if got, err := srv.All().IDs(ctx); err != nil || !slices.Equal(sorted(got), ids) {
		t.Errorf("ids %q %v", got, err)
	}
	found, err := srv.To("x").Fetch(ctx)
	if err != nil || len(found) != 3 {
		t.Fatalf("found %v %v", found, err)
	}
	for _, r := range found {
		if s, ok := r.Socket(); !ok || s.ID() != r.ID() {
			t.Error("not the socket")
		}
		if !reflect.DeepEqual(r.Rooms(), []string{r.ID(), "x", "y"}) || r.Handshake().Query().Get("EIO") != "4" {
			t.Errorf("rooms %q", r.Rooms())
		}
		emit(t, r, "one")
		if err := r.Join("z"); err != nil {
			t.Error(err)
		}
		if err := r.Leave("y"); err != nil {
			t.Error(err)
		}
	}
	b, err := found[0].MarshalJSON()
	if err != nil || !strings.Contains(string(b), found[0].ID()) {
		t.Errorf("%s %v", b, err)
	}
	for _, c := range clients {
		if slices.Contains(ids[:3], c.ID()) {
			c.Expect("one")
			c.On("ask", func(e *siotest.Event) { e.Ack(c.ID()) })
		}
	}
	m, err := found[0].Ask(ctx, "ask")
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := m.Str(0); v != found[0].ID() {
		t.Errorf("asked another one: %q", v)
	}
	count(srv.To("y"), 0)
	count(srv.To("z"), 3)
	if err := srv.All().Leave(ctx, "x", "z", "none"); err != nil {
		t.Fatal(err)
	}
	if names := srv.Rooms(); len(names) != 0 {
		t.Errorf("rooms %q", names)
	}
	if err := half.Disconnect(ctx, sio.Disconnect{}); err != nil {
		t.Fatal(err)
	}
	count(srv, 3)
	for _, c := range clients {
		if slices.Contains(ids[:3], c.ID()) {
			c.ExpectEnd("io server disconnect")
		}
	}
	found, _ = srv.Fetch(ctx)
	found[0].Disconnect(sio.Disconnect{Close: true})
	siotest.Start(t, srv).Settle()
	count(srv, 2)

	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := srv.Fetch(done); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestJoinManyThenEmit: what Target.Join has brought in gets the next broadcast.
func TestJoinManyThenEmit(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var clients []*siotest.Client
	for i := range 4 {
		clients = append(clients, siotest.Dial(t, srv, "/", siotest.Loop(i%2)))
	}
	ctx := context.Background()
	for i := range 100 {
		name := fmt.Sprint("r", i)
		if err := srv.All().Join(ctx, name); err != nil {
			t.Fatal(err)
		}
		emit(t, srv.To(name), "n", i)
		if err := srv.To(name).Leave(ctx, name); err != nil {
			t.Fatal(err)
		}
		emit(t, srv.To(name), "never")
	}
	for _, c := range clients {
		for i := range 100 {
			c.Expect("n", i)
		}
		c.ExpectNone()
	}
}

// TestBroadcastsWhileSocketsComeAndGo: nothing is lost for those who stay, and nothing
// is left behind by those who go.
func TestBroadcastsWhileSocketsComeAndGo(t *testing.T) {
	const n = 400
	srv := newServer(t, sio.Options{})
	srv.OnConnect(func(s *sio.Socket) {
		if err := s.Join("room"); err != nil {
			t.Error(err)
		}
	})
	stay := siotest.Dial(t, srv, "/")
	siotest.Start(t, srv).Settle()
	done := make(chan struct{})
	var churn sync.WaitGroup
	for range 2 {
		churn.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c := siotest.Dial(t, srv, "/")
				_ = c.Emit("x")
				c.Cut()
			}
		})
	}
	for i := range n {
		emit(t, srv.To("room"), "n", i)
		stay.Expect("n", i)
	}
	close(done)
	churn.Wait()
	stay.Close()
	siotest.Start(t, srv).Settle()
	if srv.Len() != 0 || len(srv.Rooms()) != 0 {
		t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
	}
}
