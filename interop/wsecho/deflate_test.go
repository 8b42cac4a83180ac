package main

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio/codec/websocket"
)

const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// compressed is a compressed message in fragments of n bytes, or in one if that is 0.
func compressed(op websocket.Opcode, p []byte, n int) []byte {
	z, ok := compressions.Load(string(p))
	if !ok {
		z = compress(p)
		compressions.Store(string(p), z)
	}
	b := z.([]byte)
	if n == 0 {
		n = len(b)
	}
	return marked(4, parts(op, b, n))
}

var compressions sync.Map

// TestDeflate is 12.* and 13.*: messages of five kinds and many sizes, whole and in
// fragments, under every set of parameters. Each is on its own: the same bytes sent again are the
// same message.
func TestDeflate(t *testing.T) {
	sizes := []int{0, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072}
	some := []int{16, 1024, 32768} // where only the parameters differ
	rnd := rand.New(rand.NewPCG(7, 9))
	noise := make([]byte, 131072)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	kinds := []struct {
		name string
		op   websocket.Opcode
		data []byte
	}{
		{"12.1: JSON", websocket.Text, []byte(sample(131072))},
		{"12.2: words beyond ASCII", websocket.Text, []byte(strings.Repeat("\u0391\u03b2\u03b3 \u4e2d\u6587 \U0001f600! ", 8000)[:131072])},
		{"12.3: bytes that do not compress", websocket.Binary, noise},
		{"12.4: one byte over and over", websocket.Binary, make([]byte, 131072)},
		{"12.5: base64", websocket.Text, []byte(base64.StdEncoding.EncodeToString(noise))[:131072]},
	}
	for i, set := range []struct {
		offer, answer string
	}{
		{"permessage-deflate", agreed},
		{"permessage-deflate; client_max_window_bits", agreed},
		{"permessage-deflate; server_no_context_takeover", agreed},
		{"permessage-deflate; server_max_window_bits=9", agreed + "; server_max_window_bits=9"},
		{"permessage-deflate; server_max_window_bits=15", agreed + "; server_max_window_bits=15"},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=9", agreed + "; server_max_window_bits=9"},
		{"permessage-deflate; server_no_context_takeover; server_max_window_bits=15", agreed + "; server_max_window_bits=15"},
		{"permessage-deflate; server_no_context_takeover; client_max_window_bits; server_max_window_bits=9, permessage-deflate; server_no_context_takeover; client_max_window_bits, permessage-deflate; client_max_window_bits", agreed + "; server_max_window_bits=9"},
	} {
		for _, kind := range kinds {
			t.Run("13: "+set.offer+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				p := dial(t, deflateAddr, set.offer)
				if p.extensions != set.answer {
					t.Fatalf("agreed on %q, want %q", p.extensions, set.answer)
				}
				sizes := sizes
				if i > 0 {
					sizes = some
				}
				for _, n := range sizes {
					data := kind.data[:n]
					for kind.op == websocket.Text && !bytes.Equal(data, bytes.ToValidUTF8(data, nil)) {
						data = data[:len(data)-1] // not within a character
					}
					want := websocket.Message{Opcode: kind.op, Data: data}
					for _, frag := range []int{0, max(257, n/8)} {
						send := compressed(kind.op, data, frag)
						p.write(send)
						p.write(send)
						p.expect(want, want)
					}
					p.write(frame(kind.op, data))
					p.expect(want)
				}
				p.closes()
			})
		}
	}
}

// TestDeflateMeansIt: what compresses comes back compressed, shorter than it was sent plain.
func TestDeflateMeansIt(t *testing.T) {
	p := dial(t, deflateAddr, "permessage-deflate")
	s := sample(20_000)
	p.write(frame(websocket.Text, s))
	if m, ok := p.next(); !ok || !m.Compressed || len(m.Data) > len(s)/2 {
		t.Errorf("%d bytes came back as %d, compressed: %v", len(s), len(m.Data), m.Compressed)
	}
	p.closes()
}

