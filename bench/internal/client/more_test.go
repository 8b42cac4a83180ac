package client

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// startWith starts one session as dial does, with o.
func startWith(t *testing.T, url string, options Options, o Start, h Handler) (*Env, *Session) {
	t.Helper()
	s := &Session{}
	return dialWith(t, url, options, h, func(env *Env) { s.StartWith(env, h, o) }), s
}

// TestOwnNamespace: a session in another namespace than its Config's says so
// from CONNECT to goodbye.
func TestOwnNamespace(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake)
		w.expect(`40/bench-7,{"token":"a"}`)
		w.say(`40/bench-7,{"sid":"x"}`)
		w.say(`42/bench-7,["bye"]`)
		w.expect("41/bench-7,", "close")
	}, nil)
	h := newRecorder()
	h.onText = func(s *Session, _ string) {
		if got := s.Namespace(); got != "/bench-7" {
			t.Errorf("it is in %s", got)
		}
		s.Goodbye()
	}
	startWith(t, f.url, Options{Namespace: "/chat", Auth: `{"token":"a"}`}, Start{Namespace: "/bench-7"}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
}

// TestRecovery: what a server with connectionStateRecovery tells is kept, the
// offset is taken off the events, and both are presented by the next session.
func TestRecovery(t *testing.T) {
	round := 0
	f := newFake(t, func(w *wire) {
		round++
		w.say(handshake)
		switch round {
		case 1:
			w.expect(`40{"a":1}`)
			w.say(`40{"sid":"x","pid":"p\"1"}`)
			w.say(`42["a","b","off1"]`)
			w.say(`42/else,["a","b","off2"]`)  // of another namespace
			w.say(`42["a","b",{"c":"d"}]`)     // ends otherwise
			w.say(`427["a","b","c"]`)          // asks for an acknowledgement
			w.say(`43["a","b"]`)               // is an acknowledgement
			w.say(`42["a"]`)                   // the name is no offset
			w.say(`42["a","\\\"x\\\\","o3"]`)  //
			w.say(`42["a","b","o\"4"]`)        // an offset with a quote
			w.say(`451-["a",{"num":0},"o\\"]`) // and with a backslash at its end
		case 2:
			w.expect(`40{"pid":"p\"1","offset":"o\\\\","a":1}`)
			w.say(`40{"sid":"y","pid":"p\"1"}`, `42["missed","o6"]`)
		case 3:
			w.expect(`40{"pid":"p\"1","offset":"o6","a":1}`)
			w.say(`40{"sid":"z","pid":"other"}`)
		case 4:
			w.expect(`40{"pid":"p","a":1}`)
			w.say(`40{"sid":"z"}`, `42["a","b"]`)
		}
	}, nil)
	options := Options{Auth: `{"a":1}`}
	for _, tc := range []struct {
		start     Start // without: that of the one before
		want      string
		recovered bool
	}{
		{Start{}, `2["a","b"]` + "\n" + `2/else,["a","b"]` + "\n" + `2["a","b",{"c":"d"}]` + "\n" + `27["a","b","c"]` + "\n" + `3["a","b"]` + "\n" +
			`2["a"]` + "\n" + `2["a","\\\"x\\\\"]` + "\n" + `2["a","b"]` + "\n" + `51-["a",{"num":0}]` + "\n" + `p"1 o\\`, false},
		{Start{PID: `p"1`, Offset: `o\\`}, `2["missed"]` + "\n" + `p"1 o6`, true},
		{Start{PID: `p"1`, Offset: `o6`}, "other ", false},
		{Start{PID: `p`}, `2["a","b"]` + "\n ", false},
	} {
		h := newRecorder()
		env, s := startWith(t, f.url, options, tc.start, h)
		h.await(t)
		env.Loop.Do(func() {
			pid, offset := s.Recovery()
			h.note(pid + " " + offset)
			if s.Recovered() != tc.recovered {
				t.Errorf("recovered: %v", s.Recovered())
			}
		})
		got := strings.Replace(h.all(), "closed: closed by server: the server ended the TCP connection\n", "", 1)
		if want := "ready\n" + tc.want; got != want {
			t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
		}
	}
}

