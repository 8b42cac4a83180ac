package session

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/http1"
)

// TestSizes holds what every client costs, in bytes, on 64-bit systems: a Session fills the
// runtime's size class of 176, a Conn is part of a loop's own of 144, a Socket of the
// application's of 160. One field more is another class for each of a million clients.
func TestSizes(t *testing.T) {
	for _, s := range []struct {
		name        string
		size, bound uintptr
	}{
		{"Conn", unsafe.Sizeof(Conn{}), 120},
		{"Session", unsafe.Sizeof(Session{}), 176},
		{"Socket", unsafe.Sizeof(Socket{}), 96},
		{"broadcast.Member", unsafe.Sizeof(broadcast.Member{}), 40},
	} {
		t.Logf("%s: %d bytes", s.name, s.size)
		if s.size > s.bound {
			t.Errorf("%s has %d bytes, more than %d", s.name, s.size, s.bound)
		}
	}
}

// TestMemberStandsFirst holds SocketOf to its assumption.
func TestMemberStandsFirst(t *testing.T) {
	k := new(Socket)
	if unsafe.Offsetof(k.Member) != 0 || SocketOf(&k.Member) != k {
		t.Error("Member is not the first field of Socket")
	}
}

func TestIDString(t *testing.T) {
	id := [IDLen]byte([]byte("abcdefghijklmnopqrst"))
	if s := idString(&id); s != string(id[:]) || len(s) != IDLen {
		t.Errorf("idString = %q", s)
	}
	w := newWorld(t, 1, nil)
	k := new(Socket)
	w.wire("ws", 0).send(w.wires["ws"].client.bytesOf("UPGRADE"))
	s := w.app.session("s1")
	k.Init(s, w.app.spaces["/"][0])
	if k.ID() != string(k.raw[:]) || s.ID() != string(s.raw[:]) || k.ID() == s.ID() {
		t.Errorf("ids are %q and %q", k.ID(), s.ID())
	}
}

// TestHeadersHook (H22): fields of the application's are in every answer that a session
// gives and in every 101, and not in refusals, as in the reference server; those that
// cannot stand in a header are nowhere.
func TestHeadersHook(t *testing.T) {
	var calls []string
	(&transcript{
		rows: "H22",
		set: func(c *Config) {
			c.Hooks = &Hooks{Headers: func(_ *Conn, head []byte, initial bool, add func(name, value string)) {
				line, _, _ := strings.Cut(string(head), " HTTP")
				calls = append(calls, line)
				add("X-Initial", map[bool]string{true: "yes", false: "no"}[initial])
				add("X-Cookie", string(http1.Field(head, "Cookie")))
				add("X Bad", "name")
				add("X-Bad", "a\r\nX-Worse: b")
				add("X-Bad", "\x00")
			}}
		},
		script: `
			a> OPEN | Cookie: k=v
			a< 200 ` + openPacket + `
			a~ X-Initial: yes
			a~ X-Cookie: k=v
			a~ !X-Bad
			a~ !X-Worse
			a> POST s1 40
			a< 200 ok
			a~ X-Initial: no
			a> GET s1
			a< 200 40{"sid":"s2"}
			a~ X-Initial: no
			a> GET ?EIO=4&transport=x
			? 0 x
			a< 400 {"code":0,"message":"Transport unknown"}
			a~ !X-Initial
			a> GET s1 | Connection: close
			c> GET s1
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
			c< 400
			c~ !X-Initial
			a< 200 1
			a~ X-Initial: no
			a< fin
			d> OPEN
			d< 200 0{"sid":"s3","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE s3
			ws< 101
			ws~ X-Initial: no
			x> UPGRADE | Cookie: k=w
			x< 101
			x~ X-Initial: yes
			x~ X-Cookie: k=w
			x< 0{"sid":"s4","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			y> raw nonsense
			z> raw ?
			z< 400
			z< fin
			z~ !X-Cookie
			. admit later
			b> OPEN
			. decide yes
			b< 200 0{"sid":"s5","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b~ X-Initial: yes
		`,
	}).play(t)
	if !slices.Contains(calls, "GET /socket.io/?EIO=4&transport=polling") {
		t.Errorf("the hook was given %q", calls)
	}
}

// TestHooks (L15): who watches the engine sees each step once, in order.
func TestHooks(t *testing.T) {
	var seen []string
	note := func(what string) func(*Session) {
		return func(s *Session) { seen = append(seen, what+" "+shown(s.ID())) }
	}
	packet := func(what string) func(*Session, byte, []byte, bool) {
		return func(_ *Session, kind byte, data []byte, binary bool) {
			line := what + " " + string(kind) + render(data)
			if binary {
				line = what + " " + string(kind) + "b" + hexed(data)
			}
			seen = append(seen, line)
		}
	}
	tr := &transcript{
		set: func(c *Config) {
			seen = nil
			c.Hooks = &Hooks{
				Packet: packet("packet"), PacketCreate: packet("packetCreate"),
				Open: note("open"), Heartbeat: note("heartbeat"), Upgrading: note("upgrading"), Upgrade: note("upgrade"),
				Flush: note("flush"), Drain: note("drain"),
				Close: func(s *Session, r Reason, err error) { seen = append(seen, "close "+shown(s.ID())+" "+string(r)) },
			}
		},
		script: joined + `
			+ 25s
			a> GET s1
			a< 200 2
			a> POST s1 3
			a< 200 ok
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			ws> 5
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> bin 01
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< bin 01
			ws> close
			ws< close
			ws< end
			! s2 transport close
			! s1 transport close
		`,
	}
	tr.perform(t, "whole", manner{})
	want := []string{
		`packetCreate 0` + openPacket[1:], "open s1", "flush s1", "drain s1",
		`packet 40`, `packetCreate 40{"sid":"s2"}`, "flush s1", "drain s1",
		"packetCreate 2", "flush s1", "drain s1",
		"packet 3", "heartbeat s1",
		"upgrading s1", "upgrade s1",
		`packet 451-["echo",{"_placeholder":true,"num":0}]`, "packet 4b01",
		`packetCreate 451-["echo",{"_placeholder":true,"num":0}]`, "packetCreate 4b01", "flush s1", "drain s1",
		"close s1 transport close",
	}
	if !slices.Equal(seen, want) {
		for i := range max(len(seen), len(want)) {
			t.Logf("%-60q %q", at(seen, i), at(want, i))
		}
		t.Error("seen on the left, wanted on the right")
	}
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return ""
}

