package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Matrix runs the same cases against several servers, turn about: server A,
// B, C, then A, B, C again, so that each round is a set of runs close in time. A
// machine's speed drifts by far more than servers differ; ratios within a round
// do not.
type Matrix struct {
	Servers  []ServerSpec
	Cases    []Case
	Rounds   int           // default 5
	Baseline string        // name of the server to compare with beside the first; default none
	Pause    time.Duration // before each run, to let the servers come to rest; default 500 ms
	Progress func(MatrixProgress)
}

// Case is one load to compare under.
type Case struct {
	Name     string
	Scenario Scenario

	// Options of the runs; URL, PID and Stats are filled in.
	Options Options

	// Fresh starts a new process for each run, for cases that look at memory.
	// Otherwise a server's one process serves all its runs.
	Fresh bool

	// Only names the servers that can do it. Empty: all.
	Only []string

	// Line is how the case was asked for, for the report.
	Line string
}

// MatrixProgress tells which run begins, or how it goes.
type MatrixProgress struct {
	Case, Server  string
	Round, Rounds int      // from 1
	Done, Runs    int      // runs done, runs in all
	Run           Progress // of the run
	Result        *Result  // set when the run is done
}

// MatrixResult is what a [Matrix] has shown.
type MatrixResult struct {
	Started     time.Time    `json:"started"`
	Finished    time.Time    `json:"finished"`
	Environment Environment  `json:"environment"`
	Rounds      int          `json:"rounds"`
	Baseline    string       `json:"baseline,omitempty"`
	Servers     []ServerSpec `json:"servers"`
	Cases       []CaseResult `json:"cases"`
	Interrupted bool         `json:"interrupted,omitempty"`
}

// CaseResult is the runs of one case.
type CaseResult struct {
	Name    string         `json:"name"`
	Line    string         `json:"line,omitempty"`
	Servers []ServerResult `json:"servers"`
}

// ServerResult is the runs of one case against one server, a figure for each
// metric, and all results.
type ServerResult struct {
	Name    string    `json:"name"`
	Figures []Figure  `json:"figures"`
	Runs    []*Result `json:"runs"`
	Failed  []string  `json:"failed,omitempty"` // runs without a result, and why
}

// Figure is one metric over the rounds.
type Figure struct {
	Metric     string  `json:"metric"`
	Unit       string  `json:"unit"`
	Higher     bool    `json:"higher_is_better,omitempty"`
	Spread     Spread  `json:"value"`
	ToFirst    *Spread `json:"ratio_to_first,omitempty"`    // nil for the first itself
	ToBaseline *Spread `json:"ratio_to_baseline,omitempty"` // nil for the baseline itself
}

// Spread is the median and the ends of some values.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

func newSpread(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n == 0 {
		return Spread{}
	}
	return Spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1], N: n}
}

// ErrorTotal is the number of all errors, and of runs that failed.
func (r *MatrixResult) ErrorTotal() (n uint64) {
	for _, c := range r.Cases {
		for _, s := range c.Servers {
			n += uint64(len(s.Failed))
			for _, run := range s.Runs {
				n += run.ErrorTotal()
			}
		}
	}
	return n
}

func (m *Matrix) check() error {
	names := map[string]bool{}
	for _, s := range m.Servers {
		if s.Name == "" || names[s.Name] {
			return fmt.Errorf("%w: server name %q: must be there, and once", ErrUsage, s.Name)
		}
		names[s.Name] = true
	}
	if len(m.Servers) == 0 || len(m.Cases) == 0 {
		return fmt.Errorf("%w: nothing to measure: %d servers, %d cases", ErrUsage, len(m.Servers), len(m.Cases))
	}
	if m.Baseline != "" && !names[m.Baseline] {
		return fmt.Errorf("%w: baseline %q is not a server", ErrUsage, m.Baseline)
	}
	if m.Rounds < 1 || m.Rounds > 1000 {
		return fmt.Errorf("%w: %d rounds: must be 1 to 1000", ErrUsage, m.Rounds)
	}
	for _, k := range m.Cases {
		for _, name := range k.Only {
			if !names[name] {
				return fmt.Errorf("%w: case %q: %q is not a server", ErrUsage, k.Name, name)
			}
		}
	}
	return nil
}

// servers are the indexes of the servers that run k.
func (m *Matrix) servers(k *Case) (list []int) {
	for i, s := range m.Servers {
		if len(k.Only) == 0 || slices.Contains(k.Only, s.Name) {
			list = append(list, i)
		}
	}
	return list
}

// Run starts the servers, runs all cases, and ends the servers it started. A
// run that fails, or a server that dies, is kept in the result and the rest goes
// on; a server that does not start is an error. When ctx ends, the result is of
// the runs so far, Interrupted is set, and the error is nil.
func (m *Matrix) Run(ctx context.Context) (*MatrixResult, error) {
	own := *m
	if own.Rounds == 0 {
		own.Rounds = 5
	}
	if own.Pause == 0 {
		own.Pause = 500 * time.Millisecond
	}
	if err := own.check(); err != nil {
		return nil, err
	}
	t := &tournament{Matrix: &own, ctx: ctx, children: make([]*child, len(own.Servers))}
	defer t.stopAll()
	return t.run()
}

