package loop

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/e6a90ca8/sio/session"
)

// quietWire takes everything, and forgets it.
type quietWire struct{ pipeWire }

func (w *quietWire) Write([][]byte)         {}
func (w *quietWire) Buffered() int          { return 0 }
func (w *quietWire) Pause(bool) bool        { return true }
func (w *quietWire) Shutdown()              {}
func (w *quietWire) Close()                 {}
func (w *quietWire) Remote() netip.AddrPort { return netip.AddrPort{} }

// BenchmarkTurn times a turn that bytes begin: for each connection an event that is echoed,
// and one flush. What is allocated is the test application's.
func BenchmarkTurn(b *testing.B) {
	for _, conns := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("connections=", conns), func(b *testing.B) {
			h := newHandLoop(b)
			all := make([]*session.Conn, conns)
			for i := range all {
				c := new(session.Conn)
				h.begin()
				c.Init(h.Loop, new(quietWire), h.now)
				c.Receive(h.now, []byte("GET /socket.io/?EIO=4&transport=websocket"+openingHandshake))
				c.Receive(h.now, event("40"))
				h.end()
				all[i] = c
			}
			wire := event(`42["echo","some thirty bytes of payload"]`)
			buf := make([]byte, len(wire))
			b.ReportAllocs()
			for b.Loop() {
				h.begin()
				for _, c := range all {
					copy(buf, wire) // frames are unmasked in place
					c.Receive(h.now, buf)
				}
				h.end()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*conns), "ns/event")
		})
	}
}
