package siotest_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/siotest"
)

const (
	openPacket = `0{"sid":"12345678901234567890","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	switching  = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %\r\n\r\n"
)

// serve answers the requests that come on each connection until the test ends. answer
// gets a request and returns what is written; "" hangs up.
func serve(t testing.TB, answer func(r *http.Request) string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				b := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(b)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					s := answer(r)
					if s == "" {
						return
					}
					accept := websocket.AppendAccept(nil, []byte(r.Header.Get("Sec-WebSocket-Key")))
					if _, err := io.WriteString(c, strings.Replace(s, "%", string(accept), 1)); err != nil {
						return
					}
					if strings.HasPrefix(s, "HTTP/1.1 101") {
						_, _ = io.Copy(io.Discard, b) // until the client closes
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

func text(packet string) string {
	return string(websocket.AppendFrame(nil, websocket.Text, []byte(packet)))
}

func blob(data string) string {
	return string(websocket.AppendFrame(nil, websocket.Binary, []byte(data)))
}

// TestBrokenServer: a server that breaks the protocol fails the test, and says how.
func TestBrokenServer(t *testing.T) {
	const broke = "siotest: the server broke the protocol: "
	for _, tc := range []struct {
		name   string
		frames string // behind the handshake
		want   string
	}{
		{"no open packet", text(`0{}`), `open packet "{}"`},
		{"two of them", text(openPacket) + text(openPacket), `open packet "` + strings.ReplaceAll(openPacket[1:], `"`, `\"`) + `"`},
		{"unknown type", text(openPacket) + text("7"), `WebSocket message "7"`},
		{"packet for servers", text(openPacket) + text("5"), `upgrade packet`},
		{"no Socket.IO", text(openPacket) + text("49"), `packet "9"`},
		{"event that is none", text(openPacket) + text("42[]"), `packet "2[]": socketio: invalid payload`},
		{"text for an attachment", text(openPacket) + text(`451-["a",{"_placeholder":true,"num":0}]`) + text(`42["a"]`), `packet "2[\"a\"]"`},
		{"attachment for nobody", text(openPacket) + blob("abc"), `an attachment of 3 bytes that no packet has announced`},
		{"placeholder of nothing", text(openPacket) + text(`451-["a",{"_placeholder":true,"num":1}]`), `packet "51-[`},
		{"CONNECT without id", text(openPacket) + text("40{}"), `CONNECT packet "{}"`},
		{"CONNECT twice", text(openPacket) + text(`40{"sid":"a"}`) + text(`40{"sid":"b"}`), `CONNECT packet "{\"sid\":\"b\"}"`},
		{"CONNECT_ERROR too late", text(openPacket) + text(`40{"sid":"a"}`) + text(`44{"message":"b"}`), `CONNECT_ERROR packet "{\"message\":\"b\"}"`},
		{"masked frame", "\x81\x81abcdx", "WebSocket frame: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			noLeaks(t)
			addr := serve(t, func(*http.Request) string { return switching + tc.frames })
			failed := fake(func(ft siotest.TB) {
				if c, err := siotest.TryDialAddr(ft, addr, "/"); err == nil {
					recv(t, c.Done())
					if r := c.Reason(); r != "parse error" {
						t.Errorf("Reason() = %q", r)
					}
				} else if err != siotest.ErrClosed {
					t.Errorf("TryDialAddr: %v", err)
				}
			})
			if !strings.HasPrefix(failed, broke+tc.want) {
				t.Errorf("it prints\n%s\nwant\n%s", failed, broke+tc.want)
			}
		})
	}
	t.Run("accept", func(t *testing.T) {
		noLeaks(t)
		addr := serve(t, func(*http.Request) string { return strings.Replace(switching, "%", "x", 1) })
		if failed := fake(func(t siotest.TB) { _, _ = siotest.TryDialAddr(t, addr, "/") }); failed != broke+`Sec-WebSocket-Accept "x"` {
			t.Errorf("it prints %s", failed)
		}
	})
	t.Run("polling", func(t *testing.T) {
		noLeaks(t)
		addr := serve(t, func(*http.Request) string { return response("x") })
		if failed := fake(func(t siotest.TB) { _, _ = siotest.TryDialAddr(t, addr, "/", siotest.Polling()) }); failed != broke+`polling payload "x"` {
			t.Errorf("it prints %s", failed)
		}
	})
	t.Run("answer to a POST", func(t *testing.T) {
		noLeaks(t)
		first, end := true, make(chan struct{})
		defer close(end)
		addr := serve(t, func(r *http.Request) string {
			if r.Method == "POST" {
				return response("nok")
			}
			if first {
				first = false
				return response(openPacket)
			}
			<-end
			return ""
		})
		if failed := fake(func(t siotest.TB) { _, _ = siotest.TryDialAddr(t, addr, "/", siotest.Polling()) }); failed != broke+`answer "nok" to a POST` {
			t.Errorf("it prints %s", failed)
		}
	})
}

