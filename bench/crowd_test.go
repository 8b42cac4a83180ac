package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestCrowd: the parts come in order, and each is told what was done in it.
func TestCrowd(t *testing.T) {
	for _, loops := range []int{1, 3} {
		s := startServer(t, nil)
		o := brief(s.URL)
		o.Loops = loops
		var rest time.Time
		var before uint64
		o.enough = func(r *run) bool { // a rest ends with a heartbeat
			var n uint64
			r.each(func(w *worker) { n += w.env.Heartbeats })
			now := r.recorder.current()
			if !now.began.Equal(rest) {
				rest, before = now.began, n
			}
			return strings.HasPrefix(now.name, "rest") && n > before
		}
		var met []Meeting
		var began time.Time
		var took time.Duration // the last step's broadcasts
		res := runScenario(t, &Crowd{
			Steps: []int{4, 4, 9},
			Rest:  patience,
			Meet: func(_ context.Context, m Meeting) error {
				switch met = append(met, m); {
				case m.At == CrowdRested && m.Heartbeats == 0:
					return fmt.Errorf("no heartbeat: %+v", m)
				case m.At == CrowdBroadcast:
					began = time.Now()
				case m.At == CrowdTold:
					took = time.Since(began)
				}
				return nil
			},
		}, o)
		clean(t, res)
		parts := []string{CrowdConnect, CrowdRest, CrowdRested, CrowdBroadcast, CrowdTold}
		if len(met) != 3*len(parts) {
			t.Fatalf("%d meetings", len(met))
		}
		var deliveries uint64
		for i, m := range met {
			if m.At != parts[i%len(parts)] || m.Step != i/len(parts) || m.Errors != 0 {
				t.Errorf("meeting %d: %+v", i, m)
			}
			if want := []int{4, 4, 9}[m.Step]; m.At != CrowdConnect && m.Conns != want {
				t.Errorf("%s %d: %d connections, want %d", m.At, m.Step, m.Conns, want)
			}
			if m.At == CrowdTold {
				deliveries = m.Deliveries
				if m.Broadcasts == 0 || m.Deliveries != m.Broadcasts*uint64(m.Conns) || m.Last.Count != m.Broadcasts {
					t.Errorf("told %+v, last %+v", m, m.Last)
				}
			}
		}
		if res.Elapsed < o.Duration.Seconds() || res.Elapsed > took.Seconds() {
			t.Errorf("the last step's broadcasts have taken %v, the result says %v s", took, res.Elapsed)
		}
		if deliveries != res.Operations {
			t.Errorf("%d deliveries told of the last step, %d in the result", deliveries, res.Operations)
		}
	}
}

// TestCrowdEnds: what Meet returns ends the run.
func TestCrowdEnds(t *testing.T) {
	s := startServer(t, nil)
	enough := errors.New("enough")
	for _, at := range []string{CrowdConnect, CrowdRest, CrowdRested, CrowdBroadcast, CrowdTold} {
		_, err := (&Crowd{Steps: []int{2}, Meet: func(_ context.Context, m Meeting) error {
			if m.At == at {
				return enough
			}
			return nil
		}}).Run(context.Background(), brief(s.URL))
		if !errors.Is(err, enough) {
			t.Errorf("at %s: %v", at, err)
		}
	}
}

// TestCrowdFindsFaults: a delivery that is lost in one step is an error, and is not
// waited for in the next.
func TestCrowdFindsFaults(t *testing.T) {
	var lost atomic.Bool
	s := startServer(t, func(packet string) []string {
		if strings.HasPrefix(packet, "42[") && lost.CompareAndSwap(false, true) {
			return nil
		}
		return []string{packet}
	})
	o := brief(s.URL)
	o.Drain = time.Second // for the one that does not come
	res := runScenario(t, &Crowd{Steps: []int{3, 3}}, o)
	if e := res.Errors[Lost]; e.Count != 1 {
		t.Errorf("errors %v", res.Errors)
	}
	if res.Operations == 0 || res.Operations%3 != 0 {
		t.Errorf("%d deliveries in the second step, to three", res.Operations)
	}
}

func TestCrowdUsage(t *testing.T) {
	for _, s := range []*Crowd{{}, {Steps: []int{0}}, {Steps: []int{2, 1}}, {Steps: []int{1}, Rest: -1}, {Steps: []int{1}, Size: 1}} {
		if _, err := s.Run(context.Background(), brief("http://127.0.0.1:1")); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
