package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/webtransport"
)

// withQUIC serves WebTransport on the UDP port of the server's TCP port, with a certificate
// made for it, and prints the certificate's hash, by which a page can trust it.
func withQUIC(ctx context.Context, srv *sio.Server, addr net.Addr) error {
	cert, err := shortLived()
	if err != nil {
		return err
	}
	q, err := webtransport.New(srv, webtransport.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx, addr.String()) }()
	select {
	case err := <-ended:
		return err
	case <-q.Started():
	}
	hash := sha256.Sum256(cert.Certificate[0])
	fmt.Println("webtransport", base64.StdEncoding.EncodeToString(hash[:]))
	return nil
}

// shortLived is a certificate as browsers trust them by their hash: of ECDSA, and valid for
// less than two weeks.
func shortLived() (cert tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
