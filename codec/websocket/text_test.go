package websocket

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// TestUnmask sets unmask beside ws.Cipher for all lengths and alignments of its
// loops, with text whose only byte beyond ASCII is at every place, or nowhere.
func TestUnmask(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for size := range 140 {
		for odd := -1; odd < size; odd++ {
			var mask [4]byte
			for i := range mask {
				mask[i] = byte(rnd.Uint32())
			}
			plain := make([]byte, size)
			for i := range plain {
				plain[i] = byte(rnd.Uint32() & 0x7f)
			}
			if odd >= 0 {
				plain[odd] |= 0x80
			}
			p := bytes.Clone(plain)
			ws.Cipher(p, mask, 0)
			if ascii := unmask(p, mask); ascii != (odd < 0) {
				t.Fatalf("%d bytes, byte %d beyond ASCII: unmask says %v", size, odd, ascii)
			}
			if !bytes.Equal(p, plain) {
				t.Fatalf("%d bytes: unmask made %x of %x", size, p, plain)
			}
		}
	}
}

// TestUTF8Pairs takes every pair of bytes, alone and as the end of a block of
// eight, so every transition of the automaton out of its first states.
func TestUTF8Pairs(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			checkText(t, []byte{byte(a), byte(b)})
			checkText(t, []byte{'1', '2', '3', '4', '5', '6', byte(a), byte(b)})
		}
	}
}

// TestUTF8Edges takes all sequences of four out of the bytes where the grammar
// changes: no transition lies between two of them that does not do as one of
// them.
func TestUTF8Edges(t *testing.T) {
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				for _, d := range edges {
					checkText(t, []byte{a, b, c, d})
				}
			}
		}
	}
}

// TestUTF8Runes takes every character, and what stands in their gap, surrogates.
func TestUTF8Runes(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) {
			checkText(t, utf8.AppendRune(nil, r))
		} else {
			checkText(t, []byte{0xe0 | byte(r>>12), 0x80 | byte(r>>6)&0x3f, 0x80 | byte(r)&0x3f})
		}
	}
}

// checkText sets ValidText beside utf8.Valid.
func checkText(t *testing.T, p []byte) {
	t.Helper()
	if got, want := ValidText(p), utf8.Valid(p); got != want {
		t.Fatalf("ValidText(%x) = %v, want %v", p, got, want)
	}
}

// FuzzText holds the automaton to the standard library's answer, and to giving
// the same state for text in two pieces as for the whole.
func FuzzText(f *testing.F) {
	f.Add([]byte("plain text, long enough for the loops over whole words of it"), 11)
	f.Add([]byte("a\u20acb\U0001f600\u044f, then thirty-two or more characters of ASCII \u20ac"), 3)
	f.Add([]byte("0123456\xe2\x82"), 8)
	f.Add([]byte("\xed\xa0\x80\xf4\x90\x80\x80\xc0\xaf"), 1)

	f.Fuzz(func(t *testing.T, p []byte, cut int) {
		checkText(t, p)
		cut = int(uint(cut) % uint(len(p)+1))
		if whole, pieces := utf8Next(utf8Whole, p), utf8Next(utf8Next(utf8Whole, p[:cut]), p[cut:]); whole != pieces {
			t.Fatalf("%x: state %d whole, %d cut at %d", p, whole, pieces, cut)
		}
	})
}
