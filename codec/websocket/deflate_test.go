package websocket

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// testPayloads are bytes of many kinds: that compress well, badly, not at all.
func testPayloads() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	words := new(bytes.Buffer)
	for words.Len() < 300_000 {
		_, _ = words.WriteString([]string{`{"x":`, `"position",`, "1234,", "\u20ac", `"]}`, "message "}[rnd.IntN(6)])
	}
	return map[string][]byte{
		"nothing":      {},
		"a byte":       []byte("x"),
		"hello":        []byte("Hello"),
		"zeros":        make([]byte, 200_000),
		"noise":        noise,
		"little noise": noise[:700],
		"words":        words.Bytes(),
		"few words":    words.Bytes()[:1500],
	}
}

// deflated is the payload of the frame that AppendDeflated makes, and whether it is
// compressed.
func deflated(t testing.TB, p []byte, bits uint8) ([]byte, bool) {
	t.Helper()
	frame := AppendDeflated([]byte("before"), Binary, p, bits)
	if string(frame[:6]) != "before" {
		t.Fatal("what stood before the frame was changed")
	}
	h, n, err := ParseHeader(frame[6:])
	if err != nil || h.Opcode != Binary || !h.Fin || h.Masked || h.RSV&^bitRSV1 != 0 || n+int(h.Length) != len(frame)-6 || n != HeaderSize(int(h.Length)) {
		t.Fatalf("frame of %d bytes: %+v, %v", len(p), h, err)
	}
	return frame[6+n:], h.RSV != 0
}

// TestDeflate (T03): what is compressed is inflated to the same, by us and by the standard
// library, and never longer than it was.
func TestDeflate(t *testing.T) {
	for name, p := range testPayloads() {
		for bits := uint8(minWindowBits); bits <= MaxWindowBits; bits++ {
			z, compressed := deflated(t, p, bits)
			if len(z) > len(p) {
				t.Errorf("%s with a window of %d bits: %d bytes of %d", name, bits, len(z), len(p))
			}
			if !compressed {
				if !bytes.Equal(z, p) {
					t.Errorf("%s with a window of %d bits: not what went in", name, bits)
				}
				continue
			}
			got, err := Inflate(nil, z, len(p))
			if err != nil || !bytes.Equal(got, p) {
				t.Errorf("%s with a window of %d bits: inflated to %d bytes of %d, %v", name, bits, len(got), len(p), err)
			}
			std, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(z), strings.NewReader(inflateTail))))
			if err != nil || !bytes.Equal(std, p) {
				t.Errorf("%s with a window of %d bits: the standard library inflates %d bytes of %d, %v", name, bits, len(std), len(p), err)
			}
			if far := farthest(t, z); far > 1<<bits {
				t.Errorf("%s with a window of %d bits: reaches %d bytes back", name, bits, far)
			}
		}
	}
	if z, _ := deflated(t, testPayloads()["words"], MaxWindowBits); len(z) > 100_000 {
		t.Errorf("300,000 bytes of words make %d", len(z))
	}
}

// TestInflate (T03) has what other compressors make.
func TestInflate(t *testing.T) {
	for _, tc := range []struct {
		name string
		data string
		want string
	}{
		// RFC 7692, section 7.2.3.
		{"one block", "f2 48 cd c9 c9 07 00", "Hello"},
		{"stored", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"},
		{"last block", "f3 48 cd c9 c9 07 00 00", "Hello"},
		{"two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"},
		{"empty", "00", ""},
		{"empty, by another way", "02 00", ""},

		// A last block may stand in front of others, which may look back over it.
		{"a last block, then another", "f3 48 cd c9 c9 07 00 f2 48 cd c9 c9 07 00", "HelloHello"},
		{"a last block, then a look back", "f3 48 cd c9 c9 07 00 f2 00 11 00 00", "HelloHello"},
		{"nothing behind a last block", "f3 48 cd c9 c9 07 00", "Hello"},
		{"no bytes at all", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data := unhex(tc.data)
			before := bytes.Clone(data)
			got, err := Inflate([]byte("> "), data, 100)
			if err != nil || string(got) != "> "+tc.want {
				t.Errorf("%s: %q, %v; want %q", tc.data, got, err, tc.want)
			}
			if !bytes.Equal(data, before) {
				t.Error("Inflate wrote to its input")
			}
		})
	}
}

