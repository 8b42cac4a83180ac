package loop

import (
	"crypto/tls"
	"net"
	"runtime"
	"testing"

	"github.com/panjf2000/gnet/v2"
)

// A memoryConn is a connection of gnet's without a descriptor.
type memoryConn struct {
	gnet.Conn
	context any
	wrote   int
	closed  bool
}

// memoryLoop closes such connections.
type memoryLoop struct{ gnet.EventLoop }

func (memoryLoop) Close(c gnet.Conn) error {
	m := c.(*memoryConn)
	if !m.closed {
		m.closed = true
		(&engine{g: m.context.(interface{ loop() *Loop }).loop().group}).OnClose(m, nil)
	}
	return nil
}

func (m *memoryConn) EventLoop() gnet.EventLoop { return memoryLoop{} }
func (m *memoryConn) Fd() int                   { return -1 }

func (m *memoryConn) Context() any          { return m.context }
func (m *memoryConn) SetContext(x any)      { m.context = x }
func (m *memoryConn) OutboundBuffered() int { return 0 }
func (m *memoryConn) LocalAddr() net.Addr   { return &net.TCPAddr{} }
func (m *memoryConn) RemoteAddr() net.Addr  { return &net.TCPAddr{} }

func (m *memoryConn) Write(b []byte) (int, error) {
	m.wrote += len(b)
	return len(b), nil
}

func (m *memoryConn) Writev(bufs [][]byte) (n int, err error) {
	for _, b := range bufs {
		m.wrote += len(b)
	}
	return n, nil
}

// sink is the client's side of such a connection: what it writes.
type sink struct {
	net.Conn
	b []byte
}

func (s *sink) Write(b []byte) (int, error) {
	s.b = append(s.b, b...)
	return len(b), nil
}

// A memoryClient is a client of a hand loop, in the clear or over TLS, that has no network.
type memoryClient struct {
	h      *handLoop
	c      interface{ receive(b []byte) }
	gnet   *memoryConn
	tls    *tls.Conn
	sealed *sink
}

func (h *handLoop) client(t testing.TB, a *authority, ours *tls.Config) *memoryClient {
	t.Helper()
	m := &memoryClient{h: h, gnet: new(memoryConn), sealed: new(sink)}
	h.begin()
	defer h.end()
	if ours == nil {
		h.open(m.gnet, nil)
		m.c = m.gnet.context.(*conn)
		return m
	}
	near, far := net.Pipe()
	s := &secured{under: under{far}}
	s.tls = tls.Server(&s.under, ours)
	done := make(chan error)
	go func() { done <- s.tls.Handshake() }()
	below := &under{near}
	m.tls = tls.Client(below, a.client())
	if err := m.tls.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.done()
	below.Conn = m.sealed
	h.open(m.gnet, &passage{secured: s})
	m.c = m.gnet.context.(*tlsConn)
	return m
}

// bytes are b as the client sends them.
func (m *memoryClient) bytes(b []byte) []byte {
	if m.tls != nil {
		m.sealed.b = nil
		_, _ = m.tls.Write(b)
		return m.sealed.b
	}
	return append([]byte(nil), b...)
}

// traffic is a turn that the bytes begin.
func (m *memoryClient) traffic(b []byte) {
	m.h.begin()
	m.c.receive(b)
	m.h.end()
}

// join opens a WebSocket and joins "/".
func (m *memoryClient) join() {
	m.traffic(m.bytes([]byte("GET /socket.io/?EIO=4&transport=websocket" + openingHandshake)))
	m.traffic(m.bytes(event("40")))
}

// memoryTLS is the configuration of such a server. Tickets would be sent while nobody reads.
func memoryTLS(a *authority) *tls.Config {
	c := a.server()
	c.SessionTicketsDisabled = true
	return c
}

