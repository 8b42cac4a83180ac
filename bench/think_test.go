package bench

import (
	"errors"
	"testing"
	"time"
)

// TestThink: who thinks after each answer sends no more than there is time for, and the
// time is in no latency.
func TestThink(t *testing.T) {
	s := startServer(t, nil)
	const (
		conns, depth = 4, 3
		think        = 25 * time.Millisecond
		window       = 500 * time.Millisecond
		most         = conns * depth * (1 + uint64(window/think))
	)
	o := brief(s.URL)
	o.Conns, o.Duration = conns, window
	for _, kind := range []Kind{Event, Ack, Binary} {
		res := runScenario(t, &Echo{Kind: kind, Depth: depth, Think: think}, o)
		clean(t, res)
		if res.Operations > most || res.Operations < 2*conns*depth {
			t.Errorf("%s: %d operations, there is time for %d", kind, res.Operations, most)
		}
		if l := res.Main(); l.P50 >= us(think) || l.Count != res.Operations { // most have had a pause before them
			t.Errorf("%s: latency %+v", kind, l)
		}
		if res.Parameters["think"] != "25ms" {
			t.Errorf("parameters %v", res.Parameters)
		}
	}
	// The last pause ends behind the window: nobody waits for it.
	began := time.Now()
	if res := runScenario(t, &Echo{Think: time.Hour}, o); res.ErrorTotal() > 0 || res.Operations > conns {
		t.Errorf("%d operations, errors %v", res.Operations, res.Errors)
	}
	if took := time.Since(began); took > 10*window {
		t.Errorf("a run that ended in thought took %v", took)
	}
	for _, e := range []*Echo{{Think: -1}, {Think: 1, Rate: 1}} {
		if _, err := e.Run(t.Context(), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}
