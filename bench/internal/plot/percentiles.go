package plot

import (
	"math"
	"strconv"
)

// Percentiles is a chart of distributions. Its horizontal axis is that of nines: 90,
// 99 and 99.9 % are equally far apart, so the tail has as much room as the rest.
type Percentiles struct {
	Head

	Axis   Axis // of the values; mostly logarithmic
	Curves []Curve
	Marks  []Mark
}

// A Curve is one distribution.
type Curve struct {
	Name   string
	Points []Quantile // ascending
	Colour int        // 1 to 6; 0: the next in turn
	Dashed bool
}

// A Quantile says that the share Q of all values is not above Value. Q is 0 to 1;
// at 1, which no axis of nines reaches, it is drawn where the curve's others end.
type Quantile struct{ Q, Value float64 }

// mostNines bounds the axis: one in a billion.
const mostNines = 9

// nines is how many nines q has: 0.9 has one, 0.99 two.
func nines(q float64) float64 {
	if q >= 1 {
		return math.Inf(1)
	}
	return min(mostNines, -math.Log10(1-max(q, 0)))
}

func (p *Percentiles) draw(c *canvas) {
	var keys []key
	end := 2.0
	lo, hi := math.Inf(1), math.Inf(-1)
	l := Line{} // its series are in nines in place of seconds
	for i, curve := range p.Curves {
		s := Series{Dashed: curve.Dashed}
		last := 0.0
		for _, q := range curve.Points {
			if finite(q.Q) && q.Q < 1 {
				last = max(last, nines(q.Q))
			}
		}
		for _, q := range curve.Points {
			if !finite(q.Value) || math.IsNaN(q.Q) || p.Axis.Log && q.Value <= 0 {
				continue
			}
			s.X, s.Y = append(s.X, min(nines(q.Q), last)), append(s.Y, q.Value)
			lo, hi = min(lo, q.Value), max(hi, q.Value)
		}
		end = max(end, last)
		keys = append(keys, key{curve.Name, "line " + colour(curve.Colour, i) + dashes(&s)})
		l.Series = append(l.Series, s)
	}
	if len(keys) > 1 {
		c.legend(keys)
	}
	for _, m := range p.Marks {
		if finite(m.Value) && (!p.Axis.Log || m.Value > 0) && hi >= lo {
			lo, hi = min(lo, m.Value), max(hi, m.Value)
		}
	}
	f := frame{left: newScale(&p.Axis, lo, hi, max(3, int(c.area/34))), leftName: p.Axis.Name}
	f.layOut(c)
	f.x = ninesScale(end)
	for _, t := range f.x.ticks {
		x := f.px(t.at)
		c.line(x, f.y0, x, f.y0+f.h, "grid")
	}
	f.grid(c)
	drawn := false
	for i := range l.Series {
		drawn = f.series(c, &l.Series[i], colour(p.Curves[i].Colour, i)) || drawn
	}
	if !drawn {
		c.text(f.x0+f.w/2, f.y0+f.h/2+4, "middle", "", "no data")
	}
	f.marks(c, p.Marks)
	f.finish(c)
}

// ninesScale is the axis of nines from 0 to end.
func ninesScale(end float64) *scale {
	s := &scale{hi: end, ticks: []tick{{0, "0 %"}, {nines(0.5), "50 %"}}}
	for n := 1; float64(n) <= end+1e-9; n++ {
		text := "90 %"
		if n > 1 {
			text = strconv.FormatFloat(100-math.Pow(10, float64(2-n)), 'f', n-2, 64) + " %"
		}
		s.ticks = append(s.ticks, tick{float64(n), text})
	}
	return s
}
