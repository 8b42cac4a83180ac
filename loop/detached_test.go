package loop

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/session"
)

// detachedGroup is a group without a network, on a clock of its own.
func detachedGroup(t testing.TB, loops int) (*Group, *testApp, *handClock) {
	app, clock := newTestApp(t, loops), newHandClock()
	g := NewGroup(Options{App: app, Config: testConfig(), Loops: loops, Clock: clock})
	if err := g.Detach(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Stop(t.Context(), session.ServerShuttingDown) })
	return g, app, clock
}

// pipeClient is a WebSocket's client on a pipe.
func pipeClient(t testing.TB, g *Group, loop int, sid string, frames ...string) (*Pipe, *pipeReader) {
	p, err := g.Pipe(loop, netip.MustParseAddrPort("192.0.2.1:1234"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	target := "GET /socket.io/?EIO=4&transport=websocket"
	if sid != "" {
		target += "&sid=" + sid
	}
	b := []byte(target + openingHandshake)
	for _, f := range frames {
		b = append(b, event(f)...)
	}
	if _, err := p.Write(b); err != nil {
		t.Fatal(err)
	}
	r := &pipeReader{t: t, p: p, r: websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 30}}}
	for !strings.Contains(string(r.in), "\r\n\r\n") {
		r.more()
	}
	_, rest, _ := strings.Cut(string(r.in), "\r\n\r\n")
	r.in = []byte(rest)
	return p, r
}

type pipeReader struct {
	t  testing.TB
	p  *Pipe
	r  websocket.Reader
	in []byte
}

func (r *pipeReader) more() {
	r.t.Helper()
	b := make([]byte, 4096)
	n, err := r.p.Read(b)
	if err != nil {
		r.t.Fatalf("read: %v, after %q", err, r.in)
	}
	r.in = append(r.in, b[:n]...)
}

func (r *pipeReader) expect(prefix string) {
	r.t.Helper()
	for {
		m, n, err := r.r.Next(r.in)
		if err != nil {
			r.t.Fatal(err)
		}
		if n > 0 {
			r.in = r.in[n:]
			if m.Opcode == websocket.Close {
				m.Data = []byte("close")
			}
			if !strings.HasPrefix(string(m.Data), prefix) {
				r.t.Fatalf("%q, want %q", m.Data, prefix)
			}
			return
		}
		r.more()
	}
}

// TestDetached: the whole protocol without a network, on several loops.
func TestDetached(t *testing.T) {
	g, app, _ := detachedGroup(t, 3)
	var all sync.WaitGroup
	for i := range 9 {
		all.Go(func() {
			p, r := pipeClient(t, g, i%3, "", "40")
			r.expect("0{")
			r.expect("40{")
			for n := range 20 {
				want := fmt.Sprintf(`42["echo",%d,%d]`, i, n)
				_, _ = p.Write(event(want))
				r.expect(want)
			}
		})
	}
	all.Wait()
	if g.Connections() != 9 || app.opened.Load() != 9 {
		t.Errorf("%d connections, %d sessions", g.Connections(), app.opened.Load())
	}
	if _, err := g.Pipe(0, netip.AddrPort{}); err != nil {
		t.Error(err)
	}
}

// TestDetachedTime: the clock is the test's, and Tick returns when what was due has been
// done and written.
func TestDetachedTime(t *testing.T) {
	g, app, clock := detachedGroup(t, 2)
	p, r := pipeClient(t, g, 1, "", "40")
	r.expect("0{")
	r.expect("40{")
	pings := 0
	for pings < 3 { // the first one is spread over the interval
		clock.advance(WheelTick)
		g.Tick()
		if p.pending() > 0 {
			r.expect("2")
			pings++
			_, _ = p.Write(event("3"))
		}
	}
	before := clock.Now()
	for p.pending() == 0 {
		clock.advance(WheelTick)
		g.Tick()
	}
	if d := time.Duration(clock.Now() - before); d < 25*time.Second-WheelTick || d > 25*time.Second+2*WheelTick {
		t.Errorf("the fourth ping comes after %v", d)
	}
	for app.ended.Load() == 0 { // and is not answered
		clock.advance(WheelTick)
		g.Tick()
		if time.Duration(clock.Now()-before) > time.Minute {
			t.Fatal("the session lives on")
		}
	}
	r.expect("2")
	r.expect("close")
}

// pending is how many bytes wait to be read.
func (p *Pipe) pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out) - p.from
}

// TestPipeEnds: either side can close.
func TestPipeEnds(t *testing.T) {
	g, app, clock := detachedGroup(t, 1)
	p, r := pipeClient(t, g, 0, "", "40")
	r.expect("0{")
	r.expect("40{")
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	_ = p.Close()
	if _, err := p.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write: %v", err)
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, io.EOF) {
		t.Errorf("Read: %v", err)
	}
	g.Tick()
	if app.ended.Load() != 1 || g.Connections() != 0 {
		t.Errorf("%d sessions ended, %d connections", app.ended.Load(), g.Connections())
	}

	q, err := g.Pipe(0, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = q.Write([]byte("GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"))
	b, err := io.ReadAll(q)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 404 ") {
		t.Errorf("%q, %v", b, err)
	}
	for range 30 {
		clock.advance(WheelTick)
		g.Tick()
	}
	if g.Connections() != 0 {
		t.Errorf("%d connections", g.Connections())
	}
}

