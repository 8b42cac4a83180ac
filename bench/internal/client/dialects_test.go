package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/bench/internal/mix"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// unpacked is a binary message as wire.hear returns it, in the default encoding
// and with its attachments behind it.
func unpacked(t *testing.T, text string) string {
	t.Helper()
	b, ok := strings.CutPrefix(text, "b:")
	if !ok {
		t.Errorf("the client sent %q, want a binary message", text)
		return ""
	}
	var d msgpack.Decoder
	p, err := d.Packet([]byte(b), 10)
	if err != nil {
		t.Errorf("%q: %v", text, err)
	}
	out := string(socketio.AppendHead(nil, socketio.Type(p.Type), len(p.Attachments), string(p.Namespace), p.ID)) + string(p.Data)
	for _, a := range p.Attachments {
		out += "+" + string(a)
	}
	return out
}

// pack is a packet in MessagePack.
func pack(t *testing.T, kind int, namespace string, id int64, data string, attachments ...[]byte) []byte {
	t.Helper()
	var e msgpack.Encoder
	b, err := e.AppendPacket(nil, &msgpack.Packet{Type: kind, Namespace: []byte(namespace), ID: id, Data: []byte(data), Attachments: attachments})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMsgPack: handlers give and get the default encoding, the wire has one
// binary message for each packet, attachments inside.
func TestMsgPack(t *testing.T) {
	const two = `["two",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`
	f := newFake(t, func(w *wire) {
		say := func(b []byte) { w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, b)) }
		w.say(handshake)
		for _, want := range []string{`0/chat,{"token":"a"}`, `2/chat,7["one",1.5]`, `0/more,{"token":"a"}`} {
			if got := unpacked(t, w.hear()); got != want {
				t.Errorf("the client sent %s, want %s", got, want)
			}
			if want[0] == '0' {
				say(pack(t, 0, strings.Split(want[1:], ",")[0], -1, `{"sid":"x","pid":"p"}`))
			}
		}
		for range 2 { // the memory of the first is used again
			if got := unpacked(t, w.hear()); got != "2/chat,"+two+"+\x01\x02+\x03" {
				t.Errorf("the client sent %q", got)
			}
		}
		w.say("2")
		w.expect("3")
		say(pack(t, 3, "/chat", 7, `["answer",{"_placeholder":true,"num":0},"x"]`, []byte{9}))
		say(pack(t, 2, "/chat", -1, `["done","o7"]`))
		if got := unpacked(t, w.hear()); got != "1/chat," {
			t.Errorf("the client sent %q", got)
		}
		w.expect("close")
	}, nil)
	h := enterer{newRecorder()}
	h.ready = func(s *Session) {
		s.Send([]byte(`42/chat,7["one",1.5]`))
		s.Enter("/more")
		s.SendBinary([]byte("of nothing"))
		for range 2 {
			s.Send([]byte("452-/chat," + two))
			b := []byte{1, 2}
			s.SendBinary(b)
			b[0] = 99
			s.SendBinary([]byte{3})
		}
	}
	h.onText = func(s *Session, packet string) {
		if packet == `2/chat,["done"]` {
			if pid, offset := s.Recovery(); pid != "p" || offset != "o7" {
				t.Errorf("recovery %q %q", pid, offset)
			}
			s.Goodbye()
		}
	}
	dial(t, f.url, Options{Namespace: "/chat", Auth: `{"token":"a"}`, Parsers: mix.Of(MsgPack)}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	want := `ready
entered /more: <nil>
61-/chat,7["answer",{"_placeholder":true,"num":0},"x"]` + "\nb:\x09\n" + `2/chat,["done"]
closed`
	if got := h.all(); got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
}

// TestMsgPackRefuses: what a server with that parser does not send.
func TestMsgPackRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		ws   func(w *wire)
		want string
	}{
		{"text", func(w *wire) { w.say(handshake, `40{"sid":"x"}`) }, Unexpected},
		{"no MessagePack", func(w *wire) {
			w.say(handshake)
			w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, []byte{0xc1}))
		}, BadPacket},
		{"text later", func(w *wire) {
			w.say(handshake)
			w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, pack(t, 0, "/", -1, `{"sid":"x"}`)))
			w.say(`42["a"]`)
		}, Unexpected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(t, func(w *wire) { tc.ws(w); w.hear(); w.hear() }, nil)
			h := newRecorder()
			dial(t, f.url, Options{Parsers: mix.Of(MsgPack)}, h)
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want {
				t.Errorf("closed with %v, want %s", err, tc.want)
			}
		})
	}
}

