package mix

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	allowed := []string{"websocket", "polling", "upgrade"}
	for _, tc := range []struct{ text, want, fails string }{
		{text: "polling", want: "polling"},
		{text: " polling ", want: "polling"},
		{text: "websocket=70,polling=20,upgrade=10", want: "websocket=7,polling=2,upgrade=1"},
		{text: "websocket = 70%, polling=30%", want: "websocket=7,polling=3"},
		{text: "websocket=100", want: "websocket"},
		{text: "websocket=100,polling=0", want: "websocket"},
		{text: "websocket=999,polling=1", want: "websocket=999,polling=1"},
		{text: "", fails: `"": must be websocket, polling or upgrade`},
		{text: "carrier=1", fails: "must be"},
		{text: "websocket=1,polling", fails: "share of \"polling\" is missing"},
		{text: "websocket=1,websocket=2", fails: "twice"},
		{text: "websocket=-1,polling=2", fails: "whole number"},
		{text: "websocket=0.5,polling=2", fails: "whole number"},
		{text: "websocket=0", fails: "nothing has a share"},
		{text: "websocket=1000,polling=1", fails: "rounder"},
		{text: "websocket=1000001,polling=1", fails: "1,000,000"},
		{text: "websocket=1,", fails: "missing"},
	} {
		m, err := Parse(tc.text)
		if err == nil {
			m, err = m.Check(allowed...)
		}
		switch {
		case tc.fails != "":
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%q: %v, %v; want an error about %q", tc.text, m, err, tc.fails)
			}
		case err != nil || m.String() != tc.want:
			t.Errorf("%q: %v, %v; want %s", tc.text, m, err, tc.want)
		}
	}
	if _, err := (Mix{}).Check("a"); err == nil {
		t.Error("an empty mix passes")
	}
}

// TestPick: shares are exact in every full run, the same for the same seed, and
// in another order for another seed and in the next run.
func TestPick(t *testing.T) {
	m, err := Mix{{"a", 70}, {"b", 20}, {"c", 10}}.Check("a", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	spell := func(seed uint64, from, n int) string {
		var b strings.Builder
		for i := from; i < from+n; i++ {
			b.WriteString(m.Pick(i, seed))
		}
		return b.String()
	}
	for run := range 100 {
		text := spell(1, run*10, 10)
		if strings.Count(text, "a") != 7 || strings.Count(text, "b") != 2 || strings.Count(text, "c") != 1 {
			t.Fatalf("clients %d to %d: %s", run*10, run*10+9, text)
		}
	}
	first := spell(1, 0, 1000)
	if again := spell(1, 0, 1000); again != first {
		t.Error("the same seed deals otherwise")
	}
	if spell(2, 0, 1000) == first {
		t.Error("another seed deals the same")
	}
	// No fixed pattern: each place in a run sees each name.
	for place := range 10 {
		seen := map[string]int{}
		for run := range 400 {
			seen[m.Pick(run*10+place, 7)]++
		}
		if seen["a"] < 200 || seen["b"] < 40 || seen["c"] < 15 {
			t.Errorf("place %d: %v", place, seen)
		}
	}
	if got := Of("x").Pick(5, 1); got != "x" {
		t.Errorf("one name: %s", got)
	}
	if n := testing.AllocsPerRun(100, func() { m.Pick(17, 3) }); n != 0 {
		t.Errorf("Pick allocates %v times", n)
	}
}
