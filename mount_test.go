package sio_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// web serves h on a port of its own until the test ends, or stop is called.
func web(t testing.TB, h http.Handler) (addr string, stop func()) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), s.Close
}

var transports = []struct {
	name string
	opts []siotest.DialOption
}{
	{"websocket", nil},
	{"polling", []siotest.DialOption{siotest.Polling()}},
	{"upgrade", []siotest.DialOption{siotest.Upgrade()}},
}

var greet sio.Request[string, string] = "greet"

func greeter(t testing.TB, o sio.Options) *sio.Server {
	srv := newServer(t, o)
	greet.Handle(srv, func(_ context.Context, s *sio.Socket, name string) (string, error) { return "hello " + name, nil })
	return srv
}

func greeted(t testing.TB, addr string) {
	t.Helper()
	for _, tr := range transports {
		c := siotest.DialAddr(t, addr, "/", tr.opts...)
		if got, err := siotest.Call(c, greet, "ann"); got != "hello ann" || err != nil {
			t.Errorf("%s: %q, %v", tr.name, got, err)
		}
	}
}

// TestHandler (O03 H41): a server that nobody runs is started by its handler's first
// request, serves all transports beside the application's own pages, and ends with Close.
func TestHandler(t *testing.T) {
	srv := greeter(t, sio.Options{})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", srv.Handler())
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {})
	addr, _ := web(t, mux)
	greeted(t, addr)
	if status := get(t, "http://"+addr+"/page"); status != 200 {
		t.Errorf("the page: %d", status)
	}
	recv(t, srv.Started())
	if err := srv.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, sio.ErrRunning) {
		t.Errorf("Run: %v", err)
	}
	if err := srv.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if status := get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling"); status != 503 {
		t.Errorf("behind Close: %d", status)
	}
}