// TestMsgPackAbort: a session that is aborted at a packet hears nothing of its
// attachments.
func TestMsgPackAbort(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake)
		w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, pack(t, 0, "/", -1, `{"sid":"x"}`)))
		w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, pack(t, 2, "/", -1, `["a",{"_placeholder":true,"num":0}]`, []byte("b"))))
		w.hear()
		w.expect("EOF")
	}, nil)
	h := newRecorder()
	over := make(chan struct{})
	h.onText = func(s *Session, _ string) { s.Abort(); close(over) }
	env := dial(t, f.url, Options{Parsers: mix.Of(MsgPack)}, h)
	waitFor(t, "packet", over)
	env.Loop.Do(func() {})
	if got := h.all(); strings.Contains(got, "b:") {
		t.Errorf("the handler saw\n%s", got)
	}
}

const handshake3 = `0{"sid":"s1","upgrades":["websocket"],"pingInterval":10,"pingTimeout":20000}`

// TestProtocol3: no CONNECT for the main namespace, pings from the client, binary
// messages behind their type.
func TestProtocol3(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake3, "40")
		w.expect(`42["one"]`, "b:\x04\x01\x02", "40/more,", "40/nope,", "2")
		w.say("3", "40/more", `44/nope,"Invalid namespace"`, `42["two"]`)
		w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, []byte("\x04\x03")))
		w.expect("2")
		w.say("3", "b4BA==", `42["bye"]`)
		for text := ""; text != "41"; text = w.hear() {
			if text != "" && text != "2" {
				t.Errorf("the client sent %q", text)
			}
		}
		w.expect("close")
	}, nil)
	h := enterer{newRecorder()}
	h.ready = func(s *Session) {
		s.Send([]byte(`42["one"]`))
		s.SendBinary([]byte{1, 2})
		s.Enter("/more")
		s.Enter("/nope")
	}
	h.onText = func(s *Session, packet string) {
		if packet == `2["bye"]` {
			s.Goodbye()
		}
	}
	env := dial(t, f.url, Options{Protocol: 3}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	want := "ready\nentered /more: <nil>\nentered /nope: namespace refused: Invalid namespace (\"4/nope,\\\"Invalid namespace\\\"\")\n" +
		"2[\"two\"]\nb:\x03\nb:\x04\n2[\"bye\"]\nclosed"
	if got := h.all(); got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
	env.Loop.Do(func() {
		if env.Heartbeats != 2 {
			t.Errorf("%d heartbeats, want 2", env.Heartbeats)
		}
	})
}

// TestProtocol3Namespace: another namespace is asked for, and the answer for the
// main one passed over.
func TestProtocol3Namespace(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake3, "40")
		w.expect("40/chat,")
		w.say("40/chat,")
		for w.hear() == "2" {
		}
	}, nil)
	h := newRecorder()
	h.ready = func(s *Session) { s.Send([]byte("42/chat,[1]")) }
	dial(t, f.url, Options{Protocol: 3, Namespace: "/chat"}, h)
	h.await(t)
	if got := h.all(); !strings.HasPrefix(got, "ready\n") {
		t.Errorf("the handler saw\n%s", got)
	}
}

func TestProtocol3Refusals(t *testing.T) {
	for _, tc := range []struct {
		name, say, want, detail string
		options                 Options
	}{
		{"namespace", `44/nope,"Invalid namespace"`, NamespaceDeny, "Invalid namespace", Options{Namespace: "/nope"}},
		{"error that is no string", `44{"a":1}`, NamespaceDeny, `{"a":1}`, Options{}},
		{"event first", `42["a"]`, Unexpected, "in place of the answer", Options{}},
		{"ping", "2", Unexpected, "the client's to send", Options{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFake(t, func(w *wire) { w.say(handshake3, tc.say); w.hear(); w.hear() }, nil)
			h := newRecorder()
			tc.options.Protocol = 3
			dial(t, f.url, tc.options, h)
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("closed with %v, want %s: …%s…", err, tc.want, tc.detail)
			}
		})
	}
	// And a pong is nothing that a server of protocol 4 sends.
	f := newFake(t, func(w *wire) { w.open(); w.say("3"); w.hear() }, nil)
	h := newRecorder()
	dial(t, f.url, Options{}, h)
	var e *Error
	if err := h.await(t); !errors.As(err, &e) || e.Name != Unexpected {
		t.Errorf("closed with %v", err)
	}
}

