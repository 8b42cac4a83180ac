package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

type matrixCommand struct {
	Server   []string      `short:"S" sep:"none" help:"A server, NAME=COMMAND LINE; may be repeated. No shell reads it; quotes are understood." placeholder:"NAME=COMMAND"`
	Case     []string      `short:"C" sep:"none" help:"A case: a command line of this program without URL, like \"echo -c 100 --depth 16\"; may be repeated. NAME: before it gives it a name, + before that a fresh server process for each run." placeholder:"[+][NAME:]LINE"`
	Suite    string        `default:"" enum:",quick,full" help:"Ready-made cases: quick (about 20 s a round and server) or full (some minutes). Default quick if there are no others."`
	Plan     string        `short:"f" help:"JSON file with servers, cases, rounds and baseline; flags add to it. With --resume and --repeat-of only what their files lack is taken from it: secrets, versions, tolerated errors." type:"existingfile" placeholder:"FILE"`
	Rounds   int           `short:"n" help:"Rounds; default 5." placeholder:"N"`
	Baseline string        `short:"b" help:"Server to compare with beside the first." placeholder:"NAME"`
	Pause    time.Duration `default:"500ms" help:"Rest before each run."`
	Resume   string        `help:"Go on with the matrix whose results so far are in FILE (--json keeps them after each round)." type:"existingfile" placeholder:"FILE" xor:"from"`
	RepeatOf string        `help:"Run the matrix of FILE once more, and say which of its figures the new medians bear out." type:"existingfile" placeholder:"FILE" xor:"from"`
	DryRun   bool          `help:"Say what would be run, and about how long it would take."`
	Markdown string        `short:"m" help:"Write the tables to FILE in place of standard output." placeholder:"FILE"`
	JSON     string        `short:"j" help:"Write all results as JSON to FILE, or with - to standard output." placeholder:"FILE"`
	Quiet    bool          `short:"q" help:"No progress."`
}

func (*matrixCommand) Help() string {
	return `Each server is started as a child process of this one and ended at the end. It has to print
"listening http://HOST:PORT" on its standard output when it is ready.

In each round every server runs each case once, in an order that changes from round to round. Ratios are
taken within a round.

The plan:
  {"servers": [{"name": "node", "command": ["node", "server.js"], "dir": "peers/node", "env": ["A=b"], "optional": true,
                "version": "socket.io 4.8.4", "tolerated": {"goodbye not answered": "why that is no failure"}}],
   "cases":   [{"name": "echo", "run": "echo -c 100 -d 3s", "fresh": false, "only": ["node"], "rounds": 7}],
   "rounds":  5, "baseline": "node"}
A server that is optional is left out, and named, where it does not start. One that prints "version TEXT" before
it listens says its version itself. Errors that are tolerated are reported; they do not fail the matrix.

Results keep the names that env, --auth, --query and -H set, and not the values. Where there are such,
--resume and --repeat-of need the plan beside them.

--repeat-of ends with exit code 4 if, for any ratio, all new rounds lie apart from all old ones.

Examples:
  sio-bench matrix -S 'bare gnet=./baregnet' -S 'node=node node/server.js' \
      -C 'echo -c 100 -d 3s' -C 'deep:echo -c 100 --depth 16 -d 3s' --rounds 7 -m result.md -j result.json
  sio-bench matrix -f plan.json --dry-run
  sio-bench matrix --resume result.json
  sio-bench matrix --repeat-of result.json -f plan.json`
}

