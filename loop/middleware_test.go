package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

type userKey struct{}

// header sets fields, as those that care for security do.
func header(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// user attaches a value to the request.
func user(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, "ann")))
	})
}

// committing sets a cookie when the response's header is written, or at the latest when the
// handler has returned, as alexedwards/scs/v2 does. Its writer has nothing but Unwrap.
func committing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cw := &committer{ResponseWriter: w}
		next.ServeHTTP(cw, r)
		cw.commit()
	})
}

type committer struct {
	http.ResponseWriter
	done bool
}

func (c *committer) commit() {
	if !c.done {
		c.done = true
		http.SetCookie(c.ResponseWriter, &http.Cookie{Name: "session", Value: "1"})
	}
}
func (c *committer) WriteHeader(status int)      { c.commit(); c.ResponseWriter.WriteHeader(status) }
func (c *committer) Write(b []byte) (int, error) { c.commit(); return c.ResponseWriter.Write(b) }
func (c *committer) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// buffering keeps the whole response back, and sets a cookie before it passes it on, as scs
// did in version 1. Its writer cannot be unwrapped.
func buffering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bw := &bufferer{ResponseWriter: w}
		next.ServeHTTP(bw, r)
		http.SetCookie(w, &http.Cookie{Name: "buffered", Value: "1"})
		if bw.code != 0 {
			w.WriteHeader(bw.code)
		}
		_, _ = w.Write(bw.buf.Bytes())
	})
}

type bufferer struct {
	http.ResponseWriter
	buf  bytes.Buffer
	code int
}

func (b *bufferer) WriteHeader(code int)        { b.code = code }
func (b *bufferer) Write(p []byte) (int, error) { return b.buf.Write(p) }

// A logger notes each request with the status of its response.
type requestLog struct {
	mu    sync.Mutex
	lines []string
}

// text are the lines, sorted.
func (l *requestLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(l.lines)), ", ")
}

func (l *requestLog) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w, status: 200}
		next.ServeHTTP(sw, r)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprint(r.Method, " ", r.URL.Query().Get("transport"), " ", sw.status))
	})
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// TestMiddlewares (H18): middlewares of the popular kinds see every request, their fields
// are in every answer, the 101 too, and their values in the handshake; on a listener of
// ours and in an http.Server, each alone and all together.
func TestMiddlewares(t *testing.T) {
	type kind struct {
		name  string
		list  []func(http.Handler) http.Handler
		field string // of each answer
	}
	kinds := []kind{
		{"a header", []func(http.Handler) http.Handler{header}, "X-Frame-Options: DENY"},
		{"a cookie when the header is written", []func(http.Handler) http.Handler{committing}, "Set-Cookie: session=1"},
		{"a cookie behind the handler", []func(http.Handler) http.Handler{buffering}, "Set-Cookie: buffered=1"},
		{"all", []func(http.Handler) http.Handler{header, committing, buffering}, "Set-Cookie: buffered=1"},
	}
	for name, begin := range map[string]func(t *testing.T, o Options) *server{
		"listening": func(t *testing.T, o Options) *server { return start(t, o) },
		"mounted":   func(t *testing.T, o Options) *server { return mount(t, o) },
	} {
		for _, k := range kinds {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				log := new(requestLog)
				list := append([]func(http.Handler) http.Handler{log.middleware, user}, k.list...)
				s := begin(t, Options{Loops: 2, Middlewares: list})
				c := s.http()
				ask := func(method, target, more, body string) string {
					t.Helper()
					fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n%s\r\n%s", method, target, len(body), more, body)
					r, err := http.ReadResponse(c.r, nil)
					if err != nil {
						t.Fatal(err)
					}
					name, want, _ := strings.Cut(k.field, ": ")
					if got := r.Header.Values(name); !slices.Contains(got, want) {
						t.Errorf("%s %s: %s is %q, want %q", method, target, name, got, want)
					}
					defer r.Body.Close()
					b, _ := io.ReadAll(r.Body)
					return fmt.Sprint(r.StatusCode, " ", string(b))
				}
				open := ask("GET", polling, "", "")
				_, rest, _ := strings.Cut(open, `"sid":"`)
				sid, _, ok := strings.Cut(rest, `"`)
				if !ok {
					t.Fatal(open)
				}
				if got := ask("POST", polling+"&sid="+sid, "", "40"); got != "200 ok" {
					t.Error(got)
				}
				if got := ask("GET", polling+"&sid="+sid, "", ""); !strings.HasPrefix(got, "200 40{") {
					t.Error(got)
				}
				if got := ask("GET", "/socket.io/?EIO=4&transport=none", "", ""); !strings.HasPrefix(got, `400 {"code":0,`) {
					t.Error(got)
				}
				for _, target := range []string{"/socket.io/?EIO=4&transport=websocket&sid=" + sid, "/socket.io/?EIO=4&transport=websocket"} {
					nc := s.dial()
					ws := &httpClient{nc, t, newReader(nc)}
					fmt.Fprint(ws, "GET "+target+openingHandshake)
					r, err := http.ReadResponse(ws.r, nil)
					if err != nil || r.StatusCode != 101 {
						t.Fatalf("%v, %v", r, err)
					}
					name, want, _ := strings.Cut(k.field, ": ")
					if got := r.Header.Values(name); !slices.Contains(got, want) {
						t.Errorf("101: %s is %q, want %q", name, got, want)
					}
				}
				s.eventually("both are there", func() bool { return s.app.opened.Load() == 2 })
				s.Loops(func(l *Loop) {
					do(t, l, func() {
						for _, x := range l.table.All() {
							if ctx := x.Handshake().Context; ctx == nil || ctx.Value(userKey{}) != "ann" || ctx.Err() != nil {
								t.Errorf("its context: %v", ctx)
							}
						}
					})
				})
				want := "GET none 400, GET polling 200, GET polling 200, GET websocket 101, GET websocket 101, POST polling 200"
				s.eventually("they are noted", func() bool { return log.text() == want })
			})
		}
	}
}

