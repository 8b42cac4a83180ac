package bench

import (
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
// teamScenarios, and what its options have
// beyond those of brief.
type teamCase struct {
	Place       int
	URL         string
	Conns       int
	Concurrency int
	Duration    time.Duration
}

// teamScenarios are those that the tests spread.
var teamScenarios = []Scenario{
	&Echo{}, &Echo{Kind: Ack, Rate: 300}, &Connect{Hold: true}, &Connect{}, &Idle{Steps: []int{5, 11}, Settle: 100 * time.Millisecond}, &Rooms{Rooms: 5},
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
	o.Conns, o.Concurrency, o.Duration = c.Conns, c.Concurrency, c.Duration
	if err := Work(context.Background(), teamScenarios[c.Place], o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// divided is teamScenarios[place] in n processes. It fails the test if one of them
// is left behind.
func divided(t *testing.T, place, n int, how string, o Options) *Procs {
	t.Helper()
	text, err := json.Marshal(teamCase{place, o.URL, o.Conns, o.Concurrency, o.Duration})
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
			most := 0
			o.Progress = func(p Progress) { most = max(most, p.Conns) }
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
			e, paced := scenario.(*Echo)
			paced = paced && e.Rate > 0
			if paced && res.Parameters["rate"] != e.Rate {
				t.Errorf("rate %v of %v", res.Parameters["rate"], e.Rate)
			}
			// In an open loop the latency is of what was due in the window, not answered.
			if l := res.Main(); l == nil || l.Count == 0 || l.Count != res.Operations && !paced {
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
			if connect, ok := scenario.(*Connect); (!ok || connect.Hold) && res.Elapsed > 1 && most != 13 {
				t.Errorf("progress told of %d connections at most", most)
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

func TestProcsUsage(t *testing.T) {
	none := func(int) *exec.Cmd { t.Error("a process is started"); return exec.Command(os.Args[0]) }
	o := Options{URL: "http://127.0.0.1:1", Conns: 2}
	for _, p := range []*Procs{
		{Scenario: &Echo{}, N: 0}, {Scenario: &Echo{}, N: 1000}, {Scenario: &Echo{}, N: 3},
		{Scenario: &Rooms{Rooms: 2}, N: 3}, {Scenario: &Idle{Steps: []int{2, 9}}, N: 3}, {Scenario: &Connect{Cycles: 2}, N: 3},
		{Scenario: &FanIn{}, N: 2},
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
