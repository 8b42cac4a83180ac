package hist

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestBucketsTile: the buckets follow on each other without gap or overlap, and
// none is wider than 1/64 of its values.
func TestBucketsTile(t *testing.T) {
	next := uint64(0)
	for i := range buckets {
		if bucket(next) != i {
			t.Fatalf("bucket(%d) = %d, want %d", next, bucket(next), i)
		}
		up := upper(i)
		if bucket(up) != i {
			t.Fatalf("bucket(upper(%d)) = %d", i, bucket(up))
		}
		if width := up - next; width*steps > max(next, steps) {
			t.Fatalf("bucket %d is %d wide at %d", i, width, next)
		}
		next = up + 1
	}
	if next != 1<<(topBits) {
		t.Errorf("the buckets end at %d, want 2^%d", next, topBits)
	}
	for _, v := range []uint64{1 << topBits, 1<<63 - 1, 1<<64 - 1} {
		if bucket(v) != buckets-1 {
			t.Errorf("bucket(%d) = %d, want the last", v, bucket(v))
		}
	}
}

// TestQuantileErrorBound compares with sorted values over distributions of
// several shapes and sizes.
func TestQuantileErrorBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func() time.Duration{
		"small":       func() time.Duration { return time.Duration(rng.IntN(64)) },
		"uniform":     func() time.Duration { return time.Duration(rng.Int64N(int64(time.Second))) },
		"exponential": func() time.Duration { return time.Duration(rng.ExpFloat64() * float64(time.Millisecond)) },
		"any power":   func() time.Duration { return time.Duration(rng.Uint64() >> (23 + rng.IntN(40))) },
	}
	for name, draw := range shapes {
		for _, n := range []int{1, 2, 10, 1000, 50_000} {
			var h Histogram
			values := make([]time.Duration, n)
			for i := range values {
				values[i] = draw()
				h.Record(values[i])
			}
			slices.Sort(values)
			if h.Min() != values[0] || h.Max() != values[n-1] || h.Count() != uint64(n) {
				t.Fatalf("%s, %d: min %v max %v count %d", name, n, h.Min(), h.Max(), h.Count())
			}
			for _, q := range []float64{0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
				rank := int(q*float64(n) + 0.999999999)
				exact := values[min(n, max(1, rank))-1]
				got := h.Quantile(q)
				if got < exact || got > exact+exact/steps+1 {
					t.Errorf("%s, %d: Quantile(%v) = %d, exact %d", name, n, q, got, exact)
				}
			}
		}
	}
}

// TestMerge: merging parts gives what recording all in one gives.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var whole, sum Histogram
	parts := make([]Histogram, 5) // the last stays empty
	for i := range 10_000 {
		d := time.Duration(rng.Uint64() >> (20 + rng.IntN(40)))
		whole.Record(d)
		parts[i%4].Record(d)
	}
	for i := range parts {
		sum.Merge(&parts[i])
	}
	if sum.counts != whole.counts || sum.n != whole.n || sum.min != whole.min || sum.max != whole.max {
		t.Error("the merged histogram differs")
	}
	if a, b := sum.Mean(), whole.Mean(); a-b > time.Microsecond || b-a > time.Microsecond {
		t.Errorf("means %v and %v", a, b)
	}
}

func TestEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Mean() != 0 || h.Min() != 0 || h.Max() != 0 {
		t.Error("an empty histogram is not all zero")
	}
	h.Record(-time.Second)
	if h.Max() != 0 || h.Count() != 1 {
		t.Errorf("a negative duration counted as %v", h.Max())
	}
	h.RecordN(3*time.Hour, 9)
	if h.Quantile(1) != 3*time.Hour || h.Quantile(0.5) != 3*time.Hour || h.Max() != 3*time.Hour {
		t.Errorf("beyond the last bucket: %v, max %v", h.Quantile(0.5), h.Max())
	}
	h.RecordN(time.Second, 0)
	if h.Count() != 10 {
		t.Errorf("count %d", h.Count())
	}
	if h.Quantile(-1) != 0 || h.Quantile(7) != 3*time.Hour {
		t.Error("q outside 0..1 is not cut")
	}
	h.Reset()
	if h.Count() != 0 || h.Max() != 0 {
		t.Error("Reset left something")
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	d := time.Duration(1)
	if n := testing.AllocsPerRun(100, func() { h.Record(d); d *= 3 }); n != 0 {
		t.Errorf("Record allocates %v times a call, want 0", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	d := time.Duration(1)
	for b.Loop() {
		h.Record(d)
		d = (d*5 + 1) & (1<<36 - 1)
	}
}
