package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/mix"
	"github.com/e6a90ca8/sio/codec/websocket"
)

func TestWebSocketConversation(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake)
		w.expect(`40/chat,{"token":"a"}`)
		w.say(`40/chat,{"sid":"x"}`)
		w.expect(`42/chat,["one"]`, `42/chat,["two"]`)
		w.say("2", `42/chat,["hello"]`)
		w.expect("3", `42/chat,["three"]`, "b:\x01\x02")
		w.conn.Write(websocket.AppendFrame(nil, websocket.Ping, []byte("p")))
		w.expect("pong:p")
		w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, []byte("\x03")))
		w.say(`42/chat,["bye"]`)
		w.expect("41/chat,", "close")
		w.conn.Write(websocket.AppendClose(nil, websocket.StatusNone, ""))
	}, nil)
	h := newRecorder()
	h.ready = func(s *Session) {
		s.Send([]byte(`42/chat,["one"]`))
		s.Send([]byte(`42/chat,["two"]`))
	}
	h.onText = func(s *Session, packet string) {
		switch packet {
		case `2/chat,["hello"]`:
			s.Send([]byte(`42/chat,["three"]`))
			s.SendBinary([]byte{1, 2})
		case `2/chat,["bye"]`:
			s.Goodbye()
			s.Goodbye()
		}
	}
	env := dial(t, f.url, Options{Namespace: "/chat", Auth: `{"token":"a"}`}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	want := "ready\n2/chat,[\"hello\"]\nb:\x03\n2/chat,[\"bye\"]\nclosed"
	if got := h.all(); got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
	env.Loop.Do(func() {
		if env.Heartbeats != 1 || len(env.live) != 0 || env.Loop.Open() != 0 {
			t.Errorf("%d heartbeats, %d live, %d open", env.Heartbeats, len(env.live), env.Loop.Open())
		}
	})
}

// TestAllSplits plays a server's whole side of a conversation cut at every
// place, and byte by byte: the handler sees the same.
func TestAllSplits(t *testing.T) {
	accept := websocket.AppendAccept(nil, []byte(webSocketKey))
	head := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + string(accept) + "\r\n\r\n")
	stream := head
	for _, text := range []string{handshake, `40{"sid":"x"}`, "2", `42["a"]`, `451-["b",{"_placeholder":true,"num":0}]`} {
		stream = websocket.AppendFrame(stream, websocket.Text, []byte(text))
	}
	stream = websocket.AppendFrame(stream, websocket.Binary, []byte(strings.Repeat("x", 130)))
	stream = websocket.AppendClose(stream, websocket.StatusGoingAway, "over")
	want := "ready\n2[\"a\"]\n51-[\"b\",{\"_placeholder\":true,\"num\":0}]\nb:" + strings.Repeat("x", 130) +
		"\nclosed: closed by server: close frame 1001 \"over\""

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for cut := 0; cut < len(stream); cut++ {
		h := newRecorder()
		env := dial(t, l.Addr().String(), Options{}, h)
		config := env.Config
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.(*net.TCPConn).SetNoDelay(true)
		request := make([]byte, 0, 512)
		for !strings.HasSuffix(string(request), "\r\n\r\n") {
			n, err := conn.Read(request[len(request):cap(request)])
			if err != nil {
				t.Fatal(err)
			}
			request = request[:len(request)+n]
		}
		if cut == 0 {
			if want := "GET " + config.Target + "&transport=websocket HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\n"; !strings.HasPrefix(string(request), want) {
				t.Errorf("the request is %q", request)
			}
			pieces(conn, stream, 1)
		} else {
			conn.Write(stream[:cut])
			// The two halves arrive apart: the loop has taken the first one when
			// it has run a post made after the write.
			env.Loop.Do(func() {})
			conn.Write(stream[cut:])
		}
		h.await(t)
		if got := h.all(); got != want {
			t.Fatalf("cut at %d the handler saw\n%s\nwant\n%s", cut, got, want)
		}
		conn.Close()
	}
}

