package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// WriteMarkdown writes the matrix as a page: where and how it was run, a
// table for each case, and everything that casts doubt on a figure.
func (r *MatrixResult) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	e := r.Environment
	fmt.Fprintf(&b, "Machine: %s. Generator: %s", plainMarkdown(fmt.Sprintf("%s, %d cores, %s, %s", orUnknown(e.Processor), e.Cores, e.System, orUnknown(e.Kernel))),
		plainMarkdown(fmt.Sprintf("%s, GOMAXPROCS %d", e.Go, e.GOMAXPROCS)))
	if e.Revision != "" {
		fmt.Fprintf(&b, ", revision %s", plainMarkdown(e.Revision))
	}
	fmt.Fprintf(&b, ".\n%s to %s, %d rounds, servers turn about in an order that changes.", r.Started.Format(time.DateTime), r.Finished.Format(time.DateTime+" MST"), r.Rounds)
	if r.Interrupted {
		b.WriteString(" **Interrupted: not all runs were made.**")
	}
	b.WriteString("\n\nValues are medians over the rounds, with the least and the greatest. Ratios are taken round by round.\n")
	b.WriteString("\n| server | version | command |\n|---|---|---|\n")
	for _, s := range r.Servers {
		version := "not told"
		if s.Version != "" {
			version = plainMarkdown(s.Version)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", plainMarkdown(s.Name), version, codeMarkdown(strings.Join(s.Command, " ")))
	}
	for _, a := range r.Absent {
		fmt.Fprintf(&b, "\n%s was left out: %s\n", plainMarkdown(a.Name), plainMarkdown(a.Why))
	}
	if err := r.WriteCases(&b, 2); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteCases writes the tables of all cases alone, with headings of that level.
func (r *MatrixResult) WriteCases(w io.Writer, level int) error {
	var b strings.Builder
	for i := range r.Cases {
		r.writeCase(&b, &r.Cases[i], level)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *MatrixResult) writeCase(b *strings.Builder, c *CaseResult, level int) {
	fmt.Fprintf(b, "\n%s %s\n\n", strings.Repeat("#", level), plainMarkdown(c.Name))
	if c.Line != "" {
		fmt.Fprintf(b, "%s\n\n", codeMarkdown("sio-bench "+c.Line))
	}
	var metrics []Figure
	for _, s := range c.Servers {
		for _, f := range s.Figures {
			if !slices.ContainsFunc(metrics, func(m Figure) bool { return m.Metric == f.Metric }) {
				metrics = append(metrics, f)
			}
		}
	}
	if len(metrics) == 0 {
		b.WriteString("No figures.\n")
	} else {
		first := c.Servers[0].Name
		base := r.Baseline != "" && r.Baseline != first && slices.ContainsFunc(c.Servers, func(s ServerResult) bool { return s.Name == r.Baseline })
		fmt.Fprintf(b, "| server | %s | to %s |", header(metrics[0]), plainMarkdown(first))
		if base {
			fmt.Fprintf(b, " to %s |", plainMarkdown(r.Baseline))
		}
		for _, m := range metrics[1:] {
			fmt.Fprintf(b, " %s |", header(m))
		}
		b.WriteString(" generator cores | errors |\n|---|" + strings.Repeat("---:|", len(metrics)+3))
		if base {
			b.WriteString("---:|")
		}
		b.WriteByte('\n')
		for _, s := range c.Servers {
			fmt.Fprintf(b, "| %s |", plainMarkdown(s.Name))
			f := s.Figure(metrics[0].Metric)
			fmt.Fprintf(b, " %s | %s |", spread(f), ratio(f, f != nil, func(f *Figure) *Spread { return f.ToFirst }))
			if base {
				fmt.Fprintf(b, " %s |", ratio(f, f != nil, func(f *Figure) *Spread { return f.ToBaseline }))
			}
			for _, m := range metrics[1:] {
				fmt.Fprintf(b, " %s |", spread(s.Figure(m.Metric)))
			}
			fmt.Fprintf(b, " %s | %s |\n", s.generator(), r.errors(&s))
		}
	}
	var notes []string
	for _, s := range c.Servers {
		known := r.tolerated(s.Name)
		for _, why := range s.Failed {
			notes = append(notes, fmt.Sprintf("%s: a run failed: %s", s.Name, why))
		}
		for _, run := range s.Runs {
			for _, text := range run.Warnings {
				notes = append(notes, s.Name+": "+text)
			}
			for _, name := range slices.Sorted(maps.Keys(run.Errors)) {
				note := fmt.Sprintf("%s: %s, for example %s", s.Name, name, run.Errors[name].Example)
				if why := known[name]; why != "" {
					note = fmt.Sprintf("%s: %s, which is tolerated: %s", s.Name, name, why)
				}
				notes = append(notes, note)
			}
		}
	}
	slices.Sort(notes)
	if notes = slices.Compact(notes); len(notes) > 0 {
		b.WriteByte('\n')
		for _, n := range notes {
			fmt.Fprintf(b, "- %s\n", plainMarkdown(n))
		}
	}
}

// generator is the median of the generator's own cores.
func (s *ServerResult) generator() string {
	var cores []float64
	for _, run := range s.Runs {
		if run.Client != nil {
			cores = append(cores, run.Client.Cores)
		}
	}
	if len(cores) == 0 {
		return "–"
	}
	text := fmt.Sprintf("%.2f", NewSpread(cores).Median)
	if n := s.Limited(); n > 0 {
		text += fmt.Sprintf(" **the limit in %d of %d**", n, len(s.Runs))
	}
	return text
}

// Limited is the number of runs in which the generator was the limit.
func (s *ServerResult) Limited() (n int) {
	for _, run := range s.Runs {
		if run.generatorLimit() {
			n++
		}
	}
	return n
}

// generatorLimit says whether throughput and latency are the generator's.
func (r *Result) generatorLimit() bool {
	return r.Generator != nil && r.Generator.Verdict == healthLimit ||
		slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, warnLimit) })
}

// errors is the number of errors of all runs, those that are tolerated apart.
func (r *MatrixResult) errors(s *ServerResult) string {
	counted, tolerated := r.Errors(s)
	text := "0"
	if counted > 0 {
		text = fmt.Sprintf("**%d**", counted)
	}
	if tolerated > 0 {
		text += fmt.Sprintf(" (and %d tolerated)", tolerated)
	}
	return text
}

func header(f Figure) string {
	if f.Unit == "" || f.Unit == "1/s" {
		return plainMarkdown(f.Metric)
	}
	return plainMarkdown(f.Metric + ", " + f.Unit)
}

func spread(f *Figure) string {
	if f == nil {
		return "–"
	}
	return f.Spread.String()
}

// String is the median with three significant digits, and the ends.
func (s Spread) String() string {
	switch s.N {
	case 0:
		return "–"
	case 1:
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

func ratio(f *Figure, ok bool, of func(*Figure) *Spread) string {
	if !ok {
		return "–"
	}
	s := of(f)
	switch {
	case s == nil:
		return "1"
	case s.N == 1:
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// number writes v with three significant digits, or all before the point.
func number(v float64) string {
	switch a := max(v, -v); {
	case a >= 100:
		return group(fmt.Sprintf("%.0f", v))
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// group puts a comma before every three digits of a whole number.
func group(s string) string {
	from := 0
	if strings.HasPrefix(s, "-") {
		from = 1
	}
	for i := len(s) - 3; i > from; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
