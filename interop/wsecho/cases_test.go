package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// The cases are what the fuzzingclient of the Autobahn Testsuite asks for, by its numbers,
// in words and payloads of our own, and held to more strictly: what is legal is answered in
// order and in full, what is not ends the connection with the code that says so, as soon as
// it can be told.

// A wsCase sends frames, expects answers, and then that the connection is failed with a
// code, or, if that is 0, that it can be closed.
type wsCase struct {
	name string
	send []byte
	want []websocket.Message
	code uint16
}

type messages = []websocket.Message

const (
	broken = websocket.StatusProtocolError
	noText = websocket.StatusInvalidPayload
)

// play has every case come in one write, byte by byte, and, where it is long, in pieces.
func play(t *testing.T, addr string, all []wsCase) {
	for _, tc := range all {
		chops := []int{0, 1}
		if len(tc.send) > 2000 {
			chops = []int{0, 997}
		}
		for _, chop := range chops {
			name := tc.name
			if chop > 0 {
				name += fmt.Sprintf(", in pieces of %d", chop)
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := dial(t, addr, "")
				p.chop = chop
				go p.write(append([]byte(nil), tc.send...))
				p.expect(tc.want...)
				if tc.code != 0 {
					p.failed(tc.code)
				} else {
					p.closes()
				}
			})
		}
	}
}

// TestFraming is 1.*: messages of every size of header.
func TestFraming(t *testing.T) {
	var all []wsCase
	for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 100_000} {
		s := strings.Repeat("*", n)
		b := strings.Repeat("\xfe", n)
		all = append(all,
			wsCase{name: fmt.Sprintf("1.1: text of %d bytes", n), send: frame(websocket.Text, s), want: messages{text(s)}},
			wsCase{name: fmt.Sprintf("1.2: %d bytes", n), send: frame(websocket.Binary, b), want: messages{binary(b)}})
	}
	play(t, plainAddr, all)
}

// TestPings is 2.*.
func TestPings(t *testing.T) {
	full := strings.Repeat("\xfe", 125)
	ten, pongs := []byte(nil), messages(nil)
	for i := range 10 {
		s := fmt.Sprint("number ", i)
		ten, pongs = append(ten, frame(websocket.Ping, s)...), append(pongs, pong(s))
	}
	play(t, plainAddr, []wsCase{
		{"2.1: without payload", frame(websocket.Ping, ""), messages{pong("")}, 0},
		{"2.2: with text", frame(websocket.Ping, "Hi!"), messages{pong("Hi!")}, 0},
		{"2.3: with bytes", frame(websocket.Ping, "\x00\xff\xfe\xfd\x80"), messages{pong("\x00\xff\xfe\xfd\x80")}, 0},
		{"2.4: with 125 bytes", frame(websocket.Ping, full), messages{pong(full)}, 0},
		{"2.5: with 126 bytes", frame(websocket.Ping, full+"x"), nil, broken},
		{"2.7: a pong that nobody asked for", frame(websocket.Pong, ""), nil, 0},
		{"2.8: the same with payload", frame(websocket.Pong, "unasked"), nil, 0},
		{"2.9: and then a ping", join(frame(websocket.Pong, "unasked"), frame(websocket.Ping, "asked")), messages{pong("asked")}, 0},
		{"2.10: ten", ten, pongs, 0},
	})
}

// TestReservedBits is 3.*.
func TestReservedBits(t *testing.T) {
	hello := func() []byte { return frame(websocket.Text, "hello") }
	play(t, plainAddr, []wsCase{
		{"3.1: RSV1", marked(4, hello()), nil, broken},
		{"3.2: RSV2 behind a message", join(hello(), marked(2, hello()), frame(websocket.Ping, "")), messages{text("hello")}, broken},
		{"3.3: RSV1 and 2 behind a message", join(hello(), marked(6, hello()), frame(websocket.Ping, "")), messages{text("hello")}, broken},
		{"3.4: RSV3 behind a message", join(hello(), marked(1, hello()), frame(websocket.Ping, "")), messages{text("hello")}, broken},
		{"3.5: RSV1 and 3 on bytes", marked(5, frame(websocket.Binary, "\xff\xfe")), nil, broken},
		{"3.6: RSV2 and 3 on a ping", marked(3, frame(websocket.Ping, "x")), nil, broken},
		{"3.7: all on a close frame", marked(7, frame(websocket.Close, "\x03\xe8")), nil, broken},
	})
}

// TestReservedOpcodes is 4.*.
func TestReservedOpcodes(t *testing.T) {
	var all []wsCase
	hello := frame(websocket.Text, "hello")
	for _, op := range []websocket.Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		all = append(all,
			wsCase{fmt.Sprintf("4.1: opcode %d", op), frame(op, ""), nil, broken},
			wsCase{fmt.Sprintf("4.2: opcode %d with payload", op), frame(op, "payload"), nil, broken},
			wsCase{fmt.Sprintf("4.3: opcode %d behind a message", op), join(hello, frame(op, "payload"), frame(websocket.Ping, "")), messages{text("hello")}, broken})
	}
	play(t, plainAddr, all)
}

