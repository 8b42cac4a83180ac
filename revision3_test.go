package sio_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
)

// An oldClient is a client of before 2020 that polls, for tests of what the application
// sees of it. The test's goroutine does everything.
type oldClient struct {
	t    testing.TB
	url  string
	sid  string
	rest string // of an answer, see wantPacket
	http.Client
}

// dialOld opens a session of revision 3 and takes the packet that says "/" was joined.
func dialOld(t testing.TB, addr, query string) *oldClient {
	t.Helper()
	c := &oldClient{t: t, url: "http://" + addr + "/socket.io/?transport=polling" + query}
	c.Transport = new(http.Transport)
	t.Cleanup(c.CloseIdleConnections)
	_, rest, _ := strings.Cut(c.get(), `"sid":"`)
	c.sid, _, _ = strings.Cut(rest, `"`)
	if c.sid == "" {
		t.Fatal("no session")
	}
	c.url += "&sid=" + c.sid
	return c
}

// get is the body of the next answer, which must be 200.
func (c *oldClient) get() string {
	c.t.Helper()
	return c.answer(c.Get(c.url))
}

// post sends packets in text.
func (c *oldClient) post(packets ...string) {
	c.t.Helper()
	var body strings.Builder
	for _, p := range packets {
		body.WriteString(strconv.Itoa(len(p)) + ":" + p) // all of it is ASCII
	}
	if got := c.answer(c.Post(c.url, "text/plain;charset=UTF-8", strings.NewReader(body.String()))); got != "ok" {
		c.t.Errorf("a POST was answered %q", got)
	}
}

func (c *oldClient) answer(r *http.Response, err error) string {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %q, %v", r.Status, body, err)
	}
	return string(body)
}

