package engineio

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// packetCases3 are packets of protocol 3 as the reference parser writes and reads them:
// alone in text, alone in binary where they have such a form.
var packetCases3 = []struct {
	name, text, binary string
	want               Packet
}{
	{"message", "4hello", "", message("hello")},
	{"message beyond ASCII", "4\u20ac", "", message("\u20ac")},
	{"binary message", "b4AQI=", "\x04\x01\x02", blob("\x01\x02")},
	{"empty binary message", "b4", "\x04", blob("")},
	{"binary without padding", "b4AQ", "\x04\x01", blob("\x01")},
	{"probe", ProbePing, "", Packet{Type: Ping, Data: []byte(ProbeData)}},
	{"ping", PingPacket, "", Packet{Type: Ping}},
	{"ping in binary", "b2", "\x02", Packet{Type: Ping}},
	{"noop in binary", "b6AQ==", "\x06\x01", Packet{Type: Noop, Data: []byte{1}}},
	{"empty message", "4", "", message("")},
}

func TestParse3(t *testing.T) {
	for _, tc := range packetCases3 {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Parse3([]byte(tc.text))
			if err != nil || !equal(got, tc.want) || cap(got.Data) != len(got.Data) {
				t.Errorf("Parse3(%q) = %+v, %v; want %+v", tc.text, got, err, tc.want)
			}
			if tc.binary == "" {
				return
			}
			got, err = ParseBinary3([]byte(tc.binary))
			if err != nil || !equal(got, tc.want) || cap(got.Data) != len(got.Data) {
				t.Errorf("ParseBinary3(%q) = %+v, %v; want %+v", tc.binary, got, err, tc.want)
			}
		})
	}
	for _, wire := range []string{"", "7", "b", "b7", "b4!", "b4A", "bAQIDBA==", "\x044"} {
		if p, err := Parse3([]byte(wire)); !errors.Is(err, ErrPacket) || !equal(p, Packet{}) {
			t.Errorf("Parse3(%q) = %+v, %v", wire, p, err)
		}
	}
	for _, wire := range []string{"", "\x07", "4a", "\xff"} {
		if p, err := ParseBinary3([]byte(wire)); !errors.Is(err, ErrPacket) || !equal(p, Packet{}) {
			t.Errorf("ParseBinary3(%q) = %+v, %v", wire, p, err)
		}
	}
}

