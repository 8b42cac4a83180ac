package selfcheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/benchtest"
)

// TestSelfCheck: every fault is caught in every scenario that can see it, under
// its name and as often as it was planted, wherever the seed puts it; and without
// a fault nothing is counted.
func TestSelfCheck(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			o := Options{Seed: seed, Parallel: 8}
			if seed > 0 { // more faults make the same checks shorter
				o.Every = 40
			}
			findings, err := Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Problem != "" {
					t.Errorf("%s, fault %q: %s", f.Case, f.Fault, f.Problem)
				}
				for _, why := range f.Again {
					t.Logf("%s, fault %q: made again: %s", f.Case, f.Fault, why)
				}
			}
			if want := len(Cases()) * (1 + len(benchtest.Kinds)); len(findings) != want {
				t.Errorf("%d findings, want %d", len(findings), want)
			}
		})
	}
}

// TestNoFalseAlarm: many clean runs count nothing, each of them: none is made again for
// what it has counted.
func TestNoFalseAlarm(t *testing.T) {
	for range 3 {
		findings, err := Run(context.Background(), Options{Kinds: []benchtest.Kind{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Problem != "" || f.Planted != 0 || len(f.Errors) > 0 {
				t.Errorf("%s: %+v", f.Case, f)
			}
			for _, why := range f.Again {
				if why != "nothing was done" {
					t.Errorf("%s: made again: %s", f.Case, why)
				}
			}
		}
	}
}

// blind is a scenario whose checks have been lost.
type blind struct{ bench.Scenario }

func (b blind) Run(ctx context.Context, o bench.Options) (*bench.Result, error) {
	res, err := b.Scenario.Run(ctx, o)
	if err == nil {
		res.Errors = nil
	}
	return res, err
}

// TestBlindIsFound: the check fails where the generator sees nothing.
func TestBlindIsFound(t *testing.T) {
	findings, err := Run(context.Background(), Options{
		Cases: []Case{{Name: "blind", Scenario: blind{&bench.Echo{Depth: 4}}}}, Kinds: []benchtest.Kind{benchtest.Doubled}, Every: 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	if clean := findings[0]; clean.Problem != "" {
		t.Errorf("without a fault: %s", clean.Problem)
	}
	f := findings[1]
	if !strings.Contains(f.Problem, `counted as "duplicated"`) || f.Planted == 0 {
		t.Errorf("with one: %+v", f)
	}
	for _, why := range f.Again {
		if !strings.HasPrefix(why, "only 0 faults") {
			t.Errorf("a fault that was missed is tried again: %s", why)
		}
	}
}

// scripted is a scenario that does nothing, and says of its runs, one after another, what
// is given; of further ones the last.
type scripted struct {
	results []bench.Result
	runs    []bench.Options
}

func (*scripted) Name() string { return "scripted" }

func (s *scripted) Run(_ context.Context, o bench.Options) (*bench.Result, error) {
	res := s.results[min(len(s.runs), len(s.results)-1)]
	s.runs = append(s.runs, o)
	return &res, nil
}

// TestAgain: what a run is made again for, and what not.
func TestAgain(t *testing.T) {
	late, onTime := &bench.Health{Verdict: "busy", LagP99: 1e6}, &bench.Health{Verdict: "ok", LagP99: 100}
	busy := &bench.Health{Verdict: "busy", LagP99: 100} // by its own work
	counted := func(h *bench.Health, names ...string) bench.Result {
		res := bench.Result{Operations: 1, Generator: h, Errors: map[string]bench.ErrorCount{}}
		for _, name := range names {
			res.Errors[name] = bench.ErrorCount{Count: 1, Example: "…"}
		}
		return res
	}
	nothing := counted(onTime)
	nothing.Operations = 0
	for _, tc := range []struct {
		name    string
		kind    benchtest.Kind
		results []bench.Result
		again   string // of the first run, if it is made again
		runs    int
		problem string
	}{
		{"clean", "", []bench.Result{counted(late)}, "", 1, ""},
		{"nothing was done at first", "", []bench.Result{nothing, counted(onTime)}, "nothing was done", 2, ""},
		{"false alarm", "", []bench.Result{counted(onTime, bench.Lost), counted(onTime)}, "", 1, "1 × lost"},
		{"false alarm on a late machine", "", []bench.Result{counted(late, bench.Lost), counted(onTime)}, "", 1, "1 × lost"},
		{"nothing planted, ever", benchtest.Lost, []bench.Result{counted(onTime)}, "only 0 faults came up, of at least 1", 7, "only 0"},
		{"surplus on a late machine", benchtest.Lost, []bench.Result{counted(late, bench.Lost), counted(onTime, bench.Corrupt)}, "the machine was 1s late", 2, "1 × corrupt"},
		{"surplus on a machine that is always late", benchtest.Lost, []bench.Result{counted(late, bench.Lost)}, "the machine was 1s late", 3, "1 were counted"},
		{"surplus", benchtest.Lost, []bench.Result{counted(onTime, bench.Lost), counted(onTime)}, "", 1, "1 were counted"},
		{"surplus of a busy generator", benchtest.Lost, []bench.Result{counted(busy, bench.Lost), counted(onTime)}, "", 1, "1 were counted"},
		{"surplus without a verdict", benchtest.Lost, []bench.Result{counted(nil, bench.Lost), counted(onTime)}, "", 1, "1 were counted"},
		{"lost where nothing is", benchtest.Doubled, []bench.Result{counted(late, bench.Lost), counted(onTime)}, "", 1, "1 × lost"},
		{"more than a surplus", benchtest.Lost, []bench.Result{counted(late, bench.Lost, bench.Duplicated), counted(onTime)}, "", 1, "1 × duplicated"},
		{"corrupted, and more lost", benchtest.Corrupted, []bench.Result{counted(late, bench.Lost), counted(onTime, bench.Duplicated)}, "the machine was", 2, "1 × duplicated"},
		{"corrupted, not planted", benchtest.Corrupted, []bench.Result{counted(late, bench.Lost, bench.Corrupt), counted(onTime)}, "", 1, "1 were counted"},
	} {
		s := &scripted{results: tc.results}
		f := check(context.Background(), &Options{}, &Case{Name: "x", Scenario: s}, tc.kind)
		if len(s.runs) != tc.runs || f.Attempts != tc.runs || len(f.Again) != tc.runs-1 || (f.Problem == "") != (tc.problem == "") || !strings.Contains(f.Problem, tc.problem) {
			t.Errorf("%s: %d runs, %+v", tc.name, len(s.runs), f)
			continue
		}
		if tc.runs > 1 && !strings.Contains(f.Again[0], tc.again) {
			t.Errorf("%s: again because %q", tc.name, f.Again[0])
		}
		for i := 1; i < len(s.runs); i++ { // a run that is made again is longer, or waits longer at its end
			before, now := s.runs[i-1], s.runs[i]
			if strings.Contains(f.Again[i-1], "late") != (now.Drain == 2*before.Drain) || strings.Contains(f.Again[i-1], "late") == (now.Duration == 2*before.Duration) {
				t.Errorf("%s: run %d: %v and %v, before %v and %v", tc.name, i, now.Duration, now.Drain, before.Duration, before.Drain)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	errs := func(n uint64, names ...string) map[string]bench.ErrorCount {
		m := map[string]bench.ErrorCount{}
		for _, name := range names {
			m[name] = bench.ErrorCount{Count: n, Example: "…"}
		}
		return m
	}
	for _, tc := range []struct {
		name    string
		finding Finding
		want    string // in the problem; empty: none
	}{
		{"clean", Finding{Operations: 1}, ""},
		{"nothing done", Finding{}, "nothing was done"},
		{"false alarm", Finding{Operations: 1, Errors: errs(1, bench.Lost)}, "1 × lost"},
		{"caught", Finding{Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(5, bench.Lost)}, ""},
		{"missed", Finding{Fault: benchtest.Lost, Operations: 1, Planted: 5}, "none of 5"},
		{"one missed", Finding{Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(4, bench.Lost)}, "4 were counted"},
		{"wrong name", Finding{Fault: benchtest.Swapped, Operations: 1, Planted: 5, Errors: errs(5, bench.Lost)}, "5 × lost"},
		{"corrupted and so lost", Finding{Fault: benchtest.Corrupted, Operations: 1, Planted: 5, Errors: errs(5, bench.Lost, bench.Corrupt)}, ""},
		{"last one unheard", Finding{Fault: benchtest.Doubled, Operations: 1, Planted: 5, Errors: errs(4, bench.Duplicated)}, ""},
		{"one too many", Finding{Fault: benchtest.Doubled, Operations: 1, Planted: 5, Errors: errs(6, bench.Duplicated)}, "6 were counted"},
		{"late, and those behind", Finding{Fault: benchtest.Late, Operations: 1, Planted: 5, Errors: errs(9, bench.Late)}, ""},
		{"too few late", Finding{Fault: benchtest.Late, Operations: 1, Planted: 5, Errors: errs(4, bench.Late)}, "4 were counted"},
		{"some caught", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 19, Errors: errs(10, bench.Lost)}, ""},
		{"some corrupted and fewer lost", Finding{Case: "some", Fault: benchtest.Corrupted, Operations: 1, Planted: 15, Errors: map[string]bench.ErrorCount{bench.Corrupt: {Count: 15}, bench.Lost: {Count: 14}}}, ""},
		{"too few of some", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 19, Errors: errs(9, bench.Lost)}, "9 were counted"},
		{"too few of some to tell", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 11, Errors: errs(11, bench.Lost)}, "only 11 faults came up, of at least 12"},
		{"more than some, though too few to tell", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(6, bench.Lost)}, "6 were counted"},
		{"not planted, though too few to tell", Finding{Fault: benchtest.Swapped, Operations: 1, Errors: errs(1, bench.Reordered)}, "1 were counted"},
		{"also", Finding{Case: "some", Fault: benchtest.Swapped, Operations: 1, Planted: 5, Errors: errs(5, bench.Reordered, bench.NotMember)}, ""},
		{"also, but of another", Finding{Case: "some", Fault: benchtest.Corrupted, Operations: 1, Planted: 5, Errors: errs(5, bench.Corrupt, bench.NotMember)}, "5 × delivered after leave"},
		{"more than was planted", Finding{Case: "some", Fault: benchtest.Swapped, Operations: 1, Planted: 5, Errors: map[string]bench.ErrorCount{bench.Reordered: {Count: 5}, bench.NotMember: {Count: 6}}}, "6 × delivered after leave"},
		{"also, but not planted", Finding{Case: "some", Operations: 1, Errors: errs(1, bench.NotMember)}, "1 × delivered after leave"},
		{"too little traffic", Finding{Fault: benchtest.Late, Operations: 1, Planted: 0, Errors: errs(2, bench.Late)}, "only 0"},
	} {
		f := tc.finding
		c := &Case{}
		if f.Case == "some" {
			c = &Case{Some: except("…", benchtest.Lost, benchtest.Corrupted), Also: also([]string{bench.NotMember}, benchtest.Swapped)}
		}
		if f.judge(c); (f.Problem == "") != (tc.want == "") || !strings.Contains(f.Problem, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, f.Problem, tc.want)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

// TestExcept: what a case cannot see is told, not tried.
func TestExcept(t *testing.T) {
	findings, err := Run(context.Background(), Options{
		Cases: []Case{{Name: "x", Scenario: &bench.Echo{}, Except: map[benchtest.Kind]string{benchtest.Swapped: "one at a time"}}},
		Kinds: []benchtest.Kind{benchtest.Swapped},
	})
	if err != nil || findings[1].Skipped != "one at a time" || findings[1].Problem != "" {
		t.Errorf("%+v, %v", findings, err)
	}
}
