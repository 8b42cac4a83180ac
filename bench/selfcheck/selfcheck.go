// Package selfcheck tries the load generator on servers that do things wrong on
// purpose. A generator that reports no errors is worth something only if it would
// have reported them.
//
// Each [Case] is run against a server without a fault, where nothing may be
// counted, and once for each [benchtest.Kind] of fault, where just that must be
// counted, under its name and as often as the server has done it, or where the case
// says so at least half as often.
//
// A fault that is missed and an alarm that is false stand at once. A run is made again,
// and its [Finding] says why, only if too few faults came up in it, or if all that is
// wrong is that more was missing at its end than had been lost, while the generator's own
// [bench.Health] says that the machine was late. That can be only where something is lost
// by plan: it is waited for in vain, so not for long. Elsewhere a run waits longer than
// any machine stands still, and ends as soon as all has come.
package selfcheck

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/benchtest"
)

// A Case is a scenario as it is checked.
type Case struct {
	Name      string
	Transport string // default "websocket"
	Scenario  bench.Scenario
	Windows   int // how long the first run is, in windows; default 1

	// Except are faults that the case cannot see, with the reason; Some are those of
	// which a part is none to it, so that fewer may be counted, but at least half.
	Except, Some map[benchtest.Kind]string

	// Also are names under which a fault may be counted here in place of its own.
	Also map[benchtest.Kind][]string
}

// except gives kinds of faults one reason.
func except(why string, kinds ...benchtest.Kind) map[benchtest.Kind]string {
	all := map[benchtest.Kind]string{}
	for _, k := range kinds {
		all[k] = why
	}
	return all
}

// also gives kinds of faults the same further names.
func also(names []string, kinds ...benchtest.Kind) map[benchtest.Kind][]string {
	all := map[benchtest.Kind][]string{}
	for _, k := range kinds {
		all[k] = names
	}
	return all
}

// Cases are those of every scenario that has replies. What could be swapped needs
// two messages under way to one client: hence the depths.
func Cases() []Case {
	return []Case{
		{Name: "echo", Scenario: &bench.Echo{Depth: 4}},
		{Name: "echo, ack", Scenario: &bench.Echo{Kind: bench.Ack, Depth: 4}},
		{Name: "echo, binary", Scenario: &bench.Echo{Kind: bench.Binary, Depth: 4}},
		{Name: "echo, object", Scenario: &bench.Echo{Kind: bench.Object, Depth: 4}},
		{Name: "echo, open loop", Scenario: &bench.Echo{Rate: 3000}},
		{Name: "echo, polling", Transport: "polling", Scenario: &bench.Echo{Depth: 4}},
		{Name: "echo, upgrade", Transport: "upgrade", Scenario: &bench.Echo{Kind: bench.Ack, Depth: 4}},
		{Name: "broadcast", Scenario: &bench.Broadcast{InFlight: 4}},
		{Name: "broadcast, polling", Transport: "polling", Scenario: &bench.Broadcast{InFlight: 4}},
		{Name: "rooms", Scenario: &bench.Rooms{Rooms: 2}},
		{Name: "fan-in", Scenario: &bench.FanIn{InFlight: 4}},
		{Name: "payloads", Scenario: &bench.Big{Sizes: []int{200, 3000}, Depth: 4}},
		{Name: "namespaces", Scenario: &bench.Namespaces{Count: 3, Depth: 4}},
		{Name: "namespaces, ack", Scenario: &bench.Namespaces{Count: 3, Kind: bench.Ack, Depth: 4}},
		{Name: "upgrade", Windows: 4, Scenario: &bench.Upgrade{Depth: 8}, Except: except("an operation is an upgrade, not an answer", benchtest.Late),
			Some: except("what is doubled as the last of a session comes when nobody listens any more", benchtest.Doubled)},
		{Name: "upgrade, binary", Windows: 4, Scenario: &bench.Upgrade{Kind: bench.Binary, Depth: 8}, Except: except("an operation is an upgrade, not an answer", benchtest.Late),
			Some: except("what is doubled as the last of a session comes when nobody listens any more", benchtest.Doubled)},
		{Name: "slow", Windows: 4, Scenario: &bench.Slow{Share: 0.2, Size: 200, InFlight: 32}, Some: except("how late the slow are is their own doing", benchtest.Late)},
		{Name: "churn", Windows: 4, Scenario: &bench.Churn{Rooms: 2, Rate: 2000, Stay: 10}, Except: except("an operation is a stay, not a delivery", benchtest.Late),
			Some: except("what is sent while a join or leave is under way may come or not", benchtest.Lost, benchtest.Doubled, benchtest.Corrupted, benchtest.Swapped),
			Also: also([]string{bench.NotMember}, benchtest.Lost, benchtest.Doubled, benchtest.Corrupted, benchtest.Swapped)},
		// Cuts are far apart: the slower the machine, the more is cut off with its fault.
		{Name: "recovery", Windows: 8, Scenario: &bench.Recovery{Every: 400 * time.Millisecond, Away: 10 * time.Millisecond, Rate: 1000}, Except: except("an operation is a return, not a delivery", benchtest.Late),
			Some: except("what is cut off with its fault is sent again", benchtest.Lost, benchtest.Doubled, benchtest.Corrupted, benchtest.Swapped),
			// What is cut off behind the second of two that were swapped goes on from the
			// first, and gets the second again; between the two, it never gets the first.
			Also: also([]string{bench.Duplicated, bench.Lost}, benchtest.Swapped)},
		{Name: "scenario file", Scenario: flow{}, Some: except("an operation is a step, which may have several answers", benchtest.Late)},
	}
}

