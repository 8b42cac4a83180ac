package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

type matrixCommand struct {
	Server   []string      `short:"S" sep:"none" help:"A server, NAME=COMMAND LINE; may be repeated. No shell reads it; quotes are understood." placeholder:"NAME=COMMAND"`
	Case     []string      `short:"C" sep:"none" help:"A case: a command line of this program without URL, like \"echo -c 100 --depth 16\"; may be repeated. NAME: before it gives it a name, + before that a fresh server process for each run." placeholder:"[+][NAME:]LINE"`
	Suite    string        `default:"" enum:",quick,full" help:"Ready-made cases: quick (about 20 s a round and server) or full (some minutes). Default quick if there are no others."`
	Config   string        `short:"f" help:"JSON file with servers, cases, rounds and baseline; flags add to it." type:"existingfile" placeholder:"FILE"`
	Rounds   int           `short:"n" help:"Rounds; default 5." placeholder:"N"`
	Baseline string        `short:"b" help:"Server to compare with beside the first." placeholder:"NAME"`
	Pause    time.Duration `default:"500ms" help:"Rest before each run."`
	Markdown string        `short:"m" help:"Write the tables to FILE in place of standard output." placeholder:"FILE"`
	JSON     string        `short:"j" help:"Write all results as JSON to FILE, or with - to standard output." placeholder:"FILE"`
	Quiet    bool          `short:"q" help:"No progress."`
}

func (*matrixCommand) Help() string {
	return `Each server is started as a child process of this one and ended at the end. It has to print
"listening http://HOST:PORT" on its standard output when it is ready.

The configuration file:
  {"servers": [{"name": "node", "command": ["node", "server.js"], "dir": "peers/node", "env": ["A=b"]}],
   "cases":   [{"name": "echo", "run": "echo -c 100 -d 3s", "fresh": false, "only": ["node"]}],
   "rounds":  5, "baseline": "node"}

Example:
  sio-bench matrix -S 'bare gnet=./baregnet' -S 'node=node node/server.js' \
      -C 'echo -c 100 -d 3s' -C 'deep:echo -c 100 --depth 16 -d 3s' --rounds 7 -m result.md -j result.json`
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

// matrixFile is the configuration file.
type matrixFile struct {
	Servers  []bench.ServerSpec `json:"servers"`
	Cases    []caseSpec         `json:"cases"`
	Rounds   int                `json:"rounds"`
	Baseline string             `json:"baseline"`
}

type caseSpec struct {
	Name  string   `json:"name"`
	Run   string   `json:"run"`
	Fresh bool     `json:"fresh"`
	Only  []string `json:"only"`
}

func (c *matrixCommand) Run(a *app) error {
	matrix, err := c.matrix()
	if err != nil {
		return err
	}
	p := newProgress(a.errOut, c.Quiet)
	matrix.Progress = p.matrix
	res, err := matrix.Run(a.ctx)
	p.end()
	if err != nil {
		return err
	}
	switch c.JSON {
	case "":
	case "-":
		err = writeJSON(a.out, res)
	default:
		err = writeFile(c.JSON, func(f *os.File) error { return writeJSON(f, res) })
	}
	if err != nil {
		return err
	}
	switch {
	case c.Markdown != "":
		err = writeFile(c.Markdown, func(f *os.File) error { return res.WriteMarkdown(f) })
	case c.JSON != "-":
		err = res.WriteMarkdown(a.out)
	}
	switch {
	case err != nil:
		return err
	case res.Interrupted:
		return a.ctx.Err()
	case res.ErrorTotal() > 0:
		fmt.Fprintf(a.errOut, "sio-bench: %d errors were counted\n", res.ErrorTotal())
		return errFailed
	}
	return nil
}

// matrix puts file and flags together.
func (c *matrixCommand) matrix() (*bench.Matrix, error) {
	var file matrixFile
	if c.Config != "" {
		text, err := os.ReadFile(c.Config)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.DisallowUnknownFields()
		if err := d.Decode(&file); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", bench.ErrUsage, c.Config, err)
		}
	}
	for _, text := range c.Server {
		name, line, ok := strings.Cut(text, "=")
		words, err := splitWords(line)
		if !ok || err != nil || len(words) == 0 {
			return nil, fmt.Errorf("%w: --server %q: must be NAME=COMMAND LINE (%v)", bench.ErrUsage, text, err)
		}
		file.Servers = append(file.Servers, bench.ServerSpec{Name: strings.TrimSpace(name), Command: words})
	}
	lines := c.Case
	suite := c.Suite
	if suite == "" && len(file.Cases)+len(lines) == 0 {
		suite = "quick"
	}
	lines = append(lines, suites[suite]...)
	for _, text := range lines {
		file.Cases = append(file.Cases, parseCase(text))
	}
	if c.Rounds != 0 {
		file.Rounds = c.Rounds
	}
	if c.Baseline != "" {
		file.Baseline = c.Baseline
	}
	result := &bench.Matrix{Servers: file.Servers, Rounds: file.Rounds, Baseline: file.Baseline, Pause: c.Pause}
	for _, spec := range file.Cases {
		k, err := spec.parse()
		if err != nil {
			return nil, err
		}
		result.Cases = append(result.Cases, k)
	}
	return result, nil
}

// parseCase reads [+][NAME:]LINE. A name is there if a colon stands before the
// first flag.
func parseCase(text string) (spec caseSpec) {
	text, spec.Fresh = strings.CutPrefix(strings.TrimSpace(text), "+")
	head, _, _ := strings.Cut(text, " -")
	if i := strings.LastIndexByte(head, ':'); i >= 0 {
		spec.Name, text = strings.TrimSpace(text[:i]), text[i+1:]
	}
	spec.Run = strings.TrimSpace(text)
	return spec
}

// placeURL stands for the URL of a case while its line is parsed.
const placeURL = "http://127.0.0.1:1"

// parse makes a case of the matrix.
func (spec *caseSpec) parse() (bench.Case, error) {
	k := bench.Case{Name: spec.Name, Fresh: spec.Fresh, Only: spec.Only, Line: spec.Run}
	if k.Name == "" {
		k.Name = spec.Run
	}
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
	if err != nil {
		return k, fmt.Errorf("%w: case %q: %w", bench.ErrUsage, spec.Run, err)
	}
	var c scenarioCommand
	switch name, _, _ := strings.Cut(command.Command(), " "); name {
	case "echo":
		c = &line.Echo
	case "broadcast":
		c = &line.Broadcast
	case "rooms":
		c = &line.Rooms
	case "connect":
		c = &line.Connect
	case "idle":
		c = &line.Idle
	}
	flags := c.shared()
	if flags.PID != 0 || flags.JSON != "" || flags.Quiet || flags.Stats != "" {
		return k, fmt.Errorf("%w: case %q: --pid, --stats, --json and --quiet are not a case's", bench.ErrUsage, spec.Run)
	}
	k.Scenario = c.scenario()
	k.Options, err = flags.options()
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
