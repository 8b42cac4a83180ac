package bench

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"
)

// Bounds of what a comparison calls significant.
const (
	// compareAlpha is the p value below which a difference counts as one: the
	// chance of seeing such a difference, or a larger one, between repeats of the
	// same thing.
	compareAlpha = 0.05

	// compareRepeats is the least number of repeats on each side that can tell
	// anything: of three against three, even the clearest outcome has a p of 0.1.
	compareRepeats = 4
)

// Verdict is what a comparison says of a metric.
type Verdict string

// Verdicts. Same does not say that there is no difference, only that the repeats
// show none.
const (
	Better Verdict = "better"
	Worse  Verdict = "worse"
	Same   Verdict = "same"
	TooFew Verdict = "too few repeats" // fewer than 4 on a side
)

// CompareOptions say what [Compare] looks at.
type CompareOptions struct {
	// Metrics are patterns of [path.Match] that the metrics' names must match,
	// without regard to case. Empty: all.
	Metrics []string

	// Threshold is how much worse, as a share of the old median, a metric may be:
	// 0.03 for 3 %. More, and significantly so, is a regression. Negative: nothing
	// is. What the generator says of itself never is one. Of many metrics some seem to
	// have changed by chance, so for this p is corrected by Holm's method for their
	// number: the more there are, the more repeats it takes.
	Threshold float64
}

// A Comparison is what [Compare] has found.
type Comparison struct {
	Sides       []*Side         `json:"sides"`
	Rows        []ComparisonRow `json:"rows"`
	Threshold   float64         `json:"threshold"`
	Regressions int             `json:"regressions"`

	// Missing are the figures of the first side that another has not; those of the
	// generator itself do not count. Notes name them.
	Missing int `json:"missing,omitempty"`

	// Notes say what makes the comparison doubtful.
	Notes []string `json:"notes,omitempty"`
}

// ComparisonRow is one metric of one case on all sides.
type ComparisonRow struct {
	Case    string   `json:"case"`
	Server  string   `json:"server,omitempty"` // of a matrix
	Metric  string   `json:"metric"`
	Unit    string   `json:"unit"`
	Higher  bool     `json:"higher_is_better,omitempty"`
	Old     Spread   `json:"old"`
	Changes []Change `json:"changes"` // by side, from the second on
}

// Change is how one side differs from the first.
type Change struct {
	New     Spread   `json:"new"`
	Ratio   *float64 `json:"ratio,omitempty"` // of the medians; nil where it would mean nothing
	P       float64  `json:"p"`               // of a Mann-Whitney U test, two-sided; 1 if there are too few repeats
	Verdict Verdict  `json:"verdict"`         // by P, whatever the number of metrics

	// Corrected is P after Holm's method over all metrics that are judged; absent for
	// those that are not.
	Corrected float64 `json:"p_corrected,omitempty"`

	// Regression is set if it is worse by more than the threshold, and Corrected says
	// that this is not by chance.
	Regression bool `json:"regression,omitempty"`
}

// Compare compares results: the first side is the old one. Whether a metric has
// changed is judged by a Mann-Whitney U test over the repeats, which assumes
// nothing about how they are distributed; for small numbers its p value is exact,
// also when values are equal.
func Compare(sides []*Side, o CompareOptions) (*Comparison, error) {
	if len(sides) < 2 {
		return nil, fmt.Errorf("%w: %d results: nothing to compare", ErrUsage, len(sides))
	}
	for _, m := range o.Metrics {
		if _, err := path.Match(m, ""); err != nil {
			return nil, fmt.Errorf("%w: metric %q: %w", ErrUsage, m, err)
		}
	}
	c := &Comparison{Sides: sides, Threshold: o.Threshold, Rows: []ComparisonRow{}}
	cases, notes, err := align(sides)
	if err != nil {
		return nil, err
	}
	c.Notes = append(differences(sides), notes...)
	common := false
	for _, row := range cases {
		for _, m := range row[0].metrics {
			if o.wants(m.Name) && c.row(row, m) {
				common = true
			}
		}
		for i, s := range row {
			for _, m := range s.metrics {
				if i > 0 && o.wants(m.Name) && !row[0].knows(m.Name) {
					c.Notes = append(c.Notes, fmt.Sprintf("only %s has it, %s has not: %s: %s", sides[i].Name, sides[0].Name, s.title(), m.Name))
				}
			}
		}
	}
	for _, k := range sides[0].cases {
		if len(cases) == 1 && cases[0][0] == k {
			continue // sides of one case each, which may be another
		}
		for _, s := range sides[1:] {
			if s.find(k.Case, k.Server) == nil { // which notes say
				c.Missing += k.count(&o)
			}
		}
	}
	if !common {
		return nil, fmt.Errorf("%w: the results have no such metric in common", ErrUsage)
	}
	c.correct()
	slices.Sort(c.Notes)
	c.Notes = slices.Compact(c.Notes)
	return c, nil
}

func (o *CompareOptions) wants(metric string) bool {
	if len(o.Metrics) == 0 {
		return true
	}
	return slices.ContainsFunc(o.Metrics, func(pattern string) bool {
		ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(metric))
		return ok
	})
}

// ofGenerator reports whether a metric is the generator's own, which says nothing about
// the server.
func ofGenerator(metric string) bool {
	return metric == clientMemory || strings.HasPrefix(metric, sendLag+" ")
}