// payloadCases3 are bodies with the packets in them, up to the error if there is one.
var payloadCases3 = []struct {
	name   string
	wire   string
	binary bool
	want   []Packet
	err    error
}{
	// Made by running the reference parser: engine.io-parser 2.2.1, and the copy of it in
	// engine.io 6.6.
	{"text", "6:4hello1:26:4world", false, []Packet{message("hello"), {Type: Ping}, message("world")}, nil},
	{"two code units in three bytes each", "2:4\u20ac", false, []Packet{message("\u20ac")}, nil},
	{"two code units in four bytes", "5:4a\U0001f600b1:3", false, []Packet{message("a\U0001f600b"), {Type: Pong}}, nil},
	{"umlauts", "4:4\u00e4\u00f6\u00fc2:4x", false, []Packet{message("\u00e4\u00f6\u00fc"), message("x")}, nil},
	{"base64", "10:b4AQIDBA==", false, []Packet{blob("\x01\x02\x03\x04")}, nil},
	{"text and base64", "4:4\u20ac\U0001f6006:b4/wA=1:2", false, []Packet{message("\u20ac\U0001f600"), blob("\xff\x00"), {Type: Ping}}, nil},
	{"empty base64", "2:b4", false, []Packet{blob("")}, nil},
	{"close", "1:1", false, []Packet{{Type: Close}}, nil},
	{"no packets", "0:", false, nil, nil},
	{"binary", "\x01\x05\xff\x04\x01\x02\x03\x04", true, []Packet{blob("\x01\x02\x03\x04")}, nil},
	{"text and binary", "\x00\x08\xff4\u20ac\U0001f600\x01\x03\xff\x04\xff\x00\x00\x01\xff2", true, []Packet{message("\u20ac\U0001f600"), blob("\xff\x00"), {Type: Ping}}, nil},
	{"length of two digits", "\x01\x01\x02\xff\x04\a\a\a\a\a\a\a\a\a\a\a", true, []Packet{blob("\a\a\a\a\a\a\a\a\a\a\a")}, nil},
	{"empty binary message", "\x01\x01\xff\x04", true, []Packet{blob("")}, nil},
	{"no packets in binary", "", true, nil, nil},

	// What else it takes, and what not.
	{"several of no length", "0:0:1:20:", false, []Packet{{Type: Ping}}, nil},
	{"leading zeros", "0001:2", false, []Packet{{Type: Ping}}, nil},
	{"a colon in the data", "4:4:2:1:2", false, []Packet{message(":2:"), {Type: Ping}}, nil},
	{"base64 in binary", "\x00\x06\xffb4AQI=", true, []Packet{blob("\x01\x02")}, nil},
	{"a ping of bytes", "\x01\x01\xff\x02", true, []Packet{{Type: Ping}}, nil},
	{"empty body", "", false, nil, ErrPacket},
	{"no length", ":4a", false, nil, ErrPacket},
	{"no colon", "1", false, nil, ErrPacket},
	{"no data", "1:", false, nil, ErrPacket},
	{"data too short", "3:4ab3:4c", false, []Packet{message("ab")}, ErrPacket},
	{"data too long", "3:4abx", false, []Packet{message("ab")}, ErrPacket},
	{"length behind the end", "3:4ab3", false, []Packet{message("ab")}, ErrPacket},
	{"not a length", "a:b", false, nil, ErrPacket},
	{"negative", "-1:4", false, nil, ErrPacket},
	{"endless", "99999999999999999999:4", false, nil, ErrPacket},
	{"unknown type", "1:7", false, nil, ErrPacket},
	{"unknown type in the middle", "1:21:x1:2", false, []Packet{{Type: Ping}}, ErrPacket},
	{"half a character", "2:4\U0001f600", false, nil, ErrPacket},
	{"a length in bytes", "4:4\u20ac", false, nil, ErrPacket},
	{"not UTF-8", "2:4\xff", false, nil, ErrPacket},
	{"cut character", "2:4\xe2\x82", false, nil, ErrPacket},
	{"of protocol 4", "4a\x1e4b", false, nil, ErrPacket},
	{"not UTF-8 in binary", "\x00\x02\xff4\xff", true, nil, ErrPacket},
	{"no length in binary", "\x00\xff2", true, nil, ErrPacket},
	{"length 0 in binary", "\x00\x00\xff", true, nil, ErrPacket},
	{"length without an end", "\x00\x01", true, nil, ErrPacket},
	{"a digit too high", "\x00\x0a\xff2", true, nil, ErrPacket},
	{"endless in binary", "\x00" + strings.Repeat("\x09", 400) + "\xff2", true, nil, ErrPacket},
	{"unknown type in the middle of binary", "\x00\x01\xff2\x00\x01\xffx\x00\x01\xff3", true, []Packet{{Type: Ping}}, ErrPacket},

	// Where we are stricter than it.
	{"exponent", "1e1:4aaaaaaaaa", false, nil, ErrPacket},
	{"unknown type in base64", "6:b9AQI=", false, nil, ErrPacket},
	{"binary data too short", "\x01\x09\xff\x04\x01", true, nil, ErrPacket},
	{"unknown type in bytes", "\x01\x02\xff\x09\x01", true, nil, ErrPacket},
	{"neither text nor bytes", "\x02\x02\xff\x04\x01", true, nil, ErrPacket},
}

// walk3 is walk for protocol 3. With begin set the walk begins anew with the rest behind
// each packet.
func walk3(t *testing.T, body []byte, binary, begin bool) (found []Packet, err error) {
	t.Helper()
	p := NewPayload3(body, binary)
	for {
		packet, ok, err := p.Next()
		if !ok {
			if again, ok2, err2 := p.Next(); ok2 || err2 != err || !equal(packet, Packet{}) || !equal(again, Packet{}) {
				t.Fatalf("Next returns %+v, %v, %v after its end with %v", again, ok2, err2, err)
			}
			return found, err
		}
		if err != nil || cap(packet.Data) != len(packet.Data) {
			t.Fatalf("Next returns %+v with error %v", packet, err)
		}
		if found = append(found, packet); 3*len(found) > len(body) {
			t.Fatalf("%d packets in %d bytes", len(found), len(body))
		}
		if begin {
			rest, more := p.Rest()
			if more != (len(rest) > 0) {
				t.Fatalf("Rest returns %d bytes, %v", len(rest), more)
			}
			if !more {
				return found, nil
			}
			p = NewPayload3(rest, binary)
		}
	}
}

func TestPayload3(t *testing.T) {
	for _, tc := range payloadCases3 {
		t.Run(tc.name, func(t *testing.T) {
			for _, begin := range []bool{false, true} {
				found, err := walk3(t, []byte(tc.wire), tc.binary, begin)
				if !errors.Is(err, tc.err) || !samePackets(found, tc.want) {
					t.Errorf("%q\n got %+v, %v\nwant %+v, %v", tc.wire, found, err, tc.want, tc.err)
				}
			}
		})
	}
}

