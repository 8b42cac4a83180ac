package client

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// responses are whole responses and what they hold.
var responses = []struct {
	name, wire string
	status     int
	body       string
	close      bool
}{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
	{"lower case and blanks", "HTTP/1.1 200 OK\r\ncontent-length:  2 \r\n\r\nok", 200, "ok", false},
	{"close", "HTTP/1.1 400 Bad Request\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", 400, "", true},
	{"version 1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 200, "abc0123456789", false},
	{"chunked with trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", 200, "a", false},
	{"interim first", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
	{"switching", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, "", false},
	{"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", false},
}

// TestParseResponse parses each response whole, and every proper start of it,
// which is not complete.
func TestParseResponse(t *testing.T) {
	for _, tc := range responses {
		t.Run(tc.name, func(t *testing.T) {
			for cut := range len(tc.wire) {
				b := []byte(tc.wire[:cut])
				if _, n, err := parseResponse(b, false); n != 0 || err != nil {
					t.Fatalf("%q: n %d, %v", b, n, err)
				}
				if string(b) != tc.wire[:cut] {
					t.Fatalf("%q was changed to %q though incomplete", tc.wire[:cut], b)
				}
			}
			b := []byte(tc.wire + "next")
			r, n, err := parseResponse(b, false)
			if err != nil || n != len(tc.wire) {
				t.Fatalf("n %d, %v; want %d", n, err, len(tc.wire))
			}
			if r.status != tc.status || string(r.body) != tc.body || r.close != tc.close {
				t.Errorf("status %d, body %q, close %v", r.status, r.body, r.close)
			}
		})
	}
}

func TestParseResponseRefuses(t *testing.T) {
	for _, wire := range []string{
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 abc\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 100),
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20_000),
	} {
		if r, n, err := parseResponse([]byte(wire), false); !errors.Is(err, errHTTP) {
			t.Errorf("%.60q: %+v, %d, %v", wire, r.status, n, err)
		}
	}
}

// FuzzParseResponse: no panic, sizes within the input, views within the input,
// and a response that is whole stays so when more follows.
func FuzzParseResponse(f *testing.F) {
	for _, tc := range responses {
		f.Add([]byte(tc.wire))
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		b := bytes.Clone(wire)
		r, n, err := parseResponse(b, false)
		if n < 0 || n > len(wire) || len(r.body) > n || (err != nil && n != 0) {
			t.Fatalf("%q: n %d, body of %d, %v", wire, n, len(r.body), err)
		}
		if n == 0 {
			return
		}
		status, body := r.status, bytes.Clone(r.body)
		more := append(bytes.Clone(wire[:n]), "HTTP/1.1 200 OK"...)
		again, m, err := parseResponse(more, false)
		if err != nil || m != n || again.status != status || !bytes.Equal(again.body, body) {
			t.Fatalf("%q: with more behind it %d, %d, %q, %v; before %d, %d, %q", wire, again.status, m, again.body, err, status, n, body)
		}
	})
}
