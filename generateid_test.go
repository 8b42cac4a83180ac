package sio_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestGenerateID (H39): the application's ids are the sessions', must not be taken, and
// are free again afterwards.
func TestGenerateID(t *testing.T) {
	srv := newServer(t, sio.Options{GenerateID: func(_ context.Context, h *sio.Handshake) (string, error) {
		return h.Query().Get("want"), nil
	}})
	want := func(id string) siotest.DialOption { return siotest.Query("want", id) }
	c := siotest.Dial(t, srv, "/", siotest.Polling(), want("mine"))
	if c.SessionID() != "mine" || len(c.ID()) != 20 {
		t.Errorf("session %q, socket %q", c.SessionID(), c.ID())
	}
	emit(t, c, "x")
	if err := c.Upgrade(); err != nil {
		t.Error(err)
	}
	var e *siotest.HandshakeError
	for _, id := range []string{"mine", ""} {
		if _, err := siotest.TryDial(t, srv, "/", siotest.Polling(), want(id)); !errors.As(err, &e) || e.Code != 3 {
			t.Errorf("id %q: %v", id, err)
		}
	}
	c.Close()
	siotest.Start(t, srv).Settle()
	siotest.Dial(t, srv, "/", want("mine"))
}

// TestGenerateIDAnyText (H39): an id may be any text that is not too long. Polling requests
// find their session by it from every loop, a WebSocket finds it to upgrade, and ids that
// look like the server's own are nothing special, whichever loop such an id would name.
func TestGenerateIDAnyText(t *testing.T) {
	ids := []string{
		"x", "a b", "a+b", "a%20b", "&sid=other", "#?/\\", `"quoted"`, "tab\tand\nline", "größer 東京", "null\x00byte",
		strings.Repeat("long", 64), strings.Repeat("é", 128),
	}
	for i := range 64 { // as the server's, for one loop or another or none
		b := make([]byte, 15)
		b[0], b[1] = byte(i), byte(i*37)
		ids = append(ids, base64.URLEncoding.EncodeToString(b))
	}
	srv := newServer(t, sio.Options{GenerateID: func(_ context.Context, h *sio.Handshake) (string, error) {
		return h.Query().Get("want"), nil
	}})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	var clients []*siotest.Client
	for i, id := range ids {
		c := siotest.Dial(t, srv, "/", siotest.Polling(), siotest.Loop(i%2), siotest.Query("want", id))
		if c.SessionID() != id || socket(t, srv, c).Conn().ID() != id {
			t.Errorf("session %q, want %q", c.SessionID(), id)
		}
		clients = append(clients, c)
	}
	for range 2 {
		for i, c := range clients {
			emit(t, c, "echo", i)
		}
		for i, c := range clients {
			c.Expect("echo", i)
			if i%2 == 0 && c.Transport() == "polling" {
				if err := c.Upgrade(); err != nil {
					t.Errorf("id %q: upgrade: %v", ids[i], err)
				}
			}
		}
	}
	for _, id := range ids {
		if _, err := siotest.TryDial(t, srv, "/", siotest.Polling(), siotest.Query("want", id)); err == nil {
			t.Errorf("the id %q was given twice", id)
		}
	}
}

// TestGenerateIDRefused (H39): what cannot be an id is an error, told to the client with
// code 3 and to OnHandshakeError with the reason.
func TestGenerateIDRefused(t *testing.T) {
	told := make(chan *sio.HandshakeError, 1)
	var id string
	var idErr error
	srv := newServer(t, sio.Options{
		GenerateID: func(context.Context, *sio.Handshake) (string, error) {
			if id == "panic" {
				boom()
			}
			return id, idErr
		},
		OnHandshakeError: func(e *sio.HandshakeError) { told <- e },
	})
	for _, tc := range []struct {
		id   string
		err  error
		want string
	}{
		{"", nil, "sio: empty session id"},
		{strings.Repeat("x", 257), nil, "sio: session id of 257 bytes, over 256"},
		{strings.Repeat("x", 1<<20), nil, "sio: session id of 1048576 bytes, over 256"},
		{"not \xff UTF-8", nil, "sio: session id is not UTF-8"},
		{"with an error", errors.New("no ids left"), "no ids left"},
		{"panic", nil, "sio: GenerateID panicked"},
	} {
		id, idErr = tc.id, tc.err
		var e *siotest.HandshakeError
		if _, err := siotest.TryDial(t, srv, "/", siotest.Polling()); !errors.As(err, &e) || e.Status != 400 || e.Code != 3 {
			t.Errorf("%.20q: got %v", tc.id, err)
		}
		if e := recv(t, told); e.Context["name"] != "ID_GENERATION_ERROR" || e.Context["error"] != tc.want {
			t.Errorf("%.20q: told %v", tc.id, e.Context)
		}
		if _, err := siotest.TryDial(t, srv, "/"); !errors.As(err, &e) || e.Status != 400 {
			t.Errorf("%.20q: got %v", tc.id, err)
		}
		recv(t, told)
	}
	if st := srv.Stats(); st.Sessions != 0 || st.Refused[3] != 12 || st.Panics != 2 {
		t.Errorf("%d sessions, refused %v, %d panics", st.Sessions, st.Refused, st.Panics)
	}
}

// TestGenerateIDRace (H39): of many clients that are given one id at once, on several
// loops, one has it.
func TestGenerateIDRace(t *testing.T) {
	const n = 8
	var gate sync.WaitGroup
	srv := newServer(t, sio.Options{GenerateID: func(_ context.Context, h *sio.Handshake) (string, error) {
		gate.Done()
		gate.Wait()
		return h.Query().Get("want"), nil
	}})
	siotest.Start(t, srv)
	for round := range 10 {
		gate.Add(n)
		var mu sync.Mutex
		var won []*siotest.Client
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				c, err := siotest.TryDial(t, srv, "/", siotest.Polling(), siotest.Loop(i%2), siotest.Query("want", fmt.Sprint("round ", round)))
				if err == nil {
					mu.Lock()
					won = append(won, c)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d clients have one id", len(won))
		}
		emit(t, socket(t, srv, won[0]), "hello")
		won[0].Expect("hello")
	}
}
