package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// rowsOf are repeats of one scenario with many metrics, each of values(metric).
func rowsOf(n, metrics int, value func(metric int) float64) []any {
	var runs []any
	for range n {
		r := &Result{Scenario: "echo", Parameters: map[string]any{}}
		for k := range metrics {
			r.Metrics = append(r.Metrics, Metric{Name: "figure " + string(rune('A'+k)), Value: value(k)})
		}
		runs = append(runs, r)
	}
	return runs
}

// TestCompareByChance: of many metrics that have not changed hardly any comparison has a
// regression, though a twentieth of the metrics is worse or better by itself; and one that
// has changed is found among them.
func TestCompareByChance(t *testing.T) {
	const rounds, metrics = 200, 40
	random := rand.New(rand.NewPCG(1, 2))
	alike := func(int) float64 { return 100 + random.Float64() }
	failed, seem := 0, 0
	for range rounds {
		c, err := Compare([]*Side{side(t, "a", rowsOf(8, metrics, alike)...), side(t, "b", rowsOf(8, metrics, alike)...)}, CompareOptions{Threshold: 0})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range c.Rows {
			if r.Changes[0].Verdict == Worse {
				seem++
			}
		}
		if c.Regressions > 0 {
			failed++
		}
		if len(c.Notes) > 0 {
			t.Fatal(c.Notes)
		}
	}
	// Two in a hundred or so are worse by chance; without a correction more than half of
	// all rounds would have failed. With it a twentieth may, at the most.
	if seem < rounds*metrics/100 || failed > rounds/20 {
		t.Errorf("%d of %d metrics seem worse, %d of %d comparisons have regressions", seem, rounds*metrics, failed, rounds)
	}
	changed := func(k int) float64 {
		if k == 7 {
			return 110 + random.Float64()
		}
		return alike(k)
	}
	c, err := Compare([]*Side{side(t, "a", rowsOf(8, metrics, alike)...), side(t, "b", rowsOf(8, metrics, changed)...)}, CompareOptions{Threshold: 0.03})
	if err != nil || c.Regressions != 1 || !c.Rows[7].Changes[0].Regression {
		t.Errorf("%v, %d regressions", err, c.Regressions)
	}
}

// TestCompareCorrected: p by Holm's method, worked out by hand: the smallest of n times n,
// the next times n-1, and none below the one before it. The generator's own do not count.
func TestCompareCorrected(t *testing.T) {
	c := &Comparison{Threshold: 0}
	add := func(metric string, p float64, verdict Verdict, candidate bool) {
		c.Rows = append(c.Rows, ComparisonRow{
			Metric: metric, Old: Spread{N: 9}, Changes: []Change{{New: Spread{N: 9}, P: p, Verdict: verdict, Regression: candidate}},
		})
	}
	add("a", 0.04, Worse, true)
	add("b", 0.01, Worse, true)
	add("c", 0.02, Better, false)
	add("d", 1, TooFew, false)
	add(clientMemory, 0.001, Worse, false)
	add("e", 0.9, Same, false)
	c.correct()
	want := []float64{0.08, 0.04, 0.06, 0, 0, 0.9}
	for i, r := range c.Rows {
		if got := r.Changes[0].Corrected; math.Abs(got-want[i]) > 1e-9 {
			t.Errorf("%s: %v, want %v", r.Metric, got, want[i])
		}
	}
	if c.Regressions != 1 || c.Rows[0].Changes[0].Regression || !c.Rows[1].Changes[0].Regression || len(c.Notes) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestCompareCannotTell: where even the clearest outcome would not do, it is said, with how
// many repeats would.
func TestCompareCannotTell(t *testing.T) {
	for n, want := range map[int]int{1: 4, 2: 5, 6: 5, 7: 6, 23: 6, 24: 7, 100: 8} {
		if got := repeatsFor(n); got != want {
			t.Errorf("%d figures: %d repeats, want %d", n, got, want)
		}
	}
	up := func(by float64) func(int) float64 {
		return func(int) float64 { by++; return by }
	}
	for _, threshold := range []float64{0.03, -1} {
		c, err := Compare([]*Side{side(t, "a", rowsOf(4, 3, up(0))...), side(t, "b", rowsOf(4, 3, up(1000))...)}, CompareOptions{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(c.Notes, ""), "of 3 figures with so few repeats none can be told to be worse for sure, however much it is: take 5 repeats")
		if c.Regressions != 0 || said != (threshold >= 0) || c.Rows[0].Changes[0].Verdict != Worse {
			t.Errorf("threshold %v: %+v", threshold, c)
		}
	}
}
