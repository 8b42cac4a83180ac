// Command zishang is zishang520/socket.io, the most complete Socket.IO server written in
// Go beside sio, with the events that sio-bench drives; see the package comment of
// bench. It is mounted in net/http, as its documentation has it, and options are its
// defaults but for the flags. It prints "listening http://127.0.0.1:PORT" when it is
// ready, and stops on SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 lets the system choose")
	life := flag.Duration("for", 30*time.Minute, "stop after this time")
	interval := flag.Int("ping-interval", 25_000, "milliseconds")
	timeout := flag.Int("ping-timeout", 20_000, "milliseconds")
	compress := flag.Bool("compress", false, "agree on permessage-deflate")
	eio3 := flag.Bool("eio3", false, "let clients of Engine.IO 3 in")
	recovery := flag.Bool("recovery", false, "let clients come back for two minutes")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}

	options := socket.DefaultServerOptions()
	options.SetServeClient(false)
	options.SetPingInterval(time.Duration(*interval) * time.Millisecond)
	options.SetPingTimeout(time.Duration(*timeout) * time.Millisecond)
	options.SetAllowEIO3(*eio3)
	if *compress {
		options.SetPerMessageDeflate(&types.PerMessageDeflate{Threshold: 1024})
	}
	if *recovery {
		options.SetConnectionStateRecovery(socket.DefaultConnectionStateRecovery())
	}
	io := socket.NewServer(nil, options)
	connected := func(clients ...any) { offer(clients[0].(*socket.Socket)) }
	if err := io.On("connection", connected); err != nil {
		log.Fatal(err)
	}
	if err := io.Of(regexp.MustCompile(`^/bench-\d+$`), nil).On("connection", connected); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(nil))
	mux.HandleFunc("GET /stats", stats)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *life)
	defer cancel()
	context.AfterFunc(ctx, func() {
		time.AfterFunc(time.Second, func() { os.Exit(0) }) // with connections still open
		io.Close(nil)
		server.Close()
	})
	fmt.Printf("stats http://%s/stats\n", l.Addr())
	fmt.Printf("listening http://%s\n", l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

// offer registers the events with a socket.
func offer(s *socket.Socket) {
	on := func(event string, f func(args []any, answer socket.Ack)) {
		err := s.On(event, func(args ...any) {
			answer := func([]any, error) {}
			if n := len(args); n > 0 {
				if ack, ok := args[n-1].(socket.Ack); ok {
					args, answer = args[:n-1], ack
				}
			}
			f(args, answer)
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	on("echo", func(args []any, _ socket.Ack) { s.Emit("echo", args...) })
	on("object", func(args []any, _ socket.Ack) { s.Emit("object", args...) })
	on("ack", func(args []any, answer socket.Ack) { answer(args, nil) })
	on("join", func(args []any, answer socket.Ack) {
		s.Join(room(args))
		answer([]any{}, nil)
	})
	on("leave", func(args []any, answer socket.Ack) {
		s.Leave(room(args))
		answer([]any{}, nil)
	})
	on("broadcast", func(args []any, _ socket.Ack) {
		if len(args) > 1 {
			s.Nsp().To(room(args)).Emit("broadcast", args[1])
		}
	})
}

// room is the one that the first argument names.
func room(args []any) socket.Room {
	if len(args) == 0 {
		return ""
	}
	name, _ := args[0].(string)
	return socket.Room(name)
}

// stats tells the heap, after a collection: what sio-bench samples for objects per
// connection.
func stats(w http.ResponseWriter, _ *http.Request) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"heap_objects": m.HeapObjects, "heap_alloc": m.HeapAlloc, "goroutines": runtime.NumGoroutine(),
	})
}