// TestHandshakeIsKept (H43, H44): the session's first request, for life.
func TestHandshakeIsKept(t *testing.T) {
	w := newWorld(t, 1, nil)
	a := w.wire("a", 0)
	a.send(a.client.bytesOf("OPEN | Cookie: k=v"))
	w.said = map[string][]string{}
	s := w.app.session("s1")
	h := s.Handshake()
	if got := string(http1.Field([]byte(h.Head), "cookie")); got != "k=v" {
		t.Errorf("cookie = %q", got)
	}
	if h.Remote != a.Remote() || h.Secure || h.Transport != Polling || h.Issued != int64(begin)/1e6 {
		t.Errorf("handshake is %+v", h)
	}
	ws := w.wire("ws", 0)
	ws.send(ws.client.bytesOf("UPGRADE s1"))
	ws.send(ws.client.bytesOf("5"))
	if s.Transport() != WebSocket || s.Handshake() != h || s.Host() != Host(w.hosts[0]) {
		t.Errorf("on %v the handshake is %+v", s.Transport(), s.Handshake())
	}
	if c := ws.conn; c.Wire() != Wire(ws) || c.Remote() != ws.Remote() || c.Host() != Host(w.hosts[0]) {
		t.Error("the connection does not know its wire")
	}
}

func TestCompactAddress(t *testing.T) {
	for _, a := range []string{"192.0.2.1:80", "[2001:db8::1]:65535", "[::1]:0", "127.0.0.1:1"} {
		want := netip.MustParseAddrPort(a)
		if got := compact(want).addrPort(); got != want {
			t.Errorf("%v comes back as %v", want, got)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.1]:80")
	if got := compact(mapped).addrPort(); got != netip.MustParseAddrPort("192.0.2.1:80") {
		t.Errorf("%v comes back as %v", mapped, got)
	}
	if got := compact(netip.AddrPort{}).addrPort(); got.IsValid() {
		t.Errorf("no address comes back as %v", got)
	}
}

// TestRTT: the time from a ping to its pong.
func TestRTT(t *testing.T) {
	w := newWorld(t, 1, nil)
	ws := w.wire("ws", 0)
	ws.send(ws.client.bytesOf("UPGRADE"))
	s := w.app.session("s1")
	if s.RTT() != 0 {
		t.Errorf("RTT = %v before the first ping", s.RTT())
	}
	w.advance(25 * time.Second)
	w.advance(1234 * time.Microsecond)
	ws.send(ws.client.bytesOf("3"))
	if s.RTT() != 1234*time.Microsecond {
		t.Errorf("RTT = %v", s.RTT())
	}
	ws.send(ws.client.bytesOf("40"))
	w.advance(25 * time.Second)
	w.advance(2 * time.Millisecond)
	ws.send(ws.client.bytesOf("6"))
	w.advance(3 * time.Millisecond)
	ws.send(ws.client.bytesOf("3"))
	if s.RTT() != 5*time.Millisecond {
		t.Errorf("RTT = %v, with another packet before the pong", s.RTT())
	}
}

// TestBacklog: what waits for a client, as others may see it.
func TestBacklog(t *testing.T) {
	w := newWorld(t, 1, nil)
	ws := w.wire("ws", 0)
	ws.send(ws.client.bytesOf("UPGRADE"))
	ws.send(ws.client.bytesOf("40"))
	s, k := w.app.session("s1"), w.app.socket("s2")
	ws.drain(10)
	k.Send([]byte(`42["x"]`), 0, true) // a frame of 9 bytes
	w.settle()
	k.Send([]byte(`42["y"]`), 0, true)
	w.settle()
	if got := s.Backlog(); got != 8 {
		t.Errorf("Backlog = %d, want 8", got)
	}
	ws.drain(-1)
	k.Send([]byte(`42["z"]`), 0, true)
	w.settle()
	if got := s.Backlog(); got != 0 {
		t.Errorf("Backlog = %d when all was taken", got)
	}
	if !s.Joining("/") || s.Joining("/chat") {
		t.Error("Joining does not know")
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Polling.String(), "polling"}, {WebSocket.String(), "websocket"}, {Transport(9).String(), ""},
		{Opening.String(), "opening"}, {Open.String(), "open"}, {Closing.String(), "closing"}, {Closed.String(), "closed"},
		{identity.String(), "identity"}, {gzipped.String(), "gzip"}, {deflated.String(), "deflate"},
		{(&LimitError{"payload", 5}).Error(), "limit: payload (5)"},
		{errTaken.Error(), "session id already in use"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	for now := range Instant(3) {
		for at := range Instant(3) {
			want := min(now, at)
			if want == 0 {
				want = max(now, at)
			}
			if got := earlier(now, at); got != want {
				t.Errorf("earlier(%d, %d) = %d", now, at, got)
			}
		}
	}
}