// TestRefusals: each way a server can go wrong ends with an error of its name
// that shows what came.
func TestRefusals(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			io.WriteString(rw, body)
		}
	}
	for _, tc := range []struct {
		name    string
		ws      func(w *wire)
		http    http.HandlerFunc
		options Options
		want    string // name of the error
		detail  string // part of its detail
	}{
		{name: "web server", http: answer(404, "no such page"), want: NotSocketIO, detail: `404 Not Found, body "no such page"`},
		{name: "web server, polling", http: answer(200, "<html>"), options: Options{Transport: Polling}, want: NotSocketIO, detail: `body "<html>"`},
		{name: "engine error", http: answer(400, `{"code":5,"message":"Unsupported protocol version"}`), want: Denied, detail: "Unsupported protocol version (code 5)"},
		{name: "engine error, polling", http: answer(403, `{"code":4,"message":"Forbidden"}`), options: Options{Transport: Polling}, want: Denied, detail: "Forbidden (code 4)"},
		{name: "namespace", ws: func(w *wire) {
			w.say(handshake)
			w.expect("40/nope,")
			w.say(`44/nope,{"message":"Invalid namespace"}`)
			w.hear()
		}, options: Options{Namespace: "/nope"}, want: NamespaceDeny, detail: "/nope: Invalid namespace"},
		{name: "another namespace", ws: func(w *wire) {
			w.say(handshake, `40/else,{"sid":"x"}`)
			w.hear()
		}, want: Unexpected, detail: "/else"},
		{name: "no sid", ws: func(w *wire) { w.say(handshake, `40{}`); w.hear() }, want: BadPacket, detail: "without sid"},
		{name: "protocol 2", ws: func(w *wire) { w.say(handshake, `40`); w.hear() }, want: BadPacket, detail: "without sid"},
		{name: "event before CONNECT", ws: func(w *wire) { w.say(handshake, `42["a"]`); w.hear() }, want: Unexpected, detail: "in place of the answer"},
		{name: "open twice", ws: func(w *wire) { w.say(handshake, handshake); w.hear() }, want: Unexpected, detail: "second"},
		{name: "bad open", ws: func(w *wire) { w.say(`0{"sid":5}`); w.hear() }, want: NotSocketIO, detail: `sid`},
		{name: "message first", ws: func(w *wire) { w.say(`42["a"]`); w.hear() }, want: Unexpected, detail: "before the open packet"},
		{name: "bad packet", ws: func(w *wire) { w.open(); w.say(`9`); w.hear() }, want: BadPacket, detail: `"9"`},
		{name: "upgrade packet", ws: func(w *wire) { w.open(); w.say(`5`); w.hear() }, want: Unexpected, detail: "upgrade"},
		{name: "bad frame", ws: func(w *wire) { w.open(); w.conn.Write([]byte{0xf1, 0}); w.hear() }, want: BadFrame, detail: "reserved bit"},
		{name: "disconnect", ws: func(w *wire) { w.open(); w.say(`41`); w.hear() }, want: ClosedByServer, detail: `"1"`},
		{name: "engine close", ws: func(w *wire) { w.open(); w.say(`1`); w.hear() }, want: ClosedByServer, detail: "Engine.IO close"},
		{name: "close frame", ws: func(w *wire) {
			w.open()
			w.conn.Write(websocket.AppendClose(nil, websocket.StatusTooBig, "big"))
			w.hear()
		}, want: ClosedByServer, detail: `1009 "big"`},
		{name: "end", ws: func(w *wire) { w.open() }, want: ClosedByServer, detail: "TCP"},
		{name: "no open packet", ws: func(w *wire) { w.hear() }, options: Options{Timeout: 30 * time.Millisecond}, want: HandshakeLate, detail: "no Engine.IO open packet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(t, tc.ws, tc.http)
			h := newRecorder()
			dial(t, f.url, tc.options, h)
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("closed with %v, want %s: …%s…", err, tc.want, tc.detail)
			}
		})
	}
}

// TestRawRefusals: answers that no HTTP library would write.
func TestRawRefusals(t *testing.T) {
	for _, tc := range []struct{ name, answer, want, detail string }{
		{"mail server", "220 mail.example ESMTP\r\n", NotSocketIO, "220 mail.example"},
		{"wrong accept", "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: nope\r\n\r\n", NotSocketIO, "Accept"},
		{"no upgrade", "HTTP/1.1 101 X\r\n\r\n", NotSocketIO, "Upgrade"},
		{"status", "HTTP/1.1 9x9 X\r\n\r\n", NotSocketIO, "HTTP/1.1"},
		{"body to the end", "HTTP/1.1 500 Oops\r\n\r\nit broke", NotSocketIO, "it broke"},
		{"half a head", "HTTP/1.1 500 Oops\r\n", NotSocketIO, "500 Oops"},
		{"nothing", "", ClosedByServer, "TCP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := newRecorder()
			dial(t, l.Addr().String(), Options{}, h)
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conn.Read(make([]byte, 4096))
			io.WriteString(conn, tc.answer)
			conn.(*net.TCPConn).CloseWrite()
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("closed with %v, want %s: …%s…", err, tc.want, tc.detail)
			}
			conn.Close()
		})
	}
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, transport := range []Transport{WebSocket, Polling, Upgrade} {
		h := newRecorder()
		dial(t, l.Addr().String(), Options{Transport: transport}, h)
		var e *Error
		if err := h.await(t); !errors.As(err, &e) || e.Name != Refused {
			t.Errorf("%s: closed with %v", transport, err)
		}
	}
}

