package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestUpgrade(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name     string
		scenario Upgrade
		loops    int
	}{
		{"events", Upgrade{}, 1},
		{"acknowledged, on two loops", Upgrade{Kind: Ack, Depth: 16}, 2},
		{"attachments", Upgrade{Kind: Binary, Depth: 8, Size: 500}, 1},
		{"one at a time", Upgrade{Kind: Object, Depth: 1}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Loops, o.Conns = tc.loops, 6
			res := runScenario(t, &tc.scenario, o)
			clean(t, res)
			all := latencies(res)
			if all["upgrade under traffic"].Count != res.Operations || all["echo until it has moved"].Count == 0 || all["echo after"].Count == 0 || all["connect"].Count == 0 {
				t.Errorf("latencies %+v", all)
			}
		})
	}
}

func TestUpgradeUsage(t *testing.T) {
	for _, s := range []Upgrade{{Depth: -1}, {Size: 5}, {Kind: "x"}} {
		if res, err := s.Run(context.Background(), brief("http://127.0.0.1:1")); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v, %+v", s, err, res)
		}
	}
}

func TestUpgradeFaults(t *testing.T) {
	planted(t, &Upgrade{}, brief(""), []faultCase{
		{"drop", `"echo"`, 60, changes.drop, Lost, nil},
		{"twice", `"echo"`, 20, changes.twice, Duplicated, []string{NotAsked}},
		{"corrupt", `"echo"`, 60, changes.corrupt, Corrupt, []string{Lost}},
		{"disconnect", `"echo"`, 60, changes.kick, "closed by server", []string{Lost}},
		{"namespace refused", `40{"sid"`, 5, func(string) []string { return []string{`44{"message":"full"}`} }, "namespace refused", nil},
	})
	t.Run("reordered", func(t *testing.T) {
		o := brief("")
		o.URL, o.Conns = startServer(t, swapped(10, `"echo"`)).URL, 1
		o.Drain = o.Duration
		res := runUntil(t, &Upgrade{}, o, func(r *run, _ Progress) bool { return counted(r, Reordered) > 0 })
		found(t, res, Reordered, Lost)
	})
	t.Run("split", func(t *testing.T) { // a packet that loses its attachment
		o := brief("")
		o.URL = startServer(t, nth(40, "b", func(p string) []string {
			if strings.HasPrefix(p, "b") {
				return nil
			}
			return []string{p}
		})).URL
		o.Drain = o.Duration
		res := runUntil(t, &Upgrade{Kind: Binary}, o, func(r *run, _ Progress) bool { return counted(r, WrongEvent) > 0 })
		found(t, res, WrongEvent, Lost)
	})
}
