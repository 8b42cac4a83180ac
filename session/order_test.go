package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
)

// An orderClient is a client as the official ones behave: one GET and one POST at a
// time, and for an upgrade a pause of both. It sends numbered events, has them sent
// back, and hears of numbered broadcasts.
type orderClient struct {
	t    *testing.T
	w    *world
	rnd  *rand.Rand
	name string
	sid  string

	phase   phase
	getting bool
	posting bool
	sent    int // events
	echoed  int // events that have come back
	heard   int // the last broadcast
	awaits  string
	lost    bool // the WebSocket is to be lost once, behind the probe
}

type phase uint8

const (
	onPolling phase = iota
	probing         // "2probe" was sent
	pausing         // it was answered: no more requests
	onWebSocket
)

func newOrderClient(t *testing.T, w *world, rnd *rand.Rand, name string) *orderClient {
	c := &orderClient{t: t, w: w, rnd: rnd, name: name, heard: -1}
	c.send("g", "OPEN")
	for _, line := range c.said("g") {
		if i := strings.Index(line, `"sid":"`); i > 0 {
			c.sid, _, _ = strings.Cut(line[i+len(`"sid":"`):], `"`)
		}
	}
	if c.sid == "" {
		t.Fatal("no session")
	}
	c.send("p", "POST "+c.sid+" 40")
	c.said("p")
	return c
}

func (c *orderClient) wire(kind string) string { return c.name + kind }

func (c *orderClient) send(kind, line string) {
	x := c.w.wire(c.wire(kind), c.rnd.IntN(len(c.w.hosts)))
	x.send(x.client.bytesOf(line))
}

func (c *orderClient) said(kind string) []string {
	ch := c.wire(kind) + "<"
	lines := c.w.said[ch]
	c.w.said[ch] = nil
	return lines
}

// event is the next numbered event; every fifth has an attachment.
func (c *orderClient) event() (packets []string) {
	n := c.sent
	c.sent++
	if n%5 == 4 {
		return []string{fmt.Sprintf(`451-["echo",%d,{"_placeholder":true,"num":0}]`, n), fmt.Sprintf("bin %02x", n%256)}
	}
	return []string{fmt.Sprintf(`42["echo",%d]`, n)}
}

// act does one thing that a client may do now.
func (c *orderClient) act() {
	switch c.phase {
	case onPolling, probing:
		switch n := c.rnd.IntN(8); {
		case n < 3 && !c.getting:
			c.getting = true
			c.send("g", "GET "+c.sid)
		case n < 6 && !c.posting:
			c.posting = true
			var packets []string
			for range 1 + c.rnd.IntN(4) {
				for _, p := range c.event() {
					if hex, ok := strings.CutPrefix(p, "bin "); ok {
						p = pollingBinary(unhex(hex))
					}
					packets = append(packets, p)
				}
			}
			c.send("p", "POST "+c.sid+" "+strings.Join(packets, `\x1e`))
		case n == 6 && c.phase == onPolling && c.rnd.IntN(6) == 0:
			c.phase = probing
			c.send("w", "UPGRADE "+c.sid)
			c.send("w", "2probe")
		}
	case pausing:
		if !c.getting && !c.posting {
			c.phase = onWebSocket
			c.send("w", "5")
		}
	case onWebSocket:
		for _, p := range c.event() {
			c.send("w", p)
		}
	}
}

func pollingBinary(b []byte) string {
	return string(textMessage("4", false, b).Frame(1).Polling())
}

// listen takes what the server has said.
func (c *orderClient) listen() {
	for _, line := range c.said("g") {
		body, ok := strings.CutPrefix(line, "200 ")
		if !ok || !c.getting {
			c.t.Fatalf("%s: the answer to a GET is %q", c.name, line)
		}
		c.getting = false
		for _, p := range strings.Split(body, `\x1e`) {
			c.packet(p)
		}
	}
	for _, line := range c.said("p") {
		if line != "200 ok" || !c.posting {
			c.t.Fatalf("%s: the answer to a POST is %q", c.name, line)
		}
		c.posting = false
	}
	for _, line := range c.said("w") {
		switch {
		case line == "101" || line == "close" && c.phase == onPolling:
		case line == "3probe" && c.lost:
			c.lost, c.phase = false, onPolling
			c.w.wires[c.wire("w")].hangUp(nil)
			c.w.settle()
			delete(c.w.wires, c.wire("w"))
		case line == "3probe":
			c.phase = pausing
		default:
			c.packet(line)
		}
	}
}

