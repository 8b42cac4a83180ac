package bench

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// TestSeries: the samples of a run are in order, cover it from the first connect
// to the last goodbye, and add up to what the run has done; each is told once.
func TestSeries(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		scenario Scenario
		latency  bool // every sample of the window has one
	}{
		{&Echo{}, true}, {&Broadcast{}, true}, {&Rooms{}, true}, {&Connect{}, true}, {&Connect{Hold: true}, false}, {&Idle{Steps: []int{5, 10}, Settle: 300 * time.Millisecond, Window: time.Second}, false},
	} {
		t.Run(tc.scenario.Name(), func(t *testing.T) {
			o := brief(s.URL)
			o.Loops = 2
			var told []Sample
			var n atomic.Int64 // of told
			o.Progress = func(p Progress) {
				if p.Sample != nil {
					told = append(told, *p.Sample)
					n.Add(1)
				}
			}
			least := 1
			if tc.latency { // it goes on until there are some
				least = 2
				o = until(o, func(*run, Progress) bool { return n.Load() >= 2 })
			}
			res := runScenario(t, tc.scenario, o)
			clean(t, res)
			var operations uint64
			at, connected := 0.0, false
			for _, v := range res.Series {
				if v.At <= at || v.Phase == "" || v.P50 > v.P90 || v.P90 > v.P99 || v.P99 > v.Max {
					t.Errorf("after %v: %+v", at, v)
				}
				if v.Operations > 0 && tc.latency && v.P50 <= 0 {
					t.Errorf("operations without latency: %+v", v)
				}
				long := v.At-at > 0.05 // enough for the system to have seen it run
				if res.Client != nil && (long && v.Client.Cores <= 0 || v.Client.RSS <= 0 || v.Client.Heap <= 0 || v.Client.Goroutines <= 0) {
					t.Errorf("client %+v", v.Client)
				}
				if res.Client != nil && (v.Server == nil || v.Server.RSS <= 0) {
					t.Errorf("server %+v", v.Server)
				}
				at = v.At
				operations += v.Operations
				connected = connected || v.Conns > 0
			}
			if operations < res.Operations {
				t.Errorf("%d operations in the samples, %d in the window", operations, res.Operations)
			}
			if _, cycles := tc.scenario.(*Connect); !connected && !cycles {
				t.Error("no sample has a connection")
			}
			if len(res.Series) < least || at < res.Elapsed-0.05 { // but for a sliver at the end
				t.Errorf("%d samples up to %v s, of a window of %v s", len(res.Series), at, res.Elapsed)
			}
			// All but the last, which comes at the end, are told, and no other.
			for i, v := range told {
				if i >= len(res.Series) || v.At != res.Series[i].At {
					t.Errorf("sample %d was told, but is not in the result: %+v", i, v)
				}
			}
			if len(told) < len(res.Series)-1 {
				t.Errorf("%d of %d samples were told", len(told), len(res.Series))
			}
		})
	}
}

// TestCurve: the points rise, go as far as the count allows, and end with the
// longest.
func TestCurve(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 99, 100, 1000, 100_000} {
		var h hist.Histogram
		for i := range n {
			h.Record(time.Duration(i+1) * time.Microsecond)
		}
		points := newLatency("x", &h).Curve
		for i, p := range points {
			if i > 0 && (p.Quantile <= points[i-1].Quantile || p.Micros < points[i-1].Micros) {
				t.Errorf("%d: %+v after %+v", n, p, points[i-1])
			}
			if want := us(h.Quantile(p.Quantile)); p.Micros != want {
				t.Errorf("%d: %v at %v, want %v", n, p.Micros, p.Quantile, want)
			}
		}
		if first, last := points[0], points[len(points)-1]; first.Quantile != 0 || last != (Point{1, us(h.Max())}) {
			t.Errorf("%d: from %+v to %+v", n, first, last)
		}
		if n >= 10 {
			deepest := points[len(points)-2].Quantile
			if above := 1 - deepest; above*float64(n) < 1-1e-6 || above*float64(n) > 1.4 {
				t.Errorf("%d: the last point before the end is at %v", n, deepest)
			}
		}
	}
	if l := newLatency("none", new(hist.Histogram)); l.Curve != nil || l.Histogram != "" {
		t.Errorf("of nothing: %+v", l)
	}
}

// TestLatencyKeepsAll: the histogram of a result has the counts of its quantiles.
func TestLatencyKeepsAll(t *testing.T) {
	var h hist.Histogram
	for i := range 12345 {
		h.Record(time.Duration(i) * 777)
	}
	l := newLatency("x", &h)
	again, err := hist.Decode(l.Histogram)
	if err != nil || again.Count() != l.Count || math.Abs(us(again.Quantile(0.9999))-l.P9999) > 1e-9 {
		t.Errorf("%v: %+v", err, l)
	}
}

// TestIntervalDoesNotAllocate: what a message costs the series is no memory.
func TestIntervalDoesNotAllocate(t *testing.T) {
	w := &worker{run: new(run), interval: new(interval), recording: true}
	full := new(interval)
	if n := testing.AllocsPerRun(100, func() {
		w.operation(time.Millisecond)
		w.sentLate(time.Microsecond)
		full = w.surrender(full)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
