package loop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/session"
)

// tlsVersions are the versions, and the kinds of cipher, that Go speaks by default or can
// be made to.
var tlsVersions = []struct {
	name string
	set  func(c *tls.Config)
}{
	{"1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }},
	{"1.2 AEAD", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
	{"1.2 CBC", func(c *tls.Config) {
		c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	}},
	{"1.0", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }},
}

// TestTLS (H42): polling and WebSockets over TLS, in each version, with short and long
// messages in both directions.
func TestTLS(t *testing.T) {
	a := newAuthority(t)
	for _, v := range tlsVersions {
		t.Run(v.name, func(t *testing.T) {
			theirs, ours := a.client(), a.server()
			v.set(theirs)
			v.set(ours)
			s := start(t, Options{Loops: 2, TLS: ours})
			var all sync.WaitGroup
			for i := range 8 {
				c := s.connectTLS(theirs)
				all.Go(func() {
					for n := range 30 {
						c.echo(fmt.Sprint(i, " ", n))
					}
					for _, n := range []int{1000, 16 << 10, 20_000, 100_000, 900_000} {
						c.echo(strings.Repeat("x", n))
					}
				})
			}
			h := s.httpTLS(theirs)
			sid := h.open()
			if status, body := h.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
				t.Errorf("%d %q", status, body)
			}
			if status, body := h.do("GET", polling+"&sid="+sid, ""); status != 200 || !strings.HasPrefix(body, "40{") {
				t.Errorf("%d %q", status, body)
			}
			all.Wait()
		})
	}
}

// TestTLSResumes: a second connection needs no certificate.
func TestTLSResumes(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	for _, v := range tlsVersions[:2] {
		theirs := a.client()
		theirs.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		v.set(theirs)
		for i := range 2 {
			c := s.connectTLS(theirs)
			c.echo("x") // and the ticket is read
			if got := c.Conn.(*tls.Conn).ConnectionState().DidResume; got != (i == 1) {
				t.Errorf("%s: connection %d resumed: %v", v.name, i, got)
			}
		}
	}
}

// TestTLSByteByByte: whatever pieces the records come in, of the handshake and behind it.
func TestTLSByteByByte(t *testing.T) {
	a := newAuthority(t)
	for _, v := range tlsVersions[:2] {
		t.Run(v.name, func(t *testing.T) {
			s := start(t, Options{TLS: a.server()})
			theirs := a.client()
			v.set(theirs)
			nc := tls.Client(crumbs{s.dial()}, theirs)
			w := upgrade(t, nc, "", "40")
			w.expectPrefix("0{")
			w.expectPrefix("40{")
			w.echo("crumbs")
			w.echo(strings.Repeat("x", 3000))
		})
	}
}

// TestTLSNames: the client's name for the server chooses the certificate, and a
// configuration of its own; ALPN is ours in any case.
func TestTLSNames(t *testing.T) {
	a := newAuthority(t)
	one, two := a.issue("one.test"), a.issue("two.test")
	s := start(t, Options{TLS: &tls.Config{
		NextProtos:   []string{"h2"},
		Certificates: []tls.Certificate{one, two},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if h.Conn.RemoteAddr().(*net.TCPAddr).Port == 0 || h.Conn.LocalAddr() == nil {
				t.Error("no addresses")
			}
			switch h.ServerName {
			case "three.test":
				return &tls.Config{Certificates: []tls.Certificate{a.issue("three.test")}, NextProtos: []string{"h2"}}, nil
			case "four.test":
				return nil, errors.New("no")
			case "five.test":
				panic("five")
			}
			return nil, nil
		},
	}})
	for _, name := range []string{"one.test", "two.test", "three.test"} {
		c := a.client()
		c.ServerName, c.NextProtos = name, []string{"h2", "http/1.1"}
		w := s.connectTLS(c)
		w.echo(name)
		state := w.Conn.(*tls.Conn).ConnectionState()
		if got := state.PeerCertificates[0].Subject.CommonName; got != name || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: %s, %q", name, got, state.NegotiatedProtocol)
		}
	}
	for _, name := range []string{"four.test", "five.test"} {
		c := a.client()
		c.ServerName = name
		if err := tls.Client(s.dial(), c).Handshake(); err == nil {
			t.Errorf("%s is served", name)
		}
	}
	c := a.client()
	c.ServerName, c.NextProtos = "one.test", []string{"h2"}
	if err := tls.Client(s.dial(), c).Handshake(); err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("a client that only speaks HTTP/2 is told %v", err)
	}
	s.eventually("a panic is counted", func() bool { return s.Loop(0).stats.Panics.Load() == 1 })
}

