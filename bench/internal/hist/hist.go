// Package hist counts durations in a log-linear histogram: 64 steps per power
// of two, so that a quantile is at most 1/64 above the value it stands for, from
// one nanosecond to an hour, in 18 KiB that are never reallocated.
//
// Recording is a few instructions and does not allocate. A Histogram has one
// owner; histograms of several loops are merged when they are done.
package hist

import (
	"math/bits"
	"time"
)

const (
	stepBits = 6
	steps    = 1 << stepBits // per power of two

	// topBits bounds what is told apart: 2^42 ns is 73 minutes. Longer durations
	// count in the last bucket; Max stays exact.
	topBits = 42
	buckets = (topBits - stepBits + 1) * steps
)

// Histogram is a distribution of durations. The zero value is empty and ready.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	sum    float64 // ns
	min    time.Duration
	max    time.Duration
}

// bucket is the index for v nanoseconds: v itself below 64, then 64 steps for
// each power of two.
func bucket(v uint64) int {
	if v < steps {
		return int(v)
	}
	shift := bits.Len64(v) - stepBits - 1
	return min(buckets-1, shift*steps+int(v>>shift))
}

// upper is the largest value of bucket i in nanoseconds.
func upper(i int) uint64 {
	if i < steps {
		return uint64(i)
	}
	shift := i/steps - 1
	return uint64(i%steps+steps+1)<<shift - 1
}

// Record counts d once. A negative duration counts as 0.
func (h *Histogram) Record(d time.Duration) { h.RecordN(d, 1) }

// RecordN counts d n times.
func (h *Histogram) RecordN(d time.Duration, n uint64) {
	if n == 0 {
		return
	}
	d = max(0, d)
	h.counts[bucket(uint64(d))] += n
	if h.n == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.n += n
	h.sum += float64(d) * float64(n)
}

// Merge adds what other counted. other is left as it is.
func (h *Histogram) Merge(other *Histogram) {
	if other.n == 0 {
		return
	}
	for i, n := range &other.counts {
		h.counts[i] += n
	}
	if h.n == 0 || other.min < h.min {
		h.min = other.min
	}
	h.max = max(h.max, other.max)
	h.n += other.n
	h.sum += other.sum
}

// Reset empties h.
func (h *Histogram) Reset() { *h = Histogram{} }

// Count is the number of durations recorded.
func (h *Histogram) Count() uint64 { return h.n }

// Min and Max are exact; 0 when h is empty.
func (h *Histogram) Min() time.Duration { return h.min }

// Max is the longest duration recorded, exact.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the arithmetic mean; 0 when h is empty.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.n))
}

// Quantile returns a value that at least the share q of the durations does not
// exceed: the smallest such value, or up to 1/64 more, and never more than Max.
// q is cut to 0..1; an empty histogram gives 0.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	q = min(max(q, 0), 1)
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) || rank == 0 {
		rank++ // round up: the rank-th smallest, counted from 1
	}
	rank = min(rank, h.n)
	var seen uint64
	for i, n := range &h.counts {
		if seen += n; seen >= rank {
			return h.top(i)
		}
	}
	return h.max
}
