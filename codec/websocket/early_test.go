package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// feedEarly gives wire to a Reader in pieces of n bytes, and has Early look at what is not
// whole, as a connection does. It returns how many bytes it took to fail, or len(wire)+1.
func feedEarly(t testing.TB, config *Config, wire []byte, n int) (int, error) {
	t.Helper()
	r := Reader{Config: config}
	var held []byte
	for at := 0; at < len(wire); {
		seen := len(held)
		end := min(at+n, len(wire))
		held = append(held, wire[at:end]...)
		at = end
		for len(held) > 0 {
			_, k, err := r.Next(held)
			if err != nil {
				return at, err
			}
			if k == 0 {
				before := bytes.Clone(held)
				if err := r.Early(held, seen); err != nil {
					return at, err
				}
				if !bytes.Equal(before, held) {
					t.Fatal("Early wrote to its input")
				}
				break
			}
			held, seen = held[k:], 0
		}
	}
	return len(wire) + 1, nil
}

// brokenAt is the byte by which p can be told not to be the start of UTF-8, or -1.
func brokenAt(p []byte) int {
	for at := 0; at < len(p); {
		r, size := utf8.DecodeRune(p[at:])
		if r != utf8.RuneError || size != 1 {
			at += size
			continue
		}
		for n := 1; at+n <= len(p); n++ {
			if utf8.FullRune(p[at : at+n]) {
				return at + n - 1
			}
		}
		return -1 // cut in the middle of a character
	}
	return -1
}

var brokenTexts = []string{
	"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited",
	"abc\xffdef",
	"abcdefg\xed\xa0\x80x",
	strings.Repeat("\u20ac", 300) + "\xe2\x28\xa1" + strings.Repeat("x", 300),
	strings.Repeat("x", 1000) + "\xc0\xaf" + strings.Repeat("x", 10),
	"\U0001f600\U0001f600\xf0\x9f\x98\x00\U0001f600",
	"\x80",
}

// TestEarly: text is refused by the byte that breaks it, however the frame comes.
//
// F25.
func TestEarly(t *testing.T) {
	for i, text := range brokenTexts {
		want := brokenAt([]byte(text))
		for _, frag := range []int{0, 1, 2, 3, 5, 7, 100} {
			for _, n := range []int{1, 2, 3, 5, 64, 700} {
				t.Run(fmt.Sprintf("%d in fragments of %d, pieces of %d", i, frag, n), func(t *testing.T) {
					wire := AppendMasked(nil, Text, []byte(text), testMask)
					if frag > 0 {
						wire = fragmented(Text, text, frag)
					}
					at := wireIndex(wire, want)
					got, err := feedEarly(t, server, wire, n)
					if !errors.Is(err, ErrUTF8) {
						t.Fatalf("%v after %d bytes", err, got)
					}
					if got > (at/n+1)*n {
						t.Errorf("refused after %d bytes, the one that breaks it is %d", got, at)
					}
				})
			}
		}
	}
}

// wireIndex is where in the frames of a message byte i of its payload stands.
func wireIndex(wire []byte, i int) int {
	for at := 0; ; {
		h, n, _ := ParseHeader(wire[at:])
		if i < int(h.Length) {
			return at + n + i
		}
		i -= int(h.Length)
		at += n + int(h.Length)
	}
}

// TestEarlyLetsThrough: nothing is refused that is UTF-8, or need not be.
func TestEarlyLetsThrough(t *testing.T) {
	text := strings.Repeat("a\u00e9\u20ac\U0001f600", 200)
	for name, wire := range map[string][]byte{
		"text":                    AppendMasked(nil, Text, []byte(text), testMask),
		"fragments of 1":          fragmented(Text, text, 1),
		"fragments of 7":          fragmented(Text, text, 7),
		"binary":                  AppendMasked(nil, Binary, []byte("\xff\xfe\xc0"), testMask),
		"fragmented binary":       fragmented(Binary, "\xff\xfe\xc0\xff", 3),
		"a ping inside of a text": join(AppendMaskedFragment(nil, Text, false, []byte("\xe2"), testMask), AppendMasked(nil, Ping, []byte("\xff\xff"), testMask), AppendMaskedFragment(nil, Continuation, true, []byte("\x82\xac"), testMask)),
	} {
		for n := range 9 {
			if at, err := feedEarly(t, server, wire, n+1); err != nil {
				t.Errorf("%s in pieces of %d: %v after %d bytes", name, n+1, err, at)
			}
		}
	}
}

// TestEarlyDoesNotAllocate keeps the promise in its comment.
func TestEarlyDoesNotAllocate(t *testing.T) {
	r := Reader{Config: server}
	wire := AppendMasked(nil, Text, []byte(strings.Repeat("\u20ac", 5000)), testMask)
	if n := testing.AllocsPerRun(100, func() {
		if err := r.Early(wire[:len(wire)-1], 1000); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Early allocates %v times a call", n)
	}
}

// FuzzEarly holds it to this: a text that Next takes is never refused, and one that Next
// refuses for its bytes is refused by the byte that breaks it when it comes byte by byte.
func FuzzEarly(f *testing.F) {
	for _, text := range brokenTexts {
		f.Add([]byte(text), uint8(3), uint8(2))
	}
	f.Add([]byte("a\u00e9\u20ac\U0001f600"), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, frag, piece uint8) {
		if len(text) == 0 || len(text) > 2000 {
			return
		}
		wire := AppendMasked(nil, Text, text, testMask)
		if frag > 0 {
			wire = fragmented(Text, string(text), int(frag))
		}
		_, err := feedEarly(t, server, bytes.Clone(wire), int(piece)+1)
		if (err == nil) != utf8.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		if at := brokenAt(text); at >= 0 {
			if got, _ := feedEarly(t, server, wire, 1); got != wireIndex(wire, at)+1 {
				t.Fatalf("%q: refused after %d bytes, want %d", text, got, wireIndex(wire, at)+1)
			}
		}
	})
}
