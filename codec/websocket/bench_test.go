package websocket

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// BenchmarkNext times one masked frame from bytes to message: header, rules,
// unmasking, UTF-8. Next writes to its input, so each round starts by copying the
// frame into place; BenchmarkCopy tells how much of the time that is.
func BenchmarkNext(b *testing.B) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, bc := range []struct {
		name    string
		op      Opcode
		payload string
	}{
		{"text/64", Text, strings.Repeat("a", 64)},
		{"text/100", Text, strings.Repeat("a", 100)},
		{"text/1Ki", Text, strings.Repeat("a", 1<<10)},
		{"text/64Ki", Text, strings.Repeat("a", 64<<10)},
		{"cyrillic/64", Text, strings.Repeat("\u044f", 32)},
		{"cyrillic/1Ki", Text, strings.Repeat("\u044f", 512)},
		{"binary/64", Binary, strings.Repeat("\xff", 64)},
		{"binary/64Ki", Binary, strings.Repeat("\xff", 64<<10)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			wire := AppendMasked(nil, bc.op, []byte(bc.payload), mask)
			buf := bytes.Clone(wire)
			r := Reader{Config: &Config{}}
			b.ReportAllocs()
			b.SetBytes(int64(len(bc.payload)))
			for b.Loop() {
				copy(buf, wire)
				if _, n, err := r.Next(buf); n != len(wire) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkCopy is the part of BenchmarkNext that is not Next.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			wire, buf := make([]byte, size+8), make([]byte, size+8)
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(buf, wire)
			}
		})
	}
}

// BenchmarkNextWaiting times a call for a frame whose payload is not there: what
// every read costs while a long message comes in.
func BenchmarkNextWaiting(b *testing.B) {
	wire := AppendMasked(nil, Binary, make([]byte, 64<<10), [4]byte{1, 2, 3, 4})[:1000]
	r := Reader{Config: &Config{}}
	b.ReportAllocs()
	for b.Loop() {
		if _, n, err := r.Next(wire); n != 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkFragments times messages of many fragments, per message: the cost
// that MaxFragments bounds.
func BenchmarkFragments(b *testing.B) {
	for _, count := range []int{4, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			wire := fragmented(Text, strings.Repeat("a", count), 1)
			buf := bytes.Clone(wire)
			r := Reader{Config: &Config{}}
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, wire)
				for at := 0; at < len(buf); {
					_, n, err := r.Next(buf[at:])
					if n == 0 || err != nil {
						b.Fatal(n, err)
					}
					at += n
				}
			}
		})
	}
}

// BenchmarkParseHeader times the header alone.
func BenchmarkParseHeader(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			wire := AppendMasked(nil, Text, make([]byte, size), [4]byte{1, 2, 3, 4})[:MaxHeader]
			b.ReportAllocs()
			for b.Loop() {
				if _, n, err := ParseHeader(wire); n == 0 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkAppendFrame times a server's frame into a buffer with room.
func BenchmarkAppendFrame(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload, buf := make([]byte, size), make([]byte, 0, size+MaxServerHeader)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				buf = AppendFrame(buf[:0], Text, payload)
			}
		})
	}
}

// BenchmarkUnmask sets unmask, which also tells ASCII, beside the two steps that
// it stands in for.
func BenchmarkUnmask(b *testing.B) {
	mask := [4]byte{0, 0, 0, 0}
	for _, size := range []int{5, 20, 37, 64, 100, 1 << 10, 64 << 10} {
		p := bytes.Repeat([]byte("a"), size)
		b.Run(fmt.Sprintf("unmask/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if !unmask(p, mask) {
					b.Fatal("not ASCII")
				}
			}
		})
		b.Run(fmt.Sprintf("ws.Cipher+utf8.Valid/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				ws.Cipher(p, mask, 0)
				if !utf8.Valid(p) {
					b.Fatal("not UTF-8")
				}
			}
		})
	}
}

// BenchmarkValidText sets the automaton beside the standard library's check.
func BenchmarkValidText(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"ascii", `2["message","how are you"]`},
		{"mostly ascii", `2["message","r` + "\u00e9" + `sum` + "\u00e9" + ` of the day"]`},
		{"cyrillic", "2[\"message\",\"\u043f\u0440\u0438\u0432\u0435\u0442\"]"},
		{"cjk", "\u65e5\u672c\u8a9e"},
		{"emoji", "\U0001f600"},
	} {
		p := bytes.Repeat([]byte(bc.text), 4096/len(bc.text))
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if !ValidText(p) {
					b.Fatal("not UTF-8")
				}
			}
		})
		b.Run(bc.name+"/utf8.Valid", func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if !utf8.Valid(p) {
					b.Fatal("not UTF-8")
				}
			}
		})
	}
}
