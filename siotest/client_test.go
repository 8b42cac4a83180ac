package siotest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

func TestAsk(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			c := siotest.Dial(t, newEcho(t), "/", tr.opts...)
			for _, args := range [][]any{{}, {"x", 1}, {[]byte("b"), map[string]any{"in": []byte("c")}}} {
				e, err := c.Ask(t.Context(), "ask", args...)
				if err != nil || !e.Is(args...) {
					t.Errorf("asked with %v: %v, %v", args, e, err)
				}
			}
		})
	}
}

// TestAskEnds: a question that the server does not answer ends for each reason.
func TestAskEnds(t *testing.T) {
	why := errors.New("had enough")
	for _, tc := range []struct {
		name string
		want error
		end  func(s *sio.Socket, c *siotest.Client, cancel context.CancelCauseFunc)
	}{
		{"cancelled", why, func(_ *sio.Socket, _ *siotest.Client, cancel context.CancelCauseFunc) { cancel(why) }},
		{"server disconnects", siotest.ErrClosed, func(s *sio.Socket, _ *siotest.Client, _ context.CancelCauseFunc) {
			s.Disconnect(sio.Disconnect{})
		}},
		{"client disconnects", siotest.ErrClosed, func(_ *sio.Socket, c *siotest.Client, _ context.CancelCauseFunc) { c.Disconnect() }},
		{"client closes", siotest.ErrClosed, func(_ *sio.Socket, c *siotest.Client, _ context.CancelCauseFunc) { c.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var c *siotest.Client
			srv.On("hm", func(s *sio.Socket, _ *sio.Msg) error {
				tc.end(s, c, cancel)
				return nil
			})
			c = siotest.Dial(t, srv, "/")
			if e, err := c.Ask(ctx, "hm"); e != nil || !errors.Is(err, tc.want) {
				t.Errorf("Ask: %v, %v, want %v", e, err, tc.want)
			}
		})
	}
	t.Run("patience", func(t *testing.T) {
		srv := newServer(t, sio.Options{})
		srv.On("hm", func(*sio.Socket, *sio.Msg) error { return nil })
		c := siotest.Dial(t, srv, "/")
		defer siotest.SetPatience(time.Millisecond)()
		if e, err := c.Ask(t.Context(), "hm"); e != nil || err != siotest.ErrTimeout {
			t.Errorf("Ask: %v, %v", e, err)
		}
	})
	t.Run("arguments", func(t *testing.T) {
		c := siotest.Dial(t, newEcho(t), "/")
		if _, err := c.Ask(t.Context(), "ask", make(chan int)); err == nil {
			t.Error("a channel was encoded")
		}
		if err := c.Emit("echo", func() {}); err == nil {
			t.Error("a function was encoded")
		}
		c.ExpectNone()
	})
}

// TestAck answers a server that asks, by hand, by On, and twice.
func TestAck(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			c := siotest.Dial(t, newEcho(t), "/", tr.opts...)
			emit(t, c, "ask me")
			e := c.Expect("why?")
			if !e.WantsAck() || e.Len() != 0 {
				t.Errorf("got %v, wants an answer: %t", e, e.WantsAck())
			}
			if err := e.Ack("because", []byte("b"), map[string]any{"c": []byte("d")}); err != nil {
				t.Error(err)
			}
			e = c.Expect("you said", "because", []byte("b"), map[string]any{"c": []byte("d")})
			if e.WantsAck() || e.Ack(1) == nil {
				t.Error("an event that wants no answer was answered")
			}

			c.On("why?", func(e *siotest.Event) {
				_ = e.Ack("first")
				_ = e.Ack("second")
			})
			emit(t, c, "ask me")
			c.Expect("you said", "first")
			c.ExpectNone()
			if err := e.Ack(make(chan int)); err == nil {
				t.Error("a channel was encoded")
			}
		})
	}
}

