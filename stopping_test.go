package sio_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestUseWhileStopping (C13, L14): functions of Use that wait when the server stops are
// told by their context, with the reason; what they say then lets nobody in.
func TestUseWhileStopping(t *testing.T) {
	for name, verdict := range map[string]error{"allowed": nil, "refused": sio.Refuse{Message: "no"}, "late error": errors.New("x")} {
		for transport, opts := range map[string][]siotest.DialOption{"websocket": nil, "polling": {siotest.Polling()}} {
			t.Run(name+", "+transport, func(t *testing.T) {
				srv := newServer(t, sio.Options{})
				var l log
				in := make(chan *sio.Socket, 2)
				var waiting sync.WaitGroup
				waiting.Add(2)
				srv.Use(func(ctx context.Context, s *sio.Socket) error {
					defer waiting.Done()
					if err := s.Join("room"); err != nil {
						t.Error(err)
					}
					in <- s
					<-ctx.Done()
					if err := s.Emit("too late"); !errors.Is(err, sio.ErrClosed) {
						t.Errorf("Emit: %v", err)
					}
					if err := srv.Emit("to nobody"); err != nil {
						t.Errorf("broadcast: %v", err)
					}
					return verdict
				})
				srv.Use(func(context.Context, *sio.Socket) error { l.add("second"); return nil })
				srv.OnConnect(func(*sio.Socket) { l.add("connect") })
				srv.OnDisconnect(func(*sio.Socket, sio.Reason) { l.add("disconnect") })
				siotest.Start(t, srv)
				var dialed sync.WaitGroup
				for i := range 2 {
					dialed.Go(func() {
						if _, err := siotest.TryDial(t, srv, "/", append(opts, siotest.Loop(i))...); err == nil {
							t.Error("let in")
						}
					})
				}
				sockets := []*sio.Socket{recv(t, in), recv(t, in)}
				if err := srv.Close(); err != nil {
					t.Error(err)
				}
				waiting.Wait()
				dialed.Wait()
				for _, s := range sockets {
					var d *sio.DisconnectError
					if !errors.As(context.Cause(s.Context()), &d) || d.Reason != sio.ServerShuttingDown {
						t.Errorf("cause %v", context.Cause(s.Context()))
					}
					if s.Connected() {
						t.Error("connected")
					}
				}
				if srv.Len() != 0 || len(srv.Rooms()) != 0 {
					t.Errorf("%d sockets, rooms %q", srv.Len(), srv.Rooms())
				}
				l.want(t)
			})
		}
	}
}

// TestHandlersWhileStopping (L14): events that wait behind a handler when the server stops
// are not handled any more, or all before OnDisconnect, which comes once, last; the
// handler's calls return.
func TestHandlersWhileStopping(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	in := make(chan struct{})
	srv.On("wait", func(s *sio.Socket, m *sio.Msg) error {
		close(in)
		<-s.Context().Done()
		if _, err := s.Ask(context.Background(), "x"); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Ask: %v", err)
		}
		for _, err := range srv.All().AskAll(context.Background(), "x") {
			t.Errorf("AskAll: %v", err)
		}
		if err := s.EmitWait(context.Background(), "x"); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("EmitWait: %v", err)
		}
		if err := srv.All().Join(context.Background(), "room"); err != nil {
			t.Errorf("Join: %v", err)
		}
		if err := s.Do(func() { t.Error("run") }); !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Do: %v", err)
		}
		l.add("wait")
		return nil
	})
	srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { l.add("%s", r) })
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "wait")
	recv(t, in)
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	l.want(t, "wait", "server shutting down")
}

// TestDecisionsWhileStopping (H16, H39, C08, L14): handshakes and namespaces that are being
// decided about when the server stops come to nothing, and nobody waits for them.
func TestDecisionsWhileStopping(t *testing.T) {
	in, hold := make(chan struct{}), make(chan struct{})
	var asked sync.WaitGroup
	wait := func() {
		defer asked.Done()
		in <- struct{}{}
		<-hold
	}
	for name, o := range map[string]sio.Options{
		"AllowRequest": {AllowRequest: func(context.Context, *sio.Handshake) error { wait(); return nil }},
		"GenerateID":   {GenerateID: func(context.Context, *sio.Handshake) (string, error) { wait(); return "id", nil }},
		"OfFunc":       {},
		"OnNamespace":  {OnNamespace: func(n *sio.Namespace) { wait() }},
	} {
		t.Run(name, func(t *testing.T) {
			hold = make(chan struct{})
			asked.Add(1)
			srv := newServer(t, o)
			srv.OnConnect(func(*sio.Socket) { t.Error("let in") })
			nsp := "/"
			switch name {
			case "OfFunc":
				nsp = "/x"
				srv.OfFunc(func(context.Context, string, sio.Raw) error { wait(); return nil })
			case "OnNamespace":
				nsp = "/x"
				srv.OfPattern("/{any}")
			}
			addr := listen(t, srv)
			var dialed sync.WaitGroup
			dialed.Go(func() {
				if _, err := siotest.TryDialAddr(t, addr, nsp); err == nil {
					t.Error("let in")
				}
			})
			recv(t, in)
			closed := make(chan error, 1)
			go func() { closed <- srv.Close() }()
			dialed.Wait() // the connection ends while the function still decides
			close(hold)
			asked.Wait()
			if err := recv(t, closed); err != nil {
				t.Error(err)
			}
			if n := srv.Stats().Sessions; n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}