// BenchmarkTLSEcho is what an echo of a short message costs a loop, without the system calls:
// in the clear and over TLS 1.3.
func BenchmarkTLSEcho(b *testing.B) {
	a := newAuthority(b)
	for _, bc := range []struct {
		name string
		tls  *tls.Config
	}{{"clear", nil}, {"TLS", memoryTLS(a)}} {
		b.Run(bc.name, func(b *testing.B) {
			h := newHandLoop(b)
			m := h.client(b, a, bc.tls)
			m.join()
			batch := make([][]byte, 1000)
			b.ReportAllocs()
			for i := range b.N {
				if i%len(batch) == 0 {
					b.StopTimer()
					for k := range batch {
						batch[k] = m.bytes(event(`42["echo","some thirty bytes of payload"]`))
					}
					b.StartTimer()
				}
				m.traffic(batch[i%len(batch)])
			}
			b.StopTimer()
			if n := h.app.events.Load(); n != int64(b.N) {
				b.Fatalf("%d of %d events came", n, b.N)
			}
		})
	}
}

// BenchmarkTLSIdle is the memory of an idle WebSocket, in the clear and over TLS, gnet's
// apart.
func BenchmarkTLSIdle(b *testing.B) {
	a := newAuthority(b)
	for _, bc := range []struct {
		name string
		tls  *tls.Config
	}{{"clear", nil}, {"TLS", memoryTLS(a)}} {
		b.Run(bc.name, func(b *testing.B) {
			const n = 500
			for range b.N {
				h := newHandLoop(b)
				all := make([]*memoryConn, n)
				h.client(b, a, bc.tls).join() // what there is once
				before := heap()
				for i := range all {
					m := h.client(b, a, bc.tls)
					m.join()
					all[i] = m.gnet
				}
				b.ReportMetric(float64(heap()-before)/n, "B/conn")
				runtime.KeepAlive(all)
				runtime.KeepAlive(h)
			}
		})
	}
}

// heap is the memory in use.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTLSEchoAllocates: an echo over TLS allocates 24 bytes more than one in the clear,
// which are crypto/tls's, for each time that it reads.
func TestTLSEchoAllocates(t *testing.T) {
	a := newAuthority(t)
	var allocs [2]float64
	for i, ours := range []*tls.Config{nil, memoryTLS(a)} {
		h := newHandLoop(t)
		m := h.client(t, a, ours)
		m.join()
		var batch [][]byte
		for range 300 {
			batch = append(batch, m.bytes(event(`42["echo","some thirty bytes of payload"]`)))
		}
		at := 0
		allocs[i] = testing.AllocsPerRun(200, func() { m.traffic(batch[at]); at++ })
	}
	if allocs[1] > allocs[0]+1 && !raceEnabled {
		t.Errorf("an echo allocates %v times over TLS, %v in the clear", allocs[1], allocs[0])
	}
}

// TestTLSParts: the parts of a tls.Conn are where they are taken to be, and memory that is
// lent to one comes back, however its records come.
func TestTLSParts(t *testing.T) {
	if !partsKnown {
		t.Fatal("this Go has a tls.Conn of another kind: see partsOf")
	}
	a := newAuthority(t)
	h := newHandLoop(t)
	m := h.client(t, a, memoryTLS(a))
	m.join()
	v := h.valve
	p, _ := partsOf(m.c.(*tlsConn).secured.tls)
	check := func(what string, kept int) {
		t.Helper()
		if v.lent || v.conn != nil || v.in != nil || p.raw.Len() != kept || p.raw.Cap() > 2*kept || p.hand.Cap() > 0 {
			t.Errorf("%s: lent %v, %d bytes kept in %d, %d of a handshake", what, v.lent, p.raw.Len(), p.raw.Cap(), p.hand.Cap())
		}
	}
	check("idle", 0)
	b := m.bytes(event(`42["echo","whole"]`))
	m.traffic(b)
	check("behind a record", 0)
	b = m.bytes(event(`42["echo","in two"]`))
	m.traffic(b[:20])
	check("behind half of one", 20)
	m.traffic(b[20:])
	check("behind the other half", 0)
	b = append(m.bytes(event(`42["echo","one"]`)), m.bytes(event(`42["echo","two"]`))...)
	m.traffic(b[:len(b)-3])
	check("behind one and most of another", len(b)/2-3)
	m.traffic(b[len(b)-3:])
	check("behind both", 0)
	if n := h.app.events.Load(); n != 4 {
		t.Errorf("%d events", n)
	}
}
