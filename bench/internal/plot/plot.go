// Package plot draws charts as SVG by hand: lines over time, percentile curves,
// bars with spread. It measures no fonts, loads nothing and looks at no clock, so
// the same chart is the same bytes everywhere.
//
// A chart is drawn for a width and is legible at that width; shrunk, its text
// shrinks too. Widths from 340 to 1,000 look right. [SVG] makes a file that stands
// alone, with its colours for light and dark surroundings inside; [Inline] makes an
// element for a page that has [Style] once.
//
// Colours are in the style, by the classes c1 to c6; TestColours holds them to their
// contrast and to being told apart by colour-blind readers.
//
// All text is escaped, whatever it holds.
package plot

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Chart can be drawn: [*Line], [*Percentiles] or [*Bars].
type Chart interface {
	draw(c *canvas)
	head() *Head
}

// Head is what all charts have.
type Head struct {
	Title string // above the chart
	Note  string // below the title, smaller; may be empty

	// Desc says in words what the chart shows, for those who cannot see it.
	// Default: the title and the note.
	Desc string

	// Width in CSS pixels. Default 640; less than 240 is 240.
	Width int

	// Height of the area that is drawn in, without title, legend and axis. Default
	// 180. [Bars] are as high as they need to be.
	Height int
}

func (h *Head) head() *Head { return h }

// SVG is c as a file of its own, with a background.
func SVG(c Chart) []byte {
	return []byte(render(c, "", true))
}

// Inline is c as an element of a page that has [Style]. id is a prefix of its ids,
// unique in the page. A chart over time tells scripts where its times stand:
// data-area="x y width height from to", in units of its viewBox and in seconds.
func Inline(c Chart, id string) template.HTML {
	return template.HTML(render(c, id, false)) // every text in it went through escape
}

func render(chart Chart, id string, alone bool) string {
	h := chart.head()
	c := &canvas{width: 640, area: 180}
	if h.Width != 0 {
		c.width = max(240, float64(h.Width))
	}
	if h.Height != 0 {
		c.area = max(40, float64(h.Height))
	}
	if alone {
		c.edge = 12
	}
	c.y = c.edge
	if h.Title != "" {
		c.y += 17
		c.text(c.edge, c.y, "start", "title", fit(h.Title, (c.width-2*c.edge)/titleSize))
		c.y += 7
	}
	if h.Note != "" {
		c.y += 10
		c.text(c.edge, c.y, "start", "note", fit(h.Note, (c.width-2*c.edge)/textSize))
		c.y += 7
	}
	chart.draw(c)
	height := math.Ceil(c.y + c.edge)

	var b strings.Builder
	desc := h.Desc
	if desc == "" {
		desc = strings.TrimSpace(h.Title + ". " + h.Note)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-labelledby="%st %sd" viewBox="0 0 %s %s" width="%s" height="%s"`,
		escape(id), escape(id), num(c.width), num(height), num(c.width), num(height))
	if c.over != "" && !alone {
		fmt.Fprintf(&b, ` data-area="%s"`, c.over)
	}
	b.WriteByte('>')
	fmt.Fprintf(&b, "\n<title id=\"%st\">%s</title>\n<desc id=\"%sd\">%s</desc>\n", escape(id), escape(h.Title), escape(id), escape(desc))
	if alone {
		fmt.Fprintf(&b, "<style>%s</style>\n", Style())
		fmt.Fprintf(&b, "<rect class=\"surface\" x=\".5\" y=\".5\" width=\"%s\" height=\"%s\" rx=\"6\"/>\n", num(c.width-1), num(height-1))
	}
	b.WriteString(c.b.String())
	b.WriteString("</svg>\n")
	return b.String()
}

// canvas is a chart on its way: what is drawn, and how far down that reaches.
type canvas struct {
	b     strings.Builder
	width float64
	area  float64 // height that is wished for the area
	edge  float64 // free on all four sides
	y     float64 // all above is taken
	over  string  // where time stands, for scripts; empty if the chart has none
}

// Sizes of text in pixels, as in the style.
const (
	textSize  = 11.5
	titleSize = 14
)

func (c *canvas) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(&c.b, `<text x="%s" y="%s"`, num(x), num(y))
	if anchor != "start" {
		fmt.Fprintf(&c.b, ` text-anchor="%s"`, anchor)
	}
	if class != "" {
		fmt.Fprintf(&c.b, ` class="%s"`, class)
	}
	fmt.Fprintf(&c.b, ">%s</text>\n", escape(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&c.b, "<path class=\"%s\" d=\"M%s %sL%s %s\"/>\n", class, num(x1), num(y1), num(x2), num(y2))
}

func (c *canvas) rect(x, y, w, h float64, class, tip string) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, class, num(x), num(y), num(max(0, w)), num(h))
	if tip == "" {
		c.b.WriteString("/>\n")
	} else {
		fmt.Fprintf(&c.b, "><title>%s</title></rect>\n", escape(tip))
	}
}

// A key is one entry of a legend.
type key struct {
	name  string
	class string // of its line, with its colour
}

// legend draws the keys in as many rows as they need.
func (c *canvas) legend(keys []key) {
	const sample, gap = 16, 14
	x := c.edge
	c.y += 12
	for _, k := range keys {
		name := fit(k.name, (c.width-2*c.edge-sample-6)/textSize)
		w := sample + 6 + textWidth(name)*textSize
		if x > c.edge && x+w > c.width-c.edge {
			x = c.edge
			c.y += 16
		}
		c.line(x, c.y-4, x+sample, c.y-4, k.class)
		c.text(x+sample+6, c.y, "start", "key", name)
		x += w + gap
	}
	c.y += 4
}

// colour is the class of a series' colour: that which was asked for, counted from
// 1, else the next in turn.
func colour(asked, index int) string {
	if asked <= 0 {
		asked = index + 1
	}
	return "c" + strconv.Itoa((asked-1)%palette+1)
}

// num writes a coordinate with a tenth of a pixel.
func num(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	s := strconv.FormatFloat(math.Round(v*10)/10, 'f', 1, 64)
	s = strings.TrimSuffix(s, ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// finite reports whether v can be drawn.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// escape makes s the text of an XML element or attribute: what XML has no place
// for, not even escaped, becomes U+FFFD.
func escape(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < 0x20 || r == 0xFFFE || r == 0xFFFF || r == utf8.RuneError || r >= 0x7F && r < 0xA0:
			return utf8.RuneError
		}
		return r
	}, s))
}

// textWidth is about how wide s stands, in units of its size. Fonts differ; what
// depends on it leaves some room.
func textWidth(s string) (w float64) {
	for _, r := range s {
		switch {
		case strings.ContainsRune("iljtfrI.,:;|!' ()[]·", r):
			w += 0.37
		case strings.ContainsRune("mwMW%–—@", r):
			w += 0.92
		case r >= 'A' && r <= 'Z':
			w += 0.7
		case r >= 0x1100:
			w += 1
		default:
			w += 0.61
		}
	}
	return w
}

// fit cuts s to a width, in units of its size.
func fit(s string, width float64) string {
	if textWidth(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && textWidth(string(runes))+0.9 > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ") + "…"
}
