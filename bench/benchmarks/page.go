package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

// page is what BENCHMARKS.md is made of. Its exported methods are what the template
// calls.
type page struct {
	suites map[string]*bench.MatrixResult
	order  []string // their names
	goals  []goal
	scale  *scale // nil: not run
}

//go:embed benchmarks.md.tmpl
var prose string

// files are all that is written, by name from the root.
func (p *page) files() (map[string][]byte, error) {
	t, err := p.template()
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return nil, err
	}
	files := map[string][]byte{pageFile: []byte(b.String())}
	for _, c := range p.charts() {
		files[chartsDir+"/"+c.file] = c.svg
	}
	return files, nil
}

func (p *page) template() (*template.Template, error) {
	return template.New("page").Option("missingkey=error").Parse(prose)
}

// Suite is the result of a suite, nil if it was not run.
func (p *page) Suite(name string) *bench.MatrixResult { return p.suites[name] }

// missing are the suites that have not been measured.
func (p *page) missing() (names []string) {
	for _, name := range suites {
		if p.suites[name] == nil {
			names = append(names, name)
		}
	}
	if p.scale == nil {
		names = append(names, scaleSuite)
	}
	return names
}

// find looks a case up.
func (p *page) find(suite, name string) (*bench.CaseResult, error) {
	r := p.suites[suite]
	if r == nil {
		return nil, fmt.Errorf("no results of %s", suite)
	}
	c := r.Case(name)
	if c == nil {
		return nil, fmt.Errorf("%s: no case %q", suite, name)
	}
	return c, nil
}

// Figure is a metric of a server in a case, its median.
func (p *page) Figure(suite, name, metric, server string) (string, error) {
	c, err := p.find(suite, name)
	if err != nil {
		return "", err
	}
	s := c.Server(server)
	if s == nil || s.Figure(metric) == nil {
		return "", fmt.Errorf("%s: %s: no %q of %s", suite, name, metric, server)
	}
	return number(s.Figure(metric).Spread.Median), nil
}

// number writes v as tables have it.
func number(v float64) string { return bench.Spread{Median: v, N: 1}.String() }

// Ratio is the median ratio of one server to another in a metric of a case.
func (p *page) Ratio(suite, name, metric, server, to string) (string, error) {
	c, err := p.find(suite, name)
	if err != nil {
		return "", err
	}
	values := c.Ratios(server, to, metric)
	if len(values) == 0 {
		return "", fmt.Errorf("%s: %s: no ratio of %s to %s in %q", suite, name, server, to, metric)
	}
	return fmt.Sprintf("%.2f", bench.NewSpread(values).Median), nil
}

// Has says whether a server ran a case.
func (p *page) Has(suite, name, server string) bool {
	c, err := p.find(suite, name)
	return err == nil && c.Server(server) != nil && len(c.Server(server).Runs) > 0
}

