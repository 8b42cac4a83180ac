package plot

import (
	"math"
)

// Bars is a chart of horizontal bars, in groups, each with the spread of its value.
type Bars struct {
	Head

	Unit   Unit
	Axis   string // name of the axis, below it; may be empty
	Groups []Group

	// Mark, if above 0, is a value to compare with: a line through all groups.
	Mark     float64
	MarkName string
}

// A Group is some bars under one name, which may be empty.
type Group struct {
	Name string
	Bars []Bar
}

// A Bar is one value. Min and Max are the ends of its whisker; both 0, or both as
// Value: it has none. A Value that is not finite is written as a dash.
type Bar struct {
	Name            string
	Value, Min, Max float64
	Text            string // beside the bar; default: the value with its unit
	Colour          int    // 1 to 6; 0: by its place in the group
}

func (b *Bar) spread() bool {
	return finite(b.Min) && finite(b.Max) && (b.Min != 0 || b.Max != 0) && (b.Min != b.Value || b.Max != b.Value)
}

func (b *Bar) text(u Unit) string {
	if b.Text != "" {
		return b.Text
	}
	return Text(u, b.Value)
}

func (b *Bars) draw(c *canvas) {
	const row, thick, between, heading = 21.0, 13.0, 10.0, 19.0
	top, names, texts := b.Mark, 0.0, 0.0
	for _, g := range b.Groups {
		for i := range g.Bars {
			bar := &g.Bars[i]
			if finite(bar.Value) {
				top = max(top, bar.Value)
				if bar.spread() {
					top = max(top, bar.Max)
				}
			}
			names = max(names, textWidth(bar.Name))
			texts = max(texts, textWidth(bar.text(b.Unit)))
		}
	}
	x0 := c.edge + min(math.Ceil(names*textSize), 0.36*c.width) + 8
	w := c.width - c.edge - x0 - math.Ceil(texts*textSize) - 12
	s := newScale(&Axis{Unit: b.Unit}, 0, top, max(2, int(w/80)))
	// The last tick may stand well past the longest bar; the axis ends with the bar.
	if top > 0 {
		s.hi = top
	}
	for len(s.ticks) > 1 && s.ticks[len(s.ticks)-1].at > s.hi*(1+1e-9) {
		s.ticks = s.ticks[:len(s.ticks)-1]
	}
	f := frame{x: s, x0: x0, w: w, y0: c.y + 6}
	if b.MarkName != "" && b.Mark > 0 {
		f.y0 += 14
	}

	// Everything's place first: lines stand behind bars.
	y := f.y0
	for i, g := range b.Groups {
		if i > 0 {
			y += between
		}
		if g.Name != "" {
			y += heading
		}
		y += row * float64(len(g.Bars))
	}
	f.h = y - f.y0
	for _, t := range s.ticks {
		c.line(f.px(t.at), f.y0, f.px(t.at), f.y0+f.h, "grid")
	}
	y = f.y0
	for i, g := range b.Groups {
		if i > 0 {
			y += between
		}
		if g.Name != "" {
			c.text(c.edge, y+14, "start", "group", fit(g.Name, (c.width-2*c.edge)/textSize))
			y += heading
		}
		for j := range g.Bars {
			f.bar(c, b.Unit, &g.Bars[j], colour(g.Bars[j].Colour, j), y+(row-thick)/2, thick)
			y += row
		}
	}
	if b.Mark > 0 {
		x := f.px(b.Mark)
		c.line(x, f.y0-3, x, f.y0+f.h, "mark")
		if b.MarkName != "" {
			half := textWidth(b.MarkName) * textSize / 2
			c.text(min(max(x, c.edge+half), c.width-c.edge-half), f.y0-7, "middle", "key", b.MarkName)
		}
	}
	f.finish(c)
	if b.Axis != "" {
		c.y += 12
		c.text(f.x0, c.y, "start", "", fit(b.Axis, (c.width-c.edge-f.x0)/textSize))
		c.y += 3
	}
}

// bar draws one bar from y down.
func (f *frame) bar(c *canvas, u Unit, b *Bar, class string, y, thick float64) {
	mid := y + thick/2
	c.text(f.x0-8, mid+4, "end", "name", fit(b.Name, (f.x0-8-c.edge)/textSize))
	text := b.text(u)
	if !finite(b.Value) {
		c.text(f.x0+6, mid+4, "start", "", text)
		return
	}
	end := f.px(b.Value)
	tip := b.Name + ": " + text
	if b.spread() {
		tip += " (" + Text(u, b.Min) + " to " + Text(u, b.Max) + ")"
	}
	c.rect(f.x0, y, max(1, end-f.x0), thick, "fill "+class, tip)
	if b.spread() {
		lo, hi := f.px(b.Min), f.px(b.Max)
		for _, class := range []string{"halo", "whisker"} { // the first sets the second off from the bar
			c.line(lo, mid, hi, mid, class)
			c.line(lo, mid-3.5, lo, mid+3.5, class)
			c.line(hi, mid-3.5, hi, mid+3.5, class)
		}
		end = max(end, hi)
	}
	c.text(end+6, mid+4, "start", "value", text)
}
