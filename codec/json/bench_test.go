package json

import (
	"bytes"
	stdjson "encoding/json"
	"strings"
	"testing"
)

// Arguments as games and chats send them.
type small struct {
	ID    int     `json:"id"`
	Name  string  `json:"name"`
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Alive bool    `json:"alive"`
}

type large struct {
	Tick    uint64  `json:"tick"`
	Room    string  `json:"room"`
	Players []small `json:"players"` // as many as make 1 KiB of text
}

type framed struct {
	Seq  int    `json:"seq"`
	Kind string `json:"kind"`
	Data []byte `json:"data"`
}

var benchCases = []struct {
	name  string
	value any
}{
	{"string64", strings.Repeat("chat line ", 7)[:64]},
	{"string64/cyrillic", strings.Repeat("привет ", 6)[:64]},
	{"int", 1234567},
	{"struct5", &small{17, "player one", 12.5, -7.25, true}},
	{"struct1KiB", &large{99, "lobby", slicesRepeat(small{17, "player one", 12.5, -7.25, true}, 16)}},
	{"map", map[string]any{"id": 17.0, "name": "player one", "x": 12.5, "alive": true, "tags": []any{"a", "b"}}},
	{"binary", bytes.Repeat([]byte{7}, 1024)},
	{"struct+binary", &framed{12, "audio", bytes.Repeat([]byte{7}, 1024)}},
	{"map+binary", map[string]any{"seq": 12.0, "kind": "audio", "data": bytes.Repeat([]byte{7}, 1024)}},
	{"raw", stdjson.RawMessage(`{"id":17,"name":"player one","x":12.5,"y":-7.25,"alive":true}`)},
}

func slicesRepeat(v small, n int) []small {
	s := make([]small, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// BenchmarkAppend times one argument into a buffer that has the room. It reports no
// MB/s: attachments are not touched, and the text is what a value makes of it.
func BenchmarkAppend(b *testing.B) {
	for _, e := range engines[:2] {
		c := wire(e.Engine)
		for _, bc := range benchCases {
			b.Run(e.name+"/"+bc.name, func(b *testing.B) {
				buf := make([]byte, 0, 4096)
				var bin Attachments
				b.ReportAllocs()
				for b.Loop() {
					bin.Chunks = bin.Chunks[:0]
					if _, err := c.Append(buf, bc.value, &bin); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkDecode times the texts of BenchmarkAppend back into their own types.
func BenchmarkDecode(b *testing.B) {
	var into struct {
		s   string
		n   int
		sm  small
		la  large
		m   map[string]any
		bin []byte
		fr  framed
		raw stdjson.RawMessage
	}
	targets := map[string]func() any{
		"string64": func() any { return &into.s }, "string64/cyrillic": func() any { return &into.s },
		"int":     func() any { return &into.n },
		"struct5": func() any { return &into.sm }, "struct1KiB": func() any { into.la.Players = nil; return &into.la },
		"map": func() any { into.m = nil; return &into.m }, "binary": func() any { return &into.bin },
		"struct+binary": func() any { return &into.fr }, "map+binary": func() any { into.m = nil; return &into.m },
		"raw": func() any { return &into.raw },
	}
	for _, e := range engines[:2] {
		c := wire(e.Engine)
		c.Placeholder = quickMark
		for _, bc := range benchCases {
			var bin Attachments
			text, err := c.Append(nil, bc.value, &bin)
			if err != nil {
				b.Fatal(err)
			}
			target := targets[bc.name]
			b.Run(e.name+"/"+bc.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Decode(text, target(), bin.Chunks); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// quickMark is readMark for placeholders as we write them, and as quick as a
// production hook.
func quickMark(object []byte) (num int, ok bool) {
	digits, ok := bytes.CutPrefix(object, []byte(`{"_placeholder":true,"num":`))
	if !ok {
		return 0, false
	}
	n, err := Int(digits[:len(digits)-1])
	return int(n), err == nil
}

// BenchmarkCheck times the look at what comes in: all of it, and what Decode does
// before it lets an engine at the text.
func BenchmarkCheck(b *testing.B) {
	text, err := wire(nil).Append(nil, benchCases[4].value, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name  string
		check func([]byte) error
	}{{"full", Check}, {"inbound", checkInbound}} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := bc.check(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
