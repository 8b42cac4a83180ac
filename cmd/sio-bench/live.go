package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"github.com/e6a90ca8/sio/bench"
)

// A view is the live picture of one run on a terminal: how far it is, a table of the
// second that has ended, and the course of throughput and latency. It is drawn in place
// and leaves nothing behind.
//
// It uses but a few control sequences that all terminals know: cursor up, erase, colours,
// cursor off and on. The cursor rests on the line below the picture, so that whatever
// else is written there, as ^C, goes with the next drawing.
type view struct {
	out     io.Writer
	size    func() (width, height int)
	style   style
	signs   *signs
	title   string
	release []func() // what start has taken

	mu       sync.Mutex
	state    bench.Progress
	sample   *bench.Sample // the last one; nil: none yet
	rates    []float64     // of each second
	p99s     []float64     // 0: nothing came
	drawn    []int         // widths of the lines that stand there
	hidden   bool          // the cursor
	stopping bool          // somebody wants the run to end: the cursor stays on
	over     bool
}

// signs are what pictures are made of.
type signs struct {
	full, empty string
	levels      []string // of a sparkline, from low to high
	none        string   // where there is no value
	micro       string
}

var (
	unicodeSigns = signs{"█", "░", strings.Split("▁▂▃▄▅▆▇█", ""), "–", "µ"}
	asciiSigns   = signs{"#", "-", strings.Split("_.:-=+*#", ""), "-", "u"}
)

// signsFor chooses by the locale. Source: POSIX, "Environment Variables": LC_ALL
// before LC_CTYPE before LANG, and the first that is not empty counts.
func signsFor(env func(string) string) *signs {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToUpper(env(name)); value != "" {
			if strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8") {
				return &unicodeSigns
			}
			return &asciiSigns
		}
	}
	if env("WT_SESSION") != "" { // Windows Terminal, where nobody sets a locale
		return &unicodeSigns
	}
	return &asciiSigns
}

func newView(f *os.File, title string, s style) *view {
	return &view{out: f, style: s, signs: signsFor(os.Getenv), title: title, size: func() (int, int) {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
		return 80, 24
	}}
}

// start takes the terminal. When ctx ends, which may be nil, it gets its cursor back at
// once: a second interrupt would end the process with no word to us.
func (v *view) start(ctx context.Context) {
	v.release = append(v.release, v.watch())
	if ctx != nil {
		stop := context.AfterFunc(ctx, func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.stopping = true
			v.showCursor()
		})
		v.release = append(v.release, func() { stop() })
		if ctx.Err() != nil {
			v.stopping = true
		}
	}
}

// update takes what the run tells, and draws.
func (v *view) update(q bench.Progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state = q
	if s := q.Sample; s != nil {
		span := s.At
		if v.sample != nil {
			span -= v.sample.At
		}
		rate := 0.0
		if span > 0 {
			rate = float64(s.Operations) / span
		}
		v.rates, v.p99s = keep(v.rates, rate), keep(v.p99s, s.P99)
		v.sample = s
	}
	v.draw()
}

// keep appends to a course, of which no terminal shows more.
func keep(course []float64, value float64) []float64 {
	const most = 1024
	if len(course) >= most {
		copy(course, course[1:])
		course = course[:most-1]
	}
	return append(course, value)
}

// redraw draws again what is there, on a terminal of another size perhaps.
func (v *view) redraw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.draw()
}

// suspend gives the terminal back for as long as the process is stopped.
func (v *view) suspend() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.showCursor()
	v.drawn = nil // what stands there, stays
}

// end takes the picture away.
func (v *view) end() {
	for _, f := range v.release {
		f()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return
	}
	v.over = true
	width, _ := v.size()
	var b bytes.Buffer
	v.home(&b, width)
	b.WriteString("\x1b[J")
	v.out.Write(b.Bytes())
	v.showCursor()
}

func (v *view) showCursor() {
	if v.hidden {
		v.hidden = false
		io.WriteString(v.out, "\x1b[?25h")
	}
}

// home goes to the first line of what stands there. A line that was as wide as a wider
// window takes several now: terminals break lines anew.
func (v *view) home(b *bytes.Buffer, width int) {
	rows := 0
	for _, w := range v.drawn {
		rows += max(1, (w+width-1)/width)
	}
	b.WriteByte('\r')
	if rows > 0 {
		fmt.Fprintf(b, "\x1b[%dA", rows)
	}
}

// draw writes the picture by one call, so that it does not flicker.
func (v *view) draw() {
	if v.over {
		return
	}
	width, height := v.size()
	lines := v.picture(width - 1) // a full line would wrap on some terminals
	lines = lines[:min(len(lines), max(1, height-1))]
	var b bytes.Buffer
	if !v.hidden && !v.stopping {
		v.hidden = true
		b.WriteString("\x1b[?25l")
	}
	v.home(&b, width)
	v.drawn = v.drawn[:0]
	for _, l := range lines {
		v.drawn = append(v.drawn, l.width())
		l.write(&b, v.style.reset)
		b.WriteString("\x1b[K\r\n")
	}
	b.WriteString("\x1b[J")
	v.out.Write(b.Bytes())
}

// A span is text in one style; a line is spans beside each other.
type (
	span struct{ style, text string }
	line []span
)

func (l line) width() (n int) {
	for _, s := range l {
		n += len([]rune(s.text))
	}
	return n
}

func (l line) write(b *bytes.Buffer, reset string) {
	for _, s := range l {
		if s.style == "" {
			b.WriteString(s.text)
		} else {
			b.WriteString(s.style + s.text + reset)
		}
	}
}

