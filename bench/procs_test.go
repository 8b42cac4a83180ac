package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// workerEnv makes the test binary a process of a team. Its value says what it is
// to do.
const workerEnv = "SIO_BENCH_TEST_WORKER"

// teamCase is what a worker gets on its command line: the place of a scenario in
// teamScenarios, and what its options have beyond those of brief.
type teamCase struct {
	Place       int
	URL         string
	Conns       int
	Concurrency int
	Duration    time.Duration
	Query       map[string]string
}

// teamScenarios are those that the tests spread.
var teamScenarios = []Scenario{
	&Echo{}, &Echo{Kind: Ack, Rate: 300}, &Connect{Hold: true}, &Connect{}, &Idle{Steps: []int{5, 11}, Settle: 100 * time.Millisecond}, &Rooms{Rooms: 5},
	&FanIn{Collectors: 4}, &FanIn{Collectors: 3, Rate: 300},
	&Storm{}, &Storm{Rate: 300}, &Storm{Reconnect: true, AtOnce: true, Cut: 0.5}, &Namespaces{Count: 3}, &Big{Sizes: []int{64, 4096}},
	&Upgrade{}, teamScript(),
}

// teamScript is a file of two kinds of clients that are as many.
func teamScript() *Script {
	s, err := ParseScript("team.yaml", []byte(`
phases:
  - {name: fill, duration: 300ms, connections: 13, warmup: true}
  - {name: talk, duration: 1000ms}
clients:
  - {name: one, flow: [{echo: 64, as: first}, {think: 5ms}]}
  - {name: two, flow: [{echo: 64, as: second}, {think: 5ms}]}
`))
	if err != nil {
		panic(err)
	}
	return s
}

