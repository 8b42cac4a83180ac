package webtransport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	wt "github.com/quic-go/webtransport-go"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/engineio"
)

const patience = 10 * time.Second

// certificate is one for 127.0.0.1, and the pool that trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
})

// world is a server with both doors.
type world struct {
	t    *testing.T
	sio  *sio.Server
	quic *Server
	url  string // of WebTransport
	http string
}

// start runs a server that sends "echo" back, and ends it with the test. Nothing may be
// left then.
func start(t *testing.T, o sio.Options) *world {
	t.Helper()
	goroutines := runtime.NumGoroutine()
	if o.Transports == 0 {
		o.Transports = sio.Polling | sio.WebSocket | sio.WebTransport
	}
	o.Logger = slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	srv, err := sio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error {
		if m.WantsAck() {
			args, err := m.Args()
			if err != nil {
				return err
			}
			return m.Ack(args...)
		}
		return m.Forward(s, "echo")
	})
	cert, _ := certificate()
	q, err := New(srv, Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := srv.Run(ctx, "127.0.0.1:0"); err != nil && !errors.Is(err, sio.ErrClosed) {
			t.Errorf("Run: %v", err)
		}
	})
	running.Go(func() {
		if err := q.Run(ctx, "127.0.0.1:0"); err != nil {
			t.Errorf("Run over QUIC: %v", err)
		}
	})
	<-srv.Started()
	<-q.Started()
	t.Cleanup(func() {
		cancel()
		running.Wait()
		until(t, "goroutines of the server to end", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	})
	return &world{
		t: t, sio: srv, quic: q,
		url:  fmt.Sprintf("https://%s/socket.io/?EIO=4&transport=webtransport", q.Addr()),
		http: fmt.Sprintf("http://%s/socket.io/?EIO=4&transport=polling", srv.Addrs()[0]),
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("waited for %s in vain\n%s", what, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// client is one end of a stream of packets.
type client struct {
	t       *testing.T
	session *wt.Session
	stream  *wt.Stream
	close   func() // the connection
	buf     []byte
}

// dial opens a session, and on it a stream, but sends nothing.
func (w *world) dial(header http.Header) (*client, error) {
	w.t.Helper()
	_, pool := certificate()
	d := &wt.Dialer{
		TLSClientConfig: &tls.Config{RootCAs: pool, NextProtos: []string{http3.NextProtoH3}},
		QUICConfig:      &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true},
	}
	w.t.Cleanup(func() { _ = d.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, session, err := d.Dial(ctx, w.url, header)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	stream, err := session.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	_ = stream.SetReadDeadline(time.Now().Add(2 * patience))
	return &client{t: w.t, session: session, stream: stream, close: func() { _ = d.Close() }}, nil
}

// open is dial and an open packet, for a session or a new one.
func (w *world) open(sid string) *client {
	w.t.Helper()
	c, err := w.dial(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if sid == "" {
		c.send("0")
	} else {
		c.send(`0{"sid":"` + sid + `"}`)
	}
	return c
}

func (c *client) send(packet string) { c.sendPacket([]byte(packet), false) }

func (c *client) sendPacket(b []byte, binary bool) {
	c.t.Helper()
	if _, err := c.stream.Write(append(engineio.AppendStreamHeader(nil, len(b), binary), b...)); err != nil {
		c.t.Fatal(err)
	}
}

// receive is the next packet.
func (c *client) receive() (string, error) {
	for {
		n, size, _, err := engineio.StreamHeader(c.buf)
		if err != nil {
			return "", err
		}
		if n > 0 && len(c.buf) >= n+size {
			p := string(c.buf[n : n+size])
			c.buf = c.buf[n+size:]
			return p, nil
		}
		b := make([]byte, 64<<10)
		k, err := c.stream.Read(b)
		c.buf = append(c.buf, b[:k]...)
		if err != nil && k == 0 {
			return "", err
		}
	}
}

// expect fails unless these are the next packets; one that ends with an asterisk may go on.
func (c *client) expect(packets ...string) {
	c.t.Helper()
	for _, want := range packets {
		got, err := c.receive()
		if err != nil {
			c.t.Fatalf("waiting for %q: %v", want, err)
		}
		if prefix, ok := strings.CutSuffix(want, "*"); got != want && !(ok && strings.HasPrefix(got, prefix)) {
			c.t.Fatalf("received %q, want %q", got, want)
		}
	}
}

// ended waits for the session's end.
func (c *client) ended() {
	c.t.Helper()
	select {
	case <-c.session.Context().Done():
	case <-time.After(patience):
		c.t.Fatal("the session does not end")
	}
}

// TestConversation (T07, T08): without polling; text, binary, acknowledgements, in order.
func TestConversation(t *testing.T) {
	w := start(t, sio.Options{})
	c := w.open("")
	c.expect(`0{"sid":"*`)
	c.send("40")
	c.expect(`40{"sid":"*`)
	for i := range 200 {
		c.send(fmt.Sprintf(`42["echo",%d,"%s"]`, i, strings.Repeat("x", 10*i)))
	}
	for i := range 200 {
		c.expect(fmt.Sprintf(`42["echo",%d,"%s"]`, i, strings.Repeat("x", 10*i)))
	}
	c.send(`451-7["echo",{"_placeholder":true,"num":0}]`)
	c.sendPacket([]byte{1, 2, 255}, true)
	c.expect(`461-7[{"_placeholder":true,"num":0}]`, "\x01\x02\xff")
	for s := range w.sio.Sockets() {
		if got := s.Conn().Transport(); got != "webtransport" {
			t.Errorf("Transport = %q", got)
		}
		h := s.Handshake()
		if h.Query().Get("EIO") != "4" || !h.Secure() || h.TLS() == nil || !h.Address().IsValid() {
			t.Errorf("handshake: query %v, secure %v, TLS %v, address %v", h.Query(), h.Secure(), h.TLS(), h.Address())
		}
	}
	c.send("1")
	c.ended()
}

// TestUpgradeFromPolling (T07, L05): a session of long-polling moves to a stream, and loses
// nothing on the way.
func TestUpgradeFromPolling(t *testing.T) {
	w := start(t, sio.Options{})
	sid, socket := w.poll()
	c := w.open(sid)
	c.send("2probe")
	c.expect("3probe")
	s, ok := w.sio.Socket(socket)
	if !ok {
		t.Fatal("no socket")
	}
	for i := range 10 {
		if err := s.Emit("n", i); err != nil {
			t.Fatal(err)
		}
	}
	c.send("5")
	for i := range 10 {
		c.expect(fmt.Sprintf(`42["n",%d]`, i))
	}
	c.send(`42["echo"]`)
	c.expect(`42["echo"]`)
	if !s.Conn().Upgraded() {
		t.Error("Upgraded is false")
	}
}

// poll begins a session of long-polling and joins "/".
func (w *world) poll() (sid, socket string) {
	w.t.Helper()
	var open struct {
		SID      string
		Upgrades []string
	}
	if err := json.Unmarshal([]byte(w.get("")[1:]), &open); err != nil {
		w.t.Fatal(err)
	}
	if got := strings.Join(open.Upgrades, " "); got != "websocket webtransport" {
		w.t.Fatalf("upgrades: %s", got)
	}
	resp, err := http.Post(w.http+"&sid="+open.SID, "text/plain", strings.NewReader("40"))
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	var connect struct{ SID string }
	if err := json.Unmarshal([]byte(w.get(open.SID)[2:]), &connect); err != nil {
		w.t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return open.SID, connect.SID
}

func (w *world) get(sid string) string {
	w.t.Helper()
	resp, err := http.Get(w.http + "&sid=" + sid)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// TestMiddlewares (T09, H18): they see the request that opens a session; their values are in
// the handshake, and they can refuse it. AllowRequest is asked behind them.
func TestMiddlewares(t *testing.T) {
	type key struct{}
	w := start(t, sio.Options{
		HTTP: []func(http.Handler) http.Handler{func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Who") == "" {
					http.Error(rw, "who are you?", http.StatusUnauthorized)
					return
				}
				next.ServeHTTP(wrapped{rw}, r.WithContext(context.WithValue(r.Context(), key{}, r.Header.Get("X-Who"))))
			})
		}},
		AllowRequest: func(ctx context.Context, h *sio.Handshake) error {
			if h.Field("X-Who") == "mallory" {
				return sio.Forbid("not you")
			}
			return nil
		},
	})
	who := make(chan any, 1)
	w.sio.OnConnect(func(s *sio.Socket) { who <- s.Handshake().Context().Value(key{}) })

	if _, err := w.dial(nil); err == nil {
		t.Error("a request that a middleware refuses opens a session")
	}
	c, err := w.dial(http.Header{"X-Who": {"mallory"}})
	if err != nil {
		t.Fatal(err)
	}
	c.send("0")
	c.ended()

	c, err = w.dial(http.Header{"X-Who": {"ann"}})
	if err != nil {
		t.Fatal(err)
	}
	c.send("0")
	c.expect("0{*")
	c.send("40")
	c.expect("40{*")
	if got := <-who; got != "ann" {
		t.Errorf("the middleware's value is %v", got)
	}
}

type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestFirstPacket (T07, T08): a stream that does not begin as one should, in time, is closed.
func TestFirstPacket(t *testing.T) {
	w := start(t, sio.Options{UpgradeTimeout: 200 * time.Millisecond})
	for name, begin := range map[string]func(c *client){
		"nothing":                     func(*client) {},
		"half a packet":               func(c *client) { _, _ = c.stream.Write([]byte{9, '0'}) },
		"no open packet":              func(c *client) { c.send("40") },
		"binary":                      func(c *client) { c.sendPacket([]byte("0"), true) },
		"no length":                   func(c *client) { _, _ = c.stream.Write([]byte{0}) },
		"too long":                    func(c *client) { _, _ = c.stream.Write([]byte{126, 0xff, 0xff}) },
		"no JSON":                     func(c *client) { c.send("0{") },
		"no sid":                      func(c *client) { c.send("0{}") },
		"a session that nobody knows": func(c *client) { c.send(`0{"sid":"AAAAAAAAAAAAAAAAAAAA"}`) },
	} {
		c, err := w.dial(nil)
		if err != nil {
			t.Fatal(err)
		}
		begin(c)
		if p, err := c.receive(); err == nil {
			t.Errorf("%s: answered by %q", name, p)
		}
		c.ended()
	}
	if n := w.sio.Stats().Sessions; n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// TestLimits (T08): a packet over MaxPayload ends the session before it has come.
func TestLimits(t *testing.T) {
	w := start(t, sio.Options{MaxPayload: 1000})
	reasons := make(chan sio.Reason, 1)
	w.sio.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { reasons <- r })
	c := w.open("")
	c.expect("0{*")
	c.send("40")
	c.expect("40{*")
	if _, err := c.stream.Write(engineio.AppendStreamHeader(nil, 1001, false)); err != nil {
		t.Fatal(err)
	}
	c.ended()
	if r := <-reasons; r != sio.ParseError {
		t.Errorf("reason %q", r)
	}
}

// TestMaxConns: beyond the bound connections are refused, whatever those before do or do not;
// the end of one makes room.
func TestMaxConns(t *testing.T) {
	w := start(t, sio.Options{MaxConns: 2})
	first := w.open("")
	first.expect("0{*")
	if _, err := w.dial(nil); err != nil { // it says nothing
		t.Fatal(err)
	}
	if _, err := w.dial(nil); err == nil {
		t.Error("a third connection is let in")
	}
	_ = first.session.CloseWithError(0, "")
	first.close()
	until(t, "room", func() bool { return w.quic.conns.Load() == 1 })
	w.open("").expect("0{*")
}

// TestHost: a Host field beside :authority is not told twice.
func TestHost(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4", nil)
	r.Header.Set("Host", "example.com")
	r.Header.Set("Cookie", "a=b")
	if got, want := string(head(r)), "GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: example.com\r\nCookie: a=b\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSlowReader: a client that does not read is disconnected when as much waits for it as
// may, and holds up nobody.
func TestSlowReader(t *testing.T) {
	w := start(t, sio.Options{})
	reasons := make(chan sio.Reason, 1)
	w.sio.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { reasons <- r })
	c := w.open("")
	c.expect("0{*")
	c.send("40")
	c.expect("40{*")
	long := strings.Repeat("x", 100_000)
	for range 400 {
		if w.sio.Emit("long", long) != nil {
			break
		}
	}
	select {
	case r := <-reasons:
		if r != sio.SlowConsumer {
			t.Errorf("reason %q", r)
		}
	case <-time.After(patience):
		t.Error("the client is still there")
	}
}

// TestEnd: clients are told of the end of the server, and those that come later turned away.
func TestEnd(t *testing.T) {
	w := start(t, sio.Options{})
	c := w.open("")
	c.expect("0{*")
	c.send("40")
	c.expect("40{*")
	if err := w.sio.Close(); err != nil {
		t.Fatal(err)
	}
	c.ended()
	late, err := w.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	late.send("0")
	late.ended()
}

// TestElsewhere: other paths and methods find nothing.
func TestElsewhere(t *testing.T) {
	w := start(t, sio.Options{})
	w.url = strings.Replace(w.url, "/socket.io/", "/other/", 1)
	if _, err := w.dial(nil); err == nil {
		t.Error("a session at another path")
	}
}

// TestOptions: what cannot be is refused.
func TestOptions(t *testing.T) {
	srv, err := sio.New(sio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(srv, Options{TLS: new(tls.Config)}); err == nil {
		t.Error("a server without WebTransport is taken")
	}
	if srv, err = sio.New(sio.Options{Transports: sio.WebTransport}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(srv, Options{TLS: new(tls.Config), MaxConns: -1}); err == nil {
		t.Error("a bound below 0 is taken")
	}
	if _, err := New(srv, Options{}); err == nil {
		t.Error("no certificate is needed")
	}
	q, err := New(srv, Options{TLS: new(tls.Config)})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if err := q.Run(context.Background(), "127.0.0.1:0"); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Run behind Close: %v", err)
	}
}

// TestAlone: a server that never was run, because it is only mounted, serves WebTransport.
func TestAlone(t *testing.T) {
	srv, err := sio.New(sio.Options{Transports: sio.WebTransport})
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := certificate()
	q, err := New(srv, Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, "127.0.0.1:0") }()
	<-q.Started()
	w := &world{t: t, sio: srv, quic: q, url: fmt.Sprintf("https://%s/socket.io/?EIO=4&transport=webtransport", q.Addr())}
	c := w.open("")
	c.expect("0{*")
	c.send("40")
	c.expect("40{*")
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	c.ended()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
