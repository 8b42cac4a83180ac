// Command baregnet is the ceiling of a Socket.IO server on gnet: it does what
// sio-bench asks for and nothing else. Handshake, heads and packets are
// hard-coded; no client is checked, no session times out, no namespace but "/"
// exists, and there is no transport upgrade. What a real server on gnet costs
// beyond this one is the cost of being a server.
//
//	baregnet [--port N] [--for 30m] [--loops N] [--ping-interval 25s] [--ping-timeout 20s] [--stats]
//
// It prints "listening http://127.0.0.1:PORT" when it is ready; with --stats,
// before that, "stats http://127.0.0.1:PORT/stats", where a GET collects garbage
// and tells the number of heap objects.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 lets the system choose")
	lifetime := flag.Duration("for", 30*time.Minute, "stop after this time")
	loops := flag.Int("loops", runtime.GOMAXPROCS(0), "event loops")
	interval := flag.Duration("ping-interval", 25*time.Second, "time between two pings")
	timeout := flag.Duration("ping-timeout", 20*time.Second, "told to clients; not enforced")
	stats := flag.Bool("stats", false, "offer the number of heap objects over HTTP")
	flag.Parse()
	if flag.NArg() > 0 || *loops < 1 || *interval < tick || *port < 0 || *port > 65535 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*port, *lifetime, *loops, *interval, *timeout, *stats); err != nil {
		fmt.Fprintln(os.Stderr, "baregnet:", err)
		os.Exit(1)
	}
}

func run(port int, lifetime time.Duration, loops int, interval, timeout time.Duration, stats bool) error {
	limit, err := bare.RaiseLimit() // gnet ends when accept finds no descriptor
	if err != nil {
		return err
	}
	if port == 0 { // each loop listens for itself, so the port must be known before
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	if stats {
		if err := serveStats(); err != nil {
			return err
		}
	}
	s := newServer(interval, timeout, limit)
	s.booted = func() { fmt.Printf("listening http://127.0.0.1:%d\n", port) }

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, lifetime)
	defer cancel()
	go func() {
		<-ctx.Done()
		// Every connection ends with the process; gnet's own stop waits for half
		// a second more.
		os.Exit(0)
	}()
	return gnet.Run(s, fmt.Sprintf("tcp://127.0.0.1:%d", port),
		gnet.WithNumEventLoop(loops),
		gnet.WithReusePort(true),
		gnet.WithReuseAddr(true),
		gnet.WithTicker(true),
		gnet.WithLogLevel(logging.ErrorLevel))
}

func serveStats() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(rw http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		json.NewEncoder(rw).Encode(map[string]any{
			"heap_objects": m.HeapObjects, "heap_bytes": m.HeapAlloc, "goroutines": runtime.NumGoroutine(),
		})
	})
	go http.Serve(l, mux)
	fmt.Printf("stats http://%s/stats\n", l.Addr())
	return nil
}
