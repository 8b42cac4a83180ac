package bench

import "slices"

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
			f.Spread = newSpread(values)
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
	s := newSpread(values)
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
