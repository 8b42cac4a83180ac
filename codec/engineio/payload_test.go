package engineio

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func message(s string) Packet { return Packet{Type: Message, Data: []byte(s)} }
func blob(s string) Packet    { return Packet{Type: Message, Binary: true, Data: []byte(s)} }

// payloadCases are bodies with the packets in them, up to the error if there is
// one.
var payloadCases = []struct {
	name string
	wire string
	want []Packet
	err  error
}{
	// From the protocol document, "HTTP long-polling" under "Packet encoding",
	// and the reference parser's tests.
	{"text", "4hello\x1e2\x1e4world", []Packet{message("hello"), {Type: Ping}, message("world")}, nil},
	{"text beyond ASCII", "4hello\x1e2\x1e4\u20ac", []Packet{message("hello"), {Type: Ping}, message("\u20ac")}, nil},
	{"text and binary", "4hello\x1ebAQIDBA==", []Packet{message("hello"), blob("\x01\x02\x03\x04")}, nil},
	{"binary first", "bAQIDBA==\x1e4hello", []Packet{blob("\x01\x02\x03\x04"), message("hello")}, nil},
	{"two messages", "4test1\x1e4test2", []Packet{message("test1"), message("test2")}, nil},
	{"one packet", "1", []Packet{{Type: Close}}, nil},
	{"empty body", "", nil, ErrPacket},
	{"unknown type", "{", nil, ErrPacket},
	{"braces", "{}", nil, ErrPacket},
	{"array", `["a123", "a456"]`, nil, ErrPacket},

	// Ours.
	{"binary packets beside each other", "bAQ==\x1ebAgM=\x1eb\x1ebBAUG", []Packet{blob("\x01"), blob("\x02\x03"), blob(""), blob("\x04\x05\x06")}, nil},
	{"binary without padding", "bAQ\x1ebAgM\x1e4a", []Packet{blob("\x01"), blob("\x02\x03"), message("a")}, nil},
	{"empty messages", "4\x1e4", []Packet{message(""), message("")}, nil},
	{"separator alone", "\x1e", nil, ErrPacket},
	{"separator in front", "\x1e4a", nil, ErrPacket},
	{"separator at the end", "4a\x1e", []Packet{message("a")}, ErrPacket},
	{"two separators", "4a\x1e\x1e4b", []Packet{message("a")}, ErrPacket},
	{"unknown type in the middle", "4a\x1e7\x1e4b", []Packet{message("a")}, ErrPacket},
	{"bad base64 in the middle", "4a\x1ebA\x1e4b", []Packet{message("a")}, ErrPacket},
	{"not UTF-8", "4a\x1e4\xff\x1e4b", []Packet{message("a")}, ErrPacket},
	{"surrogate", "4\xed\xa0\x80", nil, ErrPacket},
	{"character cut by a separator", "4\xe2\x82\x1e\xac", nil, ErrPacket},
	{"length of protocol 3", "6:4hello", []Packet{{Type: Noop, Data: []byte(":4hello")}}, nil},
	{"binary of protocol 3", "\x01\x03\xff\x04", nil, ErrPacket},
}

// walk takes all packets of a body. It fails if Next goes on after its end.
func walk(t *testing.T, body []byte) (found []Packet, err error) {
	t.Helper()
	size := len(body)
	p := NewPayload(body)
	for {
		packet, ok, err := p.Next()
		if !ok {
			for range 3 {
				packet2, ok2, err2 := p.Next()
				if ok2 || err2 != err || !equal(packet, Packet{}) || !equal(packet2, Packet{}) {
					t.Fatalf("Next returns %+v, %v, %v after its end with %v", packet2, ok2, err2, err)
				}
			}
			return found, err
		}
		if err != nil {
			t.Fatalf("Next returns a packet and error %v", err)
		}
		if cap(packet.Data) != len(packet.Data) {
			t.Fatalf("Data has room for %d bytes more", cap(packet.Data)-len(packet.Data))
		}
		if found = append(found, packet); len(found) > size {
			t.Fatalf("%d packets in %d bytes", len(found), size)
		}
	}
}