// timeIsUp has all that waits with a deadline have waited for long enough. Any goroutine
// but the loop's.
func timeIsUp(e *Env) {
	e.Loop.Do(func() {
		now := e.Loop.Now()
		for i := e.first; i < len(e.deadlines); i++ {
			d := &e.deadlines[i]
			if d.s != nil && d.s.deadline == d.at {
				d.s.deadline = now
			}
			d.at = now
		}
		e.sweep.Arm(now)
	})
}

// TestUnanswered: a server that ignores CONNECT, or the goodbye, is told of when the time
// for that is over.
func TestUnanswered(t *testing.T) {
	for _, tc := range []struct {
		name         string
		ws           func(w *wire)
		want, detail string
	}{
		{"CONNECT", func(w *wire) { w.say(handshake); w.expect("40") }, HandshakeLate, "no answer to CONNECT"},
		{"goodbye", func(w *wire) { w.open(); w.expect("41", "close") }, GoodbyeLate, "has not closed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ignored := make(chan struct{})
			f := newFake(t, func(w *wire) {
				tc.ws(w)
				close(ignored)
				w.expect("EOF")
			}, nil)
			h := newRecorder()
			h.ready = func(s *Session) { s.Goodbye() }
			env := dial(t, f.url, Options{Timeout: time.Hour}, h)
			waitFor(t, "packet that is ignored", ignored)
			timeIsUp(env)
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("closed with %v, want %s: …%s…", err, tc.want, tc.detail)
			}
		})
	}
}

// TestSilence: a server that stops its heartbeat is told of.
func TestSilence(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(`0{"sid":"s1","upgrades":[],"pingInterval":10,"pingTimeout":10}`)
		w.expect("40")
		w.say(`40{"sid":"x"}`)
		w.expect("EOF")
	}, nil)
	h := newRecorder()
	ready := make(chan struct{})
	h.ready = func(*Session) { close(ready) }
	env := dial(t, f.url, Options{}, h)
	<-ready
	env.Loop.Post(func() { env.watch.Arm(env.Loop.Now() + 25*time.Millisecond) }) // in place of watchStep
	var e *Error
	if err := h.await(t); !errors.As(err, &e) || e.Name != NoHeartbeat {
		t.Errorf("closed with %v", err)
	}
}

// TestStartAgain: a session may be started from its own Closed, many times.
func TestStartAgain(t *testing.T) {
	const rounds = 50
	for _, transport := range []Transport{WebSocket, Polling} {
		t.Run(string(transport), func(t *testing.T) {
			server := newPollServer()
			server.greet = `42["a"]`
			f := newFake(t, func(w *wire) {
				w.open()
				w.say(`42["a"]`)
				for w.hear() != "close" {
				}
				w.conn.Write(websocket.AppendClose(nil, websocket.StatusNone, ""))
			}, server.ServeHTTP)
			h := newRecorder()
			h.onText = func(s *Session, _ string) { s.Goodbye() }
			again := &restarter{recorder: h, left: rounds}
			dial(t, f.url, Options{Transport: transport}, again)
			if err := h.await(t); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(h.all(), "ready\n2[\"a\"]"); n != rounds+1 {
				t.Errorf("%d rounds, want %d", n, rounds+1)
			}
		})
	}
}

type restarter struct {
	*recorder
	left int
}

func (r *restarter) Closed(s *Session, err error) {
	if r.left > 0 && err == nil {
		r.left--
		s.Start(s.Env(), r)
		return
	}
	r.recorder.Closed(s, err)
}