func TestOn(t *testing.T) {
	srv := newEcho(t)
	c := siotest.Dial(t, srv, "/")
	var mu sync.Mutex
	var heard []string
	hear := func(name string) func(*siotest.Event) {
		return func(e *siotest.Event) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, name+e.String())
		}
	}
	check := func(want ...string) {
		t.Helper()
		c.ExpectNone() // functions have run when it returns
		mu.Lock()
		defer mu.Unlock()
		if strings.Join(heard, " ") != strings.Join(want, " ") {
			t.Errorf("heard %q, want %q", heard, want)
		}
		heard = nil
	}

	emit(t, c, "echo", 1)
	emit(t, c, "echo", 2)
	emit(t, socket(t, srv, c), "other")
	siotest.Start(t, srv).Settle()
	c.On("echo", hear("a")) // also what was kept before
	emit(t, c, "echo", 3)
	c.Expect("other")
	check("aecho(1)", "aecho(2)", "aecho(3)")

	c.On("echo", hear("b"))
	emit(t, c, "echo", 4)
	check("becho(4)")

	c.On("echo", nil)
	emit(t, c, "echo", 5)
	c.Expect("echo", 5)
	check()

	// A function may itself wait for the server.
	c.On("echo", func(*siotest.Event) {
		e, err := c.Ask(context.Background(), "ask", "inside")
		if err == nil {
			hear("c")(e)
		}
	})
	emit(t, c, "echo", 6)
	check(`c("inside")`)

	// What was kept is there after the end.
	c.On("echo", nil)
	emit(t, c, "echo", 7)
	emit(t, c, "echo", 8)
	siotest.Start(t, srv).Settle()
	c.Close()
	c.Expect("echo", 7)
	c.On("other", hear("d"))
	c.Expect("echo", 8)
	if e := c.Next(); e != nil {
		t.Errorf("after the end: %v", e)
	}
}

// TestOnFailNow: a function that ends its goroutine, as t.FailNow does, does not keep
// the client from its end.
func TestOnFailNow(t *testing.T) {
	srv := newEcho(t)
	failed := fake(func(t siotest.TB) {
		c := siotest.Dial(t, srv, "/")
		c.On("echo", func(*siotest.Event) { t.Fatalf("not here") })
		_ = c.Emit("echo")
		c.ExpectNone()
	})
	if failed != "not here" {
		t.Errorf("failed with %q", failed)
	}
}

func TestNextAndDrain(t *testing.T) {
	c := siotest.Dial(t, newEcho(t), "/")
	for i := range 3 {
		emit(t, c, "echo", i)
	}
	if e := c.Next(); e.Name() != "echo" || !e.Is(0) {
		t.Errorf("Next: %v", e)
	}
	if all := c.Drain(); len(all) != 2 || !all[0].Is(1) || !all[1].Is(2) {
		t.Errorf("Drain: %v", all)
	}
	if all := c.Drain(); len(all) != 0 {
		t.Errorf("Drain again: %v", all)
	}
	c.Close()
	if e := c.Next(); e != nil {
		t.Errorf("Next after the end: %v", e)
	}
}

