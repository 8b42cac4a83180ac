package sio_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestCompressFlag (K13, H31): what is long enough is compressed for polling clients that
// take it, unless the event or the options say otherwise. What is compressed and what is
// not can share an answer.
func TestCompressFlag(t *testing.T) {
	long, short := strings.Repeat("a long text; ", 200), "short"
	for _, tc := range []struct {
		name string
		o    sio.HTTPCompression
		gzip bool
		send func(t *testing.T, s *sio.Socket)
		want string
	}{
		{"long", sio.HTTPCompression{}, true, func(t *testing.T, s *sio.Socket) { emit(t, s, "e", long) }, `42["e","` + long + `"]`},
		{"short", sio.HTTPCompression{}, false, func(t *testing.T, s *sio.Socket) { emit(t, s, "e", short) }, `42["e","short"]`},
		{"flag off", sio.HTTPCompression{}, false, func(t *testing.T, s *sio.Socket) { emit(t, s.Self().Compress(false), "e", long) }, `42["e","` + long + `"]`},
		{"flag on", sio.HTTPCompression{}, true, func(t *testing.T, s *sio.Socket) {
			emit(t, s.Self().Compress(false).Compress(true), "e", long)
		}, `42["e","` + long + `"]`},
		{"broadcast", sio.HTTPCompression{}, true, func(t *testing.T, s *sio.Socket) { emit(t, s.Namespace(), "e", long) }, `42["e","` + long + `"]`},
		{"broadcast, flag off", sio.HTTPCompression{}, false, func(t *testing.T, s *sio.Socket) {
			emit(t, s.Namespace().All().Compress(false), "e", long)
		}, `42["e","` + long + `"]`},
		{"one of two", sio.HTTPCompression{}, true, func(t *testing.T, s *sio.Socket) {
			emit(t, s.Self().Compress(false), "e", long)
			emit(t, s, "e", short)
		}, `42["e","` + long + "\"]\x1e" + `42["e","short"]`},
		{"a packet sent in both ways", sio.HTTPCompression{}, true, func(t *testing.T, s *sio.Socket) {
			p := sio.Prepare("e").Str(long)
			defer p.Release()
			for _, on := range []bool{false, true} {
				if err := s.Self().Compress(on).Send(p); err != nil {
					t.Error(err)
				}
			}
		}, `42["e","` + long + "\"]\x1e" + `42["e","` + long + `"]`},
		{"threshold", sio.HTTPCompression{Threshold: 10_000}, false, func(t *testing.T, s *sio.Socket) { emit(t, s, "e", long) }, `42["e","` + long + `"]`},
		{"off", sio.HTTPCompression{Off: true}, false, func(t *testing.T, s *sio.Socket) { emit(t, s, "e", long) }, `42["e","` + long + `"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{HTTPCompression: tc.o})
			p := startPolling(t, srv)
			s := p.join()
			tc.send(t, s)
			siotest.Start(t, srv).Settle()
			conn := siotest.Raw(t, srv)
			if _, err := io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling"+p.addr+
				" HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body := io.Reader(resp.Body)
			if coding := resp.Header.Get("Content-Encoding"); (coding == "gzip") != tc.gzip {
				t.Errorf("Content-Encoding %q", coding)
			} else if tc.gzip {
				if body, err = gzip.NewReader(resp.Body); err != nil {
					t.Fatal(err)
				}
			}
			got, err := io.ReadAll(body)
			if err != nil || string(got) != tc.want {
				t.Errorf("got %.100q (%v), want %.100q", got, err, tc.want)
			}
		})
	}
}
