package websocket

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// closeCases pairs close frames with their status and reason.
var closeCases = []struct {
	name   string
	wire   string
	code   uint16
	reason string
}{
	{"no status", "88 00", StatusNone, ""},
	{"normal", "88 02 03 e8", StatusNormal, ""},
	{"going away", "88 07 03 e9 62 79 65 20 21", StatusGoingAway, "bye !"},
	{"reason beyond ASCII", "88 05 03 f1 e2 82 ac", StatusTooBig, "\u20ac"},
	{"code of an application", "88 03 0f a0 78", 4000, "x"},
}

func TestClose(t *testing.T) {
	for _, tc := range closeCases {
		wire := unhex(tc.wire)
		if got := AppendClose(nil, tc.code, tc.reason); !bytes.Equal(got, wire) {
			t.Errorf("%s: AppendClose(%d, %q) = %x, want %x", tc.name, tc.code, tc.reason, got, wire)
		}
		code, reason, err := ParseClose(wire[2:])
		if code != tc.code || string(reason) != tc.reason || err != nil {
			t.Errorf("%s: ParseClose(%x) = %d, %q, %v", tc.name, wire[2:], code, reason, err)
		}
	}
}

// TestParseCloseCodes takes every code there is. Source: RFC 6455, section 7.4.2,
// and the IANA registry.
func TestParseCloseCodes(t *testing.T) {
	legal := func(code int) bool {
		switch {
		case code < 1000: // not used
			return false
		case code == 1004, code == 1005, code == 1006, code == 1015: // reserved, or never on the wire
			return false
		case code <= 1014: // defined
			return true
		case code < 3000: // for the protocol's future
			return false
		}
		return code < 5000 // libraries and applications
	}
	for code := range 1 << 16 {
		payload := []byte{byte(code >> 8), byte(code), 'x'}
		got, reason, err := ParseClose(payload)
		if legal(code) {
			if int(got) != code || string(reason) != "x" || err != nil {
				t.Errorf("ParseClose of %d = %d, %q, %v", code, got, reason, err)
			}
		} else if !errors.Is(err, ErrClose) || got != 0 || reason != nil {
			t.Errorf("ParseClose of %d = %d, %q, %v; want error %v", code, got, reason, err, ErrClose)
		}
	}
}

func TestParseCloseRefuses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		payload string
		want    error
	}{
		{"one byte", "\x03", ErrClose},
		{"reason not UTF-8", "\x03\xe8\xff", ErrUTF8},
		{"reason cut in a character", "\x03\xe8ab\xe2\x82", ErrUTF8},
		{"code and reason wrong", "\x03\xed\xff", ErrClose},
	} {
		if code, reason, err := ParseClose([]byte(tc.payload)); !errors.Is(err, tc.want) || code != 0 || reason != nil {
			t.Errorf("%s: ParseClose = %d, %q, %v; want error %v", tc.name, code, reason, err, tc.want)
		}
	}
}

// TestAppendCloseCutsReason: a reason of any length and content makes a frame
// that a peer accepts.
func TestAppendCloseCutsReason(t *testing.T) {
	for _, tc := range []struct {
		name, reason, want string
	}{
		{"just fits", strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{"one byte more", strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{"between characters", strings.Repeat("x", 120) + "\u20ac\u20ac", strings.Repeat("x", 120) + "\u20ac"},
		{"inside a character, one byte over", strings.Repeat("x", 121) + "\u20ac", strings.Repeat("x", 121)},
		{"inside a character, three bytes over", strings.Repeat("x", 122) + "\U0001f600", strings.Repeat("x", 122)},
		{"not UTF-8", "a\xff\xfeb", "a\ufffdb"},
		{"not UTF-8 and long", strings.Repeat("\xffx", 100), strings.Repeat("\ufffdx", 30) + "\ufffd"},
		{"very long", strings.Repeat("\u20ac", 1<<20), strings.Repeat("\u20ac", 41)},
	} {
		frame := AppendClose(nil, StatusNormal, tc.reason)
		_, reason, err := ParseClose(frame[2:])
		if err != nil || string(reason) != tc.want || int(frame[1]) != len(frame)-2 || len(frame)-2 > MaxControl {
			t.Errorf("%s: reason %q, %v; want %q", tc.name, reason, err, tc.want)
		}
	}
}

// TestError checks that what a caller needs can be had from a wrapped error.
func TestError(t *testing.T) {
	_, _, err := ParseClose([]byte{1})
	err = fmt.Errorf("connection 7: %w", err)
	var e *Error
	if !errors.As(err, &e) || e.Code != StatusProtocolError || !errors.Is(err, ErrClose) || errors.Is(err, ErrUTF8) {
		t.Errorf("%v is %+v", err, e)
	}
	if want := "connection 7: websocket: invalid close frame"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

// FuzzClose holds ParseClose to its promises on any payload: no panic, input
// unchanged, and what it accepts survives AppendClose; and AppendClose to its
// own: any reason makes a frame that is accepted, with a prefix of the reason.
func FuzzClose(f *testing.F) {
	for _, tc := range closeCases {
		f.Add(unhex(tc.wire)[2:])
	}
	f.Add([]byte("\x03"))
	f.Add([]byte("\x03\xe8\xff"))
	f.Add(append([]byte("\x03\xe8"), strings.Repeat("\u20ac", 50)...))

	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		code, reason, err := ParseClose(payload)
		if !bytes.Equal(payload, before) {
			t.Fatalf("ParseClose wrote to its input: %x became %x", before, payload)
		}
		if err != nil {
			if code != 0 || reason != nil {
				t.Fatalf("ParseClose returns %d, %q with error %v", code, reason, err)
			}
			code, reason = StatusNormal, payload
		}
		frame := AppendClose(nil, code, string(reason))
		h, n, herr := ParseHeader(frame)
		if herr != nil || h.Opcode != Close || n+int(h.Length) != len(frame) {
			t.Fatalf("AppendClose made %x: %+v, %v", frame, h, herr)
		}
		again, cut, cerr := ParseClose(frame[n:])
		if cerr != nil || again != code {
			t.Fatalf("ParseClose refuses what AppendClose made of %d, %q: %d, %v", code, reason, again, cerr)
		}
		if utf8.Valid(reason) && !bytes.HasPrefix(reason, cut) || len(cut) < min(len(reason), MaxReason-3) && utf8.Valid(reason) {
			t.Fatalf("AppendClose made %q of %q", cut, reason)
		}
	})
}
