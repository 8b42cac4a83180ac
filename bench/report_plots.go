package bench

import (
	"fmt"
	"math"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/plot"
)

// A drawing is a chart of a report, for any width.
type drawing struct {
	name  string // in ids and for tests
	shows []shown
	make  func(width int) plot.Chart
}

// shown says what the value at a time is called, where the JSON of a sample has it, and
// how it is written: what a report's script needs to tell it.
type shown struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Unit string `json:"unit"` // "us", "B", "1/s", ""
}

// timeline is what all charts over time share.
type timeline struct {
	series   []Sample
	x        []float64
	bands    []plot.Band
	from, to float64
}

// pauses are phases in which nothing is measured.
var pauses = map[string]bool{"connect": true, "warm-up": true, "settle": true, "hold": true, "drain": true, "goodbye": true}

func newTimeline(series []Sample) *timeline {
	t := &timeline{series: series}
	for i := range series {
		s := &series[i]
		t.x = append(t.x, s.At)
		if n := len(t.bands); n > 0 && t.bands[n-1].Name == s.Phase {
			t.bands[n-1].To = s.At
		} else {
			t.bands = append(t.bands, plot.Band{From: t.to, To: s.At, Name: s.Phase, Shaded: pauses[s.Phase]})
		}
		t.to = s.At
	}
	return t
}

// line is a series of what of tells; NaN is a gap.
func (t *timeline) line(name string, of func(s *Sample) float64) plot.Series {
	y := make([]float64, len(t.series))
	for i := range t.series {
		y[i] = of(&t.series[i])
	}
	return plot.Series{Name: name, X: t.x, Y: y}
}

// sparse is a series of what is not told each time: points without a value are left
// out, so that the line goes on between the others.
func (t *timeline) sparse(name string, of func(s *Sample) float64) plot.Series {
	s := plot.Series{Name: name}
	for i := range t.series {
		if v := of(&t.series[i]); !math.IsNaN(v) {
			s.X, s.Y = append(s.X, t.x[i]), append(s.Y, v)
		}
	}
	return s
}

// span is the length of sample i.
func (t *timeline) span(i int) float64 {
	if i == 0 {
		return t.x[0]
	}
	return t.x[i] - t.x[i-1]
}

// perSecond makes a count in each sample a rate.
func (t *timeline) perSecond(name string, of func(s *Sample) float64) plot.Series {
	s := t.line(name, of)
	for i := range s.Y {
		if d := t.span(i); d > 0 {
			s.Y[i] /= d
		}
	}
	return s
}

// some is v, NaN for 0: where 0 means that there is none.
func some[N int | int64 | uint64 | float64](v N) float64 {
	if v == 0 {
		return math.NaN()
	}
	return float64(v)
}

// ofServer asks a sample's server; NaN where it was not measured.
func ofServer(of func(l *Load) float64) func(s *Sample) float64 {
	return func(s *Sample) float64 {
		if s.Server == nil {
			return math.NaN()
		}
		return of(s.Server)
	}
}

// hasValues reports whether a series has a value.
func hasValues(s plot.Series) bool {
	for _, v := range s.Y {
		if !math.IsNaN(v) && v != 0 {
			return true
		}
	}
	return false
}

// over is a chart over time. Series that have nothing are left out, and with them what
// is shown of them; nil if none is left.
func (t *timeline) over(name string, l plot.Line, height int, shows []shown) *drawing {
	var series []plot.Series
	var kept []shown
	for i, s := range l.Series {
		if hasValues(s) {
			if s.Colour == 0 {
				s.Colour = i + 1
			}
			series, kept = append(series, s), append(kept, shows[i])
		}
	}
	if len(series) == 0 {
		return nil
	}
	return &drawing{name: name, shows: kept, make: func(width int) plot.Chart {
		c := l
		c.Series, c.Bands, c.From, c.To = series, t.bands, t.from, t.to
		c.Width, c.Height = width, height
		if c.Desc == "" {
			c.Desc = describeSeries(c.Title, l.Left.Unit, series)
		}
		return &c
	}}
}