// suites are the ready-made cases.
var suites = map[string][]string{
	"quick": {
		"echo, depth 1:echo -c 100 -d 2s",
		"echo, depth 16:echo -c 100 --depth 16 -d 2s",
		"acknowledgement:echo --ack -c 100 -d 2s",
		"broadcast to 1,000:broadcast -c 1000 -d 2s",
		"polling echo:echo -t polling -c 100 -d 2s",
		"connect:connect -d 2s",
	},
	"full": {
		"+idle connections:idle --steps 2000,10000,18000 --window 50s",
		"connect:connect --hold -c 5000",
		"+connect and goodbye:connect --cycles 50000",
		"echo, depth 1:echo -c 100 -d 4s",
		"echo, depth 16:echo -c 100 --depth 16 -d 4s",
		"acknowledgement:echo --ack -c 100 -d 4s",
		"echo of a 1 KB object:echo --object -c 100 -d 4s",
		"echo of 1 KiB binary:echo --binary --size 1024 -c 100 -d 4s",
		"echo at 8,000/s over 500 connections:echo --rate 8000 -c 500 -d 5s",
		"broadcast to 1,000, one in flight:broadcast -c 1000 -d 4s",
		"broadcast to 1,000, eight in flight:broadcast -c 1000 --in-flight 8 -d 4s",
		"broadcast to 16,000, one in flight:broadcast -c 16000 -d 5s",
		"2,000 connections in 200 rooms:rooms -c 2000 --rooms 200 -d 4s",
		"polling echo, depth 1:echo -t polling -c 100 -d 4s",
		"polling echo, depth 8:echo -t polling --depth 8 -c 100 -d 4s",
	},
}

// matrixPlan is the file of --plan.
type matrixPlan struct {
	Servers  []bench.ServerSpec `json:"servers"`
	Cases    []caseSpec         `json:"cases"`
	Rounds   int                `json:"rounds"`
	Baseline string             `json:"baseline"`
}

type caseSpec struct {
	Name   string   `json:"name"`
	Run    string   `json:"run"`
	Fresh  bool     `json:"fresh"`
	Only   []string `json:"only"`
	Rounds int      `json:"rounds"`
}

func (c *matrixCommand) Run(a *app) error {
	plan, earlier, err := c.plan()
	if err != nil {
		return err
	}
	matrix, err := plan.matrix()
	if err != nil {
		return err
	}
	matrix.Pause = c.Pause
	if c.Resume != "" {
		matrix.Earlier = earlier
		if c.JSON == "" {
			c.JSON = c.Resume
		}
	}
	cases, total, err := matrix.Plan()
	if err != nil {
		return err
	}
	if c.DryRun {
		return printPlan(a.out, cases, total)
	}
	if err := tryFiles(c.Markdown); err != nil {
		return err
	}
	if c.JSON != "" && c.JSON != "-" { // it is replaced by a file beside it
		if err := tryFile(c.JSON + partEnding); err != nil {
			return err
		}
		if err := os.Remove(c.JSON + partEnding); err != nil {
			return err
		}
	}
	if !c.Quiet {
		fmt.Fprintf(a.errOut, "%d runs, about %s\n", runsOf(cases), roughly(total))
	}
	if c.JSON != "" && c.JSON != "-" {
		matrix.Keep = func(r *bench.MatrixResult) error { return replaceFile(c.JSON, r) }
	}
	p := newProgress(a.errOut, c.Quiet)
	matrix.Progress = p.matrix
	res, err := matrix.Run(a.ctx)
	p.end()
	if err != nil {
		return err
	}
	if err := c.write(a, res); err != nil {
		return err
	}
	if res.Interrupted {
		return a.ctx.Err()
	}
	var apart error
	if c.RepeatOf != "" {
		apart = repeated(a, bench.Repeat(earlier, res), c.JSON == "-")
	}
	if n := res.ErrorTotal(); n > 0 {
		fmt.Fprintf(a.errOut, "sio-bench: %d errors were counted\n", n)
		return errFailed
	}
	return apart
}

// write writes what came out.
func (c *matrixCommand) write(a *app, res *bench.MatrixResult) (err error) {
	switch c.JSON {
	case "":
	case "-":
		err = writeJSON(a.out, res)
	default:
		err = replaceFile(c.JSON, res)
	}
	switch {
	case err != nil:
	case c.Markdown != "":
		err = writeFile(c.Markdown, func(f *os.File) error { return res.WriteMarkdown(f) })
	case c.JSON != "-":
		err = res.WriteMarkdown(a.out)
	}
	return err
}

// repeated says what a repetition has shown.
func repeated(a *app, r *bench.Repetition, jsonOut bool) error {
	to := a.out
	if jsonOut {
		to = a.errOut
	}
	fmt.Fprintln(to)
	if err := r.WriteMarkdown(to); err != nil {
		return err
	}
	if r.Apart() > 0 {
		return errRegression
	}
	return nil
}

// partEnding is of the file that becomes the one that is wanted.
const partEnding = ".part"

