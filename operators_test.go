package sio_test

import (
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// audience is the clients of TestOperators by their names.
type audience struct {
	t       *testing.T
	clients map[string]*siotest.Client
	n       int
}

// want sends an event to the target, and checks who gets it, each once.
func (a *audience) want(to sio.Target, names ...string) {
	a.t.Helper()
	a.n++
	emit(a.t, to, "e", a.n)
	for _, name := range names {
		a.clients[name].Expect("e", a.n)
	}
	for name, c := range a.clients {
		if got := c.Drain(); len(got) > 0 {
			a.t.Errorf("%s got %v", name, got)
		}
	}
}

// TestOperators (R06): to, except, union, sender and filters select, each socket once;
// targets are values that never change.
func TestOperators(t *testing.T) {
	srv := newServer(t, sio.Options{})
	au := &audience{t: t, clients: map[string]*siotest.Client{}}
	sockets := map[string]*sio.Socket{}
	for i, name := range []string{"a", "b", "c", "d"} {
		opts := []siotest.DialOption{siotest.Loop(i % 2)}
		if name == "c" {
			opts = append(opts, siotest.Polling())
		}
		c := siotest.Dial(t, srv, "/", opts...)
		au.clients[name], sockets[name] = c, socket(t, srv, c)
	}
	for room, members := range map[string]string{"ab": "ab", "bc": "bc", "cd": "cd", "all": "abcd"} {
		for _, m := range members {
			if err := sockets[string(m)].Join(room); err != nil {
				t.Fatal(err)
			}
		}
	}
	sa, sb := sockets["a"], sockets["b"]
	id := func(name string) string { return sockets[name].ID() }

	au.want(srv.All(), "a", "b", "c", "d")
	au.want(srv.To("ab"), "a", "b")
	au.want(srv.To("ab", "bc"), "a", "b", "c")
	au.want(srv.To("ab").To("bc"), "a", "b", "c")
	au.want(srv.To("ab").To("ab"), "a", "b")
	au.want(srv.To("none"))
	au.want(srv.To("none", "cd"), "c", "d")
	au.want(srv.To("ab", id("a"), id("d")), "a", "b", "d")
	au.want(srv.Except("ab"), "c", "d")
	au.want(srv.Except("ab", "cd"))
	au.want(srv.Except("none"), "a", "b", "c", "d")
	au.want(srv.Except(id("a"), "none"), "b", "c", "d")
	au.want(srv.To("all").Except("bc"), "a", "d")
	au.want(srv.To("all").Except("bc").Except(id("a")), "d")
	au.want(srv.To(id("a")).Except("ab"))
	au.want(sa.Broadcast(), "b", "c", "d")
	au.want(sa.To("ab"), "b")
	au.want(sa.To("cd"), "c", "d")
	au.want(sa.Except("cd"), "b")
	au.want(sa.To("all").Except("cd"), "b")
	au.want(sa.Self(), "a")
	au.want(sa.Self().Volatile().Compress(false), "a")
	au.want(sa.Self().To("cd"), "c", "d")
	au.want(srv.All().Local(), "a", "b", "c", "d")
	au.want(srv.All().Compress(false), "a", "b", "c", "d")
	au.want(srv.Room("bc").Target(), "b", "c")
	au.want(srv.Room("bc").Target().To("ab"), "a", "b", "c")
	au.want(srv.Room("bc").Target().Except("ab"), "c")
	au.want(srv.Room("none").Target())
	isB := func(s *sio.Socket) bool { return s == sb }
	au.want(srv.All().Filter(isB), "b")
	au.want(srv.To("cd").Filter(isB))
	au.want(srv.To("bc").Filter(isB).Filter(func(*sio.Socket) bool { return false }))
	au.want(srv.Room("ab").Target().Filter(isB), "b")
	au.want(srv.To(id("b")).Filter(isB), "b")

	// Values: what is derived changes nothing of what it comes from.
	base := srv.To("ab")
	derived := []sio.Target{base.To("cd"), base.Except("bc"), base.Except(id("a")), base.Filter(isB), base.To("bc")}
	au.want(base, "a", "b")
	au.want(derived[0], "a", "b", "c", "d")
	au.want(derived[1], "a")
	au.want(derived[2], "b")
	au.want(derived[3], "b")
	au.want(derived[4], "a", "b", "c")
	two := srv.Except("ab")
	x, y := two.Except(id("c")), two.Except(id("d"))
	au.want(x, "d")
	au.want(y, "c")
	au.want(two, "c", "d")
}

// TestVolatile (R08): a volatile event is dropped for a client that cannot take it now,
// and for no other; what is not volatile never is.
func TestVolatile(t *testing.T) {
	srv := newServer(t, sio.Options{})
	ws := siotest.Dial(t, srv, "/")
	sws := socket(t, srv, ws)
	for i := range 10 {
		emit(t, sws.Self().Volatile(), "v", i, []byte("bin"))
		ws.Expect("v", i, []byte("bin"))
	}
	emit(t, srv.All().Volatile(), "v", "broadcast")
	ws.Expect("v", "broadcast")

	// A polling client that has no request waiting: here one that never asks again.
	raw := startPolling(t, srv)
	s := raw.join()
	emit(t, s.Self().Volatile(), "v", 1)
	emit(t, srv.All().Volatile(), "v", 2)
	emit(t, s, "kept", 3)
	emit(t, srv.All().Volatile(), "v", 4)
	ws.Expect("v", 2)
	ws.Expect("v", 4)
	siotest.Start(t, srv).Settle()
	if got := raw.get(); got != `42["kept",3]` {
		t.Errorf("got %q", got)
	}
	if n := srv.Stats().Dropped; n != 3 {
		t.Errorf("%d packets were counted as dropped", n)
	}
}

// counted is an argument that counts how often it is encoded.
type counted struct{ times *atomic.Int32 }

func (c counted) MarshalJSON() ([]byte, error) {
	c.times.Add(1)
	return []byte(`"once"`), nil
}

// TestEncodeOnce (R07): a broadcast is encoded once, before Emit returns, however many
// receive it and in whatever ways they do; also when nobody does.
func TestEncodeOnce(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var clients []*siotest.Client
	for i := range 6 {
		opts := []siotest.DialOption{siotest.Loop(i % 2)}
		switch i / 2 {
		case 1:
			opts = append(opts, siotest.Polling())
		case 2:
			opts = append(opts, siotest.Upgrade())
		}
		clients = append(clients, siotest.Dial(t, srv, "/", opts...))
	}
	room := srv.Room("empty")
	defer room.Close()
	once := int32(1)
	if raceEnabled {
		once = 2
	}
	for name, to := range map[string]interface {
		Emit(event string, args ...any) error
	}{
		"all": srv, "except": srv.Except("x"), "nobody": srv.To("nobody"), "empty room": room,
		"filter": srv.All().Filter(func(*sio.Socket) bool { return true }), "one": socket(t, srv, clients[0]),
		"sender": socket(t, srv, clients[0]).Broadcast(), "volatile": srv.All().Volatile(),
	} {
		var times atomic.Int32
		emit(t, to, "e", counted{&times}, []byte("attachment"))
		if n := times.Load(); n != once {
			t.Errorf("%s: encoded %d times by the time that Emit has returned", name, n)
		}
		for i, c := range clients {
			got := c.Drain()
			want := 1
			if name == "nobody" || name == "empty room" || name == "one" && i > 0 || name == "sender" && i == 0 {
				want = 0
			}
			if len(got) != want || want == 1 && !got[0].Is("once", []byte("attachment")) {
				t.Errorf("%s: client %d got %v", name, i, got)
			}
		}
		if n := times.Load(); n != once {
			t.Errorf("%s: encoded %d times", name, n)
		}
	}
}
