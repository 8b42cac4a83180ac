package bench

import (
	"fmt"
	"math"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// A Result is what one run of a scenario has shown. Its JSON form is meant to be
// kept; fields are added to it and not renamed.
type Result struct {
	Scenario    string         `json:"scenario"`
	Command     []string       `json:"command,omitempty"` // what it was run by, if it was; without secrets
	URL         string         `json:"url"`
	Parameters  map[string]any `json:"parameters"`
	Started     time.Time      `json:"started"`
	Environment Environment    `json:"environment"`
	Interrupted bool           `json:"interrupted,omitempty"`

	// Elapsed is the window that counts, in seconds; Operations is what was done
	// in it, counted in units of Operation; Rate is per second.
	Elapsed    float64 `json:"elapsed_s"`
	Operation  string  `json:"operation"`
	Operations uint64  `json:"operations"`
	Rate       float64 `json:"rate_per_s"`

	// Latencies has "connect" (TCP to CONNECT answer) and those of the scenario.
	Latencies []Latency `json:"latencies"`

	// Metrics are the figures that runs are compared by, the scenario's main one
	// first. Those that could not be measured are missing.
	Metrics []Metric `json:"metrics"`

	// Errors are counted by name, from the first connect to the last goodbye.
	Errors map[string]ErrorCount `json:"errors"`

	// Respelled counts answers that mean the same as what was sent, but in other
	// bytes. That is allowed.
	Respelled uint64 `json:"respelled,omitempty"`

	// Retried counts the attempts to connect that have failed and were made again, by
	// the error's name: those of a [Storm].
	Retried map[string]uint64 `json:"retried,omitempty"`

	Server *Usage `json:"server,omitempty"` // nil if not measured
	Client *Usage `json:"client,omitempty"`

	// Generator says how the generator itself fared.
	Generator *Health `json:"generator,omitempty"`

	// Series has a sample a second, from the first connect to the last goodbye.
	Series []Sample `json:"series,omitempty"`

	// Phases are those of a [Script]; its totals leave out warm-ups.
	Phases []PhaseResult `json:"phases,omitempty"`

	// Assertions are what [Result.Assert] found.
	Assertions []Outcome `json:"assertions,omitempty"`

	// Warnings say what makes a figure doubtful, or is missing.
	Warnings []string `json:"warnings,omitempty"`
}

// ErrorCount is how often an error of one name came, with one example.
type ErrorCount = client.TallyEntry

// Latency is a distribution of durations, in microseconds. Quantiles are at most
// 1/64 above the true ones, never below.
type Latency struct {
	Name  string  `json:"name"`
	Count uint64  `json:"count"`
	Min   float64 `json:"min_us"`
	Mean  float64 `json:"mean_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p99_9_us"`
	P9999 float64 `json:"p99_99_us"`
	Max   float64 `json:"max_us"`

	// Curve are quantiles at points that are even on a logarithmic scale of what
	// is above them, from 0 up to 1-1/Count, and the longest at 1.
	Curve []Point `json:"curve,omitempty"`

	// Histogram has all counts, for merging and finer quantiles: the text form of
	// package hist.
	Histogram string `json:"histogram,omitempty"`
}

// Point is one quantile of a distribution.
type Point struct {
	Quantile float64 `json:"q"` // 0 to 1
	Micros   float64 `json:"us"`
}

func newLatency(name string, h *hist.Histogram) Latency {
	return Latency{
		Name: name, Count: h.Count(), Min: us(h.Min()), Mean: us(h.Mean()), P50: us(h.Quantile(0.5)),
		P90: us(h.Quantile(0.9)), P99: us(h.Quantile(0.99)), P999: us(h.Quantile(0.999)), P9999: us(h.Quantile(0.9999)), Max: us(h.Max()),
		Curve: curve(h), Histogram: h.Encode(),
	}
}

// curveSteps are the points of each power of ten that a curve has, as shares
// above them: about even on a logarithmic scale, with the usual quantiles among
// them.
var curveSteps = [...]float64{1, 0.75, 0.5, 0.35, 0.25, 0.175, 0.13}

// curve is [Latency.Curve].
func curve(h *hist.Histogram) (points []Point) {
	if h.Count() == 0 {
		return nil
	}
	for decade := 1.0; ; decade /= 10 {
		for _, step := range curveSteps {
			above := step * decade
			if above*float64(h.Count()) < 1 {
				return append(points, Point{1, us(h.Max())})
			}
			q := math.Round((1-above)*1e12) / 1e12 // free of the dust of floating point
			points = append(points, Point{q, us(h.Quantile(q))})
		}
	}
}

// us is d in microseconds.
func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Metric is one figure of a run.
type Metric struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"` // "us", "B", "1/s", …
	Value  float64 `json:"value"`
	Higher bool    `json:"higher_is_better,omitempty"`
}

