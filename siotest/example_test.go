package siotest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// The events of the examples' server, which an application has in a package that its
// tests use too.
type (
	JoinReq struct{ Match string }
	Seat    struct{ Slot int }
	Chat    struct{ From, Text string }
)

const (
	Join sio.Request[JoinReq, Seat] = "join"
	Say  sio.Event[Chat]            = "say"
)

// newLobby is the server that the examples test: an application has a function like it
// beside its main.
func newLobby() *sio.Server {
	srv, err := sio.New(sio.Options{})
	if err != nil {
		panic(err)
	}
	name := sio.NewSlot[string]()
	lobby := srv.Of("/lobby")
	lobby.Use(func(_ context.Context, s *sio.Socket) error {
		var login struct{ Name string }
		if err := s.Handshake().DecodeAuth(&login); err != nil {
			return err
		}
		if login.Name == "" {
			return sio.Refuse{Message: "who are you?", Data: map[string]string{"ask": "name"}}
		}
		name.Set(s, login.Name)
		return nil
	})
	Join.Handle(lobby, func(ctx context.Context, s *sio.Socket, q JoinReq) (Seat, error) {
		n, err := lobby.To(q.Match).Count(ctx)
		if err == nil && n == 2 {
			err = sio.Fail{Code: "full", Message: "match is full"}
		}
		if err != nil {
			return Seat{}, err
		}
		return Seat{Slot: n}, s.Join(q.Match)
	})
	Say.On(lobby, func(s *sio.Socket, c Chat) error {
		c.From = name.Get(s)
		return Say.Emit(s.Broadcast(), c)
	})
	lobby.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		lobby.Emit("left", name.Get(s), r)
	})
	return srv
}

// An exampleTB stands for the *testing.T of a test.
type exampleTB struct{ ends []func() }

func (*exampleTB) Helper()                           {}
func (*exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (*exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleTB) Cleanup(f func())                { t.ends = append(t.ends, f) }

func (t *exampleTB) end() {
	for _, f := range slices.Backward(t.ends) {
		f()
	}
}

// Two players meet. In a test t is its *testing.T, and what ends everything is
// t.Cleanup.
func Example() {
	t := new(exampleTB)
	defer t.end()

	srv := newLobby()
	ann := siotest.Dial(t, srv, "/lobby", siotest.Auth(map[string]string{"name": "ann"}))
	bob := siotest.Dial(t, srv, "/lobby", siotest.Auth(map[string]string{"name": "bob"}))

	fmt.Println(siotest.Call(ann, Join, JoinReq{Match: "m1"}))
	fmt.Println(siotest.Call(bob, Join, JoinReq{Match: "m1"}))

	siotest.Send(bob, Say, Chat{Text: "hi"})
	fmt.Println(siotest.Receive(ann, Say))
	bob.ExpectNone() // bob does not hear himself

	bob.Disconnect()
	ann.Expect("left", "bob", sio.ClientNamespaceDisconnect)
	// Output:
	// {0} <nil>
	// {1} <nil>
	// {bob hi}
}

// A request that fails is a sio.Fail here as it was there.
func ExampleCall() {
	t := new(exampleTB)
	defer t.end()

	srv := newLobby()
	for _, name := range []string{"ann", "bob", "cid"} {
		c := siotest.Dial(t, srv, "/lobby", siotest.Auth(map[string]string{"name": name}))
		seat, err := siotest.Call(c, Join, JoinReq{Match: "m1"})
		var fail sio.Fail
		if errors.As(err, &fail) {
			fmt.Println(name, fail.Code)
			continue
		}
		fmt.Println(name, seat.Slot)
	}
	// Output:
	// ann 0
	// bob 1
	// cid full
}

// A client that may be refused.
func ExampleTryDial() {
	t := new(exampleTB)
	defer t.end()

	_, err := siotest.TryDial(t, newLobby(), "/lobby")
	var refused *siotest.ConnectError
	if errors.As(err, &refused) {
		var data struct{ Ask string }
		err := refused.Decode(&data)
		fmt.Println(refused.Message, data.Ask, err)
	}
	// Output:
	// who are you? name <nil>
}

// An hour passes in no time: the client that answers its pings stays, the one that does
// not is missed.
func ExampleClock_Advance() {
	t := new(exampleTB)
	defer t.end()

	srv := newLobby()
	clock := siotest.Start(t, srv)
	ann := siotest.Dial(t, srv, "/lobby", siotest.Auth(map[string]string{"name": "ann"}))
	siotest.Dial(t, srv, "/lobby", siotest.Auth(map[string]string{"name": "bob"}), siotest.Mute())

	clock.Advance(time.Hour)
	fmt.Println(ann.Next())
	// Output:
	// left("bob", "ping timeout")
}

// A server that asks its client is answered by a function.
func ExampleClient_On() {
	t := new(exampleTB)
	defer t.end()

	srv, _ := sio.New(sio.Options{})
	srv.On("start", func(s *sio.Socket, m *sio.Msg) error {
		answer, err := s.Ask(s.Context(), "ready?")
		if err != nil {
			return err
		}
		return answer.Forward(s, "so you are")
	})

	c := siotest.Dial(t, srv, "/")
	c.On("ready?", func(e *siotest.Event) { e.Ack(true) })
	c.Emit("start")
	fmt.Println(c.Next())
	// Output:
	// so you are(true)
}

// Buffers travel as attachments, wherever they stand.
func ExampleClient_Emit() {
	t := new(exampleTB)
	defer t.end()

	srv, _ := sio.New(sio.Options{})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })

	c := siotest.Dial(t, srv, "/", siotest.Upgrade())
	c.Emit("echo", 1, map[string]any{"bytes": []byte{1, 2, 3}})
	e := c.Expect("echo", 1, map[string]any{"bytes": []byte{1, 2, 3}})
	fmt.Println(c.Transport(), e.Len())
	// Output:
	// websocket 2
}

// Namespaces share the connection.
func ExampleClient_Of() {
	t := new(exampleTB)
	defer t.end()

	srv := newLobby()
	c := siotest.Dial(t, srv, "/")
	lobby := c.Of("/lobby", siotest.Auth(map[string]string{"name": "ann"}))
	fmt.Println(c.Namespace(), lobby.Namespace(), c.SessionID() == lobby.SessionID())
	// Output:
	// / /lobby true
}
