package session

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// textMessage is a message of one text packet.
func textMessage(packet string, compress bool, attachments ...[]byte) *broadcast.Message {
	return broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), packet...), attachments, compress)
}

// TestOutputMixes puts pieces of all kinds and sizes together at random. However many
// they are, they leave in at most MaxBuffers buffers, in order and whole, and what is
// shared is not changed.
func TestOutputMixes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 7, 125, 126, 500, 511, 512, 513, 4096, keepFrom - 1, keepFrom, keepFrom + 1, 70_000}
	fill := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = 'a' + byte(rnd.IntN(26))
		}
		return b
	}
	var o Output
	var scratch []byte
	for round := range 800 {
		var want []byte
		shared := make(map[string][]byte) // content -> the slice that has it
		for range rnd.IntN(24) {
			p := fill(sizes[rnd.IntN(len(sizes))])
			switch rnd.IntN(5) {
			case 0:
				o.raw(p)
				want = append(want, p...)
			case 1:
				o.text(p, broadcast.Wire)
				want = websocket.AppendFrame(want, websocket.Text, p)
			case 2:
				o.share(p)
				shared[string(p)] = p
				want = append(want, p...)
			case 3:
				m := textMessage("4"+string(p), true, []byte{1, 2}, nil)
				form := broadcast.Wire
				if rnd.IntN(2) == 0 {
					form = broadcast.WireBase64
				}
				o.message(m, form)
				for i := range m.Frames() {
					if f := m.Frame(i); form == broadcast.WireBase64 {
						want = websocket.AppendFrame(want, websocket.Text, f.Polling())
					} else {
						want = append(want, f.Wire()...)
					}
				}
			case 4:
				p = p[:min(len(p), websocket.MaxControl)]
				o.control(websocket.Pong, p)
				want = websocket.AppendFrame(want, websocket.Pong, p)
			}
		}
		if o.Len() != len(want) {
			t.Fatalf("round %d: Len = %d, want %d", round, o.Len(), len(want))
		}
		var bufs [][]byte
		bufs, scratch = o.buffers(scratch)
		if len(bufs) > MaxBuffers {
			t.Fatalf("round %d: %d buffers", round, len(bufs))
		}
		if got := bytes.Join(bufs, nil); !bytes.Equal(got, want) {
			t.Fatalf("round %d: %d bytes in %d buffers are not the %d that went in", round, len(got), len(bufs), len(want))
		}
		for content, p := range shared {
			if content != string(p) {
				t.Fatalf("round %d: a shared slice was changed", round)
			}
		}
		for i := range bufs {
			bufs[i] = nil // as a wire may
		}
		o.reset()
		if o.Len() != 0 || len(o.list) != 0 || len(o.own) != 0 || o.from != 0 {
			t.Fatalf("round %d: not empty after reset: %+v", round, o)
		}
		for _, b := range o.list[:cap(o.list)] {
			if b != nil {
				t.Fatal("reset holds on to a slice")
			}
		}
	}
}

// TestOutputForgets: memory of a large output is not kept.
func TestOutputForgets(t *testing.T) {
	var o Output
	o.raw(make([]byte, 100<<10))
	o.reset()
	if cap(o.own) != 0 {
		t.Errorf("%d bytes are kept", cap(o.own))
	}
	for range 1000 {
		o.share([]byte("x"))
	}
	o.reset()
	if cap(o.list) != 0 {
		t.Errorf("a list of %d is kept", cap(o.list))
	}
}

// TestOutputCopiesShortMessages: a short message is shared when it stands first, and
// copied behind something of our own, so that one buffer does for both.
func TestOutputCopiesShortMessages(t *testing.T) {
	short, long := textMessage(`42["x"]`, true), textMessage(`42["`+strings.Repeat("x", copyBelow)+`"]`, true)
	for _, c := range []struct {
		name string
		put  func(o *Output)
		bufs int
	}{
		{"short alone", func(o *Output) { o.message(short, broadcast.Wire) }, 1},
		{"short behind a packet", func(o *Output) { o.text([]byte("2"), broadcast.Wire); o.message(short, broadcast.Wire) }, 1},
		{"long behind a packet", func(o *Output) { o.text([]byte("2"), broadcast.Wire); o.message(long, broadcast.Wire) }, 2},
		{"packet behind short", func(o *Output) { o.message(short, broadcast.Wire); o.text([]byte("2"), broadcast.Wire) }, 2},
		{"many short", func(o *Output) {
			for range 100 {
				o.message(short, broadcast.Wire)
			}
		}, MaxBuffers},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o Output
			c.put(&o)
			if bufs, _ := o.buffers(nil); len(bufs) != c.bufs {
				t.Errorf("%d buffers, want %d", len(bufs), c.bufs)
			}
		})
	}
}