// flow is a scenario file of steps that have replies, for as long as the options
// say.
type flow struct{}

func (flow) Name() string { return "scenario file" }

func (flow) Run(ctx context.Context, o bench.Options) (*bench.Result, error) {
	s, err := bench.ParseScript("selfcheck.yaml", fmt.Appendf(nil, `
phases: [{duration: %v, connections: %d}]
clients:
  - flow:
      - join: "{{.ID}}" # its own copies only: what others lose shows only if something follows
      - repeat:
          do:
            - echo: {count: 4}
            - echo: {form: ack, count: 4}
            - echo: {form: binary, count: 4}
            - broadcast: "{{.ID}}"
            - emit: {event: ack, args: ["the same"], ack: true, expect: ["the same"]}
`, o.Duration, o.Conns))
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, o)
}

// Options of a [Run]. The zero value is usable.
type Options struct {
	Cases []Case           // default [Cases]
	Kinds []benchtest.Kind // default [benchtest.Kinds]
	Every int              // one fault in so many replies; default [benchtest.DefaultEvery]
	Seed  uint64           // draws which replies go wrong

	// Parallel is how many cases run at a time: much of a run's time is waiting for
	// what has been lost. Default 4.
	Parallel int

	// Told is told each finding as it is made, by one goroutine at a time. nil:
	// nobody is.
	Told func(Finding)
}

// A Finding is what one case has shown against one server.
type Finding struct {
	Case       string                      `json:"case"`
	Fault      benchtest.Kind              `json:"fault,omitempty"` // empty: none
	Operations uint64                      `json:"operations"`
	Planted    uint64                      `json:"planted"` // faults
	Caught     uint64                      `json:"caught"`  // of them, by their name
	Errors     map[string]bench.ErrorCount `json:"errors"`  // all that was counted
	Problem    string                      `json:"problem,omitempty"`
	Skipped    string                      `json:"skipped,omitempty"` // why the case cannot see it

	// Attempts is how many runs were made, of which all but the last decide nothing; Again
	// says of each of those why.
	Attempts int      `json:"attempts,omitempty"`
	Again    []string `json:"made_again,omitempty"`

	few bool // too little came up: the problem is no more than that
}

