package websocket

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unsafe"
)

var (
	server  = &Config{}
	client  = &Config{Client: true}
	deflate = &Config{Deflate: true}
	small   = &Config{MaxMessage: 10, MaxFragments: 4}
)

// text and its kin say what a stream should yield.
func text(s string) Message { return Message{Opcode: Text, Data: []byte(s)} }
func blob(s string) Message { return Message{Opcode: Binary, Data: []byte(s)} }
func control(op Opcode, s string) Message {
	return Message{Opcode: op, Data: []byte(s)}
}

// streamCases are streams with what comes out of them, up to the error if there
// is one. Tests and fuzz seeds draw on it.
var streamCases = []struct {
	name   string
	config *Config
	wire   []byte
	want   []Message
	err    error
}{
	// RFC 6455, section 5.7.
	{"unmasked text", client, unhex("81 05 48 65 6c 6c 6f"), []Message{text("Hello")}, nil},
	{"masked text", server, unhex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), []Message{text("Hello")}, nil},
	{"unmasked text in two fragments", client, unhex("01 03 48 65 6c 80 02 6c 6f"), []Message{text("Hello")}, nil},
	{"unmasked ping", client, unhex("89 05 48 65 6c 6c 6f"), []Message{control(Ping, "Hello")}, nil},
	{"masked pong", server, unhex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), []Message{control(Pong, "Hello")}, nil},
	{"256 bytes", client, join(unhex("82 7e 01 00"), make([]byte, 256)), []Message{blob(string(make([]byte, 256)))}, nil},

	// RFC 6455, section 5.4.
	{"fragments with a ping between", server,
		join(
			AppendMaskedFragment(nil, Text, false, []byte("He"), testMask),
			masked(Ping, "?"),
			AppendMaskedFragment(nil, Continuation, false, []byte("l"), testMask),
			masked(Pong, ""),
			AppendMaskedFragment(nil, Continuation, true, []byte("lo"), testMask),
			masked(Text, "next"),
		),
		[]Message{control(Ping, "?"), control(Pong, ""), text("Hello"), text("next")}, nil},
	{"binary in fragments of one byte", server, fragmented(Binary, "\x00\xff\xfe", 1), []Message{blob("\x00\xff\xfe")}, nil},
	{"close between fragments", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("He"), testMask), masked(Close, "\x03\xe8bye")),
		[]Message{control(Close, "\x03\xe8bye")}, nil},
	{"continuation first", server, masked(Continuation, "x"), nil, ErrOrder},
	{"continuation after the last", server, join(fragmented(Text, "ab", 1), masked(Continuation, "x")), []Message{text("ab")}, ErrOrder},
	{"message inside message", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("He"), testMask), masked(Text, "x")), nil, ErrOrder},
	{"first fragment inside message", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("He"), testMask), AppendMaskedFragment(nil, Binary, false, nil, testMask)), nil, ErrOrder},

	// Sizes.
	{"empty messages", server, join(masked(Text, ""), masked(Binary, ""), masked(Ping, "")),
		[]Message{text(""), blob(""), control(Ping, "")}, nil},
	{"empty fragments", server, join(
		AppendMaskedFragment(nil, Text, false, nil, testMask),
		AppendMaskedFragment(nil, Continuation, false, nil, testMask),
		AppendMaskedFragment(nil, Continuation, true, nil, testMask)), []Message{text("")}, nil},
	{"length of 5 in 16 bits", client, unhex("81 7e 00 05 48 65 6c 6c 6f"), []Message{text("Hello")}, nil},
	{"length of 5 in 64 bits", server, unhex("81 ff 00 00 00 00 00 00 00 05 37 fa 21 3d 7f 9f 4d 51 58"), []Message{text("Hello")}, nil},
	{"125 and 126 bytes", server, join(masked(Binary, strings.Repeat("x", 125)), masked(Binary, strings.Repeat("y", 126))),
		[]Message{blob(strings.Repeat("x", 125)), blob(strings.Repeat("y", 126))}, nil},
	{"as big as allowed", small, masked(Binary, "0123456789"), []Message{blob("0123456789")}, nil},
	{"one byte more", small, masked(Binary, "0123456789x"), nil, ErrTooBig},
	{"fragments as big as allowed", small, fragmented(Text, "0123456789", 4), []Message{text("0123456789")}, nil},
	{"fragments, one byte more", small, fragmented(Text, "0123456789x", 4), nil, ErrTooBig},
	{"as many fragments as allowed", small, fragmented(Text, "abcd", 1), []Message{text("abcd")}, nil},
	{"one fragment more", small, fragmented(Text, "abcde", 1), nil, ErrFragments},
	{"the count starts again", small, join(fragmented(Text, "abcd", 1), fragmented(Binary, "efgh", 1)),
		[]Message{text("abcd"), blob("efgh")}, nil},
	{"a control frame is under its own limit", small, masked(Ping, strings.Repeat("p", 125)), []Message{control(Ping, strings.Repeat("p", 125))}, nil},

	// Refused by the first two bytes.
	{"client without mask", server, unhex("81 05 48 65 6c 6c 6f"), nil, ErrMasking},
	{"ping without mask", server, unhex("89 00"), nil, ErrMasking},
	{"server with mask", client, masked(Text, "Hello"), nil, ErrMasking},
	{"RSV1", server, unhex("c1 85 37 fa 21 3d 7f 9f 4d 51 58"), nil, ErrReserved},
	{"RSV2", server, unhex("a1 85 37 fa 21 3d 7f 9f 4d 51 58"), nil, ErrReserved},
	{"RSV3", server, unhex("91 85 37 fa 21 3d 7f 9f 4d 51 58"), nil, ErrReserved},
	{"opcode 3", server, unhex("83 80 00 00 00 00"), nil, ErrOpcode},
	{"opcode 7", server, unhex("87 80 00 00 00 00"), nil, ErrOpcode},
	{"opcode 11", server, unhex("8b 80 00 00 00 00"), nil, ErrOpcode},
	{"opcode 15", server, unhex("8f 80 00 00 00 00"), nil, ErrOpcode},
	{"fragmented ping", server, unhex("09 80 00 00 00 00"), nil, ErrControl},
	{"fragmented close", server, unhex("08 80 00 00 00 00"), nil, ErrControl},
	{"ping of 126 bytes", server, masked(Ping, strings.Repeat("p", 126)), nil, ErrControl},
	{"pong of 5 bytes with a long length", server, unhex("8a fe 00 05 37 fa 21 3d 7f 9f 4d 51 58"), nil, ErrControl},

	// Text, section 8.1. U+20AC is e2 82 ac.
	{"characters cut by fragments", server, fragmented(Text, "a\u20acb\U0001f600", 1), []Message{text("a\u20acb\U0001f600")}, nil},
	{"not UTF-8", server, masked(Text, "ab\xff"), nil, ErrUTF8},
	{"not UTF-8, without mask", client, unhex("81 01 ff"), nil, ErrUTF8},
	{"character cut by the end", server, masked(Text, "ab\xe2\x82"), nil, ErrUTF8},
	{"surrogate", server, masked(Text, "\xed\xa0\x80"), nil, ErrUTF8},
	{"overlong", server, masked(Text, "\xc0\xaf"), nil, ErrUTF8},
	{"not UTF-8 in the second fragment", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("\xe2\x82"), testMask), AppendMaskedFragment(nil, Continuation, false, []byte("a"), testMask)),
		nil, ErrUTF8},
	{"character cut by the last fragment", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("\xe2"), testMask), AppendMaskedFragment(nil, Continuation, true, []byte("\x82"), testMask)),
		nil, ErrUTF8},
	{"character cut by an empty last fragment", server,
		join(AppendMaskedFragment(nil, Text, false, []byte("\xe2\x82"), testMask), AppendMaskedFragment(nil, Continuation, true, nil, testMask)),
		nil, ErrUTF8},
	{"a fragment's rest does not reach the next message", server,
		join(fragmented(Text, "\u20ac", 2), fragmented(Text, "\u20ac", 1)), []Message{text("\u20ac"), text("\u20ac")}, nil},

	// permessage-deflate, RFC 7692, section 6; the payload is that of 7.2.3.1.
	{"compressed", deflate, unhex("c1 87 00 00 00 00 f2 48 cd c9 c9 07 00"),
		[]Message{{Opcode: Text, Compressed: true, Data: unhex("f2 48 cd c9 c9 07 00")}}, nil},
	{"compressed in fragments", deflate, unhex("41 83 00 00 00 00 f2 48 cd 80 84 00 00 00 00 c9 c9 07 00"),
		[]Message{{Opcode: Text, Compressed: true, Data: unhex("f2 48 cd c9 c9 07 00")}}, nil},
	{"plain beside compressed", deflate, join(unhex("c2 80 00 00 00 00"), masked(Text, "a")),
		[]Message{{Opcode: Binary, Compressed: true}, text("a")}, nil},
	{"RSV1 on a continuation", deflate, unhex("41 80 00 00 00 00 c0 80 00 00 00 00"), nil, ErrReserved},
	{"RSV1 on a ping", deflate, unhex("c9 80 00 00 00 00"), nil, ErrReserved},
	{"RSV1 and RSV2", deflate, unhex("e1 80 00 00 00 00"), nil, ErrReserved},
	{"plain text is still checked", deflate, masked(Text, "\xff"), nil, ErrUTF8},
}

