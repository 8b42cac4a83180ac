package sio_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// exchange sends one request, "METHOD target", with fields "Name: value", on a connection of
// its own.
func exchange(t *testing.T, srv *sio.Server, request string, fields ...string) (*http.Response, string) {
	t.Helper()
	conn := siotest.Raw(t, srv)
	fields = append([]string{request + " HTTP/1.1", "Host: x"}, fields...)
	if _, err := io.WriteString(conn, strings.Join(fields, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// said is what a response tells browsers about other origins.
func said(h http.Header) string {
	var b strings.Builder
	for _, name := range []string{"Origin", "Credentials", "Methods", "Headers"} {
		if v := h.Get("Access-Control-Allow-" + name); v != "" {
			fmt.Fprintf(&b, "%s=%s ", strings.ToLower(name), v)
		}
	}
	if v := h.Get("Access-Control-Expose-Headers"); v != "" {
		fmt.Fprintf(&b, "expose=%s ", v)
	}
	if v := h.Get("Access-Control-Max-Age"); v != "" {
		fmt.Fprintf(&b, "age=%s ", v)
	}
	if v := h.Values("Vary"); v != nil {
		fmt.Fprintf(&b, "vary=%s", strings.Join(v, "|"))
	}
	return strings.TrimSpace(b.String())
}

// TestOriginOfWebSockets (H19; faults, K3): pages of origins that CORS does not let open no
// WebSocket, unless that is asked for; the hook is told of which.
func TestOriginOfWebSockets(t *testing.T) {
	list := func(origin string, _ *sio.Handshake) bool { return origin == "http://a" }
	for _, tc := range []struct {
		name, origin string
		cors         *sio.CORS
		refused      bool
	}{
		{"no CORS", "http://b", nil, false},
		{"any", "http://b", &sio.CORS{}, false},
		{"listed", "http://a", &sio.CORS{Origins: []string{"http://a"}}, false},
		{"not listed", "http://b", &sio.CORS{Origins: []string{"http://a"}}, true},
		{"not listed, let in", "http://b", &sio.CORS{Origins: []string{"http://a"}, ForeignWebSockets: true}, false},
		{"no pattern", "http://b", &sio.CORS{OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`a$`)}}, true},
		{"a function's", "http://a", &sio.CORS{OriginFunc: list}, false},
		{"not a function's", "http://b", &sio.CORS{OriginFunc: list}, true},
		{"not a function's, let in", "http://b", &sio.CORS{OriginFunc: list, ForeignWebSockets: true}, false},
		{"of no page", "", &sio.CORS{Origins: []string{"http://a"}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l log
			srv := newServer(t, sio.Options{CORS: tc.cors, OnHandshakeError: func(e *sio.HandshakeError) {
				l.add("%d %s %s", e.Code, e.Context["name"], e.Context["origin"])
			}})
			clock := siotest.Start(t, srv)
			var opts []siotest.DialOption
			if tc.origin != "" {
				opts = append(opts, siotest.Header("Origin", tc.origin))
			}
			_, err := siotest.TryDial(t, srv, "/", opts...)
			clock.Settle()
			if (err != nil) != tc.refused {
				t.Errorf("got %v", err)
			}
			if tc.refused {
				l.want(t, "4 FOREIGN_ORIGIN "+tc.origin)
			} else {
				l.want(t)
			}
		})
	}
}

// TestCORS (H19, K2): each option, in answers and in preflights, as the npm package cors has
// it in the reference server, but for credentials of any origin.
func TestCORS(t *testing.T) {
	const (
		methods = "methods=GET,HEAD,PUT,PATCH,POST,DELETE"
		both    = "vary=Origin, Access-Control-Request-Headers"
	)
	for _, tc := range []struct {
		name   string
		cors   sio.CORS
		origin string
		answer string
		status int
		flight string
	}{
		{"any", sio.CORS{}, "http://a", "origin=*", 204,
			"origin=* " + methods + " headers=x-asked vary=Access-Control-Request-Headers"},
		// K2: nobody is let in with cookies who was not named, nor anybody by a list that is empty.
		{"any, by a star", sio.CORS{Origins: []string{"*"}, OriginPatterns: []*regexp.Regexp{}, Credentials: true}, "", "origin=*", 204,
			"origin=* " + methods + " headers=x-asked vary=Access-Control-Request-Headers"},
		{"any, by default", sio.CORS{Credentials: true}, "http://a", "origin=*", 204,
			"origin=* " + methods + " headers=x-asked vary=Access-Control-Request-Headers"},
		{"nobody", sio.CORS{Origins: []string{}, Credentials: true}, "http://a", "credentials=true vary=Origin", 204,
			"credentials=true " + methods + " headers=x-asked " + both},
		{"a list", sio.CORS{Origins: []string{"http://a", "http://b:81"}}, "http://b:81", "origin=http://b:81 vary=Origin", 204,
			"origin=http://b:81 " + methods + " headers=x-asked " + both},
		{"not in the list", sio.CORS{Origins: []string{"http://good-domain.com"}}, "http://bad-domain.com", "vary=Origin", 204,
			methods + " headers=x-asked " + both},
		{"patterns", sio.CORS{OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`^https?://[^.]+\.a$`)}}, "https://x.a", "origin=https://x.a vary=Origin", 204,
			"origin=https://x.a " + methods + " headers=x-asked " + both},
		{"no pattern", sio.CORS{Origins: []string{"http://a"}, OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`\.a$`)}}, "http://b", "vary=Origin", 204,
			methods + " headers=x-asked " + both},
		{"all of it", sio.CORS{
			Origins: []string{"http://a"}, Methods: []string{"GET", "PUT", "POST"}, AllowedHeaders: []string{"my-header", "other"},
			ExposedHeaders: []string{"seen", "too"}, Credentials: true, MaxAge: 123 * time.Second, OptionsSuccessStatus: 200,
		}, "http://a", "origin=http://a credentials=true expose=seen,too vary=Origin", 200,
			"origin=http://a credentials=true methods=GET,PUT,POST headers=my-header,other expose=seen,too age=123 vary=Origin"},
		{"no field", sio.CORS{AllowedHeaders: []string{}, MaxAge: -1}, "http://a", "origin=*", 204, "origin=* " + methods + " age=0"},
		{"preflights go on", sio.CORS{PreflightContinue: true}, "http://a", "origin=*", 400,
			"origin=* " + methods + " headers=x-asked vary=Access-Control-Request-Headers"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{CORS: &tc.cors})
			fields := []string{"Access-Control-Request-Headers: x-asked"}
			if tc.origin != "" {
				fields = append(fields, "Origin: "+tc.origin)
			}
			resp, _ := exchange(t, srv, "GET /socket.io/?EIO=4&transport=polling", fields...)
			if got := said(resp.Header); resp.StatusCode != 200 || got != tc.answer {
				t.Errorf("answer %d %q", resp.StatusCode, got)
			}
			resp, body := exchange(t, srv, "OPTIONS /socket.io/?EIO=4&transport=polling", fields...)
			if got := said(resp.Header); resp.StatusCode != tc.status || got != tc.flight || (body == "") != (tc.status != 400) {
				t.Errorf("preflight %d %q %q", resp.StatusCode, got, body)
			}
			if resp, _ = exchange(t, srv, "GET /elsewhere", fields...); said(resp.Header) != "" {
				t.Errorf("elsewhere: %q", said(resp.Header))
			}
		})
	}
}