// TestTLSClientCertificates (H42): who has one that is good is let in, and known; the others
// are told.
func TestTLSClientCertificates(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, v := range tlsVersions[:2] {
		t.Run(v.name, func(t *testing.T) {
			ours := a.server()
			ours.ClientAuth, ours.ClientCAs = tls.RequireAndVerifyClientCert, a.pool
			s := start(t, Options{TLS: ours})
			good := a.client()
			v.set(good)
			good.Certificates = []tls.Certificate{a.issue("alice")}
			s.connectTLS(good).echo("x")
			for _, k := range s.app.all() {
				if got := k.Session().Handshake().TLS.PeerCertificates[0].Subject.CommonName; got != "alice" {
					t.Errorf("the client is %q", got)
				}
			}
			wrong := a.client()
			v.set(wrong)
			wrong.Certificates = []tls.Certificate{other.issue("mallory")}
			wrong.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &wrong.Certificates[0], nil }
			none := a.client()
			v.set(none)
			for _, c := range []*tls.Config{wrong, none} {
				nc := tls.Client(s.dial(), c)
				_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				_, err := io.ReadAll(nc)
				if err == nil || !strings.Contains(err.Error(), "remote error: tls: ") {
					t.Errorf("a client with %d certificates is told %v", len(c.Certificates), err)
				}
			}
		})
	}
}

// TestTLSHandshakeTakesTooLong (F79): a client that does not come to the end of its
// handshake within the time of a request head is cut off, however it spends that.
func TestTLSHandshakeTakesTooLong(t *testing.T) {
	a := newAuthority(t)
	cfg := testConfig()
	cfg.HeadTimeout = 3 * WheelTick
	s := start(t, Options{TLS: a.server(), Config: cfg})
	var hello bytes.Buffer
	_ = tls.Client(record{&hello}, a.client()).Handshake()
	for _, c := range []struct {
		name string
		talk func(nc net.Conn)
	}{
		{"silent", func(net.Conn) {}},
		{"half a hello", func(nc net.Conn) { _, _ = nc.Write(hello.Bytes()[:100]) }},
		{"a hello and nothing more", func(nc net.Conn) { _, _ = nc.Write(hello.Bytes()) }},
		{"drop by drop", func(nc net.Conn) {
			go func() {
				for _, b := range hello.Bytes() {
					if _, err := nc.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(WheelTick / 2)
				}
			}()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := time.Now() // the server's time runs from when it accepts
			nc := s.dial()
			c.talk(nc)
			_, err := io.Copy(io.Discard, nc)
			if d := time.Since(before); d < cfg.HeadTimeout-WheelTick || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", d, err)
			}
		})
	}
	s.eventually("no handshake is left", func() bool { return s.shaken.underWay() == 0 })
	if n := s.shaken.failed.Load(); n != 4 {
		t.Errorf("%d handshakes have failed", n)
	}
	// One that is done has its time for a request from then on.
	c := s.httpTLS(a.client())
	c.open()
}

