package plot

import (
	"math"
	"strings"
	"testing"
)

func labels(s *scale) string {
	var all []string
	for _, t := range s.ticks {
		all = append(all, t.label)
	}
	return strings.Join(all, " | ")
}

func TestTicks(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		axis   Axis
		lo, hi float64
		n      int
		want   string
	}{
		{Axis{Unit: Micros}, 0, 870, 4, "0 | 250 µs | 500 µs | 750 µs | 1000 µs"},
		{Axis{Unit: Micros}, 0, 870, 5, "0 | 200 µs | 400 µs | 600 µs | 800 µs | 1000 µs"},
		{Axis{Unit: Micros}, 0, 4200, 4, "0 | 2 ms | 4 ms | 6 ms"},
		{Axis{Unit: Micros}, 0, 1.3e6, 4, "0 | 0.5 s | 1.0 s | 1.5 s"},
		{Axis{Unit: Bytes}, 0, 55 * mib, 4, "0 | 20 MiB | 40 MiB | 60 MiB"},
		{Axis{Unit: Bytes}, 0, 1.4 * 1024 * mib, 4, "0 | 0.5 GiB | 1.0 GiB | 1.5 GiB"},
		{Axis{Unit: Bytes}, 0, 3, 5, "0 | 1 B | 2 B | 3 B"},
		{Axis{Unit: Plain}, 0, 88_000, 4, "0 | 25k | 50k | 75k | 100k"},
		{Axis{Unit: Plain}, 0, 1_300_000, 4, "0 | 0.5M | 1.0M | 1.5M"},
		{Axis{Unit: Plain}, 0, 3, 4, "0 | 1 | 2 | 3"},
		{Axis{Unit: Plain}, -3, 5, 4, "-4 | -2 | 0 | 2 | 4 | 6"},
		{Axis{Unit: Ratio, Top: 1}, 0, 0.3, 4, "0 | 0.5 | 1.0"},
		{Axis{Unit: Ratio}, 0, 0, 2, "0 | 0.5 | 1.0"},
		{Axis{Unit: Micros, Log: true}, 150, 40_000, 5, "100 µs | 200 µs | 500 µs | 1 ms | 2 ms | 5 ms | 10 ms | 20 ms | 50 ms"},
		{Axis{Unit: Micros, Log: true}, 150, 4e6, 5, "100 µs | 1 ms | 10 ms | 100 ms | 1 s | 10 s"},
		{Axis{Unit: Micros, Log: true}, 150, 900, 5, "100 µs | 200 µs | 500 µs | 1 ms"},
		{Axis{Unit: Micros, Log: true}, 300, 300, 5, "200 µs | 500 µs"},
		{Axis{Unit: Micros, Log: true}, 100, 1000, 5, "100 µs | 200 µs | 500 µs | 1 ms"},
		{Axis{Unit: Micros, Log: true}, 0, 1000, 5, "1 µs | 2 µs | 5 µs | 10 µs"},
	} {
		s := newScale(&tc.axis, tc.lo, tc.hi, tc.n)
		if got := labels(s); got != tc.want {
			t.Errorf("%+v %v to %v: %s, want %s", tc.axis, tc.lo, tc.hi, got, tc.want)
		}
		if s.at(s.lo) != 0 || s.at(s.hi) != 1 {
			t.Errorf("%+v: ends at %v and %v", tc.axis, s.at(s.lo), s.at(s.hi))
		}
	}
}

