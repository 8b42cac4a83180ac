package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestTurns: every server has every place, and comes behind every other one,
// equally often.
func TestTurns(t *testing.T) {
	for n := 1; n <= 9; n++ {
		rounds := n
		if n%2 == 1 {
			rounds = 2 * n
		}
		places, behind := map[[2]int]int{}, map[[2]int]int{}
		for round := range rounds {
			row := turns(n, round)
			if all := slices.Sorted(slices.Values(row)); len(slices.Compact(all)) != n || all[0] != 0 || all[n-1] != n-1 {
				t.Fatalf("%d servers, round %d: %v", n, round, row)
			}
			for i, s := range row {
				places[[2]int{i, s}]++
				if i > 0 {
					behind[[2]int{row[i-1], s}]++
				}
			}
		}
		for what, m := range map[string]map[[2]int]int{"places": places, "successions": behind} {
			want := rounds / n
			for k, times := range m {
				if times != want {
					t.Errorf("%d servers: %s %v: %d times, want %d", n, what, k, times, want)
				}
			}
		}
		if len(behind) != n*(n-1) {
			t.Errorf("%d servers: %d successions", n, len(behind))
		}
	}
}

// TestMatrixResumed: an interrupted matrix goes on with the first round that is
// not whole, whatever that round has.
func TestMatrixResumed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := Options{Conns: 2, Duration: 20 * time.Millisecond, Warmup: -1}
	m := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves"), childSpec("two", "serves")},
		Cases:   []Case{{Name: "a", Scenario: &Echo{}, Options: o, Line: "echo"}, {Name: "b", Scenario: &Echo{}, Options: o, Rounds: 2}},
		Rounds:  3, Pause: time.Millisecond, Baseline: "two",
	}
	var kept *MatrixResult
	m.Keep = func(r *MatrixResult) error {
		if !r.Interrupted || len(r.Cases) != 2 {
			t.Errorf("kept: interrupted %v, %d cases", r.Interrupted, len(r.Cases))
		}
		copied := *r
		kept = &copied
		return nil
	}
	m.Progress = func(p MatrixProgress) {
		if p.Case == "a" && p.Round == 2 && p.Server == "one" && p.Result == nil {
			cancel() // in the second run of round 2: its first is in the result
		}
	}
	first, err := m.Run(ctx)
	if err != nil || !first.Interrupted || kept == nil {
		t.Fatalf("%v, %+v", err, first)
	}
	if n := len(first.Cases[0].Servers[1].Runs); n != 2 {
		t.Fatalf("%d runs of the second server before the cut", n)
	}

	var again []string
	m.Earlier, m.Keep = first, nil
	m.Progress = func(p MatrixProgress) {
		if p.Result != nil {
			again = append(again, p.Case+string(rune('0'+p.Round))+p.Server)
		}
	}
	plan, total, err := m.Plan()
	if err != nil || len(plan) != 2 || plan[0].Runs != 4 || plan[1].Runs != 2 || plan[1].Rounds != 2 || total <= 0 {
		t.Errorf("plan %+v, %v, %v", plan, total, err)
	}
	second, err := m.Run(context.Background())
	if err != nil || second.Interrupted {
		t.Fatalf("%v, %+v", err, second)
	}
	if got := strings.Join(again, " "); got != "a2two a2one b2two b2one a3one a3two" {
		t.Errorf("made again: %s", got)
	}
	for _, s := range second.Cases[0].Servers {
		if !slices.Equal(s.Rounds, []int{0, 1, 2}) || len(s.Runs) != 3 || s.Figures[0].Spread.N != 3 {
			t.Errorf("%s: rounds %v, %d runs", s.Name, s.Rounds, len(s.Runs))
		}
	}
	if second.Cases[0].Servers[0].Runs[0] != first.Cases[0].Servers[0].Runs[0] || !second.Started.Equal(first.Started) {
		t.Error("the first round was not taken over")
	}

	for what, change := range map[string]func(*MatrixResult){
		"machine": func(r *MatrixResult) { r.Environment.Kernel = "other" },
		"servers": func(r *MatrixResult) { r.Servers = r.Servers[:1] },
		"case":    func(r *MatrixResult) { r.Cases = []CaseResult{{Name: "a", Line: "echo --ack"}} },
	} {
		bad := *first
		change(&bad)
		m.Earlier = &bad
		if _, err := m.Run(context.Background()); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), what) {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// TestMatrixKeepFails: a matrix whose results cannot be kept ends.
func TestMatrixKeepFails(t *testing.T) {
	m := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves")},
		Cases:   []Case{{Name: "a", Scenario: &Echo{}, Options: Options{Conns: 1, Duration: 5 * time.Millisecond, Warmup: -1}}},
		Pause:   time.Millisecond,
		Keep:    func(*MatrixResult) error { return errors.New("disk full") },
	}
	if _, err := m.Run(context.Background()); err == nil || err.Error() != "disk full" {
		t.Error(err)
	}
}

