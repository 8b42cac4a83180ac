//go:build linux

// Command barewrite is the ceiling of a Socket.IO server with one system call for each
// write: one thread, epoll, and nothing between them. Like baregnet it does what
// sio-bench asks for and nothing else: heads and packets are hard-coded, no client is
// checked, no session times out, no namespace but "/" exists; and there is no polling.
// What gnet costs is the difference between the two.
//
//	barewrite [--port N] [--for 30m] [--uring] [--ping-interval 25s] [--ping-timeout 20s]
//
// With --uring, broadcasts are sent by io_uring: up to 4,096 sends with one system call.
// It prints "listening http://127.0.0.1:PORT" when it is ready.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio/bench/peers/internal/bare"
)

func main() {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 lets the system choose")
	lifetime := flag.Duration("for", 30*time.Minute, "stop after this time")
	uring := flag.Bool("uring", false, "send broadcasts by io_uring")
	interval := flag.Duration("ping-interval", 25*time.Second, "time between two pings")
	timeout := flag.Duration("ping-timeout", 20*time.Second, "told to clients; not enforced")
	flag.Parse()
	if flag.NArg() > 0 || *interval < tick || *port < 0 || *port > 65535 {
		flag.Usage()
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		select {
		case <-stop:
		case <-time.After(*lifetime):
		}
		os.Exit(0) // every connection ends with the process
	}()
	if err := run(*port, *uring, *interval, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "barewrite:", err)
		os.Exit(1)
	}
}

func run(port int, uring bool, interval, timeout time.Duration) error {
	runtime.LockOSThread()
	limit, err := bare.RaiseLimit()
	if err != nil {
		return err
	}
	s := newServer(interval, timeout, int(limit))
	if uring {
		if s.ring, err = newRing(ringSize); err != nil {
			return fmt.Errorf("io_uring: %w", err)
		}
	}
	if port, err = s.listen(port); err != nil {
		return err
	}
	fmt.Printf("listening http://127.0.0.1:%d\n", port)
	return s.serve()
}
