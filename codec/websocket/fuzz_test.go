package websocket

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// fuzzConfig makes a Config of four bits.
func fuzzConfig(mode byte) *Config {
	c := &Config{Client: mode&1 != 0, Deflate: mode&2 != 0}
	if mode&4 != 0 {
		c.MaxMessage = 130
	}
	if mode&8 != 0 {
		c.MaxFragments = 5
	}
	return c
}

// FuzzReader holds a Reader to its promises on any stream: no panic, nothing
// written outside the frame taken (feed checks it), the same messages and the
// same error whole as in pieces, and the same as an oracle that reads slowly.
// cuts are the sizes of the pieces; what they leave over comes as the last.
func FuzzReader(f *testing.F) {
	for _, tc := range streamCases {
		for mode := range byte(16) {
			c := fuzzConfig(mode)
			if c.Client == tc.config.Client && c.Deflate == tc.config.Deflate {
				f.Add(tc.wire, []byte{1, 2, 3, 5}, mode)
			}
		}
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte, mode byte) {
		config := fuzzConfig(mode)
		whole, wholeErr := feed(t, config, stream)

		var pieces [][]byte
		rest := stream
		for _, size := range cuts {
			n := min(int(size), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		cut, cutErr := feed(t, config, append(pieces, rest)...)
		if wholeErr != cutErr || !sameMessages(whole, cut) {
			t.Fatalf("%x\nwhole %s, %v\npieces %s, %v", stream, show(whole), wholeErr, show(cut), cutErr)
		}

		want, wantCode := oracle(config, stream)
		var code uint16
		var e *Error
		if errors.As(wholeErr, &e) {
			code = e.Code
		}
		if code != wantCode || !sameMessages(whole, want) {
			t.Fatalf("%x\nReader %s, %v\noracle %s, %d", stream, show(whole), wholeErr, show(want), wantCode)
		}
	})
}

// oracle reads a stream of which all is there, frame by frame. Headers and their
// rules are those of gobwas/ws, UTF-8 is the standard library's. code is the
// status of the first error, or 0.
func oracle(config *Config, stream []byte) (found []Message, code uint16) {
	limit, most := uint64(config.MaxMessage), config.MaxFragments
	if limit == 0 {
		limit = DefaultMaxMessage
	}
	if most == 0 {
		most = DefaultMaxFragments
	}
	var open *Message
	var count, empty int
	for {
		if len(stream) < 2 {
			return found, 0
		}
		// Enough of the header to hold it to the rules may be there without all
		// of it: the missing bytes are read as zero.
		lengthEnd := 2
		switch stream[1] & 0x7f {
		case 126:
			lengthEnd = 4
		case 127:
			lengthEnd = 10
		}
		padded := append(bytes.Clone(stream), make([]byte, MaxHeader)...)
		if len(stream) < lengthEnd {
			clear(padded[2:])
		}
		src := bytes.NewReader(padded)
		h, err := ws.ReadHeader(src)
		head := len(padded) - src.Len()
		topBit := errors.Is(err, ws.ErrHeaderLengthMSB)
		if topBit {
			h.Mask = [4]byte{}
		}

		state := ws.StateServerSide
		if config.Client {
			state = ws.StateClientSide
		}
		if open != nil {
			state = state.Set(ws.StateFragmented)
		}
		compressed := h.Rsv == 4
		if config.Deflate && compressed && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
			state = state.Set(ws.StateExtended)
		}
		if ws.CheckHeader(h, state) != nil || h.OpCode.IsControl() && stream[1]&0x7f > 125 {
			return found, StatusProtocolError
		}
		if len(stream) < lengthEnd {
			return found, 0
		}
		if topBit {
			return found, StatusProtocolError
		}
		length := uint64(h.Length)
		if !h.OpCode.IsControl() {
			sum := length
			if open != nil {
				sum += uint64(len(open.Data))
			}
			if sum > limit {
				return found, StatusTooBig
			}
			if open != nil && (count == most || length == 0 && empty == maxEmpty) {
				return found, StatusPolicy
			}
		}
		if uint64(len(stream)) < uint64(head)+length {
			return found, 0
		}
		payload := bytes.Clone(stream[head : head+int(length)])
		stream = stream[head+int(length):]
		if h.Masked {
			ws.Cipher(payload, h.Mask, 0)
		}

		if h.OpCode.IsControl() {
			found = append(found, Message{Opcode: Opcode(h.OpCode), Data: payload})
			continue
		}
		if open == nil {
			open, count, empty = &Message{Opcode: Opcode(h.OpCode), Compressed: compressed}, 0, 0
		}
		open.Data = append(open.Data, payload...)
		count++
		if length == 0 {
			empty++
		}
		if open.Opcode == Text && !open.Compressed {
			if broken, whole := textState(open.Data); broken || h.Fin && !whole {
				return found, StatusInvalidPayload
			}
		}
		if h.Fin {
			found = append(found, *open)
			open = nil
		}
	}
}

