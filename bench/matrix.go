package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// A Matrix runs the same cases against several servers, turn about, so that each
// round is a set of runs close in time. A machine's speed drifts by far more than
// servers differ; ratios within a round do not. The order changes from round to
// round: over the rounds, each server comes behind each other one about as often.
// A round has all cases, so the spread of a figure is that of the whole time.
type Matrix struct {
	Servers  []ServerSpec
	Cases    []Case
	Rounds   int           // default 5
	Baseline string        // name of the server to compare with beside the first; default none
	Pause    time.Duration // before each run, to let the servers come to rest; default 500 ms
	Progress func(MatrixProgress)

	// Earlier is a result of the same matrix that was interrupted, to go on with.
	// Rounds that are whole are taken from it.
	Earlier *MatrixResult

	// Keep is called after each round of a case with the result so far, which is valid until
	// Keep returns. nil: nobody keeps it. An error ends the matrix.
	Keep func(*MatrixResult) error
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

	// Rounds is the number of rounds of this case. 0: the matrix's.
	Rounds int

	// Line is how the case was asked for, for the report: without secrets.
	Line string
}

// MatrixProgress tells which run begins, or how it goes.
type MatrixProgress struct {
	Case, Server  string
	Round, Rounds int           // from 1
	Done, Runs    int           // runs done, runs in all
	Left          time.Duration // about what all further runs will take
	Run           Progress      // of the run
	Result        *Result       // set when the run is done
}

// MatrixResult is what a [Matrix] has shown.
type MatrixResult struct {
	Started     time.Time    `json:"started"`
	Finished    time.Time    `json:"finished"`
	Environment Environment  `json:"environment"`
	Rounds      int          `json:"rounds"`
	Baseline    string       `json:"baseline,omitempty"`
	Servers     []ServerSpec `json:"servers"` // as [ServerSpec.Public] has them
	Absent      []Absent     `json:"absent,omitempty"`
	Cases       []CaseResult `json:"cases"`
	Interrupted bool         `json:"interrupted,omitempty"`
}

// Absent is a server that was left out, and why.
type Absent struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// CaseResult is the runs of one case.
type CaseResult struct {
	Name    string         `json:"name"`
	Line    string         `json:"line,omitempty"`
	Fresh   bool           `json:"fresh,omitempty"`
	Rounds  int            `json:"rounds,omitempty"` // 0: those of the matrix
	Servers []ServerResult `json:"servers"`
}

// ServerResult is the runs of one case against one server, a figure for each
// metric, and all results.
type ServerResult struct {
	Name    string    `json:"name"`
	Figures []Figure  `json:"figures"`
	Runs    []*Result `json:"runs"`
	Rounds  []int     `json:"rounds,omitempty"` // of each run, from 0
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

// NewSpread is that of values; zero if there are none.
func NewSpread(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n == 0 {
		return Spread{}
	}
	return Spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1], N: n}
}

// ErrorTotal is the number of all errors but those that are tolerated of their server,
// and of runs that failed.
func (r *MatrixResult) ErrorTotal() (n uint64) {
	for i := range r.Cases {
		for j := range r.Cases[i].Servers {
			counted, _ := r.Errors(&r.Cases[i].Servers[j])
			n += counted
		}
	}
	return n
}

// Errors are those of all runs of a case against a server, with the runs that failed, and
// apart from them those that [ServerSpec.Tolerated] has.
func (r *MatrixResult) Errors(s *ServerResult) (counted, tolerated uint64) {
	known := r.tolerated(s.Name)
	counted = uint64(len(s.Failed))
	for _, run := range s.Runs {
		for name, e := range run.Errors {
			if known[name] != "" {
				tolerated += e.Count
			} else {
				counted += e.Count
			}
		}
	}
	return counted, tolerated
}

// tolerated are the errors that are known of a server, nil if none are.
func (r *MatrixResult) tolerated(server string) map[string]string {
	for _, s := range r.Servers {
		if s.Name == server {
			return s.Tolerated
		}
	}
	return nil
}