// expectation is what a fault has to be counted as: each once. But a reply that is doubled
// as the very last may come when nobody listens any more, and a late one holds up others.
type expectation struct {
	name string
	also string // follows from it: a reply that is not understood is none
}

var expected = map[benchtest.Kind]expectation{
	benchtest.Lost:      {name: bench.Lost},
	benchtest.Doubled:   {name: bench.Duplicated},
	benchtest.Swapped:   {name: bench.Reordered},
	benchtest.Late:      {name: bench.Late},
	benchtest.Corrupted: {name: bench.Corrupt, also: bench.Lost},
}

// Of a run: few connections, so that a client has several faults, and a window that is
// long enough for some on a machine that does nothing else. One in which too few came up
// is made again with twice the window, up to mostWindows of them.
const (
	conns       = 6
	window      = 120 * time.Millisecond
	mostWindows = 64
	lateBy      = 400 * time.Millisecond

	// How long a run waits at its end. patience is for whatever must come, handshakes
	// too, and takes no time unless the machine does; lossDrain where something never
	// comes, doubled up to mostDrains where the machine was late.
	patience   = 30 * time.Second
	lossDrain  = 3 * time.Second
	mostDrains = 4

	// lateFrom is the lag of timers from which [bench.Health] calls the machine late.
	lateFrom = 5 * time.Millisecond
)

// least is how many faults of a kind make a finding. Where some of them need not be counted
// they must be so many that at least half are, by chance as good as always; late replies
// hold up what is behind them, so there will not be many.
func (c *Case) least(kind benchtest.Kind) uint64 {
	switch {
	case c.Some[kind] == "":
		return 1
	case kind == benchtest.Late:
		return 3
	}
	return 12
}

// loses reports whether runs with faults of that kind wait for what never comes.
func (c *Case) loses(kind benchtest.Kind) bool {
	return kind == benchtest.Lost || expected[kind].also == bench.Lost || slices.Contains(c.Also[kind], bench.Lost)
}

// Run runs all cases and returns their findings in the order of the cases, each
// without a fault first. It ends early only with ctx, and then returns its error.
func Run(ctx context.Context, o Options) ([]Finding, error) {
	if o.Cases == nil {
		o.Cases = Cases()
	}
	if o.Kinds == nil {
		o.Kinds = benchtest.Kinds
	}
	o.Parallel = cmp.Or(o.Parallel, 4)
	kinds := append([]benchtest.Kind{""}, o.Kinds...)
	findings := make([]Finding, len(o.Cases)*len(kinds))
	var told sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, o.Parallel)
	for i := range findings {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			f := check(ctx, &o, &o.Cases[i/len(kinds)], kinds[i%len(kinds)])
			findings[i] = f
			if o.Told != nil && ctx.Err() == nil {
				told.Lock()
				defer told.Unlock()
				o.Told(f)
			}
		})
	}
	wait.Wait()
	return findings, ctx.Err()
}

// check makes one finding.
func check(ctx context.Context, o *Options, c *Case, kind benchtest.Kind) (f Finding) {
	if why := c.Except[kind]; why != "" {
		return Finding{Case: c.Name, Fault: kind, Skipped: why}
	}
	windows, drains := max(1, c.Windows), 1
	var again []string
	for {
		var late string
		f, late = once(ctx, o, c, kind, time.Duration(windows)*window, time.Duration(drains)*lossDrain)
		f.Attempts, f.Again = len(again)+1, again
		switch {
		case f.Problem == "" || ctx.Err() != nil:
			return f
		case f.few && windows < mostWindows:
			again = append(again, f.Problem)
			windows *= 2
		case late != "" && drains < mostDrains && f.surplus(c):
			again = append(again, f.Problem+"; "+late)
			drains *= 2
		default:
			return f
		}
	}
}

