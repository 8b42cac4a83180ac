// Command chat is a chat: a Socket.IO server and its page on one port.
//
//	npm ci --prefix examples/chat   # the official client, for the page
//	go run ./examples/chat
//
// It shows how an application of sio is put together: typed events and requests, rooms,
// per-socket state, admission, volatile events, and binary data that is passed on as it
// came (chat.go); a second namespace on the same connection (figures.go); and a site
// beside it on the same port (page.go).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/e6a90ca8/sio"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	addr := flags.String("addr", ":3000", "address to listen on, `host:port`")
	dist := flags.String("client", findClient(), "`folder` of the official client's bundle")
	if err := flags.Parse(args); err != nil {
		return err
	}
	client := os.DirFS(*dist)
	if _, err := fs.Stat(client, bundle); err != nil {
		fmt.Fprintf(out, "No %s in %s: %s\n", bundle, *dist, howToInstall)
	}
	srv, figures, err := newServer(client)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go figures.run(ctx)
	go func() {
		select {
		case <-srv.Started():
			fmt.Fprintf(out, "sio chat on %s\nOpen it in two windows and talk to yourself. Ctrl-C ends it.\n", address(srv.Addrs()[0]))
		case <-ctx.Done():
		}
	}()
	err = srv.Run(ctx, *addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return taken(*addr, err)
	}
	return err
}

// newServer makes the server with all that it does, and what watches it. The network is
// left to the caller: tests run it without one.
func newServer(client fs.FS) (*sio.Server, *monitor, error) {
	srv, err := sio.New(sio.Options{
		Handler: site(),
		Client:  client,                              // looked for each time until it is there: npm may be run while the server does
		Queue:   sio.Queue{MaxBytes: 8 * maxPicture}, // several pictures may be on their way to a slow client
		Limits:  sio.Limits{RoomsPerSocket: maxJoined, Attachments: 1},
	})
	if err != nil {
		return nil, nil, err
	}
	newChat(srv)
	return srv, newMonitor(srv), nil
}

// findClient is where npm has put the client: beside the source, else where the command
// is started from.
func findClient() string {
	dist := filepath.Join("node_modules", "socket.io-client", "dist")
	usual := filepath.Join("examples", "chat", dist)
	_, source, _, _ := runtime.Caller(0)
	for _, dir := range []string{filepath.Join(filepath.Dir(source), dist), usual, dist} {
		if _, err := os.Stat(filepath.Join(dir, bundle)); err == nil {
			return dir
		}
	}
	return usual
}

// address is a as a browser takes it.
func address(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String() // a Unix socket
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// taken says what to do about an address that somebody else listens on.
func taken(addr string, err error) error {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	if n++; n > 65535 {
		n = 3000
	}
	return fmt.Errorf("port %s is taken: %w; use -addr %s", port, err, net.JoinHostPort(host, strconv.Itoa(n)))
}
