package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/e6a90ca8/sio/bench"
)

// printResult writes a result for people.
func printResult(w io.Writer, r *bench.Result, s style) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%s  %s", s.bold, r.Scenario, s.reset, r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		if name != "steps" {
			fmt.Fprintf(&b, "  %s=%v", name, r.Parameters[name])
		}
	}
	b.WriteByte('\n')
	if r.Interrupted {
		fmt.Fprintf(&b, "%sinterrupted: figures are of the time so far%s\n", s.yellow, s.reset)
	}
	b.WriteByte('\n')

	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if r.Elapsed > 0 {
		fmt.Fprintf(t, "%s\t%s in %.1f s\t%s per second\n", bench.Plural(r.Operation), count(float64(r.Operations)), r.Elapsed, count(r.Rate))
	}
	for _, m := range r.Metrics {
		if m.Unit == "us" && (strings.HasSuffix(m.Name, " p50") || strings.HasSuffix(m.Name, " p99")) || m.Unit == "1/s" {
			continue // in the tables
		}
		fmt.Fprintf(t, "%s\t%s\n", m.Name, amount(m))
	}
	if u := r.Server; u != nil {
		var said []string
		if u.Cores > 0 {
			said = append(said, fmt.Sprintf("%.2f cores", u.Cores))
		}
		if u.RSSSource != "" {
			said = append(said, fmt.Sprintf("memory %s, before %s (%s)", mebibytes(u.RSSAfter), mebibytes(u.RSSBefore), u.RSSSource))
		}
		fmt.Fprintf(t, "server\t%s\n", strings.Join(said, "\t"))
	}
	if u := r.Client; u != nil {
		fmt.Fprintf(t, "generator\t%.2f cores%s\n", u.Cores, verdict(r))
	}
	t.Flush()

	if steps, ok := r.Parameters["steps"]; ok {
		printSteps(&b, steps)
	}
	printPhases(&b, r.Phases)
	if len(r.Latencies) > 0 {
		b.WriteByte('\n')
		t = tabwriter.NewWriter(&b, 8, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "latency\tp50\tp90\tp99\tp99.9\tp99.99\tmax\tcount\t")
		for _, l := range r.Latencies {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", l.Name, micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.P9999), micros(l.Max), count(float64(l.Count)))
		}
		t.Flush()
	}
	b.WriteByte('\n')
	if len(r.Errors) == 0 {
		b.WriteString("no errors\n")
	} else {
		fmt.Fprintf(&b, "%s%s errors%s\n", s.red, count(float64(r.ErrorTotal())), s.reset)
		for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
			e := r.Errors[name]
			fmt.Fprintf(&b, "  %10s  %s, for example %s\n", count(float64(e.Count)), inLine(name), inLine(e.Example))
		}
	}
	if r.Respelled > 0 {
		fmt.Fprintf(&b, "%s answers were spelled in other bytes than sent, and mean the same\n", count(float64(r.Respelled)))
	}
	for _, text := range r.Warnings {
		fmt.Fprintf(&b, "%s! %s%s\n", s.yellow, inLine(text), s.reset)
	}
	return s.show(w, b.String())
}

// verdict says in a word how the generator fared; warnings say why it was the limit.
func verdict(r *bench.Result) string {
	h := r.Generator
	switch {
	case h == nil:
		return ""
	case h.Verdict == "limit":
		return "\tlimit: throughput and latency are its own, not the server's"
	case h.Verdict != "busy":
		return "\t" + h.Verdict + ": it was not the limit"
	case slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "the generator ") }):
		return "\tbusy: latencies have that in them"
	}
	return "\tbusy: latencies have that in them: " + strings.Join(h.Reasons, "; ")
}

// printSteps writes the steps of an idle run.
func printSteps(b *strings.Builder, steps any) {
	text, err := json.Marshal(steps)
	var rows []struct {
		Connections int   `json:"connections"`
		RSS         int64 `json:"rss_bytes"`
		Objects     int64 `json:"heap_objects"`
	}
	if err != nil || json.Unmarshal(text, &rows) != nil {
		return
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(b, 8, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "connections\tmemory\theap objects\t")
	for _, r := range rows {
		objects := "–"
		if r.Objects > 0 {
			objects = count(float64(r.Objects))
		}
		memory := "–"
		if r.RSS > 0 {
			memory = mebibytes(r.RSS)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", count(float64(r.Connections)), memory, objects)
	}
	t.Flush()
}

// amount is a metric's value with its unit.
func amount(m bench.Metric) string {
	switch m.Unit {
	case "us":
		return fmt.Sprintf("%.2f µs", m.Value)
	case "B":
		if v := max(m.Value, -m.Value); v >= 1<<20 {
			return mebibytes(int64(m.Value))
		}
		return count(m.Value) + " B"
	}
	return fmt.Sprintf("%.2f %s", m.Value, m.Unit)
}

// count is n without its fraction, with commas.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// mebibytes is n in MiB.
func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// micros is a time in microseconds, in a unit that suits it.
func micros(us float64) string {
	switch {
	case us >= 1e6:
		return fmt.Sprintf("%.2f s", us/1e6)
	case us >= 1e3:
		return fmt.Sprintf("%.2f ms", us/1e3)
	}
	return fmt.Sprintf("%.0f µs", us)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeFile makes the file and writes it by f.
func writeFile(name string, f func(*os.File) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := f(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