// packet checks one that has come: everything once, and in order.
func (c *orderClient) packet(p string) {
	var n int
	switch {
	case p == "6" || strings.HasPrefix(p, `40{"sid"`):
	case p == "2":
		if c.phase == onWebSocket {
			c.send("w", "3")
		}
	case c.awaits != "":
		if p != c.awaits && p != "bin "+c.awaits {
			c.t.Fatalf("%s: %q instead of an attachment", c.name, p)
		}
		c.awaits = ""
	case strings.HasPrefix(p, `42["cast",`):
		n, _ = strconv.Atoi(strings.TrimSuffix(p[len(`42["cast",`):], "]"))
		if c.heard >= 0 && n != c.heard+1 {
			c.t.Fatalf("%s: broadcast %d behind %d", c.name, n, c.heard)
		}
		c.heard = n
	default:
		want := fmt.Sprintf(`42["echo",%d]`, c.echoed)
		if c.echoed%5 == 4 {
			want = fmt.Sprintf(`451-["echo",%d,{"_placeholder":true,"num":0}]`, c.echoed)
			c.awaits = fmt.Sprintf("%02x", c.echoed%256)
			if c.phase != onWebSocket {
				c.awaits = pollingBinary(unhex(c.awaits))
			}
		}
		if p != want {
			c.t.Fatalf("%s in phase %d: %q, want %q", c.name, c.phase, p, want)
		}
		c.echoed++
	}
}

// TestOrderAcrossUpgrades (F80 F81 F82 F83): clients on several loops upgrade in the
// middle of their events and of broadcasts, some lose the WebSocket and try again, and
// handlers are behind now and then. All that was said arrives, once and in order.
func TestOrderAcrossUpgrades(t *testing.T) {
	seeds := 60
	if raceEnabled {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(uint64(seed), 7))
			w := newWorld(t, 1+seed%3, nil)
			w.syncClose, w.together = seed%2 == 0, seed%4 < 2
			w.pieces = func(b []byte) (pieces [][]byte) {
				for len(b) > 0 {
					n := min(len(b), 1+rnd.IntN(200))
					pieces, b = append(pieces, b[:n]), b[n:]
				}
				return pieces
			}
			handled := make(map[string]int) // socket -> events
			w.app.onEvent = func(_ Instant, k *Socket, e *Event) bool {
				if n, _ := strconv.Atoi(string(e.Args.At(1))); n != handled[k.ID()] {
					t.Fatalf("%s: event %d, want %d", k.ID(), n, handled[k.ID()])
				}
				handled[k.ID()]++
				return false
			}
			var all []*orderClient
			for i := range 6 {
				c := newOrderClient(t, w, rnd, "c"+strconv.Itoa(i))
				c.lost = i%3 == 2
				all = append(all, c)
			}
			casts := 0
			for range 600 {
				c := all[rnd.IntN(len(all))]
				switch rnd.IntN(12) {
				case 0:
					m := textMessage(fmt.Sprintf(`42["cast",%d]`, casts), false)
					casts++
					for _, s := range w.app.spaces["/"] {
						s.Shard.Deliver(&broadcast.Selection{Everyone: true}, m, 0)
					}
					w.settle()
				case 1:
					for _, k := range sorted(w.app.sockets) {
						w.app.sockets[k].SetFull(w.now, rnd.IntN(3) == 0)
					}
					w.settle()
				default:
					c.act()
				}
				for _, c := range all {
					c.listen()
				}
			}
			for _, k := range sorted(w.app.sockets) {
				w.app.sockets[k].SetFull(w.now, false)
			}
			w.settle()
			for range 20 { // until nothing more comes
				for _, c := range all {
					switch {
					case c.phase == pausing:
						c.act()
					case c.phase != onWebSocket && !c.getting:
						c.getting = true
						c.send("g", "GET "+c.sid)
					}
					c.listen()
				}
				w.advance(time.Millisecond)
			}
			upgraded := 0
			for _, c := range all {
				if c.echoed != c.sent || c.awaits != "" || c.heard != casts-1 {
					t.Errorf("%s in phase %d: %d of %d events came back, %d of %d broadcasts", c.name, c.phase, c.echoed, c.sent, c.heard+1, casts)
				}
				if c.phase == onWebSocket {
					upgraded++
				}
			}
			if upgraded == 0 {
				t.Error("nobody has upgraded: this shows nothing")
			}
			for _, k := range w.app.sockets {
				k.Disconnect(w.now, true, nil)
			}
			w.end()
		})
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