// TestMatrixWithout: an optional server that does not start is left out, and
// named.
func TestMatrixWithout(t *testing.T) {
	gone := ServerSpec{Name: "gone", Command: []string{"/does/not/exist"}, Optional: true}
	m := &Matrix{
		Servers:  []ServerSpec{gone, childSpec("one", "serves")},
		Cases:    []Case{{Name: "a", Scenario: &Echo{}, Options: Options{Conns: 1, Duration: 5 * time.Millisecond, Warmup: -1}}},
		Pause:    time.Millisecond,
		Rounds:   1,
		Baseline: "gone",
	}
	res, err := m.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Absent) != 1 || res.Absent[0].Name != "gone" || len(res.Cases[0].Servers) != 1 || res.ErrorTotal() != 0 {
		t.Errorf("absent %v, servers %+v", res.Absent, res.Cases[0].Servers)
	}
	var page strings.Builder
	if err := res.WriteMarkdown(&page); err != nil || !strings.Contains(page.String(), "\ngone was left out: server \"gone\": ") {
		t.Errorf("%v\n%s", err, page.String())
	}
}

func TestEstimate(t *testing.T) {
	m := &Matrix{Pause: time.Second}
	for _, tc := range []struct {
		name string
		k    Case
		want time.Duration
	}{
		{"by options", Case{Scenario: &Echo{}, Options: Options{Conns: 3000, Duration: 5 * time.Second, Warmup: 2 * time.Second}}, 9 * time.Second},
		{"fresh", Case{Scenario: &Echo{}, Options: Options{Conns: 3000, Duration: 5 * time.Second, Warmup: -1}, Fresh: true}, 7500 * time.Millisecond},
		{"idle", Case{Scenario: &Idle{Steps: []int{1000, 6000}, Window: 30 * time.Second}}, 39 * time.Second},
		{"cycles", Case{Scenario: &Connect{Cycles: 30000}}, 11 * time.Second},
		{"hold", Case{Scenario: &Connect{Hold: true}, Options: Options{Conns: 6000}}, 3 * time.Second},
		{"connect", Case{Scenario: &Connect{}, Options: Options{Duration: 4 * time.Second}}, 6 * time.Second},
		{"wrong options", Case{Scenario: &Echo{}, Options: Options{Conns: -1}}, time.Second},
	} {
		if got := m.estimate(&tc.k); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestRepeat(t *testing.T) {
	figures := func(main Spread, first, base *Spread, rate Spread) []Figure {
		return []Figure{{Metric: "cost", Unit: "us", Spread: main, ToFirst: first, ToBaseline: base}, {Metric: "rate", Unit: "1/s", Spread: rate}}
	}
	result := func(ours []Figure) *MatrixResult {
		return &MatrixResult{Baseline: "node", Cases: []CaseResult{{Name: "echo", Servers: []ServerResult{
			{Name: "gnet", Figures: figures(Spread{10, 9, 11, 5}, nil, &Spread{0.5, 0.5, 0.5, 5}, Spread{7, 7, 7, 1})},
			{Name: "sio", Figures: ours},
		}}}}
	}
	first := result(figures(Spread{20, 18, 22, 5}, &Spread{2, 1.8, 2.2, 5}, &Spread{1, 0.9, 1.1, 5}, Spread{5, 4, 6, 5}))
	first.Cases = append(first.Cases, CaseResult{Name: "gone", Servers: []ServerResult{{Name: "sio", Figures: figures(Spread{}, nil, nil, Spread{})}}})
	second := result(figures(Spread{23, 21, 25, 5}, &Spread{2.5, 2.3, 2.6, 5}, &Spread{1.05, 1, 1.1, 5}, Spread{5, 4, 6, 5}))
	r := Repeat(first, second)
	// gnet: cost, to node; its rate has no spread. sio: cost, to gnet, to node, rate.
	if r.Values != 3 || r.ValuesWithin != 2 || r.Ratios != 3 || r.RatiosWithin != 2 || r.Unjudged != 3 || r.Apart() != 1 {
		t.Errorf("%+v", r)
	}
	var page strings.Builder
	if err := r.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"2 of 3 ratios, 2 of 3 values; 3 figures", "first time: 1.",
		"| echo | sio | cost to gnet | 2.00 (1.80–2.20) | 2.50 (2.30–2.60) | **apart** |\n| echo | sio | cost, us | 20.0 (18.0–22.0) | 23.0 (21.0–25.0) | overlap |",
	} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("no %q in\n%s", part, page.String())
		}
	}
}
