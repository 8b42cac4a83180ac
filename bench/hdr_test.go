package bench

import (
	"bytes"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// TestHGRM: the file has the format's head, rises to the last count, and its
// values are those of the latency.
func TestHGRM(t *testing.T) {
	l := asserted().Latencies[0]
	var b strings.Builder
	if err := l.WriteHGRM(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if !regexp.MustCompile(`^\s*Value\s+Percentile\s+TotalCount\s+1/\(1-Percentile\)\s*\n`).MatchString(text) || !strings.Contains(text, "#[Mean") {
		t.Fatalf("head or tail of\n%s", text)
	}
	seen := 0
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(f[0], "#") || f[0] == "Value" {
			continue
		}
		value, err1 := strconv.ParseFloat(f[0], 64)
		at, err2 := strconv.ParseFloat(f[1], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q", line)
		}
		if at == 0.5 && math.Abs(value-l.P50) > l.P50/500 {
			t.Errorf("p50 %v, want %v", value, l.P50)
		}
		seen++
	}
	if seen < 10 {
		t.Errorf("%d lines in\n%s", seen, text)
	}
	if err := (&Latency{Histogram: "%"}).WriteHGRM(io.Discard); err == nil {
		t.Error("an unreadable histogram is written")
	}
}

// TestHLog: the log of a run is read back by HdrHistogram's reader with all
// operations in it.
func TestHLog(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Duration, o.Intervals = 1500*time.Millisecond, true
	res := runScenario(t, &Echo{}, o)
	clean(t, res)
	var b bytes.Buffer
	if err := res.WriteHLog(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if !strings.Contains(text, "#[Histogram log format version 1.3]") || !strings.Contains(text, `"StartTimestamp"`) {
		t.Errorf("head of %.300s", text)
	}
	reader := hdrhistogram.NewHistogramLogReader(&b)
	var n int64
	lines := 0
	for {
		h, err := reader.NextIntervalHistogram()
		if err != nil || h == nil {
			break
		}
		lines++
		n += h.TotalCount()
	}
	if lines == 0 || uint64(n) < res.Operations {
		t.Errorf("%d lines with %d operations, the run had %d\n%.500s", lines, n, res.Operations, text)
	}
	if err := (&Result{Series: []Sample{{Histogram: "%"}}}).WriteHLog(io.Discard); err == nil {
		t.Error("an unreadable histogram is written")
	}
}

func TestMainLatency(t *testing.T) {
	for _, tc := range []struct{ have, want string }{{"", ""}, {"connect", "connect"}, {"connect echo", "echo"}, {"connect echo lag", "echo"}, {"delivery", "delivery"}} {
		r := &Result{}
		for name := range strings.FieldsSeq(tc.have) {
			r.Latencies = append(r.Latencies, Latency{Name: name})
		}
		got := ""
		if l := r.Main(); l != nil {
			got = l.Name
		}
		if got != tc.want {
			t.Errorf("%q: %q", tc.have, got)
		}
	}
}
