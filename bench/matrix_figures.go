package bench

import (
	"cmp"
	"slices"
)

// run is the run of a round, nil if there is none.
func (s *ServerResult) run(round int) *Result {
	for i, r := range s.Runs {
		if s.round(i) == round {
			return r
		}
	}
	return nil
}

// round is that of run i. Files of before rounds were kept have whole rounds.
func (s *ServerResult) round(i int) int {
	if i < len(s.Rounds) {
		return s.Rounds[i]
	}
	return i
}

// take adds the runs of an earlier result, of rounds in which no server of this
// one lacks its run: what was run at another time must not share a round.
func (c *CaseResult) take(earlier *CaseResult) {
	find := func(name string) *ServerResult {
		for i := range earlier.Servers {
			if earlier.Servers[i].Name == name {
				return &earlier.Servers[i]
			}
		}
		return &ServerResult{}
	}
	for round := range earlier.rounds() {
		if slices.ContainsFunc(c.Servers, func(s ServerResult) bool { return find(s.Name).run(round) == nil }) {
			continue
		}
		for i := range c.Servers {
			s := &c.Servers[i]
			s.Runs, s.Rounds = append(s.Runs, find(s.Name).run(round)), append(s.Rounds, round)
		}
	}
}

// rounds is the number of rounds that have a run.
func (c *CaseResult) rounds() (n int) {
	for _, s := range c.Servers {
		for i := range s.Runs {
			n = max(n, s.round(i)+1)
		}
	}
	return n
}

// evaluate makes the figures of a case out of its runs.
func (c *CaseResult) evaluate(baseline string) {
	base := slices.IndexFunc(c.Servers, func(s ServerResult) bool { return s.Name == baseline })
	var names []Metric
	for _, s := range c.Servers {
		for _, r := range s.Runs {
			for _, m := range r.Metrics {
				if !slices.ContainsFunc(names, func(n Metric) bool { return n.Name == m.Name }) {
					names = append(names, m)
				}
			}
		}
	}
	for place := range c.Servers {
		s := &c.Servers[place]
		s.Figures = nil
		for _, m := range names {
			f := Figure{Metric: m.Name, Unit: m.Unit, Higher: m.Higher}
			var values []float64
			for _, r := range s.Runs {
				if v, ok := r.Metric(m.Name); ok {
					values = append(values, v.Value)
				}
			}
			if len(values) == 0 {
				continue
			}
			f.Spread = NewSpread(values)
			f.ToFirst = c.ratio(place, 0, m.Name)
			if base >= 0 {
				f.ToBaseline = c.ratio(place, base, m.Name)
			}
			s.Figures = append(s.Figures, f)
		}
	}
}

// ratio is the spread of ratios; nil if there are none, or it is the same server.
func (c *CaseResult) ratio(place, to int, metric string) *Spread {
	if place == to {
		return nil
	}
	values := c.ratios(place, to, metric)
	if len(values) == 0 {
		return nil
	}
	s := NewSpread(values)
	return &s
}

// ratios are those of one server to another in a metric, round by round.
func (c *CaseResult) ratios(place, to int, metric string) (values []float64) {
	for round := range c.rounds() {
		a, b := c.Servers[place].run(round), c.Servers[to].run(round)
		if a == nil || b == nil {
			continue
		}
		va, ok1 := a.Metric(metric)
		vb, ok2 := b.Metric(metric)
		if ok1 && ok2 && vb.Value != 0 {
			values = append(values, va.Value/vb.Value)
		}
	}
	return values
}

// Evaluate makes the figures anew out of the runs.
func (r *MatrixResult) Evaluate() {
	for i := range r.Cases {
		r.Cases[i].evaluate(r.Baseline)
	}
}

// Case is the case of that name, nil if there is none.
func (r *MatrixResult) Case(name string) *CaseResult {
	for i := range r.Cases {
		if r.Cases[i].Name == name {
			return &r.Cases[i]
		}
	}
	return nil
}

// Server is the result of the server of that name, nil if there is none.
func (c *CaseResult) Server(name string) *ServerResult {
	if i := c.place(name); i >= 0 {
		return &c.Servers[i]
	}
	return nil
}

func (c *CaseResult) place(name string) int {
	return slices.IndexFunc(c.Servers, func(s ServerResult) bool { return s.Name == name })
}

// Ratios are those of one server to another in a metric, round by round; nil if a
// server is not there.
func (c *CaseResult) Ratios(server, to, metric string) []float64 {
	a, b := c.place(server), c.place(to)
	if a < 0 || b < 0 {
		return nil
	}
	return c.ratios(a, b, metric)
}

// Values are the rounds of which the server has a run with that metric, and its
// values in them.
func (s *ServerResult) Values(metric string) (rounds []int, values []float64) {
	for i, r := range s.Runs {
		if m, ok := r.Metric(metric); ok {
			rounds, values = append(rounds, s.round(i)), append(values, m.Value)
		}
	}
	return rounds, values
}

// Figure is the figure of a metric, nil if there is none.
func (s *ServerResult) Figure(metric string) *Figure {
	for i := range s.Figures {
		if s.Figures[i].Metric == metric {
			return &s.Figures[i]
		}
	}
	return nil
}

// Slim takes out of the runs what is long: series, histograms, and curves. The
// curves of one run of each server and case stay if keepCurves says so: those of
// the run that is in the middle by its main latency's 99th percentile.
func (r *MatrixResult) Slim(keepCurves func(name string) bool) {
	for i := range r.Cases {
		k := &r.Cases[i]
		for j := range k.Servers {
			s := &k.Servers[j]
			middle := -1
			if keepCurves(k.Name) {
				middle = middleRun(s.Runs)
			}
			for n, run := range s.Runs {
				run.Series = nil
				for l := range run.Latencies {
					run.Latencies[l].Histogram = ""
					if n != middle || run.Latencies[l].Name != run.mainLatency() {
						run.Latencies[l].Curve = nil
					}
				}
			}
		}
	}
}

// middleRun is the run whose main latency has the median 99th percentile, -1 if none
// has one.
func middleRun(runs []*Result) int {
	type place struct {
		run int
		p99 float64
	}
	var all []place
	for n, run := range runs {
		if l := run.Latency(run.mainLatency()); l != nil {
			all = append(all, place{n, l.P99})
		}
	}
	if len(all) == 0 {
		return -1
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(a.p99, b.p99) })
	return all[len(all)/2].run
}

// Latency is the latency of that name, nil if there is none.
func (r *Result) Latency(name string) *Latency {
	for i := range r.Latencies {
		if r.Latencies[i].Name == name {
			return &r.Latencies[i]
		}
	}
	return nil
}
