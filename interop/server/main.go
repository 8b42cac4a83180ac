// Command server is the application of ../APP.md on sio: the twin of
// ../js/reference-server.mjs, against which the conformance suite runs. Every rule
// here is written down in APP.md; where the two differ, one is wrong.
//
// It is also an example of the public API, and uses nothing else.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio"
)

func main() {
	if err := run(); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// flags are those of APP.md, and some of our own: inline, mounted, middleware.
type flags struct {
	port              int
	options           sio.Options
	transports        string
	generateID, stdin bool
	inline, mounted   bool
	cert, key         string
}

func parseFlags() (*flags, error) {
	f := new(flags)
	o := &f.options
	millis := func(name string, to *time.Duration, usage string) {
		flag.Func(name, usage+", in `ms`", func(text string) error {
			n, err := strconv.ParseInt(text, 10, 32)
			*to = time.Duration(n) * time.Millisecond
			return err
		})
	}
	flag.IntVar(&f.port, "port", 0, "TCP port; 0 lets the system choose")
	millis("ping-interval", &o.PingInterval, "heartbeat interval")
	millis("ping-timeout", &o.PingTimeout, "time to answer a ping")
	millis("connect-timeout", &o.ConnectTimeout, "time to join a first namespace")
	millis("upgrade-timeout", &o.UpgradeTimeout, "time to finish an upgrade")
	flag.IntVar(&o.MaxPayload, "max-payload", 0, "`bytes` of one message from a client")
	flag.StringVar(&f.transports, "transports", "polling,websocket", "the transports that are on, with commas")
	flag.BoolVar(&o.NoUpgrades, "no-upgrades", false, "offer no upgrade")
	flag.BoolVar(&o.HTTPCompression.Off, "no-http-compression", false, "never compress polling answers")
	flag.Func("per-message-deflate", "permessage-deflate, from `n` bytes on", func(text string) error {
		n, err := strconv.Atoi(text)
		o.PerMessageDeflate = &sio.PerMessageDeflate{Threshold: n}
		return err
	})
	flag.Func("parser", "the packets' encoding by its `name`", func(name string) error {
		p, err := named(name, map[string]*parcels{"parcels": {}})
		if err == nil {
			o.Parser = p
		}
		return err
	})
	flag.StringVar(&o.InitialPacket, "initial-packet", "", "message sent right behind the open packet")
	flag.Func("recovery", "clients may come back within `ms`", func(text string) error {
		n, err := strconv.ParseInt(text, 10, 32)
		o.Recovery = &sio.Recovery{Window: time.Duration(n) * time.Millisecond}
		return err
	})
	flag.BoolVar(&o.AllowEIO3, "allow-eio3", false, "let clients of protocol 3 in, too")
	flag.BoolVar(&f.generateID, "generate-id", false, "take session ids from the query")
	flag.Func("cors", "CORS by its `name`", func(name string) (err error) {
		o.CORS, err = named(name, cors)
		return err
	})
	flag.Func("cookie", "the session's cookie by its `name`", func(name string) (err error) {
		o.Cookie, err = named(name, cookies)
		return err
	})
	flag.Func("client", "`folder` of the official client's files", func(dir string) error {
		o.Client = os.DirFS(dir)
		return nil
	})
	flag.StringVar(&o.ClientVersion, "client-version", "", "version of the client in that folder")
	flag.StringVar(&f.cert, "tls-cert", "", "HTTPS with the certificate in this `file`")
	flag.StringVar(&f.key, "tls-key", "", "`file` of its key")
	flag.Func("tls-ca", "`file` of the authority that clients must have a certificate of", func(name string) error {
		text, err := os.ReadFile(name)
		o.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
		o.TLS.ClientCAs.AppendCertsFromPEM(text)
		return err
	})
	flag.BoolVar(&f.stdin, "stdin", false, "stop at the end of stdin")
	flag.BoolVar(&f.inline, "inline", false, "handle the events that echo on the event loop")
	flag.BoolVar(&f.mounted, "mounted", false, "serve by net/http, with the server's Handler")
	flag.BoolFunc("middleware", "have every request pass a middleware", func(string) error {
		o.HTTP = []func(http.Handler) http.Handler{stamped}
		return nil
	})
	flag.Parse()

	for name := range strings.SplitSeq(f.transports, ",") {
		switch name {
		case "polling":
			o.Transports |= sio.Polling
		case "websocket":
			o.Transports |= sio.WebSocket
		case "webtransport":
			o.Transports |= sio.WebTransport
		default:
			return nil, fmt.Errorf("unknown transport %q", name)
		}
	}
	return f, nil
}

func run() error {
	f, err := parseFlags()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if f.stdin {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop()
		}()
	}
	a, err := newApp(ctx, f)
	if err != nil {
		return err
	}
	if f.mounted {
		return a.mounted(f)
	}
	scheme, serve := "http", a.srv.Run
	if f.cert != "" {
		scheme, serve = "https", func(ctx context.Context, addrs ...string) error {
			return a.srv.RunTLS(ctx, f.cert, f.key, addrs...)
		}
	}
	go func() {
		select {
		case <-a.srv.Started():
			if f.options.Transports&sio.WebTransport != 0 {
				if err := withQUIC(ctx, a.srv, a.srv.Addrs()[0]); err != nil {
					slog.Error(err.Error())
					os.Exit(1)
				}
			}
			fmt.Printf("listening %s://%s\n", scheme, a.srv.Addrs()[0])
		case <-ctx.Done():
		}
	}()
	if err := serve(ctx, fmt.Sprintf("127.0.0.1:%d", f.port)); err != nil {
		return err
	}
	return a.srv.Close() // waits for the handlers of the last disconnects
}