// TestOf has several namespaces on one connection.
func TestOf(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newEcho(t)
			chat, closed := srv.Of("/chat"), srv.Of("/closed")
			chat.Use(func(_ context.Context, s *sio.Socket) error {
				if string(s.Handshake().Auth()) != `{"name":"me"}` {
					return sio.Refuse{Message: "who?"}
				}
				return nil
			})
			chat.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "chat echo") })
			closed.Use(func(context.Context, *sio.Socket) error { return sio.Refuse{Message: "closed", Data: 7} })

			a := siotest.Dial(t, srv, "/", tr.opts...)
			me := siotest.Auth(map[string]string{"name": "me"})
			b := a.Of("chat", me)
			if b.Namespace() != "/chat" || b.ID() == a.ID() || b.SessionID() != a.SessionID() || b.Transport() != a.Transport() {
				t.Errorf("in %q with id %q and %q, session %q and %q", b.Namespace(), a.ID(), b.ID(), a.SessionID(), b.SessionID())
			}
			emit(t, a, "echo", []byte("a"))
			emit(t, b, "echo", []byte("b"))
			b.Expect("chat echo", []byte("b"))
			a.Expect("echo", []byte("a"))

			if _, err := a.TryOf("/chat", me); err == nil || !strings.Contains(err.Error(), `"/chat" already`) {
				t.Errorf("a second time: %v", err)
			}
			var refused *siotest.ConnectError
			if _, err := b.TryOf("/closed"); !errors.As(err, &refused) || refused.Message != "closed" || string(refused.Data) != "7" {
				t.Errorf("closed: %v", err)
			}

			old := b.ID()
			b.Disconnect()
			b.ExpectEnd("io client disconnect")
			if err := b.Emit("echo"); err != siotest.ErrClosed {
				t.Errorf("Emit after Disconnect: %v", err)
			}
			if _, err := b.TryOf("/chat"); !errors.As(err, &refused) || refused.Message != "who?" {
				t.Errorf("without auth: %v", err)
			}
			b = b.Of("/chat", me) // also of a client that has ended
			if b.ID() == old {
				t.Error("the id is the old one")
			}
			emit(t, b, "echo")
			b.Expect("chat echo")

			b.Close()
			a.ExpectEnd("io client disconnect")
			if _, err := a.TryOf("/x"); err != siotest.ErrClosed {
				t.Errorf("TryOf after Close: %v", err)
			}
		})
	}
}

// TestEnds names each reason on both sides.
func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		name   string
		end    func(s *sio.Socket, c *siotest.Client)
		client string
		server sio.Reason
	}{
		{"Disconnect", func(_ *sio.Socket, c *siotest.Client) { c.Disconnect() }, "io client disconnect", sio.ClientNamespaceDisconnect},
		{"Close", func(_ *sio.Socket, c *siotest.Client) { c.Close() }, "io client disconnect", sio.TransportClose},
		{"Cut", func(_ *sio.Socket, c *siotest.Client) { c.Cut() }, "transport close", sio.TransportClose},
		{"server", func(s *sio.Socket, _ *siotest.Client) { s.Disconnect(sio.Disconnect{}) }, "io server disconnect", sio.ServerNamespaceDisconnect},
		{"server closes", func(s *sio.Socket, _ *siotest.Client) { s.Disconnect(sio.Disconnect{Close: true}) }, "io server disconnect", sio.ServerNamespaceDisconnect},
		{"server closes quietly", func(s *sio.Socket, _ *siotest.Client) { s.Disconnect(sio.Disconnect{AllowReconnect: true}) }, "transport close", sio.ForcedServerClose},
	} {
		for _, tr := range transports {
			t.Run(tc.name+"/"+tr.kind, func(t *testing.T) {
				srv := newEcho(t)
				gone := make(chan sio.Reason, 2)
				srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { gone <- r })
				c := siotest.Dial(t, srv, "/", tr.opts...)
				select {
				case <-c.Done():
					t.Error("Done is closed at the beginning")
				default:
				}
				if c.Reason() != "" {
					t.Errorf("Reason() = %q at the beginning", c.Reason())
				}
				tc.end(socket(t, srv, c), c)
				c.ExpectEnd(tc.client)
				recv(t, c.Done())
				want := tc.server
				if tc.name == "Cut" && tr.name == "polling" {
					want = sio.TransportError // a GET was under way
				}
				if r := recv(t, gone); r != want {
					t.Errorf("the server says %q, want %q", r, want)
				}
				if c.Reason() != tc.client {
					t.Errorf("Reason() = %q, want %q", c.Reason(), tc.client)
				}
				if _, err := c.Ask(t.Context(), "ask"); err != siotest.ErrClosed {
					t.Errorf("Ask: %v", err)
				}
				c.Disconnect() // nor do these
				c.Close()
				c.Cut()
			})
		}
	}
}

