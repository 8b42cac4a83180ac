package sio_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
)

// A keyPair is a certificate that vouches for itself, as PEM.
type keyPair struct{ cert, key []byte }

// newKeyPair makes one for the server, and client, of that name.
func newKeyPair(t testing.TB, name string) keyPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// pool trusts it.
func (k keyPair) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(k.cert)
	return p
}

func (k keyPair) tls(t testing.TB) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(k.cert, k.key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write replaces files.
func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// dialTLS opens a WebSocket over TLS that has joined "/".
func dialTLS(t testing.TB, addr string, c *tls.Config) *rawClient {
	t.Helper()
	nc, err := tls.Dial("tcp", addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	w := upgradeRaw(t, nil, nc, "EIO=4")
	w.send("40")
	if got := w.next(); !strings.HasPrefix(got, "40{") {
		t.Fatalf("it is told %q", got)
	}
	return w
}

// shown is the name in the certificate that the server shows.
func shown(t testing.TB, addr string) string {
	t.Helper()
	nc, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	return nc.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestOptionsTLS (H42 C10): a server whose addresses are encrypted, but for a unix socket,
// and whose application knows its clients by their certificates.
func TestOptionsTLS(t *testing.T) {
	ours, alice := newKeyPair(t, "sio.test"), newKeyPair(t, "alice")
	var seen log
	note := func(where string, h *sio.Handshake) {
		name := "nobody"
		if state := h.TLS(); state != nil {
			name = state.PeerCertificates[0].Subject.CommonName
		}
		seen.add("%s %s %v", where, name, h.Secure())
	}
	srv := newServer(t, sio.Options{
		TLS: &tls.Config{
			Certificates: []tls.Certificate{ours.tls(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: alice.pool(),
		},
		AllowRequest: func(_ context.Context, h *sio.Handshake) error { note("AllowRequest", h); return nil },
		OnHeaders:    func(_ http.Header, h *sio.Handshake, _ bool) { note("OnHeaders", h) },
	})
	srv.Use(func(_ context.Context, s *sio.Socket) error { note("Use", s.Handshake()); return nil })
	connected := make(chan *sio.Socket, 1)
	srv.OnConnect(func(s *sio.Socket) { connected <- s })
	unix := filepath.Join(t.TempDir(), "s")
	addr := listenBy(t, srv, func(ctx context.Context) error { return srv.Run(ctx, "127.0.0.1:0", "unix://"+unix) })
	theirs := &tls.Config{RootCAs: ours.pool(), ServerName: "sio.test", Certificates: []tls.Certificate{alice.tls(t)}}

	dialTLS(t, addr, theirs)
	s := recv(t, connected)
	note("socket", s.Handshake())
	note("connection", s.Conn().Handshake())
	seen.want(t, "AllowRequest alice true", "OnHeaders alice true", "Use alice true", "socket alice true", "connection alice true")

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: theirs, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + addr + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 || !strings.HasPrefix(string(body), "0{") {
		t.Errorf("polling: %v %q", resp, body)
	}
	seen.want(t, "AllowRequest alice true", "OnHeaders alice true")

	resp, err = client.Get("http://" + addr + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	body, _ = io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 400 || string(body) != "Client sent an HTTP request to an HTTPS server.\n" {
		t.Errorf("in the clear: %v %q", resp, body)
	}
	if n := srv.Stats().TLSFailed; n != 1 {
		t.Errorf("%d handshakes have failed", n)
	}

	nc, err := net.Dial("unix", unix)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	upgradeRaw(t, nil, nc, "EIO=4").send("40")
	if s := recv(t, connected); s.Handshake().Secure() || s.Handshake().TLS() != nil {
		t.Error("a unix socket is encrypted")
	}
}

// TestRunTLS (H42): a certificate in files that are replaced while clients are connected is
// shown to the next ones; those who are there notice nothing. What is no pair is not.
func TestRunTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first, second := newKeyPair(t, "first.test"), newKeyPair(t, "second.test")
	write(t, cert, first.cert)
	write(t, key, first.key)
	var logged logBuffer
	srv := newServer(t, sio.Options{Logger: logged.logger()})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, sio.Inline)
	addr := listenBy(t, srv, func(ctx context.Context) error { return srv.RunTLS(ctx, cert, key, "127.0.0.1:0") })
	old := dialTLS(t, addr, &tls.Config{RootCAs: first.pool(), ServerName: "first.test"})

	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); !ok(); {
			if time.Now().After(end) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	write(t, cert, second.cert) // the key of which is not there yet
	until("a pair that does not match is logged", func() bool {
		if got := shown(t, addr); got != "first.test" {
			t.Fatalf("the certificate of %s is shown", got)
		}
		return strings.Contains(logged.String(), "certificate not replaced")
	})
	write(t, key, second.key)
	until("the second is shown", func() bool { return shown(t, addr) == "second.test" })
	for _, text := range []string{"one", "two"} {
		old.send(`42["echo","` + text + `"]`)
		if got := old.next(); got != `42["echo","`+text+`"]` {
			t.Errorf("a client that was there is told %q", got)
		}
	}
	dialTLS(t, addr, &tls.Config{RootCAs: second.pool(), ServerName: "second.test"})
	if n := strings.Count(logged.String(), "certificate not replaced"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
}

// TestRunTLSWithOptions: the rest of the configuration is the options', and what they find
// for a name goes before the files.
func TestRunTLSWithOptions(t *testing.T) {
	files, other := newKeyPair(t, "files.test"), newKeyPair(t, "other.test")
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, files.cert)
	write(t, key, files.key)
	found := other.tls(t)
	srv := newServer(t, sio.Options{TLS: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{found},
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.ServerName == "other.test" {
				return &found, nil
			}
			return nil, nil
		},
	}})
	addr := listenBy(t, srv, func(ctx context.Context) error { return srv.RunTLS(ctx, cert, key, "127.0.0.1:0") })
	dialTLS(t, addr, &tls.Config{RootCAs: files.pool(), ServerName: "files.test"})
	dialTLS(t, addr, &tls.Config{RootCAs: other.pool(), ServerName: "other.test"})
	if got := shown(t, addr); got != "files.test" {
		t.Errorf("who names nobody is shown %s", got)
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

// TestRunTLSRefuses: without a certificate nothing is served, least of all in the clear.
func TestRunTLSRefuses(t *testing.T) {
	pair := newKeyPair(t, "sio.test")
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, pair.cert)
	write(t, key, []byte("no key"))
	srv := newServer(t, sio.Options{})
	for _, c := range []struct{ cert, key, want string }{
		{"", "", "no certificate"},
		{cert, filepath.Join(dir, "none"), "no such file"},
		{cert, key, "failed to find any PEM data in key input"},
	} {
		if err := srv.RunTLS(t.Context(), c.cert, c.key, "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("RunTLS(%q, %q): %v", c.cert, c.key, err)
		}
	}
	if err := srv.RunTLS(t.Context(), cert, filepath.Join(dir, "none"), ""); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := newServer(t, sio.Options{TLS: new(tls.Config)}).Run(t.Context(), "127.0.0.1:0"); err == nil {
		t.Error("Run without a certificate")
	}
}
