package session

import (
	"crypto/tls"
	"net/netip"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A quiet host does what a loop does, and keeps its memory: what is allocated with it is
// allocated by this package.
type quietHost struct {
	cfg        Config
	table      *Table
	app        quietApp
	ids        uint32
	urgent     []*Conn
	fanned     []*Conn
	answerable []*Session
	buffers    [][]byte
}

func newQuietHost() *quietHost {
	h := &quietHost{cfg: testConfig()}
	h.table = NewTable(h)
	h.app.space = NewSpace("/", 0, broadcast.NewDirectory(1))
	return h
}

func (h *quietHost) Index() int              { return 0 }
func (h *quietHost) Config() *Config         { return &h.cfg }
func (h *quietHost) App() App                { return &h.app }
func (h *quietHost) Sessions() *Table        { return h.table }
func (h *quietHost) Clock() Instant          { return begin }
func (h *quietHost) Wall() int64             { return 0 }
func (h *quietHost) Date() []byte            { return quietDate }
func (h *quietHost) Random(int64) int64      { return 0 }
func (h *quietHost) Home([]byte) int         { return 0 }
func (h *quietHost) Claim(string) bool       { return true }
func (h *quietHost) Unclaim(string)          {}
func (h *quietHost) Written(c *Conn)         { h.urgent = append(h.urgent, c) }
func (h *quietHost) Fanned(c *Conn)          { h.fanned = append(h.fanned, c) }
func (h *quietHost) Bulky(*Conn)             {}
func (h *quietHost) Laden()                  {}
func (h *quietHost) Answerable(s *Session)   { h.answerable = append(h.answerable, s) }
func (h *quietHost) Schedule(Timed, Instant) {}
func (h *quietHost) Forget(Timed)            {}

func (h *quietHost) Later(*Session, Reason, error) { panic("nobody is to be evicted here") }
func (h *quietHost) Run(int, func(Host, Instant))  { panic("there is one loop") }
func (h *quietHost) Move(*Conn, int, []byte) bool  { return false }
func (h *quietHost) Foreign(*Conn, []byte) bool    { return false }

var quietDate = []byte("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n")

func (h *quietHost) NewID(id *[IDLen]byte) {
	h.ids++
	copy(id[:], "quiet_______________")
	id[IDLen-1] = 'a' + byte(h.ids%26)
	id[IDLen-2] = 'a' + byte(h.ids/26%26)
	id[IDLen-3] = 'a' + byte(h.ids/676%26)
}

func (h *quietHost) Buffer(n int) []byte {
	if k := len(h.buffers); k > 0 && cap(h.buffers[k-1]) >= n {
		b := h.buffers[k-1]
		h.buffers = h.buffers[:k-1]
		return b
	}
	return make([]byte, 0, max(n, 64<<10))
}

func (h *quietHost) Release(b []byte) { h.buffers = append(h.buffers, b[:0]) }

// turn is the end of a turn.
func (h *quietHost) turn() {
	for i := 0; i < len(h.answerable); i++ {
		h.answerable[i].FlushPolling(begin)
	}
	h.answerable = h.answerable[:0]
	for i := 0; i < len(h.urgent); i++ {
		h.urgent[i].Flush(begin)
	}
	h.urgent = h.urgent[:0]
	for i := 0; i < len(h.fanned); i++ {
		h.fanned[i].FlushFanned(begin)
	}
	h.fanned = h.fanned[:0]
}

// quietWire takes everything, and forgets it.
type quietWire struct{ n int }

func (w *quietWire) Write(bufs [][]byte) {
	for _, b := range bufs {
		w.n += len(b)
	}
}
func (w *quietWire) Buffered() int             { return 0 }
func (w *quietWire) Pause(bool) bool           { return true }
func (w *quietWire) Shutdown()                 {}
func (w *quietWire) Close()                    {}
func (w *quietWire) Remote() netip.AddrPort    { return netip.AddrPort{} }
func (w *quietWire) TLS() *tls.ConnectionState { return nil }

// quietApp lets everybody in and counts.
type quietApp struct {
	space  *Space
	last   *Session
	joined []*Socket
	events int
	bytes  int
}

func (a *quietApp) Admit(*Conn, uint32, *Request) Verdict { return Verdict{} }
func (a *quietApp) Refused(*Request, *Failure)            {}
func (a *quietApp) Connect(s *Session, now Instant, _, _ []byte) {
	k := new(Socket)
	k.Init(s, a.space)
	s.Bid(k)
	s.Grant(now, k, "")
	a.joined = append(a.joined, k)
}
func (a *quietApp) Event(_ Instant, _ *Socket, e *Event) {
	a.events++
	a.bytes += len(e.Name) + len(e.Args.Text())
	for _, b := range e.Attachments {
		a.bytes += len(b)
	}
}
func (a *quietApp) Failed(*Socket, error)            {}
func (a *quietApp) Left(*Socket, Reason, error)      {}
func (a *quietApp) Withdrawn(*Socket, Reason, error) {}
func (a *quietApp) Opened(s *Session)                { a.last = s }
func (a *quietApp) Ended(*Session, Reason, error)    {}
func (a *quietApp) Untranslatable(error)             {}
func (a *quietApp) Offload(func()) bool              { return false }

// quietSocket is a WebSocket with the main namespace joined.
func quietSocket(h *quietHost) (*Conn, *Socket) { return quietBy(h, "UPGRADE") }

// quietBy is quietSocket, opened by the request.
func quietBy(h *quietHost, request string) (*Conn, *Socket) {
	c, x := new(Conn), client{}
	c.Init(h, new(quietWire), begin)
	c.Receive(begin, append([]byte(nil), x.bytesOf(request)...))
	c.Receive(begin, append([]byte(nil), x.bytesOf("40")...))
	h.turn()
	return c, h.app.joined[len(h.app.joined)-1]
}

// allocates measures f, whose first run may grow things.
func allocates(f func()) float64 {
	f()
	return testing.AllocsPerRun(200, f)
}

// TestInboundDoesNotAllocate: an event costs no memory of its own from the frame up to
// [App.Event], whole or in pieces; neither does a ping, a pong, or an event with an
// attachment once there was one.
func TestInboundDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []string
		events int
		pieces bool
	}{
		{"text", []string{`42["move",12,-3.5,{"jump":true}]`}, 1, false},
		{"text with an acknowledgement id", []string{`4212["move",12]`}, 1, false},
		{"one attachment", []string{`451-["move",{"_placeholder":true,"num":0}]`, "bin 0102030405060708"}, 1, false},
		{"several in one read", []string{`42["a",1]`, `42["b",2]`, `42["c",3]`}, 3, false},
		{"text in pieces", []string{`42["move",12,-3.5,{"jump":true}]`}, 1, true},
		{"pong of the heartbeat", []string{"3"}, 0, false},
		{"unknown acknowledgement", []string{"4312[1]"}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newQuietHost()
			conn, _ := quietSocket(h)
			x := client{sending: true}
			var wire []byte
			for _, l := range c.lines {
				wire = append(wire, x.bytesOf(l)...)
			}
			buf := make([]byte, len(wire))
			n := allocates(func() {
				copy(buf, wire) // frames are unmasked in place
				if c.pieces {
					half := len(buf) / 2
					conn.Receive(begin, buf[:half])
					conn.Receive(begin, buf[half:])
				} else {
					conn.Receive(begin, buf)
				}
				h.turn()
			})
			if want := c.events * 202; h.app.events != want {
				t.Fatalf("%d events, want %d", h.app.events, want)
			}
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// TestOutboundDoesNotAllocate: neither a packet nor a message costs memory on its way
// to the wire, and a broadcast none for each receiver.
func TestOutboundDoesNotAllocate(t *testing.T) {
	h := newQuietHost()
	_, k := quietSocket(h)
	packet := []byte(`42["move",12,-3.5]`)
	message := textMessage(`42["move",12,-3.5]`, true, []byte{1, 2, 3})
	for _, c := range []struct {
		name string
		send func()
	}{
		{"packet", func() { k.Send(packet, 0, true) }},
		{"volatile packet", func() { k.Send(packet, broadcast.Volatile, true) }},
		{"message", func() { k.SendMessage(message, 0) }},
		{"twenty of both", func() {
			for range 10 {
				k.Send(packet, 0, true)
				k.SendMessage(message, 0)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n := allocates(func() { c.send(); h.turn() }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	for len(h.app.joined) < 1000 {
		quietSocket(h)
	}
	t.Run("broadcast to 1,000", func(t *testing.T) {
		sel := &broadcast.Selection{Everyone: true}
		reached := 0
		n := allocates(func() {
			reached = h.app.space.Shard.Deliver(sel, message, 0)
			h.turn()
		})
		if n != 0 || reached != 1000 {
			t.Errorf("%v allocations, %d reached", n, reached)
		}
	})
}

// TestEchoDoesNotAllocate: a whole turn, from the bytes of a request for an echo to
// those of the echo.
func TestEchoDoesNotAllocate(t *testing.T) {
	h := newQuietHost()
	conn, k := quietSocket(h)
	x := client{sending: true}
	wire := x.bytesOf(`42["move",12,-3.5]`)
	buf := make([]byte, len(wire))
	packet := []byte(`42["move",12,-3.5]`)
	if n := allocates(func() {
		copy(buf, wire)
		conn.Receive(begin, buf)
		k.Send(packet, 0, true)
		h.turn()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// pollingAllocs is what a POST with an event and a GET with its answer cost together, in
// allocations.
const pollingAllocs = 0

// TestPollingAllocates bounds what long-polling costs.
func TestPollingAllocates(t *testing.T) {
	t.Run("same site", func(t *testing.T) { pollingAllocates(t, nil) })
	t.Run("other site", func(t *testing.T) {
		pollingAllocates(t, &CORS{Origins: []string{"https://other.example", listed}, Credentials: true, Exposed: "x"})
	})
}

func pollingAllocates(t *testing.T, cors *CORS) {
	h := newQuietHost()
	h.cfg.CORS = cors
	var a, b Conn
	a.Init(h, new(quietWire), begin)
	b.Init(h, new(quietWire), begin)
	var x client
	a.Receive(begin, append([]byte(nil), x.bytesOf("OPEN")...))
	h.turn()
	sid := h.app.last.ID()
	a.Receive(begin, append([]byte(nil), x.bytesOf("POST "+sid+" 40")...))
	h.turn()
	k := h.app.joined[0]
	post := x.bytesOf("POST " + sid + ` 42["move",12] | Origin: ` + listed)
	get := x.bytesOf("GET " + sid + " | Accept-Encoding: gzip | Origin: " + listed)
	packet := []byte(`42["move",12,-3.5]`)
	n := allocates(func() {
		b.Receive(begin, get)
		h.turn()
		a.Receive(begin, post)
		k.Send(packet, 0, true)
		h.turn()
	})
	if h.app.events != 202 {
		t.Fatalf("%d events", h.app.events)
	}
	t.Logf("%v allocations", n)
	if n > pollingAllocs {
		t.Errorf("%v allocations, want %d", n, pollingAllocs)
	}
}

// BenchmarkEcho times a turn from the bytes of an event to those of its answer, without
// any I/O.
func BenchmarkEcho(b *testing.B) {
	for _, bc := range []struct {
		name  string
		depth int
	}{{"depth 1", 1}, {"depth 16", 16}} {
		b.Run(bc.name, func(b *testing.B) {
			h := newQuietHost()
			conn, k := quietSocket(h)
			var wire []byte
			for range bc.depth {
				wire = websocket.AppendMasked(wire, websocket.Text, []byte(`42["move",12,-3.5]`), [4]byte{1, 2, 3, 4})
			}
			buf := make([]byte, len(wire))
			packet := []byte(`42["move",12,-3.5]`)
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, wire)
				conn.Receive(begin, buf)
				for range bc.depth {
					k.Send(packet, 0, true)
				}
				h.turn()
			}
		})
	}
}

// BenchmarkPolling times a POST and a GET.
func BenchmarkPolling(b *testing.B) {
	h := newQuietHost()
	var a, c Conn
	a.Init(h, new(quietWire), begin)
	c.Init(h, new(quietWire), begin)
	var x client
	a.Receive(begin, append([]byte(nil), x.bytesOf("OPEN")...))
	h.turn()
	sid := h.app.last.ID()
	a.Receive(begin, append([]byte(nil), x.bytesOf("POST "+sid+" 40")...))
	h.turn()
	k := h.app.joined[0]
	post, get := x.bytesOf("POST "+sid+` 42["move",12]`), x.bytesOf("GET "+sid)
	packet := []byte(`42["move",12,-3.5]`)
	b.ReportAllocs()
	for b.Loop() {
		c.Receive(begin, get)
		a.Receive(begin, post)
		k.Send(packet, 0, true)
		h.turn()
	}
}

// BenchmarkBroadcast times the share of one receiver.
func BenchmarkBroadcast(b *testing.B) {
	h := newQuietHost()
	for range 1000 {
		quietSocket(h)
	}
	m := textMessage(`42["tick",12,-3.5]`, true)
	sel := &broadcast.Selection{Everyone: true}
	b.ReportAllocs()
	for b.Loop() {
		h.app.space.Shard.Deliver(sel, m, 0)
		h.turn()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/receiver")
}