// TestCloseAfterEmit: what was emitted before Close arrives.
func TestCloseAfterEmit(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			got := make(chan int64, 100)
			srv.On("n", func(_ *sio.Socket, m *sio.Msg) error {
				n, err := m.Int(0)
				got <- n
				return err
			})
			c := siotest.Dial(t, srv, "/", tr.opts...)
			for i := range cap(got) {
				emit(t, c, "n", i)
			}
			c.Close()
			for i := range cap(got) {
				if n := recv(t, got); n != int64(i) {
					t.Fatalf("got %d, want %d", n, i)
				}
			}
		})
	}
}

func TestUpgrade(t *testing.T) {
	c := siotest.Dial(t, newEcho(t), "/", siotest.Polling())
	sid := c.SessionID()
	var done sync.WaitGroup
	done.Go(func() {
		for i := range 200 {
			emit(t, c, "echo", i, []byte{byte(i)})
		}
	})
	if err := c.Upgrade(); err != nil {
		t.Fatal(err)
	}
	if c.Transport() != "websocket" || c.SessionID() != sid {
		t.Errorf("%s, session %q, before %q", c.Transport(), c.SessionID(), sid)
	}
	done.Wait()
	for i := range 200 {
		c.Expect("echo", i, []byte{byte(i)})
	}
	if err := c.Upgrade(); err == nil || !strings.Contains(err.Error(), "does not poll") {
		t.Errorf("a second time: %v", err)
	}
	c.Close()
	if err := c.Upgrade(); err != siotest.ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

// TestUpgradeNotOffered: a refused one is in TestBadUpgrades.
func TestUpgradeNotOffered(t *testing.T) {
	srv := newServer(t, sio.Options{NoUpgrades: true})
	c := siotest.Dial(t, srv, "/", siotest.Polling())
	if err := c.Upgrade(); err == nil || !strings.Contains(err.Error(), "no upgrade") {
		t.Error(err)
	}
	if _, err := siotest.TryDial(t, srv, "/", siotest.Upgrade()); err == nil {
		t.Error("Dial with Upgrade succeeds")
	}
}

// TestSendRaw breaks the protocol.
func TestSendRaw(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			c := siotest.Dial(t, newEcho(t), "/", tr.opts...)
			if err := c.SendRaw(`451-["echo",{"_placeholder":true,"num":0}]`); err != nil {
				t.Error(err)
			}
			b := []byte("abc")
			if err := c.SendRawBinary(b); err != nil {
				t.Error(err)
			}
			b[0] = 'x'
			c.Expect("echo", []byte("abc"))
			if err := c.SendRawBinary([]byte("not announced")); err != nil {
				t.Error(err)
			}
			recv(t, c.Done()) // of a polling client either request may hear of it first
			if c.SendRaw("2") != siotest.ErrClosed || c.SendRawBinary(nil) != siotest.ErrClosed {
				t.Error("something was sent after the end")
			}
		})
	}
}

func TestRaw(t *testing.T) {
	srv := newEcho(t)
	c := siotest.Raw(t, srv, siotest.Loop(1))
	if _, err := io.WriteString(c, "GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") {
		t.Errorf("%q, %v", answer, err)
	}

	c = siotest.Raw(t, srv)
	read := make(chan error)
	go func() {
		_, err := io.ReadAll(c)
		read <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := recv(t, read); err != io.ErrClosedPipe {
		t.Errorf("Read after Close: %v", err)
	}
}

// TestInitialPacket: what comes before the client has joined anything is kept for it.
func TestInitialPacket(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newServer(t, sio.Options{InitialPacket: `2["news",1]`})
			c := siotest.Dial(t, srv, "/", tr.opts...)
			c.Expect("news", 1)
			c.ExpectNone()
		})
	}
}
