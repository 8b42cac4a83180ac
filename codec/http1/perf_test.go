package http1

import (
	"strings"
	"testing"
	"time"
)

// TestNothingAllocates keeps the promises in the comments.
func TestNothingAllocates(t *testing.T) {
	var (
		p       Progress
		dst     = make([]byte, 0, 4<<10)
		poll    = []byte(browserPoll)
		post    = []byte(nodePost)
		upgrade = []byte(nodeUpgrade)
		bad     = []byte("GET / HTTP/1.1\r\nHost : a\r\n\r\n")
		query   = []byte("EIO=4&transport=polling&t=PqZx1aB&name=a%20b")
		chunked = []byte("5\r\nhello\r\n0\r\nX: y\r\n\r\n")
		list    = []byte("gzip;q=0.9, deflate, br")
		now     = time.Unix(1_700_000_000, 0)
		noStore = []byte("Cache-Control: no-store\r\n")
	)
	h, _, err := ParseHead(poll, &p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		f    func()
	}{
		{"ParseHead, poll", func() { _, _, _ = ParseHead(poll, &p, nil) }},
		{"ParseHead, POST", func() { _, _, _ = ParseHead(post, &p, nil) }},
		{"ParseHead, upgrade", func() { _, _, _ = ParseHead(upgrade, &p, nil) }},
		{"ParseHead, in two", func() {
			_, _, _ = ParseHead(poll[:200], &p, nil)
			_, _, _ = ParseHead(poll, &p, nil)
		}},
		{"ParseHead, refused", func() { _, _, _ = ParseHead(bad, &p, nil) }},
		{"Head.Field", func() { _ = h.Field("referer") }},
		{"Fields", func() {
			for name, value := range Fields(h.Raw) {
				_, _ = name, value
			}
		}},
		{"Body, length", func() {
			b, _ := NewBody(&Head{ContentLength: 10}, 100)
			_, _, _, _ = b.Next(dst, chunked[:10])
		}},
		{"Body, chunked", func() {
			b, _ := NewBody(&Head{Chunked: true, ContentLength: -1}, 100)
			_, _, _, _ = b.Next(dst, chunked)
		}},
		{"Body, refused", func() {
			b, _ := NewBody(&Head{Chunked: true, ContentLength: -1}, 2)
			_, _, _, _ = b.Next(dst, chunked)
		}},
		{"QueryValue, plain", func() { _, _ = QueryValue(nil, query, "transport") }},
		{"QueryValue, decoded", func() { _, _ = QueryValue(dst, query, "name") }},
		{"QueryValue, missing", func() { _, _ = QueryValue(nil, query, "sid") }},
		{"PreferredEncoding", func() { _ = PreferredEncoding(list, "br", "gzip") }},
		{"ListHasToken", func() { _ = ListHasToken(list, "x") }},
		{"FirstToken", func() { _ = FirstToken(list) }},
		{"AppendHead", func() {
			r := Response{Status: 200, ContentType: "text/plain; charset=UTF-8", ContentLength: 118, Fields: noStore, Connection: ConnectionClose}
			_ = r.AppendHead(dst)
		}},
		{"AppendField", func() { _ = AppendFieldInt(AppendField(AppendField(dst, "A", "b"), "C", list), "D", 5) }},
		{"AppendDate", func() { _ = AppendDate(dst, now) }},
	} {
		if n := testing.AllocsPerRun(100, tc.f); n != 0 {
			t.Errorf("%s allocates %v times a call, want 0", tc.name, n)
		}
	}
}

// BenchmarkParseHead times whole heads as real clients send them, and one that
// comes byte by byte.
func BenchmarkParseHead(b *testing.B) {
	for _, bc := range []struct{ name, wire string }{
		{"poll/browser", browserPoll},
		{"post/node", nodePost},
		{"upgrade/node", nodeUpgrade},
		{"fields/100", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Forwarded-For: 192.0.2.1\r\n", 99) + "\r\n"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			wire := []byte(bc.wire)
			var p Progress
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if _, n, err := ParseHead(wire, &p, nil); n != len(wire) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
	b.Run("8 KiB/byte by byte", func(b *testing.B) {
		wire := []byte(head8K())
		var p Progress
		b.SetBytes(int64(len(wire)))
		b.ReportAllocs()
		for b.Loop() {
			for i := range wire {
				if _, _, err := ParseHead(wire[:i+1], &p, nil); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkBody times one body of 4 KiB in one piece. Whole copies nothing, the
// others copy into a slice that has room.
func BenchmarkBody(b *testing.B) {
	content := strings.Repeat("x", 4<<10)
	for _, bc := range []struct {
		name string
		head Head
		wire string
	}{
		{"length", Head{ContentLength: 4 << 10}, content},
		{"chunked/1", Head{Chunked: true, ContentLength: -1}, "1000\r\n" + content + "\r\n0\r\n\r\n"},
		{"chunked/4096", Head{Chunked: true, ContentLength: -1}, strings.Repeat("1\r\nx\r\n", 4<<10) + "0\r\n\r\n"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			wire, dst := []byte(bc.wire), make([]byte, 0, 4<<10)
			b.SetBytes(4 << 10)
			b.ReportAllocs()
			for b.Loop() {
				body, _ := NewBody(&bc.head, 1<<20)
				if _, _, done, err := body.Next(dst, wire); !done || err != nil {
					b.Fatal(done, err)
				}
			}
		})
	}
	b.Run("whole", func(b *testing.B) {
		wire := []byte(content)
		b.ReportAllocs()
		for b.Loop() {
			body, _ := NewBody(&Head{ContentLength: 4 << 10}, 1<<20)
			if _, ok := body.Whole(wire); !ok {
				b.Fatal("not whole")
			}
		}
	})
}

func BenchmarkQueryValue(b *testing.B) {
	query := []byte("EIO=4&transport=polling&t=PqZx1aB&sid=Jk2Xw9cN0oUvAAAB&name=a%20b")
	for _, key := range []string{"EIO", "transport", "sid", "name", "j"} {
		b.Run(key, func(b *testing.B) {
			dst := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = QueryValue(dst, query, key)
			}
		})
	}
}

// BenchmarkAppendHead times the head of the answer to a poll.
func BenchmarkAppendHead(b *testing.B) {
	r := Response{Status: 200, ContentType: "text/plain; charset=UTF-8", ContentLength: 118, Fields: []byte("Cache-Control: no-store\r\n")}
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		_ = r.AppendHead(dst)
	}
}
