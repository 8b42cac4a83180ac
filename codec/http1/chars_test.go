package http1

import (
	"strings"
	"testing"
)

// TestScanners puts every byte at every place of a long word, with HTABs and
// high bytes around it, and compares the scanners that look at 8 bytes at a
// time with the rules for one.
func TestScanners(t *testing.T) {
	const size = 27
	for _, around := range []string{"a", "~", "!", "\x80", "\xff", "\xa0"} {
		for at := range size {
			word := []byte(strings.Repeat(around, size))
			for c := range 256 {
				word[at] = byte(c)
				for from := range 9 {
					wantValue, wantTarget := size, size
					if at >= from {
						if c < ' ' && c != '\t' || c == 0x7f {
							wantValue = at
						}
						if c <= ' ' || c == 0x7f || c == '#' {
							wantTarget = at
						}
					}
					if got := valueEnd(word, from); got != wantValue {
						t.Fatalf("valueEnd(%q, %d) = %d, want %d", word, from, got, wantValue)
					}
					if got := targetEnd(word, from); got != wantTarget {
						t.Fatalf("targetEnd(%q, %d) = %d, want %d", word, from, got, wantTarget)
					}
				}
			}
		}
	}
	for size := range 20 {
		word := []byte(strings.Repeat("\t", size) + "\n")
		if got := valueEnd(word, 0); got != size {
			t.Errorf("valueEnd(%q, 0) = %d", word, got)
		}
	}
}
