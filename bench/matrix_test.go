package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// childEnv makes the test binary a server, in the way its value says.
const childEnv = "SIO_BENCH_TEST_SERVER"

func TestMain(m *testing.M) {
	if how := os.Getenv(workerEnv); how != "" {
		os.Exit(beWorker(how))
	}
	if how := os.Getenv(childEnv); how != "" {
		os.Exit(beServer(how))
	}
	os.Exit(m.Run())
}

// beServer is main of the child processes.
func beServer(how string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	if how == "refuses to start" {
		fmt.Fprintln(os.Stderr, "address already in use")
		return 3
	}
	o := benchtest.Options{}
	if how == "loses" { // one, so that the others go on
		var seen atomic.Int64
		o.Fault = func(packet string) []string {
			if strings.Contains(packet, `"echo"`) && seen.Add(1) == 5 {
				return nil
			}
			return []string{packet}
		}
	}
	s, err := benchtest.New(o)
	if err != nil {
		return 1
	}
	if how == "leaves a child" {
		grandchild := exec.Command("sleep", "60")
		grandchild.Stdout, grandchild.Stderr = os.Stdout, os.Stderr
		if err := grandchild.Start(); err != nil {
			return 1
		}
		fmt.Println("grandchild", grandchild.Process.Pid)
	}
	fmt.Println("noise before")
	fmt.Println("stats http://127.0.0.1:1/stats")
	fmt.Println("listening " + s.URL)
	<-term
	s.Close()
	return 0
}

// childSpec is a server made of this test binary.
func childSpec(name, how string) ServerSpec {
	return ServerSpec{Name: name, Command: []string{os.Args[0], "-test.run=^$"}, Env: []string{childEnv + "=" + how}}
}

func TestMatrix(t *testing.T) {
	o := until(Options{Conns: 4, Duration: 60 * time.Millisecond, Warmup: -1, Drain: 200 * time.Millisecond}, func(_ *run, p Progress) bool {
		return p.Operations >= 8 // by then server two has lost one
	})
	var order []string
	c := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves"), childSpec("two", "loses"), childSpec("three", "serves")},
		Cases: []Case{
			{Name: "echo | plain", Scenario: &Echo{}, Options: o, Line: "echo -c 4"},
			{Name: "connect", Scenario: &Connect{Hold: true}, Options: o, Fresh: true, Only: []string{"one", "three"}},
		},
		Rounds: 2, Baseline: "three", Pause: time.Millisecond,
		Progress: func(p MatrixProgress) {
			if p.Result != nil {
				order = append(order, fmt.Sprintf("%s %d %s", p.Case[:4], p.Round, p.Server))
			}
		},
	}
	res, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := "echo 1 one, echo 1 two, echo 1 three, conn 1 one, conn 1 three, echo 2 three, echo 2 two, echo 2 one, conn 2 three, conn 2 one"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("order\n%s\nwant\n%s", got, want)
	}
	if len(res.Cases) != 2 || len(res.Cases[0].Servers) != 3 || len(res.Cases[1].Servers) != 2 {
		t.Fatalf("%d cases", len(res.Cases))
	}
	one, two, three := res.Cases[0].Servers[0], res.Cases[0].Servers[1], res.Cases[0].Servers[2]
	for _, s := range []ServerResult{one, two, three} {
		if len(s.Runs) != 2 || len(s.Failed) != 0 || len(s.Figures) == 0 || s.Figures[0].Spread.N != 2 {
			t.Errorf("%s: %d runs, failed %v, figures %+v", s.Name, len(s.Runs), s.Failed, s.Figures)
		}
	}
	if one.Figures[0].ToFirst != nil || one.Figures[0].ToBaseline == nil || three.Figures[0].ToBaseline != nil || three.Figures[0].ToFirst == nil {
		t.Error("ratios of a server to itself, or none to another")
	}
	if res.ErrorTotal() == 0 || two.Runs[0].Errors[Lost].Count == 0 {
		t.Errorf("server two loses messages; errors %v", two.Runs[0].Errors)
	}
	var page strings.Builder
	if err := res.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"## echo \\| plain\n\n`sio-bench echo -c 4`", "| to one | to three |", "\n| two | ", "**", "- two: lost, for example connection",
		"2 rounds", "\n## connect\n",
	} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the page has no %q:\n%s", part, page.String())
		}
	}
	if _, err := json.Marshal(res); err != nil {
		t.Error(err)
	}
}