// TestOriginFunc (H19): a function sees the request, and whom it refuses is served without
// CORS; one that panics refuses.
func TestOriginFunc(t *testing.T) {
	srv := newServer(t, sio.Options{CORS: &sio.CORS{OriginFunc: func(origin string, h *sio.Handshake) bool {
		if origin == "http://panic" {
			panic("no")
		}
		return origin == "http://"+h.Field("Host") && h.Query().Has("EIO")
	}}})
	const answer, flight = "GET /socket.io/?EIO=4&transport=polling", "OPTIONS /socket.io/?EIO=4&transport=polling"
	for _, tc := range []struct {
		request, origin string
		status          int
		said            string
	}{
		{answer, "http://x", 200, "origin=http://x vary=Origin"},
		{answer, "http://y", 200, ""},
		{answer, "http://panic", 200, ""},
		{"GET /socket.io/", "http://x", 400, ""},
		{flight, "http://x", 204, "origin=http://x methods=GET,HEAD,PUT,PATCH,POST,DELETE vary=Origin, Access-Control-Request-Headers"},
		{flight, "http://y", 400, ""},
	} {
		resp, _ := exchange(t, srv, tc.request, "Origin: "+tc.origin)
		if got := said(resp.Header); resp.StatusCode != tc.status || got != tc.said {
			t.Errorf("%s from %s: %d %q", tc.request, tc.origin, resp.StatusCode, got)
		}
	}
}

