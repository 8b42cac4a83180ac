package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/plot"
)

// What all reports of one run say: how it went, its key figures, what is wrong.

// standing is how a run went, in a word.
type standing struct {
	Level string // "good", "warn", "bad"
	Text  string
}

func (r *Result) standing() standing {
	missed, tolerant := 0, false
	for _, o := range r.Assertions {
		if !o.Pass {
			missed++
		}
		a, err := ParseAssertion(o.Assertion)
		tolerant = tolerant || err == nil && a.Errors()
	}
	switch n := r.ErrorTotal(); {
	case missed == 1:
		return standing{"bad", "threshold missed"}
	case missed > 1:
		return standing{"bad", fmt.Sprint(missed, " thresholds missed")}
	case n > 0 && tolerant: // so many may be
		return standing{"warn", "thresholds kept, errors: " + group(fmt.Sprint(n))}
	case n == 1:
		return standing{"bad", "1 error"}
	case n > 1:
		return standing{"bad", group(fmt.Sprint(n)) + " errors"}
	case r.Interrupted:
		return standing{"warn", "interrupted"}
	}
	if verdict, _ := r.generator(); verdict == healthLimit {
		return standing{"warn", "generator was the limit"}
	}
	if len(r.Assertions) > 0 {
		return standing{"good", "thresholds kept"}
	}
	return standing{"good", "no errors"}
}

// generator says in a word how the generator fared, with its reasons in one sentence.
// Results of before there was a verdict have a warning only.
func (r *Result) generator() (verdict, reasons string) {
	if r.Generator != nil {
		return r.Generator.Verdict, strings.Join(r.Generator.Reasons, "; ")
	}
	if r.generatorLimit() {
		return healthLimit, ""
	}
	return healthOK, ""
}

// alarms are what must be known before a figure is read, the worst first.
func (r *Result) alarms() (all []alarm) {
	if r.Interrupted {
		all = append(all, alarm{"warn", "The run was interrupted: figures are of the time so far."})
	}
	for _, w := range r.Warnings {
		if strings.HasPrefix(w, "THE GENERATOR ") {
			all = append(all, alarm{"bad", w})
		}
	}
	for _, w := range r.Warnings {
		if !strings.HasPrefix(w, "THE GENERATOR ") {
			all = append(all, alarm{"warn", w})
		}
	}
	verdict, reasons := r.generator()
	switch {
	case verdict == healthBusy && !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "the generator ") }):
		all = append(all, alarm{"warn", "The generator was busy, which latencies have in them: " + reasons + "."})
	case verdict == healthOK && r.Client != nil:
		text := fmt.Sprintf("The generator was not the limit: it took %.2f cores", r.Client.Cores)
		if h := r.Generator; h != nil && h.LagP99 > 0 {
			text += ", and its clocks were late by " + plot.Text(plot.Micros, h.LagP99) + " at the 99th percentile"
		}
		all = append(all, alarm{"good", text + "."})
	}
	return all
}

// cpuPerOperation is the name of the headline.
func (r *Result) cpuPerOperation() string { return "server CPU per " + r.Operation }