func get(t testing.TB, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestHandlerOfRun (O03 O06): the handler of a server that runs, with addresses or without,
// has its clients beside those of the addresses; between two runs it answers 503.
func TestHandlerOfRun(t *testing.T) {
	for _, tc := range []struct {
		name  string
		addrs []string
	}{{"listening, too", []string{"127.0.0.1:0"}}, {"by itself", nil}} {
		t.Run(tc.name, func(t *testing.T) {
			srv := greeter(t, sio.Options{})
			addr, _ := web(t, srv.Handler())
			for range 2 {
				ctx, stop := context.WithCancel(context.Background())
				started, ran := srv.Started(), make(chan error, 1)
				go func() { ran <- srv.Run(ctx, tc.addrs...) }()
				recv(t, started)
				greeted(t, addr)
				for _, a := range srv.Addrs() {
					greeted(t, a.String())
				}
				stop()
				if err := recv(t, ran); err != nil {
					t.Errorf("Run: %v", err)
				}
				if status := get(t, "http://"+addr+"/socket.io/?EIO=4&transport=polling"); status != 503 {
					t.Errorf("behind it: %d", status)
				}
			}
		})
	}
}

// TestRemoteAddress (H43 H44): the address is the TCP peer's, whatever the request says, and
// the request is kept as it was, by whichever way it has come.
func TestRemoteAddress(t *testing.T) {
	srv := newServer(t, sio.Options{})
	seen := make(chan *sio.Handshake, 1)
	srv.OnConnect(func(s *sio.Socket) { seen <- s.Handshake() })
	mounted, _ := web(t, srv.Handler())
	greeted := func(addr string) {
		for _, tr := range transports {
			opts := append([]siotest.DialOption{siotest.Header("X-Forwarded-For", "203.0.113.9"), siotest.Query("a", "b")}, tr.opts...)
			siotest.DialAddr(t, addr, "/", opts...)
			h := recv(t, seen)
			if a := h.Address(); !a.Addr().IsLoopback() || !a.Addr().Is4() || a.Port() == 0 {
				t.Errorf("%s: the address is %v", tr.name, a)
			}
			if h.Field("X-Forwarded-For") != "203.0.113.9" || h.Query().Get("a") != "b" || h.Method() != "GET" {
				t.Errorf("%s: the request is %q", tr.name, h.URL())
			}
		}
	}
	greeted(mounted)
}

type userKey struct{}

// TestHTTPMiddlewares (H18): values of the application's middlewares, those of Options.HTTP and
// those around the handler, are in the handshake: in AllowRequest, in Use, of the socket;
// one can refuse a request, of which OnHandshakeError is told.
func TestHTTPMiddlewares(t *testing.T) {
	name := func(ctx context.Context) string { s, _ := ctx.Value(userKey{}).(string); return s }
	user := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch user := r.Header.Get("X-User"); user {
			case "":
				sio.RefuseRequest(w, r, errors.New("no user"))
			default:
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
			}
		})
	}
	for _, tc := range []struct {
		name    string
		options sio.Options
		begin   func(t *testing.T, srv *sio.Server) (addr string)
	}{
		{"listening", sio.Options{HTTP: []func(http.Handler) http.Handler{user}}, func(t *testing.T, srv *sio.Server) string {
			return listen(t, srv)
		}},
		{"mounted", sio.Options{HTTP: []func(http.Handler) http.Handler{user}}, func(t *testing.T, srv *sio.Server) string {
			addr, _ := web(t, srv.Handler())
			return addr
		}},
		{"mounted behind it", sio.Options{}, func(t *testing.T, srv *sio.Server) string {
			addr, _ := web(t, user(srv.Handler()))
			return addr
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := tc.options
			refusals := make(chan *sio.HandshakeError, 1)
			o.OnHandshakeError = func(e *sio.HandshakeError) { refusals <- e }
			o.AllowRequest = func(_ context.Context, h *sio.Handshake) error {
				if name(h.Context()) != "ann" {
					return sio.Forbid("not ann")
				}
				return nil
			}
			srv := newServer(t, o)
			srv.Use(func(_ context.Context, s *sio.Socket) error {
				if name(s.Handshake().Context()) != "ann" {
					return sio.Refuse{Message: "not ann"}
				}
				return nil
			})
			seen := make(chan string, 1)
			srv.OnConnect(func(s *sio.Socket) { seen <- name(s.Handshake().Context()) })
			addr := tc.begin(t, srv)
			for _, tr := range transports {
				siotest.DialAddr(t, addr, "/", append(tr.opts, siotest.Header("X-User", "ann"))...)
				if got := recv(t, seen); got != "ann" {
					t.Errorf("%s: the user is %q", tr.name, got)
				}
				if _, err := siotest.TryDialAddr(t, addr, "/", append(tr.opts, siotest.Header("X-User", "bob"))...); err == nil {
					t.Errorf("%s: bob is let in", tr.name)
				}
				if e := recv(t, refusals); e.Code != 4 || name(e.Request.Context()) != "bob" {
					t.Errorf("%s: bob is refused by %d, as %q", tr.name, e.Code, name(e.Request.Context()))
				}
				if _, err := siotest.TryDialAddr(t, addr, "/", tr.opts...); err == nil {
					t.Errorf("%s: nobody is let in", tr.name)
				}
				if tc.options.HTTP == nil {
					continue // a middleware around the handler is none of the server's
				}
				if e := recv(t, refusals); e.Code != 3 || e.Context["name"] != "MIDDLEWARE_FAILURE" || e.Context["error"] != "no user" {
					t.Errorf("%s: nobody is refused by %d, %v", tr.name, e.Code, e.Context)
				}
			}
		})
	}
}

// TestHandlerOverUnixSocket: an http.Server may listen on whatever it likes.
func TestHandlerOverUnixSocket(t *testing.T) {
	srv := newServer(t, sio.Options{})
	connected := make(chan struct{}, 1)
	srv.OnConnect(func(s *sio.Socket) { connected <- struct{}{} })
	path := t.TempDir() + "/s"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(srv.Handler())
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + "\x81\x82\x00\x00\x00\x0040")); err != nil {
		t.Fatal(err)
	}
	recv(t, connected)
}
