package sio_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestAskBehindAFlood (K04): a serial handler that asks its client gets the answer though
// the client has filled the socket's inbox, which is not read further then; up to twice
// what the limits allow.
func TestAskBehindAFlood(t *testing.T) {
	const limit = 100
	payload := strings.Repeat("x", 500)
	for _, by := range []sio.Limits{{QueuedEvents: limit}, {QueuedBytes: limit * len(payload)}} {
		for name, ask := range map[string]func(s *sio.Socket) error{
			"Ask": func(s *sio.Socket) error {
				_, err := s.Ask(context.Background(), "q")
				return err
			},
			"AskAll": func(s *sio.Socket) (err error) {
				for _, e := range s.Namespace().All().AskAll(context.Background(), "q") {
					err = e
				}
				return err
			},
		} {
			for transport, opts := range map[string][]siotest.DialOption{"websocket": nil, "polling": {siotest.Polling()}} {
				t.Run(name+" over "+transport, func(t *testing.T) {
					srv := newServer(t, sio.Options{Limits: by, AckTimeout: -1, MaxPayload: 5000})
					in, hold, answered := make(chan struct{}), make(chan struct{}), make(chan error, 1)
					srv.On("go", func(s *sio.Socket, _ *sio.Msg) error {
						close(in)
						<-hold
						answered <- ask(s)
						return nil
					})
					next := int64(0)
					srv.On("n", func(_ *sio.Socket, m *sio.Msg) error {
						if v, err := m.Int(0); err != nil || v != next {
							t.Errorf("got event %d, want %d", v, next)
						}
						next++
						return nil
					})
					clock := siotest.Start(t, srv)
					c := siotest.Dial(t, srv, "/", opts...)
					c.On("q", func(e *siotest.Event) { _ = e.Ack() })
					emit(t, c, "go")
					recv(t, in)
					const flood = limit * 3 / 2
					for i := range flood {
						emit(t, c, "n", i, payload)
					}
					clock.Advance(100 * time.Millisecond)
					if n := srv.Stats().Events; n > limit+20 { // a polling request is read whole
						t.Errorf("%d events were taken", n)
					}
					close(hold)
					if err := recv(t, answered); err != nil {
						t.Error(err)
					}
					if !clock.Settle() || next != flood {
						t.Errorf("%d of %d events were handled", next, flood)
					}
				})
			}
		}
	}
}

// TestAskBehindAnEndlessFlood: being asked something lets a client fill no more than
// twice the limits.
func TestAskBehindAnEndlessFlood(t *testing.T) {
	const limit, flood = 50, 1000
	srv := newServer(t, sio.Options{Limits: sio.Limits{QueuedEvents: limit}, AckTimeout: -1})
	in := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error, 1)
	srv.On("go", func(s *sio.Socket, _ *sio.Msg) error {
		close(in)
		_, err := s.Ask(ctx, "q")
		failed <- err
		return nil
	})
	handled := 0
	srv.On("n", func(*sio.Socket, *sio.Msg) error { handled++; return nil })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	emit(t, c, "go")
	recv(t, in)
	for i := range flood {
		emit(t, c, "n", i)
	}
	clock.Advance(100 * time.Millisecond)
	if n := srv.Stats().Events; n > 2*limit+1 {
		t.Errorf("%d events were taken", n)
	}
	cancel()
	if err := recv(t, failed); err == nil {
		t.Error("answered")
	}
	if !clock.Settle() || handled != flood {
		t.Errorf("%d of %d events were handled", handled, flood)
	}
}
