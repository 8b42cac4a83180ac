package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
)

// packetCases pairs packets with their wire form in text. Tests, fuzz seeds and
// benchmarks draw on it.
var packetCases = []struct {
	name string
	wire string
	want Packet
}{
	// From the protocol document, "Packet encoding", "Upgrade" and the sample
	// session.
	{"message", "4hello", Packet{Type: Message, Data: []byte("hello")}},
	{"message beyond ASCII", "4\u20ac", Packet{Type: Message, Data: []byte("\u20ac")}},
	{"binary message", "bAQIDBA==", Packet{Type: Message, Binary: true, Data: []byte{1, 2, 3, 4}}},
	{"open", `0{"sid":"lv_VI97HAXpY6yYWAAAC"}`, Packet{Type: Open, Data: []byte(`{"sid":"lv_VI97HAXpY6yYWAAAC"}`)}},
	{"close", ClosePacket, Packet{Type: Close}},
	{"ping", PingPacket, Packet{Type: Ping}},
	{"pong", PongPacket, Packet{Type: Pong}},
	{"probe", ProbePing, Packet{Type: Ping, Data: []byte(ProbeData)}},
	{"answer to the probe", ProbePong, Packet{Type: Pong, Data: []byte(ProbeData)}},
	{"upgrade", UpgradePacket, Packet{Type: Upgrade}},
	{"noop", NoopPacket, Packet{Type: Noop}},

	// Ours.
	{"empty message", "4", Packet{Type: Message}},
	{"empty binary message", "b", Packet{Type: Message, Binary: true}},
	{"a digit in the data", "44", Packet{Type: Message, Data: []byte("4")}},
	{"b in the data", "4bAQIDBA==", Packet{Type: Message, Data: []byte("bAQIDBA==")}},
	{"Socket.IO event", `42["a"]`, Packet{Type: Message, Data: []byte(`2["a"]`)}},
	{"binary of one byte", "b/w==", Packet{Type: Message, Binary: true, Data: []byte{0xff}}},
	{"binary of two bytes", "b//4=", Packet{Type: Message, Binary: true, Data: []byte{0xff, 0xfe}}},
	{"binary of three bytes", "b//79", Packet{Type: Message, Binary: true, Data: []byte{0xff, 0xfe, 0xfd}}},
}

func equal(a, b Packet) bool {
	return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
}

func TestParse(t *testing.T) {
	for _, tc := range packetCases {
		t.Run(tc.name, func(t *testing.T) {
			wire := []byte(tc.wire)
			got, err := Parse(wire)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.wire, err)
			}
			if !equal(got, tc.want) {
				t.Errorf("Parse(%q)\n got %+v\nwant %+v", tc.wire, got, tc.want)
			}
			if cap(got.Data) != len(got.Data) {
				t.Errorf("Data has room for %d bytes more", cap(got.Data)-len(got.Data))
			}
			if !got.Binary && string(wire) != tc.wire {
				t.Errorf("Parse wrote to its input: %q became %q", tc.wire, wire)
			}
			if again := Append([]byte("before"), got); string(again) != "before"+tc.wire {
				t.Errorf("Append(Parse(%q)) = %q", tc.wire, again)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
	}{
		{"empty", ""},
		{"type past the last", "7"},
		{"type before the first", "/"},
		{"letter", "abc"},
		{"upper case B", "BAQIDBA=="},
		{"blank before the type", " 4hello"},
		{"type as a number", "\x04hello"},
		{"separator", "\x1e"},
		{"beyond ASCII", "\u20ac"},
		{"bad base64", "b!"},
	} {
		if p, err := Parse([]byte(tc.wire)); !errors.Is(err, ErrPacket) || !equal(p, Packet{}) {
			t.Errorf("%s: Parse(%q) = %+v, %v; want error %v", tc.name, tc.wire, p, err, ErrPacket)
		}
	}
}

func TestTypeString(t *testing.T) {
	names := []string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}
	for c := range 256 {
		want := "unknown"
		if c >= '0' && c <= '6' {
			want = names[c-'0']
		}
		if got := Type(c).String(); got != want {
			t.Errorf("Type(%#x) is %q, want %q", c, got, want)
		}
	}
}

// base64Cases has the forms of base64 that are accepted beside the one that is
// sent, and those that are not; want is ignored for the latter.
var base64Cases = []struct {
	name, wire, want string
	ok               bool
}{
	{"no padding, one byte", "AQ", "\x01", true},
	{"no padding, two bytes", "AQI", "\x01\x02", true},
	{"no padding, four bytes", "AQIDBA", "\x01\x02\x03\x04", true},
	{"bits left over", "AR==", "\x01", true},
	{"bits left over, no padding", "AR", "\x01", true},
	{"all digits", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"\x00\x10\x83\x10Q\x87 \x92\x8b0\xd3\x8fA\x14\x93QU\x97a\x96\x9bq\xd7\x9f\x82\x18\xa3\x92Y\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3]\xb7\xe3\x9e\xbb\xf3\xdf\xbf", true},
	{"one digit", "A", "", false},
	{"five digits", "AQIDB", "", false},
	{"one digit and padding", "A===", "", false},
	{"padding alone", "====", "", false},
	{"two of padding alone", "==", "", false},
	{"half the padding", "AQ=", "", false},
	{"padding too much", "AQI==", "", false},
	{"padding of a full group", "AQID=", "", false},
	{"padding of a full group twice", "AQID====", "", false},
	{"padding in the middle", "AQ==AQ==", "", false},
	{"URL alphabet", "-_8=", "", false},
	{"blank", "AQ ID", "", false},
	{"line end behind", "AQID\n", "\x01\x02\x03", true},
	{"line end behind padding", "AQ==\n", "\x01", true},
	{"line end inside", "AQ\r\nID", "\x01\x02\x03", true},
	{"line end in a block of eight", "AQIDBA\r\n", "\x01\x02\x03\x04", true},
	{"line ends alone", "\n\r\n\n", "", true},
	{"lines of the Java client", strings.Repeat("QUJD", 19) + "\n" + strings.Repeat("QUJD", 19) + "\nQQ==\n", strings.Repeat("ABC", 38) + "A", true},
	{"line end in padding", "AQ=\n=", "\x01", true},
	{"CR alone", "AQ\rID", "", false},
	{"CR twice", "AQ\r\r\nID", "", false},
	{"one digit and a line end", "A\n", "", false},
	{"NUL", "AQ\x00D", "", false},
	{"beyond ASCII", "AQID\u00e9==", "", false},
	{"bad at each end of eight", "!QIDBAUG", "", false},
	{"bad in the last group", "AQIDBAUGBwg!", "", false},
	{"bad in the two digits left", "AQIDBAUGBw!", "", false},
	{"bad in the three digits left", "AQIDA!I", "", false},
}

