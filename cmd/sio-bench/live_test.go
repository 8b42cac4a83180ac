package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A screen is a terminal as far as the view uses one: it wraps, scrolls nothing away,
// and breaks its lines anew when it gets narrower, as most do.
type screen struct {
	width    int
	rows     []string // what stands there, in runes
	row, col int
	hidden   bool // the cursor
	escape   []byte
	unknown  []string // sequences that it does not know
	wrapped  bool     // a line was too long once
}

func (s *screen) at(row int) []rune {
	for len(s.rows) <= row {
		s.rows = append(s.rows, "")
	}
	return []rune(s.rows[row])
}

func (s *screen) put(r rune) {
	if s.col >= s.width {
		s.row, s.col, s.wrapped = s.row+1, 0, true
	}
	line := s.at(s.row)
	for len(line) <= s.col {
		line = append(line, ' ')
	}
	line[s.col] = r
	s.rows[s.row] = string(line)
	s.col++
}

// Write takes text and control sequences; runes must come whole.
func (s *screen) Write(b []byte) (int, error) {
	for _, r := range string(b) {
		switch {
		case len(s.escape) > 0:
			s.escape = append(s.escape, string(r)...)
			if len(s.escape) > 2 && r >= '@' && r <= '~' {
				s.control(string(s.escape[2:]))
				s.escape = nil
			}
		case r == 0x1b:
			s.escape = []byte{0x1b}
		case r == '\r':
			s.col = 0
		case r == '\n':
			s.row++
			s.at(s.row)
		default:
			s.put(r)
		}
	}
	return len(b), nil
}

func (s *screen) control(seq string) {
	last := seq[len(seq)-1]
	n, err := strconv.Atoi(seq[:len(seq)-1])
	switch {
	case seq == "?25l", seq == "?25h":
		s.hidden = last == 'l'
	case last == 'm':
	case last == 'A' && err == nil && n > 0:
		s.row = max(0, s.row-n)
	case seq == "K" || seq == "J":
		line := s.at(s.row)
		s.rows[s.row] = string(line[:min(len(line), s.col)])
		if last == 'J' {
			s.rows = s.rows[:s.row+1]
		}
	default:
		s.unknown = append(s.unknown, seq)
	}
}

// resize makes the window narrower.
func (s *screen) resize(width int) {
	var rows []string
	for i, text := range s.rows {
		if i == s.row {
			s.row = len(rows)
		}
		line := []rune(strings.TrimRight(text, " "))
		for len(line) > width {
			rows = append(rows, string(line[:width]))
			line = line[width:]
		}
		rows = append(rows, string(line))
	}
	s.width, s.rows = width, rows
}

