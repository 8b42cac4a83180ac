package hist

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// pack is plain in the outer layers of the text form.
func pack(t testing.TB, plain []byte) string {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// samples are histograms of several shapes.
func samples() map[string]*Histogram {
	rng := rand.New(rand.NewPCG(5, 6))
	all := map[string]*Histogram{"empty": {}, "zero": {}, "one": {}, "beyond": {}, "dense": {}, "every bucket": {}}
	all["zero"].Record(0)
	all["one"].Record(123 * time.Microsecond)
	all["beyond"].RecordN(5*time.Hour, 3)
	for range 100_000 {
		all["dense"].Record(time.Duration(rng.ExpFloat64() * float64(time.Millisecond)))
	}
	for i := range buckets {
		all["every bucket"].RecordN(time.Duration(upper(i)), rng.Uint64N(1<<40)+1)
	}
	return all
}

func TestEncode(t *testing.T) {
	for name, h := range samples() {
		text := h.Encode()
		got, err := Decode(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if *got != *h {
			t.Errorf("%s: %d counts became %d, max %v became %v", name, h.n, got.n, h.max, got.max)
		}
		if len(text) > maxText {
			t.Errorf("%s: %d bytes, the bound is %d", name, len(text), maxText)
		}
		got.Merge(h)
		if got.Count() != 2*h.Count() {
			t.Errorf("%s: merged with itself it counts %d", name, got.Count())
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	bomb := append([]byte{version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0, 1}, 64<<20)...)
	sum1 := "\x3f\xf0\x00\x00\x00\x00\x00\x00" // 1.0
	for _, tc := range []struct{ name, text string }{
		{"not base64", "%%%%"},
		{"not deflate", base64.StdEncoding.EncodeToString([]byte("hello, hello"))},
		{"cut", samples()["dense"].Encode()[:400]},
		{"very long", strings.Repeat("A", maxText+4)},
		{"a bomb", pack(t, bomb)},
		{"nothing inside", pack(t, nil)},
		{"another version", pack(t, []byte("\x02\x01\x01"+sum1+"\x01\x01"))},
		{"no counts", pack(t, []byte("\x01\x01\x01"+sum1))},
		{"no sum", pack(t, []byte("\x01\x01\x01"))},
		{"min above max", pack(t, []byte("\x01\x02\x01"+sum1+"\x01\x01"))},
		{"min of another bucket", pack(t, []byte("\x01\x00\x01"+sum1+"\x01\x01"))},
		{"count 0", pack(t, []byte("\x01\x01\x01"+sum1+"\x01\x00"))},
		{"half a pair", pack(t, []byte("\x01\x01\x01"+sum1+"\x01\x01\x00"))},
		{"past the last bucket", pack(t, []byte("\x01\x01\x01"+sum1+"\x01\x01\xbf\x12\x01"))},
		{"a sum too large", pack(t, []byte("\x01\x01\x01\x7f\xf0\x00\x00\x00\x00\x00\x00\x01\x01"))},
		{"a sum that is no number", pack(t, []byte("\x01\x01\x01\x7f\xf8\x00\x00\x00\x00\x00\x00\x01\x01"))},
	} {
		if h, err := Decode(tc.text); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v, %v", tc.name, h != nil, err)
		}
	}
	if h, err := Decode(pack(t, []byte("\x01\x01\x01"+sum1+"\x01\x01"))); err != nil || h.Count() != 1 || h.Max() != 1 {
		t.Errorf("the one that the others differ from: %v", err)
	}
}

// TestBuckets: what Buckets tells is all there is.
func TestBuckets(t *testing.T) {
	for name, h := range samples() {
		var n uint64
		last := time.Duration(-1)
		h.Buckets(func(upper time.Duration, count uint64) {
			if upper <= last || count == 0 {
				t.Fatalf("%s: %d at %v after %v", name, count, upper, last)
			}
			last = upper
			n += count
		})
		if n != h.Count() || n > 0 && last != h.Max() {
			t.Errorf("%s: %d of %d, up to %v of %v", name, n, h.Count(), last, h.Max())
		}
	}
}

// FuzzDecode holds Decode to its promises on any input: no panic, and what it
// accepts is a histogram that survives a round trip and whose quantiles are in
// order.
func FuzzDecode(f *testing.F) {
	for _, h := range samples() {
		f.Add(h.Encode())
	}
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		for _, text := range []string{text, pack(t, []byte(text))} { // past the outer layers, too
			h, err := Decode(text)
			if err != nil {
				if !errors.Is(err, ErrText) {
					t.Fatalf("%v does not wrap ErrText", err)
				}
				continue
			}
			again, err := Decode(h.Encode())
			if err != nil || *again != *h {
				t.Fatalf("no round trip: %v", err)
			}
			if lo, hi := h.Quantile(0), h.Quantile(1); lo < h.Min() || hi > h.Max() || lo > hi {
				t.Fatalf("quantiles %v to %v, bounds %v to %v", lo, hi, h.Min(), h.Max())
			}
		}
	})
}
