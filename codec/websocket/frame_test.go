package websocket

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

// headerCases pairs headers with their wire form.
var headerCases = []struct {
	name string
	wire string
	want Header
}{
	// RFC 6455, section 5.7.
	{"unmasked text", "81 05", Header{Fin: true, Opcode: Text, Length: 5}},
	{"masked text", "81 85 37 fa 21 3d", Header{Fin: true, Opcode: Text, Length: 5, Masked: true, Mask: testMask}},
	{"first fragment", "01 03", Header{Opcode: Text, Length: 3}},
	{"last fragment", "80 02", Header{Fin: true, Opcode: Continuation, Length: 2}},
	{"ping", "89 05", Header{Fin: true, Opcode: Ping, Length: 5}},
	{"masked pong", "8a 85 37 fa 21 3d", Header{Fin: true, Opcode: Pong, Length: 5, Masked: true, Mask: testMask}},
	{"256 bytes", "82 7e 01 00", Header{Fin: true, Opcode: Binary, Length: 256}},
	{"64 KiB", "82 7f 00 00 00 00 00 01 00 00", Header{Fin: true, Opcode: Binary, Length: 1 << 16}},

	// Ours.
	{"longest header, most bytes", "02 ff 7f ff ff ff ff ff ff ff 37 fa 21 3d", Header{Opcode: Binary, Length: math.MaxInt64, Masked: true, Mask: testMask}},
	{"5 in 16 bits", "82 7e 00 05", Header{Fin: true, Opcode: Binary, Length: 5}},
	{"5 in 64 bits", "82 7f 00 00 00 00 00 00 00 05", Header{Fin: true, Opcode: Binary, Length: 5}},
	{"RSV1", "c1 05", Header{Fin: true, RSV: 0x40, Opcode: Text, Length: 5}},
	{"empty close", "88 00", Header{Fin: true, Opcode: Close}},
}

func TestParseHeader(t *testing.T) {
	for _, tc := range headerCases {
		t.Run(tc.name, func(t *testing.T) {
			wire := unhex(tc.wire)
			for n := range wire {
				if h, took, err := ParseHeader(wire[:n]); took != 0 || err != nil || h != (Header{}) {
					t.Errorf("ParseHeader(%x) = %+v, %d, %v; want nothing yet", wire[:n], h, took, err)
				}
				if need := Need(wire[:n]); need != 0 {
					t.Errorf("Need(%x) = %d", wire[:n], need)
				}
			}
			h, n, err := ParseHeader(append(wire, "payload"...))
			if h != tc.want || n != len(wire) || err != nil {
				t.Errorf("ParseHeader = %+v, %d, %v\nwant %+v, %d", h, n, err, tc.want, len(wire))
			}
			want := len(wire) + int(min(tc.want.Length, math.MaxInt-MaxHeader))
			if tc.want.Length > math.MaxInt-MaxHeader {
				want = math.MaxInt
			}
			if need := Need(wire); need != want {
				t.Errorf("Need = %d, want %d", need, want)
			}
		})
	}
}

func TestParseHeaderRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		wire string
		want error
	}{
		{"opcode 3", "83 00", ErrOpcode},
		{"opcode 7", "07 00", ErrOpcode},
		{"opcode 11", "8b 00", ErrOpcode},
		{"opcode 15", "8f 00", ErrOpcode},
		{"close of 126", "88 7e", ErrControl},
		{"ping of 64 bits", "89 ff", ErrControl},
		{"pong in fragments", "0a 00", ErrControl},
		{"2^63", "82 7f 80 00 00 00 00 00 00 00", ErrLength},
		{"2^64-1", "82 ff ff ff ff ff ff ff ff ff", ErrLength},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := unhex(tc.wire)
			if h, n, err := ParseHeader(wire[:len(wire)-1]); n != 0 || err != nil {
				t.Errorf("one byte before: %+v, %d, %v", h, n, err)
			}
			if h, n, err := ParseHeader(wire); !errors.Is(err, tc.want) || n != 0 || h != (Header{}) {
				t.Errorf("ParseHeader(%x) = %+v, %d, %v; want error %v", wire, h, n, err, tc.want)
			}
		})
	}
}

// TestAppendHeader takes lengths on both sides of each form.
func TestAppendHeader(t *testing.T) {
	for _, tc := range []struct {
		op      Opcode
		fin     bool
		payload int
		want    string
	}{
		{Text, true, 0, "81 00"},
		{Text, false, 125, "01 7d"},
		{Binary, true, 126, "82 7e 00 7e"},
		{Binary, true, 256, "82 7e 01 00"},
		{Continuation, false, math.MaxUint16, "00 7e ff ff"},
		{Binary, true, 1 << 16, "82 7f 00 00 00 00 00 01 00 00"},
		{Continuation, true, math.MaxInt32, "80 7f 00 00 00 00 7f ff ff ff"},
		{Ping, true, 5, "89 05"},
	} {
		want := unhex(tc.want)
		got := AppendHeader([]byte("before"), tc.op, tc.fin, tc.payload)
		if !bytes.Equal(got, append([]byte("before"), want...)) {
			t.Errorf("AppendHeader(%v, %v, %d) = %x, want %x", tc.op, tc.fin, tc.payload, got[6:], want)
		}
		if n := HeaderSize(tc.payload); n != len(want) {
			t.Errorf("HeaderSize(%d) = %d, want %d", tc.payload, n, len(want))
		}
		h, n, err := ParseHeader(want)
		if h != (Header{Opcode: tc.op, Fin: tc.fin, Length: uint64(tc.payload)}) || n != len(want) || err != nil {
			t.Errorf("ParseHeader(%x) = %+v, %d, %v", want, h, n, err)
		}
	}
}

