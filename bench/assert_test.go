package bench

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// asserted is a result to hold assertions against.
func asserted() *Result {
	var echo, last hist.Histogram
	for i := range 1000 {
		echo.Record(time.Duration(i+1) * time.Microsecond)
	}
	last.RecordN(20*time.Millisecond, 5)
	return &Result{
		Operation: "echo", Operations: 9990, Elapsed: 2, Rate: 4995,
		Latencies: []Latency{newLatency("echo", &echo), newLatency("last receiver", &last)},
		Metrics:   []Metric{{Name: "server CPU per echo", Unit: "us", Value: 11.5}, {Name: "RSS per connection", Unit: "B", Value: 1500}},
		Errors:    map[string]ErrorCount{"lost": {Count: 10}},
		Server:    &Usage{Cores: 0.75, RSSBefore: 1 << 20, RSSAfter: 3 << 20},
		Series: []Sample{
			{Server: &Load{RSS: 2 << 20, FDs: 7, Heap: 5, GCs: 2}, Client: Load{RSS: 100, Threads: 9}},
			{Server: &Load{RSS: 4 << 20, FDs: 5, Heap: 4, GCs: 1}, Client: Load{RSS: 200, Threads: 8}},
			{Client: Load{RSS: 150}},
		},
	}
}

func TestAssertions(t *testing.T) {
	r := asserted()
	for _, tc := range []struct {
		text string
		want string // "pass", "miss" or "missing"
	}{
		{"echo.p99<5ms", "pass"},
		{"echo.p99<0.9ms", "miss"},
		{"echo.p99.9 <= 1010 us", "pass"},
		{"echo.p100<=1ms", "pass"},
		{"echo.p100<1ms", "miss"},
		{"echo.max>=1000µs", "pass"},
		{"echo.min<=1us", "pass"},
		{"echo.mean>0.5ms", "pass"},
		{"echo.count>=1k", "pass"},
		{"ECHO.P50>400us", "pass"},
		{"last-receiver.p50>19ms", "pass"},
		{"last receiver.p50 > 19ms", "pass"},
		{"last-receiver.p50<1s", "pass"},
		{"connect.p99<1m", "missing"},
		{"errors<11", "pass"},
		{"errors<10", "miss"},
		{"errors<0.2%", "pass"},
		{"errors<0.1%", "miss"},
		{"rate>4k", "pass"},
		{"rate>5k/s", "miss"},
		{"operations>=9990", "pass"},
		{"cpu<12us", "pass"},
		{"cpu<11us", "miss"},
		{"server.rss<5MiB", "pass"},
		{"server.rss<4MiB", "miss"},
		{"server.rss<4MB", "miss"},
		{"server.cores<1", "pass"},
		{"server.fds<=7", "pass"},
		{"server.heap<=5B", "pass"},
		{"server.gcs<=3", "pass"},
		{"server.gcs<3", "miss"},
		{"server.pss<1GiB", "missing"},
		{"client.rss<=200B", "pass"},
		{"client.threads<9", "miss"},
		{"client.cores<1", "missing"},
		{"client.gcs<1", "missing"},
		{"rss-per-connection<2KiB", "pass"},
		{"RSS per connection < 1500", "miss"},
		{"rss-per-connection<5ms", "missing"}, // of another unit
		{"no-such-thing<1", "missing"},
	} {
		got, v := checked(t, r, tc.text)
		if v.Missing {
			got = "missing"
		}
		if got != tc.want || v.Missing && v.Pass || v.Assertion != tc.text {
			t.Errorf("%s: %s (%+v), want %s", tc.text, got, v, tc.want)
		}
	}
}

// checked is what an assertion says of a result: "pass" or "miss", and all of it.
func checked(t *testing.T, r *Result, text string) (string, Outcome) {
	t.Helper()
	a, err := ParseAssertion(text)
	if err != nil {
		t.Fatal(err)
	}
	v := a.Check(r)
	return map[bool]string{true: "pass", false: "miss"}[v.Pass], v
}