// TestPipePauses: a pipe that the server does not read keeps what is written to it.
func TestPipePauses(t *testing.T) {
	g, app, clock := detachedGroup(t, 1)
	p, r := pipeClient(t, g, 0, "", "40")
	r.expect("0{")
	r.expect("40{")
	var k *session.Socket
	app.mu.Lock()
	for x := range app.sockets {
		k = x
	}
	app.mu.Unlock()
	l := g.Loop(0)
	do(t, l, func() { k.SetFull(clock.Now(), true) })
	for i := range 50 {
		_, _ = p.Write(event(fmt.Sprintf(`42["n",%d]`, i)))
	}
	g.Tick()
	if n := app.events.Load(); n != 0 {
		t.Errorf("%d events of a client that is not to be read", n)
	}
	do(t, l, func() { k.SetFull(clock.Now(), false) })
	g.Tick()
	seen := app.seen()
	if len(seen) != 50 {
		t.Fatalf("%d events", len(seen))
	}
	for i, e := range seen {
		if e != fmt.Sprintf(`["n",%d]`, i) {
			t.Fatalf("event %d is %s", i, e)
		}
	}
}

// TestDetachedBroadcast: five thousand pipes get one message, and are told apart.
func TestDetachedBroadcast(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 600
	}
	g, app, _ := detachedGroup(t, 2)
	var readers []*pipeReader
	for i := range n {
		_, r := pipeClient(t, g, i%2, "", "40")
		readers = append(readers, r)
	}
	for _, r := range readers {
		r.expect("0{")
		r.expect("40{")
	}
	m := newMessage(`42["tick"]`)
	for i := range 2 {
		g.Loop(i).Broadcast(app.spaces[i].Shard, &broadcast.Selection{Everyone: true}, m, 0)
	}
	g.Tick()
	for i, r := range readers {
		if r.p.pending() == 0 {
			t.Fatalf("number %d got nothing by the end of a tick", i)
		}
		r.expect(`42["tick"]`)
	}
}

// TestPipeLimit: a detached group has a limit, too, and gives places back.
func TestPipeLimit(t *testing.T) {
	g := NewGroup(Options{App: newTestApp(t, 1), Config: testConfig(), Loops: 1, MaxConns: 2})
	if err := g.Detach(); err != nil {
		t.Fatal(err)
	}
	defer g.Stop(t.Context(), session.ServerShuttingDown)
	var open []*Pipe
	for range 2 {
		p, err := g.Pipe(0, netip.AddrPort{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, p)
	}
	if _, err := g.Pipe(0, netip.AddrPort{}); !errors.Is(err, ErrConns) {
		t.Errorf("one too many: %v", err)
	}
	if n := g.Loop(0).Stats().Refused.Load(); n != 1 || g.Connections() != 2 {
		t.Errorf("%d refusals are counted, %d connections", n, g.Connections())
	}
	open[0].Close()
	if _, err := g.Pipe(0, netip.AddrPort{}); err != nil {
		t.Errorf("there is no room again: %v", err)
	}
}

// TestPipesEndWithTheirLoops: nobody waits for an answer for ever that no loop will give.
func TestPipesEndWithTheirLoops(t *testing.T) {
	g, _, _ := detachedGroup(t, 2)
	idle, err := g.Pipe(1, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	var id [session.IDLen]byte
	do(t, g.Loop(0), func() { g.Loop(0).NewID(&id) })
	g.Loop(0).mailbox.close() // it takes no mail any more
	asks, err := g.Pipe(1, netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(asks, "GET %s&sid=%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", polling, id[:])
	if b, err := readAll(t, asks); err != nil || !strings.Contains(b, `"Session ID unknown"`) {
		t.Errorf("%q, %v", b, err)
	}
	g.Stop(t.Context(), session.ServerShuttingDown)
	if b, err := readAll(t, idle); err != nil || b != "" {
		t.Errorf("a client without a session: %q, %v", b, err)
	}
	if n := g.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// readAll reads to the end of a pipe, for which it does not wait for ever.
func readAll(t *testing.T, p *Pipe) (s string, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		var b []byte
		b, err = io.ReadAll(p)
		s = string(b)
		close(done)
	}()
	wait(t, done, "the end of the pipe")
	return s, err
}

// TestDetachedStop: everybody is told, and nothing is left.
func TestDetachedStop(t *testing.T) {
	mustLeaveNothing(t, func() {
		g, app, _ := detachedGroup(t, 3)
		var all []*pipeReader
		for i := range 6 {
			_, r := pipeClient(t, g, i%3, "", "40")
			r.expect("0{")
			r.expect("40{")
			all = append(all, r)
		}
		g.Stop(t.Context(), session.ServerShuttingDown)
		g.Stop(t.Context(), session.ServerShuttingDown)
		<-g.Done()
		for _, r := range all {
			r.expect("close")
		}
		if app.ended.Load() != 6 {
			t.Errorf("%d of 6 sessions ended", app.ended.Load())
		}
		if _, err := g.Pipe(0, netip.AddrPort{}); !errors.Is(err, ErrStopped) {
			t.Errorf("Pipe of a group that has stopped: %v", err)
		}
		if g.Loop(0).Do(func(session.Host, session.Instant) {}) {
			t.Error("a loop that has stopped takes mail")
		}
		g.Tick()
	})
}
