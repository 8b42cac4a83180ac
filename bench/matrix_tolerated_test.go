package bench

import (
	"errors"
	"strings"
	"testing"
)

// TestTolerated: errors that are known of a server are told, and are no failure; the same
// errors of another server are, and so are others of that server.
func TestTolerated(t *testing.T) {
	run := func(errs map[string]uint64) *Result {
		r := &Result{Metrics: []Metric{{Name: "cost", Unit: "us", Value: 1}}, Errors: map[string]ErrorCount{}}
		for name, n := range errs {
			r.Errors[name] = ErrorCount{Count: n, Example: "this one"}
		}
		return r
	}
	r := &MatrixResult{
		Servers: []ServerSpec{
			{Name: "a", Version: "one 1.2", Tolerated: map[string]string{"goodbye not answered": "it never does"}},
			{Name: "b"},
		},
		Cases: []CaseResult{{Name: "x", Servers: []ServerResult{
			{Name: "a", Runs: []*Result{run(map[string]uint64{"goodbye not answered": 100}), run(map[string]uint64{"goodbye not answered": 50})}},
			{Name: "b", Runs: []*Result{run(nil)}},
		}}},
	}
	r.Evaluate()
	if n := r.ErrorTotal(); n != 0 {
		t.Errorf("%d errors of what is tolerated", n)
	}
	var page strings.Builder
	if err := r.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"| a | one 1.2 | ", "| b | not told | ", "| 0 (and 150 tolerated) |\n", "| 0 |\n", "- a: goodbye not answered, which is tolerated: it never does\n"} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("no %q in\n%s", part, page.String())
		}
	}

	a, b := &r.Cases[0].Servers[0], &r.Cases[0].Servers[1]
	a.Runs[0].Errors["lost"] = ErrorCount{Count: 2, Example: "that one"}
	b.Runs[0].Errors["goodbye not answered"] = ErrorCount{Count: 3}
	b.Failed = []string{"died"}
	if n := r.ErrorTotal(); n != 6 {
		t.Errorf("%d errors, want 2 + 3 + 1", n)
	}
	if text := r.errors(a); text != "**2** (and 150 tolerated)" {
		t.Error(text)
	}
	if text := r.errors(b); text != "**4**" {
		t.Error(text)
	}

	m := &Matrix{Servers: []ServerSpec{{Name: "a", Tolerated: map[string]string{"lost": ""}}}, Cases: []Case{{Name: "x"}}, Rounds: 1}
	if err := m.check(); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), `no reason to tolerate "lost"`) {
		t.Errorf("without a reason: %v", err)
	}
}

// TestVersionIsTold: by a line before the one that says where the server listens.
func TestVersionIsTold(t *testing.T) {
	c := &child{}
	a := &announcement{child: c, listening: make(chan struct{})}
	for _, part := range []string{"hello\nver", "sion one 1.2, two 3\n", "listening http://127.0.0.1:1\nversion three\n"} {
		if _, err := a.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	<-a.listening
	if c.version != "one 1.2, two 3" || c.url != "http://127.0.0.1:1" {
		t.Errorf("version %q, url %q", c.version, c.url)
	}
}
