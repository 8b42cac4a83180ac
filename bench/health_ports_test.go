package bench

import (
	"net/netip"
	"runtime"
	"strings"
	"testing"
)

// TestHealthPorts: an address that has nearly as many connections as there are ports is a
// reason, in one process and in several together, and said once.
func TestHealthPorts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		ports   []int    // of each process
		from    []string // and their addresses
		verdict string
		reason  string
		most    int
	}{
		{"few", []int{900}, []string{""}, "ok", "", 900},
		{"many", []int{901}, []string{""}, "busy", "901 of 1000 ports were taken of one address", 901},
		{"many of one", []int{950}, []string{"127.0.0.2"}, "busy", "950 of 1000 ports were taken of 127.0.0.2", 950},
		{"few each, many together", []int{400, 400, 400}, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, "busy", "1200 of 1000 ports were taken of 10.0.0.1", 1200},
		{"an address each", []int{600, 800, 700}, []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, "ok", "", 800},
		{"one of them many", []int{600, 950, 700}, []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, "busy", "process 1: 950 of 1000 ports were taken of 127.0.0.2", 950},
	} {
		var all []*Result
		for i, n := range tc.ports {
			h := &Health{Verdict: healthOK, Ports: n, PortsFrom: tc.from[i], PortRange: 1000}
			h.judgePorts()
			all = append(all, &Result{Parameters: map[string]any{}, Generator: h})
		}
		r := all[0]
		if len(all) > 1 {
			if err := r.add(all[1:], false); err != nil {
				t.Fatal(err)
			}
		}
		h := r.Generator
		if got := strings.Join(h.Reasons, "; "); h.Verdict != tc.verdict || got != tc.reason || h.Ports != tc.most {
			t.Errorf("%s: %s: %q, %d ports; want %s: %q, %d", tc.name, h.Verdict, got, h.Ports, tc.verdict, tc.reason, tc.most)
		}
	}
}

// TestHealthCountsPorts: a run has the connections of the address that had the most.
func TestHealthCountsPorts(t *testing.T) {
	s := startServer(t, nil)
	for _, from := range []string{"", "127.0.0.1"} {
		o := brief(s.URL)
		o.Loops = 2
		if from != "" {
			o.Sources = []netip.Addr{netip.MustParseAddr(from)}
		}
		res := runScenario(t, &Echo{}, o)
		clean(t, res)
		h := res.Generator
		if most := o.Conns + 1; h.Ports < o.Conns || h.Ports > most || h.PortsFrom != from { // there is a probe, too
			t.Errorf("%d ports of %q, want %d of %q", h.Ports, h.PortsFrom, o.Conns, from)
		}
		if runtime.GOOS == "linux" && h.PortRange < 1 {
			t.Errorf("a range of %d", h.PortRange)
		}
	}
}
