package bench

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// changes are what the tests have servers do to a packet.
var changes = struct {
	drop, twice, corrupt, rename, kick func(packet string) []string
}{
	drop:    func(string) []string { return nil },
	twice:   func(p string) []string { return []string{p, p} },
	corrupt: func(p string) []string { return []string{strings.Replace(p, "abc", "abX", 1)} },
	rename:  func(p string) []string { return []string{strings.Replace(p, `"broadcast"`, `"other"`, 1)} },
	kick:    func(string) []string { return []string{"41"} },
}

// faultCase is one thing that a server does wrong, and what a scenario has to
// say of it.
type faultCase struct {
	name   string
	mark   string // packets that have it in them
	every  int64
	change func(packet string) []string
	want   string   // name of an error
	also   []string // may come with it
}

// planted runs s against servers with each of the faults; see provoke.
func planted(t *testing.T, s Scenario, o Options, cases []faultCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			found(t, provoke(t, s, o, tc), tc.want, tc.also...)
		})
	}
}

// found fails the test unless the error want was counted, and none but it and
// those that may come with it.
func found(t *testing.T, res *Result, want string, also ...string) {
	t.Helper()
	if res.Errors[want].Count == 0 {
		t.Errorf("no %q was counted", want)
	}
	allowed := map[string]bool{want: true}
	for _, name := range also {
		allowed[name] = true
	}
	for name, e := range res.Errors {
		if !allowed[name] {
			t.Errorf("%d × %s: %s", e.Count, name, e.Example)
		}
		if e.Example == "" {
			t.Errorf("%s has no example", name)
		}
	}
}

// runUntilError runs s until an error is counted, and interrupts it then.
func runUntilError(t *testing.T, s Scenario, o Options) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Duration = time.Hour
	o.Progress = func(p Progress) {
		if p.Errors > 0 {
			cancel()
		}
	}
	res, err := s.Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// swapped makes a fault that lets every nth packet that has mark in it, and is
// for the same as the one after it, change places with that.
func swapped(n int, mark string) func(string) []string {
	var mu sync.Mutex
	seen, kept := 0, ""
	return func(p string) []string {
		if !strings.Contains(p, mark) {
			return []string{p}
		}
		mu.Lock()
		defer mu.Unlock()
		seen++
		switch late := kept; {
		case late != "":
			kept = ""
			return []string{p, late}
		case seen%n == 0:
			kept = p
			return nil
		}
		return []string{p}
	}
}

func latencies(res *Result) map[string]Latency {
	all := map[string]Latency{}
	for _, l := range res.Latencies {
		all[l.Name] = l
	}
	return all
}

func TestFanIn(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		scenario  FanIn
		transport string
		loops     int
	}{
		{"closed loop", FanIn{}, "websocket", 1},
		{"deeper, on three loops", FanIn{Collectors: 2, InFlight: 4, Size: 200}, "websocket", 3},
		{"by polling", FanIn{Collectors: 5, InFlight: 2}, "polling", 1},
		{"open loop", FanIn{Rate: 400}, "websocket", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Transport, o.Loops = tc.transport, tc.loops
			res := runScenario(t, &tc.scenario, o)
			clean(t, res)
			all := latencies(res)
			// In an open loop the latency is of what was due in the window, not answered.
			counted := all["delivery"].Count == res.Operations || tc.scenario.Rate > 0 && all["delivery"].Count > 0
			if !counted || (all["send lag"].Count > 0) != (tc.scenario.Rate > 0) {
				t.Errorf("%d operations, latencies %+v", res.Operations, all)
			}
		})
	}
}

func TestFanInFaults(t *testing.T) {
	o := brief("")
	o.Duration = 100 * time.Millisecond
	planted(t, &FanIn{InFlight: 4}, o, []faultCase{
		{"drop", `"broadcast"`, 20, changes.drop, Lost, nil},
		{"twice", `"broadcast"`, 20, changes.twice, Duplicated, nil},
		{"corrupt", `"broadcast"`, 20, changes.corrupt, Corrupt, []string{Lost}},
		{"rename", `"broadcast"`, 20, changes.rename, WrongEvent, []string{Lost}},
		{"to another", `"broadcast"`, 20, func(p string) []string {
			return []string{strings.Replace(p, ".00000", ".12345", 1)}
		}, WrongRoom, []string{Lost}},
		{"disconnect", `"broadcast"`, 100, changes.kick, "closed by server", []string{Lost}},
	})
	t.Run("reordered", func(t *testing.T) {
		o := o
		o.URL, o.Conns = startServer(t, swapped(20, `"broadcast"`)).URL, 1
		o.Drain = 200 * time.Millisecond
		res := runUntil(t, &FanIn{InFlight: 4}, o, func(r *run, _ Progress) bool { return counted(r, Reordered) > 0 })
		found(t, res, Reordered, Lost)
	})
}
