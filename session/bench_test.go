package session

import (
	"testing"

	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// masked is a client's text frame.
func masked(packet string) []byte {
	return websocket.AppendMasked(nil, websocket.Text, []byte(packet), [4]byte{1, 2, 3, 4})
}

// BenchmarkAck times a question and its answer, from the bytes of one to those of the
// other.
func BenchmarkAck(b *testing.B) {
	b.Run("theirs", func(b *testing.B) { // the client asks
		h := newQuietHost()
		conn, k := quietSocket(h)
		wire := masked(`4212["move",12,-3.5]`)
		buf, answer := make([]byte, len(wire)), []byte(`4312[12]`)
		b.ReportAllocs()
		for b.Loop() {
			copy(buf, wire) // frames are unmasked in place
			conn.Receive(begin, buf)
			k.Send(answer, 0, true)
			h.turn()
		}
	})
	b.Run("ours", func(b *testing.B) { // we do
		h := newQuietHost()
		conn, k := quietSocket(h)
		wire := masked(`4312[12]`)
		buf, question := make([]byte, len(wire)), []byte(`4212["move",12,-3.5]`)
		w, asked := new(quietWaiter), 0
		b.ReportAllocs()
		for b.Loop() {
			asked++
			k.Expect(12, w)
			k.Send(question, 0, true)
			h.turn()
			copy(buf, wire)
			conn.Receive(begin, buf)
		}
		if w.answers != asked {
			b.Fatalf("%d answers to %d questions", w.answers, asked)
		}
	})
}

// quietWaiter counts answers.
type quietWaiter struct{ answers int }

func (w *quietWaiter) Acked(*Socket, *socketio.Args, [][]byte) { w.answers++ }
func (w *quietWaiter) Failed(*Socket, error)                   {}

// BenchmarkLife times all that is done for a client that sends no event: the opening
// handshake, CONNECT, an upgrade if there is one, and the end. Most of what an upgrade
// allocates here are the requests of the test's client.
func BenchmarkLife(b *testing.B) {
	goodbye := websocket.AppendMasked(nil, websocket.Close, []byte{3, 232}, [4]byte{1, 2, 3, 4})
	for _, bc := range []struct {
		name string
		life func(h *quietHost, conn func() *Conn, receive func(*Conn, []byte))
	}{
		{"websocket", func(h *quietHost, conn func() *Conn, receive func(*Conn, []byte)) {
			c := conn()
			receive(c, new(client).bytesOf("UPGRADE"))
			receive(c, masked("40"))
			receive(c, goodbye)
			c.Closed(begin, nil)
		}},
		{"upgrade", func(h *quietHost, conn func() *Conn, receive func(*Conn, []byte)) {
			a, c := conn(), conn()
			receive(a, new(client).bytesOf("OPEN"))
			sid := h.app.last.ID()
			receive(a, new(client).bytesOf("POST "+sid+" 40"))
			receive(a, new(client).bytesOf("GET "+sid))
			receive(c, new(client).bytesOf("UPGRADE "+sid))
			receive(c, masked("2probe"))
			receive(c, masked("5"))
			receive(c, goodbye)
			c.Closed(begin, nil)
			a.Closed(begin, nil)
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			h := newQuietHost()
			conn := func() *Conn {
				c := new(Conn)
				c.Init(h, new(quietWire), begin)
				return c
			}
			receive := func(c *Conn, bytes []byte) {
				c.Receive(begin, bytes)
				h.turn()
			}
			b.ReportAllocs()
			for b.Loop() {
				bc.life(h, conn, receive)
				if h.table.Len() != 0 {
					b.Fatalf("%d sessions are left", h.table.Len())
				}
				h.app.joined = h.app.joined[:0]
			}
		})
	}
}