// row compares one metric of one case, and reports whether another side has it, too.
func (c *Comparison) row(sides []*sideCase, m Metric) (some bool) {
	old := sides[0].values(m.Name)
	r := ComparisonRow{
		Case: sides[0].Case, Server: sides[0].Server, Metric: m.Name, Unit: m.Unit, Higher: m.Higher,
		Old: NewSpread(old),
	}
	for i, s := range sides[1:] {
		values := s.values(m.Name)
		some = some || len(values) > 0
		change := newChange(old, values, m.Higher, c.Threshold)
		if ofGenerator(m.Name) {
			change.Regression = false
		} else if len(values) == 0 {
			c.Missing++
		}
		if len(values) == 0 {
			c.Notes = append(c.Notes, fmt.Sprintf("only %s has it, %s has not: %s: %s", c.Sides[0].Name, c.Sides[i+1].Name, sides[0].title(), m.Name))
		}
		r.Changes = append(r.Changes, change)
	}
	c.Rows = append(c.Rows, r)
	return some
}

// correct takes back the regressions that may be by chance, since of many metrics some are:
// Holm's method keeps the chance that any of them is no regression below compareAlpha. It
// says so where no outcome of so few repeats could be one.
func (c *Comparison) correct() {
	var judged []*Change
	least := 1.0 // the smallest p that any of them could have
	for i := range c.Rows {
		r := &c.Rows[i]
		for k := range r.Changes {
			if change := &r.Changes[k]; change.Verdict != TooFew && !ofGenerator(r.Metric) {
				judged = append(judged, change)
				least = min(least, 2/orders(r.Old.N, change.New.N))
			}
		}
	}
	slices.SortStableFunc(judged, func(a, b *Change) int { return cmp.Compare(a.P, b.P) })
	sure := 0.0
	for i, change := range judged {
		sure = max(sure, min(1, change.P*float64(len(judged)-i)))
		change.Corrected = sure
		if change.Regression = change.Regression && sure < compareAlpha; change.Regression {
			c.Regressions++
		}
	}
	if n := len(judged); c.Threshold >= 0 && n > 0 && least*float64(n) >= compareAlpha {
		c.Notes = append(c.Notes, fmt.Sprintf(
			"of %d figures with so few repeats none can be told to be worse for sure, however much it is: take %d repeats on each side, or fewer figures",
			n, repeatsFor(n)))
	}
}

// orders is in how many ways the repeats of two sides can be mixed: the clearest outcome is
// two of them.
func orders(n, m int) float64 {
	ways := 1.0
	for i := 1; i <= m; i++ {
		ways *= float64(n+i) / float64(i)
	}
	return ways
}

// repeatsFor is how many repeats of each side can tell that one of n figures is worse.
func repeatsFor(n int) int {
	repeats := compareRepeats
	for 2/orders(repeats, repeats)*float64(n) >= compareAlpha {
		repeats++
	}
	return repeats
}

func newChange(old, values []float64, higher bool, threshold float64) Change {
	c := Change{New: NewSpread(values), P: 1, Verdict: TooFew}
	before, after := NewSpread(old).Median, c.New.Median
	if before > 0 && after >= 0 && len(values) > 0 {
		r := after / before
		c.Ratio = &r
	}
	if len(old) < compareRepeats || len(values) < compareRepeats {
		return c
	}
	t := benchmath.DefaultThresholds
	t.CompareAlpha = compareAlpha
	c.P = benchmath.AssumeNothing.Compare(
		benchmath.NewSample(slices.Clone(old), &t), benchmath.NewSample(slices.Clone(values), &t)).P
	switch {
	case c.P >= compareAlpha || before == after:
		c.Verdict = Same
	case (after > before) == higher:
		c.Verdict = Better
	default:
		c.Verdict = Worse
		// Where there is no ratio, nothing says that it is little.
		c.Regression = threshold >= 0 && (c.Ratio == nil || math.Abs(*c.Ratio-1) > threshold)
	}
	return c
}

// differences says where the sides were not measured alike.
func differences(sides []*Side) (notes []string) {
	for _, side := range sides {
		notes = append(notes, side.notes...)
	}
	for _, d := range []struct {
		what string
		of   func(Environment) string
	}{
		{"system", func(e Environment) string { return e.System }},
		{"kernel", func(e Environment) string { return e.Kernel }},
		{"processor", func(e Environment) string { return e.Processor }},
		{"number of cores", func(e Environment) string { return fmt.Sprint(e.Cores) }},
		{"generator's GOMAXPROCS", func(e Environment) string { return fmt.Sprint(e.GOMAXPROCS) }},
		{"generator's Go", func(e Environment) string { return e.Go }},
		{"generator's revision", func(e Environment) string { return e.Revision }},
	} {
		said := make([]string, len(sides))
		differ := false
		for i, side := range sides {
			var all []string
			for _, e := range side.environments {
				all = append(all, orUnknown(d.of(e)))
			}
			slices.Sort(all)
			said[i] = strings.Join(slices.Compact(all), " and ")
			differ = differ || said[i] != said[0]
		}
		if differ {
			for i, side := range sides {
				said[i] = side.Name + ": " + said[i]
			}
			notes = append(notes, fmt.Sprintf("the %s differs: %s", d.what, strings.Join(said, "; ")))
		}
	}
	return notes
}
