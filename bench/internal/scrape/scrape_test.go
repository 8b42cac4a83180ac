package scrape

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// what the client libraries write, cut to some lines of each kind.
const (
	goText = `# HELP go_gc_duration_seconds A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0"} 3.1e-05
go_gc_duration_seconds{quantile="1"} 0.000151
go_gc_duration_seconds_sum 0.001265
go_gc_duration_seconds_count 17
go_goroutines 8
go_info{version="go1.26.0"} 1
go_memstats_heap_alloc_bytes 2.36696e+06
go_memstats_heap_objects 11234
go_threads 9
process_cpu_seconds_total 1.25
process_open_fds 10
process_resident_memory_bytes 1.0928128e+07
`
	nodeText = `process_cpu_user_seconds_total 2.5
process_cpu_seconds_total 3.5 1395066363000
process_resident_memory_bytes 52150272
process_open_fds 24
nodejs_heap_size_used_bytes 8012345
nodejs_gc_duration_seconds_bucket{le="0.001",kind="minor"} 11
nodejs_gc_duration_seconds_sum{kind="minor"} 0.5
nodejs_gc_duration_seconds_count{kind="minor"} 11
nodejs_gc_duration_seconds_sum{kind="major"} 0.25
nodejs_gc_duration_seconds_count{kind="major"} 2
nodejs_eventloop_lag_p99_seconds NaN
`
)

func TestParse(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name, body string
		want       Snapshot
	}{
		{"Go", goText, Snapshot{1.25, 10928128, 10, 9, 2366960, 11234, 8, 17, 0.001265}},
		{"Node", nodeText, Snapshot{3.5, 52150272, 24, nan, 8012345, nan, nan, 13, 0.75}},
		{"labels with brackets and quotes", "x{a=\"}\\\"{ \",b=\"\"} 1\nprocess_open_fds\t{} 4\nprocess_open_fds{a=\"b}\"} +3 5\r\n", Snapshot{nan, nan, 7, nan, nan, nan, nan, nan, nan}},
		{"no number is no figure", "process_open_fds +Inf\nprocess_cpu_seconds_total NaN\ngo_threads 1", Snapshot{nan, nan, nan, 1, nan, nan, nan, nan, nan}},
		{"expvar", `{"cmdline": [], "memstats": {"HeapObjects": 5, "HeapAlloc": 6, "NumGC": 7, "PauseTotalNs": 8e9, "BySize": []}}`, Snapshot{nan, nan, nan, nan, 6, 5, nan, 7, 8}},
		{"a flat object", ` {"heap_objects": 5, "heap_alloc": 6, "rss": 7, "goroutines": 8}`, Snapshot{nan, 7, nan, nan, 6, 5, 8, nan, nan}},
	} {
		got, err := Parse([]byte(tc.body))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(tc.want) { // NaN is not equal to itself
			t.Errorf("%s: %+v, %v\nwant %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tc := range []struct {
		body string
		want error
	}{
		{"<html><body>hello world", ErrSyntax},
		{"process_open_fds", ErrSyntax},
		{"process_open_fds ten", ErrSyntax},
		{"process_open_fds 1 2 3", ErrSyntax},
		{`process_open_fds{a="b} 1`, ErrSyntax},
		{`process_open_fds{a="b\`, ErrSyntax},
		{"{", ErrSyntax},
		{`{"heap_objects": "many"}`, ErrSyntax},
		{"", ErrNothing},
		{"up 1\n", ErrNothing},
		{"{}", ErrNothing},
	} {
		if s, err := Parse([]byte(tc.body)); !errors.Is(err, tc.want) {
			t.Errorf("%q: %+v, %v, want %v", tc.body, s, err, tc.want)
		}
	}
}

func TestGet(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/metrics":
			fmt.Fprint(w, goText)
		case "/huge":
			fmt.Fprint(w, strings.Repeat("#", MaxBody+1))
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	if got, err := Get(context.Background(), s.Client(), s.URL+"/metrics"); err != nil || got.CPU != 1.25 {
		t.Errorf("%+v, %v", got, err)
	}
	for path, want := range map[string]string{"/huge": "more than", "/other": "404"} {
		if _, err := Get(context.Background(), s.Client(), s.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Get(ctx, s.Client(), s.URL+"/metrics"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzParse: no panic, and nothing but the two errors.
func FuzzParse(f *testing.F) {
	f.Add([]byte(goText))
	f.Add([]byte(nodeText))
	f.Add([]byte(`{"memstats": {"HeapObjects": 5}}`))
	f.Add([]byte(`a{b="\"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := Parse(body); err != nil && !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrNothing) {
			t.Fatal(err)
		}
	})
}
