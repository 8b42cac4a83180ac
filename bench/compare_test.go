package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// repeats are runs of one scenario with one metric.
func repeats(values ...float64) (runs []*Result) {
	for _, v := range values {
		runs = append(runs, &Result{
			Scenario: "echo", Parameters: map[string]any{"connections": 100, "steps": []any{1}},
			Metrics:     []Metric{{Name: "server CPU per echo", Unit: "us", Value: v}, {Name: "echoes per second", Unit: "1/s", Value: 1000 / v, Higher: true}},
			Environment: Environment{Kernel: "6.18", Cores: 2},
		})
	}
	return runs
}

// side makes a side of values as files would.
func side(t *testing.T, name string, values ...any) *Side {
	t.Helper()
	s := &Side{Name: name}
	for _, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Read(name, strings.NewReader(string(text))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestCompareVerdicts checks p values against those of exact tables, with ties
// counted by hand.
func TestCompareVerdicts(t *testing.T) {
	for _, tc := range []struct {
		name      string
		old, new  []float64
		p         float64
		verdict   Verdict
		threshold float64
		regressed bool
	}{
		{"apart, four each: 2 of 70 orders", []float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, 2. / 70, Worse, 0.03, true},
		{"the same the other way", []float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, 2. / 70, Better, 0.03, false},
		{"apart, five each: 2 of 252", []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, 2. / 252, Worse, -1, false},
		{"one pair swapped: 4 of 70", []float64{1, 2, 3, 5}, []float64{4, 6, 7, 8}, 4. / 70, Same, 0, false},
		{"worse, but by less", []float64{100, 101, 102, 103}, []float64{104, 104.5, 105, 105.5}, 2. / 70, Worse, 0.05, false},
		{"ties inside the sides", []float64{1, 1, 1, 1}, []float64{2, 2, 2, 2}, 2. / 70, Worse, 0.03, true},
		{"all equal", []float64{1, 1, 1, 1}, []float64{1, 1, 1, 1}, 1, Same, 0, false},
		{"three are too few", []float64{1, 2, 3}, []float64{7, 8, 9, 10}, 1, TooFew, 0, false},
		{"nothing on the other side", []float64{1, 2, 3, 4}, nil, 1, TooFew, 0, false},
		{"from nothing", []float64{0, 0, 0, 0}, []float64{1, 2, 3, 4}, 2. / 70, Worse, 0.5, true},
	} {
		c := newChange(tc.old, tc.new, false, tc.threshold)
		if math.Abs(c.P-tc.p) > 1e-9 || c.Verdict != tc.verdict || c.Regression != tc.regressed {
			t.Errorf("%s: %+v, want p %v, %s, regression %v", tc.name, c, tc.p, tc.verdict, tc.regressed)
		}
	}
	if c := newChange([]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, true, 0); c.Verdict != Better || *c.Ratio != 6.5/2.5 {
		t.Errorf("higher is better: %+v", c)
	}
}

func TestCompareRuns(t *testing.T) {
	old := side(t, "old", repeats(10, 11, 12, 13, 14))
	fresh := repeats(20, 21, 22, 23, 24)
	fresh[0].Environment.Kernel = "7.0"
	fresh[1].Errors = map[string]ErrorCount{Lost: {Count: 3}}
	fresh[2].Interrupted = true
	c, err := Compare([]*Side{old, side(t, "new", fresh[0], fresh[1], fresh[2], fresh[3], fresh[4])}, CompareOptions{Threshold: 0.03})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rows) != 2 || c.Regressions != 2 || c.Rows[0].Case != "echo connections=100" || c.Sides[1].Files != 5 {
		t.Errorf("%+v", c)
	}
	notes := strings.Join(c.Notes, "\n")
	for _, part := range []string{"kernel differs: old: 6.18; new: 6.18 and 7.0", "new: echo connections=100: 3 errors", "a run was interrupted"} {
		if !strings.Contains(notes, part) {
			t.Errorf("no %q in\n%s", part, notes)
		}
	}
	var text, page strings.Builder
	if err := errors.Join(c.WriteText(&text), c.WriteMarkdown(&page)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"echo connections=100\n", "12.0 (10.0–14.0)", "1.833", "0.008", "WORSE", "2 figures judged: 0 better, 2 worse", "2 worse by more than 3 %, with p < 0.05 after Holm's correction", "! the kernel"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q in\n%s", part, text.String())
		}
	}
	if row := "\n| server CPU per echo, us | 12.0 (10.0–14.0) | 22.0 (20.0–24.0) | 1.833 | 0.008 | **worse** |\n"; !strings.Contains(page.String(), row) {
		t.Errorf("no %q in\n%s", row, page.String())
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

// TestCompareHTML: the page has a chart of each kind with all sides, and what comes
// from files stands in it as text.
func TestCompareHTML(t *testing.T) {
	runs := func(values ...float64) []*Result {
		all := repeats(values...)
		for _, r := range all {
			r.Latencies = []Latency{{Name: "echo", P99: 5, Curve: []Point{{0.5, 3}, {0.9, 4}, {1, 5}}}}
			r.Series = []Sample{{At: 1, P99: 4, Operations: 10}, {At: 2, Operations: 20}, {At: 3, P99: 5, Operations: 15}}
		}
		return all
	}
	fresh := runs(20, 21, 22, 23, 24)
	fresh[0].Errors = map[string]ErrorCount{Lost: {Count: 1}}
	c, err := Compare([]*Side{side(t, "old", runs(10, 11, 12, 13, 14)), side(t, "<script>alert(1)</script>", fresh)}, CompareOptions{Threshold: 0})
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := c.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, part := range []string{
		`<span class="pill bad">2 got worse</span>`, `<td class="mark bad">WORSE</td>`, "Latency by percentile", "99th percentile over time", "Throughput over time",
		"&lt;script&gt;alert(1)&lt;/script&gt;: 5 runs", `content="default-src &#39;none&#39;`, `<p class="alarm warn">`, "echo connections=100",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in the page", part)
		}
	}
	if strings.Contains(text, "<script") {
		t.Error("the page has a script")
	}
	if n := strings.Count(text, "<svg"); n != 6 { // three charts in two widths
		t.Errorf("%d charts", n)
	}
	if err := c.WriteHTML(failing{}); err == nil {
		t.Error("an error of the writer is lost")
	}

	// Without series and curves there are tables only.
	c, err = Compare([]*Side{side(t, "a", repeats(1)), side(t, "b", repeats(2))}, CompareOptions{Threshold: -1})
	if err != nil {
		t.Fatal(err)
	}
	page.Reset()
	if err := c.WriteHTML(&page); err != nil || strings.Contains(page.String(), "<svg") || strings.Contains(page.String(), "pill good") {
		t.Error(err)
	}
}

// TestCompareMatrices: cases and servers are matched, and the main metric's ratio
// to the first server is compared round by round.
func TestCompareMatrices(t *testing.T) {
	matrix := func(speed float64, extra string) *MatrixResult {
		m := &MatrixResult{}
		for _, name := range []string{"echo", extra} {
			m.Cases = append(m.Cases, CaseResult{Name: name, Servers: []ServerResult{
				{Name: "gnet", Runs: repeats(10*speed, 11*speed, 12*speed, 13*speed)},
				{Name: "sio", Runs: repeats(20*speed, 23*speed, 25*speed, 27*speed), Failed: []string{"died"}},
			}})
		}
		return m
	}
	// The second machine is half as fast, and nothing has changed.
	c, err := Compare([]*Side{side(t, "a", matrix(1, "gone")), side(t, "b", matrix(2, "new"))}, CompareOptions{Metrics: []string{"server cpu*"}, Threshold: 0})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range c.Rows {
		got = append(got, fmt.Sprintf("%s %s %s %s", r.Case, r.Server, r.Metric, r.Changes[0].Verdict))
	}
	want := "echo gnet server CPU per echo worse, echo sio server CPU per echo worse, echo sio server CPU per echo, to gnet same"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
	notes := strings.Join(c.Notes, "\n")
	for _, part := range []string{"only a has it, b has not: gone, sio", "only b has it, a has not: new, gnet", "a: echo, sio: a run failed: died"} {
		if !strings.Contains(notes, part) {
			t.Errorf("no %q in\n%s", part, notes)
		}
	}
}

// TestCompareOtherCase: of two single cases the parameters may differ.
func TestCompareOtherCase(t *testing.T) {
	deep := repeats(1, 2, 3)
	for _, r := range deep {
		r.Parameters["depth"] = 16
	}
	c, err := Compare([]*Side{side(t, "flat", repeats(9, 8, 7)), side(t, "deep", deep)}, CompareOptions{Threshold: -1})
	if err != nil || len(c.Rows) != 2 || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "the cases differ: flat: echo connections=100; deep: echo connections=100 depth=16") {
		t.Errorf("%v, %+v", err, c)
	}
	if s := strings.Join(c.Summary(), " "); !strings.Contains(s, "2 figures have fewer than 4 repeats") {
		t.Error(s)
	}
}

