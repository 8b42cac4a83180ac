package sio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestAllowRequest (H16, H07): handshakes are decided about one by one, off the loop,
// before a session exists; requests of sessions are not.
func TestAllowRequest(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	srv := newServer(t, sio.Options{AllowRequest: func(ctx context.Context, h *sio.Handshake) error {
		mu.Lock()
		asked++
		mu.Unlock()
		if _, ok := ctx.Deadline(); !ok {
			t.Error("no deadline")
		}
		switch h.Query().Get("token") {
		case "good":
			return nil
		case "text":
			return sio.Forbid("come back tomorrow")
		}
		return errors.New("never told")
	}})
	for _, opts := range [][]siotest.DialOption{nil, {siotest.Polling()}, {siotest.Upgrade()}} {
		opts = append(opts, siotest.Query("token", "good"))
		c := siotest.Dial(t, srv, "/", opts...)
		emit(t, c, "x")
	}
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
	for _, tc := range []struct {
		token   string
		polling bool
		want    siotest.HandshakeError
	}{
		{"bad", true, siotest.HandshakeError{Status: 403, Code: 4, Message: "Forbidden"}},
		{"text", true, siotest.HandshakeError{Status: 403, Code: 4, Message: "come back tomorrow"}},
		{"bad", false, siotest.HandshakeError{Status: 400, Code: -1, Message: "Forbidden"}},
		{"text", false, siotest.HandshakeError{Status: 400, Code: -1, Message: "come back tomorrow"}},
	} {
		opts := []siotest.DialOption{siotest.Query("token", tc.token)}
		if tc.polling {
			opts = append(opts, siotest.Polling())
		}
		_, err := siotest.TryDial(t, srv, "/", opts...)
		var e *siotest.HandshakeError
		if !errors.As(err, &e) || *e != tc.want {
			t.Errorf("%v: got %v", tc, err)
		}
	}
	if st := srv.Stats(); st.Refused[4] != 4 || st.Sessions != 3 {
		t.Errorf("refused %v, %d sessions", st.Refused, st.Sessions)
	}
}

