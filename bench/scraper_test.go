package bench

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMetricsURL: without a process id, the server's time and memory come from
// what it tells; both stand in the series.
func TestMetricsURL(t *testing.T) {
	s := startServer(t, nil)
	var asked atomic.Int64
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		fmt.Fprintf(w, "process_cpu_seconds_total %d\nprocess_resident_memory_bytes %d\nprocess_open_fds 33\nnodejs_gc_duration_seconds_count{kind=\"minor\"} %d\n", n, n<<20, 10*n)
	}))
	defer metrics.Close()
	o := brief(s.URL)
	o.PID, o.Metrics = 0, metrics.URL
	tells := func(v *Sample) bool { return v.Server != nil && v.Server.FDs == 33 && v.Server.RSS > 0 }
	var fresh atomic.Int64
	o.Progress = func(p Progress) {
		if p.Sample != nil && tells(p.Sample) {
			fresh.Add(1)
		}
	}
	res := runUntil(t, &Echo{}, o, func(*run, Progress) bool { return fresh.Load() >= 2 })
	clean(t, res)
	u := res.Server
	if u == nil || u.CPUSource != "metrics" || u.RSSSource != "metrics" || u.CPU <= 0 || u.RSSAfter <= u.RSSBefore {
		t.Fatalf("server %+v", u)
	}
	if m, ok := res.Metric("server CPU per echo"); !ok || m.Value <= 0 {
		t.Errorf("%+v", res.Metrics)
	}
	seen := 0
	for i := range res.Series {
		if tells(&res.Series[i]) {
			seen++
		}
	}
	if last := res.Series[len(res.Series)-1].Server; seen < 2 || last != nil && last.GCs == 0 && last.Cores > 0 {
		t.Errorf("%d samples of %d have what the server told; the last: %+v", seen, len(res.Series), last)
	}
}

// TestMetricsFail: a server that does not answer there, or tells nothing, holds
// nothing up, and the result says so.
func TestMetricsFail(t *testing.T) {
	s := startServer(t, nil)
	release := make(chan struct{})
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/silent" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		fmt.Fprint(w, "up 1\n")
	}))
	defer metrics.Close()
	defer close(release)
	for path, want := range map[string]string{"/silent": "deadline", "/other": "tells nothing"} {
		o := brief(s.URL)
		o.PID, o.Metrics = 0, metrics.URL+path
		began := time.Now()
		res := runScenario(t, &Echo{}, o)
		clean(t, res)
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s: the run took %v", path, took)
		}
		if res.Server != nil || !strings.Contains(strings.Join(res.Warnings, "\n"), want) {
			t.Errorf("%s: %+v\n%v", path, res.Server, res.Warnings)
		}
	}
}

// TestMetricsMemory: the scenarios that ask for the server's memory have it from what
// it tells, too; what it does not tell, here its processor time, is absent.
func TestMetricsMemory(t *testing.T) {
	s := startServer(t, nil)
	var asked atomic.Int64
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "process_resident_memory_bytes %d\n", asked.Add(1)<<20)
	}))
	defer metrics.Close()
	for _, tc := range []struct {
		scenario Scenario
		metric   string // of memory; empty: has none of its own
	}{
		{&Idle{Steps: []int{4, 8}, Settle: 50 * time.Millisecond, Window: 100 * time.Millisecond}, "RSS per connection"},
		{&Connect{Cycles: 40}, "RSS growth after the first tenth"},
		{&Slow{Share: 0.25}, "server memory growth at most"},
		{&Big{Sizes: []int{200}}, ""},
	} {
		t.Run(tc.scenario.Name(), func(t *testing.T) {
			o := brief(s.URL)
			o.PID, o.Metrics = 0, metrics.URL
			res := runScenario(t, tc.scenario, o)
			if m, ok := res.Metric(tc.metric); tc.metric != "" && (!ok || m.Value <= 0) {
				t.Errorf("%s: %+v of %+v", tc.metric, m, res.Metrics)
			}
			if u := res.Server; u == nil || u.RSSSource != "metrics" || u.RSSAfter <= u.RSSBefore {
				t.Fatalf("server %+v", u)
			}
			for _, m := range res.Metrics {
				if strings.HasPrefix(m.Name, "server CPU") {
					t.Errorf("%s is %v, and was not measured", m.Name, m.Value)
				}
			}
			a, err := ParseAssertion("server.cores<1")
			if err != nil {
				t.Fatal(err)
			}
			if v := a.Check(res); !v.Missing {
				t.Errorf("server.cores is %v, and was not measured", v.Value)
			}
			if text, _ := json.Marshal(res.Server); strings.Contains(string(text), "cores") {
				t.Errorf("server %s", text)
			}
		})
	}
}