func samePackets(a, b []Packet) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// appendPayload joins packets to a body.
func appendPayload(dst []byte, packets []Packet) []byte {
	for i, p := range packets {
		if i > 0 {
			dst = append(dst, Separator)
		}
		dst = Append(dst, p)
	}
	return dst
}

// TestPayload compares all packets after the walk is over, so it also checks
// that decoding one in place leaves the others as they are.
func TestPayload(t *testing.T) {
	for _, tc := range payloadCases {
		t.Run(tc.name, func(t *testing.T) {
			found, err := walk(t, []byte(tc.wire))
			if !errors.Is(err, tc.err) || !samePackets(found, tc.want) {
				t.Errorf("%q\n got %+v, %v\nwant %+v, %v", tc.wire, found, err, tc.want, tc.err)
			}
		})
	}
}

// TestPayloadOfManyPackets walks over 450,000 packets: the most that a body of
// 900 kB can have, and what an attacker sends to have objects made of them.
func TestPayloadOfManyPackets(t *testing.T) {
	body := []byte(strings.Repeat("4\x1e", 449_999) + "4")
	count := 0
	allocs := testing.AllocsPerRun(5, func() {
		count = 0
		p := NewPayload(body)
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
	if count != 450_000 || allocs != 0 {
		t.Errorf("%d packets with %v allocations, want 450000 with none", count, allocs)
	}
}

// TestDoesNotAllocate keeps the promises of the comments.
func TestDoesNotAllocate(t *testing.T) {
	body, buf := make([]byte, 0, 200), make([]byte, 0, 400)
	handshake := &Handshake{SID: "lv_VI97HAXpY6yYWAAAC", Upgrades: []string{"websocket"}, PingInterval: 25e9, PingTimeout: 20e9, MaxPayload: 1e6}
	for _, tc := range []struct {
		name string
		f    func()
	}{
		{"Parse", func() { _, _ = Parse(append(body, "42[\"a\"]"...)) }},
		{"Parse of binary", func() { _, _ = Parse(append(body, "bAQIDBAUGBwgJ"...)) }},
		{"Parse of nonsense", func() { _, _ = Parse(append(body, "x"...)) }},
		{"Payload", func() {
			p := NewPayload(append(body, "4hello\x1ebAQIDBA==\x1e4\u20ac"...))
			for ok := true; ok; _, ok, _ = p.Next() {
			}
		}},
		{"Append", func() { _ = Append(buf, Packet{Type: Message, Data: body[:100]}) }},
		{"AppendBinary", func() { _ = AppendBinary(buf, body[:100]) }},
		{"AppendHandshake", func() { _ = AppendHandshake(buf, handshake) }},
	} {
		if allocs := testing.AllocsPerRun(100, tc.f); allocs != 0 {
			t.Errorf("%s allocates %v times a call, want 0", tc.name, allocs)
		}
	}
}

// FuzzPayload holds the walk to its promises on any body: no panic, no more
// packets than the body can have, the same answer as splitting the body first
// and parsing each part, and a round trip of what it accepts.
func FuzzPayload(f *testing.F) {
	for _, tc := range payloadCases {
		f.Add([]byte(tc.wire))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want []Packet
		var wantErr error
		for _, part := range bytes.Split(bytes.Clone(body), []byte{Separator}) {
			p, err := Parse(part)
			if err != nil || !p.Binary && !utf8.Valid(p.Data) {
				wantErr = ErrPacket
				break
			}
			want = append(want, p)
		}
		found, err := walk(t, bytes.Clone(body))
		if !errors.Is(err, wantErr) || !samePackets(found, want) {
			t.Fatalf("%q\n got %+v, %v\nwant %+v, %v", body, found, err, want, wantErr)
		}
		if len(found) > (len(body)+1)/2 {
			t.Fatalf("%d packets in %d bytes", len(found), len(body))
		}
		if err != nil {
			return
		}
		again, err := walk(t, appendPayload(nil, found))
		if err != nil || !samePackets(again, found) {
			t.Fatalf("round trip of %q\nfirst  %+v\nsecond %+v, %v", body, found, again, err)
		}
	})
}