// TestOnHandshakeError (H17): each refused request is told, with what was wrong.
func TestOnHandshakeError(t *testing.T) {
	told := make(chan *sio.HandshakeError, 1)
	srv := newServer(t, sio.Options{
		OnHandshakeError: func(e *sio.HandshakeError) { told <- e },
		GenerateID: func(_ context.Context, h *sio.Handshake) (string, error) {
			if h.Query().Has("noid") {
				return "", errors.New("no ids left")
			}
			return "id-" + h.Address().String(), nil
		},
		AllowRequest: func(_ context.Context, h *sio.Handshake) error {
			if h.Query().Has("forbidden") {
				return sio.Forbid("no")
			}
			return nil
		},
	})
	ws, poll := siotest.Dial(t, srv, "/"), siotest.Dial(t, srv, "/", siotest.Polling())
	for _, tc := range []struct {
		name    string
		request string
		code    int
		message string
		context map[string]string
	}{
		{"H10 unknown transport", "GET /socket.io/?EIO=4&transport=__proto__ HTTP/1.1", 0, "Transport unknown", map[string]string{"transport": "__proto__"}},
		{"H11 unknown sid", "GET /socket.io/?EIO=4&transport=polling&sid=nope HTTP/1.1", 1, "Session ID unknown", map[string]string{"sid": "nope"}},
		{"H12 transport mismatch", "GET /socket.io/?EIO=4&transport=polling&sid=" + ws.SessionID() + " HTTP/1.1", 3, "Bad request",
			map[string]string{"name": "TRANSPORT_MISMATCH", "transport": "polling", "previousTransport": "websocket"}},
		{"H12 the other way about", "GET /socket.io/?EIO=4&transport=websocket&sid=" + poll.SessionID() + " HTTP/1.1", 3, "Bad request",
			map[string]string{"name": "TRANSPORT_MISMATCH", "transport": "websocket", "previousTransport": "polling"}},
		{"H37 another revision than the session's", "GET /socket.io/?EIO=3&transport=polling&sid=" + poll.SessionID() + " HTTP/1.1", 3, "Bad request",
			map[string]string{"name": "PROTOCOL_MISMATCH", "protocol": "3", "previousProtocol": "4"}},
		{"H13 handshake method", "PUT /socket.io/?EIO=4&transport=polling HTTP/1.1", 2, "Bad handshake method", map[string]string{"method": "PUT"}},
		{"H14 websocket without upgrade", "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1", 3, "Bad request", map[string]string{"name": "TRANSPORT_HANDSHAKE_ERROR"}},
		{"H16 forbidden", "GET /socket.io/?EIO=4&transport=polling&forbidden HTTP/1.1", 4, "no", map[string]string{"message": "no"}},
		{"H37 revision", "GET /socket.io/?EIO=3&transport=polling HTTP/1.1", 5, "Unsupported protocol version", map[string]string{"protocol": "3"}},
		{"H39 no id", "GET /socket.io/?EIO=4&transport=polling&noid HTTP/1.1", 3, "Bad request", map[string]string{"name": "ID_GENERATION_ERROR", "error": "no ids left"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn := siotest.Raw(t, srv)
			if _, err := io.WriteString(conn, tc.request+"\r\nHost: x\r\nX-Mine: 1\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			e := recv(t, told)
			if e.Code != tc.code || e.Message != tc.message || fmt.Sprint(e.Context) != fmt.Sprint(tc.context) || e.Error() != tc.message {
				t.Errorf("told %d %q %v", e.Code, e.Message, e.Context)
			}
			if e.Request.Field("X-Mine") != "1" || !strings.HasPrefix(tc.request, e.Request.Method()+" "+e.Request.URL()) || !e.Request.Address().IsValid() {
				t.Errorf("request %s %s", e.Request.Method(), e.Request.URL())
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			if want := fmt.Sprintf(`{"code":%d,"message":%q}`, tc.code, tc.message); string(body) != want {
				t.Errorf("got %s, want %s", body, want)
			}
		})
	}
}

// TestOnHeaders (H22): fields can be added to each answer of a session, the first known as
// such, and not to refusals; what cannot stand in a header is left out.
func TestOnHeaders(t *testing.T) {
	var l log
	srv := newServer(t, sio.Options{OnHeaders: func(add http.Header, h *sio.Handshake, initial bool) {
		l.add("%s initial=%v sid=%v", h.Method(), initial, h.Query().Has("sid"))
		add.Set("X-Served-By", "node-1")
		add.Add("Set-Cookie", "a=1")
		add.Add("Set-Cookie", "b=2")
		add.Set("X-Bad", "one\r\ntwo: three")
		add["bad name"] = []string{"x"}
	}})
	plain := false
	check := func(h http.Header) {
		t.Helper()
		if plain {
			if h.Get("X-Served-By") != "" {
				t.Errorf("a refusal's header %v", h)
			}
			return
		}
		if h.Get("X-Served-By") != "node-1" || !slices.Equal(h["Set-Cookie"], []string{"a=1", "b=2"}) || len(h["X-Bad"]) > 0 || h.Get("two") != "" {
			t.Errorf("header %v", h)
		}
	}
	conn := siotest.Raw(t, srv)
	r := bufio.NewReader(conn)
	exchange := func(head, body string) string {
		t.Helper()
		if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		check(resp.Header)
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	open := exchange("GET /socket.io/?EIO=4&transport=polling", "")
	sid := strings.Split(open, `"`)[3]
	exchange("POST /socket.io/?EIO=4&transport=polling&sid="+sid, "40")
	exchange("GET /socket.io/?EIO=4&transport=polling&sid="+sid, "")
	plain = true
	exchange("GET /socket.io/?EIO=4&transport=polling&sid=unknown", "")
	plain = false
	l.want(t, "GET initial=true sid=false", "POST initial=false sid=true", "GET initial=false sid=true")

	ws := siotest.Raw(t, srv)
	io.WriteString(ws, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvdGVzdCBzYXlzIGhpIQ==\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(ws), nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	check(resp.Header)
	l.want(t, "GET initial=true sid=false")
}

// TestInitialPacket (H38): it comes right behind the handshake, before anything else.
func TestInitialPacket(t *testing.T) {
	srv := newServer(t, sio.Options{InitialPacket: `2["motd","welcome"]`})
	for _, opts := range [][]siotest.DialOption{nil, {siotest.Polling()}} {
		siotest.Dial(t, srv, "/", opts...).Expect("motd", "welcome")
	}
}

// TestEngineHooks (L15, L05): what happens below the namespaces is told in its order.
func TestEngineHooks(t *testing.T) {
	var l log
	plain := func(name string) func(*sio.Conn) {
		return func(c *sio.Conn) { l.add("%s %s %s", name, c.Transport(), c.ReadyState()) }
	}
	packet := func(name string) func(*sio.Conn, sio.EnginePacket) {
		return func(c *sio.Conn, p sio.EnginePacket) {
			text := string(p.Data)
			if p.Type == "open" || strings.HasPrefix(text, `0{"sid`) {
				text = text[:1]
			}
			l.add("%s %s %s binary=%v", name, p.Type, text, p.Binary)
		}
	}
	srv := newServer(t, sio.Options{Engine: &sio.EngineHooks{
		Open: plain("open"), Heartbeat: plain("heartbeat"), Upgrading: plain("upgrading"), Upgrade: plain("upgrade"),
		Packet: packet("in"), PacketCreate: packet("out"),
		Close: func(c *sio.Conn, r sio.Reason, err error) { l.add("close %s %s %v", r, c.ReadyState(), err) },
	}})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/", siotest.Polling())
	s := socket(t, srv, c)
	clock.Settle()
	l.want(t, "out open { binary=false", "open polling open", "in message 0 binary=false", "out message 0 binary=false")
	emit(t, c, "x", []byte("bin"))
	emit(t, s, "y", []byte("nib"))
	clock.Settle()
	in := `451-["x",{"_placeholder":true,"num":0}]`[1:]
	out := `51-["y",{"_placeholder":true,"num":0}]`
	got := l.take()
	slices.Sort(got)
	if want := []string{"in message " + in + " binary=false", "in message bin binary=true", "out message " + out + " binary=false", "out message nib binary=true"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if err := c.Upgrade(); err != nil {
		t.Fatal(err)
	}
	clock.Settle()
	l.want(t, "upgrading polling open", "upgrade websocket open")
	clock.Advance(26 * time.Second)
	l.want(t, "out ping  binary=false", "in pong  binary=false", "heartbeat websocket open")
	conn := s.Conn()
	if conn.Transport() != "websocket" || !conn.Upgraded() || conn.Protocol() != 4 || conn.ID() != c.SessionID() || conn.Buffered() != 0 {
		t.Errorf("%q upgraded %v", conn.Transport(), conn.Upgraded())
	}
	if s.RTT() <= 0 || s.Queued() != 0 {
		t.Errorf("RTT %v, %d queued", s.RTT(), s.Queued())
	}
	if conn.Handshake().Query().Get("transport") != "polling" {
		t.Error("not the first request")
	}
	c.Close()
	clock.Settle()
	l.want(t, "close transport close closed <nil>")
	if conn.ReadyState() != "closed" {
		t.Errorf("state %q", conn.ReadyState())
	}
}

// TestFlushAndDrain (L15, L16): each write is told before and after.
func TestFlushAndDrain(t *testing.T) {
	var l log
	srv := newServer(t, sio.Options{Engine: &sio.EngineHooks{
		Flush: func(*sio.Conn) { l.add("flush") }, Drain: func(*sio.Conn) { l.add("drain") },
	}})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	clock.Settle()
	l.take()
	if err := s.EmitWait(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	clock.Settle()
	l.want(t, "flush", "drain")
}

// TestClientsCount (L17): sessions and sockets are counted while they are there.
func TestClientsCount(t *testing.T) {
	srv := newServer(t, sio.Options{})
	srv.Of("/n")
	clock := siotest.Start(t, srv)
	a, b := pair(t, srv)
	n := a.Of("/n")
	want := func(sessions, sockets, connections int) {
		t.Helper()
		clock.Settle()
		st := srv.Stats()
		if st.Sessions != sessions || st.Sockets != sockets || st.Connections != connections || st.Namespaces != 2 {
			t.Errorf("%+v", st)
		}
	}
	want(2, 3, 2)
	n.Disconnect()
	want(2, 2, 2)
	b.Cut()
	want(1, 1, 1)
	a.Close()
	want(0, 0, 0)
	if st := srv.Stats(); st.Opened != 2 || st.BytesRead == 0 || st.BytesWritten == 0 || st.Goroutines == 0 {
		t.Errorf("%+v", st)
	}
}

// TestHeartbeats (L01): clients that answer live on, however long; silent ones end after
// interval and timeout.
func TestHeartbeats(t *testing.T) {
	srv := newServer(t, sio.Options{PingInterval: 10 * time.Second, PingTimeout: 5 * time.Second})
	clock := siotest.Start(t, srv)
	ws := siotest.Dial(t, srv, "/")
	polling := siotest.Dial(t, srv, "/", siotest.Polling())
	mute := siotest.Dial(t, srv, "/", siotest.Mute())
	begin := clock.Now()
	clock.Advance(15 * time.Second)
	mute.ExpectEnd("transport close")
	clock.Advance(10 * time.Minute)
	if d := clock.Now().Sub(begin); d != 10*time.Minute+15*time.Second {
		t.Errorf("the clock moved by %v", d)
	}
	emit(t, srv, "still here")
	ws.Expect("still here")
	polling.Expect("still here")
}

// TestUpgradeTimeout (L07): a WebSocket that probes and goes no further is closed; the
// session goes on polling.
func TestUpgradeTimeout(t *testing.T) {
	srv := newServer(t, sio.Options{UpgradeTimeout: 2 * time.Second})
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/", siotest.Polling(), siotest.Loop(0))
	probe := siotest.Raw(t, srv, siotest.Loop(0))
	io.WriteString(probe, "GET /socket.io/?EIO=4&transport=websocket&sid="+c.SessionID()+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvdGVzdCBzYXlzIGhpIQ==\r\n\r\n")
	r := bufio.NewReader(probe)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 101 {
		t.Fatal(resp, err)
	}
	clock.Advance(2100 * time.Millisecond)
	if b, err := r.Peek(2); err != nil || b[0] != 0x88 {
		t.Errorf("want a close frame, got %x %v", b, err)
	}
	emit(t, srv, "x")
	c.Expect("x")
	if c.Transport() != "polling" {
		t.Errorf("transport %q", c.Transport())
	}
	if err := c.Upgrade(); err != nil { // another try
		t.Error(err)
	}
}

// TestTransportsOption (H05, H10): what is not offered is not to be had.
func TestTransportsOption(t *testing.T) {
	var e *siotest.HandshakeError
	srv := newServer(t, sio.Options{Transports: sio.WebSocket})
	siotest.Dial(t, srv, "/")
	if _, err := siotest.TryDial(t, srv, "/", siotest.Polling()); !errors.As(err, &e) || e.Code != 0 {
		t.Errorf("got %v", err)
	}
	srv = newServer(t, sio.Options{Transports: sio.Polling})
	c := siotest.Dial(t, srv, "/", siotest.Polling())
	if err := c.Upgrade(); err == nil {
		t.Error("upgraded")
	}
	if _, err := siotest.TryDial(t, srv, "/"); !errors.As(err, &e) || e.Status != 400 {
		t.Errorf("got %v", err)
	}
	srv = newServer(t, sio.Options{NoUpgrades: true})
	if err := siotest.Dial(t, srv, "/", siotest.Polling()).Upgrade(); err == nil {
		t.Error("upgraded")
	}
	srv = newServer(t, sio.Options{Path: "/game"})
	siotest.Dial(t, srv, "/")
	srv = newServer(t, sio.Options{Path: "/game", NoTrailingSlash: true})
	siotest.Dial(t, srv, "/", siotest.Polling())
}

// TestOptionsRefused: options that make no sense are errors of New.
func TestOptionsRefused(t *testing.T) {
	for name, o := range map[string]sio.Options{
		"path":          {Path: "socket.io"},
		"transports":    {Transports: 8},
		"ping interval": {PingInterval: time.Millisecond},
		"ping timeout":  {PingTimeout: -1},
		"payload":       {MaxPayload: -1},
		"limits":        {Limits: sio.Limits{HeadTime: -time.Second}},
		"queue":         {Queue: sio.Queue{MaxBytes: -1}},
		"loops":         {Loops: -1},
		"workers":       {Workers: -5},

		"star and others":     {CORS: &sio.CORS{Origins: []string{"*", "http://a"}}},
		"star and a pattern":  {CORS: &sio.CORS{Origins: []string{"*"}, OriginPatterns: []*regexp.Regexp{regexp.MustCompile("a")}}},
		"empty origin":        {CORS: &sio.CORS{Origins: []string{""}}},
		"broken origin":       {CORS: &sio.CORS{Origins: []string{"http://a\r\nX: y"}}},
		"pattern":             {CORS: &sio.CORS{OriginPatterns: []*regexp.Regexp{nil}}},
		"function and list":   {CORS: &sio.CORS{Origins: []string{"http://a"}, OriginFunc: func(string, *sio.Handshake) bool { return true }}},
		"method":              {CORS: &sio.CORS{Methods: []string{"GET, PUT"}}},
		"field":               {CORS: &sio.CORS{AllowedHeaders: []string{"a b"}}},
		"exposed":             {CORS: &sio.CORS{ExposedHeaders: []string{""}}},
		"status of a failure": {CORS: &sio.CORS{OptionsSuccessStatus: 404}},
		"cookie's name":       {Cookie: &sio.Cookie{Name: "a b"}},
		"cookie's path":       {Cookie: &sio.Cookie{Path: "/;Domain=evil"}},
		"cookie's domain":     {Cookie: &sio.Cookie{Domain: "a;b"}},
		"cookie's same site":  {Cookie: &sio.Cookie{SameSite: 9}},
		"client's version":    {ClientVersion: `4"8`},
	} {
		if srv, err := sio.New(o); err == nil {
			srv.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.HasPrefix(err.Error(), "sio: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSlowConsumer (reason of ours): a client that does not read is disconnected once
// too much waits for it, and nobody else is; over polling the same limit holds.
func TestSlowConsumer(t *testing.T) {
	srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 10_000}})
	ended := make(chan error, 1)
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		if r == sio.SlowConsumer {
			ended <- context.Cause(s.Context())
		}
	})
	reader := siotest.Dial(t, srv, "/")
	p := startPolling(t, srv)
	p.join() // and never asks again
	text := strings.Repeat("x", 1000)
	for i := range 30 {
		emit(t, srv, "n", i, text)
		reader.Expect("n", i, text)
	}
	var d *sio.DisconnectError
	if err := recv(t, ended); !errors.As(err, &d) || d.Limit != "send queue" {
		t.Errorf("cause %v", err)
	}
	if n := srv.Stats().Slow; n != 1 {
		t.Errorf("%d slow consumers", n)
	}
}
