package bench

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

func TestSequenceGivesUp(t *testing.T) {
	var s sequence
	const next = 10
	s.arrive(0, next)
	s.arrive(3, next)
	lost := s.giveUp(6)
	slices.Sort(lost)
	if !slices.Equal(lost, []uint32{1, 2, 4, 5}) || s.missing(next) != 4 {
		t.Fatalf("gave up %v, missing %d; want [1 2 4 5], 4", lost, s.missing(next))
	}
	if again := s.giveUp(6); len(again) > 0 {
		t.Errorf("gave up %v once more", again)
	}
	for _, tc := range []struct {
		seq  uint32
		want string
	}{{4, Late}, {4, Duplicated}, {6, ""}, {2, Late}, {3, Duplicated}} {
		if name, counts := s.arrive(tc.seq, next); name != tc.want || counts != (name == "") {
			t.Errorf("%d: %q, counts %v; want %q", tc.seq, name, counts, tc.want)
		}
	}
	if n := s.missing(next); n != 3 {
		t.Errorf("missing %d, want 3", n)
	}
}

// patientScenarios are those in which a message waits for one before it, each with a
// mark of its answers.
var patientScenarios = []struct {
	scenario Scenario
	mark     string
}{
	{&Echo{}, `"echo"`},
	{&Echo{Kind: Ack}, "43"},
	{&Big{Sizes: []int{200}}, `"echo"`},
	{&Upgrade{Depth: 1}, `"echo"`},
	{&Namespaces{Count: 2}, `"echo"`},
	{&FanIn{}, `"broadcast"`},
	{&Rooms{Rooms: 1}, `"broadcast"`},
	{&Broadcast{}, `"broadcast"`},
	{&Broadcast{InFlight: 3}, `"broadcast"`},
	{&Slow{Share: 0.5, ReadRate: 1 << 30}, `"broadcast"`},
}

// TestLostGoesOn: where the first message is lost it counts once, and the others go on.
func TestLostGoesOn(t *testing.T) {
	for _, tc := range patientScenarios {
		t.Run(tc.scenario.Name(), func(t *testing.T) {
			var lost atomic.Bool
			s := startServer(t, func(packet string) []string {
				if strings.Contains(packet, tc.mark) && lost.CompareAndSwap(false, true) {
					return nil
				}
				return []string{packet}
			})
			o := brief(s.URL)
			o.Conns, o.Timeout, o.Duration = 1, 300*time.Millisecond, 900*time.Millisecond
			switch tc.scenario.(type) {
			case *Slow:
				o.Conns = 2
			case *Upgrade: // a whole handshake has to be done within a Timeout, too
				o.Timeout, o.Duration = time.Second, 3*time.Second
			}
			res := runScenario(t, tc.scenario, o)
			if n := res.Errors[Lost].Count; n != 1 || len(res.Errors) != 1 {
				t.Errorf("errors %v, want one %s", res.Errors, Lost)
			}
			if res.Operations < 4 {
				t.Errorf("%d operations: one that was lost held up the others", res.Operations)
			}
		})
	}
}

// TestLateAfterLost: an answer that comes after it was given up is late, and neither an
// operation nor doubled.
func TestLateAfterLost(t *testing.T) {
	for _, tc := range patientScenarios {
		if _, ok := tc.scenario.(*Upgrade); ok {
			continue // its sessions end when there is nothing that they wait for
		}
		t.Run(tc.scenario.Name(), func(t *testing.T) {
			t.Parallel()
			s, err := benchtest.New(benchtest.Options{Plant: benchtest.Plant{Kind: benchtest.Late, Every: 1, LateBy: 2 * time.Second}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			o := brief(s.URL)
			o.Conns, o.Timeout, o.Duration = 2, 250*time.Millisecond, time.Second
			res := runScenario(t, tc.scenario, o)
			lost, late := res.Errors[Lost].Count, res.Errors[Late].Count
			if lost == 0 || late == 0 || late > lost || len(res.Errors) != 2 {
				t.Errorf("errors %v, want %s and as many %s, or less", res.Errors, Lost, Late)
			}
		})
	}
}
