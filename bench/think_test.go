package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// TestThink: who thinks after each answer sends no more than there is time for, and the
// time is in no latency.
func TestThink(t *testing.T) {
	s := startServer(t, nil)
	const (
		conns, depth = 4, 3
		places       = conns * depth // of a message under way
		think        = 100 * time.Millisecond
	)
	o := brief(s.URL)
	o.Conns = conns
	for _, kind := range []Kind{Event, Ack, Binary} {
		began := time.Now()
		res := runUntil(t, &Echo{Kind: kind, Depth: depth, Think: think}, o, func(_ *run, p Progress) bool {
			return p.Operations >= 4*places
		})
		most := places * (1 + uint64(time.Since(began)/think))
		clean(t, res)
		if res.Operations > most || res.Operations < 4*places {
			t.Errorf("%s: %d operations, there is time for %d", kind, res.Operations, most)
		}
		// All have had a pause before them, but for the first of each place: of the
		// others at least one is quick, even where the machine is not.
		l := res.Main()
		h, err := hist.Decode(l.Histogram)
		if err != nil || l.Count != res.Operations {
			t.Fatalf("%s: latency %+v, %v", kind, l, err)
		}
		if quick := h.Quantile((places + 1) / float64(l.Count)); quick >= think {
			t.Errorf("%s: all but %d have taken %v or more", kind, places, quick)
		}
		if res.Parameters["think"] != "100ms" {
			t.Errorf("parameters %v", res.Parameters)
		}
	}
	// The last pause ends behind the window: nobody waits for it.
	began := time.Now()
	if res := runScenario(t, &Echo{Think: time.Hour}, o); res.ErrorTotal() > 0 || res.Operations > conns {
		t.Errorf("%d operations, errors %v", res.Operations, res.Errors)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a run that ended in thought took %v", took)
	}
	for _, e := range []*Echo{{Think: -1}, {Think: 1, Rate: 1}} {
		if _, err := e.Run(t.Context(), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}
