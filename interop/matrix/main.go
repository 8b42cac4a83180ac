// Command matrix plays the cases of cases.json by clients of several languages and
// versions, over each transport, against sio on its own listener and in net/http. It
// installs what the clients need into this directory, and expects to be run in it:
//
//	go run . [-reference] [-only REGEXP] [-write]
//
// Its last line has the counts. The exit status is 0 only if every client could be
// built and every case passed, but for what the client itself cannot, and if
// docs/compatibility.md says what has been seen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// Where what has been seen is kept, and told.
const (
	resultsFile = "results.json"
	pageFile    = "../../docs/compatibility.md"
)

func main() {
	reference := flag.Bool("reference", false, "play against the reference server, to prove the cases")
	only := flag.String("only", "", "cells whose name matches this `regexp`")
	write := flag.Bool("write", false, "write docs/compatibility.md anew")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	summary, err := run(ctx, *reference, *only, *write)
	verdict := "ok"
	if err != nil {
		fmt.Println(err)
		verdict = "FAILED"
	}
	fmt.Printf("matrix: %s: %s, %.0f s\n", verdict, summary, time.Since(began).Seconds())
	if err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context, reference bool, only string, write bool) (summary string, err error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return "nothing played", err
	}
	cases, err := readCases()
	if err != nil {
		return "nothing played", err
	}
	var played []cell
	for _, c := range cells() {
		if pattern.MatchString(c.name()) && (!reference || c.door == doors[0]) {
			played = append(played, c)
		}
	}
	if len(played) == 0 {
		return "nothing played", errors.New("no cell has such a name")
	}
	if err := install(ctx, played, reference); err != nil {
		return "nothing played", err
	}
	servers, err := startServers(ctx, played, reference)
	defer func() { err = errors.Join(err, servers.stop()) }()
	if err != nil {
		return "nothing played", err
	}
	outcomes := playAll(ctx, played, servers, cases)

	passed, failed, none := 0, 0, 0
	for _, o := range outcomes {
		passed += o.passed
		failed += len(o.failed)
		none += len(o.none)
		for _, why := range o.failed {
			err = errors.Join(err, fmt.Errorf("%s: %s", o.name(), why))
		}
	}
	summary = fmt.Sprintf("%d cells, %d passed, %d failed, %d that a client cannot, target %s",
		len(outcomes), passed, failed, none, map[bool]string{true: "reference", false: "sio"}[reference])
	if err != nil || reference || only != "" {
		return summary, err
	}
	return summary, told(cases, outcomes, write)
}