// TestAllowEIO3 (H37, C01, C10, C11): what the application sees of a client of before 2020.
func TestAllowEIO3(t *testing.T) {
	srv := newServer(t, sio.Options{AllowEIO3: true})
	sockets := make(chan *sio.Socket, 2)
	left := make(chan string, 2)
	for _, n := range []*sio.Namespace{srv.Of("/"), srv.Of("/ns")} {
		n.OnConnect(func(s *sio.Socket) { sockets <- s })
		n.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
		n.On("add", func(s *sio.Socket, m *sio.Msg) error { return m.Ack(len(m.Event())) })
		n.OnDisconnect(func(s *sio.Socket, r sio.Reason) { left <- s.ID() + " " + string(r) })
	}
	c := dialOld(t, listen(t, srv), "&EIO=3&token=main")
	c.wantPacket("40")

	s := recv(t, sockets)
	if s.ID() != c.sid || s.Conn().ID() != c.sid || s.Conn().Protocol() != 3 {
		t.Errorf("socket %q of connection %q, revision %d, want %q and 3", s.ID(), s.Conn().ID(), s.Conn().Protocol(), c.sid)
	}
	if h := s.Handshake(); len(h.Auth()) != 0 || h.Query().Get("token") != "main" || h.Query().Get("EIO") != "3" {
		t.Errorf("auth %q, query %v", h.Auth(), h.Query())
	}

	c.post("40/ns?token=a%26b&n=1")
	c.wantPacket("40/ns,")
	k := recv(t, sockets)
	if want := "/ns#" + c.sid; k.ID() != want || k.Rooms()[0] != want || !k.In(want) {
		t.Errorf("socket %q in rooms %q, want %q", k.ID(), k.Rooms(), want)
	}
	var auth struct{ Token, N string }
	if err := k.Handshake().DecodeAuth(&auth); err != nil || auth.Token != "a&b" || auth.N != "1" {
		t.Errorf("auth %+v, %v", auth, err)
	}
	if q := k.Handshake().Query(); q.Get("token") != "main" {
		t.Errorf("query %v", q)
	}

	// The ids are found, and are rooms.
	for _, s := range []*sio.Socket{s, k} {
		if found, ok := s.Namespace().Socket(s.ID()); !ok || found != s {
			t.Errorf("%q is not found", s.ID())
		}
		emit(t, s.Namespace().To(s.ID()), "one")
		emit(t, s.Namespace().To(s.ID(), "nobody"), "two")
		emit(t, s.Namespace().Except(s.ID()), "three")
		emit(t, s.To(s.ID()), "four")
		if err := s.Join("room", s.ID()); err != nil || !slices.Equal(s.Rooms(), []string{s.ID(), "room"}) {
			t.Errorf("rooms %q, %v", s.Rooms(), err)
		}
	}
	for want := range strings.SplitSeq(`42["one"] 42["two"] 42/ns,["one"] 42/ns,["two"]`, " ") {
		c.wantPacket(want)
	}

	c.post(`42["echo","x"]`)
	c.wantPacket(`42["echo","x"]`)
	c.post(`42/ns,7["add"]`) // by itself: handlers of two sockets run side by side
	c.wantPacket(`43/ns,7[3]`)
	emit(t, srv.To("room"), "all", []byte{1})
	c.wantPacket("\x00\x04\x01\xff" + `451-["all",{"_placeholder":true,"num":0}]` + "\x01\x02\xff\x04\x01")

	k.Disconnect(sio.Disconnect{})
	c.wantPacket("41/ns,")
	if got, want := recv(t, left), k.ID()+" server namespace disconnect"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, ok := srv.Of("/ns").Socket(k.ID()); ok {
		t.Error("a socket that has left is found")
	}
	c.post("1")
	if got, want := recv(t, left), s.ID()+" transport close"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// wantPacket is the next packet of a payload that may have several. Of a binary one it is
// the whole.
func (c *oldClient) wantPacket(want string) {
	c.t.Helper()
	if c.rest == "" {
		c.rest = c.get()
	}
	if c.rest[0] > 1 {
		want = strconv.Itoa(len(want)) + ":" + want
	}
	rest, ok := strings.CutPrefix(c.rest, want)
	if !ok {
		c.t.Fatalf("got %q, want %q", c.rest, want)
	}
	c.rest = rest
}

// TestOldRefusals (C02): a client of before 2020 is refused with the data, or the message.
func TestOldRefusals(t *testing.T) {
	srv := newServer(t, sio.Options{AllowEIO3: true})
	refusals := map[string]error{
		"/plain":   errors.New("inner"),
		"/message": sio.Refuse{Message: "not \"now\""},
		"/data":    sio.Refuse{Message: "no", Data: map[string]int{"code": 7}},
		"/text":    sio.Refuse{Message: "no", Data: "why"},
		"/falsy":   sio.Refuse{Message: "no", Data: 0},
		"/empty":   sio.Refuse{Message: "no", Data: ""},
		"/broken":  sio.Refuse{Message: "no", Data: func() {}},
	}
	for name, err := range refusals {
		srv.Of(name).Use(func(context.Context, *sio.Socket) error { return err })
	}
	c := dialOld(t, listen(t, srv), "")
	c.wantPacket("40")
	for name, want := range map[string]string{
		"/plain":   `"connection refused"`,
		"/message": `"not \"now\""`,
		"/data":    `{"code":7}`,
		"/text":    `"why"`,
		"/falsy":   `"no"`,
		"/empty":   `"no"`,
		"/broken":  `"no"`,
		"/none":    `{"message":"Invalid namespace"}`,
	} {
		c.post("40" + name)
		c.wantPacket("44" + name + "," + want)
	}
}

// TestOldBesideNew (H37, B01): one broadcast reaches clients of both revisions, on both
// transports.
func TestOldBesideNew(t *testing.T) {
	srv := newServer(t, sio.Options{AllowEIO3: true})
	g := startRaw(t, srv)
	today := dialIn(t, g, 0)
	today.send("40")
	today.next()
	old := dialWith(t, g, 1, "EIO=3")
	text := dialWith(t, g, 0, "b64=1")
	for _, c := range []*rawClient{old, text} {
		if got := c.next(); got != "40" {
			t.Errorf("got %q, want that / was joined", got)
		}
	}
	for range 2 {
		emit(t, srv, "b", []byte{1, 2}, "x")
		for c, want := range map[*rawClient]string{today: "\x01\x02", old: "\x04\x01\x02", text: "b4AQI="} {
			if got := c.next(); got != `451-["b",{"_placeholder":true,"num":0},"x"]` {
				t.Errorf("got %q", got)
			}
			if got := c.next(); got != want {
				t.Errorf("got the attachment %q, want %q", got, want)
			}
		}
	}
}