func TestAssertKeepsVerdicts(t *testing.T) {
	good, _ := ParseAssertion("rate>1")
	bad, _ := ParseAssertion("errors<1")
	if good.Errors() || !bad.Errors() {
		t.Error("which one is on errors?")
	}
	r := asserted()
	if !r.Assert([]Assertion{good}) || r.Assert([]Assertion{good, bad}) || len(r.Assertions) != 3 {
		t.Errorf("%+v", r.Assertions)
	}
	text, err := json.Marshal(r.Assertions[2])
	if want := `{"assert":"errors\u003c1","pass":false,"value":10,"limit":1}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

// TestAssertionNames: names of operations may have dots and blanks, and an unknown one
// is told with those there are.
func TestAssertionNames(t *testing.T) {
	r := asserted()
	var h hist.Histogram
	h.Record(time.Millisecond)
	for _, name := range []string{"echo service", "big.1MB", "v1.p50 of all", "server.of.mine"} {
		r.Latencies = append(r.Latencies, newLatency(name, &h))
	}
	for _, tc := range []struct{ text, want string }{
		{"echo service.p99<5ms", "pass"},
		{"echo-service.p99.9<5ms", "pass"},
		{"big.1MB.p99<5ms", "pass"},
		{"big.1MB.p99.99<5ms", "pass"},
		{"big.1mb.max<0.5ms", "miss"},
		{"big.1MB.count>=1", "pass"},
		{"v1.p50 of all.p99<5ms", "pass"},
		{"server.of.mine.p99<5ms", "pass"},
		{"server.rss<1GiB", "pass"},
		{"big.p99<5ms", `there is no latency "big", but echo, last-receiver, echo-service, big.1mb, v1.p50-of-all, server.of.mine`},
		{"rss-per-conection<1MiB", `there is no figure "rss-per-conection", but errors, rate, operations, cpu, server-cpu-per-echo, rss-per-connection`},
		{"rss-per-connection<5ms", "its unit is B"},
		{"server.pss<1GiB", ""},
	} {
		got, v := checked(t, r, tc.text)
		if v.Missing {
			got = v.Why
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.text, got, tc.want)
		}
	}
}

func TestParseAssertionRefuses(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "must be FIGURE"},
		{"echo.p99", "must be FIGURE"},
		{"echo.p99=5ms", "must be FIGURE"},
		{"<5ms", "names no figure"},
		{"echo.<5ms", "names no figure"},
		{"a=b<5", "figure's name"},
		{"echo.p99<", "must be a number"},
		{"echo.p99<ms", "must be a number"},
		{"echo.p99<5 parsec", "must be a number"},
		{"echo.p99<<5ms", "must be a number"},
		{"echo.p99<1e999ms", "must be a number"},
		{"echo.p99<5", "must be a time"},
		{"echo.p99<5MiB", "must be a time"},
		{"echo.p101<5ms", "p0 to p100"},
		{"echo.pfoo<5ms", "p0 to p100"},
		{"echo.pInf<5ms", "p0 to p100"},
		{"echo.median<5ms", "p0 to p100"},
		{"errors<5ms", "does not fit"},
		{"rate>50%", "does not fit"},
		{"cpu<12", "must be a time"},
		{"server.rss<200", "must be bytes"},
		{"server.mood<200", "behind server."},
		{"client<200", "behind client."},
		{strings.Repeat("x", 300) + "<1", "too long"},
	} {
		if a, err := ParseAssertion(tc.text); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 500 {
			t.Errorf("%q: %v, %v; want %q", tc.text, a, err, tc.want)
		}
	}
}

// FuzzParseAssertion: no panic, every error wraps ErrUsage, and what is accepted
// can be read again from its String and be checked.
func FuzzParseAssertion(f *testing.F) {
	for _, text := range []string{"echo.p99<5ms", "errors<0.1%", "rate>50000", "server.rss<200MiB", "cpu<12us", "last receiver.p50 >= 1_0µs", "a.b.c<1", "<>"} {
		f.Add(text)
	}
	r := asserted()
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAssertion(text)
		if err != nil {
			if !errors.Is(err, ErrUsage) {
				t.Fatal(err)
			}
			return
		}
		again, err := ParseAssertion(a.String())
		if err != nil || again != a {
			t.Fatalf("%q: %+v became %+v, %v", text, a, again, err)
		}
		if v := a.Check(r); v.Pass && v.Missing {
			t.Fatalf("%+v", v)
		}
	})
}

// TestStandingWithErrors: errors fail a run in reports as in its exit code, unless a
// threshold on all of them is kept.
func TestStandingWithErrors(t *testing.T) {
	for _, tc := range []struct {
		assert, level, text string
	}{
		{"", "bad", "1,500 errors"},
		{"rate>=0", "bad", "1,500 errors"},
		{"errors<2k", "warn", "thresholds kept, errors: 1,500"},
		{"errors<1k", "bad", "threshold missed"},
		{"errors<14%", "bad", "threshold missed"},
		{"errors<16%", "warn", "thresholds kept, errors: 1,500"},
	} {
		r := &Result{Elapsed: 1, Operations: 8500, Errors: map[string]ErrorCount{Lost: {Count: 1000}, Late: {Count: 500}}}
		if tc.assert != "" {
			a, err := ParseAssertion(tc.assert)
			if err != nil {
				t.Fatal(err)
			}
			r.Assert([]Assertion{a})
		}
		if s := r.standing(); s != (standing{tc.level, tc.text}) {
			t.Errorf("%s: %+v", tc.assert, s)
		}
	}
}