// TestMatrixServersThatFail: what a server said is in the error.
func TestMatrixServersThatFail(t *testing.T) {
	good := Case{Name: "echo", Scenario: &Echo{}, Options: Options{Conns: 2, Duration: 20 * time.Millisecond, Warmup: -1}}
	for _, tc := range []struct {
		name  string
		c     Matrix
		usage bool
		want  string
	}{
		{"refuses to start", Matrix{Servers: []ServerSpec{childSpec("a", "serves"), childSpec("b", "refuses to start")}, Cases: []Case{good}}, false, "exit status 3; it said:\n  address already in use"},
		{"no such file", Matrix{Servers: []ServerSpec{{Name: "a", Command: []string{"/does/not/exist"}}}, Cases: []Case{good}}, false, "no such file"},
		{"no command", Matrix{Servers: []ServerSpec{{Name: "a"}}, Cases: []Case{good}}, true, "no command"},
		{"no servers", Matrix{Cases: []Case{good}}, true, "0 servers"},
		{"no cases", Matrix{Servers: []ServerSpec{childSpec("a", "serves")}}, true, "0 cases"},
		{"same name", Matrix{Servers: []ServerSpec{childSpec("a", "serves"), childSpec("a", "serves")}, Cases: []Case{good}}, true, `"a"`},
		{"baseline", Matrix{Servers: []ServerSpec{childSpec("a", "serves")}, Cases: []Case{good}, Baseline: "b"}, true, "baseline"},
		{"rounds", Matrix{Servers: []ServerSpec{childSpec("a", "serves")}, Cases: []Case{good}, Rounds: -1}, true, "rounds"},
		{"only", Matrix{Servers: []ServerSpec{childSpec("a", "serves")}, Cases: []Case{{Name: "x", Scenario: &Echo{}, Only: []string{"b"}}}}, true, `"b"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := tc.c.Run(context.Background())
			if err == nil || errors.Is(err, ErrUsage) != tc.usage || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v; want …%s…, usage %v", err, tc.want, tc.usage)
			}
		})
	}
}

// TestMatrixServerDies: a server that dies in a run costs that run only.
func TestMatrixServerDies(t *testing.T) {
	runs, killed := 0, false
	var victim int
	o := until(Options{Conns: 2, Warmup: -1, Drain: 200 * time.Millisecond}, func(_ *run, p Progress) bool {
		if runs > 1 {
			return p.Operations > 0
		}
		if p.Operations > 0 && !killed {
			killed = true
			if process, err := os.FindProcess(victim); err != nil || process.Kill() != nil {
				t.Errorf("cannot kill %d", victim)
			}
		}
		return killed && p.Conns == 0
	})
	scenario := &spy{Scenario: &Echo{}, seen: func(o Options) { runs, victim = runs+1, o.PID }}
	c := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves")},
		Cases:   []Case{{Name: "echo", Scenario: scenario, Options: o}},
		Rounds:  2, Pause: time.Millisecond,
	}
	res, err := c.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	s := res.Cases[0].Servers[0]
	if len(s.Runs) != 1 || len(s.Failed) != 1 || !strings.Contains(s.Failed[0], "killed") {
		t.Errorf("%d runs, failed %v", len(s.Runs), s.Failed)
	}
	if res.ErrorTotal() == 0 {
		t.Error("a failed run is no error")
	}
}

// spy looks at the options of a scenario's runs.
type spy struct {
	Scenario
	seen func(o Options)
}

func (s *spy) Run(ctx context.Context, o Options) (*Result, error) {
	s.seen(o)
	return s.Scenario.Run(ctx, o)
}

func TestMatrixInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := Options{Conns: 2, Duration: 50 * time.Millisecond, Warmup: -1}
	c := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves")},
		Cases:   []Case{{Name: "a", Scenario: &Echo{}, Options: o}, {Name: "b", Scenario: &Echo{}, Options: o}},
		Rounds:  3, Pause: time.Millisecond,
		Progress: func(p MatrixProgress) {
			if p.Round == 2 {
				cancel()
			}
		},
	}
	res, err := c.Run(ctx)
	if err != nil || !res.Interrupted || len(res.Cases) != 2 || len(res.Cases[0].Servers[0].Runs) != 1 {
		t.Errorf("%v, %+v", err, res)
	}
}

// TestChildEnds: a child is gone after stop, and its numbers are its own.
func TestChildEnds(t *testing.T) {
	c, err := startChild(context.Background(), childSpec("one", "serves"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.url, "http://127.0.0.1:") || c.stats != "http://127.0.0.1:1/stats" {
		t.Errorf("url %q, stats %q", c.url, c.stats)
	}
	c.stop()
	if c.end != nil {
		t.Errorf("ended with %v", c.end)
	}
	c.stop() // does nothing
}

func TestTail(t *testing.T) {
	var s tail
	for i := range 1000 {
		fmt.Fprintf(&s, "line %d\n", i)
	}
	if q := s.quote(); !strings.HasSuffix(q, "line 999") || len(q) > 2*tailSize {
		t.Errorf("%d bytes, ending %q", len(q), q[len(q)-20:])
	}
}

// TestEvaluate checks medians and ratios on made-up runs, one of which failed.
func TestEvaluate(t *testing.T) {
	run := func(v float64) *Result { return &Result{Metrics: []Metric{{Name: "cost", Unit: "us", Value: v}}} }
	cr := &CaseResult{Servers: []ServerResult{
		{Name: "a", Runs: []*Result{run(10), run(12), run(20), run(8)}},
		{Name: "b", Runs: []*Result{run(20), run(30), run(24)}, Rounds: []int{0, 2, 3}},
	}}
	cr.evaluate("b")
	a, b := cr.Servers[0].Figures[0], cr.Servers[1].Figures[0]
	if a.Spread != (Spread{11, 8, 20, 4}) || b.Spread != (Spread{24, 20, 30, 3}) {
		t.Errorf("a %+v, b %+v", a.Spread, b.Spread)
	}
	if *b.ToFirst != (Spread{2, 1.5, 3, 3}) || a.ToFirst != nil || b.ToBaseline != nil || a.ToBaseline.N != 3 {
		t.Errorf("ratios %+v, %+v", *b.ToFirst, *a.ToBaseline)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.00", 1.234: "1.23", 9.999: "10.00", 12.34: "12.3", 123.4: "123", 12345: "12,345", 1234567: "1,234,567", -1234: "-1,234", -0.5: "-0.50", 999: "999",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

// TestMarkdownOfNothing: a result without runs is written, too.
func TestMarkdownOfNothing(t *testing.T) {
	r := MatrixResult{Cases: []CaseResult{{Name: "x", Servers: []ServerResult{{Name: "a", Failed: []string{"no\nluck"}}}}}, Interrupted: true}
	var page strings.Builder
	if err := r.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), "No figures.") || !strings.Contains(page.String(), "a run failed: no luck") || !strings.Contains(page.String(), "Interrupted") {
		t.Error(page.String())
	}
	if err := r.WriteMarkdown(failing{}); err == nil {
		t.Error("an error of the writer is lost")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
