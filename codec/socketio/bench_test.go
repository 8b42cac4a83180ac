package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Payloads of real shapes, by size.
var (
	event64   = `2["echo","` + strings.Repeat("0123456789abcdef", 4) + `"]`
	eventMove = `2["move",{"id":"p-4711","x":12.5,"y":-3.25,"t":1712345678901,"keys":["w","shift"],"ok":true}]`
	event1K   = `2["state",` + stateOf(1000) + `]`
)

// stateOf is an object of about n bytes, as a game would send it.
func stateOf(n int) string {
	var b strings.Builder
	b.WriteString(`{"room":"arena-7","tick":123456,"players":[`)
	for i := 0; b.Len() < n-60; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"p%d","name":"Zo\u00eb %d","pos":[%d.5,-%d.25],"hp":%d,"alive":%t}`, i, i, i*7, i*3, 100-i, i%3 != 0)
	}
	b.WriteString(`],"final":null}`)
	return b.String()
}

// BenchmarkParse times the head of a packet alone. It reports no MB/s, since the
// work does not grow with the payload.
func BenchmarkParse(b *testing.B) {
	for _, bc := range []struct{ name, wire string }{
		{"event/main", `2["message","hello"]`},
		{"event/admin+ack", `2/admin,31["message","hello"]`},
		{"binary/2", `52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			wire := []byte(bc.wire)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(wire, DefaultMaxAttachments); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReceive times all that this package does for one packet from a client:
// head, whole validation, arguments, name, placeholders. encoding/json.Valid on
// the payload alone stands beside it for orientation.
func BenchmarkReceive(b *testing.B) {
	for _, bc := range []struct{ name, wire string }{
		{"echo/64B", event64},
		{"object/90B", eventMove},
		{"object/1KiB", event1K},
		{"numbers", `2[17,1,2,3,4,5,6,7,-8.5e3]`},
		{"binary/2", `52-["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`},
	} {
		wire := []byte(bc.wire)
		b.Run(bc.name, func(b *testing.B) {
			var args Args
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				p, err := Parse(wire, DefaultMaxAttachments)
				if err == nil {
					err = p.Check(&args)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bc.name+"/encoding-json-Valid", func(b *testing.B) {
			data := wire[bytes.IndexByte(wire, '['):]
			b.SetBytes(int64(len(wire)))
			for b.Loop() {
				if !json.Valid(data) {
					b.Fatal("invalid")
				}
			}
		})
	}
}

// BenchmarkCostly times payloads that are made to be slow, at two sizes: the MB/s
// must not fall with the size, or something is not linear.
func BenchmarkCostly(b *testing.B) {
	for _, bc := range []struct {
		name string
		make func(n int) string
	}{
		{"brackets", func(n int) string { return repeatTo(n, "["+strings.Repeat("[", 400)+strings.Repeat("]", 400)+"]", `,`) }},
		{"numbers", func(n int) string { return repeatTo(n, "0", ",") }},
		{"long number", func(n int) string { return strings.Repeat("1", n) }},
		{"escapes", func(n int) string { return `"` + strings.Repeat(`\n`, n/2) + `"` }},
		{"surrogates", func(n int) string { return `"` + strings.Repeat(`\ud83d\ude00`, n/12) + `"` }},
		{"keys", func(n int) string { return `{` + repeatTo(n, `"":0`, ",") + `}` }},
		{"escaped keys", func(n int) string { return `{` + repeatTo(n, `"\u006e\u0075m":0`, ",") + `}` }},
		{"no placeholders", func(n int) string { return repeatTo(n, `{"_placeholder":false,"num":0}`, ",") }},
		{"blanks", func(n int) string { return strings.Repeat(" ", n) + "0" }},
	} {
		for _, n := range []int{10_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", bc.name, n), func(b *testing.B) {
				p := Packet{Type: BinaryEvent, Attachments: 1, Data: []byte(`["e",{"_placeholder":true,"num":0},` + bc.make(n) + `]`)}
				var args Args
				_ = p.Check(&args) // args have their size then
				b.ReportAllocs()
				b.SetBytes(int64(len(p.Data)))
				for b.Loop() {
					if err := p.Check(&args); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// repeatTo is s joined by sep until it is about n bytes long.
func repeatTo(n int, s, sep string) string {
	return strings.Repeat(s+sep, max(1, n/(len(s)+len(sep)))-1) + s
}

func BenchmarkAppendHead(b *testing.B) {
	dst := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendHead(dst[:0], BinaryEvent, 2, "/admin", 31)
	}
}

func BenchmarkAppendString(b *testing.B) {
	for _, bc := range []struct{ name, s string }{
		{"ascii/12B", "player_moved"},
		{"ascii/64B", strings.Repeat("0123456789abcdef", 4)},
		{"ascii/1KiB", strings.Repeat("0123456789abcdef", 64)},
		{"quotes/64B", strings.Repeat(`say "hi"`, 8)},
		{"cjk/63B", strings.Repeat("汉字語", 7)},
		{"invalid/64B", strings.Repeat("abc\xff", 16)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			dst := make([]byte, 0, 6*len(bc.s)+2)
			b.SetBytes(int64(len(bc.s)))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendString(dst[:0], bc.s)
			}
		})
	}
}

func BenchmarkUnquote(b *testing.B) {
	for _, bc := range []struct{ name, raw string }{
		{"plain/64B", `"` + strings.Repeat("0123456789abcdef", 4) + `"`},
		{"escapes/64B", `"` + strings.Repeat(`line\none`, 7) + `"`},
		{"surrogates/60B", `"` + strings.Repeat(`\ud83d\ude00`, 5) + `"`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			raw, dst := []byte(bc.raw), make([]byte, 0, 128)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = Unquote(dst[:0], raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPlaceholder(b *testing.B) {
	for _, bc := range []struct{ name, raw string }{
		{"one", `{"_placeholder":true,"num":3}`},
		{"object/90B", eventMove[len(`2["move",`) : len(eventMove)-1]},
		{"string", `"hello"`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			raw := []byte(bc.raw)
			b.ReportAllocs()
			for b.Loop() {
				Placeholder(raw)
			}
		})
	}
}
