package loop

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"testing"
	"time"
)

// An authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	last int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key, a.cert = a.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"},
	})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(c *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.last++
	c.SerialNumber = big.NewInt(a.last)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	by, byKey := c, key
	if a.cert != nil {
		by, byKey = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, signed
}

// issue makes a certificate for the names, or a client of that name.
func (a *authority) issue(names ...string) tls.Certificate {
	a.t.Helper()
	key, cert := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// server is a configuration with a certificate for "sio.test", client the one to match.
func (a *authority) server() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.issue("sio.test")}}
}

func (a *authority) client() *tls.Config {
	return &tls.Config{RootCAs: a.pool, ServerName: "sio.test"}
}

// dialTLS is dial, and the handshake.
func (s *server) dialTLS(c *tls.Config) *tls.Conn {
	s.t.Helper()
	nc := tls.Client(s.dial(), c)
	if err := nc.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return nc
}

// connectTLS opens a WebSocket over TLS that has joined "/".
func (s *server) connectTLS(c *tls.Config) *wsClient {
	s.t.Helper()
	w := upgrade(s.t, s.dialTLS(c), "", "40")
	w.expectPrefix("0{")
	w.expectPrefix("40{")
	return w
}

// echo has a text sent back.
func (c *wsClient) echo(text string) {
	c.t.Helper()
	c.send(`42["echo","` + text + `"]`)
	if got := c.read(); got != `42["echo","`+text+`"]` {
		c.t.Fatalf("the echo of %d bytes has %d: %.60q", len(text), len(got), got)
	}
}

func (s *server) httpTLS(c *tls.Config) *httpClient {
	nc := s.dialTLS(c)
	return &httpClient{nc, s.t, bufio.NewReader(nc)}
}

// crumbs writes one byte at a time.
type crumbs struct{ net.Conn }

func (c crumbs) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// record is a connection to nowhere, that keeps what is written.
type record struct{ *bytes.Buffer }

func (record) Read([]byte) (int, error)         { return 0, io.EOF }
func (record) Close() error                     { return nil }
func (record) LocalAddr() net.Addr              { return nil }
func (record) RemoteAddr() net.Addr             { return nil }
func (record) SetDeadline(time.Time) error      { return nil }
func (record) SetReadDeadline(time.Time) error  { return nil }
func (record) SetWriteDeadline(time.Time) error { return nil }

// recordsConn is a TLS connection that puts each 100 bytes in a record of their own, and
// all records of a write in one segment.
type recordsConn struct {
	*tls.Conn
	lump *lump
}

func (s *server) records(c *tls.Config) *recordsConn {
	s.t.Helper()
	l := &lump{Conn: s.dial()}
	nc := tls.Client(l, c)
	if err := nc.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return &recordsConn{nc, l}
}

func (c *recordsConn) Write(p []byte) (int, error) {
	c.lump.hold = true
	for rest := p; len(rest) > 0; {
		n, err := c.Conn.Write(rest[:min(len(rest), 100)])
		if err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	c.lump.hold = false
	_, err := c.lump.Write(nil)
	return len(p), err
}

// lump is a connection whose writes can be gathered.
type lump struct {
	net.Conn
	hold bool
	b    []byte
}

func (l *lump) Write(p []byte) (int, error) {
	if l.b = append(l.b, p...); l.hold {
		return len(p), nil
	}
	_, err := l.Conn.Write(l.b)
	l.b = nil
	return len(p), err
}
