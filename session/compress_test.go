package session

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// TestCompressRoundTrip: what is compressed here, by several goroutines at once, the
// standard library reads back.
func TestCompressRoundTrip(t *testing.T) {
	noise := make([]byte, 10_000)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	payloads := [][]byte{nil, []byte("x"), []byte(strings.Repeat(`42["tick",1]`+"\x1e", 5000)), noise}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				for _, p := range payloads {
					before := bytes.Clone(p)
					z, g := compress(p, deflated), compress(p, gzipped)
					zr, err := zlib.NewReader(bytes.NewReader(z))
					if err != nil {
						t.Error(err)
						return
					}
					gr, err := gzip.NewReader(bytes.NewReader(g))
					if err != nil {
						t.Error(err)
						return
					}
					for _, r := range []io.Reader{zr, gr} {
						if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, before) {
							t.Errorf("%d bytes come back as %d: %v", len(before), len(got), err)
						}
					}
					if !bytes.Equal(p, before) {
						t.Error("the payload was changed")
					}
				}
			}
		})
	}
	all.Wait()
}

// TestAcceptEncoding (H31): which coding an Accept-Encoding gets, as in the reference server:
// the highest weight, then the first one named.
func TestAcceptEncoding(t *testing.T) {
	for accept, want := range map[string]string{
		"gzip": "gzip:", "deflate": "deflate:", "gzip, deflate, br": "gzip:", "deflate, gzip": "deflate:",
		"br": "", "": "", "identity": "", "gzip;q=0": "", "gzip;q=0, deflate;q=0.5": "deflate:", "*": "gzip:",
		"*;q=0": "", "GZIP": "gzip:", "x-gzip": "", "gzip;q=bad": "",
		"gzip;q=0.5, deflate;q=0.8": "deflate:", "identity, gzip;q=0.1": "gzip:", "*, deflate": "deflate:",
	} {
		(&transcript{script: joined + `
			. emit s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: ` + accept + `
			a< 200 ` + want + `42["{x*1100}"]
		`}).perform(t, accept, manner{})
	}
}

func BenchmarkCompress(b *testing.B) {
	payload := []byte(strings.Repeat(`42["tick",{"x":1.25,"y":-3,"name":"somebody"}]`+"\x1e", 40))
	for _, enc := range []encoding{gzipped, deflated} {
		b.Run(enc.String(), func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				compress(payload, enc)
			}
		})
	}
}