// textState reports whether p cannot be made UTF-8 by more bytes, and whether it
// is UTF-8 as it stands.
func textState(p []byte) (broken, whole bool) {
	for len(p) > 0 {
		if !utf8.FullRune(p) {
			return false, false
		}
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			return true, false
		}
		p = p[n:]
	}
	return false, true
}

// FuzzHeader holds ParseHeader and Need to what gobwas/ws reads from the same
// bytes: the same header of the same size wherever both accept.
func FuzzHeader(f *testing.F) {
	for _, tc := range headerCases {
		f.Add(unhex(tc.wire))
	}
	f.Add(unhex("82 7f 80 00 00 00 00 00 00 00"))
	f.Add(unhex("83 00"))

	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		h, n, err := ParseHeader(b)
		need := Need(b)
		if !bytes.Equal(b, before) {
			t.Fatal("ParseHeader or Need wrote to its input")
		}
		src := bytes.NewReader(b)
		want, wantErr := ws.ReadHeader(src)
		switch {
		case err != nil || n == 0:
			if n != 0 || h != (Header{}) {
				t.Fatalf("ParseHeader(%x) = %+v, %d, %v", b, h, n, err)
			}
			if err == nil && wantErr == nil {
				t.Fatalf("ParseHeader(%x) waits, gobwas/ws reads %+v", b, want)
			}
		case wantErr != nil:
			t.Fatalf("ParseHeader(%x) = %+v; gobwas/ws says %v", b, h, wantErr)
		default:
			got := ws.Header{Fin: h.Fin, Rsv: h.RSV >> 4, OpCode: ws.OpCode(h.Opcode), Masked: h.Masked, Mask: h.Mask, Length: int64(h.Length)}
			if got != want || n != len(b)-src.Len() {
				t.Fatalf("ParseHeader(%x) = %+v, %d; gobwas/ws reads %+v, %d", b, h, n, want, len(b)-src.Len())
			}
			if h.Length < 1<<30 && need != n+int(h.Length) || need < n {
				t.Fatalf("Need(%x) = %d", b, need)
			}
		}
	})
}

// FuzzRoundTrip writes a message as a client would, in fragments of any size,
// and as a server would, and has it read by a Reader and by gobwas/ws.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("Hello"), uint32(0x37fa213d), true, 2)
	f.Add([]byte(""), uint32(0), false, 0)
	f.Add([]byte("a\u20acb\U0001f600"), uint32(1), true, 1)
	f.Add([]byte("\xff\xfe"), uint32(0xffffffff), true, 1)
	f.Add(bytes.Repeat([]byte("0123456789"), 30), uint32(0x01020304), false, 200)

	f.Fuzz(func(t *testing.T, payload []byte, key uint32, isText bool, size int) {
		if len(payload) > DefaultMaxMessage {
			return
		}
		op := Binary
		if isText {
			op = Text
		}
		mask := [4]byte{byte(key >> 24), byte(key >> 16), byte(key >> 8), byte(key)}
		size = min(max(size, len(payload)/30+1), len(payload)+1) // at most 31 fragments

		// As a client, in fragments; the last may be empty.
		var wire []byte
		for rest, next := payload, op; ; next = Continuation {
			n := min(size, len(rest))
			wire = AppendMaskedFragment(wire, next, n < size, rest[:n], mask)
			if rest = rest[n:]; n < size {
				break
			}
		}
		check(t, server, wire, op, payload)
		if got, err := wsutil.ReadClientMessage(bytes.NewReader(wire), nil); !isText || utf8.Valid(payload) {
			if err != nil || len(got) != 1 || got[0].OpCode != ws.OpCode(op) || !bytes.Equal(got[0].Payload, payload) {
				t.Fatalf("gobwas/ws reads %+v, %v", got, err)
			}
		}

		// As a client and as a server, in one frame.
		check(t, server, AppendMasked(nil, op, payload, mask), op, payload)
		wire = AppendFrame(nil, op, payload)
		check(t, client, wire, op, payload)
		if frame, err := ws.ReadFrame(bytes.NewReader(wire)); err != nil || frame.Header.OpCode != ws.OpCode(op) || !bytes.Equal(frame.Payload, payload) {
			t.Fatalf("gobwas/ws reads %+v, %v", frame, err)
		}
	})
}

// check demands that wire is exactly one message, or is refused because it is
// text that is not UTF-8.
func check(t *testing.T, config *Config, wire []byte, op Opcode, payload []byte) {
	t.Helper()
	found, err := feed(t, config, wire)
	if op == Text && !utf8.Valid(payload) {
		if !errors.Is(err, ErrUTF8) || found != nil {
			t.Fatalf("invalid text: %s, %v", show(found), err)
		}
		return
	}
	if err != nil || !sameMessages(found, []Message{{Opcode: op, Data: payload}}) {
		t.Fatalf("%d messages, %v", len(found), err)
	}
}
