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
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
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
	prof := flag.String("pprof", "", "address for net/http/pprof; none if empty")
	flag.Parse()
	if *prof != "" {
		go func() { log.Print(http.ListenAndServe(*prof, nil)) }()
	}

	srv, err := sio.New(sio.Options{
		PingInterval: time.Duration(*interval) * time.Millisecond,
		PingTimeout:  time.Duration(*timeout) * time.Millisecond,
		Loops:        *loops,
		Handler:      http.HandlerFunc(stats),
	})
	if err != nil {
		log.Fatal(err)
	}
	var mode []sio.HandlerOption
	if !*serial {
		mode = append(mode, sio.Inline)
	}
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, mode...)
	srv.On("ack", func(s *sio.Socket, m *sio.Msg) error {
		args := make([]any, m.Len())
		for i := range args {
			args[i] = sio.Raw(m.Raw(i))
		}
		return m.Ack(args...)
	}, mode...)
	srv.On("object", func(s *sio.Socket, m *sio.Msg) error {
		var v struct {
			ID    int64             `json:"id"`
			Name  string            `json:"name"`
			Tags  []string          `json:"tags"`
			Attrs map[string]string `json:"attrs"`
			Items []struct {
				ID    int64   `json:"id"`
				Label string  `json:"label"`
				X     float64 `json:"x"`
				Y     float64 `json:"y"`
			} `json:"items"`
		}
		if err := m.Decode(0, &v); err != nil {
			return err
		}
		return s.Emit("object", v)
	}, mode...)
	srv.On("join", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		if err := s.Join(room); err != nil {
			return err
		}
		return m.Ack()
	}, mode...)
	srv.On("broadcast", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		p := sio.Prepare("broadcast")
		defer p.Release()
		if b, ok := m.Binary(1); ok {
			p.Binary(b)
		} else {
			p.Raw(m.Raw(1))
		}
		return srv.To(room).Send(p)
	}, mode...)

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
