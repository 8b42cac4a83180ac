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
			}
			if want := len(Cases()) * (1 + len(benchtest.Kinds)); len(findings) != want {
				t.Errorf("%d findings, want %d", len(findings), want)
			}
		})
	}
}

// TestNoFalseAlarm: many clean runs count nothing.
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
	if f := findings[1]; !strings.Contains(f.Problem, `counted as "duplicated"`) || f.Planted == 0 {
		t.Errorf("with one: %+v", f)
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
		{"some caught", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(3, bench.Lost)}, ""},
		{"some corrupted and fewer lost", Finding{Case: "some", Fault: benchtest.Corrupted, Operations: 1, Planted: 5, Errors: map[string]bench.ErrorCount{bench.Corrupt: {Count: 5}, bench.Lost: {Count: 4}}}, ""},
		{"too few of some", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(2, bench.Lost)}, "2 were counted"},
		{"more than some", Finding{Case: "some", Fault: benchtest.Lost, Operations: 1, Planted: 5, Errors: errs(6, bench.Lost)}, "6 were counted"},
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