// TestFragments is 5.*.
func TestFragments(t *testing.T) {
	first, last := part(websocket.Text, false, "one "), part(websocket.Continuation, true, "two")
	more := part(websocket.Continuation, false, "lost")
	lastLost := part(websocket.Continuation, true, "lost")
	hello := frame(websocket.Text, "hello")
	ping := frame(websocket.Ping, "in between")
	play(t, plainAddr, []wsCase{
		{"5.1: a ping in two", join(part(websocket.Ping, false, "a"), part(websocket.Continuation, true, "b")), nil, broken},
		{"5.2: a pong in two", join(part(websocket.Pong, false, "a"), part(websocket.Continuation, true, "b")), nil, broken},
		{"5.3: a text in two", join(first, last), messages{text("one two")}, 0},
		{"5.6: a ping in between", join(first, ping, last), messages{pong("in between"), text("one two")}, 0},
		{"5.9: the end of nothing, then a message", join(lastLost, hello), nil, broken},
		{"5.12: the middle of nothing, then a message", join(more, hello), nil, broken},
		{"5.15: the middle of nothing behind a message in two", join(first, last, more, hello), messages{text("one two")}, broken},
		{"5.16: nothing's middle first, twice", join(more, first, last, more, first, last), nil, broken},
		{"5.17: nothing's end first, twice", join(lastLost, first, last, lastLost, first, last), nil, broken},
		{"5.18: a second beginning", join(first, part(websocket.Text, true, "two")), nil, broken},
		{"5.18: a second beginning, with bytes", join(first, part(websocket.Binary, false, "two")), nil, broken},
		{"5.19: five, with pings between", join(first, part(websocket.Continuation, false, "a "), frame(websocket.Ping, "p1"), part(websocket.Continuation, false, "b "), part(websocket.Continuation, false, ""), frame(websocket.Ping, "p2"), last),
			messages{pong("p1"), pong("p2"), text("one a b two")}, 0},
		{"5.19: pongs between", join(first, frame(websocket.Pong, "x"), last), messages{text("one two")}, 0},
		{"5.20: two messages in two", join(first, last, part(websocket.Binary, false, "\xff"), part(websocket.Continuation, true, "\xfe")), messages{text("one two"), binary("\xff\xfe")}, 0},
	})
}

// TestFragmentsApart is 5.8, 5.19 and 5.20 where the peer waits before it goes on: what can
// be answered has been by then.
func TestFragmentsApart(t *testing.T) {
	p := dial(t, plainAddr, "")
	p.write(join(part(websocket.Text, false, "one "), frame(websocket.Ping, "first")))
	p.expect(pong("first"))
	p.write(join(part(websocket.Continuation, false, "two "), frame(websocket.Ping, "second")))
	p.expect(pong("second"))
	p.write(part(websocket.Continuation, true, "three"))
	p.expect(text("one two three"))
	p.closes()
}

// TestCloses is 7.*.
func TestCloses(t *testing.T) {
	closing := func(code uint16, reason string) []byte {
		return frame(websocket.Close, string([]byte{byte(code >> 8), byte(code)})+reason)
	}
	normal := closing(1000, "")
	hello := frame(websocket.Text, "hello")
	long := sample(256 << 10)
	all := []wsCase{
		{"7.1.1: behind a message", join(hello, normal), messages{text("hello")}, 1000},
		{"7.1.2: twice", join(normal, normal), nil, 1000},
		{"7.1.3: and then a ping", join(normal, frame(websocket.Ping, "x")), nil, 1000},
		{"7.1.4: and then a message", join(normal, hello), nil, 1000},
		{"7.1.5: inside a message", join(part(websocket.Text, false, "lost"), normal, part(websocket.Continuation, true, "lost")), nil, 1000},
		{"7.1.6: behind a long message, and then a ping", join(frame(websocket.Text, long), normal, frame(websocket.Ping, "x")), messages{text(long)}, 1000},
		{"7.3.1: without payload", frame(websocket.Close, ""), nil, websocket.StatusNone},
		{"7.3.2: one byte", frame(websocket.Close, "\x03"), nil, broken},
		{"7.3.3: a code", normal, nil, 1000},
		{"7.3.4: a reason", closing(1000, "enough"), nil, 1000},
		{"7.3.5: a reason of 123 bytes", closing(1000, strings.Repeat("*", 123)), nil, 1000},
		{"7.3.6: a reason of 124 bytes", closing(1000, strings.Repeat("*", 124)), nil, broken},
		{"7.5.1: a reason that is not UTF-8", closing(1000, "caf\xe9!"), nil, noText},
		{"7.5.1: a reason cut in a character", closing(1000, "\u20ac"[:2]), nil, noText},
	}
	for code := 1; code < 1<<16; code <<= 1 { // and some more of the sort that is refused
		all = append(all, wsCase{fmt.Sprint("7.13: code ", code), closing(uint16(code), ""), nil, answerTo(code)})
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
		0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		all = append(all, wsCase{fmt.Sprint("7.7, 7.9: code ", code), closing(uint16(code), "because"), nil, answerTo(code)})
	}
	play(t, plainAddr, all)
}

// answerTo is the code that answers a code: the same if it may stand in a close frame.
func answerTo(code int) uint16 {
	switch {
	case code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006, code >= 3000 && code <= 4999:
		return uint16(code)
	}
	return broken
}

// TestMasking: section 5.1 of RFC 6455, which the suite does not ask for.
func TestMasking(t *testing.T) {
	play(t, plainAddr, []wsCase{
		{"text without mask", websocket.AppendFrame(nil, websocket.Text, []byte("x")), nil, broken},
		{"ping without mask", websocket.AppendFrame(nil, websocket.Ping, nil), nil, broken},
		{"length of 2^63", []byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, nil, broken},
		{"length of more than 16 MiB", []byte{0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1}, nil, websocket.StatusTooBig},
	})
}