// once runs c against a server of its own. late says how late the machine was, by the run's
// own verdict; empty: it was not.
func once(ctx context.Context, o *Options, c *Case, kind benchtest.Kind, window, lossDrain time.Duration) (f Finding, late string) {
	f = Finding{Case: c.Name, Fault: kind}
	s, err := benchtest.New(benchtest.Options{
		Plant:    benchtest.Plant{Kind: kind, Every: o.Every, LateBy: lateBy, Seed: o.Seed},
		Recovery: recovery(c.Scenario),
	})
	if err != nil {
		f.Problem = err.Error()
		return f, ""
	}
	defer s.Close()
	run := bench.Options{URL: s.URL, Transport: c.Transport, Conns: conns, Duration: window, Warmup: -1, Timeout: patience, Drain: patience}
	if c.loses(kind) {
		run.Drain = lossDrain
	}
	if kind == benchtest.Late {
		run.Late = lateBy / 2
	}
	res, err := c.Scenario.Run(ctx, run)
	if err != nil {
		f.Problem = err.Error()
		return f, ""
	}
	f.Operations, f.Planted, f.Errors = res.Operations, s.Planted(), res.Errors
	f.judge(c)
	if h := res.Generator; h != nil && h.Verdict != "ok" {
		if lag := time.Duration(h.LagP99) * time.Microsecond; lag > lateFrom {
			late = fmt.Sprintf("the machine was %v late", lag.Round(time.Millisecond))
		}
	}
	return f, late
}

// recovery is how many broadcasts the server of a scenario keeps for those who come
// back. Others get no offsets behind their arguments.
func recovery(s bench.Scenario) int {
	if _, ok := s.(*bench.Recovery); ok {
		return 1 << 16
	}
	return 0
}

// judge compares what was counted with what was planted.
func (f *Finding) judge(c *Case) {
	want := expected[f.Fault]
	f.Caught = f.Errors[want.name].Count
	some := c.Some[f.Fault] != ""
	for _, name := range slices.Sorted(maps.Keys(f.Errors)) {
		e := f.Errors[name]
		also := name == want.also && (e.Count == f.Caught || some && e.Count < f.Caught) ||
			slices.Contains(c.Also[f.Fault], name) && e.Count <= f.Planted
		if name != want.name && !also {
			f.Problem = fmt.Sprintf("%d × %s was counted, for example %s", e.Count, name, e.Example)
			return
		}
	}
	least := c.least(f.Fault)
	switch {
	case want.name != "" && f.Fault != benchtest.Late && f.Caught > f.Planted:
		f.Problem = fmt.Sprintf("%d were counted as %q, and %d planted", f.Caught, want.name, f.Planted)
	case f.Operations == 0:
		f.Problem, f.few = "nothing was done", true
	case f.Fault == "":
	case f.Planted < least:
		f.Problem, f.few = fmt.Sprintf("only %d faults came up, of at least %d", f.Planted, least), true
	case f.Caught == 0:
		f.Problem = fmt.Sprintf("none of %d was counted as %q", f.Planted, want.name)
	case some && (f.Fault == benchtest.Late || f.Caught >= (f.Planted+1)/2):
	case f.Caught < f.Planted && (f.Fault != benchtest.Doubled || f.Caught+conns < f.Planted):
		f.Problem = fmt.Sprintf("%d were counted as %q, and %d planted", f.Caught, want.name, f.Planted)
	}
}

// surplus reports whether all that is wrong is that more was missing at the end than had
// been lost by plan.
func (f *Finding) surplus(c *Case) bool {
	if !c.loses(f.Fault) {
		return false
	}
	may := f.Planted
	if f.Fault == benchtest.Corrupted {
		may = f.Errors[bench.Corrupt].Count
	}
	missing := f.Errors[bench.Lost]
	if missing.Count <= may {
		return false
	}
	trial := Finding{Fault: f.Fault, Operations: f.Operations, Planted: f.Planted, Errors: maps.Clone(f.Errors)}
	if missing.Count = may; may > 0 {
		trial.Errors[bench.Lost] = missing
	} else {
		delete(trial.Errors, bench.Lost)
	}
	trial.judge(c)
	return trial.Problem == "" || trial.few
}