// TestDeflateRules: RSV1 where RFC 7692 has it and nowhere else, and what is broken inside.
func TestDeflateRules(t *testing.T) {
	z := compress([]byte("a message that is compressed"))
	half := len(z) / 2
	first, last := marked(4, part(websocket.Text, false, z[:half])), part(websocket.Continuation, true, z[half:])
	whole := text("a message that is compressed")
	hello := frame(websocket.Text, "hello")
	for _, tc := range []wsCase{
		{"a ping between fragments", join(first, frame(websocket.Ping, "x"), last), messages{pong("x"), whole}, 0},
		{"plain behind compressed", join(first, last, hello, first, last), messages{whole, text("hello"), whole}, 0},
		{"RSV1 on the second fragment", join(first, marked(4, bytes.Clone(last))), nil, broken},
		{"RSV1 on the second fragment only", join(part(websocket.Text, false, "x"), marked(4, bytes.Clone(last))), nil, broken},
		{"RSV1 on a ping", marked(4, frame(websocket.Ping, "x")), nil, broken},
		{"RSV1 on a close frame", marked(4, frame(websocket.Close, "\x03\xe8")), nil, broken},
		{"RSV2", marked(6, frame(websocket.Text, z)), nil, broken},
		{"RSV3", marked(1, bytes.Clone(hello)), nil, broken},
		{"plain bytes called compressed", marked(4, bytes.Clone(hello)), nil, noText},
		{"compressed text that is not UTF-8", compressed(websocket.Text, []byte("caf\xe9!"), 0), nil, noText},
		{"compressed bytes that are not UTF-8", compressed(websocket.Binary, []byte("caf\xe9!"), 0), messages{binary("caf\xe9!")}, 0},
		{"a character over two fragments", compressed(websocket.Text, []byte("caf\u00e9"), 1), messages{text("caf\u00e9")}, 0},
		{"an empty message", marked(4, frame(websocket.Text, "\x00")), messages{text("")}, 0},
		{"RFC 7692, 7.2.3.1: one block", marked(4, frame(websocket.Text, "\xf2\x48\xcd\xc9\xc9\x07\x00")), messages{text("Hello")}, 0},
		{"RFC 7692, 7.2.3.3: not compressed", marked(4, frame(websocket.Text, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")), messages{text("Hello")}, 0},
		{"RFC 7692, 7.2.3.4: a last block", marked(4, frame(websocket.Text, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")), messages{text("Hello")}, 0},
		{"RFC 7692, 7.2.3.5: two blocks", marked(4, frame(websocket.Text, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")), messages{text("Hello")}, 0},
		{"RFC 7692, 7.2.3.2: a look back at the message before", join(marked(4, frame(websocket.Text, "\xf2\x48\xcd\xc9\xc9\x07\x00")), marked(4, frame(websocket.Text, "\xf2\x00\x11\x00\x00"))), messages{text("Hello")}, noText},
		{"a bomb of 64 MiB", compressed(websocket.Binary, make([]byte, 64<<20), 0), nil, websocket.StatusTooBig},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := dial(t, deflateAddr, "permessage-deflate")
			go p.write(tc.send)
			p.expect(tc.want...)
			if tc.code != 0 {
				p.failed(tc.code)
			} else {
				p.closes()
			}
		})
	}
}

// TestNoDeflate: who was not agreed with must not compress.
func TestNoDeflate(t *testing.T) {
	for name, p := range map[string]struct{ addr, offer string }{
		"off":               {plainAddr, "permessage-deflate"},
		"not offered":       {deflateAddr, ""},
		"another extension": {deflateAddr, "x-deflate"},
		"no legal offer":    {deflateAddr, "permessage-deflate; server_max_window_bits=7, permessage-deflate; what"},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, p.addr, p.offer)
			if c.extensions != "" {
				t.Errorf("agreed on %q", c.extensions)
			}
			c.write(frame(websocket.Text, sample(5000)))
			c.expect(text(sample(5000)))
			c.write(compressed(websocket.Text, []byte("x"), 0))
			c.failed(broken)
		})
	}
}