// TestNotTLS (F1 F79): who speaks HTTP to a TLS port is told; who speaks anything else is
// closed at once; bad records get the alert of crypto/tls.
func TestNotTLS(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	for _, c := range []struct {
		name, send, prefix, suffix string
	}{
		{"a request", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		{"a WebSocket", "GET /socket.io/?EIO=4&transport=websocket" + openingHandshake, "HTTP/1.1 400 ", "\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		{"part of a method", "PO", "HTTP/1.1 400 ", "an HTTPS server.\n"},
		{"zeros", "\x00\x00\x00\x00\x00\x00\x00\x00", "", ""},
		{"another record", "\x17\x03\x03\x00\x01x", "", ""},
		{"a record that is too long", "\x16\x03\x01\xff\xff", "\x15", ""},
		{"a hello that is none", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", "\x15", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			nc := s.dial()
			_, _ = io.WriteString(nc, c.send)
			b, _ := io.ReadAll(nc)
			if got := string(b); !strings.HasPrefix(got, c.prefix) || !strings.HasSuffix(got, c.suffix) || c.prefix == "" && got != "" {
				t.Errorf("it is told %q", got)
			}
		})
	}
	s.hangUp()
	s.eventually("all are gone", func() bool { return s.Connections() == 0 })
	if n := s.shaken.failed.Load(); n != 7 {
		t.Errorf("%d handshakes have failed", n)
	}
}

// TestTLSBrokenRecord (F79): a record that was tampered with ends the connection with an
// alert, and its session with "transport error".
func TestTLSBrokenRecord(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	raw := s.dial()
	nc := tls.Client(raw, a.client())
	w := upgrade(t, nc, "", "40")
	w.expectPrefix("0{")
	w.expectPrefix("40{")
	w.echo("x")
	_, _ = raw.Write([]byte("\x17\x03\x03\x00\x20abcdefghijklmnopqrstuvwxyz012345"))
	if _, err := nc.Read(make([]byte, 10)); err == nil || !strings.Contains(err.Error(), "remote error: tls: bad record MAC") {
		t.Errorf("the client is told %v", err)
	}
	s.eventually("its session has ended", func() bool { return s.app.ended.Load() == 1 })
	if r := s.app.firstReason(); r != session.TransportError {
		t.Errorf("for %q", r)
	}
}

// TestTLSEnds: close_notify is said by whoever ends a connection, and answered.
func TestTLSEnds(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})

	theirs := s.connectTLS(a.client()) // the client says it, and waits
	if err := theirs.Conn.(*tls.Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(theirs.Conn); err != nil { // crypto/tls tells an EOF without it
		t.Errorf("%q, %v", b, err)
	}
	s.eventually("its session has ended", func() bool { return s.app.ended.Load() == 1 })
	if r := s.app.firstReason(); r != session.TransportClose {
		t.Errorf("for %q", r)
	}

	ours := s.httpTLS(a.client()) // the server does, behind an answer
	fmt.Fprintf(ours, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", polling)
	if status, _ := ours.response(); status != 200 {
		t.Error(status)
	}
	if _, err := ours.r.ReadByte(); err != io.EOF {
		t.Errorf("behind it: %v", err)
	}

	end := s.connectTLS(a.client()) // and at the end of a session
	end.write([]byte{0x88, 0x80, 1, 2, 3, 4})
	end.expect("close 1005")
	if b, err := io.ReadAll(end.Conn); err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestTLSUpgradeMoves: a WebSocket whose session lives on another loop goes there, with
// what was decrypted of its bytes and what was not.
func TestTLSUpgradeMoves(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{Loops: 2, TLS: a.server()})
	for range 16 {
		sid := s.httpTLS(a.client()).open()
		nc := s.records(a.client())
		w := upgrade(t, nc, sid, "2probe", "5", "40", `42["echo","`+strings.Repeat("x", 20_000)+`"]`)
		w.expect("3probe")
		w.expectPrefix("40{")
		if got := w.read(); len(got) != len(`42["echo",""]`)+20_000 {
			t.Errorf("%d bytes: %.60q", len(got), got)
		}
		w.echo("again")
	}
	if n := s.app.opened.Load(); n != 16 {
		t.Errorf("%d sessions", n)
	}
}

// TestTLSForeign (H40 H41): a request that is not for the engine is served by net/http,
// which knows of TLS; the connection comes back for one that is, and goes again. What is
// pipelined behind a request is in records that were not decrypted yet.
func TestTLSForeign(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{Loops: 2, TLS: a.server(), Foreign: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || r.TLS.ServerName != "sio.test" {
			http.Error(w, "no TLS", 500)
			return
		}
		foreignApp(w, r)
	})})
	nc := s.records(a.client())
	me := nc.LocalAddr().String()
	c := &httpClient{nc, t, bufio.NewReader(nc)}
	for range 3 {
		sid := c.open()
		if status, body := c.do("GET", "/page", ""); status != 200 || body != "GET /page 0 "+me {
			t.Fatalf("%d %q", status, body)
		}
		if status, body := c.do("POST", "/form", strings.Repeat("z", 100<<10)); status != 200 || body != fmt.Sprintf("POST /form %d %s", 100<<10, me) {
			t.Fatalf("%d %q", status, body)
		}
		if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
			t.Fatalf("%d %q", status, body)
		}
		fmt.Fprintf(c, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET %s HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\nGET %[1]s HTTP/1.1\r\nHost: h\r\n\r\n", polling)
		c.expect(200, "GET /a 0 "+me)
		if status, body := c.response(); status != 200 || !strings.HasPrefix(body, `0{"sid":`) {
			t.Fatalf("%d %q", status, body)
		}
		c.expect(200, "GET /b 0 "+me)
		if status, body := c.response(); status != 200 || !strings.HasPrefix(body, `0{"sid":`) {
			t.Fatalf("%d %q", status, body)
		}
	}
	if status, _ := c.do("GET", "/page", ""); status != 200 {
		t.Fatal(status)
	}
	ws := upgrade(t, nc, "", "40", `42["echo"]`) // from net/http's hands
	ws.expectPrefix("0{")
	ws.expectPrefix("40{")
	ws.expect(`42["echo"]`)
	ws.echo(strings.Repeat("x", 100_000))
	s.eventually("one connection is counted", func() bool { return s.Connections() == 1 })
}

