package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/internal/plot"
)

// latencyCase is the case whose latencies are drawn: only at a fixed rate do all
// servers have the same to do.
const latencyCase = "echo at 8,000/s over 500 connections"

// chart is one picture.
type chart struct {
	file, title string
	svg         []byte
}

// barCharts are the charts of main metrics by case.
var barCharts = []struct {
	file, title string
	suite       string
	cases       []string
}{
	{"echo.svg", "Server CPU of an echo", "events", []string{"echo, depth 1", "echo, depth 16", "acknowledgement, depth 1", "echo of a 1 KB object", "echo of 1 KiB binary", latencyCase}},
	{"broadcast.svg", "Server CPU of a delivery", "events", []string{"broadcast to 1,000, one in flight", "broadcast to 1,000, eight in flight", "2,000 connections in 200 rooms"}},
	{"http.svg", "Server CPU of an echo by polling, and of a connect", "events", []string{"polling echo, depth 1", "polling echo, depth 8", "connect"}},
	{"memory.svg", "Memory of an idle WebSocket", "memory", []string{"idle connections"}},
	{"others.svg", "Other servers", "others", nil},
}

// colours are those of servers, the same in all charts.
var colours = map[string]int{"sio": 1, "sio serial": 2, "node": 3, "bare gnet": 4, "bare write": 5}

// charts are all that can be drawn of the results.
func (p *page) charts() (list []chart) {
	for _, b := range barCharts {
		if r := p.suites[b.suite]; r != nil {
			if c := barsOf(r, b.title, b.cases); c != nil {
				list = append(list, chart{b.file, b.title, plot.SVG(c)})
			}
		}
	}
	if r := p.suites["events"]; r != nil && r.Case(latencyCase) != nil {
		if c := latencies(r.Case(latencyCase)); c != nil {
			list = append(list, chart{"latency.svg", c.Title, plot.SVG(c)})
		}
	}
	return list
}

// barsOf draws the main metrics of some cases, of all if none are named.
func barsOf(r *bench.MatrixResult, title string, names []string) *plot.Bars {
	c := &plot.Bars{Head: plot.Head{Title: title, Note: "medians; the lines are the least and the greatest of the rounds"}}
	var said []string
	for i := range r.Cases {
		k := &r.Cases[i]
		if names != nil && !slices.Contains(names, k.Name) {
			continue
		}
		g := plot.Group{Name: k.Name}
		for _, s := range k.Servers {
			if len(s.Figures) == 0 {
				continue
			}
			f := s.Figures[0]
			switch f.Unit {
			case "us":
				c.Unit = plot.Micros
			case "B":
				c.Unit = plot.Bytes
			}
			if c.Axis == "" {
				c.Axis = f.Metric
			}
			g.Bars = append(g.Bars, plot.Bar{Name: s.Name, Value: f.Spread.Median, Min: f.Spread.Min, Max: f.Spread.Max, Colour: colours[s.Name]})
			said = append(said, fmt.Sprintf("%s: %s %s", k.Name, s.Name, plot.Text(c.Unit, f.Spread.Median)))
		}
		if len(g.Bars) > 0 {
			c.Groups = append(c.Groups, g)
		}
	}
	if len(c.Groups) == 0 {
		return nil
	}
	if len(c.Groups) > 1 {
		c.Axis = "server CPU per operation"
	}
	c.Desc = title + ". " + strings.Join(said, "; ") + "."
	return c
}

// latencies draws the distributions of a case.
func latencies(k *bench.CaseResult) *plot.Percentiles {
	c := &plot.Percentiles{
		Head: plot.Head{Title: "Latency of an " + k.Name, Note: "of each server the round with the median 99th percentile", Height: 240},
		Axis: plot.Axis{Unit: plot.Micros, Log: true},
	}
	for _, s := range k.Servers {
		for _, r := range s.Runs {
			l := r.Latency(r.Operation)
			if l == nil || len(l.Curve) == 0 {
				continue
			}
			curve := plot.Curve{Name: s.Name, Colour: colours[s.Name]}
			for _, q := range l.Curve {
				curve.Points = append(curve.Points, plot.Quantile{Q: q.Quantile, Value: q.Micros})
			}
			c.Curves = append(c.Curves, curve)
			break
		}
	}
	if len(c.Curves) == 0 {
		return nil
	}
	return c
}

// Chart is a chart as Markdown; empty where there is nothing to draw.
func (p *page) Chart(file string) string {
	for _, c := range p.charts() {
		if c.file == file {
			return fmt.Sprintf("![%s](%s/%s)", c.title, chartsDir, c.file)
		}
	}
	return ""
}
