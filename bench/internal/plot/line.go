package plot

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Line is a chart of values over time, in one or two units.
type Line struct {
	Head

	Left   Axis
	Right  Axis // of the series that are Right
	Series []Series
	Bands  []Band
	Marks  []Mark

	// From and To are the ends of the time axis, in seconds. Default, if they are
	// the same: those of the series and bands.
	From, To float64
}

// A Series is one line.
type Series struct {
	Name string

	// X are times in seconds, ascending; Y the values at them. A value that is not
	// finite is a gap.
	X, Y []float64

	Right  bool // it is read at the right axis
	Filled bool // the area below it is filled
	Steps  bool // a value holds until the next one
	Dashed bool
	Colour int // 1 to 6; 0: the next in turn
}

// A Band is a span of time with a name, as a phase.
type Band struct {
	From, To float64
	Name     string
	Shaded   bool
}

// A Mark is a value worth a line across: a limit.
type Mark struct {
	Value float64 // of the left axis
	Name  string
}

func (l *Line) draw(c *canvas) {
	var keys []key
	classes := make([]string, len(l.Series))
	right := false
	for i := range l.Series {
		s := &l.Series[i]
		classes[i] = colour(s.Colour, i)
		k := key{s.Name, "line " + classes[i] + dashes(s)}
		if s.Right {
			k.name += " (right)"
			right = true
		}
		keys = append(keys, k)
	}
	if len(keys) > 1 || right {
		c.legend(keys)
	}

	ticks := max(2, int(c.area/38))
	left := newScale(&l.Left, math.Inf(1), math.Inf(-1), ticks)
	if lo, hi, ok := l.span(false); ok {
		left = newScale(&l.Left, lo, hi, ticks)
	}
	f := frame{left: left}
	if lo, hi, ok := l.span(true); ok {
		f.right = newScale(&l.Right, lo, hi, ticks)
	}
	from, to := l.time()
	f.leftName, f.rightName = l.Left.Name, l.Right.Name
	f.layOut(c)
	f.x = timeScale(from, to, int(f.w/70))
	c.over = strings.Join([]string{num(f.x0), num(f.y0), num(f.w), num(f.h), precise(f.x.lo), precise(f.x.hi)}, " ")

	f.bands(c, l.Bands)
	f.grid(c)
	drawn := false
	for i := range l.Series {
		drawn = f.series(c, &l.Series[i], classes[i]) || drawn
	}
	if !drawn {
		c.text(f.x0+f.w/2, f.y0+f.h/2+4, "middle", "", "no data")
	}
	f.phases(c, l.Bands)
	f.marks(c, l.Marks)
	f.finish(c)
}

// precise writes a time for scripts.
func precise(v float64) string { return strconv.FormatFloat(v, 'f', 3, 64) }

func dashes(s *Series) string {
	if s.Dashed {
		return " thin dash"
	}
	return ""
}

// span is the least and the greatest value on one of the sides.
func (l *Line) span(right bool) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	log := l.Left.Log
	if right {
		log = l.Right.Log
	}
	see := func(v float64) {
		if finite(v) && (!log || v > 0) {
			lo, hi, ok = min(lo, v), max(hi, v), true
		}
	}
	for i := range l.Series {
		if s := &l.Series[i]; s.Right == right {
			for _, v := range s.Y[:min(len(s.X), len(s.Y))] {
				see(v)
			}
		}
	}
	if !right && ok {
		for _, m := range l.Marks {
			see(m.Value)
		}
	}
	return lo, hi, ok
}

// time is the range of the time axis.
func (l *Line) time() (from, to float64) {
	if l.From != l.To {
		return l.From, l.To
	}
	from, to = math.Inf(1), math.Inf(-1)
	for i := range l.Series {
		for _, x := range l.Series[i].X {
			if finite(x) {
				from, to = min(from, x), max(to, x)
			}
		}
	}
	for _, b := range l.Bands {
		from, to = min(from, b.From), max(to, b.To)
	}
	return from, to
}

// frame is the area of a chart with its scales.
type frame struct {
	x, left, right      *scale // right may be nil
	leftName, rightName string
	x0, y0, w, h        float64
}

// layOut takes the place for the area, once left and right are known.
func (f *frame) layOut(c *canvas) {
	if f.leftName != "" || f.rightName != "" && f.right != nil {
		c.y += 12
		c.text(c.edge, c.y, "start", "", f.leftName)
		if f.right != nil {
			c.text(c.width-c.edge, c.y, "end", "", f.rightName)
		}
		c.y += 3
	}
	c.y += 9
	f.x0 = c.edge + math.Ceil(f.left.widest()*textSize) + 8
	right := c.edge + 8
	if f.right != nil {
		right = c.edge + math.Ceil(f.right.widest()*textSize) + 8
	}
	f.y0, f.w, f.h = c.y, c.width-f.x0-right, c.area
	c.y += f.h
}

func (f *frame) px(v float64) float64 { return f.x0 + f.w*min(max(f.x.at(v), 0), 1) }

func (f *frame) py(s *scale, v float64) float64 { return f.y0 + f.h*(1-min(max(s.at(v), 0), 1)) }