// TestTLSMiddlewares (H42): requests that pass middlewares first do so with what TLS has
// negotiated, and a WebSocket is the loops' behind them.
func TestTLSMiddlewares(t *testing.T) {
	a := newAuthority(t)
	var passed atomic.Int64
	s := start(t, Options{Loops: 2, TLS: a.server(), Middlewares: []func(http.Handler) http.Handler{
		func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.TLS == nil || r.TLS.ServerName != "sio.test" {
					t.Error("no TLS")
				}
				passed.Add(1)
				next.ServeHTTP(w, r)
			})
		},
	}})
	nc := s.records(a.client())
	c := &httpClient{nc, t, bufio.NewReader(nc)}
	sid := c.open()
	if status, body := c.do("POST", polling+"&sid="+sid, "40"); status != 200 || body != "ok" {
		t.Fatalf("%d %q", status, body)
	}
	ws := upgrade(t, nc, "", "40", `42["echo"]`)
	ws.expectPrefix("0{")
	ws.expectPrefix("40{")
	ws.expect(`42["echo"]`)
	ws.echo(strings.Repeat("x", 100_000))
	if n := passed.Load(); n != 3 {
		t.Errorf("%d requests have passed", n)
	}
	s.Loops(func(l *Loop) {
		do(t, l, func() {
			for _, x := range l.table.All() {
				if h := x.Handshake(); h.TLS == nil || h.TLS.ServerName != "sio.test" {
					t.Error("a session does not know of TLS")
				}
				if w := x.WebSocket(); w != nil {
					if _, ok := w.Wire().(*tlsConn); !ok {
						t.Errorf("the WebSocket is a %T", w.Wire())
					}
				}
			}
		})
	})
}

// TestTLSTurnedAway: a client for which there is no place is closed without a word, since
// none in the clear would be understood.
func TestTLSTurnedAway(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server(), MaxConns: 1})
	s.connectTLS(a.client())
	if b, err := io.ReadAll(s.dial()); len(b) > 0 {
		t.Errorf("it is told %q, %v", b, err)
	}
}

// TestTLSForeignHijack: a handler may take the connection over itself.
func TestTLSForeignHijack(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server(), Foreign: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		line, err := rw.ReadString('\n')
		fmt.Fprintf(nc, "you said %q, %v", line, err)
	})})
	nc := s.records(a.client())
	fmt.Fprintf(nc, "GET /raw HTTP/1.1\r\nHost: h\r\n\r\n%s\n", strings.Repeat("x", 300))
	b, err := io.ReadAll(nc)
	if want := fmt.Sprintf("you said %q, <nil>", strings.Repeat("x", 300)+"\n"); err != nil || string(b) != want {
		t.Fatalf("%q, %v", b, err)
	}
	s.eventually("its place is free", func() bool { return s.Connections() == 0 })
}

