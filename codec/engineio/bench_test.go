package engineio

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse times one packet. It reports no MB/s: the work on text does not
// grow with it.
func BenchmarkParse(b *testing.B) {
	for _, bc := range []struct{ name, wire string }{
		{"message", `42["message","hello"]`},
		{"pong", PongPacket},
	} {
		b.Run(bc.name, func(b *testing.B) {
			wire := []byte(bc.wire)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(wire); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPayload times the walk over a body. Decoding in place spoils the body,
// so each round starts by copying it, which is part of the time.
func BenchmarkPayload(b *testing.B) {
	event := `42["message","how are you today"]`
	for _, bc := range []struct{ name, wire string }{
		{"text/1", event},
		{"text/8", strings.Repeat(event+"\x1e", 7) + event},
		{"text/8 beyond ASCII", strings.Repeat("42[\"message\",\"\u043f\u0440\u0438\u0432\u0435\u0442\"]\x1e", 7) + "4"},
		{"event and 1 KiB binary", `451-["file",{"_placeholder":true,"num":0}]` + "\x1e" + string(AppendBinary(nil, make([]byte, 1<<10)))},
		{"450,000 empty messages", strings.Repeat("4\x1e", 449_999) + "4"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			body := make([]byte, len(bc.wire))
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				copy(body, bc.wire)
				p := NewPayload(body)
				for {
					_, ok, err := p.Next()
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						break
					}
				}
			}
		})
	}
}

// BenchmarkBase64 sets decodeInPlace beside encoding/base64, each on a fresh copy.
func BenchmarkBase64(b *testing.B) {
	for _, size := range []int{48, 1 << 10, 64 << 10} {
		src := AppendBinary(nil, bytes.Repeat([]byte{1, 200, 77, 3}, size/4))[1:]
		p := make([]byte, len(src))
		b.Run(fmt.Sprintf("decodeInPlace/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(p, src)
				if _, ok := decodeInPlace(p); !ok {
					b.Fatal("refused")
				}
			}
		})
		b.Run(fmt.Sprintf("encoding/base64/%d", size), func(b *testing.B) {
			dst := make([]byte, len(src))
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(p, src)
				if _, err := base64.StdEncoding.Decode(dst, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendBinary times a binary message into a buffer with room.
func BenchmarkAppendBinary(b *testing.B) {
	for _, size := range []int{48, 1 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			data, buf := make([]byte, size), make([]byte, 0, BinarySize(size))
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				buf = AppendBinary(buf[:0], data)
			}
		})
	}
}

// BenchmarkAppendHandshake times the open packet's data.
func BenchmarkAppendHandshake(b *testing.B) {
	h := &Handshake{SID: "lv_VI97HAXpY6yYWAAAC", Upgrades: []string{"websocket"}, PingInterval: 25e9, PingTimeout: 20e9, MaxPayload: 1e6}
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendHandshake(buf[:0], h)
	}
}
