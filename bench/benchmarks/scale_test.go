package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScale(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	name := filepath.Join(from, scaleFile)
	if err := os.WriteFile(name, []byte(`{"started":"2026-11-22T10:00:00Z","environment":{"cores":2,"kernel":"6.18"},"server":["bin/peer-sio"],"errors":3,
		"steps":[{"connections":19000,"processes":1,"each":[{"rss_bytes":5}],"figures":{"rss_per_connection":1400.4,"delivery_cpu_us":8}},
		{"connections":190000,"processes":10,"figures":{"rss_per_connection":1350,"rss_per_connection_added":1345,"delivery_cpu_us":9}}],
		"flat":[{"figure":"server CPU per delivery, us","first":8,"last":9,"last_to_first":1.125,"largest_to_smallest":1.2},
		{"figure":"RSS","first":1,"last":1,"last_to_first":1,"largest_to_smallest":1}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := takeResults([]string{name}, to); err != nil {
		t.Fatal(err)
	}
	s, err := readScale(filepath.Join(to, scaleFile))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{scale: s}
	text := p.Scale()
	for _, part := range []string{"2 cores", "of which the revision was not recorded", "**3 errors**", "\n| 19,000 | 1 | 1,400 |", "\n| 190,000 | 10 | 1,350 | 1,345 | 0.00 | 9.00 |", "1.12 times; 1.20 from the smallest to the largest. **missed**", "1.00 from the smallest to the largest. met"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	if (&page{}).Scale() != "" || (&page{}).ScaleFromFull() != "" {
		t.Error("a table of nothing")
	}
	if string(s.Steps[0].Each[0]) != `{"rss_bytes":5}` || len(s.Steps[1].Each) != 0 {
		t.Errorf("the raw figures of processes are %s and %s", s.Steps[0].Each, s.Steps[1].Each)
	}
	if p.ScaleFromFull() != "1.12" { // 9 to 8, between even neighbours
		t.Error(p.ScaleFromFull())
	}
	for _, tc := range []struct {
		goal goal
		want string
	}{
		{goal{Metric: "server CPU per delivery, us", Must: 1.1}, "9.00 us, 1.12 **missed**"},
		{goal{Metric: "RSS", Must: 1.1}, "1.00, 1.00 met"},
		{goal{Metric: "PSS", Must: 1.1}, `0.00, 0.00 not measured: scale has no "PSS"`},
	} {
		tc.goal.Suite, tc.goal.Over = scaleSuite, "the first step"
		o := p.judge(tc.goal)
		got := fmt.Sprintf("%s, %.2f %s", strings.TrimSpace(fmt.Sprintf("%.2f %s", o.figure.Median, o.unit)), o.judged.Median, o.word())
		if got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	if o := (&page{}).judge(goal{Suite: scaleSuite, Must: 1}); o.word() != "not measured: no results of scale" {
		t.Error(o.word())
	}
	if err := os.WriteFile(name, []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := takeResults([]string{name}, to); err == nil {
		t.Error("taken: nothing")
	}
}
