package sio_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// has reports whether the server has a namespace of the name.
func has(srv *sio.Server, name string) bool {
	return slices.ContainsFunc(srv.Namespaces(), func(n *sio.Namespace) bool { return n.Name() == name })
}

// TestCleanup (C07, C09): with the option a namespace that was made from a pattern goes
// with its last socket, is told of anew when it is made anew, and has everything of the
// pattern again. Others stay.
func TestCleanup(t *testing.T) {
	var made log
	srv := newServer(t, sio.Options{
		CleanupEmptyChildNamespaces: true,
		OnNamespace:                 func(n *sio.Namespace) { made.add("%s", n.Name()) },
	})
	room := srv.OfPattern("/room/{id}")
	there := make(chan bool, 1) // is the namespace, when a socket has left it
	room.OnConnect(func(s *sio.Socket) { emit(t, s, "hello", s.Param("id")) })
	room.OnDisconnect(func(s *sio.Socket, _ sio.Reason) { there <- has(srv, s.Namespace().Name()) })
	srv.Of("/static")
	made.take()
	clock := siotest.Start(t, srv)
	for range 2 {
		a, b := siotest.Dial(t, srv, "/room/1"), siotest.Dial(t, srv, "/room/1", siotest.Loop(1))
		made.want(t, "/room/1")
		a.Expect("hello", "1")
		b.Expect("hello", "1")
		child := srv.Of("/room/1")
		a.Disconnect()
		if !recv(t, there) || srv.Of("/room/1") != child {
			t.Error("it has gone, and somebody is there")
		}
		emit(t, room, "still")
		b.Expect("still")
		b.Cut()
		if recv(t, there) || len(room.Children()) != 0 {
			t.Error("it is there, and nobody else")
		}
		emit(t, child, "nobody")
		if child.Len() != 0 || len(child.Rooms()) != 0 {
			t.Error("somebody is in it")
		}
		clock.Settle()
	}

	// What is not from a pattern stays.
	siotest.Dial(t, srv, "/static").Disconnect()
	siotest.Dial(t, srv, "/").Disconnect()
	clock.Settle()
	if !has(srv, "/static") || !has(srv, "/") {
		t.Error("a namespace made by name has gone")
	}

	// What was made by name and matches is the pattern's, and goes with its first last socket.
	child := srv.Of("/room/2")
	if made.want(t, "/room/2"); !slices.Equal(room.Children(), []*sio.Namespace{child}) {
		t.Errorf("children %v", room.Children())
	}
	c := siotest.Dial(t, srv, "/room/2")
	c.Expect("hello", "2")
	c.Disconnect()
	if recv(t, there) {
		t.Error("/room/2 has stayed")
	}
	made.want(t)
}

// TestCleanupAfterRefusal (C09): a refused client, or one that leaves while it is decided
// about, is a socket that was there; but others keep the namespace.
func TestCleanupAfterRefusal(t *testing.T) {
	for _, on := range []bool{true, false} {
		t.Run("on "+strconv.FormatBool(on), func(t *testing.T) {
			srv := newServer(t, sio.Options{CleanupEmptyChildNamespaces: on})
			refuse, in := false, make(chan *sio.Socket, 1)
			pattern := srv.OfPattern("/room/{id}")
			pattern.Use(func(ctx context.Context, s *sio.Socket) error {
				if s.Param("id") == "slow" {
					in <- s
					<-ctx.Done()
				}
				if refuse {
					return sio.Refuse{Message: "You shall not pass!"}
				}
				return nil
			})
			clock := siotest.Start(t, srv)

			first := siotest.Dial(t, srv, "/room/1")
			refuse = true
			if _, err := siotest.TryDial(t, srv, "/room/1"); err == nil {
				t.Error("let in")
			}
			clock.Settle()
			if !has(srv, "/room/1") || srv.Of("/room/1").Len() != 1 {
				t.Error("it went with a refused client, though another is there")
			}
			first.Disconnect()
			clock.Settle()
			if has(srv, "/room/1") == on {
				t.Error("after the last one")
			}
			if _, err := siotest.TryDial(t, srv, "/room/2"); err == nil {
				t.Error("let in")
			}
			clock.Settle()
			if has(srv, "/room/2") == on {
				t.Error("after a refused one")
			}

			leaver := siotest.Dial(t, srv, "/")
			go leaver.TryOf("/room/slow")
			recv(t, in)
			if !has(srv, "/room/slow") {
				t.Error("it went while somebody is decided about")
			}
			leaver.Cut()
			clock.Settle()
			if has(srv, "/room/slow") == on {
				t.Error("after one that did not wait")
			}
		})
	}
}

// TestCleanupRace (C09): clients come while others leave. Who is in is always in the
// namespace that the server has, and in the end there is none.
func TestCleanupRace(t *testing.T) {
	srv := newServer(t, sio.Options{CleanupEmptyChildNamespaces: true})
	asked := srv.OfFunc(func(_ context.Context, name string, _ sio.Raw) error { return nil })
	asked.OnConnect(func(s *sio.Socket) {
		// s is in, and stays while this runs, for its client waits for it.
		if srv.Of(s.Namespace().Name()) != s.Namespace() {
			t.Error("a socket in a namespace that the server has forgotten")
		}
		emit(t, s.Namespace().To(s.ID()), "hello")
	})
	clock := siotest.Start(t, srv)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 30 {
				c := siotest.Dial(t, srv, "/some", siotest.Loop(i%2))
				c.Expect("hello")
				if i%3 == 0 {
					c.Cut()
				} else {
					c.Disconnect()
				}
			}
		})
	}
	all.Wait()
	clock.Settle()
	if has(srv, "/some") || len(asked.Children()) != 0 {
		t.Errorf("left: %v", asked.Children())
	}
	var clients []*siotest.Client
	for i := range 100 { // many at once, which leave in another order
		clients = append(clients, siotest.Dial(t, srv, "/m"+strconv.Itoa(i)))
		clients[i].Expect("hello")
	}
	for i := range clients {
		clients[i*37%100].Disconnect()
	}
	clock.Settle()
	if n := len(asked.Children()); n != 0 {
		t.Errorf("%d left", n)
	}
}