// TestProtocol3Polling: payloads have lengths, and bytes are base64; a server may
// answer in the binary form all the same.
func TestProtocol3Polling(t *testing.T) {
	posts := make(chan string, 10)
	queue := make(chan []byte, 10)
	open := engineio.AppendPacket3(engineio.AppendPacket3(nil, []byte(strings.Replace(handshake3, ":10,", ":60000,", 1))), []byte("40"))
	f := newFake(t, nil, func(rw http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("b64") != "1" || q.Get("EIO") != "3" {
			t.Errorf("the client asked for %s", r.URL)
		}
		switch {
		case r.URL.Query().Get("sid") == "":
			rw.Write(open)
		case r.Method == http.MethodPost:
			b, _ := io.ReadAll(r.Body)
			posts <- string(b)
			io.WriteString(rw, "ok")
		default:
			select {
			case b := <-queue:
				if b[0] < '0' {
					rw.Header().Set("Content-Type", "application/octet-stream")
				}
				rw.Write(b)
			case <-r.Context().Done():
			}
		}
	})
	h := newRecorder()
	h.ready = func(s *Session) {
		s.Send([]byte(`42["grüß"]`))
		s.SendBinary([]byte{1, 2, 3})
	}
	got := make(chan struct{})
	h.onText = func(s *Session, packet string) {
		if packet == `2["b"]` {
			s.Abort()
			close(got)
		}
	}
	dial(t, f.url, Options{Protocol: 3, Transport: Polling}, h)
	if body := waitFor(t, "POST", posts); body != `10:42["grüß"]6:b4AQID` {
		t.Errorf("the client posted %q", body)
	}
	queue <- engineio.AppendPacket3(engineio.AppendPacket3(nil, []byte(`42["ä"]`)), engineio.AppendBase64(nil, []byte{7}))
	queue <- engineio.AppendBinaryPacket3(engineio.AppendBinaryPacket3(nil, []byte{8}, true), []byte(`42["b"]`), false)
	waitFor(t, "event", got)
	if got := h.all(); got != "ready\n2[\"ä\"]\nb:\x07\nb:\x08\n2[\"b\"]" {
		t.Errorf("the handler saw\n%s", got)
	}
}

// serveDeflate plays the server's side of an opening handshake that answers the
// offer with extensions, on the first connection of l.
func serveDeflate(t *testing.T, l net.Listener, extensions string) (*wire, *http.Request) {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		t.Fatal(err)
	}
	if extensions != "" {
		extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	fmt.Fprintf(conn, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		websocket.AppendAccept(nil, []byte(r.Header.Get("Sec-WebSocket-Key"))), extensions)
	return &wire{t: t, conn: conn, rd: websocket.Reader{Config: &websocket.Config{Deflate: true}}}, r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestCompress: long messages go and come compressed, short ones as they are.
func TestCompress(t *testing.T) {
	long := `42["a","` + strings.Repeat("abc ", 500) + `"]`
	l := listen(t)
	h := newRecorder()
	h.ready = func(s *Session) {
		s.Send([]byte(`42["short"]`))
		s.Send([]byte(long))
		s.SendBinary([]byte(long))
	}
	dial(t, l.Addr().String(), Options{Compress: true}, h)
	w, r := serveDeflate(t, l, "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15")
	if got := r.Header.Get("Sec-WebSocket-Extensions"); got != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
		t.Errorf("the client offers %q", got)
	}
	w.conn.Write(websocket.AppendDeflated(nil, websocket.Text, []byte(handshake), 15))
	if got := w.hear(); got != "40" {
		t.Errorf("the client sent %q", got)
	}
	w.say(`40{"sid":"x"}`)
	if got := w.hear(); got != `42["short"]` {
		t.Errorf("the client sent %q", got)
	}
	for _, prefix := range []string{"", "b:"} {
		data, ok := strings.CutPrefix(w.hear(), prefix)
		if len(data) > 100 || !ok {
			t.Errorf("the client sent %d bytes", len(data))
		}
		got, err := websocket.Inflate(nil, []byte(data), 1<<20)
		if err != nil || string(got) != long {
			t.Errorf("inflated %q, %v", got, err)
		}
	}
	w.conn.Write(websocket.AppendDeflated(nil, websocket.Text, []byte(long), 9))
	w.conn.Write(websocket.AppendDeflated(nil, websocket.Binary, []byte(long), 15))
	empty := websocket.AppendFrame(nil, websocket.Binary, []byte{0})
	empty[0] |= 0x40
	w.conn.Write(empty)
	bad := websocket.AppendDeflated(nil, websocket.Text, bytes.Repeat([]byte{0xff}, 100), 15)
	w.conn.Write(bad)
	if err := h.await(t); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("closed with %v", err)
	}
	if want := "ready\n" + long[1:] + "\nb:" + long + "\nb:\nclosed: malformed frame: websocket: invalid UTF-8"; !strings.HasPrefix(h.all(), want) {
		t.Errorf("the handler saw\n%s", h.all())
	}
}

