package plot

import (
	"math"
	"strconv"
)

// Unit is what the values of an axis are, and so how they are written.
type Unit uint8

const (
	Plain   Unit = iota // 1,200 is 1.2k
	Micros              // microseconds: µs, ms, s
	Bytes               // KiB, MiB, GiB
	Seconds             // of a run: s, min, h
	Ratio               // 0.5, without k and M
)

// An Axis is a scale of values.
type Axis struct {
	Name string // above the axis; may be empty
	Unit Unit
	Log  bool // logarithmic; only values above 0 are drawn

	// Top is a value that the axis reaches at least. Linear axes begin at 0, or at
	// the least value if that is below.
	Top float64
}

// A tick is one place of an axis.
type tick struct {
	at    float64
	label string // empty: a line only
}

// scale is an axis that has got its range.
type scale struct {
	unit   Unit
	log    bool
	lo, hi float64
	ticks  []tick
}

// at is the place of v, 0 to 1.
func (s *scale) at(v float64) float64 {
	if s.log {
		return (math.Log10(v) - math.Log10(s.lo)) / (math.Log10(s.hi) - math.Log10(s.lo))
	}
	return (v - s.lo) / (s.hi - s.lo)
}

// has reports whether v can be drawn.
func (s *scale) has(v float64) bool { return finite(v) && (!s.log || v > 0) }

// widest is the width of the widest label.
func (s *scale) widest() (w float64) {
	for _, t := range s.ticks {
		w = max(w, textWidth(t.label))
	}
	return w
}

// newScale makes the scale of an axis for values from lo to hi, with about n ticks.
// It begins and ends at a tick.
func newScale(a *Axis, lo, hi float64, n int) *scale {
	if a.Top > 0 {
		hi = max(hi, a.Top)
	}
	if a.Log {
		return logScale(a.Unit, lo, hi, n)
	}
	lo = min(lo, 0)
	if !finite(lo) || !finite(hi) || hi <= lo {
		lo, hi = 0, 1
	}
	step := niceStep(a.Unit, (hi-lo)/float64(max(1, n)), max(hi, -lo))
	s := &scale{unit: a.Unit, lo: math.Floor(lo/step+1e-9) * step, hi: math.Ceil(hi/step-1e-9) * step}
	for i := 0; ; i++ {
		v := s.lo + float64(i)*step
		if v > s.hi+step/2 {
			break
		}
		s.ticks = append(s.ticks, tick{v, label(a.Unit, v, step, max(hi, -lo))})
	}
	return s
}

// timeScale is the scale of a time axis, which ends where its data ends.
func timeScale(lo, hi float64, n int) *scale {
	if !finite(lo) || !finite(hi) || hi-lo <= 1e-9*max(hi, -lo) { // nothing between them that floats could count
		lo, hi = 0, 1
	}
	step := timeStep((hi - lo) / float64(max(1, n)))
	s := &scale{unit: Seconds, lo: lo, hi: hi}
	for i := math.Ceil(lo/step-1e-9) + 0; i*step <= hi+step*1e-9; i++ {
		s.ticks = append(s.ticks, tick{i * step, label(Seconds, i*step, step, hi)})
	}
	return s
}

// logScale has its ticks at 1, 10, 100, and at 2 and 5 too where there is room.
func logScale(u Unit, lo, hi float64, n int) *scale {
	if !finite(lo) || !finite(hi) || lo <= 0 || hi < lo {
		lo, hi = 1, 10
	}
	s := &scale{unit: u, log: true}
	mantissas := []float64{1, 2, 5}
	decades := math.Log10(hi / lo)
	if decades*3 > 1.5*float64(n) {
		mantissas = mantissas[:1]
	}
	every := max(1, int(math.Ceil(decades/float64(max(2, n))))) // of very many decades not each has a label
	first := math.Floor(math.Log10(lo) + 1e-9)
	for e := first; len(s.ticks) == 0 || s.ticks[len(s.ticks)-1].at < hi*(1-1e-9) || len(s.ticks) < 2; e++ {
		for _, m := range mantissas {
			v := m * math.Pow(10, e)
			if len(s.ticks) > 1 && s.ticks[len(s.ticks)-1].at >= hi*(1-1e-9) {
				break
			}
			if v <= lo*(1+1e-9) { // the last one at or below lo is the first
				s.ticks = s.ticks[:0]
			}
			text := ""
			if int(e-first)%every == 0 {
				text = label(u, v, 0, v)
			}
			s.ticks = append(s.ticks, tick{v, text})
		}
	}
	s.lo, s.hi = s.ticks[0].at, s.ticks[len(s.ticks)-1].at
	return s
}