// TestTLSSlowReader (K14): a client over TLS that does not read what it is sent is ended
// for that, like any other.
func TestTLSSlowReader(t *testing.T) {
	a := newAuthority(t)
	cfg := testConfig()
	cfg.HardLimit = 100_000
	s := start(t, Options{TLS: a.server(), Config: cfg})
	s.connectTLS(a.client())
	slow := s.app.all()[0]
	other := s.connectTLS(a.client())
	long := []byte(`42["` + strings.Repeat("x", 50_000) + `"]`)
	s.eventually("its session has ended", func() bool {
		s.Loop(0).Send(slow, long, 0, true)
		return s.app.ended.Load() == 1
	})
	if r := s.app.firstReason(); r != session.SlowConsumer {
		t.Errorf("for %q", r)
	}
	other.echo(strings.Repeat("x", 300_000)) // one message that is longer than the limit is let through
}

// TestTLSStopLeavesNothing (L14): as TestStopLeavesNothing, with connections in each state
// of TLS.
func TestTLSStopLeavesNothing(t *testing.T) {
	a := newAuthority(t)
	var hello bytes.Buffer
	_ = tls.Client(record{&hello}, a.client()).Handshake()
	cfg := testConfig()
	cfg.CloseTimeout = WheelTick
	mustLeaveNothing(t, func() {
		for range 3 {
			s := start(t, Options{Loops: 2, Foreign: foreignApp, TLS: a.server(), Config: cfg})
			for range 5 {
				s.connectTLS(a.client())
			}
			s.httpTLS(a.client()).open()
			s.dial() // silent
			half := s.dial()
			_, _ = half.Write(hello.Bytes()[:50])
			for range 3 {
				waits := s.dial()
				_, _ = waits.Write(hello.Bytes())
			}
			s.eventually("their handshakes are under way", func() bool { return s.shaken.underWay() == 3 })
			foreign := s.httpTLS(a.client())
			if status, _ := foreign.do("GET", "/page", ""); status != 200 {
				t.Fatal(status)
			}
			s.stop()
			until(t, "no handshake is left", func() bool { return s.shaken.underWay() == 0 })
			if n := s.app.ended.Load(); n != s.app.opened.Load() {
				t.Errorf("%d sessions of %d have ended", n, s.app.opened.Load())
			}
		}
	})
}

// TestTLSHandshakesAreBounded: beyond the bound they wait for each other, and those whose
// clients have gone are passed over; without a worker a client is turned away.
func TestTLSHandshakesAreBounded(t *testing.T) {
	h := newHandLoop(t)
	var running []func()
	free := true
	const most = 10
	a := &shakings{most: most, offer: func(f func()) bool { running = append(running, f); return free }}
	var all []*shaking
	for range most + 3 {
		c := &tlsConn{conn: conn{closed: true}}
		c.Init(h.Loop, c, h.now)
		all = append(all, newShaking(h.Loop, c))
		a.begin(all[len(all)-1])
	}
	if len(running) != most || a.underWay() != most+3 {
		t.Fatalf("%d run, of %d", len(running), a.underWay())
	}
	all[most].abort()
	a.done()
	if len(running) != most+1 || a.underWay() != most+1 {
		t.Errorf("%d run, of %d", len(running), a.underWay())
	}
	free = false
	a.done()
	if a.underWay() != most-1 || h.stats.Refused.Load() != 1 {
		t.Errorf("without a worker: %d under way, %d turned away", a.underWay(), h.stats.Refused.Load())
	}
	a.begin(newShaking(h.Loop, all[0].conn))
	if a.underWay() != most-1 || h.stats.Refused.Load() != 2 {
		t.Errorf("without a worker: %d under way, %d turned away", a.underWay(), h.stats.Refused.Load())
	}
}