func (m *Matrix) check() error {
	names := map[string]bool{}
	for _, s := range m.Servers {
		if s.Name == "" || names[s.Name] {
			return fmt.Errorf("%w: server name %q: must be there, and once", ErrUsage, s.Name)
		}
		names[s.Name] = true
		for name, why := range s.Tolerated {
			if why == "" {
				return fmt.Errorf("%w: server %q: no reason to tolerate %q", ErrUsage, s.Name, name)
			}
		}
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
	seen := map[string]bool{}
	for _, k := range m.Cases {
		if k.Name == "" || seen[k.Name] {
			return fmt.Errorf("%w: case name %q: must be there, and once", ErrUsage, k.Name)
		}
		seen[k.Name] = true
		if k.Rounds < 0 || k.Rounds > 1000 {
			return fmt.Errorf("%w: case %q: %d rounds: must be 1 to 1000", ErrUsage, k.Name, k.Rounds)
		}
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
// on; a server that does not start is an error, unless it is optional. When ctx
// ends, the result is of the runs so far, Interrupted is set, and the error is nil.
func (m *Matrix) Run(ctx context.Context) (*MatrixResult, error) {
	own, err := m.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &tournament{Matrix: own, ctx: ctx, children: make([]*child, len(own.Servers))}
	defer t.stopAll()
	return t.run()
}

func (m *Matrix) withDefaults() (*Matrix, error) {
	own := *m
	if own.Rounds == 0 {
		own.Rounds = 5
	}
	if own.Pause == 0 {
		own.Pause = 500 * time.Millisecond
	}
	return &own, own.check()
}

// tournament is a Matrix under way.
type tournament struct {
	*Matrix
	ctx      context.Context
	children []*child // by server; nil: not running
	absent   []Absent
	done     int // runs
	runs     int

	// To tell what is left: the plan's estimate of what is still to do, and what
	// the runs so far have taken against theirs.
	left, planned, taken time.Duration
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
		Rounds: t.Rounds, Baseline: t.Baseline, Servers: publicServers(t.Servers),
	}
	if t.Earlier != nil {
		if err := t.goOn(res); err != nil {
			return nil, err
		}
	}
	for i, spec := range t.Servers { // a server that cannot start is told at once
		c, err := startChild(t.ctx, spec)
		switch {
		case err == nil:
			t.children[i] = c
			if c.version != "" {
				res.Servers[i].Version = c.version
			}
		case t.ctx.Err() != nil || !spec.Optional:
			return nil, err
		default:
			t.absent = append(t.absent, Absent{spec.Name, err.Error()})
		}
	}
	res.Absent = t.absent
	for i := range t.Cases {
		res.Cases = append(res.Cases, t.prepare(&t.Cases[i]))
		n := t.missingAll(&res.Cases[i])
		t.runs += n
		t.left += time.Duration(n) * t.estimate(&t.Cases[i])
	}
	last := 0
	for i := range res.Cases {
		last = max(last, t.rounds(&res.Cases[i]))
	}
	for round := range last {
		for i := range t.Cases {
			if err := t.play(i, round, res); err != nil {
				return nil, err
			}
			if res.Interrupted {
				break
			}
		}
		if res.Interrupted {
			break
		}
	}
	res.Evaluate()
	res.Finished = time.Now().UTC().Truncate(time.Second)
	return res, nil
}

// prepare makes the result of a case, with what an earlier result has of it.
func (t *tournament) prepare(k *Case) CaseResult {
	cr := CaseResult{Name: k.Name, Line: k.Line, Fresh: k.Fresh, Rounds: k.Rounds}
	for _, s := range t.servers(k) {
		name := t.Servers[s].Name
		if !slices.ContainsFunc(t.absent, func(a Absent) bool { return a.Name == name }) {
			cr.Servers = append(cr.Servers, ServerResult{Name: name, Runs: []*Result{}})
		}
	}
	if t.Earlier != nil {
		if i := slices.IndexFunc(t.Earlier.Cases, func(c CaseResult) bool { return c.Name == k.Name }); i >= 0 {
			cr.take(&t.Earlier.Cases[i])
		}
	}
	return cr
}

// rounds is the number of rounds of a case.
func (t *tournament) rounds(cr *CaseResult) int {
	if cr.Rounds != 0 {
		return cr.Rounds
	}
	return t.Rounds
}

// missing are the runs of a round of a case that are still to be made, in their
// order, by their server's place in the case.
func (t *tournament) missing(cr *CaseResult, round int) (list []int) {
	if round >= t.rounds(cr) {
		return nil
	}
	for _, place := range turns(len(cr.Servers), round) {
		if cr.Servers[place].run(round) == nil {
			list = append(list, place)
		}
	}
	return list
}

// missingAll is the number of runs of a case that are still to be made.
func (t *tournament) missingAll(cr *CaseResult) (n int) {
	for round := range t.rounds(cr) {
		n += len(t.missing(cr, round))
	}
	return n
}

// play makes the runs of a round of case i.
func (t *tournament) play(i, round int, res *MatrixResult) error {
	k, cr := &t.Cases[i], &res.Cases[i]
	list := t.missing(cr, round)
	if len(list) == 0 {
		return nil
	}
	for _, place := range list {
		s := &cr.Servers[place]
		began := time.Now()
		result, err := t.one(k, s.Name, round)
		if t.ctx.Err() != nil {
			res.Interrupted = true
			return nil
		}
		t.left -= t.estimate(k)
		t.planned += t.estimate(k)
		t.taken += time.Since(began)
		if err != nil {
			s.Failed = append(s.Failed, err.Error())
		} else {
			s.Runs, s.Rounds = append(s.Runs, result), append(s.Rounds, round)
		}
	}
	if t.Keep == nil {
		return nil
	}
	cr.evaluate(t.Baseline)
	res.Interrupted = true // as long as there is more to come
	res.Finished = time.Now().UTC().Truncate(time.Second)
	err := t.Keep(res)
	res.Interrupted = false
	return err
}

// one runs k once against the server of that name.
func (t *tournament) one(k *Case, server string, round int) (*Result, error) {
	s := slices.IndexFunc(t.Servers, func(s ServerSpec) bool { return s.Name == server })
	p := MatrixProgress{Case: k.Name, Server: server, Round: round + 1, Rounds: t.Rounds, Done: t.done, Runs: t.runs, Left: t.remaining()}
	if k.Rounds != 0 {
		p.Rounds = k.Rounds
	}
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
	if err != nil || res.ErrorTotal() > 0 {
		c.settle(t.ctx)
	}
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
