package http1

import (
	"bufio"
	"bytes"
	"math"
	"net/http"
	"testing"
	"time"
)

func TestAppendHead(t *testing.T) {
	for _, tc := range []struct {
		name string
		r    Response
		want string
	}{
		{"POST answered", Response{Status: 200, ContentType: "text/html", ContentLength: 2},
			"HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 2\n\n"},
		{"poll of an HTTP/1.0 client", Response{Status: 200, ContentType: "text/plain; charset=UTF-8", ContentLength: 118, Connection: ConnectionKeepAlive,
			Fields: AppendField(nil, "Cache-Control", "no-store")},
			"HTTP/1.1 200 OK\nContent-Type: text/plain; charset=UTF-8\nContent-Length: 118\nCache-Control: no-store\nConnection: keep-alive\n\n"},
		{"refused", Response{Status: 413, Connection: ConnectionClose},
			"HTTP/1.1 413 Payload Too Large\nContent-Length: 0\nConnection: close\n\n"},
		{"upgraded", Response{Status: 101, Connection: ConnectionUpgrade, Fields: AppendField(nil, "Upgrade", "websocket")},
			"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n"},
		{"preflight answered", Response{Status: 204}, "HTTP/1.1 204 No Content\n\n"},
		{"not modified", Response{Status: 304, ContentLength: -1}, "HTTP/1.1 304 Not Modified\n\n"},
		{"no such status", Response{Status: 42, ContentLength: -1}, "HTTP/1.1 500 Internal Server Error\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.r.AppendHead([]byte("> "))
			if want := "> " + crlf(tc.want); string(got) != want {
				t.Fatalf("%q, want %q", got, want)
			}
			answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got[2:])), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
		})
	}
}

func TestContinue(t *testing.T) {
	answer, err := http.ReadResponse(bufio.NewReader(bytes.NewReader([]byte(Continue))), nil)
	if err != nil || answer.StatusCode != 100 {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestAppendField(t *testing.T) {
	got := AppendField(nil, "Access-Control-Allow-Origin", []byte("https://a"))
	got = AppendField(got, "Empty", "")
	got = AppendFieldInt(got, "Max", 1<<63-1)
	got = AppendFieldInt(got, "Min", -1<<63)
	got = AppendDate(got, time.Date(1994, 11, 6, 9, 49, 37, 999, time.FixedZone("", 3600)))
	want := crlf("Access-Control-Allow-Origin: https://a\nEmpty: \nMax: 9223372036854775807\nMin: -9223372036854775808\nDate: Sun, 06 Nov 1994 08:49:37 GMT\n")
	if string(got) != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestReason(t *testing.T) {
	for status, want := range map[int]string{
		-1: "unknown", 0: "unknown", 99: "unknown", 299: "unknown", 999: "unknown", math.MaxInt: "unknown",
		100: "Continue", 200: "OK", 400: "Bad Request", 403: "Forbidden", 414: "URI Too Long",
		431: "Request Header Fields Too Large", 505: "HTTP Version Not Supported", 511: "Network Authentication Required",
	} {
		if got := Reason(status); got != want {
			t.Errorf("Reason(%d) = %q, want %q", status, got, want)
		}
	}
	// Every status that net/http knows has a phrase.
	for status := range 1000 {
		if http.StatusText(status) != "" && Reason(status) == "unknown" {
			t.Errorf("%d has no phrase", status)
		}
	}
	if got := string(AppendStatusLine(nil, 999)); got != "HTTP/1.1 999 unknown\r\n" {
		t.Errorf("%q", got)
	}
}

func TestValidField(t *testing.T) {
	for _, name := range []string{"X", "x-1", "Set-Cookie", "!#$%&'*+-.^_`|~"} {
		if !ValidFieldName(name) {
			t.Errorf("name %q refused", name)
		}
	}
	for _, name := range []string{"", " ", "X ", "X:", "X\r\nY", "X\x00", "X\x7f", "ä", "X/Y", "X\n", `"X"`} {
		if ValidFieldName(name) {
			t.Errorf("name %q accepted", name)
		}
	}
	for _, value := range []string{"", "a b", "\t", "text/html; charset=\"x\"", "ä\xff"} {
		if !ValidFieldValue(value) {
			t.Errorf("value %q refused", value)
		}
	}
	for _, value := range []string{"a\r\nb", "\r", "\n", "\x00", "a\x7f", "a\x1f", "0123456789abcdef\n"} {
		if ValidFieldValue(value) {
			t.Errorf("value %q accepted", value)
		}
	}
}
