package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench"
)

//go:embed goals.json
var goalsFile []byte

// goal is a figure that sio is to reach, or wants to. All of them are met by being
// low enough.
type goal struct {
	ID      string  `json:"id"` // the template says in "why ID" why it is missed
	Measure string  `json:"measure"`
	Suite   string  `json:"suite"`
	Case    string  `json:"case"`
	Metric  string  `json:"metric"`
	Server  string  `json:"server"`
	To      string  `json:"to,omitempty"`    // the goal is for the ratio to this server, round by round
	Over    string  `json:"over,omitempty"`  // … or to this case; with To, to that server's ratio of the cases
	Must    float64 `json:"must,omitempty"`  // 0: none
	Wants   float64 `json:"wants,omitempty"` // 0: none

	// Unjudged says why no result can tell, and what does: in place of all but ID and
	// Measure. Aim is then what is asked for.
	Unjudged string `json:"unjudged,omitempty"`
	Aim      string `json:"aim,omitempty"`
}

// outcome is how a goal stands.
type outcome struct {
	goal
	figure bench.Spread // of the server
	unit   string
	judged bench.Spread // what must and wants are for
	why    string       // it is not judged
}

func (p *page) readGoals() error {
	if err := json.Unmarshal(goalsFile, &p.goals); err != nil {
		return fmt.Errorf("goals.json: %w", err)
	}
	return nil
}

// judge takes a goal's figures from the results.
func (p *page) judge(g goal) outcome {
	o := outcome{goal: g}
	switch {
	case g.Unjudged != "":
		return o
	case g.Suite == scaleSuite:
		o.ofScale(p.scale)
		return o
	}
	c, err := p.find(g.Suite, g.Case)
	if err != nil {
		o.why = err.Error()
		return o
	}
	s := c.Server(g.Server)
	if s == nil || s.Figure(g.Metric) == nil {
		o.why = fmt.Sprintf("%s has no %s", g.Server, g.Metric)
		return o
	}
	o.figure, o.unit = s.Figure(g.Metric).Spread, s.Figure(g.Metric).Unit
	switch {
	case g.Over != "":
		base, err := p.find(g.Suite, g.Over)
		if err != nil {
			o.why = err.Error()
			return o
		}
		values := growth(c, base, g.Server, g.Metric)
		if g.To != "" {
			values = quotients(values, growth(c, base, g.To, g.Metric))
		}
		o.judged = bench.NewSpread(slices.Collect(maps.Values(values)))
	case g.To != "":
		o.judged = bench.NewSpread(c.Ratios(g.Server, g.To, g.Metric))
	default:
		o.judged = o.figure
	}
	if o.judged.N == 0 {
		o.why = fmt.Sprintf("%s was not there to compare with", g.To)
	}
	return o
}

// growth is the ratio of a metric of a server in one case to that in another, by
// round.
func growth(c, base *bench.CaseResult, server, metric string) map[int]float64 {
	of := func(c *bench.CaseResult) map[int]float64 {
		values := map[int]float64{}
		if s := c.Server(server); s != nil {
			rounds, all := s.Values(metric)
			for i, round := range rounds {
				values[round] = all[i]
			}
		}
		return values
	}
	return quotients(of(c), of(base))
}

// quotients are those of the rounds that both have.
func quotients(a, b map[int]float64) map[int]float64 {
	q := map[int]float64{}
	for round, v := range a {
		if w := b[round]; w != 0 {
			q[round] = v / w
		}
	}
	return q
}

// met says whether the median reaches an aim.
func (o *outcome) met(aim float64) bool { return o.why == "" && o.judged.Median <= aim }

// word is the outcome for people.
func (o *outcome) word() string {
	switch {
	case o.Unjudged != "":
		return "not judged by this page: " + o.Unjudged
	case o.why != "":
		return "not measured: " + o.why
	case o.Wants != 0 && o.met(o.Wants) && o.Must != 0:
		return "met, and what is wanted" + o.some(o.judged.Max > o.Wants, " (not in every round)")
	case o.Must == 0 && o.met(o.Wants):
		return "as wanted"
	case o.Must == 0:
		return "wanted, missed"
	case o.met(o.Must):
		return "met" + o.some(o.judged.Max > o.Must, " (not in every round)")
	}
	return "**missed**" + o.some(o.judged.Min <= o.Must, " (met in some rounds)")
}

func (*outcome) some(yes bool, text string) string {
	if yes {
		return text
	}
	return ""
}

