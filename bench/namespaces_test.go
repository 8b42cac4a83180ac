package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestNamespaces(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		scenario  Namespaces
		transport string
		loops     int
	}{
		{"ten", Namespaces{}, "websocket", 1},
		{"many, acknowledged", Namespaces{Count: 120, Kind: Ack}, "websocket", 2},
		{"by polling", Namespaces{Count: 3, Depth: 4}, "polling", 1},
		{"with upgrade", Namespaces{Count: 3}, "upgrade", 1},
		{"one", Namespaces{Count: 1}, "websocket", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Transport, o.Loops, o.Conns = tc.transport, tc.loops, 5
			res := runScenario(t, &tc.scenario, o)
			clean(t, res)
			count := tc.scenario.Count
			if count == 0 {
				count = 10
			}
			all := latencies(res)
			if n := all["enter"].Count; n != uint64(5*(count-1)) {
				t.Errorf("%d entered", n)
			}
			if _, ok := all["echo in /bench-0"]; ok != (count <= toldNamespaces) {
				t.Errorf("latencies of each namespace: %v", ok)
			}
		})
	}
}

func TestNamespacesUsage(t *testing.T) {
	for _, s := range []Namespaces{{Count: -1}, {Count: 20_000}, {Depth: -1}, {Size: 20}, {Kind: Binary}, {Prefix: "x"}, {Prefix: "/a,b"}} {
		if res, err := s.Run(context.Background(), brief("http://127.0.0.1:1")); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v, %+v", s, err, res)
		}
	}
}

// TestNamespaceDenied: a client that is not let into each of them is none.
func TestNamespaceDenied(t *testing.T) {
	s := startServer(t, nth(7, "40/bench-2", func(string) []string { return []string{`44/bench-2,{"message":"full"}`} }))
	res := runScenario(t, &Namespaces{Count: 4}, brief(s.URL))
	found(t, res, "namespace refused")
}

func TestNamespacesFaults(t *testing.T) {
	move := func(p string) []string { return []string{strings.Replace(p, "/bench-1,", "/bench-2,", 1)} }
	planted(t, &Namespaces{Count: 3, Depth: 3}, brief(""), []faultCase{
		{"drop", `"echo"`, 30, changes.drop, Lost, nil},
		{"twice", `"echo"`, 30, changes.twice, Duplicated, []string{NotAsked}},
		{"corrupt", `"echo"`, 30, changes.corrupt, Corrupt, []string{Lost}},
		{"another namespace", `/bench-1,["echo"`, 20, move, Misrouted, []string{Lost}},
		{"the main namespace", `/bench-1,["echo"`, 20, func(p string) []string {
			return []string{strings.Replace(p, "/bench-1,", "", 1)}
		}, Misrouted, []string{Lost}},
		{"a namespace that it is not in", `/bench-1,["echo"`, 20, func(p string) []string {
			return []string{strings.Replace(p, "/bench-1,", "/bench-7,", 1)}
		}, Misrouted, []string{Lost}},
		{"disconnect", `"echo"`, 100, func(string) []string { return []string{"41/bench-0,"} }, "closed by server", []string{Lost}},
	})
}