// TestCompressAnswers: which answers to the offer, or without one, are taken.
func TestCompressAnswers(t *testing.T) {
	for _, tc := range []struct {
		offer      bool
		extensions string
		want       string // error, "" if it is taken
	}{
		{true, "permessage-deflate; server_no_context_takeover", ""},
		{true, "permessage-deflate;client_no_context_takeover;server_no_context_takeover;server_max_window_bits=10", ""},
		{true, "", NotCompressed},
		{true, "x-webkit-deflate-frame", NotCompressed},
		{true, "permessage-deflate", NotCompressed},
		{true, "permessage-deflate; client_no_context_takeover", NotCompressed},
		{true, "permessage-deflate; server_no_context_takeover; client_max_window_bits=10", NotCompressed},
		{false, "", ""},
		{false, "permessage-deflate", NotSocketIO},
	} {
		l := listen(t)
		h := newRecorder()
		dial(t, l.Addr().String(), Options{Compress: tc.offer}, h)
		w, _ := serveDeflate(t, l, tc.extensions)
		w.say(handshake)
		if tc.want == "" {
			w.expect("40")
			continue
		}
		var e *Error
		if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want {
			t.Errorf("%q: closed with %v, want %q", tc.extensions, err, tc.want)
		}
	}
	// What is compressed without an agreement is no frame; what cannot be inflated
	// is none, either.
	for _, extensions := range []string{"", "permessage-deflate; server_no_context_takeover"} {
		l := listen(t)
		h := newRecorder()
		dial(t, l.Addr().String(), Options{Compress: extensions != ""}, h)
		w, _ := serveDeflate(t, l, extensions)
		b := websocket.AppendFrame(nil, websocket.Text, []byte{0xff, 0xff})
		b[0] |= 0x40
		w.conn.Write(b)
		var e *Error
		if err := h.await(t); !errors.As(err, &e) || e.Name != BadFrame {
			t.Errorf("closed with %v", err)
		}
	}
}