// Goals is the table of all goals.
func (p *page) Goals() (string, error) {
	var b strings.Builder
	b.WriteString("| measure | figure | what the aim is for | must | wants | |\n|---|---:|---:|---:|---:|---|")
	for _, g := range p.goals {
		o := p.judge(g)
		figure, judged := "–", "–"
		if o.figure.N > 0 {
			figure = amount(o.figure, o.unit)
		}
		if o.judged.N > 0 {
			switch {
			case g.Over != "" && g.To != "":
				judged = ratioText(o.judged) + " × its growth"
			case g.Over != "":
				judged = ratioText(o.judged) + " ×"
			case g.To != "":
				judged = ratioText(o.judged) + " × " + g.To
			default:
				judged = "the figure"
			}
		}
		must := aim(g.Must, g, o.unit)
		if g.Unjudged != "" {
			must = g.Aim
		}
		fmt.Fprintf(&b, "\n| %s | %s | %s | %s | %s | %s |", g.Measure, figure, judged, must, aim(g.Wants, g, o.unit), o.word())
	}
	return b.String(), nil
}

// amount is a figure with its unit and spread.
func amount(s bench.Spread, unit string) string {
	if unit == "B" && max(s.Max, -s.Min) >= 1<<20 {
		return fmt.Sprintf("%.1f MiB (%.1f–%.1f)", s.Median/(1<<20), s.Min/(1<<20), s.Max/(1<<20))
	}
	if unit == "" {
		return s.String()
	}
	return s.String() + " " + unit
}

func ratioText(s bench.Spread) string {
	if s.N == 1 {
		return fmt.Sprintf("%.2f", s.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Min, s.Max)
}

// aim is what a goal asks for.
func aim(v float64, g goal, unit string) string {
	switch {
	case v == 0:
		return ""
	case g.To != "" || g.Over != "":
		return fmt.Sprintf("%.4g", v)
	case unit == "B" && v >= 1<<20:
		return fmt.Sprintf("%.4g MiB", v/(1<<20))
	}
	text := fmt.Sprintf("%.4g", v)
	if v >= 1000 {
		text = number(v)
	}
	return strings.TrimSpace(text + " " + unit)
}

// Met counts the goals.
func (p *page) Met() string {
	var musts, met, wants, had, open, unjudged int
	for _, g := range p.goals {
		o := p.judge(g)
		switch {
		case g.Unjudged != "":
			unjudged++
			continue
		case o.why != "":
			open++
			continue
		}
		if g.Must != 0 {
			musts++
			if o.met(g.Must) {
				met++
			}
		}
		if g.Wants != 0 {
			wants++
			if o.met(g.Wants) {
				had++
			}
		}
	}
	text := fmt.Sprintf("%d of %d musts are met in the median, and %d of %d wants", met, musts, had, wants)
	if unjudged > 0 {
		text += fmt.Sprintf("; of %d goals no result can tell, see there", unjudged)
	}
	if open > 0 {
		text += fmt.Sprintf("; %d goals were not measured", open)
	}
	if missing := p.missing(); len(missing) > 0 {
		text += "; **not measured** at all: " + strings.Join(missing, ", ")
	}
	return text + "."
}

// missed are the goals whose must is missed.
func (p *page) missed() (list []outcome) {
	for _, g := range p.goals {
		if o := p.judge(g); o.why == "" && g.Unjudged == "" && g.Must != 0 && !o.met(g.Must) {
			list = append(list, o)
		}
	}
	return list
}

// Missed says of each missed must why, in the template's words.
func (p *page) Missed() (string, error) {
	list := p.missed()
	if len(list) == 0 {
		return "None.", nil
	}
	t, err := p.template()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, "- **%s** (%s, must be %s): ", o.Measure, ratioOrFigure(&o), aim(o.Must, o.goal, o.unit))
		why := t.Lookup("why " + o.ID)
		if why == nil {
			b.WriteString("the reason is not known yet.\n")
			continue
		}
		var text strings.Builder
		if err := why.Execute(&text, p); err != nil {
			return "", err
		}
		b.WriteString(strings.ReplaceAll(strings.TrimSpace(text.String()), "\n", "\n  ") + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func ratioOrFigure(o *outcome) string {
	if o.To != "" || o.Over != "" {
		return ratioText(o.judged)
	}
	return amount(o.judged, o.unit)
}

// unexplained are the missed musts of which the template does not say why.
func (p *page) unexplained() (list []string) {
	t, err := p.template()
	if err != nil {
		return nil
	}
	for _, o := range p.missed() {
		if t.Lookup("why "+o.ID) == nil {
			list = append(list, o.ID+": "+o.Measure)
		}
	}
	return list
}