// appendPayload3 is the body that [Payload] takes apart.
func appendPayload3(packets []Packet, binary bool) (dst []byte) {
	for _, p := range packets {
		var text []byte
		switch {
		case p.Binary && binary:
			dst = AppendBinaryPacket3(dst, p.Data, true)
			continue
		case p.Binary:
			text = AppendBase64(nil, p.Data)
		default:
			text = Append(nil, p)
		}
		if binary {
			dst = AppendBinaryPacket3(dst, text, false)
		} else {
			dst = AppendPacket3(dst, text)
		}
	}
	return dst
}

// TestAppend3 writes what the reference parser does.
func TestAppend3(t *testing.T) {
	for _, tc := range payloadCases3[:14] {
		if tc.want == nil {
			continue // we have no payloads without a packet
		}
		if got := appendPayload3(tc.want, tc.binary); string(got) != tc.wire {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.wire)
		}
	}
	for n := range 100 {
		if got, want := Base64Size(n), len(AppendBase64(nil, make([]byte, n))); got != want {
			t.Errorf("Base64Size(%d) = %d, want %d", n, got, want)
		}
		for _, binary := range []bool{false, true} {
			if got := len(AppendBinaryPacket3(nil, make([]byte, n), binary)); got > n+PacketRoom3 {
				t.Errorf("%d bytes take %d in a payload", n, got)
			}
		}
	}
	if got := Base64Size(math.MaxInt); got != math.MaxInt {
		t.Errorf("Base64Size(MaxInt) = %d", got)
	}
}

// TestUnits counts as JavaScript does, where the fast way of eight bytes begins and ends.
func TestUnits(t *testing.T) {
	for _, char := range []string{"x", "\u00e4", "\u20ac", "\U0001f600", "\ufffd"} {
		for before := range 18 {
			for behind := range 10 {
				s := strings.Repeat("a", before) + char + strings.Repeat("b", behind)
				want := len(utf16.Encode([]rune(s)))
				if got := units([]byte(s)); got != want {
					t.Fatalf("units(%q) = %d, want %d", s, got, want)
				}
				if size, ok := sizeOfUnits([]byte(s+char), want); !ok || size != len(s) {
					t.Fatalf("sizeOfUnits(%q, %d) = %d, %v", s+char, want, size, ok)
				}
				if _, ok := sizeOfUnits([]byte(s), want+1); ok {
					t.Fatalf("sizeOfUnits(%q, %d) is true", s, want+1)
				}
			}
		}
	}
}

// TestPayload3OfManyPackets walks over the most packets that a body of 1 MB can have, and
// over as many that are none.
func TestPayload3OfManyPackets(t *testing.T) {
	for _, tc := range []struct {
		name, packet string
		binary       bool
		want         int
	}{
		{"text", "1:6", false, 333_333},
		{"binary", "\x00\x01\xff6", true, 250_000},
		{"nothing", "0:", false, 0},
	} {
		body := []byte(strings.Repeat(tc.packet, 1_000_000/len(tc.packet)))
		count := 0
		allocs := testing.AllocsPerRun(2, func() {
			count = 0
			p := NewPayload3(body, tc.binary)
			for {
				_, ok, err := p.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				count++
			}
		})
		if count != tc.want || allocs != 0 {
			t.Errorf("%s: %d packets with %v allocations, want %d with none", tc.name, count, allocs, tc.want)
		}
	}
}

// FuzzPayload3 holds the walk to its promises on any body: no panic, no more packets than
// the body can have, the same when it is begun anew behind each packet, valid text, and a
// round trip of what it accepts, in both kinds.
func FuzzPayload3(f *testing.F) {
	for _, tc := range payloadCases3 {
		f.Add([]byte(tc.wire), tc.binary)
	}
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		found, err := walk3(t, bytes.Clone(body), binary, false)
		if err != nil && !errors.Is(err, ErrPacket) {
			t.Fatal(err)
		}
		pieces, err2 := walk3(t, bytes.Clone(body), binary, true)
		if !samePackets(found, pieces) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q\nwhole  %+v, %v\npieces %+v, %v", body, found, err, pieces, err2)
		}
		if err != nil {
			return
		}
		for i, p := range found {
			if !p.Binary && !utf8.Valid(p.Data) {
				// A packet of bytes that is no message cannot be written again.
				found = append(found[:i:i], Packet{Type: p.Type})
				break
			}
		}
		for _, binary := range []bool{false, true} {
			if len(found) == 0 {
				continue
			}
			again, err := walk3(t, appendPayload3(found, binary), binary, false)
			if err != nil || !samePackets(again, found) {
				t.Fatalf("round trip of %q\nfirst  %+v\nsecond %+v, %v", body, found, again, err)
			}
		}
	})
}
