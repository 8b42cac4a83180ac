// Command benchmarks writes BENCHMARKS.md and its charts out of the results in
// bench/results, and says how they stand to the goals. Every figure of the page is
// computed; its prose is in benchmarks.md.tmpl.
//
//	go run ./bench/benchmarks           write the page
//	go run ./bench/benchmarks FILE…     take new results of sio-bench matrix in first
//	go run ./bench/benchmarks -goals    the goals only, on standard output
//
// A test fails where the page does not follow from the results.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench"
)

// Places, from the root of the repository.
const (
	pageFile   = "BENCHMARKS.md"
	resultsDir = "bench/results"
	plansDir   = "bench/peers"
	chartsDir  = "docs/bench"
)

// suites are those of scripts/bench.sh: what is not among the results is said to be
// missing.
var suites = []string{"events", "memory", "heartbeat", "cycles", "others"}

func main() {
	root := flag.String("root", ".", "the repository")
	goals := flag.Bool("goals", false, "write the goals to standard output, and nothing else")
	flag.Parse()
	if err := run(*root, flag.Args(), *goals, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(root string, take []string, goalsOnly bool, out io.Writer) error {
	if err := takeResults(take, filepath.Join(root, resultsDir)); err != nil {
		return err
	}
	p, err := load(filepath.Join(root, resultsDir), filepath.Join(root, plansDir))
	if err != nil {
		return err
	}
	if goalsOnly {
		text, err := p.Goals()
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n%s\n", text, p.Met())
		}
		return err
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, chartsDir), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), text, 0o644); err != nil {
			return err
		}
	}
	for _, name := range p.missing() {
		fmt.Fprintf(out, "not measured: %s\n", name)
	}
	for _, why := range p.unexplained() {
		fmt.Fprintf(out, "missed, and benchmarks.md.tmpl does not say why: %s\n", why)
	}
	_, err = fmt.Fprintf(out, "%s and %d charts written. %s\n", pageFile, len(files)-1, p.Met())
	return err
}

// load reads all results of a directory. plans has the suites' plans, for what results of
// before it was kept have not.
func load(dir, plans string) (*page, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	p := &page{suites: map[string]*bench.MatrixResult{}}
	for _, name := range names {
		if filepath.Base(name) == scaleFile {
			if p.scale, err = readScale(name); err != nil {
				return nil, err
			}
			continue
		}
		r, err := readResult(name)
		if err != nil {
			return nil, err
		}
		if r.Cases == nil {
			continue // of another tool
		}
		r.Evaluate()
		suite := strings.TrimSuffix(filepath.Base(name), ".json")
		if err := complete(r, filepath.Join(plans, suite+".json")); err != nil {
			return nil, err
		}
		p.suites[suite] = r
		p.order = append(p.order, suite)
	}
	if len(p.order) == 0 {
		return nil, fmt.Errorf("%s: no results", dir)
	}
	slices.Sort(p.order)
	return p, p.readGoals()
}

// complete takes versions and tolerated errors of servers from a plan, where a result has
// none. There need not be a plan.
func complete(r *bench.MatrixResult, name string) error {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var plan struct{ Servers []bench.ServerSpec }
	if err == nil {
		err = json.Unmarshal(text, &plan)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	bench.Learn(r.Servers, plan.Servers)
	return nil
}

func readResult(name string) (*bench.MatrixResult, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	r := new(bench.MatrixResult)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// takeResults makes small copies of results in a directory.
func takeResults(names []string, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if filepath.Base(name) == scaleFile {
			if err := takeScale(name, filepath.Join(to, scaleFile)); err != nil {
				return err
			}
			continue
		}
		r, err := readResult(name)
		if err != nil {
			return err
		}
		if r.Cases == nil {
			return fmt.Errorf("%s: not of a matrix", name)
		}
		if r.Interrupted {
			return fmt.Errorf("%s: interrupted; go on with sio-bench matrix --resume %s", name, name)
		}
		text, err := small(r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(name)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// small is a result without what is long, follows from the rest or is of no machine but the
// one that it was taken on, a line a run.
func small(r *bench.MatrixResult) ([]byte, error) {
	r.Slim(func(name string) bool { return name == latencyCase })
	for i := range r.Cases {
		for j := range r.Cases[i].Servers {
			r.Cases[i].Servers[j].Figures = nil
		}
	}
	for i := range r.Absent { // what it printed may go on with paths of the machine
		r.Absent[i].Why = oneLine(r.Absent[i].Why)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	// A line a run shows what differs between two versions.
	text = bytes.ReplaceAll(text, []byte(`{"scenario":`), []byte("\n"+`{"scenario":`))
	return append(text, '\n'), nil
}