// replaceFile writes v to a file in one step: whoever reads the name has the old
// or the new one, also after a crash.
func replaceFile(name string, v any) error {
	part := name + partEnding
	if err := writeFile(part, func(f *os.File) error { return writeJSON(f, v) }); err != nil {
		return err
	}
	return os.Rename(part, name)
}

// plan puts files and flags together. earlier is the result of --resume or
// --repeat-of.
func (c *matrixCommand) plan() (plan matrixPlan, earlier *bench.MatrixResult, err error) {
	from := c.Resume + c.RepeatOf
	if from != "" {
		if c.Suite != "" || len(c.Server)+len(c.Case) > 0 || c.Resume != "" && (c.Rounds != 0 || c.Baseline != "") {
			return plan, nil, fmt.Errorf("%w: servers and cases are those of %s", bench.ErrUsage, from)
		}
		earlier = new(bench.MatrixResult)
		if err := readJSON(from, false, earlier); err != nil {
			return plan, nil, err
		}
		earlier.Evaluate() // files that were made small have no figures
		plan = planOf(earlier)
		if c.Plan != "" {
			var given matrixPlan
			if err := readJSON(c.Plan, true, &given); err != nil {
				return plan, nil, err
			}
			if plan.hides() {
				if err := plan.reveal(given); err != nil {
					return plan, nil, err
				}
			}
			plan.Servers = slices.Clone(plan.Servers) // they are the result's
			bench.Learn(plan.Servers, given.Servers)
		}
		if plan.hides() {
			return plan, nil, fmt.Errorf("%w: %s has no secrets, which its servers and cases need: give its plan by --plan, too", bench.ErrUsage, from)
		}
	} else if c.Plan != "" {
		if err := readJSON(c.Plan, true, &plan); err != nil {
			return plan, nil, err
		}
	}
	for _, text := range c.Server {
		name, line, ok := strings.Cut(text, "=")
		words, err := splitWords(line)
		if !ok || err != nil || len(words) == 0 {
			return plan, nil, fmt.Errorf("%w: --server %q: must be NAME=COMMAND LINE (%v)", bench.ErrUsage, text, err)
		}
		plan.Servers = append(plan.Servers, bench.ServerSpec{Name: strings.TrimSpace(name), Command: words})
	}
	lines := c.Case
	suite := c.Suite
	if suite == "" && len(plan.Cases)+len(lines) == 0 && from == "" {
		suite = "quick"
	}
	lines = append(lines, suites[suite]...)
	for _, text := range lines {
		plan.Cases = append(plan.Cases, parseCase(text))
	}
	if c.Rounds != 0 {
		plan.Rounds = c.Rounds
		for i := range plan.Cases {
			plan.Cases[i].Rounds = 0
		}
	}
	if c.Baseline != "" {
		plan.Baseline = c.Baseline
	}
	return plan, earlier, nil
}

// readJSON reads a file. strict refuses fields that v has not.
func readJSON(name string, strict bool, v any) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %s: %w", bench.ErrUsage, name, err)
	}
	return nil
}

// planOf is the plan that a result came from.
func planOf(r *bench.MatrixResult) matrixPlan {
	plan := matrixPlan{Servers: r.Servers, Rounds: r.Rounds, Baseline: r.Baseline}
	for _, c := range r.Cases {
		k := caseSpec{Name: c.Name, Run: c.Line, Fresh: c.Fresh, Rounds: c.Rounds}
		for _, s := range c.Servers {
			k.Only = append(k.Only, s.Name)
		}
		// Servers that were absent have no runs; the plan had them in each case
		// that has all others.
		if len(k.Only)+len(r.Absent) == len(r.Servers) {
			k.Only = nil
		}
		plan.Cases = append(plan.Cases, k)
	}
	return plan
}

// matrix makes a matrix of the plan.
func (p *matrixPlan) matrix() (*bench.Matrix, error) {
	m := &bench.Matrix{Servers: p.Servers, Rounds: p.Rounds, Baseline: p.Baseline}
	for _, spec := range p.Cases {
		k, err := spec.parse()
		if err != nil {
			return nil, err
		}
		m.Cases = append(m.Cases, k)
	}
	return m, nil
}