// TestMiddlewareAnswers (H18): a middleware that answers by itself keeps the request from
// the engine, polling or upgrade; one that refuses has it refused with the code 3; one that
// panics costs that request.
func TestMiddlewareAnswers(t *testing.T) {
	gate := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("gate") {
			case "answer":
				http.Error(w, "not today", http.StatusTeapot)
			case "late":
				next.ServeHTTP(&bufferer{ResponseWriter: w}, r)
				http.Error(w, "changed my mind", http.StatusTeapot)
			case "refuse":
				Refuse(w, r, errors.New("no"))
			case "panic":
				panic(http.ErrAbortHandler)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	for name, begin := range map[string]func(t *testing.T, o Options) *server{
		"listening": func(t *testing.T, o Options) *server { return start(t, o) },
		"mounted":   func(t *testing.T, o Options) *server { return mount(t, o) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Options{Middlewares: []func(http.Handler) http.Handler{gate}})
			for _, c := range []struct {
				transport, gate string
				status          int
				body            string
			}{
				{"polling", "answer", 418, "not today\n"},
				{"websocket", "answer", 418, "not today\n"},
				{"websocket", "late", 418, "changed my mind\n"},
				{"polling", "refuse", 400, `{"code":3,"message":"Bad request"}`},
				{"websocket", "refuse", 400, "Bad request"},
				{"polling", "panic", 0, ""},
				{"websocket", "panic", 0, ""},
			} {
				h := s.http()
				target := "/socket.io/?EIO=4&transport=" + c.transport + "&gate=" + c.gate
				if c.transport == "websocket" {
					fmt.Fprint(h, "GET "+target+openingHandshake)
				} else {
					fmt.Fprintf(h, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target)
				}
				r, err := http.ReadResponse(h.r, nil)
				if c.status == 0 {
					if err == nil {
						t.Errorf("%s %s: %v", c.transport, c.gate, r)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s %s: %v", c.transport, c.gate, err)
				}
				b, _ := io.ReadAll(r.Body)
				if r.StatusCode != c.status || string(b) != c.body {
					t.Errorf("%s %s: %d %q, want %d %q", c.transport, c.gate, r.StatusCode, b, c.status, c.body)
				}
			}
			if n := s.app.opened.Load(); n != 0 {
				t.Errorf("%d sessions", n)
			}
			s.hangUp()
			s.eventually("their places are free", func() bool { return s.Connections() == 0 })
			// Not through the middlewares of any group.
			if Refuse(nil, new(http.Request).WithContext(context.Background()), nil) {
				t.Error("a request of nobody's is refused")
			}
		})
	}
}