// TestPutHeaderBefore checks that the frame is AppendFrame's, that nothing
// around the header is written, and that too little room is no silent damage.
func TestPutHeaderBefore(t *testing.T) {
	for _, size := range []int{0, 125, 126, math.MaxUint16, 1 << 16} {
		payload := strings.Repeat("x", size)
		const at = 3 + MaxServerHeader
		buf := append([]byte("..."), make([]byte, MaxServerHeader)...)
		buf = append(append(buf, payload...), "after"...)
		start := PutHeaderBefore(buf, at, Text, size)
		if want := AppendFrame(nil, Text, []byte(payload)); !bytes.Equal(buf[start:at+size], want) {
			t.Errorf("%d bytes: the frame is not AppendFrame's", size)
		}
		if string(buf[:3]) != "..." || !bytes.Equal(buf[3:start], make([]byte, start-3)) || string(buf[at+size:]) != "after" {
			t.Errorf("%d bytes: written beyond the header", size)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a header of 4 bytes fitted into 3")
		}
	}()
	PutHeaderBefore(make([]byte, 200), 3, Text, 126)
}

func TestAppendFrame(t *testing.T) {
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		// RFC 6455, section 5.7.
		{"text", AppendFrame(nil, Text, []byte("Hello")), "81 05 48 65 6c 6c 6f"},
		{"ping", AppendFrame(nil, Ping, []byte("Hello")), "89 05 48 65 6c 6c 6f"},
		{"masked text", AppendMasked(nil, Text, []byte("Hello"), testMask), "81 85 37 fa 21 3d 7f 9f 4d 51 58"},
		{"masked pong", AppendMasked(nil, Pong, []byte("Hello"), testMask), "8a 85 37 fa 21 3d 7f 9f 4d 51 58"},

		{"empty", AppendFrame(nil, Binary, nil), "82 00"},
		{"masked empty", AppendMasked(nil, Binary, nil, testMask), "82 80 37 fa 21 3d"},
		{"behind another", AppendFrame(AppendFrame(nil, Pong, nil), Text, []byte("a")), "8a 00 81 01 61"},
		{"masked fragment", AppendMaskedFragment(nil, Text, false, []byte("Hel"), testMask), "01 83 37 fa 21 3d 7f 9f 4d"},
	} {
		if want := unhex(tc.want); !bytes.Equal(tc.got, want) {
			t.Errorf("%s: %x, want %x", tc.name, tc.got, want)
		}
	}
	payload := []byte("Hello")
	if AppendMasked(nil, Text, payload, testMask); string(payload) != "Hello" {
		t.Error("AppendMasked masks its argument")
	}
}

func TestOpcode(t *testing.T) {
	names := map[Opcode]string{Continuation: "continuation", Text: "text", Binary: "binary", Close: "close", Ping: "ping", Pong: "pong"}
	for op := Opcode(0); op < 16; op++ {
		name, ok := names[op]
		if !ok {
			name = "reserved"
		}
		if op.String() != name || op.known() != ok || op.Control() != (op >= 8) {
			t.Errorf("opcode %d: %v, known %v, control %v", op, op, op.known(), op.Control())
		}
	}
}

// TestFramesDoNotAllocate: into a buffer with room, nothing that makes or reads
// a frame allocates.
func TestFramesDoNotAllocate(t *testing.T) {
	payload, buf := make([]byte, 300), make([]byte, 1000)
	wire := unhex("02 ff 7f ff ff ff ff ff ff ff 37 fa 21 3d")
	for _, tc := range []struct {
		name string
		f    func()
	}{
		{"ParseHeader", func() { _, _, _ = ParseHeader(wire) }},
		{"Need", func() { _ = Need(wire) }},
		{"AppendHeader", func() { _ = AppendHeader(buf[:0], Text, true, 70_000) }},
		{"PutHeaderBefore", func() { _ = PutHeaderBefore(buf, 10, Text, 300) }},
		{"AppendFrame", func() { _ = AppendFrame(buf[:0], Text, payload) }},
		{"AppendMasked", func() { _ = AppendMasked(buf[:0], Text, payload, testMask) }},
		{"AppendClose", func() { _ = AppendClose(buf[:0], StatusGoingAway, "the server stops") }},
		{"ParseClose", func() { _, _, _ = ParseClose(payload[:20]) }},
		{"AppendAccept", func() { _ = AppendAccept(buf[:0], payload[:KeySize]) }},
		{"ValidKey", func() { _ = ValidKey(payload[:KeySize]) }},
	} {
		if allocs := testing.AllocsPerRun(100, tc.f); allocs != 0 {
			t.Errorf("%s allocates %v times a call, want 0", tc.name, allocs)
		}
	}
}