func runsOf(cases []bench.PlannedCase) (n int) {
	for _, c := range cases {
		n += c.Runs
	}
	return n
}

// roughly is d for people.
func roughly(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// printPlan is what --dry-run shows.
func printPlan(w io.Writer, cases []bench.PlannedCase, total time.Duration) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "runs\tabout\tcase\tservers\tline")
	for _, c := range cases {
		name := c.Case
		if c.Fresh {
			name += " (fresh processes)"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", c.Runs, roughly(time.Duration(c.Runs)*c.Each), name, strings.Join(c.Servers, ", "), c.Line)
	}
	t.Flush()
	fmt.Fprintf(&b, "\n%d runs, about %s\n", runsOf(cases), roughly(total))
	_, err := io.WriteString(w, b.String())
	return err
}

// parseCase reads [+][NAME:]LINE. A name is there if a colon stands before the
// first flag.
func parseCase(text string) (spec caseSpec) {
	text, spec.Fresh = strings.CutPrefix(strings.TrimSpace(text), "+")
	head, _, _ := strings.Cut(text, " -")
	if i := strings.LastIndexByte(head, ':'); i >= 0 && !strings.Contains(head, "://") {
		spec.Name, text = strings.TrimSpace(text[:i]), text[i+1:]
	}
	spec.Run = strings.TrimSpace(text)
	return spec
}

// name is the case's in results.
func (spec *caseSpec) name() string {
	if spec.Name == "" {
		return publicLine(spec.Run)
	}
	return spec.Name
}

// notOfCases are the flags that have nothing to do in a case.
var notOfCases = map[string]bool{
	"pid": true, "stats": true, "metrics": true,
	"json": true, "html": true, "markdown": true, "csv": true, "ndjson": true, "hgrm": true, "hlog": true,
	"quiet": true, "assert": true, "procs": true,
}

const whyNotOfCases = "a matrix knows its servers, keeps all results in one file, and runs in one process"

// placeURL stands for the URL of a case while its line is parsed.
const placeURL = "http://127.0.0.1:1"

// parse makes a case of the matrix.
func (spec *caseSpec) parse() (bench.Case, error) {
	k := bench.Case{Name: spec.name(), Fresh: spec.Fresh, Only: spec.Only, Line: publicLine(spec.Run), Rounds: spec.Rounds}
	words, err := splitWords(spec.Run)
	if err != nil {
		return k, fmt.Errorf("%w: case %q: %w", bench.ErrUsage, spec.Run, err)
	}
	if len(words) > 0 {
		words = append([]string{words[0], placeURL}, words[1:]...)
	}
	var line caseLine
	parser, err := kong.New(&line, kong.Name("case"), kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return k, err
	}
	command, err := parser.Parse(words)
	if err != nil && strings.HasPrefix(err.Error(), "unexpected argument ") {
		err = fmt.Errorf("%w: a case is a command line without URL", err)
	}
	if err != nil {
		return k, fmt.Errorf("%w: case %q: %w", bench.ErrUsage, spec.Run, err)
	}
	c, ok := command.Selected().Target.Addr().Interface().(scenarioCommand)
	if !ok {
		return k, fmt.Errorf("%w: case %q: not a scenario", bench.ErrUsage, spec.Run)
	}
	for _, p := range command.Path {
		if p.Flag != nil && notOfCases[p.Flag.Name] {
			return k, fmt.Errorf("%w: case %q: --%s is not a case's: %s", bench.ErrUsage, k.Line, p.Flag.Name, whyNotOfCases)
		}
	}
	k.Scenario = c.scenario()
	k.Options, err = c.options()
	return k, err
}

// splitWords splits a command line at blanks. Single and double quotes hold
// words together; a backslash takes the next character as it is, but not inside
// single quotes. Nothing is expanded.
func splitWords(line string) (words []string, err error) {
	var word []byte
	inWord := false
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'':
			if i++; i == len(line) {
				return nil, errors.New("a backslash at the end")
			}
			word, inWord = append(word, line[i]), true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			if inWord {
				words, word, inWord = append(words, string(word)), nil, false
			}
		default:
			word, inWord = append(word, c), true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("no closing %c", quote)
	}
	if inWord {
		words = append(words, string(word))
	}
	return words, nil
}
