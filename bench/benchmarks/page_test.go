package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

const root = "../.."

// TestPageFollows: BENCHMARKS.md and its charts are what the results in the
// repository and the template make, and nothing else stands beside them.
func TestPageFollows(t *testing.T) {
	p, err := load(filepath.Join(root, resultsDir), filepath.Join(root, plansDir))
	if err != nil {
		t.Fatal(err)
	}
	files, err := p.files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s does not follow from %s (%v): go run ./bench/benchmarks", name, resultsDir, err)
		}
	}
	charts, err := filepath.Glob(filepath.Join(root, chartsDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range charts {
		if files[chartsDir+"/"+filepath.Base(name)] == nil {
			t.Errorf("%s is of no use", name)
		}
	}
	for _, why := range p.unexplained() {
		t.Errorf("missed, and the template does not say why: %s", why)
	}
	for _, g := range p.goals {
		if o := p.judge(g); o.why != "" {
			t.Errorf("goal %s is not measured: %s", g.ID, o.why)
		}
	}
	for _, name := range p.missing() {
		t.Errorf("suite %s is not measured: scripts/bench.sh, make scale", name)
	}
}

// TestPlansHaveTheGoals: what make bench runs has the case and the servers of each
// goal, with five rounds where the figure is one of time.
func TestPlansHaveTheGoals(t *testing.T) {
	p := &page{}
	if err := p.readGoals(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, g := range p.goals {
		if seen[g.ID] || g.ID == "" || g.Must == 0 && g.Wants == 0 && g.Aim == "" {
			t.Errorf("goal %q: the id must be there and once, and an aim", g.ID)
		}
		seen[g.ID] = true
		if g.Unjudged != "" || g.Suite == scaleSuite { // no matrix has it
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, "bench/peers", g.Suite+".json"))
		if err != nil {
			t.Error(err)
			continue
		}
		var plan struct {
			Servers []bench.ServerSpec
			Cases   []struct {
				Name   string
				Only   []string
				Rounds int
			}
			Rounds int
		}
		if err := json.Unmarshal(text, &plan); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{g.Case, g.Over} {
			found := name == ""
			for _, c := range plan.Cases {
				if c.Name != name {
					continue
				}
				found = true
				servers := strings.Join(c.Only, ", ")
				if len(c.Only) == 0 {
					for _, s := range plan.Servers {
						servers += ", " + s.Name
					}
				}
				for _, s := range []string{g.Server, g.To} {
					if s != "" && !strings.Contains(", "+servers+", ", ", "+s+", ") {
						t.Errorf("goal %s: %s does not run %q", g.ID, s, name)
					}
				}
				if c.Rounds == 0 {
					c.Rounds = plan.Rounds
				}
				if strings.Contains(g.Metric, "CPU") && c.Rounds < 5 {
					t.Errorf("goal %s: %d rounds of %q", g.ID, c.Rounds, name)
				}
			}
			if !found {
				t.Errorf("goal %s: no case %q in %s", g.ID, name, g.Suite)
			}
		}
	}
}

// made is a page of made-up results: cost of sio and of others by round.
func made(cost map[string]map[string][]float64) *page {
	r := &bench.MatrixResult{Baseline: "node"}
	for _, name := range []string{"small", "big"} {
		c := bench.CaseResult{Name: name}
		for _, server := range []string{"bare gnet", "sio", "node"} {
			s := bench.ServerResult{Name: server}
			for i, v := range cost[name][server] {
				s.Runs = append(s.Runs, &bench.Result{
					Operation: "echo",
					Metrics:   []bench.Metric{{Name: "cost", Unit: "us", Value: v}, {Name: "rate", Unit: "1/s", Value: 1000 / v, Higher: true}},
					Latencies: []bench.Latency{{Name: "echo", P99: v, Histogram: "h", Curve: []bench.Point{{Quantile: 0.5, Micros: v}}}, {Name: "lag", Curve: []bench.Point{{}}}},
				})
				s.Rounds = append(s.Rounds, i)
			}
			c.Servers = append(c.Servers, s)
		}
		r.Cases = append(r.Cases, c)
		r.Servers = []bench.ServerSpec{{Name: "bare gnet"}, {Name: "sio"}, {Name: "node"}}
	}
	r.Evaluate()
	return &page{suites: map[string]*bench.MatrixResult{"s": r}, order: []string{"s"}}
}

func TestJudge(t *testing.T) {
	p := made(map[string]map[string][]float64{
		"small": {"bare gnet": {10, 10, 20}, "sio": {11, 12, 26}, "node": {30, 10, 60}},
		"big":   {"bare gnet": {12, 11, 22}, "sio": {15.4, 12, 39}, "node": nil},
	})
	for _, tc := range []struct {
		name string
		goal goal
		want string // the judged median and the word
	}{
		{"a figure", goal{Case: "small", Server: "sio", Must: 12}, "12.00 met (not in every round)"},
		{"a figure, wanted", goal{Case: "small", Server: "sio", Must: 30, Wants: 26}, "12.00 met, and what is wanted"},
		{"a ratio", goal{Case: "small", Server: "sio", To: "bare gnet", Must: 1.1, Wants: 1}, "1.20 **missed** (met in some rounds)"},
		{"a ratio, far", goal{Case: "small", Server: "sio", To: "bare gnet", Must: 1.05}, "1.20 **missed**"},
		{"only wanted", goal{Case: "small", Server: "sio", To: "bare gnet", Wants: 1.2}, "1.20 as wanted"},
		{"only wanted, missed", goal{Case: "small", Server: "sio", To: "bare gnet", Wants: 1.1}, "1.20 wanted, missed"},
		{"growth", goal{Case: "big", Over: "small", Server: "sio", Must: 2}, "1.40 met"},
		{"growth against another's", goal{Case: "big", Over: "small", Server: "sio", To: "bare gnet", Must: 1.5}, "1.17 met"},
		{"no case", goal{Case: "none", Server: "sio", Must: 1}, `0.00 not measured: s: no case "none"`},
		{"no server", goal{Case: "small", Server: "x", Must: 1}, "0.00 not measured: x has no cost"},
		{"nobody to compare with", goal{Case: "big", Server: "sio", To: "node", Must: 1}, "0.00 not measured: node was not there to compare with"},
	} {
		tc.goal.Suite, tc.goal.Metric = "s", "cost"
		o := p.judge(tc.goal)
		if got := fmt.Sprintf("%.2f %s", o.judged.Median, o.word()); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestAsGood(t *testing.T) {
	p := made(map[string]map[string][]float64{
		"small": {"bare gnet": {10, 10, 20}, "sio": {11, 12, 26}, "node": {30, 10, 60}},
		"big":   {"bare gnet": {12, 11, 22}, "sio": {11, 10, 21}, "node": {10, 11, 20}},
	})
	want := `| case | metric | server | sio to it |
|---|---|---|---|
| small | cost | node | 0.43 (0.37–1.20): within the spread |
| small | rate | node | 2.31 (0.83–2.73): within the spread |
| big | cost | node | 1.05 (0.91–1.10): it is better in the median |
| big | rate | node | 0.95 (0.91–1.10): it is better in the median |`
	if got := p.AsGood("sio"); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := p.Ceilings("sio"); !strings.HasSuffix(got, "|---|---|---|---|\n| small | cost | bare gnet | 1.20 (1.10–1.30): it is better |") {
		t.Errorf("got\n%s", got)
	}
	p.suites["s"].Cases[1].Server("sio").Runs[0].Parameters = map[string]any{"rate": 5}
	if got := p.AsGood("sio"); strings.Contains(got, "| big | rate") {
		t.Error("a rate that was given is compared")
	}
	if got := p.AsGood("nobody"); got != "None in these results." {
		t.Error(got)
	}
}

// TestTake: results are made small, and those of a matrix that was cut off are not
// taken.
func TestTake(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	r := made(map[string]map[string][]float64{"small": {"sio": {3, 1, 2}}}).suites["s"]
	r.Cases[0].Name = latencyCase
	r.Absent = []bench.Absent{{Name: "gone", Why: "exit status 1; it said:\n  not installed\n  at /somewhere/peers/gone.js:67:22"}}
	write := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, "s.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(r)
	if err := takeResults([]string{filepath.Join(from, "s.json")}, to); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(to, "s.json"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n{\"scenario\"")); n != 3 || bytes.Contains(text, []byte(`"histogram"`)) || bytes.Count(text, []byte(`"curve"`)) != 1 {
		t.Errorf("%d runs have a line\n%s", n, text)
	}
	if !bytes.Contains(text, []byte(`"why":"exit status 1; it said: not installed"`)) {
		t.Errorf("what an absent server said is kept otherwise:\n%s", text)
	}
	p, err := load(to, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := p.suites["s"].Cases[0].Server("sio")
	if s.Figure("cost").Spread != (bench.Spread{Median: 2, Min: 1, Max: 3, N: 3}) || s.Runs[2].Latency("echo").Curve == nil {
		t.Errorf("%+v: the curve is not that of the median run, or figures are wrong", s)
	}
	if len(p.charts()) != 0 {
		t.Error("charts of a suite that has none")
	}
	r.Interrupted = true
	write(r)
	if err := takeResults([]string{filepath.Join(from, "s.json")}, to); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Error(err)
	}
	write(bench.Result{})
	if err := takeResults([]string{filepath.Join(from, "s.json")}, to); err == nil || !strings.Contains(err.Error(), "not of a matrix") {
		t.Error(err)
	}
	if _, err := load(t.TempDir(), t.TempDir()); err == nil {
		t.Error("a page of no results")
	}
}

func TestErrors(t *testing.T) {
	p := made(map[string]map[string][]float64{"small": {"sio": {3}, "node": {4, 5}}})
	servers := p.suites["s"].Cases[0]
	if got := p.Errors(); got != "there was no error in 3 runs" {
		t.Error(got)
	}
	servers.Server("node").Runs[0].Errors = map[string]bench.ErrorCount{"lost": {Count: 12345}}
	if got := p.Errors(); !strings.HasPrefix(got, "in 3 runs there was no error of sio, and 12,345 of others") {
		t.Error(got)
	}
	servers.Server("sio").Failed = []string{"died"}
	if got := p.Errors(); !strings.HasPrefix(got, "**in 3 runs there were 1 errors of sio**") {
		t.Error(got)
	}
	servers.Server("sio").Failed = nil
	p.suites["s"].Servers[2].Tolerated = map[string]string{"lost": "it is known"}
	if got := p.Errors(); !strings.HasPrefix(got, "there was no error in 3 runs, but for 12,345 of kinds that are known of others'") {
		t.Error(got)
	}
}

// TestMissedIsExplained: a missed must without a reason says so.
func TestMissedIsExplained(t *testing.T) {
	p := made(map[string]map[string][]float64{"small": {"sio": {3}}})
	p.goals = []goal{
		{ID: "nobody knows", Measure: "one", Suite: "s", Case: "small", Metric: "cost", Server: "sio", Must: 1},
		{ID: "ack-serial", Measure: "two", Suite: "s", Case: "small", Metric: "cost", Server: "sio", Must: 1},
		{ID: "met", Measure: "three", Suite: "s", Case: "small", Metric: "cost", Server: "sio", Must: 3},
	}
	text, err := p.Missed()
	if err != nil || !strings.HasPrefix(text, "- **one** (3.00 us, must be 1 us): the reason is not known yet.\n- **two** ") {
		t.Errorf("%v\n%s", err, text)
	}
	if list := p.unexplained(); len(list) != 1 || list[0] != "nobody knows: one" {
		t.Error(list)
	}
	if got, want := p.Met(), "1 of 3 musts are met in the median, and 0 of 0 wants; **not measured** at all: events, memory, heartbeat, cycles, others, scale."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, name := range suites {
		p.suites[name] = p.suites["s"]
	}
	p.scale = &scale{}
	p.goals = append(p.goals, goal{ID: "none", Measure: "four", Unjudged: "nobody counts", Aim: "none"}, goal{ID: "open", Suite: scaleSuite, Metric: "x", Over: "y", Must: 1})
	if got, want := p.Met(), "1 of 3 musts are met in the median, and 0 of 0 wants; of 1 goals no result can tell, see there; 1 goals were not measured."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	table, err := p.Goals()
	for _, part := range []string{"\n| four | – | – | none |  | not judged by this page: nobody counts |", `not measured: scale has no "x" |`} {
		if err != nil || !strings.Contains(table, part) {
			t.Errorf("%v, no %q in\n%s", err, part, table)
		}
	}
}
