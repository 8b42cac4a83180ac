package websocket

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// offerCases pairs offers with their answers; "" is no agreement.
var offerCases = []struct {
	name  string
	offer string
	want  string
}{
	// RFC 7692, section 7.1.3.
	{"nothing asked", "permessage-deflate", agreed},
	{"a window that may be bounded, then a plain one", "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits", agreed + "; server_max_window_bits=10"},

	// What clients send: Chromium and Node's ws, Firefox, Safari.
	{"Chromium", "permessage-deflate; client_max_window_bits", agreed},
	{"Firefox", "permessage-deflate", agreed},
	{"Safari", "x-webkit-deflate-frame", ""},

	// RFC 7692, sections 7.1.1 and 7.1.2.
	{"no contexts", "permessage-deflate; server_no_context_takeover; client_no_context_takeover", agreed},
	{"no contexts, with a value", "permessage-deflate; server_no_context_takeover=1", ""},
	{"no contexts, with a value for the client", "permessage-deflate; client_no_context_takeover=true", ""},
	{"smallest window", "permessage-deflate; server_max_window_bits=8", agreed + "; server_max_window_bits=8"},
	{"largest window", "permessage-deflate; server_max_window_bits=15", agreed + "; server_max_window_bits=15"},
	{"client's window", "permessage-deflate; client_max_window_bits=9", agreed},
	{"quoted window", `permessage-deflate; server_max_window_bits="12"`, agreed + "; server_max_window_bits=12"},
	{"quoted and escaped window", `permessage-deflate; server_max_window_bits="\1\2"`, agreed + "; server_max_window_bits=12"},
	{"window without value", "permessage-deflate; server_max_window_bits", ""},
	{"window of 7", "permessage-deflate; server_max_window_bits=7", ""},
	{"window of 16", "permessage-deflate; server_max_window_bits=16", ""},
	{"window of 20", "permessage-deflate; server_max_window_bits=20", ""},
	{"window of 010", "permessage-deflate; server_max_window_bits=010", ""},
	{"window of 08", "permessage-deflate; client_max_window_bits=08", ""},
	{"window of +9", "permessage-deflate; client_max_window_bits=+9", ""},
	{"window of 1e1", "permessage-deflate; client_max_window_bits=1e1", ""},
	{"window of a long value", "permessage-deflate; client_max_window_bits=\"" + strings.Repeat("1", 500) + "\"", ""},
	{"twice the same", "permessage-deflate; client_max_window_bits; client_max_window_bits", ""},
	{"unknown parameter", "permessage-deflate; memory_level=9", ""},
	{"unknown in capitals", "permessage-deflate; Client_max_window_bits", ""},

	// Several offers.
	{"the first legal one", "permessage-deflate; nonsense, permessage-deflate; server_max_window_bits=9, permessage-deflate", agreed + "; server_max_window_bits=9"},
	{"behind other extensions", `mux; max-channels=4; flow-control, deflate-stream, permessage-deflate`, agreed},
	{"another extension with our parameters", "x-deflate; server_max_window_bits=9", ""},

	// RFC 6455, section 9.1.
	{"tight", "permessage-deflate;client_max_window_bits=10,foo", agreed},
	{"loose", "permessage-deflate \t;\t client_max_window_bits=10 , foo ", agreed},
	{"empty elements", ", permessage-deflate,, foo,", agreed},
	{"a quoted comma's worth of token", `foo; a="b", permessage-deflate`, agreed},
}

// TestAcceptDeflate (T03): what is agreed on for which offer.
func TestAcceptDeflate(t *testing.T) {
	for _, tc := range offerCases {
		t.Run(tc.name, func(t *testing.T) {
			d, err := AcceptDeflate([]byte(tc.offer))
			if err != nil {
				t.Fatalf("%q: %v", tc.offer, err)
			}
			if got := response(d); got != tc.want {
				t.Errorf("%q\n got %q\nwant %q", tc.offer, got, tc.want)
			}
		})
	}
}

func response(d Deflate) string {
	if !d.On() {
		return ""
	}
	return string(d.AppendResponse(nil))
}

func TestAcceptDeflateRefuses(t *testing.T) {
	for _, list := range []string{
		"", " ", ",", ",,", ";", "=", "permessage-deflate;", "permessage-deflate; ;", "permessage-deflate; =1",
		"permessage-deflate; a=", "permessage-deflate; a= 1", "permessage-deflate; a =1", "permessage-deflate foo",
		`permessage-deflate; a="`, `permessage-deflate; a="b`, `permessage-deflate; a=""`, `permessage-deflate; a="b c"`, `permessage-deflate; a="b\`,
		`permessage-deflate; a="b"c`, `permessage-deflate; a=b"c"`, `"permessage-deflate"`, "permessage-deflate, \x00", "permessage-deflate; caf\xe9",
		"permessage-deflate, foo; bar=(1)",
	} {
		if d, err := AcceptDeflate([]byte(list)); !errors.Is(err, ErrExtensions) || d.On() {
			t.Errorf("%q: %q, %v; want error %v", list, response(d), err, ErrExtensions)
		}
	}
}

func TestAcceptDeflateDoesNotAllocate(t *testing.T) {
	offer, dst := []byte(`permessage-deflate; client_max_window_bits; server_max_window_bits="10"`), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		d, _ := AcceptDeflate(offer)
		dst = d.AppendResponse(dst[:0])
	}); n != 0 {
		t.Errorf("an offer allocates %v times", n)
	}
}

// FuzzAcceptDeflate: any bytes are answered without a panic and left as they are, and an
// answer is one that its own grammar reads, with a window that was asked for or none.
func FuzzAcceptDeflate(f *testing.F) {
	for _, tc := range offerCases {
		f.Add([]byte(tc.offer))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		before := bytes.Clone(list)
		d, err := AcceptDeflate(list)
		if !bytes.Equal(before, list) {
			t.Fatalf("%q was changed", before)
		}
		if err != nil || !d.On() {
			if d.On() || d.asked {
				t.Fatalf("%q: %+v, %v", list, d, err)
			}
			return
		}
		if d.WindowBits < minWindowBits || d.WindowBits > MaxWindowBits || !bytes.Contains(list, []byte("permessage-deflate")) {
			t.Fatalf("%q: %+v", list, d)
		}
		again, err := AcceptDeflate(d.AppendResponse(nil))
		if err != nil || again != d {
			t.Fatalf("%q: %+v is read as %+v, %v", list, d, again, err)
		}
	})
}