// Machine is where, when and how the suites were run.
func (p *page) Machine() string {
	var b strings.Builder
	for _, name := range p.order {
		r := p.suites[name]
		e := r.Environment
		fmt.Fprintf(&b, "- **%s**: %s to %s, %d rounds. %d cores of %s, %s, %s; generator built with %s",
			name, r.Started.Format("2006-01-02 15:04"), r.Finished.Format("15:04 MST"), r.Rounds, e.Cores, e.Processor, e.Kernel, e.System, e.Go)
		fmt.Fprintf(&b, ", %s; %s of runs.\n", revision(&e), r.Finished.Sub(r.Started).Round(time.Minute))
		for _, a := range r.Absent {
			fmt.Fprintf(&b, "  %s was left out: %s\n", a.Name, oneLine(a.Why))
		}
	}
	for _, name := range p.missing() {
		fmt.Fprintf(&b, "- **%s** was not measured.\n", name)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// revision is that of the checkout which the generator, and with it sio, was built of.
func revision(e *bench.Environment) string {
	if e.Revision == "" {
		return "of which the revision was not recorded"
	}
	return "revision " + e.Revision
}

// oneLine is the first line of a text, with the next one if that is only announced, and not
// too long.
func oneLine(s string) string {
	s, more, _ := strings.Cut(s, "\n")
	if strings.HasSuffix(s, ":") {
		next, _, _ := strings.Cut(more, "\n")
		s = strings.TrimSuffix(s+" "+strings.TrimSpace(next), " ")
	}
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return strings.TrimSuffix(s, ";")
}

// Servers says which servers there are, and of which version.
func (p *page) Servers() string {
	var lines []string
	for _, name := range p.order {
		for _, s := range p.suites[name].Servers {
			line := fmt.Sprintf("| %s | %s | `%s` |", s.Name, cmp.Or(s.Version, "not told"), strings.Join(s.Command, " "))
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return "| server | version | command |\n|---|---|---|\n" + strings.Join(lines, "\n")
}

// Errors is the number of all errors, in words: ours, those of others, and those that are
// known of them.
func (p *page) Errors() string {
	var runs int
	var own, others, known uint64
	for _, r := range p.suites {
		for i := range r.Cases {
			for j := range r.Cases[i].Servers {
				s := &r.Cases[i].Servers[j]
				runs += len(s.Runs)
				n, tolerated := r.Errors(s)
				known += tolerated
				if isOurs(s.Name) {
					own += n
				} else {
					others += n
				}
			}
		}
	}
	var text string
	switch {
	case own+others == 0:
		text = fmt.Sprintf("there was no error in %d runs", runs)
	case own == 0:
		text = fmt.Sprintf("in %d runs there was no error of sio, and %s of others (see the tables)", runs, plain(others))
	default:
		text = fmt.Sprintf("**in %d runs there were %s errors of sio**, and %s of others (see the tables)", runs, plain(own), plain(others))
	}
	if known > 0 {
		text += fmt.Sprintf(", but for %s of kinds that are known of others' servers and have nothing to do with their figures (the tables say which; bench/peers/README.md has more)", plain(known))
	}
	return text
}

// plain is n with commas.
func plain(n uint64) string {
	if n < 100 {
		return fmt.Sprint(n)
	}
	return number(float64(n))
}

// Ceiling is what one core of the generator can do: in the median of the runs of a case
// against a server, operations for each second that it had a processor.
func (p *page) Ceiling(suite, name, server string) (string, error) {
	c, err := p.find(suite, name)
	if err != nil {
		return "", err
	}
	var values []float64
	if s := c.Server(server); s != nil {
		for _, run := range s.Runs {
			if run.Client != nil && run.Client.CPU > 0 {
				values = append(values, float64(run.Operations)/run.Client.CPU)
			}
		}
	}
	if len(values) == 0 {
		return "", fmt.Errorf("%s: %s: the generator's time is not known in any run of %s", suite, name, server)
	}
	return number(bench.NewSpread(values).Median), nil
}

// Limited says where the generator was the limit.
func (p *page) Limited() string {
	var list []string
	for _, name := range p.order {
		for _, c := range p.suites[name].Cases {
			for _, s := range c.Servers {
				if s.Limited() > 0 {
					list = append(list, fmt.Sprintf("%s, %s (%d of %d runs)", c.Name, s.Name, s.Limited(), len(s.Runs)))
				}
			}
		}
	}
	if len(list) == 0 {
		return "In none of the runs was the generator the limit."
	}
	return "The generator was the limit of throughput and latency, though not of CPU per operation, in:\n\n- " + strings.Join(list, "\n- ")
}

// Summary is a table of a suite: a row for each case, its main metric on each
// server, and in brackets the ratio to one of them.
func (p *page) Summary(suite, to string) (string, error) {
	r := p.suites[suite]
	if r == nil {
		return "", fmt.Errorf("no results of %s", suite)
	}
	servers := p.present(r)
	var b strings.Builder
	b.WriteString("| case | |")
	for _, s := range servers {
		fmt.Fprintf(&b, " %s |", s)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---:|", len(servers)))
	for i := range r.Cases {
		c := &r.Cases[i]
		if len(c.Servers) == 0 || len(c.Servers[0].Figures) == 0 {
			continue
		}
		main := c.Servers[0].Figures[0]
		fmt.Fprintf(&b, "\n| %s | %s |", c.Name, unitOf(main.Metric, main.Unit))
		for _, name := range servers {
			s := c.Server(name)
			if s == nil || s.Figure(main.Metric) == nil {
				b.WriteString(" – |")
				continue
			}
			fmt.Fprintf(&b, " %s", number(s.Figure(main.Metric).Spread.Median))
			if values := c.Ratios(name, to, main.Metric); len(values) > 0 && name != to {
				fmt.Fprintf(&b, " (%.2f)", bench.NewSpread(values).Median)
			}
			b.WriteString(" |")
		}
	}
	return b.String(), nil
}

// present are the servers of a suite that have runs.
func (p *page) present(r *bench.MatrixResult) (names []string) {
	for _, s := range r.Servers {
		if slices.ContainsFunc(r.Cases, func(c bench.CaseResult) bool { return c.Server(s.Name) != nil && len(c.Server(s.Name).Runs) > 0 }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// unitOf is a metric's name with its unit.
func unitOf(metric, unit string) string {
	if unit == "" || unit == "1/s" {
		return metric
	}
	return metric + ", " + unit
}

// Tables are all cases of all suites, in full.
func (p *page) Tables() (string, error) {
	var b strings.Builder
	for _, name := range p.order {
		fmt.Fprintf(&b, "\n### Suite %s\n", name)
		if err := p.suites[name].WriteCases(&b, 4); err != nil {
			return "", err
		}
	}
	return strings.TrimSpace(b.String()), nil
}

// ceilings are what no server with a protocol behind it can be.
var ceilings = []string{"bare gnet", "bare write"}

// AsGood lists where another server is as good as ours, or better: each metric of
// each case in which the spread of the ratio reaches 1 or beyond it.
func (p *page) AsGood(ours string) string {
	return p.asGood(ours, func(peer string, _ int) bool { return !slices.Contains(ceilings, peer) })
}

// Ceilings lists the same of the yardsticks, for main metrics only.
func (p *page) Ceilings(ours string) string {
	return p.asGood(ours, func(peer string, metric int) bool { return metric == 0 && slices.Contains(ceilings, peer) })
}

func (p *page) asGood(ours string, looksAt func(peer string, metric int) bool) string {
	var list []string
	for _, suite := range p.order {
		r := p.suites[suite]
		for i := range r.Cases {
			c := &r.Cases[i]
			mine := c.Server(ours)
			if mine == nil || len(mine.Runs) == 0 {
				continue
			}
			_, given := mine.Runs[0].Parameters["rate"]
			for _, peer := range c.Servers {
				for n, f := range mine.Figures {
					if isOurs(peer.Name) || !looksAt(peer.Name, n) || given && f.Higher { // a rate that was given is no feat
						continue
					}
					if text := asGood(c, &f, ours, peer.Name); text != "" {
						list = append(list, fmt.Sprintf("| %s | %s | %s | %s |", c.Name, f.Metric, peer.Name, text))
					}
				}
			}
		}
	}
	if len(list) == 0 {
		return "None in these results."
	}
	return fmt.Sprintf("| case | metric | server | %s to it |\n|---|---|---|---|\n%s", ours, strings.Join(list, "\n"))
}

// isOurs says whether a server is sio in some mode.
func isOurs(name string) bool { return name == "sio" || strings.HasPrefix(name, "sio ") }

// asGood is the ratio of ours to a peer with a word on it, empty if ours is better
// in every round.
func asGood(c *bench.CaseResult, f *bench.Figure, ours, peer string) string {
	if f.Spread.Min < 0 { // a growth: a ratio would mean nothing
		return growthAsGood(c, f, peer)
	}
	values := c.Ratios(ours, peer, f.Metric)
	if len(values) == 0 {
		return ""
	}
	s := bench.NewSpread(values)
	least, median, most := s.Min, s.Median, s.Max // above 1: the peer is better
	if f.Higher {
		least, median, most = 1/s.Max, 1/s.Median, 1/s.Min
	}
	switch {
	case most < 1:
		return ""
	case least > 1:
		return s.String() + ": it is better"
	case median > 1:
		return s.String() + ": it is better in the median"
	}
	return s.String() + ": within the spread"
}

func growthAsGood(c *bench.CaseResult, f *bench.Figure, peer string) string {
	g := c.Server(peer).Figure(f.Metric)
	if g == nil || g.Spread.Min > f.Spread.Max {
		return ""
	}
	return fmt.Sprintf("%s against %s %s", f.Spread, g.Spread, f.Unit)
}
