package loop

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/codec/http1"
)

// FuzzAppendHead holds the head that the session is shown to two promises, for whatever
// net/http takes for a request and a middleware makes of it: it is one head and nothing
// more, and it has the method, target and field that the request has.
func FuzzAppendHead(f *testing.F) {
	f.Add("GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: h\r\nOrigin: http://x\r\n\r\n", "ann", true)
	f.Add("POST /socket.io/ HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "ann\r\nX: 1", false)
	f.Add("GET /socket.io/ HTTP/1.0\r\n\r\n", "", true)
	f.Fuzz(func(t *testing.T, raw, value string, whole bool) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return
		}
		r.Header.Set("X-Value", value)
		head, ok := appendHead(nil, r, r.RequestURI, whole)
		if !ok {
			return
		}
		var p http1.Progress
		h, n, err := http1.ParseHead(head, &p, &http1.Limits{})
		if err != nil {
			return // the session refuses it
		}
		if n != len(head) {
			t.Fatalf("%d of %q is a head", n, head)
		}
		if string(h.Method) != r.Method || string(h.Target) != r.RequestURI || strings.Trim(string(h.Field("X-Value")), " \t") != strings.Trim(value, " \t") {
			t.Fatalf("%q of %q", head, raw)
		}
	})
}

// TestUntouched: a context that anybody has added a value to is kept.
func TestUntouched(t *testing.T) {
	for _, c := range []struct {
		name  string
		touch func(ctx context.Context) context.Context
		want  bool
	}{
		{"as it came", func(ctx context.Context) context.Context { return ctx }, true},
		{"with a value", func(ctx context.Context) context.Context { return context.WithValue(ctx, userKey{}, "ann") }, false},
		{"with a value below others", func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(context.WithValue(ctx, userKey{}, "ann"))
			t.Cleanup(cancel)
			return ctx
		}, false},
		{"another one", func(context.Context) context.Context { return context.Background() }, false},
		{"of a type of its own", func(ctx context.Context) context.Context { return struct{ context.Context }{ctx} }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if ctx := c.touch(r.Context()); untouched(ctx) != c.want {
					t.Errorf("%v", ctx)
				}
			}))
			defer h.Close()
			r, err := http.Get(h.URL)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Body.Close()
		})
	}
}

// TestAppendHead: what a middleware has made of a request comes whole to the session, or
// not at all.
func TestAppendHead(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(r *http.Request)
		want bool
	}{
		{"as it came", func(*http.Request) {}, true},
		{"a field", func(r *http.Request) { r.Header.Set("X-User", "ann") }, true},
		{"a line end in a value", func(r *http.Request) { r.Header.Set("X-User", "ann\r\nX-Admin: 1") }, false},
		{"a line end in a name", func(r *http.Request) { r.Header["X: 1\r\nY"] = []string{"z"} }, false},
		{"a blank in the method", func(r *http.Request) { r.Method = "GET /x HTTP/1.1\r\n\r\nGET" }, false},
		{"a line end in the host", func(r *http.Request) { r.Host = "h\r\nX: 1" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", polling, nil)
			c.make(r)
			head, ok := appendHead(nil, r, r.RequestURI, false)
			if ok != c.want {
				t.Errorf("%v: %q", ok, head)
			}
			if ok && !bytes.HasSuffix(head, endOfHead) {
				t.Errorf("%q", head)
			}
		})
	}
	if head, ok := appendHead(nil, httptest.NewRequest("GET", "/", nil), "/socket.io/ HTTP/1.1\r\nX: 1\r\n\r\n", false); ok {
		t.Errorf("a target with a line end: %q", head)
	}
}
