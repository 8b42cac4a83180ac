package main

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/doctor"
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

// TestNothingIsObeyed: what a server says cannot move the cursor, colour or forge a
// line of what a terminal shows.
func TestNothingIsObeyed(t *testing.T) {
	const evil = "a\x1b]0;title\x07\x1b[2J\r\nno errors\u009b31m\u202eb\xff"
	r := &bench.Result{
		Scenario: evil, URL: evil, Operation: "echo", Elapsed: 1, Errors: map[string]bench.ErrorCount{evil: {Count: 1, Example: evil}}, Warnings: []string{evil},
		Generator: &bench.Health{Verdict: "busy", Reasons: []string{evil}}, Client: &bench.Usage{},
	}
	s := style{"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"}
	var b strings.Builder
	for _, err := range []error{
		printResult(&b, r, s), printVerdicts(&b, []bench.Outcome{{Assertion: evil}}, s), printDiagnosis(&b, []doctor.Finding{{Name: "server", Level: doctor.OK, Text: evil}}, s),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	complain(&b, errors.New("it said:\n  one\n  "+evil))
	text := b.String()
	if !strings.Contains(text, "\x1b[33m! a\\x1b]0;title\\x07\\x1b[2J no errors\\u009b31m\\u202eb\\xff\x1b[0m\n") || !strings.Contains(text, "it said:\n  one\n") {
		t.Errorf("%q", text)
	}
	for _, own := range []string{s.bold, s.red, s.yellow, s.reset} {
		text = strings.ReplaceAll(text, own, "")
	}
	if i := strings.IndexAny(text, "\x1b\x07\r\u009b\u202e"); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("%q", text)
	}
}