func TestNewConfig(t *testing.T) {
	for _, tc := range []struct {
		url       string
		options   Options
		target    string
		namespace string
		addr      string
		fails     string
	}{
		{url: "http://127.0.0.1:3000", target: "/socket.io/?EIO=4", namespace: "/", addr: "127.0.0.1:3000"},
		{url: "127.0.0.1:3000", target: "/socket.io/?EIO=4", namespace: "/", addr: "127.0.0.1:3000"},
		{url: "ws://127.0.0.1/chat?a=b", target: "/socket.io/?a=b&EIO=4", namespace: "/chat", addr: "127.0.0.1:80"},
		{url: "http://[::1]:9/socket.io/", target: "/socket.io/?EIO=4", namespace: "/", addr: "[::1]:9"},
		{url: "http://127.0.0.1:1/chat", options: Options{Path: "eio", Namespace: "news"}, target: "/eio?EIO=4", namespace: "/news", addr: "127.0.0.1:1"},
		{url: "http://127.0.0.1:1", options: Options{Protocol: 3}, target: "/socket.io/?EIO=3", namespace: "/", addr: "127.0.0.1:1"},
		{url: "http://127.0.0.1:1/?x=y", options: Options{Query: map[string]string{"b": "1 2", "a": "&", "c": "{{.ID}}"}},
			target: "/socket.io/?x=y&EIO=4&a=%26&b=1+2", namespace: "/", addr: "127.0.0.1:1"},
		{url: "https://127.0.0.1", fails: "TLS"},
		{url: "http://127.0.0.1:1", options: Options{Protocol: 5}, fails: "must be 3 or 4"},
		{url: "http://127.0.0.1:1", options: Options{Protocol: 3, Parsers: mix.Of(MsgPack)}, fails: "parser json only"},
		{url: "http://127.0.0.1:1", options: Options{Protocol: 3, Auth: "{}"}, fails: "has none"},
		{url: "http://127.0.0.1:1", options: Options{Parsers: mix.Of("xml")}, fails: `parser "xml"`},
		{url: "http://127.0.0.1:1", options: Options{Transports: mix.Mix{{Name: "polling", Parts: 1}, {Name: "polling", Parts: 2}}}, fails: "twice"},
		{url: "http://127.0.0.1:1", options: Options{Query: map[string]string{"": "1"}}, fails: "name is missing"},
		{url: "http://127.0.0.1:1", options: Options{Query: map[string]string{"a": "{{"}}, fails: "query a: template"},
		{url: "http://127.0.0.1:1", options: Options{Query: map[string]string{"a": "{{.Row \"x\"}}"}}, fails: "no table"},
		{url: "http://127.0.0.1:1", options: Options{Headers: map[string]string{"A": "{{nope}}"}}, fails: "header A: template"},
		{url: "http://127.0.0.1:1", options: Options{Headers: map[string]string{"A": "{{.ID}}\r\n"}}, fails: `header A: "0\r\n" cannot be sent`},
		{url: "http://127.0.0.1:1", options: Options{Auth: "{{.ID}}"}, fails: `auth: "0" is not a JSON object`},
		{url: "http://127.0.0.1:1", options: Options{Auth: `{"a":{{.ID}}`}, fails: "is not a JSON object"},
		{url: "http://127.0.0.1:1", options: Options{Auth: "{{"}, fails: "auth: template"},
		{url: "ftp://127.0.0.1", fails: "scheme"},
		{url: "http://", fails: "no host"},
		{url: "http://127.0.0.1:0", fails: "port"},
		{url: "http://127.0.0.1:70000", fails: "port"},
		{url: "http://127.0.0.1:1", options: Options{Auth: "[1]"}, fails: "auth"},
		{url: "http://127.0.0.1:1", options: Options{Namespace: "a,b"}, fails: "comma"},
		{url: "http://127.0.0.1:1", options: Options{Headers: map[string]string{"a b": "c"}}, fails: "header"},
		{url: "http://127.0.0.1:1", options: Options{Headers: map[string]string{"a": "c\r\nd"}}, fails: "header"},
		{url: "http://127.0.0.1:1", options: Options{Transport: "carrier pigeon"}, fails: "transport"},
		{url: "http://127.0.0.1:1", options: Options{Path: "/a b"}, fails: "blank"},
	} {
		c, err := NewConfig(tc.url, tc.options)
		if tc.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("NewConfig(%q, %+v): %v, want an error about %q", tc.url, tc.options, err, tc.fails)
			}
			continue
		}
		if err != nil {
			t.Errorf("NewConfig(%q): %v", tc.url, err)
			continue
		}
		if c.Target != tc.target || c.Namespace != tc.namespace || c.Addr.String() != tc.addr {
			t.Errorf("NewConfig(%q): target %s, namespace %s, address %s", tc.url, c.Target, c.Namespace, c.Addr)
		}
	}
	c, err := NewConfig("127.0.0.1:1", Options{Namespace: "/a"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Prefix('2', 0), " ", c.Prefix('5', 2)); got != "42/a, 452-/a," {
		t.Errorf("prefixes %s", got)
	}
}

func TestTally(t *testing.T) {
	var a, b Tally
	a.Add("x", "first")
	a.Add("x", "second")
	b.AddN("x", "third", 3)
	b.AddN("y", "why", 2)
	b.AddN("z", "never", 0)
	a.AddError(nil)
	a.AddError(&Error{Name: "y", Detail: "because"})
	a.AddError(fmt.Errorf("wrapped: %w", &Error{Name: "x"}))
	a.AddError(errors.New("plain"))
	a.Merge(&b)
	want := map[string]TallyEntry{"x": {6, "first"}, "y": {3, "because"}, Network: {1, "plain"}}
	if got := fmt.Sprint(a.Entries()); got != fmt.Sprint(want) || a.Total() != 10 {
		t.Errorf("%s, total %d; want %v", got, a.Total(), want)
	}
}
