package loop

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// A sealer is a client's direction of a TLS 1.3 connection, for what crypto/tls cannot be
// made to send.
//
// Source: RFC 8446, sections 5.2 and 7.
type sealer struct {
	t      testing.TB
	nc     net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// sealing is a connection whose handshake is done, and the writing half of it. The other is
// read as ever.
func (s *server) sealing(c *tls.Config) (*tls.Conn, *sealer) {
	s.t.Helper()
	var log bytes.Buffer
	c.KeyLogWriter, c.MinVersion = &log, tls.VersionTLS13
	raw := s.dial()
	nc := tls.Client(raw, c)
	if err := nc.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	if suite := nc.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		s.t.Fatalf("another cipher: %s", tls.CipherSuiteName(suite))
	}
	x := &sealer{t: s.t, nc: raw}
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			x.secret, _ = hex.DecodeString(f[2])
		}
	}
	x.rekey()
	return nc, x
}

func (x *sealer) expand(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(append(info, byte(6+len(label))), "tls13 "...), label...)
	key, err := hkdf.Expand(sha256.New, x.secret, string(append(info, 0)), n)
	if err != nil {
		x.t.Fatal(err)
	}
	return key
}

func (x *sealer) rekey() {
	block, err := aes.NewCipher(x.expand("key", 16))
	if err != nil {
		x.t.Fatal(err)
	}
	x.aead, _ = cipher.NewGCM(block)
	x.iv, x.seq = x.expand("iv", 12), 0
}

const (
	handshakeRecord = 22
	dataRecord      = 23
)

// write sends a record of the type.
func (x *sealer) write(typ byte, b []byte) {
	nonce := bytes.Clone(x.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(x.seq >> (56 - 8*i))
	}
	x.seq++
	head := binary.BigEndian.AppendUint16([]byte{dataRecord, 3, 3}, uint16(len(b)+1+16))
	_, _ = x.nc.Write(x.aead.Seal(head, nonce, append(bytes.Clone(b), typ), head)) // a failure is seen in the other half
}

// update changes the key, and asks the server for the same, in a message that comes in two
// records.
func (x *sealer) update() {
	m := []byte{24, 0, 0, 1, 1}
	x.write(handshakeRecord, m[:2])
	x.write(handshakeRecord, m[2:])
	x.secret = x.expand("traffic upd", 32)
	x.rekey()
}

// TestTLSKeyUpdate: keys are changed as often as a client wants, between two messages and
// within one.
func TestTLSKeyUpdate(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	nc, x := s.sealing(a.client())
	x.write(dataRecord, []byte("GET /socket.io/?EIO=4&transport=websocket"+openingHandshake))
	head := make([]byte, 4096)
	n, err := nc.Read(head)
	if err != nil || !bytes.HasPrefix(head[:n], []byte("HTTP/1.1 101 ")) {
		t.Fatalf("%q, %v", head[:n], err)
	}
	_, rest, _ := bytes.Cut(head[:n], []byte("\r\n\r\n"))
	w := &wsClient{Conn: nc, t: t, buf: make([]byte, 64<<10), in: rest}
	w.r.Config = &websocket.Config{Client: true, MaxMessage: 1 << 30}
	w.expectPrefix("0{")
	x.update()
	x.write(dataRecord, event("40"))
	w.expectPrefix("40{")
	for i := range 5 {
		want := fmt.Sprintf(`42["echo",%d]`, i)
		b := event(want)
		x.write(dataRecord, b[:4])
		x.update()
		x.write(dataRecord, b[4:])
		w.expect(want)
	}
}

// TestTLSBehindTheHandshake (F79): what is no key update has no place behind a handshake;
// nor has a flood of records without anything in them.
func TestTLSBehindTheHandshake(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	for _, c := range []struct {
		name  string
		send  func(x *sealer)
		alert string
	}{
		{"another hello", func(x *sealer) { x.write(handshakeRecord, []byte{1, 0, 0, 2, 3, 3}) }, "tls: "},
		{"an unknown message", func(x *sealer) { x.write(handshakeRecord, []byte{99, 0, 0, 0}) }, "tls: unexpected message"},
		{"a message without end", func(x *sealer) { x.write(handshakeRecord, []byte{24, 0xff, 0xff, 0xff}) }, "tls: "},
		{"data within a message", func(x *sealer) {
			x.write(handshakeRecord, []byte{24, 0})
			x.write(dataRecord, []byte("GET / HTTP/1.1\r\n"))
		}, "tls: unexpected message"},
		{"empty records", func(x *sealer) {
			for range 20 {
				x.write(dataRecord, nil)
			}
		}, ""}, // or a reset, with some of them unread
	} {
		t.Run(c.name, func(t *testing.T) {
			nc, x := s.sealing(a.client())
			x.t = t
			c.send(x)
			if b, err := io.ReadAll(nc); err == nil || !strings.Contains(err.Error(), c.alert) {
				t.Errorf("it is told %q, %v", b, err)
			}
		})
	}
}