// TestTemplates: every request of a client has what is its own, and CONNECT its
// auth; one that cannot be filled in ends the session.
func TestTemplates(t *testing.T) {
	rows, err := fill.ReadRows(strings.NewReader("token\nt0\n\"t\"\"1\"\n\"bad\nline\"\n"), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	options := Options{
		Auth:    `{"token":{{json (.Row "token")}},"n":{{.ID}}}`,
		Query:   map[string]string{"user": "u&{{.ID}}", "fixed": "1"},
		Headers: map[string]string{"X-Token": `{{.Row "token"}}`, "X-Fixed": "2"},
		Fill:    fill.Source{Rows: rows, Run: "r"},
		FirstID: 3, // deals the first row to the first client
	}
	check := func(r *http.Request) {
		q, _ := url.ParseQuery(r.URL.RawQuery)
		if q.Get("user") != "u&4" || q.Get("fixed") != "1" || r.Header.Get("X-Token") != `t"1` || r.Header.Get("X-Fixed") != "2" {
			t.Errorf("the client asked for %s, %v", r.URL, r.Header)
		}
	}
	const connect = `40{"token":"t\"1","n":4}`

	l := listen(t)
	h := newRecorder()
	startWith(t, l.Addr().String(), options, Start{ID: 1}, h)
	w, r := serveDeflate(t, l, "")
	check(r)
	w.say(handshake)
	w.expect(connect)

	for _, transport := range []Transport{Polling, Upgrade} {
		posts, upgrades := make(chan string, 1), make(chan struct{}, 1)
		f := newFake(t, nil, func(rw http.ResponseWriter, r *http.Request) {
			check(r)
			switch {
			case r.Header.Get("Upgrade") != "":
				upgrades <- struct{}{}
				rw.WriteHeader(400)
			case r.URL.Query().Get("sid") == "":
				io.WriteString(rw, handshake)
			case r.Method == http.MethodPost:
				b, _ := io.ReadAll(r.Body)
				posts <- string(b)
				io.WriteString(rw, "ok")
			default:
				io.WriteString(rw, `40{"sid":"x"}`)
				if transport == Polling {
					<-r.Context().Done()
				}
			}
		})
		options.Transport = transport
		startWith(t, f.url, options, Start{ID: 1}, newRecorder())
		if got := waitFor(t, "POST", posts); got != connect {
			t.Errorf("%s: the client posted %s", transport, got)
		}
		if transport == Upgrade {
			waitFor(t, "upgrade", upgrades)
		}
	}

	for _, transport := range []Transport{WebSocket, Polling} {
		h = newRecorder()
		options.Transport = transport
		startWith(t, l.Addr().String(), options, Start{ID: 2}, h)
		var e *Error
		if err := h.await(t); !errors.As(err, &e) || e.Name != BadTemplate || !strings.Contains(e.Detail, "X-Token") {
			t.Errorf("%s: closed with %v", transport, err)
		}
	}
}

// TestTemplateOfAuthFails: an auth that is no JSON for one of the clients.
func TestTemplateOfAuthFails(t *testing.T) {
	f := newFake(t, func(w *wire) { w.say(handshake); w.hear() }, nil)
	h := newRecorder()
	startWith(t, f.url, Options{Auth: `{"a":{{if eq .ID 1}}x{{else}}1{{end}}}`}, Start{ID: 1}, h)
	var e *Error
	if err := h.await(t); !errors.As(err, &e) || e.Name != BadTemplate {
		t.Errorf("closed with %v", err)
	}
}

// TestKinds: transports and parsers are drawn apart from each other, by number.
func TestKinds(t *testing.T) {
	c, err := NewConfig("127.0.0.1:1", Options{
		Transports: mix.Mix{{Name: "websocket", Parts: 70}, {Name: "polling", Parts: 20}, {Name: "upgrade", Parts: 10}},
		Parsers:    mix.Mix{{Name: JSON, Parts: 1}, {Name: MsgPack, Parts: 1}},
		Fill:       fill.Source{Seed: 9},
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for id := range 1000 {
		k := c.kindOf(id)
		seen[string(k.transport())]++
		if k&kindMsgPack != 0 {
			seen[MsgPack]++
			seen[string(k.transport())+" "+MsgPack]++
		}
	}
	if seen["websocket"] != 700 || seen["polling"] != 200 || seen["upgrade"] != 100 || seen[MsgPack] != 500 ||
		seen["websocket msgpack"] < 250 || seen["websocket msgpack"] > 450 || seen["polling msgpack"] < 50 {
		t.Errorf("dealt out %v", seen)
	}
	if n := c.Connections(1000); n != 700+2*200+3*100 {
		t.Errorf("%d connections", n)
	}
	one, err := NewConfig("127.0.0.1:1", Options{Transport: Upgrade})
	if err != nil {
		t.Fatal(err)
	}
	if one.kindOf(5).transport() != Upgrade || one.Connections(10) != 30 {
		t.Error("one transport for all is not")
	}
}

// TestUpgradeIsTimed: the time of an upgrade is told apart.
func TestUpgradeIsTimed(t *testing.T) {
	server := newPollServer()
	f := newFake(t, func(w *wire) {
		w.expect("2probe")
		close(server.probe)
		w.say("3probe")
		w.expect("5")
	}, server.ServeHTTP)
	h := newRecorder()
	up := make(chan time.Duration, 1)
	h.ready = func(s *Session) { up <- s.Env().Upgraded.Max() }
	dial(t, f.url, Options{Transport: Upgrade}, h)
	if took := waitFor(t, "upgrade", up); took <= 0 {
		t.Errorf("an upgrade took %v", took)
	}
	h.await(t)
}
