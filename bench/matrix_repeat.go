package bench

import (
	"fmt"
	"io"
	"strings"
)

// A Repetition says how far a second matrix bears out what a first has stated.
type Repetition struct {
	Values, ValuesWithin int // medians of metrics
	Ratios, RatiosWithin int // of main metrics, to the first server and to the baseline
	Unjudged             int // figures that the first states without a spread, or that are only in one
	Outside              []RepeatedFigure
}

// RepeatedFigure is a figure whose new median is outside its old spread.
type RepeatedFigure struct {
	Case, Server, Metric string // the metric with "to SERVER" for a ratio
	Ratio                bool
	Unit                 string
	Old, New             Spread

	// Apart is set if no round of the new lies within the old spread, nor the
	// other way round. By chance alone that happens to one figure in 126 at 5
	// rounds each; that a median is outside, to one in 6.
	Apart bool
}

// Apart is the number of ratios that are [RepeatedFigure.Apart]: those that were
// not reproduced.
func (r *Repetition) Apart() (n int) {
	for _, f := range r.Outside {
		if f.Ratio && f.Apart {
			n++
		}
	}
	return n
}

// Repeat compares a second result of a matrix with the first.
func Repeat(first, second *MatrixResult) *Repetition {
	r := &Repetition{}
	for i := range first.Cases {
		k := &first.Cases[i]
		for j := range k.Servers {
			old := &k.Servers[j]
			var again *ServerResult
			if c := second.Case(k.Name); c != nil {
				again = c.Server(old.Name)
			}
			for place, f := range old.Figures {
				var g *Figure
				if again != nil {
					g = again.Figure(f.Metric)
				}
				if g == nil {
					r.Unjudged++
					continue
				}
				at := RepeatedFigure{Case: k.Name, Server: old.Name, Metric: f.Metric, Unit: f.Unit}
				r.judge(at, &f.Spread, &g.Spread)
				if place > 0 {
					continue
				}
				at.Ratio, at.Unit = true, ""
				at.Metric = f.Metric + " to " + k.Servers[0].Name
				r.judge(at, f.ToFirst, g.ToFirst)
				if first.Baseline != k.Servers[0].Name {
					at.Metric = f.Metric + " to " + first.Baseline
					r.judge(at, f.ToBaseline, g.ToBaseline)
				}
			}
		}
	}
	return r
}

func (r *Repetition) judge(at RepeatedFigure, old, again *Spread) {
	if old == nil { // a server to itself
		return
	}
	if again == nil || old.N < 2 || again.N < 1 {
		r.Unjudged++
		return
	}
	all, within := &r.Values, &r.ValuesWithin
	if at.Ratio {
		all, within = &r.Ratios, &r.RatiosWithin
	}
	*all++
	if old.Min <= again.Median && again.Median <= old.Max {
		*within++
		return
	}
	at.Old, at.New = *old, *again
	at.Apart = again.Max < old.Min || again.Min > old.Max
	r.Outside = append(r.Outside, at)
}

// WriteMarkdown writes it for people.
func (r *Repetition) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Compared with the first time\n\n")
	fmt.Fprintf(&b, "New medians within the spread that was stated: %d of %d ratios, %d of %d values", r.RatiosWithin, r.Ratios, r.ValuesWithin, r.Values)
	if r.Unjudged > 0 {
		fmt.Fprintf(&b, "; %d figures have no spread or are not in both", r.Unjudged)
	}
	fmt.Fprintf(&b, ".\nRatios whose rounds all lie apart from those of the first time: %d.\n", r.Apart())
	if len(r.Outside) > 0 {
		b.WriteString("\nOutside:\n\n| case | server | figure | first | now | |\n|---|---|---|---:|---:|---|\n")
		for _, ratio := range []bool{true, false} {
			for _, f := range r.Outside {
				if f.Ratio != ratio {
					continue
				}
				name := f.Metric
				if f.Unit != "" && f.Unit != "1/s" {
					name += ", " + f.Unit
				}
				note := "overlap"
				if f.Apart {
					note = "**apart**"
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", plainMarkdown(f.Case), plainMarkdown(f.Server), plainMarkdown(name), f.Old, f.New, note)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