// beWorker is main of the processes.
func beWorker(how string) int {
	switch how {
	case "die at once":
		fmt.Fprintln(os.Stderr, "out of luck")
		return 7
	case "another version":
		fmt.Println(`{"type":"hello","version":99}`)
		io.Copy(io.Discard, os.Stdin)
		return 0
	case "nonsense":
		fmt.Println("hello?")
		io.Copy(io.Discard, os.Stdin)
		return 0
	}
	var c teamCase
	if err := json.Unmarshal([]byte(os.Args[1]), &c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if how == "die later" {
		time.AfterFunc(700*time.Millisecond, func() { // in the middle of the window
			fmt.Fprintln(os.Stderr, "killed in action")
			os.Exit(9)
		})
	}
	o := brief(c.URL)
	o.Conns, o.Concurrency, o.Duration, o.Query = c.Conns, c.Concurrency, c.Duration, c.Query
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out io.Writer = os.Stdout
	switch how {
	case "interrupted":
		out = &interruptor{cancel: cancel}
	case "interrupted at once":
		cancel()
	}
	if err := Work(ctx, teamScenarios[c.Place], o, os.Stdin, out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// interruptor is a worker's standard output. The worker is interrupted when it has told of
// operations for the third time, and so is in the middle of the run, as the others are.
type interruptor struct {
	cancel func()
	told   int
}

func (i *interruptor) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(`"progress"`)) && !bytes.Contains(b, []byte(`"operations":0,`)) {
		if i.told++; i.told == 3 {
			i.cancel()
		}
	}
	return os.Stdout.Write(b)
}

// divided is teamScenarios[place] in n processes. It fails the test if one of them
// is left behind.
func divided(t *testing.T, place, n int, how string, o Options) *Procs {
	t.Helper()
	text, err := json.Marshal(teamCase{place, o.URL, o.Conns, o.Concurrency, o.Duration, o.Query})
	if err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	t.Cleanup(func() {
		for _, cmd := range all {
			if cmd.ProcessState == nil {
				t.Errorf("process %d was not waited for", cmd.Process.Pid)
			}
		}
	})
	return &Procs{Scenario: teamScenarios[place], N: n, Command: func(i int) *exec.Cmd {
		cmd := exec.Command(os.Args[0], string(text))
		cmd.Env = append(os.Environ(), workerEnv+"="+how)
		all = append(all, cmd)
		return cmd
	}}
}

// TestProcs: several processes do what one does: all connections are there, all
// counts are in the latencies and in the seconds, nothing is wrong.
func TestProcs(t *testing.T) {
	s := startServer(t, nil)
	for place, scenario := range teamScenarios {
		t.Run(scenario.Name(), func(t *testing.T) {
			o := brief(s.URL)
			o.Conns, o.Duration, o.Concurrency = 13, 1300*time.Millisecond, 9
			p := divided(t, place, 3, "work", o)
			most, told := 0, 0
			o.Progress = func(p Progress) {
				if most = max(most, p.Conns); p.Phase == "measure" {
					told++
				}
			}
			res := runScenario(t, p, o)
			if idle, ok := scenario.(*Idle); ok {
				if len(res.Errors) > 0 || res.Parameters["processes"] != 3 {
					t.Errorf("%v %v", res.Errors, res.Parameters)
				}
				text, _ := json.Marshal(res.Parameters["steps"])
				if want := fmt.Sprint(idle.Steps[1]); !strings.Contains(string(text), `"connections":`+want) {
					t.Errorf("steps %s", text)
				}
				return
			}
			clean(t, res)
			if res.Parameters["processes"] != 3 {
				t.Errorf("parameters %v", res.Parameters)
			}
			if n, ok := res.Parameters["connections"]; ok && n != 13 {
				t.Errorf("%v connections", n)
			}
			rate, collectors := 0.0, 0
			switch s := scenario.(type) {
			case *Echo:
				rate = s.Rate
			case *FanIn:
				rate, collectors = s.Rate, s.Collectors
				if res.Parameters["collectors"] != s.Collectors {
					t.Errorf("%v collectors", res.Parameters["collectors"])
				}
			}
			paced := rate > 0
			if paced && res.Parameters["rate"] != rate {
				t.Errorf("rate %v of %v", res.Parameters["rate"], rate)
			}
			// In an open loop the latency is of what was due in the window, not answered.
			l := res.Main()
			if _, ok := scenario.(*Upgrade); ok { // the first is of the connects
				under := latencies(res)["upgrade under traffic"]
				l = &under
			}
			if l == nil || l.Count == 0 || l.Count != res.Operations && !paced {
				t.Errorf("%d operations, latency %+v", res.Operations, l)
			}
			var operations uint64
			for _, v := range res.Series {
				operations += v.Operations
				if v.Histogram != "" {
					t.Error("a second keeps its histogram though nobody asked")
				}
			}
			if operations == 0 {
				t.Errorf("no operations in %d seconds", len(res.Series))
			}
			if len(res.Generator.Loops) != 3 {
				t.Errorf("%d loops", len(res.Generator.Loops))
			}
			stay := true
			switch s := scenario.(type) {
			case *Connect:
				stay = s.Hold
			case *Upgrade, *Storm:
				stay = false
			}
			// The first time tells of those processes that have spoken by then.
			if want := 13 + collectors; stay && (most > want || told > 1 && most < want) {
				t.Errorf("progress told of %d connections at most", most)
			}
			switch s := scenario.(type) {
			case *Storm:
				stormOfTeam(t, s, res)
			case *Big:
				bigOfTeam(t, s, res)
			case *Script:
				scriptOfTeam(t, res)
			}
			if m, ok := res.Metric(Plural(res.Operation) + " per second"); !ok || m.Value != res.Rate {
				t.Errorf("rate %v, metric %+v", res.Rate, m)
			}
		})
	}
}

// TestProcsFail: a process that does not do its part fails the run with what it
// said, and nothing is left behind.
func TestProcsFail(t *testing.T) {
	s := startServer(t, nil)
	for how, want := range map[string]string{
		"die at once":     "out of luck",
		"die later":       "killed in action",
		"another version": "speaks version 99",
		"nonsense":        "invalid character",
	} {
		o := brief(s.URL)
		o.Duration = time.Minute
		res, err := divided(t, 0, 3, how, o).Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", how, res, err)
		}
	}
}

// TestProcsInterrupted: all processes end early, with the figures so far.
func TestProcsInterrupted(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Duration = time.Hour
	p := divided(t, 0, 2, "work", o)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o.Progress = func(p Progress) {
		if p.Phase == "measure" && p.Operations > 0 && p.Elapsed > 600*time.Millisecond {
			cancel()
		}
	}
	res, err := p.Run(ctx, o)
	if err != nil || !res.Interrupted || res.Operations == 0 || res.Parameters["processes"] != 2 {
		t.Errorf("%v, %+v", err, res)
	}
}

