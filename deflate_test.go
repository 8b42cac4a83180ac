package sio_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/loop"
)

// dialDeflate opens a WebSocket session that offers permessage-deflate, and joins "/".
func dialDeflate(t *testing.T, g *loop.Group, index int, offer string) *rawClient {
	t.Helper()
	p, err := g.Pipe(index, netip.MustParseAddrPort("192.0.2.1:1024"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	c := upgradeOffering(t, g, p, "EIO=4", offer)
	c.send("40")
	c.next()
	return c
}

// TestPerMessageDeflate (T03, K13): what is long enough is compressed for WebSockets that
// have agreed to it, unless the event forbids it, in whatever way it is sent.
func TestPerMessageDeflate(t *testing.T) {
	srv := newServer(t, sio.Options{PerMessageDeflate: &sio.PerMessageDeflate{}})
	long := strings.Repeat("a long text; ", 200)
	huge := strings.Repeat(long, 50) // is compressed before it comes to the loops
	srv.On("ack", func(_ *sio.Socket, m *sio.Msg) error { return m.Ack(long) })
	srv.On("forward", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "e") })
	sockets := make(chan *sio.Socket, 3)
	srv.OnConnect(func(s *sio.Socket) { sockets <- s })
	g := startRaw(t, srv)
	c := dialDeflate(t, g, 0, "permessage-deflate; client_max_window_bits")
	s := recv(t, sockets)
	plain := dialDeflate(t, g, 1, "")
	recv(t, sockets)
	small := dialDeflate(t, g, 1, "permessage-deflate; server_max_window_bits=9")
	recv(t, sockets)

	event := func(text string) string { return `42["e","` + text + `"]` }
	for _, tc := range []struct {
		name   string
		send   func()
		want   string
		packed bool
		all    bool // the others get it too
	}{
		{"short", func() { emit(t, s, "e", "short") }, event("short"), false, false},
		{"long", func() { emit(t, s, "e", long) }, event(long), true, false},
		{"huge", func() { emit(t, s, "e", huge) }, event(huge), true, false},
		{"long, forbidden", func() { emit(t, s.Self().Compress(false), "e", long) }, event(long), false, false},
		{"huge, forbidden", func() { emit(t, s.Self().Compress(false), "e", huge) }, event(huge), false, false},
		{"long, to all", func() { emit(t, srv, "e", long) }, event(long), true, true},
		{"huge, to all", func() { emit(t, srv, "e", huge) }, event(huge), true, true},
		{"huge, to all, forbidden", func() { emit(t, srv.All().Compress(false), "e", huge) }, event(huge), false, true},
		{"an answer", func() { c.send(`421["ack"]`) }, `431["` + long + `"]`, true, false},
		{"forwarded", func() { c.send(`42["forward","` + huge + `"]`) }, event(huge), true, false},
	} {
		tc.send()
		if got := c.next(); got != tc.want || c.packed != tc.packed {
			t.Errorf("%s: %d bytes, compressed: %v; want %d, %v", tc.name, len(got), c.packed, len(tc.want), tc.packed)
		}
		if tc.packed && c.length > len(tc.want)/10 {
			t.Errorf("%s: %d bytes were compressed to %d", tc.name, len(tc.want), c.length)
		}
		if !tc.all {
			continue
		}
		if got := plain.next(); got != tc.want || plain.packed {
			t.Errorf("%s: a client without it gets %d bytes, compressed: %v", tc.name, len(got), plain.packed)
		}
		if got := small.next(); got != tc.want || small.packed != tc.packed {
			t.Errorf("%s: a client with a small window gets %d bytes, compressed: %v", tc.name, len(got), small.packed)
		}
	}
	emit(t, s, "e", long, []byte(long))
	if got := c.next(); !c.packed || !strings.HasPrefix(got, `451-["e","a long`) {
		t.Errorf("%.40q, compressed: %v", got, c.packed)
	}
	if got := c.next(); !c.packed || got != long {
		t.Errorf("an attachment: %.40q, compressed: %v", got, c.packed)
	}
}

// TestPerMessageDeflateOptions (T03): it is off by default, its threshold can be chosen and
// is 1,024 otherwise.
func TestPerMessageDeflateOptions(t *testing.T) {
	for _, tc := range []struct {
		name   string
		option *sio.PerMessageDeflate
		from   int // 0: nothing is compressed
	}{
		{"off", nil, 0},
		{"default", &sio.PerMessageDeflate{}, 1024},
		{"100", &sio.PerMessageDeflate{Threshold: 100}, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{PerMessageDeflate: tc.option})
			c := dialDeflate(t, startRaw(t, srv), 0, "permessage-deflate")
			const around = len(`42["e",""]`)
			for _, n := range []int{99, 100, 1023, 1024, 5000} {
				emit(t, srv, "e", strings.Repeat("x", n-around))
				if c.next(); c.packed != (tc.from != 0 && n >= tc.from) {
					t.Errorf("a packet of %d bytes, compressed: %v", n, c.packed)
				}
			}
		})
	}
	if _, err := sio.New(sio.Options{PerMessageDeflate: &sio.PerMessageDeflate{Threshold: -1}}); err == nil {
		t.Error("a negative threshold is taken")
	}
}