// TestTLSHandshakeIsFlooded: a client that goes on sending during its handshake is not read
// for a while, and costs bounded memory; the application is told when it leaves.
func TestTLSHandshakeIsFlooded(t *testing.T) {
	a := newAuthority(t)
	asked, left := make(chan struct{}), make(chan error, 1)
	ours := a.server()
	ours.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		close(asked)
		<-h.Context().Done()
		left <- h.Context().Err()
		return nil, nil
	}
	cfg := testConfig()
	cfg.HeadTimeout = 10 * WheelTick // who is not read is not seen to leave before
	s := start(t, Options{TLS: ours, Config: cfg})
	var hello bytes.Buffer
	_ = tls.Client(record{&hello}, a.client()).Handshake()
	nc := s.dial()
	_, _ = nc.Write(hello.Bytes())
	wait(t, asked, "the hello")
	junk := make([]byte, 64<<10)
	total := 0
	for {
		_ = nc.SetWriteDeadline(time.Now().Add(WheelTick))
		n, err := nc.Write(junk)
		if total += n; err != nil {
			break // nobody reads it
		}
		if total > 64<<20 {
			t.Fatal("it is read for ever")
		}
	}
	if n := s.bytesRead(); n > maxShaking {
		t.Errorf("%d bytes were read", n)
	}
	_ = nc.Close()
	select {
	case err := <-left:
		if err != context.Canceled {
			t.Error(err)
		}
	case <-time.After(guard):
		t.Fatal("the application is not told")
	}
	s.eventually("it has gone", func() bool { return s.Connections() == 0 && s.shaken.underWay() == 0 })
}

// TestTLSBackPressure: a client that sends and does not read is not read either, and when
// it does gets everything, in order.
func TestTLSBackPressure(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	c := s.connectTLS(a.client())
	const n, size = 300, 50_000
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range n {
			b := event(fmt.Sprintf(`42["echo",%d,"%s"]`, i, strings.Repeat("x", size)))
			if _, err := c.Write(b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var l *Loop
	s.Loops(func(x *Loop) { l = x })
	s.eventually("it is not read any more", func() (paused bool) {
		do(t, l, func() {
			for _, k := range s.app.all() {
				paused = k.Session().WebSocket().Wire().(*tlsConn).paused
			}
		})
		return paused
	})
	for i := range n {
		if got, want := c.read(), fmt.Sprintf(`42["echo",%d,"`, i); !strings.HasPrefix(got, want) || len(got) < size {
			t.Fatalf("%.60q of %d bytes, want %q", got, len(got), want)
		}
	}
	sending.Wait()
}

// TestTLSPanics (F66): a panic over one client's bytes costs no other anything, and mixes
// up nobody's records.
func TestTLSPanics(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{TLS: a.server()})
	other := s.connectTLS(a.client())
	for range 5 {
		c := s.connectTLS(a.client())
		nc := c.Conn.(*tls.Conn)
		b := bytes.Repeat(event(`42["echo"]`), 3)
		_, _ = nc.Write(append(b, append(event(`42["panic"]`), b...)...))
		_, _ = io.Copy(io.Discard, nc)
		other.echo("x")
	}
	if n := s.Loop(0).Stats().Panics.Load(); n != 5 {
		t.Errorf("%d panics are counted", n)
	}
}

// TestTLSComeAndGo: clients that leave in every state, on two loops, with those that stay
// between them.
func TestTLSComeAndGo(t *testing.T) {
	a := newAuthority(t)
	s := start(t, Options{Loops: 2, TLS: a.server(), Foreign: foreignApp})
	theirs := a.client()
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			for n := range 15 {
				raw, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = raw.SetDeadline(time.Now().Add(guard))
				cut := &cutConn{Conn: raw, left: 200 + (i*15+n)*97%2500}
				nc := tls.Client(cut, theirs)
				if nc.Handshake() == nil {
					_, _ = fmt.Fprintf(nc, "GET /page HTTP/1.1\r\nHost: h\r\n\r\nGET %s HTTP/1.1\r\nHost: h\r\n\r\n", polling)
					_, _ = io.WriteString(nc, "GET /socket.io/?EIO=4&transport=websocket"+openingHandshake)
					_, _ = nc.Write(event("40"))
					_, _ = nc.Write(event(`42["echo","` + strings.Repeat("x", 1000) + `"]`))
				}
				if n%3 == 0 {
					_ = raw.(*net.TCPConn).SetLinger(0) // a reset
				}
				_ = raw.Close()
			}
		})
	}
	c := s.connectTLS(theirs)
	for range 200 {
		c.echo("x")
	}
	all.Wait()
	c.echo("x")
	s.eventually("only one is left", func() bool { return s.Connections() == 1 && s.shaken.underWay() == 0 })
	var panics int64
	s.Loops(func(l *Loop) { panics += l.stats.Panics.Load() })
	if panics != 0 {
		t.Errorf("%d panics", panics)
	}
}

