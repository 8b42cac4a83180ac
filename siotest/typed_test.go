package siotest_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

type (
	seatReq struct{ Match string }
	seat    struct{ Slot int }
)

const (
	join  sio.Request[seatReq, seat] = "join"
	ready sio.Request[string, bool]  = "ready?"
	state sio.Event[[]byte]          = "state"
)

func TestCall(t *testing.T) {
	srv := newServer(t, sio.Options{})
	join.Handle(srv, func(_ context.Context, _ *sio.Socket, q seatReq) (seat, error) {
		switch q.Match {
		case "full":
			return seat{}, sio.Fail{Code: "full", Message: "match is full", Data: seat{9}}
		case "plain":
			return seat{}, sio.Fail{Message: "no"}
		case "broken":
			return seat{}, errors.New("database password is wrong")
		}
		return seat{len(q.Match)}, nil
	})
	srv.On("empty", func(_ *sio.Socket, m *sio.Msg) error { return m.Ack() })
	srv.On("text", func(_ *sio.Socket, m *sio.Msg) error { return m.Ack("text") })
	c := siotest.Dial(t, srv, "/")

	if s, err := siotest.Call(c, join, seatReq{"abc"}); err != nil || s.Slot != 3 {
		t.Errorf("Call: %v, %v", s, err)
	}
	var fail sio.Fail
	if _, err := siotest.Call(c, join, seatReq{"full"}); !errors.As(err, &fail) || fail.Code != "full" || fail.Message != "match is full" {
		t.Errorf("full: %#v", err)
	} else if data, ok := fail.Data.(json.RawMessage); !ok || string(data) != `{"Slot":9}` {
		t.Errorf("full: data %s", fail.Data)
	}
	if _, err := siotest.Call(c, join, seatReq{"plain"}); !errors.As(err, &fail) || fail.Code != "" || fail.Data != nil {
		t.Errorf("plain: %#v", err)
	}
	if _, err := siotest.Call(c, join, seatReq{"broken"}); !errors.As(err, &fail) || fail.Message != "internal error" {
		t.Errorf("broken: %#v", err)
	}
	if s, err := siotest.Call(c, sio.Request[int, seat]("empty"), 0); err != nil || s != (seat{}) {
		t.Errorf("empty: %v, %v", s, err)
	}
	if _, err := siotest.Call(c, sio.Request[int, seat]("text"), 0); err == nil {
		t.Error("a text was decoded to a struct")
	}
	c.Close()
	if _, err := siotest.Call(c, join, seatReq{}); err != siotest.ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

func TestSendAndReceive(t *testing.T) {
	srv := newServer(t, sio.Options{})
	state.On(srv, func(s *sio.Socket, b []byte) error { return state.Emit(s, append(b, '!')) })
	c := siotest.Dial(t, srv, "/")
	if err := siotest.Send(c, state, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if got := siotest.Receive(c, state); string(got) != "abc!" {
		t.Errorf("got %q", got)
	}
	c.Close()
	if err := siotest.Send(c, state, nil); err != siotest.ErrClosed {
		t.Errorf("after the end: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	srv := newServer(t, sio.Options{})
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	siotest.Answer(c, ready, func(who string) (bool, error) {
		switch who {
		case "fail":
			return false, sio.Fail{Code: "c", Message: "m", Data: 1}
		case "plain fail":
			return false, sio.Fail{Message: "m"}
		case "pointer":
			return false, &sio.Fail{Code: "c", Message: "m", Data: 1}
		case "error":
			return false, errors.New("oh")
		}
		return who == "me", nil
	})
	for who, want := range map[string]bool{"me": true, "you": false} {
		if got, err := ready.Call(t.Context(), s, who); got != want || err != nil {
			t.Errorf("%s: %t, %v", who, got, err)
		}
	}
	for who, want := range map[string]string{
		"fail":       `[{"error":{"code":"c","data":1,"message":"m"}}]`,
		"pointer":    `[{"error":{"code":"c","data":1,"message":"m"}}]`,
		"plain fail": `[{"error":{"message":"m"}}]`,
		"error":      `[{"error":{"message":"oh"}}]`,
	} {
		m, err := s.Ask(t.Context(), "ready?", who)
		if err != nil {
			t.Fatal(err)
		}
		args, err := m.Args()
		if got, _ := json.Marshal(args); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", who, got, err, want)
		}
	}
	// An argument that f does not take.
	if m, err := s.Ask(t.Context(), "ready?", 7); err != nil || m.Len() != 1 || !strings.Contains(string(m.Raw(0)), `"error"`) {
		t.Errorf("asked with a number: %v, %v", m, err)
	}
}