func TestTimeTicks(t *testing.T) {
	for _, tc := range []struct {
		lo, hi float64
		want   string
	}{
		{0, 0.8, "0 | 0.2 s | 0.4 s | 0.6 s | 0.8 s"},
		{0, 12, "0 | 5 s | 10 s"},
		{3, 65, "15 s | 30 s | 45 s | 60 s"},
		{0, 200, "0 | 1 min | 2 min | 3 min"},
		{0, 181, "0 | 1 min | 2 min | 3 min"},
		{0, 3 * 3600, "0 | 1 h | 2 h | 3 h"},
		{0, 100 * 3600, "0 | 24 h | 48 h | 72 h | 96 h"},
	} {
		if got := labels(timeScale(tc.lo, tc.hi, 5)); got != tc.want {
			t.Errorf("%v to %v: %s, want %s", tc.lo, tc.hi, got, tc.want)
		}
	}
	if got := labels(timeScale(0, 200, 9)); got != "0 | 0:30 | 1:00 | 1:30 | 2:00 | 2:30 | 3:00" {
		t.Error(got)
	}
	if got := labels(timeScale(0, 5400, 4)); got != "0 | 0:30 h | 1:00 h | 1:30 h" {
		t.Error(got)
	}
}

// FuzzScale: whatever the range, there are few ticks, in order, within the scale,
// and no end without one.
func FuzzScale(f *testing.F) {
	f.Add(0.0, 10.0, uint8(0), uint8(4), false)
	f.Add(1e-300, 1e300, uint8(1), uint8(9), true)
	f.Add(-5.0, math.Inf(1), uint8(2), uint8(0), false)
	f.Add(99.99999999, 100.0, uint8(1), uint8(5), true)
	f.Fuzz(func(t *testing.T, lo, hi float64, unit, n uint8, log bool) {
		if finite(lo) && finite(hi) && (math.Abs(lo) > 1e200 || math.Abs(hi) > 1e200 || hi-lo != 0 && math.Abs(hi-lo) < 1e-200) {
			return // its steps are at the ends of what a float64 holds
		}
		want := int(n%12) + 1
		axis := &Axis{Unit: Unit(unit % 5), Log: log}
		for name, s := range map[string]*scale{"axis": newScale(axis, lo, hi, want), "time": timeScale(min(lo, hi), max(lo, hi), want)} {
			if !(s.lo < s.hi) || len(s.ticks) > 4*want+10 && !log || len(s.ticks) > 1000 {
				t.Fatalf("%s %v..%v: %v..%v, %d ticks", name, lo, hi, s.lo, s.hi, len(s.ticks))
			}
			for i, tick := range s.ticks {
				if !finite(s.at(tick.at)) || i > 0 && tick.at <= s.ticks[i-1].at {
					t.Fatalf("%s %v..%v: tick %d at %v", name, lo, hi, i, tick.at)
				}
			}
		}
	})
}

func TestText(t *testing.T) {
	for _, tc := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{Micros, 0.66, "0.66 µs"}, {Micros, 11.1, "11.1 µs"}, {Micros, 999.7, "1000 µs"}, {Micros, 2500, "2.50 ms"}, {Micros, 3.2e6, "3.20 s"},
		{Bytes, 1359, "1.33 KiB"}, {Bytes, 620, "620 B"}, {Bytes, 41.4 * (1 << 20), "41.4 MiB"},
		{Plain, 12, "12"}, {Plain, 84460, "84.5k"}, {Plain, 1334519, "1.33M"}, {Plain, 8.06, "8.06"},
		{Ratio, 0.354, "0.35"}, {Ratio, 12.345, "12.3"}, {Seconds, 3, "3.00 s"}, {Plain, math.NaN(), "–"},
	} {
		if got := Text(tc.unit, tc.v); got != tc.want {
			t.Errorf("%v of unit %d: %s, want %s", tc.v, tc.unit, got, tc.want)
		}
	}
}

func TestNines(t *testing.T) {
	for q, want := range map[float64]float64{0: 0, -1: 0, 0.9: 1, 0.999: 3, 1 - 1e-15: mostNines} {
		if got := nines(q); math.Abs(got-want) > 1e-9 {
			t.Errorf("nines(%v) = %v", q, got)
		}
	}
	if got := labels(ninesScale(5)); got != "0 % | 50 % | 90 % | 99 % | 99.9 % | 99.99 % | 99.999 %" {
		t.Error(got)
	}
}
