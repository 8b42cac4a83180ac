package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/benchtest"
	"github.com/e6a90ca8/sio/bench/selfcheck"
)

// targetCommand runs the server of package benchtest.
type targetCommand struct {
	Listen string        `short:"l" default:"127.0.0.1:3000" help:"Where to listen; port 0 is a free one (${default}). Anyone who reaches it may use it: keep it on this machine." placeholder:"ADDR"`
	For    time.Duration `help:"End after so long; by default when told to (ctrl-C)."`

	Fault  string        `help:"lost, doubled, swapped, late or corrupted: what happens to one reply in a hundred; =1/N for another share." placeholder:"KIND[=1/N]"`
	LateBy time.Duration `default:"500ms" help:"How late a late reply is (${default})."`
	Seed   uint64        `help:"Draws which replies go wrong." placeholder:"N"`
	Stall  string        `help:"Take nothing and send nothing for a while, again and again: for 500ms at the end of every 5 s, say." placeholder:"500ms/5s"`
	Ping   time.Duration `default:"25s" help:"Time between two heartbeats (${default})."`
}

func (*targetCommand) Help() string {
	return `A small Socket.IO server with all events and transports that the scenarios use, to try them out and to see
that what a server does wrong is found. It is no server to measure.

Examples:
  sio-bench target
  sio-bench target --listen 127.0.0.1:0 --fault lost=1/50 --seed 7
  sio-bench target --stall 500ms/5s --for 1m`
}

// stall reads --stall.
func (c *targetCommand) stall() (s benchtest.Stall, err error) {
	if c.Stall == "" {
		return s, nil
	}
	length, every, _ := strings.Cut(c.Stall, "/")
	if s.For, err = time.ParseDuration(length); err == nil {
		s.Every, err = time.ParseDuration(every)
	}
	if err != nil {
		return s, fmt.Errorf("%w: --stall %q: must be two durations, as 500ms/5s", bench.ErrUsage, c.Stall)
	}
	return s, nil
}

func (c *targetCommand) Run(a *app) error {
	o := benchtest.Options{Addr: c.Listen, PingInterval: c.Ping}
	if strings.HasPrefix(o.Addr, ":") {
		o.Addr = "127.0.0.1" + o.Addr
	}
	var err error
	if o.Stall, err = c.stall(); err != nil {
		return err
	}
	if c.Fault != "" {
		if o.Plant, err = benchtest.ParsePlant(c.Fault); err != nil {
			return fmt.Errorf("%w: --%w", bench.ErrUsage, err)
		}
	}
	o.Plant.LateBy, o.Plant.Seed = c.LateBy, c.Seed
	if c.Ping <= 0 || c.LateBy <= 0 || c.For < 0 {
		return fmt.Errorf("%w: --ping and --late-by must be more than 0, --for not less", bench.ErrUsage)
	}
	s, err := benchtest.New(o)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintln(a.out, "listening", s.URL)
	var over <-chan time.Time
	if c.For > 0 {
		t := time.NewTimer(c.For)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
	case <-a.ctx.Done(): // how it is meant to end: no error
	}
	if o.Plant.Kind != "" {
		fmt.Fprintf(a.errOut, "%s: %d replies\n", o.Plant.Kind, s.Planted())
	}
	return nil
}

// selfcheckCommand tries the generator on servers with faults.
type selfcheckCommand struct {
	Seed     uint64 `help:"Draws which replies go wrong." placeholder:"N"`
	Every    int    `default:"100" help:"One reply in so many goes wrong (${default})." placeholder:"N"`
	Parallel int    `default:"4" help:"Runs at a time (${default})." placeholder:"N"`
	JSON     string `short:"j" help:"Write all findings as JSON to FILE, or with - to standard output." placeholder:"FILE"`
	Quiet    bool   `short:"q" help:"No progress."`
}

func (*selfcheckCommand) Help() string {
	return `Every scenario that has replies is run against a server in this process that works, where nothing may be
counted, and against servers that lose, double, swap, delay or corrupt one reply in a hundred, where just that
must be counted, and as often as it was done. The exit code is 0 if all is so, else 1.

A run in which too few faults came up to tell, or whose end the machine was too late for, is made again, and it is
said why. No other run is: a fault that was missed once is a failure.

Examples:
  sio-bench selfcheck
  sio-bench selfcheck --seed 42 --every 20`
}

func (c *selfcheckCommand) Run(a *app) error {
	if err := tryFiles(c.JSON); err != nil {
		return err
	}
	if c.Every < 2 || c.Parallel < 1 {
		return fmt.Errorf("%w: --every must be 2 or more, --parallel 1 or more", bench.ErrUsage)
	}
	o := selfcheck.Options{Seed: c.Seed, Every: c.Every, Parallel: c.Parallel}
	p := newProgress(a.errOut, c.Quiet)
	done, all := 0, len(selfcheck.Cases())*(1+len(benchtest.Kinds))
	o.Told = func(f selfcheck.Finding) {
		done++
		p.show("self-check", fmt.Sprintf("%d of %d runs", done, all))
	}
	findings, err := selfcheck.Run(a.ctx, o)
	p.end()
	if err != nil {
		return err
	}
	if c.JSON == "-" {
		err = writeJSON(a.out, findings)
	} else {
		if err = printFindings(a.out, findings, newStyle(a.out)); err == nil && c.JSON != "" {
			err = writeFile(c.JSON, func(f *os.File) error { return writeJSON(f, findings) })
		}
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Problem != "" {
			return errFailed
		}
	}
	return nil
}

// printFindings writes a table, a row a case and a column a fault, and what is
// wrong below it.
func printFindings(w io.Writer, findings []selfcheck.Finding, s style) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "faults caught\tnone planted")
	for _, k := range benchtest.Kinds {
		fmt.Fprintf(t, "\t%s", k)
	}
	wrong := 0
	for _, f := range findings {
		if f.Fault == "" {
			fmt.Fprintf(t, "\n%s", f.Case)
		}
		cell := fmt.Sprintf("%s of %s", count(float64(f.Caught)), count(float64(f.Planted)))
		switch {
		case f.Problem != "":
			cell = "WRONG"
			wrong++
		case f.Skipped != "":
			cell = "–"
		case f.Fault == "":
			cell = "clean"
		case f.Caught > f.Planted: // late ones, which hold up what is behind them
			cell = fmt.Sprintf("%s and %s behind", count(float64(f.Planted)), count(float64(f.Caught-f.Planted)))
		}
		fmt.Fprintf(t, "\t%s", cell)
	}
	fmt.Fprintln(t)
	t.Flush()
	b.WriteByte('\n')
	if wrong == 0 {
		b.WriteString("every kind of fault was caught, and nothing else\n")
	}
	for _, f := range findings {
		where := fmt.Sprintf("%s, %s", f.Case, cmp.Or(string(f.Fault), "no fault"))
		if f.Problem != "" {
			fmt.Fprintf(&b, "%s%s: %s%s\n", s.red, where, f.Problem, s.reset)
		}
		for i, why := range f.Again {
			fmt.Fprintf(&b, "%s: run %d of %d was made again: %s\n", where, i+1, f.Attempts, why)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
