package http1

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// bodyCases are bodies with what follows them. length is the Content-Length,
// -1 for chunked.
var bodyCases = []struct {
	name   string
	length int64
	wire   string
	want   string
	rest   string
}{
	{"none", 0, "", "", ""},
	{"none, then a request", 0, "GET /", "", "GET /"},
	{"length", 5, "hello", "hello", ""},
	{"length, then a request", 5, "helloGET /", "hello", "GET /"},

	{"chunked, empty", -1, "0\r\n\r\n", "", ""},
	{"one chunk", -1, "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
	{"then a request", -1, "5\r\nhello\r\n0\r\n\r\nGET /", "hello", "GET /"},
	{"CR LF in data", -1, "4\r\n\r\n0\r\r\n0\r\n\r\n", "\r\n0\r", ""},
	{"chunks", -1, "1\r\na\r\n2\r\nbc\r\n0003\r\ndef\r\nA\r\n0123456789\r\na\r\n0123456789\r\n000\r\n\r\n", "abcdef01234567890123456789", ""},
	{"eight digits", -1, "00000001\r\na\r\n00000000\r\n\r\n", "a", ""},
	{"extensions", -1, "1;\r\na\r\n1;a=\"b c\";d\r\nb\r\n0;0123456789abcde\r\n\r\n", "ab", ""},
	{"trailers", -1, "1\r\na\r\n0\r\nExpires: never\r\nx:\r\nContent-Length:\t5 \r\n\r\nGET", "a", "GET"},
	{"longest trailer", -1, "0\r\nX:" + strings.Repeat("a", MaxTrailer-4) + "\r\n\r\n", "", ""},
}

// badBodies are chunked bodies and the errors that refuse them, under a limit
// of 10 bytes.
var badBodies = []struct {
	name string
	wire string
	want error
}{
	{"no size", "\r\n", ErrChunk},
	{"signed size", "+1\r\na\r\n", ErrChunk},
	{"negative size", "-1\r\na\r\n", ErrChunk},
	{"prefixed size", "0x1\r\na\r\n", ErrChunk},
	{"blank before the size", " 1\r\na\r\n", ErrChunk},
	{"blank behind the size", "1 \r\na\r\n", ErrChunk},
	{"blank before an extension", "1 ;a\r\na\r\n", ErrChunk},
	{"tab behind the size", "1\t\r\na\r\n", ErrChunk},
	{"NUL behind the size", "1\x00\r\na\r\n", ErrChunk},
	{"underscore in the size", "1_0\r\n", ErrChunk},
	{"no hex digit", "g\r\n", ErrChunk},
	{"digit of another script", "\xd9\xa1\r\n", ErrChunk},
	{"nine digits", "000000001\r\na\r\n", ErrChunk},
	{"17 digits, past 64 bits", "10000000000000001\r\na\r\n", ErrChunk},
	{"LF ends the size", "1\na\r\n", ErrChunk},
	{"CR ends the size", "1\ra\r\n", ErrChunk},
	{"CR CR LF ends the size", "1\r\r\na", ErrChunk},
	{"LF ends an extension", "1;a\na\r\n", ErrChunk},
	{"CR in an extension", "1;a\rb\r\na\r\n", ErrChunk},
	{"tab in an extension", "1;\ta\r\na\r\n", ErrChunk},
	{"control byte in an extension", "1;\x01\r\na\r\n", ErrChunk},
	{"DEL in an extension", "1;\x7f\r\na\r\n", ErrChunk},
	{"high byte in an extension", "1;\xe9\r\na\r\n", ErrChunk},
	{"extension over the limit", "0;0123456789abcdef\r\n", ErrBodyTooLarge},
	{"extensions count against the limit", "1;23456\r\na\r\n1;23456\r\nb\r\n", ErrBodyTooLarge},
	{"LF ends the data", "1\r\na\n0\r\n\r\n", ErrChunk},
	{"no line end behind the data", "1\r\na0\r\n\r\n", ErrChunk},
	{"more data than the size", "1\r\nab\r\n0\r\n\r\n", ErrChunk},
	{"less data than the size", "3\r\na\r\n0\r\n\r\n", ErrChunk},
	{"CR alone behind the data", "1\r\na\r0\r\n\r\n", ErrChunk},
	{"chunk over the limit", "b\r\n", ErrBodyTooLarge},
	{"greatest chunk", "ffffffff\r\n", ErrBodyTooLarge},
	{"sum over the limit", "a\r\n0123456789\r\n1\r\n", ErrBodyTooLarge},
	{"trailer without colon", "0\r\nbad trailer\r\n\r\n", ErrTrailer},
	{"trailer without name", "0\r\n: a\r\n\r\n", ErrTrailer},
	{"trailer, blank before the colon", "0\r\nx : a\r\n\r\n", ErrTrailer},
	{"trailer, folded", "0\r\nx: a\r\n b\r\n\r\n", ErrTrailer},
	{"trailer, NUL", "0\r\nx: a\x00\r\n\r\n", ErrTrailer},
	{"trailer, bare LF", "0\r\nx: a\n\r\n", ErrTrailer},
	{"trailer, bare CR", "0\r\nx: a\rb\r\n\r\n", ErrTrailer},
	{"trailer, name only", "0\r\nx\r\n\r\n", ErrTrailer},
	{"LF ends the body", "0\r\n\n", ErrTrailer},
	{"CR alone ends the body", "0\r\n\rGET", ErrTrailer},
	{"a request for an end", "0\r\nGET / HTTP/1.1\r\n", ErrTrailer},
	{"trailer too long", "0\r\nX:" + strings.Repeat("a", MaxTrailer-3) + "\r\n", ErrTrailer},
	{"trailers too long", "0\r\n" + strings.Repeat("X:\r\n", MaxTrailer/4+1), ErrTrailer},
}

func bodyOf(t testing.TB, length, limit int64) Body {
	t.Helper()
	b, err := NewBody(&Head{Chunked: length < 0, ContentLength: length}, limit)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode gives the pieces to b, as a connection would: what Next has not taken
// is given again in front of the next piece. rest is what was never taken.
func decode(b *Body, dst []byte, pieces ...[]byte) (out, rest []byte, done bool, err error) {
	out = dst
	for _, piece := range pieces {
		rest = append(rest, piece...)
		if done || err != nil {
			continue
		}
		var n int
		out, n, done, err = b.Next(out, rest)
		if !done && err == nil && n < len(rest) {
			return out, rest, done, fmt.Errorf("Next took %d of %d bytes, and wants more", n, len(rest))
		}
		rest = rest[n:]
	}
	if len(pieces) == 0 {
		out, _, done, err = b.Next(out, nil)
	}
	return out, rest, done, err
}

func TestBody(t *testing.T) {
	for _, tc := range bodyCases {
		t.Run(tc.name, func(t *testing.T) {
			everyCut([]byte(tc.wire), func(how string, pieces ...[]byte) bool {
				b := bodyOf(t, tc.length, 1000)
				out, rest, done, err := decode(&b, []byte("> "), pieces...)
				if err != nil || !done || !b.Done() || string(out) != "> "+tc.want || string(rest) != tc.rest {
					t.Errorf("%s: %q, rest %q, done %t, %v", how, out, rest, done, err)
				}
				if out, n, done, err := b.Next(nil, []byte("GET")); len(out) > 0 || n > 0 || !done || err != nil {
					t.Errorf("%s: after the end: %q, %d, %t, %v", how, out, n, done, err)
				}
				return !t.Failed()
			})
		})
	}
}

// TestBodyWaits checks that no proper prefix of a body is taken for a whole one.
func TestBodyWaits(t *testing.T) {
	for _, tc := range bodyCases {
		for i := range len(tc.wire) - len(tc.rest) {
			b := bodyOf(t, tc.length, 1000)
			if out, n, done, err := b.Next(nil, []byte(tc.wire[:i])); done || b.Done() || err != nil || n != i {
				t.Errorf("%s, %d bytes: %q, took %d, done %t, %v", tc.name, i, out, n, done, err)
			}
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	for _, tc := range badBodies {
		t.Run(tc.name, func(t *testing.T) {
			everyCut([]byte(tc.wire), func(how string, pieces ...[]byte) bool {
				b := bodyOf(t, -1, 10)
				out, _, done, err := decode(&b, nil, pieces...)
				if done || !errors.Is(err, tc.want) || len(out) > 10 {
					t.Errorf("%s: %q, done %t, %v; want %v", how, out, done, err, tc.want)
				}
				if _, n, done, again := b.Next(nil, []byte("0\r\n\r\n")); n > 0 || done || again != err {
					t.Errorf("%s: after the error: took %d, done %t, %v", how, n, done, again)
				}
				return !t.Failed()
			})
		})
	}
}

func TestBodyLimit(t *testing.T) {
	for _, tc := range []struct {
		length, limit int64
		want          error
	}{
		{100_000_000_000, 1_000_000, ErrBodyTooLarge},
		{1<<63 - 1, 1<<63 - 2, ErrBodyTooLarge},
		{11, 10, ErrBodyTooLarge},
		{10, 10, nil},
		{1, 0, ErrBodyTooLarge},
		{1, -1, ErrBodyTooLarge},
		{0, -1, nil},
	} {
		if _, err := NewBody(&Head{ContentLength: tc.length}, tc.limit); !errors.Is(err, tc.want) {
			t.Errorf("%d of %d bytes: %v, want %v", tc.length, tc.limit, err, tc.want)
		}
	}

	// Chunked, exactly the limit.
	for _, wire := range []string{"a\r\n0123456789\r\n0\r\n\r\n", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"} {
		b := bodyOf(t, -1, 10)
		if out, _, done, err := b.Next(nil, []byte(wire)); !done || err != nil || string(out) != "0123456789" {
			t.Errorf("%q: %q, %t, %v", wire, out, done, err)
		}
	}
	// Extensions that fill the limit exactly, and that are one byte over it.
	for wire, want := range map[string]error{
		"4;aa\r\n0123\r\n0;aaa\r\n\r\n": ErrBodyTooLarge,
		"4;aa\r\n0123\r\n0;aa\r\n\r\n":  nil,
	} {
		b := bodyOf(t, -1, 10)
		if _, _, _, err := b.Next(nil, []byte(wire)); err != want {
			t.Errorf("%q: %v, want %v", wire, err, want)
		}
	}
	// An extension of 16 bytes, and of one more.
	for wire, want := range map[string]error{
		"0;23456789abcdefg\r\n\r\n":  nil,
		"0;23456789abcdefgh\r\n\r\n": ErrChunk,
	} {
		b := bodyOf(t, -1, 100)
		if _, _, _, err := b.Next(nil, []byte(wire)); err != want {
			t.Errorf("%q: %v, want %v", wire, err, want)
		}
	}
	for _, limit := range []int64{0, -1} {
		b := bodyOf(t, -1, limit)
		if _, _, _, err := b.Next(nil, []byte("1\r\na")); !errors.Is(err, ErrBodyTooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// TestBodyAnnouncesNothing checks that dst grows with what has come and not
// with what was announced.
func TestBodyAnnouncesNothing(t *testing.T) {
	for _, length := range []int64{1 << 40, -1} {
		b := bodyOf(t, length, 1<<40)
		out, _, _, err := b.Next(nil, []byte("ffffffff\r\nabc"))
		if err != nil || cap(out) > 64 {
			t.Errorf("length %d: capacity %d, %v", length, cap(out), err)
		}
	}
}

func TestWhole(t *testing.T) {
	src := []byte("helloGET /")
	b := bodyOf(t, 5, 5)
	if view, ok := b.Whole(src[:4]); ok || b.Done() {
		t.Errorf("four of five bytes: %q", view)
	}
	view, ok := b.Whole(src)
	if !ok || string(view) != "hello" || &view[0] != &src[0] || cap(view) != 5 || !b.Done() {
		t.Errorf("%q, %t", view, ok)
	}
	if out, n, done, err := b.Next(nil, src); len(out) > 0 || n != 0 || !done || err != nil {
		t.Errorf("Next after Whole: %q, %d, %t, %v", out, n, done, err)
	}
	if view, ok := b.Whole(src); ok {
		t.Errorf("a second time: %q", view)
	}

	b = bodyOf(t, 0, 5)
	if view, ok := b.Whole(src); !ok || view == nil || len(view) > 0 {
		t.Errorf("no body: %q, %t", view, ok)
	}
	b = bodyOf(t, 5, 5)
	_, _, _, _ = b.Next(nil, src[:1])
	if view, ok := b.Whole(src[1:]); ok {
		t.Errorf("after Next: %q", view)
	}
	b = bodyOf(t, -1, 5)
	if view, ok := b.Whole([]byte("0\r\n\r\n")); ok {
		t.Errorf("chunked: %q", view)
	}
	var none Body
	if _, _, done, err := none.Next(nil, src); !done || err != nil || !none.Done() {
		t.Errorf("zero Body: %t, %v", done, err)
	}
}

func TestBodyIsSmall(t *testing.T) {
	if size := reflect.TypeFor[Body]().Size(); size > 24 {
		t.Errorf("Body has %d bytes, want 24", size)
	}
	if size := reflect.TypeFor[Progress]().Size(); size > 12 {
		t.Errorf("Progress has %d bytes, want 12", size)
	}
}

// TestHeadThenBody reads two requests and their bodies from one stream, cut at
// every place.
func TestHeadThenBody(t *testing.T) {
	wire := []byte(crlf("POST /a HTTP/1.1\nHost: h\nContent-Length: 3\n\n") + "abc" +
		crlf("POST /b HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n") + "2\r\nde\r\n0\r\nX: y\r\n\r\n" +
		crlf("GET /c HTTP/1.1\nHost: h\n\n"))
	everyCut(wire, func(how string, pieces ...[]byte) bool {
		var got, carry, content []byte
		var p Progress
		var b Body
		reading := false
		for _, piece := range pieces {
			carry = append(bytes.Clone(carry), piece...)
			for {
				if !reading {
					h, n, err := ParseHead(carry, &p, nil)
					if err != nil {
						t.Fatalf("%s: %v", how, err)
					}
					if n == 0 {
						break
					}
					if b, err = NewBody(&h, 10); err != nil {
						t.Fatal(err)
					}
					got, carry, reading = append(got, h.Path...), carry[n:], true
				}
				out, n, done, err := b.Next(content, carry)
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				content, carry = out, carry[n:]
				if !done {
					break
				}
				got, content, reading = append(append(got, '='), content...), content[:0], false
			}
		}
		if string(got) != "/a=abc/b=de/c=" || len(carry) > 0 {
			t.Errorf("%s: %q, left %q", how, got, carry)
		}
		return !t.Failed()
	})
}
