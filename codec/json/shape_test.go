package json

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// A shaper makes a value out of fuzzed bytes: one decides what comes next, the
// following ones what is in it. It makes the types that [Codec.Value] returns, so
// that a round trip can be compared.
type shaper struct {
	left  []byte
	depth int
	blobs blobs // in the order of the text, as long as maps have one key
}

func (s *shaper) take(n int) []byte {
	n = min(n, len(s.left))
	b := s.left[:n]
	s.left = s.left[n:]
	return b
}

func (s *shaper) number() int {
	if b := s.take(1); len(b) > 0 {
		return int(b[0])
	}
	return 0
}

func (s *shaper) value() any {
	what := s.number()
	if s.depth > 100 {
		what %= 5
	}
	s.depth++
	defer func() { s.depth-- }()
	switch what % 8 {
	case 0:
		return nil
	case 1:
		return what&8 != 0
	case 2:
		f := math.Float64frombits(uint64(s.number())<<56 | uint64(s.number())<<44 | uint64(s.number()))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return 0.5
		}
		return f
	case 3:
		return strings.ToValidUTF8(string(s.take(what/8)), "?")
	case 4, 5:
		b := append([]byte{}, s.take(what/8)...)
		s.blobs = append(s.blobs, b)
		return b
	case 6:
		a := []any{}
		for range what / 8 % 6 {
			a = append(a, s.value())
		}
		return a
	default:
		m := map[string]any{}
		if what&8 != 0 {
			m[strings.ToValidUTF8(string(s.take(what/16)), "?")] = s.value()
		}
		return m
	}
}

// FuzzAppendValue holds Append and Value to one another on values of any shape with
// binary anywhere: what goes out comes back, the chunks are those of the value in
// the order of the text, and each is in it once.
func FuzzAppendValue(f *testing.F) {
	f.Add([]byte{4 + 8*3, 1, 2, 3})
	f.Add([]byte{6 + 8*3, 4 + 8, 7, 7 + 8 + 16, 'k', 6 + 8*2, 5 + 8, 9, 0, 3 + 8*2, 'a', '"'})
	f.Add(bytes.Repeat([]byte{6 + 8*2, 5 + 8, 1}, 30))
	f.Add(bytes.Repeat([]byte{7 + 8 + 16, '{'}, 90))
	f.Fuzz(func(t *testing.T, shape []byte) {
		s := shaper{left: shape}
		v := s.value()
		before := fmt.Sprintf("%#v", v)
		for _, e := range engines {
			c := wire(e.Engine)
			var bin Attachments
			text, err := c.Append(nil, v, &bin)
			if err != nil {
				t.Fatalf("%s: %s: %v", e.name, before, err)
			}
			if err := Check(text); err != nil {
				t.Fatalf("%s: %s: %v", e.name, text, err)
			}
			if after := fmt.Sprintf("%#v", v); after != before {
				t.Fatalf("%s changed %s to %s", e.name, before, after)
			}
			if len(bin.Chunks) != len(s.blobs) || len(s.blobs) > 0 && !reflect.DeepEqual(bin.Chunks, [][]byte(s.blobs)) {
				t.Fatalf("%s: %s: chunks %v, want %v", e.name, text, bin.Chunks, s.blobs)
			}
			for num := range bin.Chunks {
				if n := bytes.Count(text, appendMark(nil, num)); n != 1 {
					t.Fatalf("%s: %s: %d placeholders %d", e.name, text, n, num)
				}
			}
			back, err := c.Value(text, bin.Chunks)
			if err != nil || !reflect.DeepEqual(back, v) {
				t.Fatalf("%s: %s\n got %#v, %v\nwant %s", e.name, text, back, err, before)
			}
			var into any
			if err := c.Decode(text, &into, bin.Chunks); err != nil || !reflect.DeepEqual(into, v) {
				t.Fatalf("%s: %s\n got %#v, %v\nwant %s", e.name, text, into, err, before)
			}
		}
	})
}