// TestCookie (H21): each option, byte for byte as the npm package cookie writes it for the
// reference server.
func TestCookie(t *testing.T) {
	for _, tc := range []struct {
		cookie sio.Cookie
		want   string
	}{
		{sio.Cookie{}, "io=SID; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Name: "foo"}, "foo=SID; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Path: "/custom"}, "io=SID; Path=/custom; HttpOnly; SameSite=Lax"},
		{sio.Cookie{NoPath: true}, "io=SID; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Scriptable: true}, "io=SID; Path=/; SameSite=Lax"},
		{sio.Cookie{SameSite: http.SameSiteLaxMode}, "io=SID; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{SameSite: http.SameSiteStrictMode}, "io=SID; Path=/; HttpOnly; SameSite=Strict"},
		{sio.Cookie{SameSite: http.SameSiteNoneMode, Secure: true, Partitioned: true}, "io=SID; Path=/; HttpOnly; Secure; Partitioned; SameSite=None"},
		{sio.Cookie{SameSite: http.SameSiteDefaultMode}, "io=SID; Path=/; HttpOnly"},
		{sio.Cookie{MaxAge: 1500 * time.Millisecond}, "io=SID; Max-Age=1; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{MaxAge: -1}, "io=SID; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Domain: ".example.com"}, "io=SID; Domain=.example.com; Path=/; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Expires: time.Date(2031, 2, 3, 5, 5, 6, 7, time.FixedZone("", 3600))},
			"io=SID; Path=/; Expires=Mon, 03 Feb 2031 04:05:06 GMT; HttpOnly; SameSite=Lax"},
		{sio.Cookie{Name: "a", Path: "/p", Domain: "example.com", MaxAge: 24 * time.Hour, Expires: time.Unix(0, 0),
			Secure: true, Partitioned: true, SameSite: http.SameSiteNoneMode},
			"a=SID; Max-Age=86400; Domain=example.com; Path=/p; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; Partitioned; SameSite=None"},
	} {
		srv := newServer(t, sio.Options{Cookie: &tc.cookie})
		resp, body := exchange(t, srv, "GET /socket.io/?EIO=4&transport=polling")
		sid := strings.Split(body, `"`)[3]
		if got := resp.Header["Set-Cookie"]; len(got) != 1 || strings.Replace(got[0], sid, "SID", 1) != tc.want {
			t.Errorf("%+v\n got %q\nwant %q", tc.cookie, got, tc.want)
		}
		resp, _ = exchange(t, srv, "GET /socket.io/?EIO=4&transport=polling&sid=no")
		if got := resp.Header["Set-Cookie"]; len(got) != 0 {
			t.Errorf("a refusal sets %q", got)
		}
	}
}