func TestInflateRefuses(t *testing.T) {
	hello := "f2 48 cd c9 c9 07 00"
	for _, tc := range []struct {
		name  string
		data  string
		limit int
		want  error
	}{
		{"block of an unknown kind", "06", 100, ErrDeflate},
		{"lengths that do not match", "00 05 00 00 00 48 65 6c 6c 6f 00", 100, ErrDeflate},
		{"a stored block of which half has come", "00 ff 00 00 ff 48 65", 100, ErrDeflate},
		{"a look back before the start", "02 02 00", 100, ErrDeflate},
		{"text", "48 65 6c 6c 6f", 100, ErrDeflate},
		{"zlib", "78 9c f3 48 cd c9 c9 07 00 05 8c 01 f5", 100, ErrDeflate},
		{"last blocks without end", strings.Repeat("03 00 ", 5000), 100, ErrDeflate},
		{"one byte too many", hello, 4, ErrTooBig},
		{"one byte too many, behind a last block", "f3 48 cd c9 c9 07 00 " + hello, 9, ErrTooBig},
		{"anything of nothing", hello, 0, ErrTooBig},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, err := Inflate(nil, unhex(tc.data), tc.limit); !errors.Is(err, tc.want) {
				t.Errorf("%q, %v; want error %v", got, err, tc.want)
			}
		})
	}
	for limit := 5; limit < 8; limit++ {
		if got, err := Inflate(nil, unhex(hello), limit); err != nil || string(got) != "Hello" || cap(got) > limit {
			t.Errorf("limit %d: %q of capacity %d, %v", limit, got, cap(got), err)
		}
	}
}

// TestInflateKeepsNothing: a message is not read with what an earlier one has left.
func TestInflateKeepsNothing(t *testing.T) {
	secret := bytes.Repeat([]byte("secret"), 5000)
	z, _ := deflated(t, secret, MaxWindowBits)
	back := unhex("02 02 00") // copies from before its own start
	for range 50 {
		if _, err := Inflate(nil, z, len(secret)); err != nil {
			t.Fatal(err)
		}
		if got, err := Inflate(nil, back, 100); !errors.Is(err, ErrDeflate) || bytes.Contains(got, []byte("s")) {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// FuzzInflate: any bytes are inflated or refused without a panic, not past the limit, and
// as the standard library inflates them where it does.
func FuzzInflate(f *testing.F) {
	for _, data := range []string{"f2 48 cd c9 c9 07 00", "00 05 00 fa ff 48 65 6c 6c 6f 00", "f3 48 cd c9 c9 07 00 00", "06", "03 00 03 00", ""} {
		f.Add(unhex(data), 100)
	}
	z, _ := deflated(f, testPayloads()["few words"], 9)
	f.Add(z, 1499)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = max(0, min(limit, 1<<20))
		before := bytes.Clone(data)
		got, err := Inflate(nil, data, limit)
		if !bytes.Equal(before, data) {
			t.Fatal("Inflate wrote to its input")
		}
		if len(got) > limit || cap(got) > limit {
			t.Fatalf("%d bytes in %d past a limit of %d", len(got), cap(got), limit)
		}
		r := flate.NewReader(bytes.NewReader(append(before, inflateTail...)))
		std, serr := io.ReadAll(io.LimitReader(r, int64(limit)+1))
		switch {
		case len(data) == 0:
		case err == nil && !bytes.HasPrefix(got, std): // blocks behind a last one are ours alone
			t.Fatalf("%x: %d bytes, the standard library has %d, %v", data, len(got), len(std), serr)
		case errors.Is(err, ErrTooBig) && serr == nil && len(std) <= limit && !bytes.HasPrefix(std, got[:len(std)]):
			t.Fatalf("%x: too big for %d, the standard library has %d", data, limit, len(std))
		}
		if err != nil {
			return
		}
		z, compressed := deflated(t, got, MaxWindowBits)
		if compressed {
			if again, err := Inflate(nil, z, len(got)); err != nil || !bytes.Equal(again, got) {
				t.Fatalf("%x does not survive", got)
			}
		}
	})
}