// TestRecoveryWithoutAuth: an auth without members adds nothing.
func TestRecoveryWithoutAuth(t *testing.T) {
	for auth, want := range map[string]string{
		"": `40{"pid":"p","offset":"o"}`, " { } ": `40{"pid":"p","offset":"o"}`, `{ "a":[] }`: `40{"pid":"p","offset":"o","a":[] }`,
	} {
		m := more{pid: "p", offset: []byte("o")}
		if got := string(packet("/", '0', m.present([]byte(auth)))); got != want {
			t.Errorf("auth %q: %s, want %s", auth, got, want)
		}
	}
}

// enterer is a recorder that goes into further namespaces.
type enterer struct{ *recorder }

func (e enterer) Entered(s *Session, namespace string, err error) {
	e.note(fmt.Sprintf("entered %s: %v", namespace, err))
	if namespace == "/c" {
		s.Send([]byte(Prefix("/a", '2', 0) + `["hi"]`))
	}
}

// TestEnter: several namespaces on one session.
func TestEnter(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.open()
		w.expect("40/a,", "40/b,", "40/c,")
		w.say(`40/b,{"sid":"x"}`, `44/a,{"message":"no"}`, `40/c,{}`, `40/d,{"sid":"x"}`)
		w.expect(`42/a,["hi"]`)
		w.say(`42/b,["hello"]`)
	}, nil)
	h := enterer{newRecorder()}
	h.ready = func(s *Session) {
		s.Enter("/a")
		s.Enter("/b")
		s.Enter("/c")
	}
	dial(t, f.url, Options{}, h)
	h.await(t)
	want := `ready
entered /b: <nil>
entered /a: namespace refused: /a: no ("4/a,{\"message\":\"no\"}")
entered /c: malformed packet: CONNECT without sid: "0/c,{}"
0/d,{"sid":"x"}
2/b,["hello"]
closed: closed by server: the server ended the TCP connection`
	if got := h.all(); got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
}

func TestCheckNamespace(t *testing.T) {
	for name, ok := range map[string]bool{"/": true, "/a": true, "": false, "a": false, "/a,b": false, "/a\x1e": false} {
		if err := CheckNamespace(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestPause: a session that is paused hears nothing, is not ended for its
// silence, and goes on where it was.
func TestPause(t *testing.T) {
	for _, transport := range []Transport{WebSocket, Polling} {
		t.Run(string(transport), func(t *testing.T) {
			server := newPollServer()
			server.greet = `42["a"]`
			more := make(chan struct{})
			f := newFake(t, func(w *wire) {
				w.say(`0{"sid":"s1","upgrades":[],"pingInterval":1,"pingTimeout":1}`)
				w.expect("40")
				w.say(`40{"sid":"x"}`, `42["a"]`)
				<-more
				w.say(`42["b"]`)
				w.expect("EOF")
			}, server.ServeHTTP)
			h := newRecorder()
			paused := make(chan *Session, 1)
			over := make(chan struct{})
			h.onText = func(s *Session, packet string) {
				switch packet {
				case `2["a"]`:
					s.Pause()
					paused <- s
				case `2["b"]`:
					s.Abort()
					close(over)
				}
			}
			env := dial(t, f.url, Options{Transport: transport}, h)
			s := <-paused
			if close(more); transport == Polling {
				server.session("sid0").out <- `42["b"]`
			}
			for range 3 {
				env.Loop.Do(env.listen)
			}
			if got := h.all(); got != "ready\n2[\"a\"]" {
				t.Errorf("while it is paused the handler saw\n%s", got)
			}
			env.Loop.Do(s.Resume)
			<-over
		})
	}
}

// TestPausedFromTheStart: a session may be paused before it is connected.
func TestPausedFromTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	h := newRecorder()
	var s Session
	dialWith(t, l.Addr().String(), Options{}, h, func(env *Env) {
		s.Pause() // not started: nothing to pause
		s.Start(env, h)
		s.Pause()
		s.Pause()
	})
	var e *Error
	if err := h.await(t); !errors.As(err, &e) || e.Name != Refused {
		t.Errorf("closed with %v", err)
	}
}
