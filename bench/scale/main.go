// Command scale shows what a connection costs among many: memory, processor time at
// rest, and processor time for each delivery of a broadcast to all, from 1,000
// connections to 190,000.
//
// A process may often open no more than some 20,000 descriptors, so there are up to ten
// server processes with 19,000 connections each, and a generator process for each of
// them. Each server broadcasts to its own clients: nothing goes from one to another,
// there is no cluster adapter. The broadcasts are in step, so that all servers and all
// generators work at the same time; figures are per process and in sum.
//
//	scripts/peers.sh sio && go run ./bench/scale
//
// At each step new connections are opened; then all rest for --rest with nothing but
// heartbeats, then broadcasts go to them for --duration, one at a time in each process.
// Results go to standard output as Markdown, to --json as JSON; progress to standard
// error. Every part has a time limit, and everything that was started is ended with the
// program. The exit code is 0 when all went well, 1 when it failed or errors were
// counted, 2 for wrong usage, 130 when it was interrupted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

func main() {
	if os.Getenv(workerEnv) != "" {
		os.Exit(worker(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process around it.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	c := &config{say: func(format string, args ...any) { fmt.Fprintf(errOut, format+"\n", args...) }}
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.SetOutput(errOut)
	server := flags.String("server", "bin/peer-sio", "command line of the server; split at blanks")
	steps := flags.String("steps", "1000,10000,19000,57000,95000,190000", "connections in sum at each step, rising")
	flags.IntVar(&c.per, "per", 19_000, "connections of one process, at most")
	flags.DurationVar(&c.rest, "rest", 25*time.Second, "rest at each step; the server's ping interval, or a multiple")
	flags.DurationVar(&c.settle, "settle", 3*time.Second, "wait before memory is read")
	flags.DurationVar(&c.duration, "duration", 10*time.Second, "broadcasts at each step")
	flags.DurationVar(&c.patience, "patience", 5*time.Minute, "limit of each part")
	flags.Int64Var(&c.reserve, "reserve", 2048, "MiB of memory that must stay available; less ends the run")
	file := flags.String("json", "", "write the result to this file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	c.server = strings.Fields(*server)
	err := c.parse(*steps)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("%q: no arguments are known", flags.Args())
	}
	if err != nil {
		fmt.Fprintln(errOut, "scale:", err)
		return 2
	}

	res, err := c.run(ctx)
	if res != nil && len(res.Steps) > 0 {
		res.markdown(out)
		if *file != "" {
			if err := writeJSON(*file, res); err != nil {
				fmt.Fprintln(errOut, "scale:", err)
				return 1
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, "scale: interrupted")
		return 130
	case err != nil:
		fmt.Fprintln(errOut, "scale:", err)
		if errors.Is(err, bench.ErrUsage) {
			return 2
		}
		return 1
	case res.Errors > 0:
		fmt.Fprintf(errOut, "scale: %d errors were counted\n", res.Errors)
		return 1
	}
	return 0
}

// config is what the flags say.
type config struct {
	server                           []string
	steps                            []int
	per                              int
	rest, settle, duration, patience time.Duration
	reserve                          int64 // MiB
	say                              func(format string, args ...any)
}

// parse takes the steps, and checks what can be checked before anything is started.
func (c *config) parse(steps string) error {
	last := 0
	for text := range strings.SplitSeq(steps, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("--steps %q: %w", steps, err)
		}
		if n <= last {
			return fmt.Errorf("--steps %q: must rise", steps)
		}
		c.steps, last = append(c.steps, n), n
	}
	switch {
	case len(c.server) == 0:
		return errors.New("--server is empty")
	case c.per < 1:
		return fmt.Errorf("--per %d: must be positive", c.per)
	case c.rest <= 0 || c.settle < 0 || c.duration <= 0 || c.patience <= 0:
		return errors.New("a duration is not positive")
	case processes(last, c.per) > mostProcesses:
		return fmt.Errorf("%d connections, %d a process, take %d processes: at most %d", last, c.per, processes(last, c.per), mostProcesses)
	}
	return checkLimit(c.per)
}

// mostProcesses bounds the servers, and the generators.
const mostProcesses = 32

// processes is how many are needed for n connections.
func processes(n, per int) int { return (n + per - 1) / per }

// share is how many of n connections process i has.
func share(n, per, i int) int { return max(0, min(per, n-per*i)) }

func writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