// TestReader feeds every stream whole, byte by byte, and cut at every place.
func TestReader(t *testing.T) {
	for _, tc := range streamCases {
		t.Run(tc.name, func(t *testing.T) {
			check := func(how string, at int, pieces ...[]byte) {
				t.Helper()
				found, err := feed(t, tc.config, pieces...)
				if !errors.Is(err, tc.err) {
					t.Fatalf("%s %d: error %v, want %v", how, at, err, tc.err)
				}
				if !sameMessages(found, tc.want) {
					t.Fatalf("%s %d:\n got %s\nwant %s", how, at, show(found), show(tc.want))
				}
			}
			check("whole", 0, tc.wire)
			check("byte by byte", 0, bytewise(tc.wire)...)
			for at := range tc.wire {
				check("cut at", at, tc.wire[:at], tc.wire[at:])
			}
		})
	}
}

// TestReaderLongFrames has the lengths around the border of 16 bits.
func TestReaderLongFrames(t *testing.T) {
	for _, size := range []int{math.MaxUint16 - 1, math.MaxUint16, math.MaxUint16 + 1, DefaultMaxMessage} {
		payload := strings.Repeat("x", size)
		wire := masked(Text, payload)
		for _, at := range []int{0, 2, 9, 10, 13, 14, size / 2, len(wire) - 1} {
			found, err := feed(t, server, wire[:at], wire[at:])
			if err != nil || !sameMessages(found, []Message{text(payload)}) {
				t.Errorf("%d bytes cut at %d: %d messages, %v", size, at, len(found), err)
			}
		}
	}
}

