package websocket

import (
	"slices"
	"testing"
)

// farthest is how far the farthest match of a compressed message reaches back, in bytes. It
// is a reader of DEFLATE of its own, as slow as the text of RFC 1951, that stops at nothing
// which our compressor does not write.
func farthest(t testing.TB, z []byte) (far int) {
	t.Helper()
	b := bitReader{data: append(slices.Clone(z), inflateTail...)}
	for {
		final, kind := b.bits(1), b.bits(2)
		switch kind {
		case 0:
			b.at = (b.at + 7) &^ 7
			n := b.bits(16)
			if b.bits(16) != n^0xffff {
				t.Fatal("a stored block's lengths do not match")
			}
			b.at += 8 * n
		case 1, 2:
			lit, dist := fixedTables()
			if kind == 2 {
				lit, dist = b.tables()
			}
			for sym := b.symbol(lit); sym != 256; sym = b.symbol(lit) {
				if sym < 256 {
					continue
				}
				b.bits(lengthExtra[sym-257])
				d := b.symbol(dist)
				far = max(far, distanceBase[d]+b.bits(distanceExtra[d]))
			}
		default:
			t.Fatal("a block of no kind")
		}
		if final == 1 {
			return far
		}
	}
}

var (
	lengthExtra   = []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceExtra = []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	distanceBase  = func() (base [30]int) {
		at := 1
		for i, extra := range distanceExtra {
			base[i] = at
			at += 1 << extra
		}
		return base
	}()
)

// A bitReader reads bits from the lowest of each byte up.
type bitReader struct {
	data []byte
	at   int // in bits
}

func (b *bitReader) bits(n int) (v int) {
	for i := range n {
		v |= int(b.data[b.at/8]>>(b.at%8)&1) << i
		b.at++
	}
	return v
}

// codes finds a symbol by the length and the bits of its code.
type codes map[[2]int]int

// codesOf gives symbols with these lengths their codes. Source: RFC 1951, section 3.2.2.
func codesOf(lengths []int) codes {
	c, code := make(codes), 0
	for n := 1; n <= 15; n++ {
		for sym, length := range lengths {
			if length == n {
				c[[2]int{n, code}] = sym
				code++
			}
		}
		code <<= 1
	}
	return c
}

func (b *bitReader) symbol(c codes) int {
	code := 0
	for n := 1; ; n++ {
		code = code<<1 | b.bits(1)
		if sym, ok := c[[2]int{n, code}]; ok {
			return sym
		}
	}
}

func fixedTables() (lit, dist codes) {
	lengths := slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
	return codesOf(lengths), codesOf(slices.Repeat([]int{5}, 30))
}

// tables reads the code lengths at the start of a block. Source: RFC 1951, section 3.2.7.
func (b *bitReader) tables() (lit, dist codes) {
	nlit, ndist, nlen := b.bits(5)+257, b.bits(5)+1, b.bits(4)+4
	lens := make([]int, 19)
	for i := range nlen {
		lens[[]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[i]] = b.bits(3)
	}
	c := codesOf(lens)
	var all []int
	for len(all) < nlit+ndist {
		switch sym := b.symbol(c); sym {
		case 16:
			all = append(all, slices.Repeat(all[len(all)-1:], 3+b.bits(2))...)
		case 17:
			all = append(all, make([]int, 3+b.bits(3))...)
		case 18:
			all = append(all, make([]int, 11+b.bits(7))...)
		default:
			all = append(all, sym)
		}
	}
	return codesOf(all[:nlit]), codesOf(all[nlit:])
}