func TestCompareRefuses(t *testing.T) {
	a, b := side(t, "a", repeats(1)), side(t, "b", repeats(2))
	other := side(t, "c", &Result{Scenario: "idle", Metrics: []Metric{{Name: "memory"}}})
	two := side(t, "d", repeats(1), &Result{Scenario: "idle"})
	for _, tc := range []struct {
		name  string
		sides []*Side
		o     CompareOptions
		want  string
	}{
		{"one side", []*Side{a}, CompareOptions{}, "nothing to compare"},
		{"a pattern that is none", []*Side{a, b}, CompareOptions{Metrics: []string{"["}}, "syntax error"},
		{"no metric", []*Side{a, b}, CompareOptions{Metrics: []string{"x"}}, "no such metric"},
		{"other metrics", []*Side{a, other}, CompareOptions{}, "no such metric"},
		{"other cases", []*Side{two, side(t, "e", &MatrixResult{Cases: []CaseResult{{Name: "x", Servers: []ServerResult{{Name: "y", Runs: repeats(1)}}}}})}, CompareOptions{}, "no case in common"},
		{"an empty matrix", []*Side{a, side(t, "e", &MatrixResult{Cases: []CaseResult{}})}, CompareOptions{}, "no run in it"},
	} {
		if _, err := Compare(tc.sides, tc.o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for text, want := range map[string]string{
		"": "empty", "{": "unexpected EOF", "5": "cannot unmarshal", "{}": "neither", "[{}]": "neither", `[{"scenario":5}]`: "cannot unmarshal", `{"cases":[5]}`: "cannot unmarshal",
	} {
		s := &Side{}
		if err := s.Read("f.json", strings.NewReader(text)); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "f.json") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestCompareMissing: what one side alone has is said; what the old one alone has counts,
// unless it is the generator's own. That makes no regression either.
func TestCompareMissing(t *testing.T) {
	with := func(more []Metric, values ...float64) []any {
		var list []any
		for i, r := range repeats(values...) {
			for _, m := range more {
				m.Value += float64(i) / 10
				r.Metrics = append(r.Metrics, m)
			}
			list = append(list, r)
		}
		return list
	}
	old := with([]Metric{{Name: "RSS per connection", Value: 1}, {Name: clientMemory, Value: 1}, {Name: "send lag p99", Value: 1}, {Name: "send lag p50", Value: 1}}, 1, 2, 3, 4)
	fresh := with([]Metric{{Name: "heap objects", Value: 1}, {Name: "send lag p99", Value: 100}}, 1, 2, 3, 4)
	c, err := Compare([]*Side{side(t, "a", old...), side(t, "b", fresh...)}, CompareOptions{Threshold: 0})
	if err != nil || c.Missing != 1 || c.Regressions != 0 || len(c.Rows) != 6 {
		t.Fatalf("%v, %+v", err, c)
	}
	var text strings.Builder
	if err := c.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"only a has it, b has not: echo connections=100: RSS per connection", "only a has it, b has not: echo connections=100: client bytes per connection",
		"only b has it, a has not: echo connections=100: heap objects", "1 figures of a are not there any more.", "not there\n", "  worse",
	} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q in\n%s", part, text.String())
		}
	}
	c, err = Compare([]*Side{side(t, "a", old...), side(t, "b", fresh...)}, CompareOptions{Metrics: []string{"server *"}})
	if err != nil || c.Missing != 0 || strings.Contains(strings.Join(c.Notes, ""), "only") {
		t.Errorf("not asked for: %v, %+v", err, c)
	}
	two := func(names ...string) *MatrixResult {
		m := &MatrixResult{}
		for _, name := range names {
			m.Cases = append(m.Cases, CaseResult{Name: name, Servers: []ServerResult{{Name: "sio", Runs: repeats(1, 2, 3, 4)}}})
		}
		return m
	}
	if c, err = Compare([]*Side{side(t, "a", two("x", "y")), side(t, "b", two("x", "z"))}, CompareOptions{}); err != nil || c.Missing != 2 {
		t.Errorf("a case with two metrics: %v, %+v", err, c)
	}
}