// niceStep is 1, 2 or 5 times a power of ten, in the unit that top is written in,
// and at least least. Whole units of time are split as clocks are.
func niceStep(u Unit, least, top float64) float64 {
	if u == Seconds {
		return timeStep(least)
	}
	one := 1.0
	if u == Bytes {
		one, _ = size(top)
		if least < one && one == 1 {
			least = max(least, 1) // there is nothing between bytes
		}
	}
	least /= one
	p := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if m == 2.5 && p < 10 {
			continue // 0, 2.5, 5: a fraction that nobody needs
		}
		if m*p >= least*(1-1e-9) {
			return m * p * one
		}
	}
	return 10 * p * one
}

func timeStep(least float64) float64 {
	if least < 1 {
		return niceStep(Plain, max(least, 1e-6), 1)
	}
	for _, s := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 4 * 3600, 6 * 3600, 12 * 3600} {
		if s >= least*(1-1e-9) {
			return s
		}
	}
	return math.Ceil(least/86400) * 86400
}

// size is the unit that so many bytes are written in.
func size(bytes float64) (one float64, name string) {
	switch {
	case bytes >= 1<<40:
		return 1 << 40, "TiB"
	case bytes >= 1<<30:
		return 1 << 30, "GiB"
	case bytes >= 1<<20:
		return 1 << 20, "MiB"
	case bytes >= 1<<10:
		return 1 << 10, "KiB"
	}
	return 1, "B"
}

// inUnits is what values up to top are written in: how much one is, and what stands
// behind it.
func inUnits(u Unit, top float64) (one float64, suffix string) {
	switch u {
	case Micros:
		switch {
		case top >= 1e6:
			return 1e6, " s"
		case top >= 1e3:
			return 1e3, " ms"
		}
		return 1, " µs"
	case Bytes:
		one, suffix = size(top)
		return one, " " + suffix
	case Seconds:
		return 1, " s"
	case Plain:
		switch {
		case top >= 1e9:
			return 1e9, "G"
		case top >= 1e6:
			return 1e6, "M"
		case top >= 1e4:
			return 1e3, "k"
		}
	}
	return 1, ""
}

// label writes v for an axis with that step, whose greatest value is top: all ticks
// of an axis are written in one unit, with as many digits as the step needs.
func label(u Unit, v, step, top float64) string {
	if u == Seconds {
		return clock(v, step, top)
	}
	one, suffix := inUnits(u, top)
	if u == Plain && one == 1 && top >= 1e3 && math.Mod(step, 100) == 0 {
		one, suffix = 1e3, "k"
	}
	if v == 0 {
		return "0"
	}
	return decimal(v/one, step/one) + suffix
}

// decimal writes v with the digits that the step needs; a step of 0 asks for what v
// needs, at most three digits.
func decimal(v, step float64) string {
	if step <= 0 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := 0
	for s := step; digits < 9 && math.Abs(s-math.Round(s)) > 1e-6*s; digits++ {
		s *= 10
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// clock writes seconds since the start of a run.
func clock(v, step, top float64) string {
	switch {
	case v == 0:
		return "0"
	case step >= 3600 && math.Mod(step, 3600) == 0:
		return strconv.FormatFloat(v/3600, 'f', -1, 64) + " h"
	case step >= 60 && top >= 3600:
		return strconv.Itoa(int(v)/3600) + ":" + two(int(v)/60%60) + " h"
	case step >= 60 && math.Mod(step, 60) == 0:
		return strconv.FormatFloat(v/60, 'f', -1, 64) + " min"
	case top > 180:
		return strconv.Itoa(int(v)/60) + ":" + two(int(v)%60)
	}
	return decimal(v, step) + " s"
}

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// Text writes one value as charts write it beside a bar: three digits and a unit.
func Text(u Unit, v float64) string {
	if !finite(v) {
		return "–"
	}
	a := math.Abs(v)
	one, suffix := inUnits(u, a)
	x := v / one
	switch a /= one; {
	case a >= 99.95 || x == math.Trunc(x) && (u == Plain || u == Bytes):
		return strconv.FormatFloat(x, 'f', 0, 64) + suffix
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64) + suffix
	}
	return strconv.FormatFloat(x, 'f', 2, 64) + suffix
}
