package main

import (
	"fmt"
	"testing"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// TestLong is 9.1 to 9.6 and 10.1: up to 16 MiB, whole, in fragments, in pieces.
func TestLong(t *testing.T) {
	type long struct {
		number            string
		size, frag, piece int
	}
	var all []long
	for _, n := range []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20} {
		all = append(all, long{"9.1, 9.2", n, 0, 0})
	}
	for _, n := range []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20} {
		all = append(all, long{"9.3, 9.4", 4 << 20, n, 0})
	}
	for _, n := range []int{64, 128, 256, 512, 1024, 2048} {
		all = append(all, long{"9.5, 9.6", 1 << 20, 0, n})
	}
	all = append(all, long{"10.1", 65536, 1300, 0})
	payload := sample(16 << 20)
	for _, l := range all {
		for _, op := range []websocket.Opcode{websocket.Text, websocket.Binary} {
			t.Run(fmt.Sprintf("%s: %v of %d bytes in fragments of %d, pieces of %d", l.number, op, l.size, l.frag, l.piece), func(t *testing.T) {
				p := dial(t, plainAddr, "")
				p.chop = l.piece
				frag := l.frag
				if frag == 0 {
					frag = l.size
				}
				go p.write(parts(op, payload[:l.size], frag))
				p.expect(websocket.Message{Opcode: op, Data: []byte(payload[:l.size])})
				p.closes()
			})
		}
	}
	t.Run("a byte more than 16 MiB", func(t *testing.T) {
		p := dial(t, plainAddr, "")
		go p.write(parts(websocket.Binary, payload+"x", 1<<20))
		p.failed(websocket.StatusTooBig)
	})
	t.Run("9.3, 9.4: 65,536 fragments and an empty one", func(t *testing.T) {
		p := dial(t, plainAddr, "")
		s := payload[:4<<20]
		wire := parts(websocket.Text, s, 64)
		wire[len(wire)-64-6] &^= 0x80 // that was the last one
		go p.write(join(wire, part(websocket.Continuation, true, "")))
		p.expect(text(s))
		p.closes()
	})
	t.Run("a fragment more than 65,537", func(t *testing.T) {
		p := dial(t, plainAddr, "")
		go p.write(parts(websocket.Binary, payload[:65_538], 1))
		p.failed(websocket.StatusPolicy)
	})
}

// TestRoundTrips is 9.7 and 9.8: a thousand messages, each sent when the one before has come
// back.
func TestRoundTrips(t *testing.T) {
	for _, n := range []int{0, 16, 64, 256, 1024, 4096} {
		for _, op := range []websocket.Opcode{websocket.Text, websocket.Binary} {
			t.Run(fmt.Sprintf("9.7, 9.8: %v of %d bytes", op, n), func(t *testing.T) {
				t.Parallel()
				p := dial(t, plainAddr, "")
				s := sample(n)
				for range 1000 {
					p.write(frame(op, s))
					p.expect(websocket.Message{Opcode: op, Data: []byte(s)})
				}
				p.closes()
			})
		}
	}
}