// TestQueueForms: what waits for a GET has the same packets in each form that it can
// leave in, and size is the length of the payload.
func TestQueueForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 500 {
		var q queue
		var packets []string // in polling form
		var counted, longest int
		for range rnd.IntN(8) {
			body := strings.Repeat("x", []int{0, 1, 100, keepFrom - 2, keepFrom, 40_000}[rnd.IntN(6)])
			if rnd.IntN(2) == 0 {
				q.text([]byte("4"+body), false)
				packets = append(packets, "4"+body)
				counted += len(body) + 1 + perPacket
				longest = max(longest, len(body)+1+perPacket)
				continue
			}
			var attachments [][]byte
			for range rnd.IntN(3) {
				attachments = append(attachments, bytes.Repeat([]byte{0xfe}, rnd.IntN(20_000)))
			}
			m := textMessage("4"+body, false, attachments...)
			q.message(m)
			packets = append(packets, "4"+body)
			for _, a := range attachments {
				packets = append(packets, string(engineio.AppendBinary(nil, a)))
			}
			counted += m.Size() + perPacket
			longest = max(longest, m.Size()+perPacket)
		}
		if q.bytes != counted || q.longest != longest {
			t.Fatalf("round %d: counted %d and %d, want %d and %d", round, q.bytes, q.longest, counted, longest)
		}
		payload := strings.Join(packets, "\x1e")
		if got := q.size(); got != len(payload) {
			t.Fatalf("round %d: size = %d, want %d", round, got, len(payload))
		}
		again := queue{packets: slices.Clone(q.packets), own: slices.Clone(q.own)}
		framed := queue{packets: slices.Clone(q.packets), own: slices.Clone(q.own)}
		astext := queue{packets: slices.Clone(q.packets), own: slices.Clone(q.own)}

		if got := q.flat(); string(got) != payload {
			t.Fatalf("round %d: flat has %d bytes, want %d", round, len(got), len(payload))
		}
		var o Output
		again.payload(&o)
		if bufs, _ := o.buffers(nil); string(bytes.Join(bufs, nil)) != payload || o.Len() != len(payload) {
			t.Fatalf("round %d: payload differs", round)
		}
		for _, tc := range []struct {
			q    *queue
			form broadcast.Form
		}{{&framed, broadcast.Wire}, {&astext, broadcast.WireBase64}} {
			var o Output
			tc.q.frames(&o, tc.form)
			bufs, _ := o.buffers(nil)
			if got := pollingForm(t, bytes.Join(bufs, nil)); !slices.Equal(got, packets) {
				t.Fatalf("round %d: frames differ: %d packets, want %d", round, len(got), len(packets))
			}
		}
		for _, q := range []*queue{&q, &again, &framed, &astext} {
			if !q.empty() || q.bytes != 0 || q.longest != 0 || len(q.own) != 0 {
				t.Fatalf("round %d: not empty behind it: %+v", round, q)
			}
		}
	}
}

// pollingForm reads frames and puts each in the form it has in a payload.
func pollingForm(t *testing.T, b []byte) (packets []string) {
	r := websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 30}}
	for len(b) > 0 {
		m, n, err := r.Next(b)
		if err != nil || n == 0 {
			t.Fatalf("not a frame: %v", err)
		}
		if m.Opcode == websocket.Binary {
			packets = append(packets, string(engineio.AppendBinary(nil, m.Data)))
		} else {
			packets = append(packets, string(m.Data))
		}
		b = b[n:]
	}
	return packets
}

func TestQueueForgets(t *testing.T) {
	var q queue
	q.text(make([]byte, 100<<10), true)
	q.reset()
	if cap(q.own) != 0 || q.compress {
		t.Errorf("%d bytes are kept, compress %v", cap(q.own), q.compress)
	}
	for range 2000 {
		q.text([]byte("2"), false)
	}
	q.reset()
	if cap(q.packets) != 0 {
		t.Errorf("a list of %d is kept", cap(q.packets))
	}
}

// TestTableLends: what is given back is lent again, clean, and not without end.
func TestTableLends(t *testing.T) {
	tab := newWorld(t, 1, nil).hosts[0].table
	o := tab.output()
	o.raw([]byte("secret"))
	tab.free(o)
	if tab.output() != o || o.Len() != 0 || len(o.own) != 0 {
		t.Error("an output comes back with something in it, or not at all")
	}
	r := tab.request()
	r.head, r.sid, r.cors = []byte("head"), []byte("sid"), []byte("cors")
	r.told, r.post, r.bare, r.preflight, r.foreign, r.coding, r.vary = true, true, true, true, true, gzipped, "Origin"
	head := &r.head[0]
	tab.freeRequest(r)
	if again := tab.request(); again != r || len(r.head)+len(r.sid)+len(r.cors) != 0 ||
		r.told || r.post || r.bare || r.preflight || r.foreign || r.coding != identity || r.vary != "" {
		t.Errorf("a request comes back as %+v", again)
	}
	if &r.head[:1][0] != head {
		t.Error("a request's memory is not kept")
	}
	p := tab.partial()
	p.buf, p.ends, p.want = append(p.buf, "secret"...), append(p.ends, 6), 3
	p.parts = append(p.parts, p.buf)
	tab.freePartial(p)
	if again := tab.partial(); again != p || len(p.buf)+len(p.ends)+len(p.parts)+p.want != 0 || p.parts[:1][0] != nil {
		t.Errorf("a partial comes back as %+v", again)
	}
	p.buf = make([]byte, 0, 100<<10)
	tab.freePartial(p)
	if cap(p.buf) != 0 {
		t.Error("a large partial is kept")
	}
	for range 1000 {
		tab.free(&Output{own: make([]byte, 0, 60<<10)})
		tab.freeRequest(&request{head: make([]byte, 0, 16<<10)})
		tab.freePartial(&partial{buf: make([]byte, 0, 60<<10)})
	}
	for range 10 * spareBytes / 96 {
		tab.free(new(Output))
		tab.freeRequest(new(request))
		tab.freePartial(new(partial))
	}
	if a, b, c := tab.outputs.bytes, tab.requests.bytes, tab.partials.bytes; max(a, b, c) > spareBytes || min(a, b, c) < spareBytes/2 {
		t.Errorf("%d, %d and %d bytes are kept, want nearly %d each", a, b, c, spareBytes)
	}
	for len(tab.outputs.list)+len(tab.requests.list)+len(tab.partials.list) > 0 {
		tab.output()
		tab.request()
		tab.partial()
	}
	if n := tab.outputs.bytes + tab.requests.bytes + tab.partials.bytes; n != 0 {
		t.Errorf("%d bytes are counted in empty lists", n)
	}
}
