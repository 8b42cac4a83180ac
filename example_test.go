package sio_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// A test stands for the *testing.T that the clients of these examples report to.
type test struct{ ends []func() }

func (*test) Helper()                           {}
func (*test) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (*test) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *test) Cleanup(f func())                { t.ends = append(t.ends, f) }

// end is what testing does when a test has ended.
func (t *test) end() {
	for _, f := range slices.Backward(t.ends) {
		f()
	}
}

// A whole server: what one client says, the others hear. It ends with Ctrl-C.
func Example() {
	srv, err := sio.New(sio.Options{})
	if err != nil {
		panic(err)
	}
	srv.On("say", func(s *sio.Socket, m *sio.Msg) error {
		return m.Forward(s.Broadcast(), "say")
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := srv.Run(ctx, ":3000"); err != nil {
		panic(err)
	}
}

// Events are constants that carry the type of their argument, so neither side can get
// it wrong.
func ExampleEvent() {
	type Chat struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	const (
		Say    sio.Event[Chat]          = "say"
		Resize sio.Event2[int, float64] = "resize" // two arguments
	)

	srv, _ := sio.New(sio.Options{})
	Say.On(srv, func(s *sio.Socket, c Chat) error {
		c.Text = strings.ToUpper(c.Text)
		return Say.Emit(srv, c) // to everybody
	})
	Resize.On(srv, func(s *sio.Socket, width int, scale float64) error {
		fmt.Println("resized to", float64(width)*scale)
		return nil
	})

	t := new(test)
	defer t.end()
	c := siotest.Dial(t, srv, "/")
	siotest.Send(c, Say, Chat{From: "ann", Text: "hi"})
	fmt.Println(siotest.Receive(c, Say))
	c.Emit("resize", 640, 1.5)
	c.ExpectNone()
	// Output:
	// {ann HI}
	// resized to 960
}

// A request is answered, with a value or with an error that the client is told.
func ExampleRequest() {
	type JoinReq struct{ Match string }
	type Seat struct{ Slot int }
	const Join sio.Request[JoinReq, Seat] = "join"

	srv, _ := sio.New(sio.Options{})
	Join.Handle(srv, func(ctx context.Context, s *sio.Socket, q JoinReq) (Seat, error) {
		members, err := srv.To(q.Match).Count(ctx)
		if err != nil {
			return Seat{}, err // the client is told "internal error"
		}
		if members == 2 {
			return Seat{}, sio.Fail{Code: "full", Message: "the match is full"}
		}
		return Seat{Slot: members}, s.Join(q.Match)
	})

	t := new(test)
	defer t.end()
	for range 3 {
		c := siotest.Dial(t, srv, "/")
		fmt.Println(siotest.Call(c, Join, JoinReq{Match: "m1"}))
	}
	// Output:
	// {0} <nil>
	// {1} <nil>
	// {0} full: the match is full
}

// Sockets are sent to by the rooms that they are in. What is said of whom is a value,
// and each method makes another one.
func ExampleSocket_To() {
	srv, _ := sio.New(sio.Options{})
	srv.On("enter", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		return s.Join(room)
	})
	srv.On("say", func(s *sio.Socket, m *sio.Msg) error {
		s.To("red").Emit("heard", "a member says it")           // red, without s
		srv.To("red", "blue").Emit("heard", "somebody says it") // both, each socket once
		srv.Except("red").Emit("heard", "red is busy")          // everybody else
		return nil
	})

	t := new(test)
	defer t.end()
	clients := map[string]*siotest.Client{}
	for _, room := range []string{"red", "blue", "green"} {
		c := siotest.Dial(t, srv, "/")
		c.Emit("enter", room)
		clients[room] = c
	}
	siotest.Start(t, srv).Settle() // everybody is in
	clients["blue"].Emit("say")
	for _, room := range []string{"red", "blue", "green"} {
		fmt.Println(room, clients[room].Drain())
	}
	// Output:
	// red [heard("a member says it") heard("somebody says it")]
	// blue [heard("somebody says it") heard("red is busy")]
	// green [heard("red is busy")]
}

// The server asks a client, and waits for the answer no longer than the context says.
func ExampleSocket_Ask() {
	srv, _ := sio.New(sio.Options{})
	srv.On("start", func(s *sio.Socket, m *sio.Msg) error {
		ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
		defer cancel()
		answer, err := s.Ask(ctx, "ready?", "round 1")
		if err != nil {
			return err // too late, or the client has left
		}
		ready, err := answer.Bool(0)
		if err != nil {
			return err // it has answered something else
		}
		return s.Emit("started", ready)
	})

	t := new(test)
	defer t.end()
	c := siotest.Dial(t, srv, "/")
	c.On("ready?", func(e *siotest.Event) { e.Ack(true) })
	c.Emit("start")
	fmt.Println(c.Next())
	// Output:
	// started(true)
}

// Several clients are asked at once. Their answers are taken as they come.
func ExampleRequest_CallAll() {
	const Vote sio.Request[string, bool] = "vote"

	srv, _ := sio.New(sio.Options{})
	t := new(test)
	defer t.end()
	for _, mind := range []bool{true, false, true} {
		c := siotest.Dial(t, srv, "/")
		siotest.Answer(c, Vote, func(string) (bool, error) { return mind, nil })
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	yes, no := 0, 0
	for vote, err := range Vote.CallAll(ctx, srv.All(), "shall we go on?") {
		switch {
		case err != nil:
			fmt.Println("not all have voted:", err)
		case vote:
			yes++
		default:
			no++
		}
	}
	fmt.Println(yes, "to", no)
	// Output:
	// 2 to 1
}

// One registration serves every match: a namespace is made for each name that a client
// asks for.
func ExampleServer_OfPattern() {
	const Shout sio.Event[string] = "shout"

	srv, _ := sio.New(sio.Options{})
	matches := srv.OfPattern("/match/{id}")
	matches.OnConnect(func(s *sio.Socket) {
		s.Emit("welcome", "match "+s.Param("id"))
	})
	Shout.On(matches, func(s *sio.Socket, text string) error {
		return Shout.Emit(s.Namespace(), text) // to this match alone
	})

	t := new(test)
	defer t.end()
	a, b := siotest.Dial(t, srv, "/match/7"), siotest.Dial(t, srv, "/match/8")
	fmt.Println(a.Next(), b.Next())
	siotest.Send(a, Shout, "go!")
	fmt.Println(siotest.Receive(a, Shout))
	b.ExpectNone()

	_, err := siotest.TryDial(t, srv, "/lobby")
	fmt.Println(err)
	// Output:
	// welcome("match 7") welcome("match 8")
	// go!
	// siotest: connection refused: Invalid namespace
}

// Who may join is decided before the socket is seen by anybody. What is found out on the
// way is kept in a slot, a field that every socket then has.
func ExampleNamespace_Use() {
	type Login struct{ Token string }
	user := sio.NewSlot[string]() // mostly a variable of the package

	srv, _ := sio.New(sio.Options{})
	srv.Use(func(ctx context.Context, s *sio.Socket) error {
		var login Login
		if err := s.Handshake().DecodeAuth(&login); err != nil {
			return err // logged; the client learns nothing
		}
		name, ok := strings.CutPrefix(login.Token, "token of ")
		if !ok {
			return sio.Refuse{Message: "unauthorized", Data: map[string]bool{"retry": false}}
		}
		user.Set(s, name)
		return nil
	})
	srv.OnConnect(func(s *sio.Socket) { s.Emit("hello", user.Get(s)) })

	t := new(test)
	defer t.end()
	c := siotest.Dial(t, srv, "/", siotest.Auth(Login{Token: "token of ann"}))
	fmt.Println(c.Next())

	_, err := siotest.TryDial(t, srv, "/", siotest.Auth(Login{Token: "?"}))
	if refused, ok := err.(*siotest.ConnectError); ok {
		fmt.Printf("%s %s\n", refused.Message, refused.Data)
	}
	// Output:
	// hello("ann")
	// unauthorized {"retry":false}
}

// A game's state, sent to everybody thirty times a second, is put together once,
// without garbage.
func ExamplePrepare() {
	srv, _ := sio.New(sio.Options{})
	room := srv.Room("match 7")
	defer room.Close()
	srv.OnConnect(func(s *sio.Socket) { s.Join("match 7") })

	send := func(tick int64, positions []uint16) error {
		p := sio.Prepare("state")
		defer p.Release()
		p.Int(tick)
		data := p.Scratch()
		for _, x := range positions {
			data = binary.BigEndian.AppendUint16(data, x)
		}
		p.Binary(data)
		return room.Send(p)
	}

	t := new(test)
	defer t.end()
	a, b := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "/")
	siotest.Start(t, srv).Settle()
	if err := send(42, []uint16{1, 513}); err != nil {
		panic(err)
	}
	fmt.Println(a.Next(), b.Next())
	// Output:
	// state(42, <4 bytes: 00010201>) state(42, <4 bytes: 00010201>)
}

// What is short and frequent is handled on the event loop itself, on the bytes as they
// were read. It must not block.
func ExampleInline() {
	srv, _ := sio.New(sio.Options{})
	srv.On("move", func(s *sio.Socket, m *sio.Msg) error {
		x, err := m.Int(0)
		if err != nil {
			return err
		}
		p := sio.Prepare("moved")
		defer p.Release()
		return s.Broadcast().Volatile().Send(p.Int(x))
	}, sio.Inline)

	t := new(test)
	defer t.end()
	a, b := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "/")
	a.Emit("move", 3)
	fmt.Println(b.Next())
	// Output:
	// moved(3)
}
