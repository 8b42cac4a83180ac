//go:build !race

// The race detector makes pools forget.

package session

import (
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
)

// TestDeflateAllocates: a message is compressed once, and then costs nothing for any of
// those that get it; nor does a packet for one client, or a compressed one that comes.
func TestDeflateAllocates(t *testing.T) {
	h := newQuietHost()
	h.cfg.DeflateFrom = 1024
	const offer = "UPGRADE | Sec-WebSocket-Extensions: permessage-deflate"
	conn, k := quietBy(h, offer)
	long := `42["move","` + strings.Repeat("0123456789", 200) + `"]`
	packet := []byte(long)
	x := client{sending: true}
	wire := x.bytesOf("z " + long)
	buf := make([]byte, len(wire))
	now := begin // of turns: one inflates only so much
	for name, f := range map[string]func(){
		"packet":  func() { k.Send(packet, 0, true) },
		"receive": func() { copy(buf, wire); now++; conn.Receive(now, buf) },
	} {
		if n := allocates(func() { f(); h.turn() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if h.deflate().done == 0 {
		t.Error("nothing was inflated")
	}
	for len(h.app.joined) < 200 {
		quietBy(h, offer)
	}
	m := textMessage(long, true)
	reached := 0
	n := allocates(func() {
		reached = h.app.space.Shard.Deliver(&broadcast.Selection{Everyone: true}, m, 0)
		h.turn()
	})
	if n > 1 || reached != 200 { // the selection
		t.Errorf("broadcast: %v allocations, %d reached", n, reached)
	}
}

func (h *quietHost) deflate() *deflating { return &h.table.deflate }
