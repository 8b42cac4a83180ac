package plot

import (
	"html/template"
	"strconv"
	"strings"
)

// theme is one set of colours.
type theme struct {
	surface, border, ink, muted, grid, band, axis string

	lines [palette]string
}

// palette is the number of colours of lines and bars.
const palette = 6

var light = theme{
	surface: "#ffffff", border: "#d6dae0", ink: "#1c2128", muted: "#59626e", grid: "#e4e7eb", band: "#f1f3f6", axis: "#9aa3ae",
	lines: [palette]string{"#0f49c9", "#a64d21", "#10936c", "#9c46b9", "#a37c02", "#373f49"},
}

var dark = theme{
	surface: "#12161c", border: "#333a44", ink: "#e8ebef", muted: "#9fa9b5", grid: "#2a313a", band: "#1b2129", axis: "#5d6774",
	lines: [palette]string{"#4a86f6", "#ff9d5a", "#3fcf9f", "#d399e5", "#eecb42", "#cfd4d9"},
}

// rules are the colours as declarations of variables.
func (t *theme) rules() string {
	var b strings.Builder
	b.WriteString("--surface:" + t.surface + ";--border:" + t.border + ";--ink:" + t.ink + ";--muted:" + t.muted +
		";--grid:" + t.grid + ";--band:" + t.band + ";--axis:" + t.axis)
	for i, c := range t.lines {
		b.WriteString(";--c" + strconv.Itoa(i+1) + ":" + c)
	}
	return b.String()
}

// Light and Dark are the colours of charts as declarations of the variables
// --surface, --border, --ink, --muted, --grid, --band, --axis and --c1 to --c6, for a
// page that wants to choose by itself or to look like its charts.
func Light() template.CSS { return template.CSS(light.rules()) }

// Dark is what [Light] is, for dark pages.
func Dark() template.CSS { return template.CSS(dark.rules()) }

// Style is what a page needs for its inline charts: colours on its root element, dark
// where the reader prefers that, and the looks of everything in a chart. A page that
// has a switch sets data-theme to light or dark on its root element.
func Style() template.CSS {
	return template.CSS(`:root{` + light.rules() + `}
@media(prefers-color-scheme:dark){:root:not([data-theme=light]){` + dark.rules() + `}}
:root[data-theme=dark]{` + dark.rules() + `}
` + looks)
}

const looks = `.plot{display:block;max-width:100%;height:auto;font:11.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
.plot text{fill:var(--muted)}
.plot .title{fill:var(--ink);font-size:14px;font-weight:600}
.plot .key,.plot .name,.plot .value{fill:var(--ink)}
.plot .group{fill:var(--ink);font-weight:600}
.plot .phase{font-size:10px;paint-order:stroke;stroke:var(--surface);stroke-width:2.5px;stroke-linejoin:round;stroke-opacity:.8}
.plot .surface{fill:var(--surface);stroke:var(--border)}
.plot .band{fill:var(--band)}
.plot .edge{stroke:var(--axis);stroke-dasharray:1 3;fill:none}
.plot .grid{stroke:var(--grid);fill:none}
.plot .axis{stroke:var(--axis);fill:none}
.plot .mark{stroke:var(--ink);stroke-dasharray:5 4;fill:none}
.plot .marked{fill:var(--ink);paint-order:stroke;stroke:var(--surface);stroke-width:3px;stroke-linejoin:round}
.plot .line{fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
.plot .thin{stroke-width:1.25}
.plot .dash{stroke-dasharray:4 3.5}
.plot .area{stroke:none;opacity:.14}
.plot .whisker{stroke:var(--ink);stroke-width:1.25;fill:none}
.plot .halo{stroke:var(--surface);stroke-width:3.5;fill:none}
.plot .line.c1{stroke:var(--c1)}.plot .line.c2{stroke:var(--c2)}.plot .line.c3{stroke:var(--c3)}
.plot .line.c4{stroke:var(--c4)}.plot .line.c5{stroke:var(--c5)}.plot .line.c6{stroke:var(--c6)}
.plot .fill.c1{fill:var(--c1)}.plot .fill.c2{fill:var(--c2)}.plot .fill.c3{fill:var(--c3)}
.plot .fill.c4{fill:var(--c4)}.plot .fill.c5{fill:var(--c5)}.plot .fill.c6{fill:var(--c6)}
`