// describeSeries says the ranges of a chart in words.
func describeSeries(title string, left plot.Unit, series []plot.Series) string {
	var b strings.Builder
	b.WriteString(title + " over the time of the run.")
	for _, s := range series {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, v := range s.Y {
			if !math.IsNaN(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		unit := left
		if s.Right {
			unit = plot.Plain
		}
		fmt.Fprintf(&b, " %s: %s to %s.", s.Name, plot.Text(unit, lo), plot.Text(unit, hi))
	}
	return b.String()
}

// Heights of the charts of a report.
const (
	tall = 190
	flat = 130
)

// drawings are the charts of a result, by the sections of the report.
func (r *Result) drawings() (latency, load, server, generator []*drawing) {
	add := func(to *[]*drawing, d *drawing) {
		if d != nil {
			*to = append(*to, d)
		}
	}
	if len(r.Series) > 1 { // a single point is no course
		t := newTimeline(r.Series)
		add(&latency, t.latency(r.mainLatency()))
		add(&load, t.throughput(Plural(r.Operation)))
		add(&load, t.connections())
		add(&server, t.memory())
		add(&server, t.cpu())
		add(&server, t.collections())
		add(&server, t.descriptors())
		add(&generator, t.generatorCPU())
		add(&generator, t.lag())
	}
	add(&latency, percentiles(r.Latencies))
	return latency, load, server, generator
}

// mainLatency is the name of the distribution that the series is of.
func (r *Result) mainLatency() string {
	if l := r.Main(); l != nil {
		return l.Name
	}
	return "connect"
}

func (t *timeline) latency(name string) *drawing {
	return t.over("latency", plot.Line{
		Head: plot.Head{Title: "Latency over time", Note: name + ", by the second"},
		Left: plot.Axis{Unit: plot.Micros, Log: true},
		Series: []plot.Series{
			t.line("p50", func(s *Sample) float64 { return some(s.P50) }),
			t.line("p90", func(s *Sample) float64 { return some(s.P90) }),
			t.line("p99", func(s *Sample) float64 { return some(s.P99) }),
			dashed(t.line("max", func(s *Sample) float64 { return some(s.Max) })),
		},
	}, tall, []shown{{"p50", "p50_us", "us"}, {"p90", "p90_us", "us"}, {"p99", "p99_us", "us"}, {"max", "max_us", "us"}})
}

// percentiles is nil if no distribution has a curve.
func percentiles(all []Latency) *drawing {
	p := plot.Percentiles{
		Head: plot.Head{Title: "Latency by percentile", Note: "each step to the right is a tenth of what is left"},
		Axis: plot.Axis{Unit: plot.Micros, Log: true},
	}
	var desc strings.Builder
	desc.WriteString("Latency by percentile.")
	for _, l := range all {
		if len(l.Curve) == 0 {
			continue
		}
		c := plot.Curve{Name: l.Name}
		for _, q := range l.Curve {
			// What takes less is of no interest, and would take room from the tail.
			c.Points = append(c.Points, plot.Quantile{Q: q.Quantile, Value: max(1, q.Micros)})
		}
		p.Curves = append(p.Curves, c)
		fmt.Fprintf(&desc, " %s: median %s, 99th percentile %s, longest %s.", l.Name,
			plot.Text(plot.Micros, l.P50), plot.Text(plot.Micros, l.P99), plot.Text(plot.Micros, l.Max))
	}
	if len(p.Curves) == 0 {
		return nil
	}
	p.Desc = desc.String()
	return &drawing{name: "percentiles", make: func(width int) plot.Chart {
		c := p
		c.Width, c.Height = width, tall
		return &c
	}}
}

func (t *timeline) throughput(operations string) *drawing {
	errors := t.perSecond("errors", func(s *Sample) float64 { return float64(s.Errors) })
	errors.Colour = 2
	return t.over("throughput", plot.Line{
		Head:   plot.Head{Title: "Throughput", Note: operations + " per second"},
		Series: []plot.Series{filled(t.perSecond(operations, func(s *Sample) float64 { return float64(s.Operations) })), errors},
	}, flat, []shown{{operations, "operations", "1/s"}, {"errors", "errors", "1/s"}})
}

func (t *timeline) connections() *drawing {
	return t.over("connections", plot.Line{
		Head:   plot.Head{Title: "Connections", Note: "sessions that are open"},
		Series: []plot.Series{filled(t.line("connections", func(s *Sample) float64 { return float64(s.Conns) }))},
	}, flat, []shown{{"connections", "connections", ""}})
}

func (t *timeline) memory() *drawing {
	return t.over("memory", plot.Line{
		Head: plot.Head{Title: "Server memory"},
		Left: plot.Axis{Unit: plot.Bytes},
		Series: []plot.Series{
			filled(t.line("RSS", ofServer(func(l *Load) float64 { return some(l.RSS) }))),
			dashed(t.sparse("PSS", ofServer(func(l *Load) float64 { return some(l.PSS) }))),
			t.sparse("heap", ofServer(func(l *Load) float64 { return some(l.Heap) })),
		},
	}, flat, []shown{{"RSS", "server.rss_bytes", "B"}, {"PSS", "server.pss_bytes", "B"}, {"heap", "server.heap_bytes", "B"}})
}

func (t *timeline) cpu() *drawing {
	return t.over("cpu", plot.Line{
		Head:   plot.Head{Title: "Server CPU", Note: "cores, user and system"},
		Left:   plot.Axis{Unit: plot.Ratio},
		Series: []plot.Series{filled(t.line("server", ofServer(func(l *Load) float64 { return l.Cores })))},
	}, flat, []shown{{"cores", "server.cores", ""}})
}

func (t *timeline) collections() *drawing {
	pause := t.sparse("pause", ofServer(func(l *Load) float64 { return some(l.GCPause * 1e6) }))
	return t.over("collections", plot.Line{
		Head:  plot.Head{Title: "Garbage collections", Note: "of the server, each second"},
		Right: plot.Axis{Unit: plot.Micros},
		Series: []plot.Series{
			filled(t.perSecond("collections", ofServer(func(l *Load) float64 { return float64(l.GCs) }))),
			onRight(pause),
		},
	}, flat, []shown{{"collections", "server.gcs", ""}, {"pause", "server.gc_pause_s", "s"}})
}

func (t *timeline) descriptors() *drawing {
	return t.over("descriptors", plot.Line{
		Head: plot.Head{Title: "Descriptors, threads, objects", Note: "what the server holds"},
		Series: []plot.Series{
			t.line("descriptors", ofServer(func(l *Load) float64 { return some(l.FDs) })),
			t.line("threads", ofServer(func(l *Load) float64 { return some(l.Threads) })),
			t.sparse("goroutines", ofServer(func(l *Load) float64 { return some(l.Goroutines) })),
			onRight(t.sparse("heap objects", ofServer(func(l *Load) float64 { return some(l.HeapObjects) }))),
		},
	}, flat, []shown{{"descriptors", "server.fds", ""}, {"threads", "server.threads", ""}, {"goroutines", "server.goroutines", ""}, {"heap objects", "server.heap_objects", ""}})
}

func (t *timeline) generatorCPU() *drawing {
	return t.over("generator", plot.Line{
		Head:   plot.Head{Title: "Generator CPU", Note: "cores, user and system"},
		Left:   plot.Axis{Unit: plot.Ratio},
		Series: []plot.Series{filled(t.line("generator", func(s *Sample) float64 { return s.Client.Cores }))},
	}, flat, []shown{{"cores", "client.cores", ""}})
}

func (t *timeline) lag() *drawing {
	return t.over("lag", plot.Line{
		Head:   plot.Head{Title: "Generator lag", Note: "how late it did what was due, 99th percentile"},
		Left:   plot.Axis{Unit: plot.Micros},
		Series: []plot.Series{filled(t.line("lag", func(s *Sample) float64 { return some(s.LagP99) }))},
	}, flat, []shown{{"lag p99", "lag_p99_us", "us"}})
}

func filled(s plot.Series) plot.Series  { s.Filled = true; return s }
func dashed(s plot.Series) plot.Series  { s.Dashed = true; return s }
func onRight(s plot.Series) plot.Series { s.Right = true; return s }