// String is what is to be seen.
func (s *screen) String() string {
	var b strings.Builder
	for _, r := range s.rows {
		b.WriteString(strings.TrimRight(r, " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// second is what a run tells in its nth second.
func second(n int, errors uint64) bench.Progress {
	p99 := 4000 + 900*float64(n*7%5)
	return bench.Progress{
		Phase: "measure", Elapsed: time.Duration(n) * time.Second, Total: 30 * time.Second, Conns: 1000, Wanted: 1000, Operations: uint64(n) * 84_460, Rate: 84_460, Errors: errors,
		Sample: &bench.Sample{
			At: float64(n), Phase: "measure", Conns: 1000, Operations: 84_460 - uint64(n*13%7)*3000, P50: 1024, P90: 2048, P99: p99, Max: p99 + 9000,
			Client: bench.Load{Cores: 0.62}, Server: &bench.Load{Cores: 0.94, RSS: 41 << 20},
		},
	}
}

// drawnOn makes a view that draws on s.
func drawnOn(s *screen, height int, st style, sg *signs) *view {
	return &view{out: s, style: st, signs: sg, title: "echo  http://127.0.0.1:3000", size: func() (int, int) { return s.width, height }}
}

func TestLive(t *testing.T) {
	for _, tc := range []struct {
		name          string
		width, height int
		signs         *signs
		errors        uint64
	}{
		{"wide", 110, 40, &unicodeSigns, 0},
		{"ascii", 110, 40, &asciiSigns, 3},
		{"narrow", 44, 40, &unicodeSigns, 0},
		{"low", 110, 5, &unicodeSigns, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &screen{width: tc.width}
			fmt.Fprint(s, "$ sio-bench echo :3000\r\n")
			v := drawnOn(s, tc.height, style{"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"}, tc.signs)
			v.update(bench.Progress{Phase: "connect", Conns: 400, Wanted: 1000})
			first := s.String()
			for n := 1; n <= 18; n++ {
				v.update(second(n, tc.errors))
			}
			golden(t, "live_"+tc.name+".txt", first+strings.Repeat("=", 20)+"\n"+s.String())
			if !s.hidden || s.wrapped || len(s.unknown) > 0 {
				t.Errorf("cursor hidden: %v, a line wrapped: %v, unknown: %q", s.hidden, s.wrapped, s.unknown)
			}
			if tc.signs == &asciiSigns && strings.IndexFunc(s.String(), func(r rune) bool { return r > 126 }) >= 0 {
				t.Errorf("not only ASCII:\n%s", s)
			}
			v.end()
			if s.hidden || s.String() != "$ sio-bench echo :3000\n" || s.col != 0 {
				t.Errorf("it leaves, at column %d,\n%s", s.col, s)
			}
			v.update(second(19, 0))
			v.end()
			if s.String() != "$ sio-bench echo :3000\n" {
				t.Errorf("drawn after the end:\n%s", s)
			}
		})
	}
}

// TestLiveResize: a narrower window has broken our lines; nothing of them is left over.
func TestLiveResize(t *testing.T) {
	s := &screen{width: 120}
	fmt.Fprint(s, "before\r\n")
	v := drawnOn(s, 40, style{}, &unicodeSigns)
	for n := 1; n <= 10; n++ {
		v.update(second(n, 0))
	}
	for _, width := range []int{60, 33, 12} {
		s.resize(width)
		v.redraw()
		text := s.String()
		if !strings.HasPrefix(text, "before\necho") || strings.Count(text, "ops/s") != 1 {
			t.Errorf("%d columns:\n%s", width, text)
		}
	}
	s.resize(1)
	v.redraw()
	s.width = 200
	v.redraw()
	v.end()
}

// TestLiveInterrupted: the cursor is there from the first interrupt on, for the second
// one ends the process.
func TestLiveInterrupted(t *testing.T) {
	s := &screen{width: 110}
	v := drawnOn(s, 40, style{}, &unicodeSigns)
	ctx, cancel := context.WithCancel(context.Background())
	v.start(ctx)
	v.update(second(1, 0))
	cancel()
	for hidden := true; hidden; runtime.Gosched() {
		v.mu.Lock()
		hidden = s.hidden
		v.mu.Unlock()
	}
	v.update(second(2, 0))
	if s.hidden || strings.Count(s.String(), "ops/s") != 1 {
		t.Errorf("cursor hidden: %v\n%s", s.hidden, s)
	}
	v.end()
}

// TestLiveSuspended: a stopped process leaves its last picture and a cursor, and goes on
// below what was written meanwhile.
func TestLiveSuspended(t *testing.T) {
	s := &screen{width: 110}
	v := drawnOn(s, 40, style{}, &unicodeSigns)
	v.update(second(1, 0))
	v.suspend()
	if s.hidden {
		t.Error("the cursor is hidden while the process is stopped")
	}
	fmt.Fprint(s, "[1]+  Stopped\r\n$ fg\r\n")
	v.update(second(2, 0))
	if text := s.String(); !s.hidden || strings.Count(text, "ops/s") != 2 || !strings.Contains(text, "$ fg\necho") {
		t.Errorf("%s", text)
	}
}

func TestLiveHostileTitle(t *testing.T) {
	s := &screen{width: 80}
	v := drawnOn(s, 40, style{}, &unicodeSigns)
	v.title = "echo \x1b[2J\r\n\u202e宽 x"
	v.update(second(1, 0))
	if len(s.unknown) > 0 || !strings.HasPrefix(s.String(), "echo ?[2J???? x\n") {
		t.Errorf("%q\n%s", s.unknown, s)
	}
}

func TestSigns(t *testing.T) {
	for _, tc := range []struct {
		env  map[string]string
		want *signs
	}{
		{nil, &asciiSigns},
		{map[string]string{"LANG": "en_GB.UTF-8"}, &unicodeSigns},
		{map[string]string{"LANG": "de_DE.utf8"}, &unicodeSigns},
		{map[string]string{"LANG": "C"}, &asciiSigns},
		{map[string]string{"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, &asciiSigns},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, &unicodeSigns},
		{map[string]string{"LANG": "en_US.ISO-8859-1", "LC_ALL": ""}, &asciiSigns},
		{map[string]string{"WT_SESSION": "x"}, &unicodeSigns},
	} {
		if got := signsFor(func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("%v: %+v", tc.env, got)
		}
	}
}

func TestHasColours(t *testing.T) {
	for name, want := range map[string]bool{"xterm-256color": true, "screen": true, "linux": true, "dumb": false, "vt100": false, "xterm-mono": false, "vt220": false, "": false} {
		if hasColours(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

// TestProgressPlain: where there is no terminal there is a line when something new
// begins, and one a second.
func TestProgressPlain(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, false)
	for range 3 {
		p.run(bench.Progress{Phase: "connect", Conns: 1500, Wanted: 2000})
	}
	p.run(second(1, 2))
	half := second(1, 2)
	half.Sample = nil // between two seconds
	p.run(half)
	p.end()
	want := "connect  1,500/2,000 connections\n" +
		"measure 1/30 s  1,000/1,000 connections  84,460/s  p50 1.02 ms, p99 5.80 ms, max 14.80 ms  generator 0.62 cores  2 errors\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	quiet := newProgress(&out, true)
	out.Reset()
	quiet.run(bench.Progress{Phase: "connect"})
	quiet.matrix(bench.MatrixProgress{Result: &bench.Result{}})
	quiet.end()
	if out.Len() != 0 {
		t.Errorf("quiet wrote %q", out.String())
	}
}