// Metric returns the metric called name.
func (r *Result) Metric(name string) (Metric, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return Metric{}, false
}

// ErrorTotal is the number of all errors.
func (r *Result) ErrorTotal() (n uint64) {
	for _, e := range r.Errors {
		n += e.Count
	}
	return n
}

// Usage is what a process took during the window; what was not measured is 0, and
// absent in JSON.
type Usage struct {
	PID       int     `json:"pid,omitempty"`
	CPU       float64 `json:"cpu_s,omitempty"`
	Cores     float64 `json:"cores,omitempty"` // CPU seconds per second
	RSSBefore int64   `json:"rss_before_bytes,omitempty"`
	RSSAfter  int64   `json:"rss_after_bytes,omitempty"`
	RSSSource string  `json:"rss_source,omitempty"` // "smaps_rollup", "statm" or "metrics"
	PSSBefore int64   `json:"pss_before_bytes,omitempty"`
	PSSAfter  int64   `json:"pss_after_bytes,omitempty"`
	CPUSource string  `json:"cpu_source,omitempty"` // "metrics", or none: the system
}

// result makes the part of a Result that all scenarios share. Call it after the
// goodbyes. operation is one operation's name; the first metric is the server's
// time for one.
func (r *run) result(operation string, operations uint64) *Result {
	res := &Result{
		Scenario:    r.scenario.Name(),
		URL:         PublicURLs(r.options.URL),
		Parameters:  map[string]any{"loops": len(r.workers)},
		Started:     r.started.UTC().Truncate(time.Second),
		Environment: environment(),
		Interrupted: r.interrupted,
		Elapsed:     r.elapsed.Seconds(),
		Operation:   operation,
		Operations:  operations,
		Warnings:    r.watch.notes,
	}
	if r.config.Namespace != "/" {
		res.Parameters["namespace"] = r.config.Namespace
	}
	if res.Elapsed > 0 {
		res.Rate = float64(operations) / res.Elapsed
	}
	res.Series = r.recorder.stop()
	var tally client.Tally
	var connect hist.Histogram
	r.each(func(w *worker) {
		tally.Merge(&w.tally)
		connect.Merge(&w.connect)
		res.Respelled += w.respelled
	})
	res.Errors = tally.Entries()
	if connect.Count() > 0 {
		res.Latencies = append(res.Latencies, newLatency("connect", &connect))
	}
	res.clients(r)
	r.usage(res)
	r.health(res)
	return res
}

// usage adds what the processes took.
func (r *run) usage(res *Result) {
	w := r.watch
	if w.tells != nil {
		w.stop()
		if text := w.tells.note(); text != "" {
			res.Warnings = append(res.Warnings, text)
		}
	}
	if res.Elapsed <= 0 {
		return // there was no window
	}
	res.Server = w.serverUsage(res.Elapsed)
	if res.Server != nil && w.server != nil && res.Server.CPU <= 0 && res.Operations > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("pid %d used no CPU time: it is not the server, or it has ended", w.pid))
		res.Server = nil
	}
	if res.Server != nil && res.Server.CPU > 0 && res.Operations > 0 {
		res.Metrics = append(res.Metrics, Metric{
			Name: "server CPU per " + res.Operation, Unit: "us", Value: res.Server.CPU * 1e6 / float64(res.Operations),
		})
	}
	if w.self == nil {
		return
	}
	cpu := w.selfEnd.Since(w.selfBegin)
	res.Client = &Usage{CPU: cpu.Seconds(), Cores: cpu.Seconds() / res.Elapsed}
}

// latency adds a distribution and its quantiles as metrics.
func (res *Result) latency(name string, h *hist.Histogram) {
	if h.Count() == 0 {
		return
	}
	l := newLatency(name, h)
	res.Latencies = append(res.Latencies, l)
	res.Metrics = append(res.Metrics,
		Metric{Name: name + " p50", Unit: "us", Value: l.P50},
		Metric{Name: name + " p99", Unit: "us", Value: l.P99})
}

// throughput adds the rate as a metric.
func (res *Result) throughput() {
	res.Metrics = append(res.Metrics, Metric{Name: Plural(res.Operation) + " per second", Unit: "1/s", Value: res.Rate, Higher: true})
}

// Plural is the name of several operations.
func Plural(operation string) string {
	switch operation {
	case "delivery":
		return "deliveries"
	case "recovery":
		return "recoveries"
	case "echo":
		return "echoes"
	}
	return operation + "s"
}
