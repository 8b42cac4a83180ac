package engineio

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// streamCases are packets with their headers: from the reference parser's tests, and
// around the borders of the three forms. Row T08.
var streamCases = []struct {
	name   string
	header string // hex
	size   int
	binary bool
}{
	{"open", "01", 1, false},
	{"probe", "06", 6, false},
	{"binary", "83", 3, true},
	{"longest of one byte", "7d", 125, false},
	{"longest binary of one byte", "fd", 125, true},
	{"shortest of three", "7e007e", 126, false},
	{"of three", "fe3039", 12345, true},
	{"longest of three", "7effff", 65535, false},
	{"shortest of nine", "7f0000000000010000", 65536, false},
	{"of nine", "ff00000000075bcd15", 123456789, true},
	{"longest", "7f001fffffffffffff", 1<<53 - 1, false},
}

func TestStreamHeader(t *testing.T) {
	for _, tc := range streamCases {
		t.Run(tc.name, func(t *testing.T) {
			wire, _ := hex.DecodeString(tc.header)
			for cut := range wire {
				if n, _, _, err := StreamHeader(wire[:cut]); n != 0 || err != nil {
					t.Fatalf("StreamHeader of the first %d bytes = %d, %v; want 0, nil", cut, n, err)
				}
			}
			n, size, isBinary, err := StreamHeader(append(wire, "0 and more"...))
			if n != len(wire) || size != tc.size || isBinary != tc.binary || err != nil {
				t.Errorf("StreamHeader = %d, %d, %v, %v; want %d, %d, %v, nil", n, size, isBinary, err, len(wire), tc.size, tc.binary)
			}
			if got := AppendStreamHeader([]byte("x"), tc.size, tc.binary); !bytes.Equal(got[1:], wire) {
				t.Errorf("AppendStreamHeader = %x, want %s", got[1:], tc.header)
			}
		})
	}
}

func TestStreamHeaderRefuses(t *testing.T) {
	for name, header := range map[string]string{
		"nothing":                     "00",
		"binary nothing":              "80",
		"nothing in three bytes":      "7e0000",
		"nothing in nine":             "7f0000000000000000",
		"more than JavaScript":        "7f0020000000000000",
		"the highest bit of a length": "ff8000000000000001",
	} {
		wire, _ := hex.DecodeString(header)
		if n, _, _, err := StreamHeader(wire); !errors.Is(err, ErrStream) || n != 0 {
			t.Errorf("%s: StreamHeader = %d, %v, want %v", name, n, err, ErrStream)
		}
	}
	// Not the shortest form, which nobody forbids.
	wire, _ := hex.DecodeString("7f0000000000000001")
	if n, size, _, err := StreamHeader(wire); n != 9 || size != 1 || err != nil {
		t.Errorf("a length of 1 in nine bytes = %d, %d, %v", n, size, err)
	}
}

// FuzzStreamHeader holds StreamHeader to its promises: a header that is refused stays so
// whatever follows, one that is read is what was written for its length, and no prefix of
// it is enough.
func FuzzStreamHeader(f *testing.F) {
	for _, tc := range streamCases {
		wire, _ := hex.DecodeString(tc.header)
		f.Add(wire)
	}
	f.Add([]byte(strings.Repeat("\xff", 12)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, size, isBinary, err := StreamHeader(b)
		if n < 0 || n > len(b) || n > MaxStreamHeader || size < 0 {
			t.Fatalf("StreamHeader(%x) = %d, %d", b, n, size)
		}
		if err != nil {
			if _, _, _, again := StreamHeader(append(bytes.Clone(b), 1)); again != err {
				t.Fatalf("refused, but not with a byte more: %v", again)
			}
			return
		}
		if n == 0 {
			if len(b) >= MaxStreamHeader {
				t.Fatalf("%d bytes do not suffice", len(b))
			}
			return
		}
		for cut := range n {
			if k, _, _, err := StreamHeader(b[:cut]); k != 0 || err != nil {
				t.Fatalf("the first %d bytes of %d suffice", cut, n)
			}
		}
		again, size2, binary2, err := StreamHeader(AppendStreamHeader(nil, size, isBinary))
		if again > n || size2 != size || binary2 != isBinary || err != nil {
			t.Fatalf("round trip of %x: %d, %d, %v, %v", b[:n], again, size2, binary2, err)
		}
	})
}