func TestBase64(t *testing.T) {
	for _, tc := range base64Cases {
		p, err := Parse([]byte("b" + tc.wire))
		if tc.ok && (err != nil || !equal(p, Packet{Type: Message, Binary: true, Data: []byte(tc.want)})) {
			t.Errorf("%s: %+v, %v; want %q", tc.name, p, err, tc.want)
		}
		if !tc.ok && !errors.Is(err, ErrPacket) {
			t.Errorf("%s: %+v, %v; want error %v", tc.name, p, err, ErrPacket)
		}
	}
}

// TestBase64Places puts every byte at every place of the decoder's loops and
// sets its answer beside that of encoding/base64.
func TestBase64Places(t *testing.T) {
	for n := range 30 {
		for at := range n {
			for c := range 256 {
				wire := []byte("Zm9vYmFyYmF6cXV1eHF1dXV4Zm9vbw"[:n])
				wire[at] = byte(c)
				checkBase64(t, wire)
			}
		}
	}
}

// checkBase64 sets decodeInPlace beside encoding/base64, which takes the same
// but for CR that are no part of a line end, skipped by it and refused by us.
func checkBase64(t *testing.T, wire []byte) {
	t.Helper()
	lines := strings.NewReplacer("\r\n", "", "\n", "").Replace(string(wire))
	enc := base64.RawStdEncoding
	if len(lines)%4 == 0 && strings.HasSuffix(lines, "=") {
		enc = base64.StdEncoding
	}
	want, err := enc.DecodeString(lines)
	wantOK := err == nil && !strings.Contains(lines, "\r")
	p := append(bytes.Clone(wire), "behind"...)
	got, ok := decodeInPlace(p[:len(wire):len(wire)])
	if ok != wantOK || ok && !bytes.Equal(got, want) {
		t.Fatalf("decodeInPlace(%q) = %x, %v; want %x, %v", wire, got, ok, want, wantOK)
	}
	if string(p[len(wire):]) != "behind" {
		t.Fatalf("decodeInPlace(%q) wrote behind its input", wire)
	}
	if ok && len(got) > 0 && &got[0] != &p[0] {
		t.Fatalf("decodeInPlace(%q) is not in place", wire)
	}
}

func TestBinarySize(t *testing.T) {
	for n := range 100 {
		if got, want := BinarySize(n), len(AppendBinary(nil, make([]byte, n))); got != want {
			t.Errorf("BinarySize(%d) = %d, want %d", n, got, want)
		}
	}
	for _, n := range []int{math.MaxInt, math.MaxInt/4*3 + 1} {
		if got := BinarySize(n); got != math.MaxInt {
			t.Errorf("BinarySize(%d) = %d, want all that an int can count", n, got)
		}
	}
}

// FuzzParse holds Parse to its promises on any input: no panic, text left as it
// was, nothing read or written behind it, the answer of encoding/base64 for
// binary, and a round trip of what it accepts.
func FuzzParse(f *testing.F) {
	for _, tc := range packetCases {
		f.Add([]byte(tc.wire))
	}
	for _, tc := range base64Cases {
		f.Add([]byte("b" + tc.wire))
	}
	f.Add([]byte("b" + strings.Repeat("AQID", 50) + "BA"))

	f.Fuzz(func(t *testing.T, wire []byte) {
		before := bytes.Clone(wire)
		p, err := Parse(wire)
		if len(before) > 0 && before[0] == 'b' {
			checkBase64(t, before[1:])
		} else if !bytes.Equal(wire, before) {
			t.Fatalf("Parse wrote to its input: %q became %q", before, wire)
		}
		if err != nil {
			if !errors.Is(err, ErrPacket) || !equal(p, Packet{}) {
				t.Fatalf("Parse(%q) = %+v, %v", before, p, err)
			}
			return
		}
		encoded := Append(nil, p)
		if p.Binary && len(encoded) != BinarySize(len(p.Data)) || !p.Binary && !bytes.Equal(encoded, before) {
			t.Fatalf("Append(Parse(%q)) = %q", before, encoded)
		}
		again, err := Parse(encoded)
		if err != nil || !equal(again, p) {
			t.Fatalf("round trip of %q\nfirst  %+v\nsecond %+v, %v", before, p, again, err)
		}
	})
}