// cutConn writes so many bytes and no more.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.ErrShortWrite
	}
	n, err := c.Conn.Write(p[:min(len(p), c.left)])
	if c.left -= n; n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}

// FuzzTLS: whatever a client sends, before its handshake and behind it, whole and in pieces,
// nothing panics, nothing is left in the valve behind a turn, and what was sent before is
// answered.
func FuzzTLS(f *testing.F) {
	a := newAuthority(f)
	var hello bytes.Buffer
	_ = tls.Client(record{&hello}, a.client()).Handshake()
	f.Add(true, uint8(7), hello.Bytes())
	f.Add(true, uint8(1), []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(true, uint8(3), []byte{22, 3, 1, 0, 5, 2, 0, 0, 1, 0})
	f.Add(false, uint8(5), []byte{23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Add(false, uint8(200), []byte{21, 3, 3, 0, 2, 1, 0})
	f.Add(false, uint8(0), []byte{20, 3, 3, 0, 1, 1})
	ours := memoryTLS(a)
	f.Fuzz(func(t *testing.T, fresh bool, cut uint8, data []byte) {
		h := newHandLoop(t)
		h.group.shaken.offer = func(func()) bool { return true } // none of these is finished
		var m *memoryClient
		if fresh {
			h.group.tls = ours
			m = &memoryClient{h: h, gnet: new(memoryConn)}
			h.begin()
			h.open(m.gnet, nil)
			h.end()
			m.c = m.gnet.context.(*tlsConn)
		} else {
			m = h.client(t, a, ours)
			m.join()
			m.traffic(m.bytes(event(`42["echo"]`)))
			if h.app.events.Load() != 1 {
				t.Fatal("the event has not come")
			}
		}
		for len(data) > 0 {
			n := min(len(data), max(int(cut), 1))
			if !m.gnet.closed {
				m.traffic(bytes.Clone(data[:n]))
			}
			if v := h.valve; v.conn != nil || len(v.in)+len(v.out) > 0 || v.lent {
				t.Fatalf("behind a turn the valve has %d bytes in, %d out, lent %v", len(v.in), len(v.out), v.lent)
			}
			data = data[n:]
		}
		if n := h.stats.Panics.Load(); n > 0 {
			t.Fatalf("%d panics", n)
		}
		if m.gnet.closed && h.app.opened.Load() != h.app.ended.Load() {
			t.Fatal("the connection has ended, and its session has not")
		}
	})
}

// TestTLSHandshakesThatAreGone: clients that come and go while others have all places leave
// nothing, neither a place in the queue nor what they have sent.
func TestTLSHandshakesThatAreGone(t *testing.T) {
	h := newHandLoop(t)
	a := &shakings{most: 1, offer: func(func()) bool { return true }}
	come := func() *shaking {
		c := &tlsConn{conn: conn{closed: true}}
		c.Init(h.Loop, c, h.now)
		s := newShaking(h.Loop, c)
		s.in = make([]byte, 100)
		a.begin(s)
		return s
	}
	come()
	first := come()
	for range 10_000 {
		s := come()
		if s.abort(); s.in != nil {
			t.Fatal("it keeps what has come")
		}
	}
	last := come()
	if n := cap(a.queue); n > 16 {
		t.Errorf("the queue has room for %d", n)
	}
	for i := range 100 { // who stays is kept, in order
		if come(); i%2 == 0 {
			come().abort()
		}
	}
	if a.next() != first || a.next() != last {
		t.Error("the queue is out of order")
	}
	for n := range 101 {
		if s := a.next(); (s == nil) != (n == 100) {
			t.Fatalf("number %d: %v", n, s)
		}
	}
}
