package bench

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/plot"
)

//go:embed report/compare.html
var comparePage string

var compareTemplate = template.Must(template.New("compare").Parse(comparePage))

// WriteHTML writes the comparison as a page that stands alone: the tables, and for
// each case the percentiles and the course of latency and throughput of all sides in
// one chart each. It has no script and loads nothing.
func (c *Comparison) WriteHTML(w io.Writer) error {
	p := comparisonPage{Notes: c.Notes, Summary: c.Summary(), Sides: c.sides()}
	var names []string
	for _, s := range c.Sides {
		names = append(names, s.Name)
	}
	p.Title = strings.Join(names, ", ")
	if c.Threshold >= 0 {
		p.Pill = &pill{"good", "nothing got worse"}
		switch {
		case c.Regressions > 0:
			p.Pill = &pill{"bad", fmt.Sprintf("%d got worse", c.Regressions)}
		case c.Missing > 0:
			p.Pill = &pill{"bad", fmt.Sprintf("%d not there any more", c.Missing)}
		}
	}
	for n, t := range c.tables() {
		k := comparedCase{Title: t.title, Head: t.head}
		for _, row := range t.rows {
			cells := make([]comparedCell, len(row))
			for i, text := range row {
				cells[i] = comparedCell{text, verdictLevel(text)}
			}
			k.Rows = append(k.Rows, cells)
		}
		for i, chart := range c.overlays(t.title) {
			id := fmt.Sprintf("c%d-%d", n, i)
			k.Figures = append(k.Figures, figure{Wide: plot.Inline(chart(wideChart), id+"-w"), Narrow: plot.Inline(chart(narrowChart), id+"-n")})
		}
		p.Cases = append(p.Cases, k)
	}
	style := string(plot.Style()) + reportStyle
	p.Style = template.HTML("<style>" + style + "</style>")
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + sourceHash(style)
	var b bytes.Buffer // a page is written whole or not at all
	if err := compareTemplate.Execute(&b, p); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// comparisonPage is what the template of a comparison needs.
type comparisonPage struct {
	Title   string
	Pill    *pill
	Sides   []string
	Notes   []string
	Summary []string
	Cases   []comparedCase
	Policy  string
	Style   template.HTML
}

type pill struct{ Level, Text string }

type comparedCase struct {
	Title   string
	Head    []string
	Rows    [][]comparedCell
	Figures []figure
}

type comparedCell struct{ Text, Level string }

// verdictLevel is the colour of a verdict, empty for other cells.
func verdictLevel(text string) string {
	switch text {
	case string(Better):
		return "good"
	case string(Worse):
		return "warn"
	case "WORSE":
		return "bad"
	}
	return ""
}

// overlays are the charts of a case, each for a width: of each side the repeat in the
// middle. Charts that no side has anything for are left out.
func (c *Comparison) overlays(title string) (charts []func(width int) plot.Chart) {
	curves := plot.Percentiles{
		Head: plot.Head{Title: "Latency by percentile", Note: "each step to the right is a tenth of what is left"},
		Axis: plot.Axis{Unit: plot.Micros, Log: true},
	}
	latency := plot.Line{Head: plot.Head{Title: "99th percentile over time", Note: "by the second"}, Left: plot.Axis{Unit: plot.Micros, Log: true}}
	rate := plot.Line{Head: plot.Head{Title: "Throughput over time", Note: "operations in each second"}}
	for i, s := range c.Sides {
		k := s.titled(title, len(c.Sides[0].cases) == 1)
		if k == nil {
			continue
		}
		n := middleRun(k.runs)
		if n < 0 {
			continue
		}
		r, colour := k.runs[n], 1+i%6
		if l := r.Latency(r.mainLatency()); l != nil && len(l.Curve) > 0 {
			curve := plot.Curve{Name: s.Name, Colour: colour}
			for _, q := range l.Curve {
				curve.Points = append(curve.Points, plot.Quantile{Q: q.Quantile, Value: max(1, q.Micros)})
			}
			curves.Curves = append(curves.Curves, curve)
		}
		if len(r.Series) > 1 { // a single point is no course
			x, p99, done := make([]float64, len(r.Series)), make([]float64, len(r.Series)), make([]float64, len(r.Series))
			for j, at := range r.Series {
				x[j], p99[j], done[j] = at.At, at.P99, float64(at.Operations)
				if at.P99 == 0 {
					p99[j] = math.NaN()
				}
			}
			latency.Series = append(latency.Series, plot.Series{Name: s.Name, X: x, Y: p99, Colour: colour})
			rate.Series = append(rate.Series, plot.Series{Name: s.Name, X: x, Y: done, Colour: colour})
		}
	}
	if len(curves.Curves) > 0 {
		charts = append(charts, func(width int) plot.Chart { p := curves; p.Width = width; return &p })
	}
	for _, l := range []plot.Line{latency, rate} {
		if len(l.Series) > 0 {
			charts = append(charts, func(width int) plot.Chart { l := l; l.Width = width; return &l })
		}
	}
	return charts
}

// titled is the case that a table is of; the only one, if the sides have one each.
func (s *Side) titled(title string, only bool) *sideCase {
	if only && len(s.cases) == 1 {
		return s.cases[0]
	}
	i := slices.IndexFunc(s.cases, func(c *sideCase) bool { return c.title() == title })
	if i < 0 {
		return nil
	}
	return s.cases[i]
}