// TestMiddlewaresAndForeign: requests that are not for the engine do not pass the
// middlewares; on one connection both kinds go on.
func TestMiddlewaresAndForeign(t *testing.T) {
	log := new(requestLog)
	s := start(t, Options{Loops: 2, Foreign: foreignApp, Middlewares: []func(http.Handler) http.Handler{log.middleware}})
	c := s.http()
	for range 3 {
		if status, _ := c.do("GET", "/page", ""); status != 200 {
			t.Fatal(status)
		}
		sid := c.open()
		if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
			t.Fatalf("%d %q", status, body)
		}
	}
	ws := upgrade(t, c.Conn, "", "40")
	ws.expectPrefix("0{")
	ws.expectPrefix("40{")
	s.eventually("one connection is counted", func() bool { return s.Connections() == 1 })
	log.mu.Lock()
	defer log.mu.Unlock()
	if len(log.lines) != 7 {
		t.Errorf("the log: %q", log.lines)
	}
}

// TestMiddlewaresLimit: a request of a connection of ours takes no second place.
func TestMiddlewaresLimit(t *testing.T) {
	s := start(t, Options{MaxConns: 1, Middlewares: []func(http.Handler) http.Handler{header}})
	c := s.http()
	sid := c.open()
	c.send("GET", polling+"&sid="+sid, "")
	s.eventually("it waits", func() bool {
		waits := false
		s.Loops(func(l *Loop) { waits = waits || l.Stats().Connections.Load() == 1 })
		return waits
	})
	if n := s.Connections(); n != 1 {
		t.Errorf("%d connections are counted", n)
	}
}

// TestMiddlewaresBusy: when net/http has no room for another connection its request is
// answered with 503: it was for the engine, and may be tried again.
func TestMiddlewaresBusy(t *testing.T) {
	s := start(t, Options{Middlewares: []func(http.Handler) http.Handler{header}})
	_ = s.foreign.Close() // it takes no more
	c := s.http()
	if status, _ := c.do("GET", polling, ""); status != 503 {
		t.Errorf("%d", status)
	}
}

// TestMiddlewaresOverTLS (H18 H42): on a listener of ours over TLS requests pass the
// middlewares, which know of it, and a WebSocket ends up on its loop, encrypted by that.
func TestMiddlewaresOverTLS(t *testing.T) {
	a := newAuthority(t)
	knowing := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS == nil {
				t.Error("a middleware is not told of TLS")
			}
			next.ServeHTTP(w, r)
		})
	}
	s := start(t, Options{Loops: 2, TLS: a.server(), Middlewares: []func(http.Handler) http.Handler{knowing, user}})
	c := s.httpTLS(a.client())
	sid := c.open()
	if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
		t.Fatalf("%d %q", status, body)
	}
	ws := upgrade(t, s.dialTLS(a.client()), sid, "2probe")
	ws.expect("3probe")
	ws.send("5")
	ws.expectPrefix("40{")
	ws.echo(strings.Repeat("x", 100_000))
	direct := s.connectTLS(a.client())
	direct.echo("hello")
	s.Loops(func(l *Loop) {
		do(t, l, func() {
			for _, x := range l.table.All() {
				h := x.Handshake()
				if h.TLS == nil || !h.Secure || h.Context == nil || h.Context.Value(userKey{}) != "ann" {
					t.Errorf("its handshake: %+v", h)
				}
				if _, ok := x.WebSocket().Wire().(*tlsConn); !ok {
					t.Errorf("it is carried by a %T", x.WebSocket().Wire())
				}
			}
		})
	})
}