// tiles are the key figures: what the server spent on an operation, what came of it,
// and everything else that the scenario holds for a figure worth comparing.
func (r *Result) tiles() (all []tile) {
	main := r.mainLatency()
	shown := map[string]bool{r.cpuPerOperation(): true, main + " p50": true, main + " p99": true, Plural(r.Operation) + " per second": true}

	head := tile{Name: r.cpuPerOperation(), Value: "–", Note: "not measured: --pid names the server's process", Main: true}
	if m, ok := r.Metric(head.Name); ok {
		head.Value, head.Unit = inUnit(plot.Text(plot.Micros, m.Value))
		head.Note = "user and system time of its process"
		if r.Server != nil && r.Server.Cores > 0 {
			head.Note += fmt.Sprintf(", %.2f cores", r.Server.Cores)
		}
	}
	all = append(all, head)
	if r.Elapsed > 0 {
		all = append(all, tile{
			Name: Plural(r.Operation) + " per second", Value: group(fmt.Sprintf("%.0f", r.Rate)),
			Note: fmt.Sprintf("%s in %.1f s", group(fmt.Sprint(r.Operations)), r.Elapsed),
		})
	}
	for i := range r.Latencies {
		if l := &r.Latencies[i]; l.Name == main {
			t := tile{Name: main + " latency, p99", Note: "p50 " + plot.Text(plot.Micros, l.P50) + ", max " + plot.Text(plot.Micros, l.Max)}
			t.Value, t.Unit = inUnit(plot.Text(plot.Micros, l.P99))
			all = append(all, t)
		}
	}
	conns := 0
	for i := range r.Series {
		conns = max(conns, r.Series[i].Conns)
	}
	if conns > 0 {
		all = append(all, tile{Name: "connections", Value: group(fmt.Sprint(conns)), Note: "at most, by the second"})
	}
	if u := r.Server; u != nil && u.RSSAfter > 0 {
		t := tile{Name: "server memory", Note: "before: " + plot.Text(plot.Bytes, float64(u.RSSBefore))}
		t.Value, t.Unit = inUnit(plot.Text(plot.Bytes, float64(u.RSSAfter)))
		all = append(all, t)
	}
	for _, m := range r.Metrics {
		if shown[m.Name] || strings.HasSuffix(m.Name, " p50") || strings.HasSuffix(m.Name, " p99") {
			continue // or in the table of latencies
		}
		t := tile{Name: m.Name}
		t.Value, t.Unit = inUnit(metricText(m))
		all = append(all, t)
	}
	if u := r.Client; u != nil {
		t := tile{Name: "generator", Value: fmt.Sprintf("%.2f", u.Cores), Unit: "cores", Note: "was not the limit"}
		switch verdict, reasons := r.generator(); verdict {
		case healthLimit:
			t.Note, t.Bad = "was the limit", true
			if reasons != "" {
				t.Note += ": " + reasons
			}
		case healthBusy:
			t.Note = "was busy"
		}
		all = append(all, t)
	}
	errors := tile{Name: "errors", Value: group(fmt.Sprint(r.ErrorTotal())), Note: "lost, duplicated, reordered, changed, refused", Bad: r.ErrorTotal() > 0}
	return append(all, errors)
}

// metricText is a metric's value with its unit.
func metricText(m Metric) string {
	switch m.Unit {
	case "us":
		return plot.Text(plot.Micros, m.Value)
	case "B":
		return plot.Text(plot.Bytes, m.Value)
	case "s":
		return plot.Text(plot.Seconds, m.Value)
	case "1/s":
		return group(fmt.Sprintf("%.0f", m.Value)) + " per second"
	}
	return strings.TrimSpace(number(m.Value) + " " + m.Unit)
}

// inUnit parts "1.2 ms".
func inUnit(text string) (value, unit string) {
	value, unit, _ = strings.Cut(text, " ")
	return value, unit
}

// A threshold is one assertion and what became of it.
type threshold struct {
	Assertion, Value, Level, Text string
}

func (r *Result) thresholds() (all []threshold) {
	for _, a := range r.Assertions {
		t := threshold{a.Assertion, metricText(Metric{Unit: a.Unit, Value: a.Value}), "good", "✓ kept"}
		if a.Missing {
			t.Value = cmp.Or(a.Why, "not measured")
		}
		if !a.Pass {
			t.Level, t.Text = "bad", "✗ missed"
		}
		all = append(all, t)
	}
	return all
}

// quantileNames are the heads of the table of latencies, behind name and count.
var quantileNames = []string{"min", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"}

func quantileRows(all []Latency) (rows []quantileRow) {
	for _, l := range all {
		row := quantileRow{Name: l.Name, Count: group(fmt.Sprint(l.Count))}
		few := func(above float64) bool { return above*float64(l.Count) < 10 }
		for _, c := range []struct {
			v   float64
			few bool
		}{{l.Min, false}, {l.Mean, false}, {l.P50, few(0.5)}, {l.P90, few(0.1)}, {l.P99, few(0.01)}, {l.P999, few(0.001)}, {l.P9999, few(0.0001)}, {l.Max, false}} {
			row.Cells = append(row.Cells, quantileCell{plot.Text(plot.Micros, c.v), c.few})
		}
		rows = append(rows, row)
	}
	return rows
}

// QuantileNames is for the template.
func (p *page) QuantileNames() []string { return quantileNames }

// commandLine is the command as a shell takes it.
func (r *Result) commandLine() string {
	var words []string
	for _, w := range r.Command {
		words = append(words, shellWord(w))
	}
	return strings.Join(words, " ")
}

// shellWord is w in quotes if a shell would not take it as it is.
func shellWord(w string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=+@%", r)
	}
	if w != "" && strings.IndexFunc(w, func(r rune) bool { return !plain(r) }) < 0 {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
