package bench

import (
	"cmp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait of these tests; nothing measures it.
const patience = 30 * time.Second

// until is o with a time that counts which goes on behind o.Duration until holds says
// that it may end. That is asked with the operations since it began, on the goroutine
// that called Run.
func until(o Options, holds func(r *run, p Progress) bool) Options {
	least := o.Duration
	o.Duration = patience
	var began time.Time
	var before uint64
	o.enough = func(r *run) bool {
		now, p := r.recorder.current(), r.recorder.totals()
		if !now.began.Equal(began) {
			began, before = now.began, p.Operations
		}
		p.Phase, p.Elapsed = now.name, time.Since(began)
		p.Operations -= before
		return strings.HasPrefix(p.Phase, "measure") && p.Elapsed >= least && holds(r, p)
	}
	return o
}

// runUntil runs s as until has it.
func runUntil(t testing.TB, s Scenario, o Options, holds func(r *run, p Progress) bool) *Result {
	t.Helper()
	return runScenario(t, s, until(o, holds))
}

// counted is how often a run has counted an error of that name so far.
func counted(r *run, name string) (n uint64) {
	r.each(func(w *worker) { n += w.tally.Entries()[name].Count })
	return n
}

// provoke runs s against a server that does what tc says, until that is counted, or
// is sure to be at the end. o.Drain is for faults that have something be waited for in
// vain; whatever else is under way at the end has all the time that it needs.
func provoke(t *testing.T, s Scenario, o Options, tc faultCase) *Result {
	t.Helper()
	var done atomic.Int64
	fault := nth(tc.every, tc.mark, func(packet string) []string {
		done.Add(1)
		return tc.change(packet)
	})
	// What does not come may count at the end only. In a closed loop all that is under way
	// may be lost soon; and where clients come and go not all of it has to come.
	least := int64(2)
	switch s.(type) {
	case *Churn:
		o.URL, least = startServer(t, fault).URL, 100
	case *Recovery:
		o.URL, least = recovering(t, 10_000, fault).URL, 100
	default:
		o.URL = startServer(t, fault).URL
	}
	vain := tc.want == Lost
	drain := cmp.Or(o.Drain, 200*time.Millisecond)
	o.Drain = 0
	switch {
	case tc.want == NotJoined || tc.want == NotLeft:
		vain, least = true, 2
		o.Timeout, o.Drain = 2*time.Second, 2*time.Second
	case vain || slices.Contains(tc.also, Lost):
		o.Drain = drain
	}
	return runUntil(t, s, o, func(r *run, p Progress) bool {
		return vain && done.Load() >= least || p.Errors > 0 && counted(r, tc.want) > 0
	})
}