// tournament is a Matrix under way.
type tournament struct {
	*Matrix
	ctx      context.Context
	children []*child // by server; nil: not running
	done     int
	runs     int
}

func (t *tournament) stopAll() {
	for _, c := range t.children {
		if c != nil {
			c.stop()
		}
	}
}

func (t *tournament) run() (*MatrixResult, error) {
	res := &MatrixResult{
		Started: time.Now().UTC().Truncate(time.Second), Environment: environment(),
		Rounds: t.Rounds, Baseline: t.Baseline, Servers: t.Servers,
	}
	for i := range t.Cases {
		t.runs += t.Rounds * len(t.servers(&t.Cases[i]))
	}
	for i, spec := range t.Servers { // a server that cannot start is told at once
		var err error
		if t.children[i], err = startChild(t.ctx, spec); err != nil {
			return nil, err
		}
	}
	for i := range t.Cases {
		k := &t.Cases[i]
		cr := CaseResult{Name: k.Name, Line: k.Line}
		list := t.servers(k)
		for _, s := range list {
			cr.Servers = append(cr.Servers, ServerResult{Name: t.Servers[s].Name, Runs: []*Result{}})
		}
		table := make([][]*Result, t.Rounds) // by round and place in list
		for round := range t.Rounds {
			table[round] = make([]*Result, len(list))
			for place, s := range list {
				result, err := t.one(k, s, round)
				if t.ctx.Err() != nil {
					res.Interrupted = true
					break
				}
				if err != nil {
					cr.Servers[place].Failed = append(cr.Servers[place].Failed, err.Error())
					continue
				}
				table[round][place] = result
				cr.Servers[place].Runs = append(cr.Servers[place].Runs, result)
			}
			if res.Interrupted {
				break
			}
		}
		t.evaluate(&cr, table)
		res.Cases = append(res.Cases, cr)
		if res.Interrupted {
			break
		}
	}
	res.Finished = time.Now().UTC().Truncate(time.Second)
	return res, nil
}

// one runs k once against server s.
func (t *tournament) one(k *Case, s, round int) (*Result, error) {
	p := MatrixProgress{Case: k.Name, Server: t.Servers[s].Name, Round: round + 1, Rounds: t.Rounds, Done: t.done, Runs: t.runs}
	t.done++
	tell := func() {
		if t.Progress != nil {
			t.Progress(p)
		}
	}
	tell()
	c := t.children[s]
	if c != nil {
		select {
		case <-c.over: // since its last run
			c = nil
		default:
		}
	}
	var err error
	switch {
	case k.Fresh:
		if c, err = startChild(t.ctx, t.Servers[s]); err != nil {
			return nil, err
		}
		defer c.stop()
	case c == nil:
		if c, err = startChild(t.ctx, t.Servers[s]); err != nil {
			return nil, err
		}
		t.children[s] = c
	}
	pause := time.NewTimer(t.Pause)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}

	o := k.Options
	o.URL, o.PID, o.Stats = c.url, c.cmd.Process.Pid, c.stats
	o.Progress = func(q Progress) {
		p.Run = q
		tell()
	}
	res, err := k.Scenario.Run(t.ctx, o)
	select {
	case <-c.over:
		return nil, c.died()
	default:
	}
	if err != nil {
		return nil, err
	}
	p.Result = res
	tell()
	return res, nil
}

// evaluate makes the figures of a case out of its runs.
func (t *tournament) evaluate(cr *CaseResult, table [][]*Result) {
	base := slices.IndexFunc(cr.Servers, func(s ServerResult) bool { return s.Name == t.Baseline })
	var names []Metric
	for _, row := range table {
		for _, res := range row {
			if res == nil {
				continue
			}
			for _, m := range res.Metrics {
				if !slices.ContainsFunc(names, func(n Metric) bool { return n.Name == m.Name }) {
					names = append(names, m)
				}
			}
		}
	}
	for place := range cr.Servers {
		for _, m := range names {
			f := Figure{Metric: m.Name, Unit: m.Unit, Higher: m.Higher}
			var values []float64
			for _, row := range table {
				if v, ok := metricOf(row, place, m.Name); ok {
					values = append(values, v)
				}
			}
			if len(values) == 0 {
				continue
			}
			f.Spread = newSpread(values)
			f.ToFirst = ratios(table, place, 0, m.Name)
			if base >= 0 {
				f.ToBaseline = ratios(table, place, base, m.Name)
			}
			cr.Servers[place].Figures = append(cr.Servers[place].Figures, f)
		}
	}
}

// metricOf is a metric of the run at place in a round.
func metricOf(row []*Result, place int, name string) (float64, bool) {
	if place >= len(row) || row[place] == nil {
		return 0, false
	}
	m, ok := row[place].Metric(name)
	return m.Value, ok
}

// ratios are those of one server to another, round by round; nil if there are
// none, or it is the same.
func ratios(table [][]*Result, place, to int, name string) *Spread {
	if place == to {
		return nil
	}
	var values []float64
	for _, row := range table {
		a, ok1 := metricOf(row, place, name)
		b, ok2 := metricOf(row, to, name)
		if ok1 && ok2 && b != 0 {
			values = append(values, a/b)
		}
	}
	if len(values) == 0 {
		return nil
	}
	s := newSpread(values)
	return &s
}
