package bench

import (
	"errors"
	"math"
	"testing"
)

// TestCheckRate: a rate that no open loop can have is wrong usage, for every
// scenario with one.
func TestCheckRate(t *testing.T) {
	for _, rate := range []float64{0, minRate, 0.5, 1, maxRate} {
		if err := checkRate(rate); err != nil {
			t.Errorf("%v: %v", rate, err)
		}
	}
	o := Options{URL: "http://127.0.0.1:1", Conns: 10}
	for _, rate := range []float64{-1, math.Copysign(math.SmallestNonzeroFloat64, -1), math.SmallestNonzeroFloat64, 1e-10, 0.0009, 1.1e7, math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, s := range []Scenario{
			&Echo{Rate: rate}, &Broadcast{Rate: rate}, &FanIn{Rate: rate}, &Churn{Rate: rate}, &Slow{Rate: rate}, &Recovery{Rate: rate}, &Storm{Rate: rate},
		} {
			if _, err := s.Run(t.Context(), o); !errors.Is(err, ErrUsage) {
				t.Errorf("%s at %v: %v", s.Name(), rate, err)
			}
		}
	}
}