// TestClientFiles (O01, O02): the official client's files, in the coding that a browser
// likes, and what their answers say.
func TestClientFiles(t *testing.T) {
	js, source := strings.Repeat("export {};\n", 2000), strings.Repeat(`{"version":3}`, 100)
	files := fstest.MapFS{
		"socket.io.js": {Data: []byte(js)}, "socket.io.js.map": {Data: []byte(source)},
		"socket.io.min.js": {Data: []byte("min")}, "socket.io.min.js.br": {Data: brotlied(t, "min from br")},
		"socket.io.min.js.gz": {Data: []byte("no gzip")}, "secret.js": {Data: []byte("secret")},
		"socket.io.esm.min.js":         {Mode: fs.ModeDir},
		"socket.io.msgpack.min.js.map": {Data: make([]byte, 8<<20+1)},
	}
	srv := newServer(t, sio.Options{Client: files, ClientVersion: "4.8.4", CORS: &sio.CORS{}})
	get := func(request, accept string) (*http.Response, string) {
		t.Helper()
		return exchange(t, srv, request, "Accept-Encoding: "+accept)
	}
	for _, accept := range []string{"", "gzip, deflate, br", "br", "deflate", "br;q=0.1, gzip;q=0.2", "zstd"} {
		for name, want := range map[string]string{"socket.io.js": js, "socket.io.js.map": source} {
			for range 2 { // when it is loaded, and when it is there
				resp, body := get("GET /socket.io/"+name+"?x=1", accept)
				h := resp.Header
				if got := decode(t, h, body); resp.StatusCode != 200 || got != want {
					t.Errorf("%s as %q: %d %.100q", name, accept, resp.StatusCode, got)
				}
				kind := map[bool]string{true: "application/json; charset=utf-8", false: "application/javascript; charset=utf-8"}[strings.HasSuffix(name, ".map")]
				if h.Get("Content-Type") != kind || h.Get("Cache-Control") != "public, max-age=0" || h.Get("ETag") != `"4.8.4"` ||
					h.Get("Vary") != "Accept-Encoding" || h.Get("Access-Control-Allow-Origin") != "*" {
					t.Errorf("%s: %v", name, h)
				}
				coding := map[string]string{"gzip, deflate, br": "gzip", "br": "br", "deflate": "deflate", "br;q=0.1, gzip;q=0.2": "gzip"}[accept]
				if h.Get("Content-Encoding") != coding {
					t.Errorf("%s as %q: %q", name, accept, h.Get("Content-Encoding"))
				}
				resp, body = get("HEAD /socket.io/"+name, accept)
				if body != "" || resp.Header.Get("Content-Length") != h.Get("Content-Length") || resp.Header.Get("Content-Encoding") != coding {
					t.Errorf("HEAD %s: %v", name, resp.Header)
				}
			}
		}
	}
	if resp, body := get("GET /socket.io/socket.io.min.js", "br"); decode(t, resp.Header, body) != "min from br" {
		t.Error("the file that was compressed beforehand is not used")
	}
	if _, body := get("GET /socket.io/socket.io.min.js", "gzip"); body != "no gzip" {
		t.Errorf("the file that was compressed beforehand is not used: %q", body)
	}
	for _, etag := range []string{`"4.8.4"`, `W/"4.8.4"`} {
		if resp, body := exchange(t, srv, "GET /socket.io/socket.io.js", "If-None-Match: "+etag); resp.StatusCode != 304 || body != "" || resp.Header.Get("ETag") != `"4.8.4"` {
			t.Errorf("with %s: %d %v", etag, resp.StatusCode, resp.Header)
		}
	}
	for _, request := range []string{
		"GET /socket.io/secret.js", "GET /socket.io/socket.io.min.js.br", "GET /socket.io/socket.io.esm.min.js", "POST /socket.io/socket.io.js",
		"GET /socket.io/socket.io.msgpack.min.js", "GET /socket.io/socket.io.msgpack.min.js.map", "GET /socket.io/",
	} {
		if resp, body := get(request, "br"); resp.StatusCode != 400 || body != `{"code":0,"message":"Transport unknown"}` {
			t.Errorf("%s: %d %.100q", request, resp.StatusCode, body)
		}
	}
	if resp, _ := get("GET /socket.io.js", ""); resp.StatusCode != 404 {
		t.Errorf("elsewhere: %d", resp.StatusCode)
	}
	// Put there while the server runs.
	files["socket.io.msgpack.min.js"] = &fstest.MapFile{Data: []byte("late")}
	if _, body := get("GET /socket.io/socket.io.msgpack.min.js", ""); body != "late" {
		t.Errorf("a file that came later: %q", body)
	}
}

// TestClientFilesETag (O02): without a version the tag is of the file's content; and where
// the path has no slash at its end the files have one in front.
func TestClientFilesETag(t *testing.T) {
	tags := make(map[string]bool)
	for _, content := range []string{"one", "two", "one"} {
		srv := newServer(t, sio.Options{
			Path: "/rt", NoTrailingSlash: true, Client: fstest.MapFS{"socket.io.js": {Data: []byte(content)}},
		})
		resp, body := exchange(t, srv, "GET /rt/socket.io.js")
		tag := resp.Header.Get("ETag")
		if body != content || len(tag) != 22 {
			t.Errorf("%q with the tag %s", body, tag)
		}
		tags[tag] = true
		if resp, _ := exchange(t, srv, "GET /rt/socket.io.js", "If-None-Match: "+tag, "Accept-Encoding: br"); resp.StatusCode != 304 {
			t.Errorf("with %s: %d", tag, resp.StatusCode)
		}
	}
	if len(tags) != 2 {
		t.Errorf("tags %v", tags)
	}
}

func brotlied(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := brotli.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(t *testing.T, h http.Header, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch h.Get("Content-Encoding") {
	case "br":
		r = brotli.NewReader(r)
	case "gzip":
		r, err = gzip.NewReader(r)
	case "deflate":
		r, err = zlib.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOptions (O04): a server tells its options, with the defaults of those left out.
func TestOptions(t *testing.T) {
	o := newServer(t, sio.Options{Path: "/rt/", PingTimeout: time.Second}).Options()
	if o.Path != "/rt/" || o.PingTimeout != time.Second || o.ConnectTimeout != 45*time.Second || o.Client != nil {
		t.Errorf("options %+v", o)
	}
	if path := newServer(t, sio.Options{}).Options().Path; path != "/socket.io/" {
		t.Errorf("path %q", path)
	}
}
