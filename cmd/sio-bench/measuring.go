package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/e6a90ca8/sio/bench"
)

// measuring are the flags of all scenarios about what is measured and what has to
// come out.
type measuring struct {
	Procs   int    `default:"1" help:"Processes of the generator, each with descriptors and loops of its own; connections, rates and rooms are of all together (${default})." placeholder:"N"`
	Metrics string `help:"URL at which the server tells of its own process, asked each second: Prometheus text, or expvar's JSON." placeholder:"URL"`

	HGRM string `name:"hgrm" help:"Write the percentiles of the main latency to FILE, in HdrHistogram's text format; with a * in FILE, of every latency, its name for the *." placeholder:"FILE" group:"Output"`
	HLog string `name:"hlog" help:"Write the main latency second by second to FILE, as a HdrHistogram interval log." placeholder:"FILE" group:"Output"`

	Assert []string `sep:"none" help:"Threshold that the result has to keep, as 'echo.p99<5ms', 'errors<0.1%', 'rate>50k', 'server.rss<200MiB', 'cpu<12us'; may be repeated." placeholder:"FIGURE<VALUE" group:"Thresholds"`
}

// partEnv is set in the processes that --procs starts: copies of this one, with
// the same arguments.
const partEnv = "SIO_BENCH_PART"

// spread is s in as many processes as asked for.
func (a *app) spread(s bench.Scenario, procs int) bench.Scenario {
	if procs == 1 {
		return s
	}
	return &bench.Procs{Scenario: s, N: procs, Command: func(i int) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0]
		}
		cmd := exec.Command(self, a.args...)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", partEnv, i))
		return cmd
	}}
}

// errThreshold is returned by a command whose result missed a threshold.
var errThreshold = errors.New("a threshold was missed")

// assertions reads --assert.
func (m *measuring) assertions() (all []bench.Assertion, err error) {
	for _, text := range m.Assert {
		a, err := bench.ParseAssertion(text)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// conclude is the error, and so the exit code, that a result stands for. With a
// threshold on errors it is the threshold that says how many are too many.
func (a *app) conclude(res *bench.Result, all []bench.Assertion) error {
	for _, v := range res.Assertions {
		if !v.Pass {
			return errThreshold
		}
	}
	tolerant := false
	for _, a := range all {
		tolerant = tolerant || a.Errors()
	}
	if res.ErrorTotal() > 0 && !tolerant {
		return errFailed
	}
	return nil
}

// printVerdicts writes what became of the thresholds.
func printVerdicts(w io.Writer, all []bench.Outcome, s style) error {
	var b strings.Builder
	for _, v := range all {
		switch {
		case v.Missing && v.Why != "":
			fmt.Fprintf(&b, "%smissed%s  %s: %s\n", s.red, s.reset, v.Assertion, v.Why)
		case v.Missing:
			fmt.Fprintf(&b, "%smissed%s  %s: not measured\n", s.red, s.reset, v.Assertion)
		case v.Pass:
			fmt.Fprintf(&b, "kept    %s: %s\n", v.Assertion, figure(v))
		default:
			fmt.Fprintf(&b, "%smissed%s  %s: %s\n", s.red, s.reset, v.Assertion, figure(v))
		}
	}
	return s.show(w, b.String())
}

// figure is the value of a verdict with its unit.
func figure(v bench.Outcome) string {
	switch v.Unit {
	case "us":
		if v.Value < 1000 {
			return fmt.Sprintf("%.4g µs", v.Value)
		}
		return micros(v.Value)
	case "":
		return fmt.Sprintf("%.6g", v.Value)
	case "%":
		return fmt.Sprintf("%.4g %%", v.Value)
	case "1/s":
		return count(v.Value) + " per second"
	}
	return amount(bench.Metric{Unit: v.Unit, Value: v.Value})
}

// tryHDR makes sure that --hgrm and --hlog can be written. Which files a * stands for is
// known at the end; that they can be made is tried now.
func (m *common) tryHDR() error {
	for _, t := range append(m.targets(), target{"--hgrm", m.HGRM, nil}) {
		for _, other := range []target{{"--hgrm", m.HGRM, nil}, {"--hlog", m.HLog, nil}} {
			if other.name != "" && other.name == t.name && other.flag != t.flag {
				return fmt.Errorf("%w: %s and %s write to the same place: %s", bench.ErrUsage, t.flag, other.flag, t.name)
			}
		}
	}
	if m.HLog != "" {
		if err := tryFile(m.HLog); err != nil {
			return err
		}
	}
	if m.HGRM == "" {
		return nil
	}
	dir, name := filepath.Split(m.HGRM)
	switch {
	case strings.Contains(dir, "*"):
		return fmt.Errorf("%w: --hgrm %s: the * must be in the name of the file", bench.ErrUsage, m.HGRM)
	case !strings.Contains(name, "*"):
		return tryFile(m.HGRM)
	}
	f, err := os.CreateTemp(cmp.Or(dir, "."), name)
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// writeHDR writes the files that --hgrm and --hlog ask for.
func (m *measuring) writeHDR(res *bench.Result) error {
	if m.HLog != "" {
		if err := writeFile(m.HLog, func(f *os.File) error { return res.WriteHLog(f) }); err != nil {
			return err
		}
	}
	if m.HGRM == "" {
		return nil
	}
	if !strings.Contains(m.HGRM, "*") {
		l := res.Main()
		if l == nil {
			return errors.New("--hgrm: no latency was measured")
		}
		return writeFile(m.HGRM, func(f *os.File) error { return l.WriteHGRM(f) })
	}
	names := make(map[string]bool)
	for i := range res.Latencies {
		l := &res.Latencies[i]
		name := strings.ReplaceAll(m.HGRM, "*", fileWord(l.Name, names))
		if err := writeFile(name, func(f *os.File) error { return l.WriteHGRM(f) }); err != nil {
			return err
		}
	}
	return nil
}

// fileWord is a name as a part of a file's, other than all that were taken before: by
// letters in upper or lower case alone, names differ not everywhere.
func fileWord(name string, taken map[string]bool) string {
	word := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, name)
	word = strings.TrimLeft(word, ".")
	if runes := []rune(word); len(runes) > 60 {
		word = string(runes[:60])
	}
	word = cmp.Or(word, "latency")
	own := word
	for n := 2; taken[strings.ToLower(own)]; n++ {
		own = fmt.Sprintf("%s-%d", word, n)
	}
	taken[strings.ToLower(own)] = true
	return own
}
