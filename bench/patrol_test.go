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
			t.Parallel()
			var lost atomic.Bool
			s := startServer(t, func(packet string) []string {
				if strings.Contains(packet, tc.mark) && lost.CompareAndSwap(false, true) {
					return nil
				}
				return []string{packet}
			})
			o := brief(s.URL)
			o.Conns, o.patience = 1, 2*time.Second // no other is held up for that long
			_, slow := tc.scenario.(*Slow)
			if slow { // of two, it may be lost for the slow one: that counts at the end, and nobody waits for it
				o.Conns, o.Drain = 2, 3*time.Second
			}
			var before, after uint64 // operations
			res := runUntil(t, tc.scenario, o, func(_ *run, p Progress) bool {
				if p.Errors == 0 && !slow {
					before = p.Operations
				}
				after = p.Operations - before
				return after >= 4
			})
			if n := res.Errors[Lost].Count; n != 1 || len(res.Errors) != 1 {
				t.Errorf("errors %v, want one %s", res.Errors, Lost)
			}
			if after < 4 {
				t.Errorf("%d operations since: one that was lost held up the others", after)
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
			s, err := benchtest.New(benchtest.Options{Plant: benchtest.Plant{Kind: benchtest.Late, Every: 1, LateBy: time.Second}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			o := brief(s.URL)
			o.Conns, o.patience = 2, 250*time.Millisecond
			res := runUntil(t, tc.scenario, o, func(r *run, _ Progress) bool { return counted(r, Late) > 0 })
			lost, late := res.Errors[Lost].Count, res.Errors[Late].Count
			if lost == 0 || late == 0 || late > lost || len(res.Errors) != 2 {
				t.Errorf("errors %v, want %s and as many %s, or less", res.Errors, Lost, Late)
			}
		})
	}
}

// TestPatience: what may be waited for is bounded as a handshake is, unless a test has it
// otherwise.
func TestPatience(t *testing.T) {
	for _, tc := range []struct{ o, want Options }{
		{Options{}, Options{Timeout: DefaultTimeout, patience: DefaultTimeout}},
		{Options{Timeout: time.Second}, Options{Timeout: time.Second, patience: time.Second}},
		{Options{patience: time.Second}, Options{Timeout: DefaultTimeout, patience: time.Second}},
	} {
		o, err := tc.o.withDefaults()
		if err != nil || o.Timeout != tc.want.Timeout || o.patience != tc.want.patience {
			t.Errorf("%v and %v, %v; want %v and %v", o.Timeout, o.patience, err, tc.want.Timeout, tc.want.patience)
		}
	}
}