func response(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// TestBadUpgrades: when an upgrade fails the session goes on polling.
func TestBadUpgrades(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer string // to the WebSocket's opening handshake
		ok     func(err error) bool
	}{
		{"hangs up", "", func(err error) bool { return err == siotest.ErrClosed }},
		{"refused", "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno", func(err error) bool {
			e, ok := err.(*siotest.HandshakeError)
			return ok && e.Status == 400 && e.Code == -1 && e.Message == "no"
		}},
		{"closes", switching + "\x88\x00", func(err error) bool { return err == siotest.ErrClosed }},
		{"closes once probed", switching + text("3probe") + "\x88\x00", func(err error) bool { return err == siotest.ErrClosed }},
		{"says nothing", switching, func(err error) bool { return err == siotest.ErrTimeout }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			noLeaks(t)
			gets := make(chan string, 8) // the answers to GETs
			gets <- openPacket
			addr := serve(t, func(r *http.Request) string {
				switch {
				case r.URL.Query().Get("transport") == "websocket":
					return tc.answer
				case r.Method == "POST":
					select {
					case gets <- `40{"sid":"id"}`:
					default:
					}
					return response("ok")
				}
				s, ok := <-gets
				if !ok {
					return ""
				}
				return response(s)
			})
			c := siotest.DialAddr(t, addr, "/", siotest.Polling())
			restore := func() {}
			if tc.name == "says nothing" {
				restore = siotest.SetPatience(50 * time.Millisecond)
			}
			if err := c.Upgrade(); !tc.ok(err) {
				t.Errorf("Upgrade: %v", err)
			}
			restore()
			gets <- `42["still here"]`
			c.Expect("still here")
			if c.Transport() != "polling" {
				t.Errorf("Transport() = %q", c.Transport())
			}
			close(gets)
			c.ExpectEnd("transport error")
		})
	}
}

// TestBrokenProbe: so is a server that answers the probe with something else.
func TestBrokenProbe(t *testing.T) {
	noLeaks(t)
	gets := make(chan string, 2)
	gets <- openPacket
	gets <- `40{"sid":"id"}`
	defer close(gets)
	addr := serve(t, func(r *http.Request) string {
		switch {
		case r.URL.Query().Get("transport") == "websocket":
			return switching + text("3prob")
		case r.Method == "POST":
			return response("ok")
		}
		if s, ok := <-gets; ok {
			return response(s)
		}
		return ""
	})
	failed := fake(func(ft siotest.TB) {
		c := siotest.DialAddr(ft, addr, "/", siotest.Polling())
		if err := c.Upgrade(); err != siotest.ErrClosed {
			t.Errorf("Upgrade: %v", err)
		}
		c.ExpectEnd("parse error")
	})
	if want := `siotest: the server broke the protocol: pong packet "prob" on a WebSocket that probes`; failed != want {
		t.Errorf("it prints\n%s\nwant\n%s", failed, want)
	}
}

// TestWebSocketPing: pings of WebSocket are answered, and an object that looks like a
// placeholder, in an event without attachments, is an object.
func TestWebSocketPing(t *testing.T) {
	noLeaks(t)
	addr := serve(t, func(*http.Request) string {
		return switching + "\x89\x02hi" + text(openPacket) + text(`40{"sid":"id"}`) + text(`42["a",{"_placeholder":true,"num":0}]`)
	})
	e := siotest.DialAddr(t, addr, "/").Expect("a", map[string]any{"_placeholder": true, "num": 0})
	if b, ok := e.Binary(0); ok {
		t.Errorf("Binary(0) = %q", b)
	}
}

// TestDeadServer: a server that hangs up is an error of TryDialAddr.
func TestDeadServer(t *testing.T) {
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			noLeaks(t)
			addr := serve(t, func(*http.Request) string { return "" })
			if _, err := siotest.TryDialAddr(t, addr, "/", tr.opts...); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestSilentServer: so is one that says nothing, or nothing of the namespace.
func TestSilentServer(t *testing.T) {
	for name, frames := range map[string]string{"session": "", "namespace": text(openPacket)} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			addr := serve(t, func(*http.Request) string { return switching + frames })
			defer siotest.SetPatience(200 * time.Millisecond)()
			if _, err := siotest.TryDialAddr(t, addr, "/"); err != siotest.ErrTimeout {
				t.Errorf("TryDialAddr: %v", err)
			}
		})
	}
}
