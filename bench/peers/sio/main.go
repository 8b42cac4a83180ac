// Command sio is sio with the events that sio-bench drives; see the package comment
// of bench. Options are the defaults but for the flags. It prints
// "listening http://127.0.0.1:PORT" when it is ready, and stops on SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 lets the system choose")
	life := flag.Duration("for", 30*time.Minute, "stop after this time")
	serial := flag.Bool("serial", false, "handle events on the worker pool instead of inline")
	interval := flag.Int("ping-interval", 25_000, "milliseconds")
	timeout := flag.Int("ping-timeout", 20_000, "milliseconds")
	loops := flag.Int("loops", 0, "event loops; 0: GOMAXPROCS")
	parser := flag.String("parser", "", `"msgpack" for clients that speak it, which are served beside others in any case`)
	compress := flag.Bool("compress", false, "agree on permessage-deflate")
	eio3 := flag.Bool("eio3", false, "let clients of Engine.IO 3 in")
	recovery := flag.Bool("recovery", false, "let clients come back for two minutes")
	plain := flag.Bool("no-uring", false, "write to each connection by a system call of its own")
	prof := flag.String("pprof", "", "address for net/http/pprof; none if empty")
	flag.Parse()
	if flag.NArg() > 0 || *parser != "" && *parser != "msgpack" {
		flag.Usage()
		os.Exit(2)
	}
	if *prof != "" {
		l, err := net.Listen("tcp", *prof)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("pprof http://%s\n", l.Addr())
		go func() { log.Print(http.Serve(l, nil)) }()
	}

	options := sio.Options{
		PingInterval: time.Duration(*interval) * time.Millisecond,
		PingTimeout:  time.Duration(*timeout) * time.Millisecond,
		Loops:        *loops,
		AllowEIO3:    *eio3,

		NoBatchedWrites: *plain,

		Handler: http.HandlerFunc(stats),
	}
	if *compress {
		options.PerMessageDeflate = &sio.PerMessageDeflate{}
	}
	if *recovery {
		options.Recovery = &sio.Recovery{}
	}
	srv, err := sio.New(options)
	if err != nil {
		log.Fatal(err)
	}
	var mode []sio.HandlerOption
	if !*serial {
		mode = append(mode, sio.Inline)
	}
	offer(srv.Of("/"), mode...)
	offer(srv.OfRegexp(regexp.MustCompile(`^/bench-\d+$`)), mode...)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *life)
	defer cancel()
	go func() {
		<-srv.Started()
		fmt.Printf("stats http://127.0.0.1:%d/stats?gc\n", portOf(srv))
		fmt.Printf("listening http://127.0.0.1:%d\n", portOf(srv))
	}()
	if err := srv.Run(ctx, fmt.Sprintf("127.0.0.1:%d", *port)); err != nil {
		log.Fatal(err)
	}
}

func portOf(srv *sio.Server) int {
	var port int
	fmt.Sscanf(srv.Addrs()[0].String(), "127.0.0.1:%d", &port)
	return port
}

// stats tells the heap, after a collection if asked: what sio-bench samples for
// objects per connection.
func stats(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/stats" {
		http.NotFound(w, r)
		return
	}
	if r.URL.Query().Has("gc") {
		runtime.GC()
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"heap_objects": m.HeapObjects, "heap_alloc": m.HeapAlloc, "heap_inuse": m.HeapInuse,
		"stack_inuse": m.StackInuse, "sys": m.Sys, "goroutines": runtime.NumGoroutine(),
	})
}
