package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// turns is the order of n servers in a round: a row of a Williams square. Over
// n rounds (2n, if n is odd) each server has every place, and comes behind every
// other one, equally often.
//
// Source: E. J. Williams, Experimental designs balanced for the estimation of
// residual effects of treatments, Australian Journal of Scientific Research 2
// (1949).
func turns(n, round int) []int {
	row := make([]int, n)
	shift, back := round, false
	if n%2 == 1 {
		shift, back = round/2, round%2 == 1
	}
	for i := range row { // 0, 1, n-1, 2, n-2, …
		at := (i + 1) / 2
		if i%2 == 0 {
			at = n - i/2
		}
		row[i] = (at + shift) % n
	}
	if back {
		slices.Reverse(row)
	}
	return row
}

// Estimator is a [Scenario] that knows better than its options how long a run
// will take.
type Estimator interface {
	Estimate(o Options) time.Duration
}

// Guesses for estimates: handshakes and goodbyes a second, and what a server needs
// to start and to end.
const (
	guessConnects = 3000
	guessStart    = 500 * time.Millisecond
)

// estimate is about how long one run of k takes.
func (m *Matrix) estimate(k *Case) time.Duration {
	d := m.Pause
	if k.Fresh {
		d += guessStart
	}
	o, err := k.Options.withDefaults()
	if err != nil {
		return d // the run will tell
	}
	if e, ok := k.Scenario.(Estimator); ok {
		return d + e.Estimate(o)
	}
	return d + guessOpen(o.Conns) + o.Warmup + o.Duration
}

// guessOpen is about how long n handshakes and goodbyes take.
func guessOpen(n int) time.Duration {
	return time.Duration(n) * time.Second / guessConnects
}

// Estimate implements [Estimator].
func (s *Idle) Estimate(Options) time.Duration {
	settle := s.Settle
	if settle == 0 {
		settle = DefaultSettle
	}
	steps := s.Steps
	if len(steps) == 0 {
		steps = []int{1000, 2000, 4000}
	}
	return time.Duration(len(steps))*settle + s.Window + guessOpen(steps[len(steps)-1])
}

// Estimate implements [Estimator].
func (s *Connect) Estimate(o Options) time.Duration {
	switch {
	case s.Cycles > 0:
		return guessOpen(s.Cycles)
	case s.Hold:
		return guessOpen(o.Conns)
	}
	return o.Warmup + o.Duration
}

// remaining is about how long all runs that are left will take, by what those so
// far took.
func (t *tournament) remaining() time.Duration {
	if t.planned == 0 {
		return t.left
	}
	return time.Duration(float64(t.left) * float64(t.taken) / float64(t.planned))
}

// A PlannedCase is one case of a matrix before it is run.
type PlannedCase struct {
	Case    string
	Line    string
	Fresh   bool
	Servers []string
	Rounds  int
	Runs    int           // still to be made
	Each    time.Duration // about what one of them takes
}

// Plan says what [Matrix.Run] would do, and about how long it would take. Servers
// that turn out not to be there shorten it.
func (m *Matrix) Plan() ([]PlannedCase, time.Duration, error) {
	own, err := m.withDefaults()
	if err != nil {
		return nil, 0, err
	}
	t := &tournament{Matrix: own, ctx: context.Background()}
	if t.Earlier != nil {
		if err := t.goOn(&MatrixResult{}); err != nil {
			return nil, 0, err
		}
	}
	var plan []PlannedCase
	var total time.Duration
	for i := range t.Cases {
		k := &t.Cases[i]
		cr := t.prepare(k)
		p := PlannedCase{Case: k.Name, Line: k.Line, Fresh: k.Fresh, Rounds: t.rounds(&cr), Runs: t.missingAll(&cr), Each: t.estimate(k)}
		for _, s := range cr.Servers {
			p.Servers = append(p.Servers, s.Name)
		}
		total += time.Duration(p.Runs) * p.Each
		plan = append(plan, p)
	}
	return plan, total, nil
}

// goOn checks that an earlier result can be gone on with, and takes what stays.
func (t *tournament) goOn(res *MatrixResult) error {
	e := t.Earlier
	env := environment()
	if e.Environment.Processor != env.Processor || e.Environment.Cores != env.Cores || e.Environment.Kernel != env.Kernel {
		return fmt.Errorf("%w: the earlier runs are of another machine or kernel: %s, %d cores, %s", ErrUsage,
			orUnknown(e.Environment.Processor), e.Environment.Cores, orUnknown(e.Environment.Kernel))
	}
	if !slices.EqualFunc(publicServers(e.Servers), publicServers(t.Servers), func(a, b ServerSpec) bool {
		return a.Name == b.Name && a.Dir == b.Dir && slices.Equal(a.Command, b.Command) && slices.Equal(a.Env, b.Env)
	}) {
		return fmt.Errorf("%w: the earlier runs are of other servers", ErrUsage)
	}
	for _, c := range e.Cases {
		i := slices.IndexFunc(t.Cases, func(k Case) bool { return k.Name == c.Name })
		if i < 0 || t.Cases[i].Line != c.Line {
			return fmt.Errorf("%w: the earlier runs have another case: %s: %s", ErrUsage, c.Name, c.Line)
		}
	}
	res.Started = e.Started
	return nil
}
