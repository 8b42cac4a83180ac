package session

import (
	"container/heap"
	"crypto/tls"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// A world is everything around this package, made by hand: loops without a
// goroutine, a clock that stands until it is moved, connections whose kernel is a
// slice, an application that does as it is told. What the server says anywhere is
// noted under the channel it was said on.
type world struct {
	t     testing.TB
	now   Instant
	hosts []*fakeHost
	wires map[string]*fakeWire
	app   *fakeApp

	said    map[string][]string // by channel: a connection's name and '<' or '|', or '=', '!', '?'
	ids     int
	home    map[string]int // id -> loop
	claimed map[string]int
	serial  int  // of reminders
	foreign bool // there is somebody for requests that are not ours
	manner
}

// begin is when worlds begin. 0 would stand for never.
const begin = Instant(time.Hour)

func newWorld(t testing.TB, hosts int, set func(c *Config)) *world {
	w := &world{
		t: t, now: begin, wires: make(map[string]*fakeWire), said: make(map[string][]string),
		home: make(map[string]int), claimed: make(map[string]int),
	}
	for i := range max(hosts, 1) {
		h := &fakeHost{w: w, index: i, cfg: testConfig()}
		if set != nil {
			set(&h.cfg)
		}
		w.hosts = append(w.hosts, h)
	}
	w.app = newFakeApp(w)
	for _, h := range w.hosts {
		h.table = NewTable(h)
	}
	return w
}

// testConfig is what the public package makes of no options.
func testConfig() Config {
	return Config{
		Path: "/socket.io/", Transports: Set(Polling, WebSocket), AllowUpgrades: true,
		PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, UpgradeTimeout: 10 * time.Second,
		ConnectTimeout: 45 * time.Second, HeadTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second,
		IdleTimeout: 60 * time.Second, CloseTimeout: 5 * time.Second, DrainTimeout: 30 * time.Second,
		WriteTimeout:  10 * time.Second,
		BinaryTimeout: 30 * time.Second,
		Msgpack:       true, MaxPayload: 1_000_000, MaxAttachments: 10, MaxPipelined: 64 << 10,
		SoftLimit: 64 << 10, HardLimit: 1 << 20, CompressFrom: 1024,
		Frames: websocket.Config{MaxMessage: 1_000_000},
	}
}

func (w *world) say(channel, line string) {
	w.said[channel] = append(w.said[channel], line)
}

// settle runs turns until no loop has anything left to do.
func (w *world) settle() {
	for busy := true; busy; {
		busy = false
		for _, h := range w.hosts {
			for !h.held && h.turn() {
				busy = true
			}
		}
		for _, name := range slices.Sorted(maps.Keys(w.wires)) {
			busy = w.wires[name].pump() || busy
		}
	}
	for _, x := range w.wires {
		x.client.read(x)
	}
}

// advance moves the clock, with every reminder on the way at its instant.
func (w *world) advance(d time.Duration) {
	target := w.now.After(d)
	for {
		var next *fakeHost
		for _, h := range w.hosts {
			if len(h.reminders) > 0 && h.reminders[0].at <= target && (next == nil || h.reminders.before(next.reminders)) {
				next = h
			}
		}
		if next == nil {
			break
		}
		r := heap.Pop(&next.reminders).(reminder)
		w.now = max(w.now, r.at)
		entry := r.what.Entry()
		if *entry == 0 || *entry > r.at {
			continue // stale
		}
		*entry = 0
		if at := r.what.Expire(w.now); at != 0 {
			if at <= w.now {
				w.t.Fatalf("%T.Expire asks for a deadline that has passed", r.what)
			}
			next.Schedule(r.what, at)
		}
		w.settle()
	}
	w.now = target
}

// closeAll ends all sessions there are now, in the order of their ids.
func (w *world) closeAll(r Reason) {
	for _, h := range w.hosts {
		all := h.table.All()
		slices.SortFunc(all, func(s, o *Session) int { return strings.Compare(s.ID(), o.ID()) })
		for _, s := range all {
			s.Close(w.now, r, nil)
		}
	}
}

// end hangs up every connection and lets all deadlines pass. Nothing may be left.
func (w *world) end() {
	w.t.Helper()
	for _, h := range w.hosts {
		h.held = false
	}
	w.app.offloaded()
	for _, name := range slices.Sorted(maps.Keys(w.wires)) {
		x := w.wires[name]
		x.breaks = false
		x.hangUp(nil)
		if w.settle(); !x.closed { // it is not read
			x.hangUp(syscall.ECONNRESET)
		}
	}
	w.settle()
	w.advance(5 * time.Minute)
	for _, h := range w.hosts {
		if n := h.table.Len(); n != 0 {
			w.t.Errorf("loop %d: %d sessions are left", h.index, n)
		}
		if h.lent != 0 {
			w.t.Errorf("loop %d: %d buffers were not given back", h.index, h.lent)
		}
		if n := len(h.reminders); n != 0 {
			w.t.Errorf("loop %d: %d deadlines are left", h.index, n)
		}
	}
	for _, s := range w.app.over { // applications keep sockets, and those their session
		if s.ws != nil || s.polling != nil || s.sockets != nil {
			w.t.Errorf("session %s holds a connection that is no more, or sockets", s.ID())
		}
	}
	if len(w.claimed) != 0 {
		w.t.Errorf("ids are still claimed: %v", w.claimed)
	}
	w.app.mustBeOver()
}

// A fakeHost is one loop.
type fakeHost struct {
	w         *world
	index     int
	cfg       Config
	table     *Table
	reminders reminders
	held      bool // its turns are held back: mail to it is under way

	queue      []func(Host, Instant)
	answerable []*Session
	doomed     []doomed
	urgent     []*Conn
	bulky      []*Conn
	fanned     []*Conn
	dead       []*fakeWire
	lent       int // buffers
}

type doomed struct {
	s   *Session
	r   Reason
	err error
}

var _ Host = (*fakeHost)(nil)

func (h *fakeHost) Index() int       { return h.index }
func (h *fakeHost) Config() *Config  { return &h.cfg }
func (h *fakeHost) App() App         { return h.w.app }
func (h *fakeHost) Sessions() *Table { return h.table }
func (h *fakeHost) Clock() Instant   { return h.w.now }
func (h *fakeHost) Wall() int64      { return int64(h.w.now) / int64(time.Millisecond) }
func (h *fakeHost) Date() []byte     { return []byte("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") }

func (h *fakeHost) Random(int64) int64 { return 0 }

// NewID makes s1, s2, ... in the order of the whole world, padded to their length.
func (h *fakeHost) NewID(id *[IDLen]byte) {
	h.w.ids++
	copy(id[:], padded("s"+strconv.Itoa(h.w.ids)))
	h.w.home[string(id[:])] = h.index
}

func padded(id string) string { return id + strings.Repeat("_", IDLen-len(id)) }

func (h *fakeHost) Home(sid []byte) int {
	if i, ok := h.w.home[string(sid)]; ok {
		return i
	}
	if i, ok := h.w.claimed[string(sid)]; ok {
		return i
	}
	return -1
}

func (h *fakeHost) Claim(sid string) bool {
	if _, taken := h.w.claimed[sid]; taken {
		return false
	}
	h.w.claimed[sid] = h.index
	return true
}

func (h *fakeHost) Unclaim(sid string) { delete(h.w.claimed, sid) }

func (h *fakeHost) Forget(t Timed) { *t.Entry() = 0 }

func (h *fakeHost) Schedule(t Timed, at Instant) {
	entry := t.Entry()
	if *entry != 0 && *entry <= at {
		return
	}
	*entry = at
	h.w.serial++
	heap.Push(&h.reminders, reminder{at: at, serial: h.w.serial, what: t})
}

func (h *fakeHost) Written(c *Conn)       { h.urgent = append(h.urgent, c) }
func (h *fakeHost) Fanned(c *Conn)        { h.fanned = append(h.fanned, c) }
func (h *fakeHost) Bulky(c *Conn)         { h.bulky = append(h.bulky, c) }
func (h *fakeHost) Laden()                {}
func (h *fakeHost) Answerable(s *Session) { h.answerable = append(h.answerable, s) }

func (h *fakeHost) Later(s *Session, r Reason, err error) {
	h.doomed = append(h.doomed, doomed{s, r, err})
}

func (h *fakeHost) Run(loop int, f func(Host, Instant)) {
	to := h.w.hosts[loop]
	to.queue = append(to.queue, f)
}

func (h *fakeHost) Move(c *Conn, loop int, unread []byte) bool {
	x := c.wire.(*fakeWire)
	if x.stay {
		return false
	}
	rest := slices.Clone(unread)
	x.conn = nil // until it is there
	h.Run(loop, func(to Host, now Instant) {
		x.host, x.conn = to.(*fakeHost), new(Conn)
		x.conn.Init(to, x, now)
		x.conn.Moved()
		x.receive(rest)
	})
	return true
}

func (h *fakeHost) Foreign(c *Conn, unread []byte) bool {
	if !h.w.foreign {
		return false
	}
	x := c.wire.(*fakeWire)
	x.client.read(x)
	x.closed, x.conn = true, nil
	h.w.say(x.name+"<", "given away: "+render(unread))
	return true
}

// Buffer lends memory in powers of two, as the loop does.
func (h *fakeHost) Buffer(n int) []byte {
	h.lent++
	c := 512
	for c < n {
		c *= 2
	}
	return make([]byte, 0, c)
}

// Release poisons what is given back: who still looks at it sees that.
func (h *fakeHost) Release(b []byte) {
	h.lent--
	poison(b[:cap(b)])
}

func poison(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

// turn does one round of what is to be done, in the loop's order, and reports whether
// there was anything.
func (h *fakeHost) turn() bool {
	now := h.w.now
	busy := len(h.queue)+len(h.answerable)+len(h.doomed)+len(h.urgent)+len(h.bulky)+len(h.fanned)+len(h.dead) > 0
	for len(h.queue) > 0 {
		f := h.queue[0]
		h.queue = h.queue[1:]
		f(h, now)
		h.flushBulky()
	}
	for i := 0; i < len(h.answerable); i++ {
		h.answerable[i].FlushPolling(now)
	}
	h.answerable = nil
	for i := 0; i < len(h.doomed); i++ {
		h.doomed[i].s.Close(now, h.doomed[i].r, h.doomed[i].err)
	}
	h.doomed = nil
	for i := 0; i < len(h.urgent); {
		i += h.write(h.urgent[i:], (*Conn).Begin)
	}
	h.urgent = nil
	h.flushBulky()
	for i := 0; i < len(h.dead); i++ {
		h.dead[i].buried()
	}
	h.dead = nil
	for i := 0; i < len(h.fanned); {
		i += h.write(h.fanned[i:], (*Conn).BeginFanned)
	}
	h.fanned = nil
	return busy
}

func (h *fakeHost) flushBulky() {
	for i := 0; i < len(h.bulky); i++ {
		h.bulky[i].Flush(h.w.now)
	}
	h.bulky = nil
}

type reminder struct {
	at     Instant
	serial int
	what   Timed
}

// reminders is a heap, by instant and then by age.
type reminders []reminder

func (r reminders) before(o reminders) bool {
	return r[0].at < o[0].at || r[0].at == o[0].at && r[0].serial < o[0].serial
}
func (r reminders) Len() int           { return len(r) }
func (r reminders) Less(i, j int) bool { return r[i:].before(r[j:]) }
func (r reminders) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *reminders) Push(x any)        { *r = append(*r, x.(reminder)) }
func (r *reminders) Pop() any {
	last := len(*r) - 1
	x := (*r)[last]
	*r = (*r)[:last]
	return x
}

// A fakeWire is one TCP connection: the server's descriptor, the kernel's buffers and
// the client at the other end.
type fakeWire struct {
	w    *world
	name string
	host *fakeHost
	conn *Conn // nil while it moves, and once it was given away

	room    int    // bytes that the kernel still takes; negative: all
	pending []byte // that it has not taken
	breaks  bool   // the next write fails
	deaf    bool   // cannot pause
	stay    bool   // cannot move

	inbox  [][]byte // arrived and not read, because the server pauses or moves
	gone   bool     // the peer has closed
	hung   bool     // the client has ended it
	paused bool
	shut   bool
	closed bool
	err    error // why it was closed

	client client
	record []byte // all that the client has sent
	tls    *tls.ConnectionState
}

var _ Wire = (*fakeWire)(nil)

// wire is the named connection, opened on the loop if it is not open.
func (w *world) wire(name string, loop int) *fakeWire {
	x := w.wires[name]
	if x == nil {
		x = &fakeWire{w: w, name: name, host: w.hosts[loop], conn: new(Conn), room: -1}
		w.wires[name] = x
		x.conn.Init(x.host, x, w.now)
		w.settle()
	}
	return x
}

// stream is the named connection as a stream of packets, behind its first one.
func (w *world) stream(name, sid string) {
	x := &fakeWire{w: w, name: name, host: w.hosts[0], conn: new(Conn), room: -1}
	x.client.streaming = true
	w.wires[name] = x
	if sid != "" {
		sid = padded(sid)
	}
	x.conn.InitStream(x.host, x, w.now, []byte("GET /socket.io/?EIO=4&transport=webtransport HTTP/1.1\r\nHost: example.com\r\n\r\n"), sid, nil)
	w.settle()
}

func (x *fakeWire) Write(bufs [][]byte) {
	if x.closed {
		return
	}
	if x.shut {
		x.w.t.Errorf("%s: written to after Shutdown", x.name)
	}
	if len(bufs) == 0 || len(bufs) > MaxBuffers {
		x.w.t.Errorf("%s: a write of %d buffers", x.name, len(bufs))
	}
	if x.breaks {
		x.hung = true
		x.die(syscall.EPIPE)
		return
	}
	for i, b := range bufs {
		take := len(b)
		if x.room >= 0 {
			take = min(take, x.room)
			if len(x.pending) > 0 {
				take = 0
			}
			x.room -= take
		}
		x.client.in = append(x.client.in, b[:take]...)
		x.pending = append(x.pending, b[take:]...)
		bufs[i] = nil // a wire may change the slice of slices
	}
}

func (x *fakeWire) Buffered() int { return len(x.pending) }

// drain has the kernel take n bytes of what waits; negative: all, and all later ones.
func (x *fakeWire) drain(n int) {
	x.room = n
	take := len(x.pending)
	if n >= 0 {
		take = min(take, n)
		x.room -= take
	}
	x.client.in = append(x.client.in, x.pending[:take]...)
	x.pending = append([]byte(nil), x.pending[take:]...)
}

func (x *fakeWire) Pause(on bool) bool {
	if x.closed || x.deaf {
		return false
	}
	if x.paused != on {
		x.w.say(x.name+"|", map[bool]string{true: "paused", false: "reading"}[on])
	}
	x.paused = on
	return true
}

func (x *fakeWire) Shutdown() {
	if x.closed || x.shut {
		x.w.t.Errorf("%s: Shutdown of a connection that is closed or shut", x.name)
	}
	x.shut = true
}

func (x *fakeWire) Close() {
	if !x.closed {
		x.die(nil)
	}
}

// die ends the connection on the server's side, or because a write failed.
func (x *fakeWire) die(err error) {
	x.closed, x.err = true, err
	if x.w.syncClose {
		x.buried()
		return
	}
	x.host.dead = append(x.host.dead, x)
}

func (x *fakeWire) buried() {
	if c := x.conn; c != nil {
		c.Closed(x.w.now, x.err)
	}
}

func (x *fakeWire) Remote() netip.AddrPort    { return netip.MustParseAddrPort("192.0.2.1:4000") }
func (x *fakeWire) TLS() *tls.ConnectionState { return x.tls }

// send brings bytes from the client, cut as the world is told to.
func (x *fakeWire) send(b []byte) {
	x.record = append(x.record, b...)
	pieces := [][]byte{b}
	if cut := x.w.pieces; cut != nil {
		pieces = cut(b)
	}
	for _, p := range pieces {
		if len(p) == 0 {
			continue
		}
		x.receive(p)
		x.w.settle()
	}
}

func (x *fakeWire) receive(b []byte) {
	if x.closed {
		return
	}
	if x.paused || x.conn == nil {
		x.inbox = append(x.inbox, slices.Clone(b))
		return
	}
	view := slices.Clone(b)
	x.conn.Receive(x.w.now, view)
	poison(view) // it was lent for the length of the call
	x.host.flushBulky()
}

// pump reads on what has waited for the server.
func (x *fakeWire) pump() bool {
	if x.closed || x.paused || x.conn == nil {
		return false
	}
	if len(x.inbox) > 0 {
		b := x.inbox[0]
		x.inbox = x.inbox[1:]
		x.receive(b)
		return true
	}
	if x.gone {
		x.closed = true
		x.buried()
		return true
	}
	return false
}

// hangUp is the client's end: a FIN, which is read behind what was sent before, or a
// reset, which is not.
func (x *fakeWire) hangUp(err error) {
	switch {
	case x.closed:
	case err == nil:
		x.gone, x.hung, x.err = true, true, io.EOF
	default:
		x.closed, x.hung, x.err = true, true, err
		x.buried()
	}
}
