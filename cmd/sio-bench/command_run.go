package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

// runCommand runs a scenario file.
type runCommand struct {
	File   string `arg:"" help:"The scenario: YAML, see docs/sio-bench-scenarios.md; - is standard input." placeholder:"FILE.yaml"`
	Target string `arg:"" optional:"" name:"url" help:"The server, in place of the one that the file names." placeholder:"URL"`
	DryRun bool   `help:"Print the plan, and run nothing."`

	Transport   string        `short:"t" complete:"websocket,polling,upgrade" help:"Transports, in place of those in the file; as for echo." placeholder:"MIX"`
	Namespace   string        `short:"n" help:"Namespace, in place of the file's." placeholder:"/NAME"`
	Seed        uint64        `help:"Seed, in place of the file's." placeholder:"N"`
	Late        time.Duration `help:"Count steps that take longer as errors." placeholder:"DURATION"`
	Concurrency int           `default:"128" help:"Handshakes and goodbyes in flight (${default})." placeholder:"N"`
	Loops       int           `default:"1" help:"Loops of the generator, each up to a core (${default})." placeholder:"N"`
	Source      []string      `help:"Local addresses to connect from, as for echo." placeholder:"ADDR,…"`
	PID         int           `help:"The server's process, to measure its CPU time and memory (Linux)." placeholder:"N"`
	Stats       string        `help:"URL that tells the server's heap objects." placeholder:"URL"`

	measuring
	files
	Quiet bool `short:"q" help:"No progress." group:"Output"`

	script *bench.Script
}

func (*runCommand) Help() string {
	return `The file says what clients do, how many there are, and when: phases with ramps, kinds of clients by weight, and
for each a flow of steps. Examples are in bench/examples.

Examples:
  sio-bench run chat.yaml http://127.0.0.1:3000
  sio-bench run chat.yaml --dry-run
  sio-bench run game.yaml :3000 --pid 4711 --html report.html`
}

// AfterApply is kong's hook for checks.
func (c *runCommand) AfterApply(*kong.Context) error {
	if c.Concurrency < 1 || c.Loops < 1 {
		return fmt.Errorf("--concurrency and --loops must be more than 0")
	}
	if c.File == "-" && c.Procs > 1 {
		return fmt.Errorf("--procs: each process reads the file, so it cannot be standard input")
	}
	return nil
}

// maxScript bounds what is read of a file: more is refused by its parser.
const maxScript = 1 << 20

// read reads the file.
func (c *runCommand) read() error {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("%w: %w", bench.ErrUsage, err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxScript))
	if err != nil {
		return err
	}
	c.script, err = bench.ParseScript(c.File, text)
	return err
}

func (c *runCommand) scenario() bench.Scenario { return c.script }

// shared is what this command has of the flags of all scenarios; what the file
// says is left empty.
func (c *runCommand) shared() *common {
	m := c.measuring
	m.Assert = append(append([]string{}, c.script.Assertions()...), m.Assert...)
	f := c.files
	for format, name := range c.script.Outputs() {
		for is, into := range map[string]*string{"json": &f.JSON, "html": &f.HTML, "csv": &f.CSV, "markdown": &f.Markdown} {
			if is == format && *into == "" {
				*into = name
			}
		}
	}
	return &common{URL: c.Target, measuring: m, files: f, Quiet: c.Quiet}
}

// options makes the run's options; what is zero is left to the file.
func (c *runCommand) options() (bench.Options, error) {
	o := bench.Options{
		URL: withHost(c.Target), Transport: c.Transport, Namespace: c.Namespace, Seed: c.Seed, Late: c.Late,
		Concurrency: c.Concurrency, Loops: c.Loops, PID: c.PID, Stats: c.Stats, Metrics: c.Metrics,
	}
	var err error
	if o.Sources, err = addresses(c.Source); err != nil {
		return o, fmt.Errorf("%w: --source: %w", bench.ErrUsage, err)
	}
	return o, nil
}

func (c *runCommand) Run(a *app) error {
	if err := c.read(); err != nil {
		return err
	}
	if c.DryRun {
		return c.script.WritePlan(a.out)
	}
	return a.scenario(c)
}

// printPhases writes the phases of a scenario file, each with its steps.
func printPhases(b *strings.Builder, phases []bench.PhaseResult) {
	if len(phases) == 0 {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 8, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "phase\tconnections\tsteps\tper second\terrors\tlatency\tp50\tp99\tmax\t")
	for _, p := range phases {
		name := p.Name
		if p.Warmup {
			name += " (warm-up)"
		}
		head := fmt.Sprintf("%s\t%s\t%s\t%s\t%s", name, count(float64(p.Conns)), count(float64(p.Operations)), count(p.Rate), count(float64(p.Errors)))
		for _, l := range p.Latencies {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t\n", head, l.Name, micros(l.P50), micros(l.P99), micros(l.Max))
			head = "\t\t\t\t"
		}
		if len(p.Latencies) == 0 {
			fmt.Fprintf(t, "%s\t–\t\t\t\t\n", head)
		}
	}
	t.Flush()
}
