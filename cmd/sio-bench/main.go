// Command sio-bench loads a Socket.IO server and says what it took: latency,
// throughput, the server's processor time and memory, and every message that was
// lost, duplicated, reordered or changed.
//
//	sio-bench echo http://127.0.0.1:3000 -c 100 -d 10s --pid 4711
//
// Package bench says what the server has to offer and how things are measured.
// Results go to standard output, progress to standard error. The exit code is 0
// when all went well, 1 when the run failed or counted errors, 2 for wrong
// usage, 3 when a threshold was missed, 4 when a comparison has shown something
// worse, or not measured any more, or a repetition something else, 130 when it was
// interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

// Exit codes.
const (
	exitOK          = 0
	exitErrors      = 1
	exitUsage       = 2
	exitThreshold   = 3
	exitRegression  = 4
	exitInterrupted = 130
)

func main() {
	// The generator allocates little while it measures; collections in between
	// would only disturb.
	debug.SetGCPercent(800)
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGHUP, os.Interrupt}
	if os.Getenv(partEnv) != "" { // the leader gets a terminal's, too, and ends this process
		signal.Ignore(syscall.SIGHUP, os.Interrupt)
		signals = signals[:1]
	}
	ctx, _ := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, func() {
		again := make(chan os.Signal, 1)
		signal.Notify(again, signals...)
		<-again // a second one ends the process
		bench.KillServers()
		os.Exit(exitInterrupted)
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// app is what the commands share.
type app struct {
	ctx    context.Context
	out    io.Writer // results
	errOut io.Writer // progress and errors
	args   []string  // for the record
}

// errFailed is returned by a command that has said already what went wrong.
var errFailed = errors.New("the run counted errors")

// errRegression is returned by a command that has shown what got worse.
var errRegression = errors.New("figures got worse")

// run is main without the process around it.
func run(ctx context.Context, args []string, out, errOut io.Writer) (code int) {
	var line commandLine
	a := &app{ctx: ctx, out: out, errOut: errOut, args: args}
	exited := -1
	options := append(grammar(), kong.Writers(out, errOut), kong.Exit(func(code int) { exited = code }))
	completing := len(args) > 0 && args[0] == completeWord
	if !completing {
		settings, err := loadSettings(args, os.LookupEnv)
		if err != nil {
			complain(errOut, err)
			return exitUsage
		}
		options = append(options, kong.Resolvers(settings))
	}
	parser, err := kong.New(&line, options...)
	if err != nil {
		complain(errOut, err)
		return exitUsage
	}
	if completing {
		if complete(parser.Model, args[1:], out) != nil {
			return exitErrors
		}
		return exitOK
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help and the like, which kong would have ended the process after
		return exited
	}
	if err != nil {
		complain(errOut, err)
		fmt.Fprintln(errOut, "Try sio-bench --help, or sio-bench COMMAND --help.")
		return exitUsage
	}
	switch err := command.Run(a); {
	case err == nil:
		return exitOK
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(errOut, "sio-bench: interrupted")
		return exitInterrupted
	case errors.Is(err, errFailed):
		return exitErrors
	case errors.Is(err, errThreshold):
		return exitThreshold
	case errors.Is(err, errRegression):
		return exitRegression
	case errors.Is(err, bench.ErrUsage):
		complain(errOut, err)
		return exitUsage
	default:
		complain(errOut, err)
		return exitErrors
	}
}
