// Command wsecho sends every WebSocket message back. It is the frame path of sio, its event
// loops and its connections, without Engine.IO on it: what a suite that tests WebSocket
// alone, such as the Autobahn Testsuite's fuzzingclient, can be pointed at.
//
//	go run ./wsecho -addr :9001 -deflate
//
// Messages may have 16 MiB and 65,537 fragments. Requests that are no opening handshake get
// an error.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "TCP `address`; port 0 lets the system choose")
	deflate := flag.Bool("deflate", false, "agree to permessage-deflate")
	flag.Parse()
	if err := run(*addr, *deflate); err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func run(addr string, deflate bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	g := newServer(deflate)
	go func() {
		select {
		case <-g.Started():
			fmt.Printf("listening ws://%s\n", g.Addrs()[0])
		case <-g.Done():
			return
		}
		<-ctx.Done()
		shut(g)
	}()
	return g.Run([]string{addr})
}

// shut stops the server, and gives it 2 s to tell its clients.
func shut(g *loop.Group) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	g.Stop(ctx, session.ServerShuttingDown)
}

const (
	maxMessage   = 16 << 20
	maxFragments = 65_536 + 1 // the suite's fragments of 64 bytes end with an empty one
)

// newServer makes the event loops of the server. Nothing runs before its Run.
func newServer(deflate bool) *loop.Group {
	c := session.Config{
		Path: "/", Transports: session.Set(session.WebSocket),
		HeadTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 60 * time.Second, CloseTimeout: 5 * time.Second,
		MaxPayload: maxMessage, MaxPipelined: 64 << 10, SoftLimit: maxMessage, HardLimit: 4 * maxMessage,
		CompressFrom: -1,
		HTTP:         http1.Limits{HeadBytes: http1.DefaultHeadBytes, Fields: http1.DefaultFields},
		Frames:       websocket.Config{MaxMessage: maxMessage, MaxFragments: maxFragments},
		Bare: func(c *session.Conn, _ session.Instant, data []byte, binary bool) {
			c.SendBare(data, binary)
		},
	}
	if deflate {
		c.DeflateFrom = 1 // suites look whether short messages are compressed, too
	}
	return loop.NewGroup(loop.Options{App: app{}, Config: c, Loops: runtime.GOMAXPROCS(0), Logger: slog.Default()})
}

// An app is what loops ask about sessions, of which there are none here: only Refused is
// ever called.
type app struct{ session.App }

func (app) Refused(*session.Request, *session.Failure) {}