// TestReaderRefusesEarly checks that a frame is refused by the last byte of the
// part of its header that breaks a rule, and not one byte before.
func TestReaderRefusesEarly(t *testing.T) {
	open := AppendMaskedFragment(nil, Binary, false, []byte("01234"), testMask)
	most := &Config{MaxMessage: math.MaxInt}
	for _, tc := range []struct {
		name   string
		config *Config
		before []byte
		head   string
		want   error
	}{
		{"RSV1", server, nil, "c1 85", ErrReserved},
		{"opcode 3", server, nil, "83 85", ErrOpcode},
		{"long ping", server, nil, "89 fe", ErrControl},
		{"fragmented ping", server, nil, "09 80", ErrControl},
		{"continuation first", server, nil, "80 81", ErrOrder},
		{"message inside message", server, open, "81 81", ErrOrder},
		{"no mask", server, nil, "81 7f", ErrMasking},
		{"length 2^64-1", server, nil, "82 ff ff ff ff ff ff ff ff ff", ErrLength},
		{"length 2^63", server, nil, "82 ff 80 00 00 00 00 00 00 00", ErrLength},
		{"length 2^63, no limit", most, nil, "82 ff 80 00 00 00 00 00 00 00", ErrLength},
		{"length 2^63-1", server, nil, "82 ff 7f ff ff ff ff ff ff ff", ErrTooBig},
		{"length 2^32", server, nil, "82 ff 00 00 00 01 00 00 00 00", ErrTooBig},
		{"length 1,000,001", server, nil, "82 ff 00 00 00 00 00 0f 42 41", ErrTooBig},
		{"length 11 of 10", small, nil, "82 fe 00 0b", ErrTooBig},
		{"sum of fragments 11 of 10", small, open, "80 fe 00 06", ErrTooBig},
		{"sum of fragments 2^63-1+5", server, open, "80 ff 7f ff ff ff ff ff ff ff", ErrTooBig},
		{"sum of fragments 2^63-1+5, no limit", most, open, "00 ff 7f ff ff ff ff ff ff ff", ErrTooBig},
		{"fifth fragment of 4", small, join(open, unhex("00 80 00 00 00 00 00 80 00 00 00 00 00 80 00 00 00 00")), "80 fe 00 01", ErrFragments},
	} {
		t.Run(tc.name, func(t *testing.T) {
			head := unhex(tc.head)
			early := head[:len(head)-1]
			if found, err := feed(t, tc.config, tc.before, early); err != nil || found != nil {
				t.Errorf("%x: %v, %v; want nothing yet", early, found, err)
			}
			if found, err := feed(t, tc.config, tc.before, head); !errors.Is(err, tc.want) || found != nil {
				t.Errorf("%x: %v, %v; want error %v", head, found, err, tc.want)
			}
		})
	}
}

// TestReaderBelievesNoLength announces the most that an unlimited Reader takes:
// it waits, and holds no memory for it.
func TestReaderBelievesNoLength(t *testing.T) {
	r := Reader{Config: &Config{MaxMessage: math.MaxInt}}
	wire := append(appendHeader(nil, Binary, true, math.MaxInt, bitMask), testMask[:]...)
	allocs := testing.AllocsPerRun(100, func() {
		if _, n, err := r.Next(wire); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	})
	if allocs != 0 || r.open != nil {
		t.Errorf("an announced length costs %v allocations", allocs)
	}
	if need := Need(wire); need != math.MaxInt {
		t.Errorf("Need = %d, want all that an int can count", need)
	}
}

