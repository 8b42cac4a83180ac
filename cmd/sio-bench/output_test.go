package main

import (
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestPrintResultWhole: the text has all quantiles, and says how the generator fared,
// once.
func TestPrintResultWhole(t *testing.T) {
	for _, tc := range []struct {
		health   *bench.Health
		warnings []string
		want     string
	}{
		{&bench.Health{Verdict: "ok"}, nil, "generator  0.50 cores  ok: it was not the limit\n"},
		{&bench.Health{Verdict: "limit", Reasons: []string{"loop 0"}}, []string{"THE GENERATOR WAS THE LIMIT: loop 0"}, "0.50 cores  limit: throughput and latency are its own"},
		{&bench.Health{Verdict: "busy", Reasons: []string{"loop 0 took 70 %"}}, nil, "busy: latencies have that in them: loop 0 took 70 %\n"},
		{&bench.Health{Verdict: "busy", Reasons: []string{"late"}}, []string{"the generator was kept waiting"}, "busy: latencies have that in them\n"},
		{nil, nil, "generator  0.50 cores\n"},
	} {
		r := &bench.Result{
			Scenario: "echo", Client: &bench.Usage{Cores: 0.5}, Generator: tc.health, Warnings: tc.warnings,
			Latencies: []bench.Latency{{Name: "echo", P999: 999, P9999: 12345, Max: 20000, Count: 7}},
		}
		var b strings.Builder
		if err := printResult(&b, r, style{}); err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{tc.want, "p99.9    p99.99       max", "999 µs  12.35 ms  20.00 ms"} {
			if !strings.Contains(b.String(), part) {
				t.Errorf("no %q in\n%s", part, b.String())
			}
		}
	}
}