// cut is l in width columns at most.
func (l line) cut(width int) line {
	var out line
	for _, s := range l {
		r := []rune(s.text)
		if len(r) > width {
			r = r[:max(0, width)]
		}
		if width -= len(r); len(r) > 0 {
			out = append(out, span{s.style, string(r)})
		}
	}
	return out
}

// picture is what is to be seen, the most important first: a low window shows less.
func (v *view) picture(width int) (lines []line) {
	q := &v.state
	if v.title != "" {
		lines = append(lines, line{{v.style.bold, narrow(v.title)}})
	}
	lines = append(lines, v.bar(width))
	lines = append(lines, v.table(width)...)
	if len(v.rates) > 0 {
		lines = append(lines, v.course("per second", v.rates, width), v.course("p99", v.p99s, width))
	}
	if q.Errors > 0 {
		lines = append(lines, line{{v.style.red, count(float64(q.Errors)) + " errors: the end will tell which"}})
	}
	for i := range lines {
		lines[i] = lines[i].cut(width)
	}
	return lines
}

// bar is the phase with how far it is: by time, or while connecting by connections.
func (v *view) bar(width int) line {
	q := &v.state
	var share float64
	var text string
	switch {
	case q.Total > 0:
		share = q.Elapsed.Seconds() / q.Total.Seconds()
		text = fmt.Sprintf("%.0f/%.0f s", q.Elapsed.Round(time.Second).Seconds(), q.Total.Seconds())
	case q.Phase == "connect" && q.Wanted > 0:
		share = float64(q.Conns) / float64(q.Wanted)
		text = count(float64(q.Conns)) + "/" + count(float64(q.Wanted))
	default:
		text = fmt.Sprintf("%.0f s", q.Elapsed.Round(time.Second).Seconds())
	}
	l := line{{v.style.bold, fmt.Sprintf("%-9s", narrow(q.Phase))}, {"", " "}}
	if room := min(50, width-l.width()-len(text)-1); room >= 4 && (q.Total > 0 || q.Phase == "connect") {
		done := int(float64(room) * min(1, max(0, share)))
		l = append(l, span{v.style.green, strings.Repeat(v.signs.full, done)}, span{v.style.dim, strings.Repeat(v.signs.empty, room-done)}, span{"", " "})
	}
	return append(l, span{"", text})
}

// A column of the table is so wide that usual values do not move it.
type column struct {
	name, value string
	least       int
	style       string
}

// table is one table, in as many pairs of lines as the width needs.
func (v *view) table(width int) (lines []line) {
	s := v.sample
	if s == nil {
		s = &bench.Sample{}
	}
	dash := v.signs.none
	time := func(us float64) string {
		if us <= 0 {
			return dash
		}
		return strings.ReplaceAll(micros(us), "µ", v.signs.micro)
	}
	rate := dash
	if n := len(v.rates); n > 0 {
		rate = count(v.rates[n-1])
	}
	columns := []column{
		{"ops/s", rate, 9, v.style.bold}, {"p50", time(s.P50), 8, ""}, {"p99", time(s.P99), 8, ""}, {"max", time(s.Max), 8, ""},
		{"connections", count(float64(v.state.Conns)), 11, ""}, {"errors", count(float64(v.state.Errors)), 6, ""},
	}
	if v.state.Errors > 0 {
		columns[5].style = v.style.red
	}
	if l := s.Server; l != nil {
		columns = append(columns, column{"server CPU", fmt.Sprintf("%.2f", l.Cores), 10, ""}, column{"server RSS", mebibytes(l.RSS), 10, ""})
	}
	generator := column{"generator CPU", fmt.Sprintf("%.2f", s.Client.Cores), 13, ""}
	if s.Client.Cores > 0.8 {
		generator.style = v.style.yellow
	}
	columns = append(columns, generator)

	const gap = 2
	for len(columns) > 0 {
		var names, values line
		used := 0
		for len(columns) > 0 {
			c := columns[0]
			w := max(c.least, len([]rune(c.name)), len([]rune(c.value)))
			if used > 0 && used+gap+w > width {
				break
			}
			pad := 0
			if used > 0 {
				pad = gap
			}
			names = append(names, span{v.style.dim, fmt.Sprintf("%*s", pad+w, c.name)})
			values = append(values, span{c.style, fmt.Sprintf("%*s", pad+w, c.value)})
			used += pad + w
			columns = columns[1:]
		}
		lines = append(lines, names, values)
	}
	return lines
}

// course is a sparkline with its greatest value. It is drawn from 0 up, so that its
// heights compare.
func (v *view) course(name string, values []float64, width int) line {
	most := 0.0
	const label = 11
	room := min(60, width-label-16)
	if len(values) > max(0, room) {
		values = values[len(values)-max(0, room):]
	}
	for _, x := range values {
		most = max(most, x)
	}
	var b strings.Builder
	for _, x := range values {
		switch {
		case x <= 0:
			b.WriteByte(' ')
		default:
			b.WriteString(v.signs.levels[min(len(v.signs.levels)-1, int(x/most*float64(len(v.signs.levels))))])
		}
	}
	text := count(most)
	if name == "p99" {
		text = strings.ReplaceAll(micros(most), "µ", v.signs.micro)
	}
	if most == 0 {
		text = v.signs.none
	}
	return line{{v.style.dim, fmt.Sprintf("%-*s", label, name)}, {v.style.green, b.String()}, {"", " up to " + text}}
}

// narrow makes of s what has one column a character and no control over terminals.
func narrow(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r >= 0x1100 || unicode.In(r, unicode.Mn, unicode.Me) {
			return '?'
		}
		return r
	}, s)
}