// TestProcsPartInterrupted: when one process is interrupted, all are, and the result
// says so.
func TestProcsPartInterrupted(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Duration = time.Hour
	res, err := divided(t, 0, 3, "interrupted", o).Run(context.Background(), o)
	if err != nil || !res.Interrupted || res.Operations == 0 || res.Elapsed > 60 {
		t.Errorf("%v, %+v", err, res)
	}
	if res, err := divided(t, 0, 3, "interrupted at once", o).Run(context.Background(), o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %+v", err, res)
	}
}

// TestProcsInterruptedAtTheEnd: who waits for the others' results passes on that it
// is interrupted.
func TestProcsInterruptedAtTheEnd(t *testing.T) {
	in, out := io.Pipe()
	w := &teamMate{index: 1, lines: newLines(strings.NewReader(""), out), over: make(chan struct{})}
	l := &leader{workers: []*teamMate{w}}
	go func() {
		defer close(w.over)
		if m, err := newLines(in, io.Discard).read(); err == nil && m.Type == "stop" {
			w.mu.Lock()
			w.result = &Result{Interrupted: true}
			w.mu.Unlock()
		}
	}()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if all, err := l.results(ctx, time.Second); err != nil || len(all) != 1 || !all[0].Interrupted {
		t.Errorf("%v, %v", all, err)
	}
}

// TestProcsWarnings: what processes warn of is said once, with the figures of all.
func TestProcsWarnings(t *testing.T) {
	part := func(operations uint64, cores, send, lag float64, others ...string) *Result {
		h := &Health{Verdict: healthOK, Loops: []LoopHealth{{Cores: cores}}, SendP99: send, LagP99: lag}
		r := &Result{Operation: "echo", Operations: operations, Elapsed: 10, Parameters: map[string]any{"rate": 100.0}, Generator: h}
		r.Warnings = append(others, h.warnings(cores, 1)...)
		r.warnRate(100, operations)
		return r
	}
	r := part(1000, 0.1, 0, 0, "the server is odd")
	if len(r.Warnings) != 1 {
		t.Errorf("of itself: %q", r.Warnings)
	}
	others := []*Result{part(500, 0.9, 9000, 6000, "the server is odd"), part(400, 0.95, 8000, 7000, "a file is missing")}
	if err := r.add(others, false); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the server is odd", "a file is missing",
		"THE GENERATOR WAS THE LIMIT: it took 95 % of a core for one of its loops; throughput and latency are its own, not the server's (try --loops 2, or less load)",
		"THE GENERATOR WAS LATE: 1 % of the messages were sent 9.00 ms or more after they were due",
		"the generator was kept waiting by the machine, 7.00 ms or more in 1 % of its looks: latencies have that in them",
		"the rate was not reached: 190 of 300 per second",
	}
	if got := strings.Join(r.Warnings, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("\n%s", got)
	}
}

func TestProcsUsage(t *testing.T) {
	none := func(int) *exec.Cmd { t.Error("a process is started"); return exec.Command(os.Args[0]) }
	o := Options{URL: "http://127.0.0.1:1", Conns: 2}
	for _, p := range []*Procs{
		{Scenario: &Echo{}, N: 0}, {Scenario: &Echo{}, N: 1000}, {Scenario: &Echo{}, N: 3},
		{Scenario: &Rooms{Rooms: 2}, N: 3}, {Scenario: &Idle{Steps: []int{2, 9}}, N: 3}, {Scenario: &Connect{Cycles: 2}, N: 3},
		{Scenario: &FanIn{}, N: 2}, {Scenario: &Storm{}, N: 3}, {Scenario: &Storm{Reconnect: true, Cut: 0.5}, N: 2}, {Scenario: &Storm{Cut: 2}, N: 2},
		{Scenario: teamScript(), N: 14},
	} {
		p.Command = none
		if _, err := p.Run(context.Background(), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%s in %d: %v", p.Name(), p.N, err)
		}
	}
}

func TestShare(t *testing.T) {
	for whole := range 20 {
		for n := 1; n < 7; n++ {
			sum := 0
			for i := range n {
				s := share(whole, i, n)
				if s < whole/n || s > whole/n+1 {
					t.Errorf("share(%d, %d, %d) = %d", whole, i, n, s)
				}
				sum += s
			}
			if sum != whole {
				t.Errorf("the %d shares of %d are %d", n, whole, sum)
			}
		}
	}
}
