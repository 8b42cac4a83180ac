package sio

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// RunTLS is [Server.Run] over TLS, with the certificate chain and the key of two PEM files.
// [Options.TLS] says the rest, nil for none: its GetCertificate is asked first about clients
// that name a server; its Certificates are not used. With both names empty its certificates
// are, as by Run.
//
// The files are looked at when a client comes, at most once a second. When they have
// changed, further clients are shown the new certificate; connections that are open go on.
// A pair that cannot be read or does not match is logged, and the one before is kept: the
// two files need not be replaced at once.
//
// Errors: of reading the files; those of Run. Node: https.createServer.
func (s *Server) RunTLS(ctx context.Context, certFile, keyFile string, addrs ...string) error {
	c := new(tls.Config)
	if s.options.TLS != nil {
		c = s.options.TLS.Clone()
	}
	if certFile != "" || keyFile != "" {
		files := &keyFiles{cert: certFile, key: keyFile, every: time.Second, logger: s.logger}
		if err := files.read(); err != nil {
			return fmt.Errorf("sio: %w", err)
		}
		c.Certificates, c.GetCertificate = nil, files.behind(c.GetCertificate)
	}
	return s.run(ctx, c, addrs)
}

// maxHandshakes bounds the TLS handshakes under way. Whoever does not finish one has it for
// Limits.HeadTime: the other workers are for those who have.
const maxHandshakes = 2048

var errNoCertificate = errors.New("sio: no certificate for TLS")

// servable says why a server cannot be run with the configuration, if it cannot.
func servable(c *tls.Config) error {
	if c != nil && len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil {
		return errNoCertificate
	}
	return nil
}

// keyFiles are a certificate and its key in files that are replaced now and then. Any
// goroutine.
type keyFiles struct {
	// Fixed.
	cert, key string
	every     time.Duration
	logger    *slog.Logger

	pair atomic.Pointer[tls.Certificate] // the last that was good

	mu     sync.Mutex
	looked time.Time
	seen   [2]os.FileInfo // the files as they were when they were read last
	failed string         // what was logged of it
}

// behind is a GetCertificate that asks the application's first.
func (k *keyFiles) behind(first func(*tls.ClientHelloInfo) (*tls.Certificate, error)) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if first != nil && hello.ServerName != "" {
			if c, err := first(hello); c != nil || err != nil {
				return c, err
			}
		}
		k.look()
		return k.pair.Load(), nil
	}
}

// look reads the files again if they have changed, and it is time to look. Whoever finds
// another one at it goes on with what there is.
func (k *keyFiles) look() {
	if !k.mu.TryLock() {
		return
	}
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.looked) < k.every {
		return
	}
	err := k.read()
	switch {
	case err == nil:
		k.failed = ""
	case k.failed != err.Error():
		k.failed = err.Error()
		k.logger.Error("sio: certificate not replaced", "cert", k.cert, "key", k.key, "err", err)
	}
}

// read takes what the files have, if they are not those that were read before. They are
// looked at first: what is written meanwhile is found the next time.
func (k *keyFiles) read() error {
	k.looked = time.Now()
	var found [2]os.FileInfo
	for i, name := range []string{k.cert, k.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		found[i] = info
	}
	if same(found[0], k.seen[0]) && same(found[1], k.seen[1]) {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return err
	}
	k.seen = found
	if k.pair.Swap(&pair) != nil {
		k.logger.Info("sio: certificate replaced", "cert", k.cert, "notAfter", pair.Leaf.NotAfter)
	}
	return nil
}

func same(a, b os.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