// bands draws phases behind everything.
func (f *frame) bands(c *canvas, bands []Band) {
	for i, b := range bands {
		x1, x2 := f.px(b.From), f.px(b.To)
		if b.Shaded {
			c.rect(x1, f.y0, x2-x1, f.h, "band", b.Name)
		}
		if i > 0 && b.From > f.x.lo {
			c.line(x1, f.y0, x1, f.y0+f.h, "edge")
		}
	}
}

// phases names the bands, where there is room for the name.
func (f *frame) phases(c *canvas, bands []Band) {
	for _, b := range bands {
		if x := f.px(b.From); textWidth(b.Name)*10+6 <= f.px(b.To)-x {
			c.text(x+4, f.y0+10, "start", "phase", b.Name)
		}
	}
}

// grid draws the lines and labels of the axes.
func (f *frame) grid(c *canvas) {
	for _, t := range f.left.ticks {
		y := f.py(f.left, t.at)
		c.line(f.x0, y, f.x0+f.w, y, "grid")
		if t.label != "" {
			c.text(f.x0-6, y+4, "end", "", t.label)
		}
	}
	if f.right != nil {
		for _, t := range f.right.ticks {
			if t.label != "" {
				c.text(f.x0+f.w+6, f.py(f.right, t.at)+4, "start", "", t.label)
			}
		}
	}
}

// finish draws the axis of x, below everything.
func (f *frame) finish(c *canvas) {
	bottom := f.y0 + f.h
	c.line(f.x0, bottom, f.x0+f.w, bottom, "axis")
	end := math.Inf(-1) // of the last label
	for _, t := range f.x.ticks {
		x := f.px(t.at)
		c.line(x, bottom, x, bottom+4, "axis")
		w := textWidth(t.label) * textSize
		at := min(max(x, c.edge+w/2), c.width-c.edge-w/2)
		if t.label == "" || at-w/2 < end+8 {
			continue
		}
		c.text(at, bottom+16, "middle", "", t.label)
		end = at + w/2
	}
	c.y = bottom + 20
}

// marks draws limits across.
func (f *frame) marks(c *canvas, marks []Mark) {
	for _, m := range marks {
		if !f.left.has(m.Value) {
			continue
		}
		y := f.py(f.left, m.Value)
		c.line(f.x0, y, f.x0+f.w, y, "mark")
		below := y - 5
		if below < f.y0+10 {
			below = y + 14
		}
		c.text(f.x0+f.w-4, below, "end", "marked", fit(m.Name, (f.w-8)/textSize))
	}
}

// series draws one line; false if there was nothing to draw.
func (f *frame) series(c *canvas, s *Series, class string) bool {
	scale := f.left
	if s.Right {
		scale = f.right
	}
	if scale == nil {
		return false
	}
	var line, area strings.Builder
	for _, run := range f.runs(s, scale) {
		var d strings.Builder
		for i, p := range run {
			switch {
			case i == 0:
				fmt.Fprintf(&d, "M%s %s", num(p[0]), num(p[1]))
			case s.Steps:
				fmt.Fprintf(&d, "H%sV%s", num(p[0]), num(p[1]))
			default:
				fmt.Fprintf(&d, "L%s %s", num(p[0]), num(p[1]))
			}
		}
		if len(run) == 1 {
			d.WriteString("h.1") // with its round ends a dot
		}
		line.WriteString(d.String())
		if s.Filled && len(run) > 1 {
			bottom := num(f.y0 + f.h)
			fmt.Fprintf(&area, "%sV%sH%sZ", d.String(), bottom, num(run[0][0]))
		}
	}
	if line.Len() == 0 {
		return false
	}
	if area.Len() > 0 {
		fmt.Fprintf(&c.b, "<path class=\"fill area %s\" d=\"%s\"/>\n", class, area.String())
	}
	fmt.Fprintf(&c.b, "<path class=\"line %s%s\" d=\"%s\"/>\n", class, dashes(s), line.String())
	return true
}

// runs are the points of a series between its gaps, in pixels. Where several share
// half a pixel only the least and the greatest stay: a day of seconds is as long a
// path as the chart is wide, and no peak is lost.
func (f *frame) runs(s *Series, scale *scale) (all [][][2]float64) {
	var run [][2]float64
	column := math.Inf(-1)
	inColumn := 0 // points of the run that stand in column
	end := func() {
		if len(run) > 0 {
			all = append(all, run)
		}
		run, column = nil, math.Inf(-1)
	}
	for i := range min(len(s.X), len(s.Y)) {
		if !finite(s.X[i]) || !scale.has(s.Y[i]) || s.X[i] < f.x.lo || s.X[i] > f.x.hi {
			end()
			continue
		}
		p := [2]float64{f.px(s.X[i]), f.py(scale, s.Y[i])}
		if at := math.Floor(2 * p[0]); at != column {
			column, inColumn = at, 0
		}
		switch last := run[max(0, len(run)-inColumn):]; {
		case inColumn < 2:
			run = append(run, p)
			inColumn++
		default:
			// last has two; of the three points the two extremes stay, in their order.
			lo, hi := last[0], last[1]
			if hi[1] < lo[1] {
				lo, hi = hi, lo
			}
			switch {
			case p[1] < lo[1]:
				last[0], last[1] = hi, p
			case p[1] > hi[1]:
				last[0], last[1] = lo, p
			}
		}
	}
	end()
	return all
}