// TestReaderFloods plays the floods that bytes do not bound: many fragments of
// one byte, many of none.
func TestReaderFloods(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payload string
		want    int // fragments that are taken
	}{
		{"one byte", "x", DefaultMaxFragments},
		{"empty", "", maxEmpty},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Reader{Config: server}
			first := AppendMaskedFragment(nil, Text, false, []byte(tc.payload), testMask)
			next := AppendMaskedFragment(nil, Continuation, false, []byte(tc.payload), testMask)
			wire, taken := first, 0
			for range 200_000 {
				_, n, err := r.Next(bytes.Clone(wire))
				if err != nil {
					if !errors.Is(err, ErrFragments) || taken != tc.want {
						t.Errorf("%v after %d fragments, want %v after %d", err, taken, ErrFragments, tc.want)
					}
					return
				}
				if n != len(wire) {
					t.Fatalf("took %d of %d bytes", n, len(wire))
				}
				checkBuffer(t, &r)
				wire, taken = next, taken+1
			}
			t.Error("200,000 fragments were taken")
		})
	}
}

// TestReaderControlFloods checks that pings between fragments neither count as
// fragments nor touch the message under way.
func TestReaderControlFloods(t *testing.T) {
	r := Reader{Config: small}
	next := func(wire []byte) Message {
		m, n, err := r.Next(wire)
		if n != len(wire) || err != nil {
			t.Fatal(n, err)
		}
		return m
	}
	next(AppendMaskedFragment(nil, Text, false, []byte("a"), testMask))
	for range 240_000 {
		if m := next(AppendMasked(nil, Ping, []byte("?"), testMask)); m.Opcode != Ping || string(m.Data) != "?" {
			t.Fatalf("got %+v", m)
		}
	}
	if m := next(AppendMaskedFragment(nil, Continuation, true, []byte("b"), testMask)); string(m.Data) != "ab" {
		t.Errorf("got %q", m.Data)
	}
	if r.open != nil {
		t.Error("the buffer is kept after the message")
	}
}

// TestReaderGrowth sends messages up to the limit in fragments of many sizes and
// checks the buffer at each step, and the bytes at the end.
func TestReaderGrowth(t *testing.T) {
	config := &Config{MaxMessage: 100_000}
	payload := make([]byte, config.MaxMessage)
	for i := range payload {
		payload[i] = byte(i*i>>3 ^ i)
	}
	for _, size := range []int{7, 100, 511, 513, 33_333, 50_000, 99_999} {
		r := Reader{Config: config}
		for b := fragmented(Binary, string(payload), size); ; {
			m, n, err := r.Next(b)
			if err != nil || n == 0 {
				t.Fatalf("fragments of %d: %d, %v", size, n, err)
			}
			if m.Opcode == Binary {
				if !bytes.Equal(m.Data, payload) {
					t.Errorf("fragments of %d: the message is not what was sent", size)
				}
				break
			}
			checkBuffer(t, &r)
			b = b[n:]
		}
	}
}

// TestReaderDataIsAView checks that no payload is copied that came in one frame.
func TestReaderDataIsAView(t *testing.T) {
	r := Reader{Config: server}
	wire := masked(Text, "Hello")
	m, _, err := r.Next(wire)
	if err != nil {
		t.Fatal(err)
	}
	if &m.Data[0] != &wire[6] || string(wire[6:]) != "Hello" {
		t.Error("Data is not the payload in the input")
	}
}

func TestReaderIsTwoWords(t *testing.T) {
	if size := unsafe.Sizeof(Reader{}); size != 2*unsafe.Sizeof(uintptr(0)) {
		t.Errorf("a Reader has %d bytes", size)
	}
}

// TestReaderDoesNotAllocate keeps the promise in Next's comment. The mask is
// zero, so that the frame can be read again and again.
func TestReaderDoesNotAllocate(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire []byte
	}{
		{"text", AppendMasked(nil, Text, []byte(strings.Repeat("a", 300)), [4]byte{})},
		{"text beyond ASCII", AppendMasked(nil, Text, []byte(strings.Repeat("\u20ac", 300)), [4]byte{})},
		{"binary", AppendMasked(nil, Binary, make([]byte, 70_000), [4]byte{})},
		{"ping", AppendMasked(nil, Ping, make([]byte, 5), [4]byte{})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Reader{Config: server}
			allocs := testing.AllocsPerRun(100, func() {
				if _, n, err := r.Next(tc.wire); n != len(tc.wire) || err != nil {
					t.Fatal(n, err)
				}
			})
			if allocs != 0 {
				t.Errorf("Next allocates %v times a call, want 0", allocs)
			}
		})
	}
}
