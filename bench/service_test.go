package bench

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestServiceOfRooms: what is delivered by way of others has both times in an open loop, as
// TestService has it of the rest.
func TestServiceOfRooms(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		open, closed Scenario
		loops        int
	}{
		{&FanIn{Rate: 500}, &FanIn{}, 1},
		{&FanIn{Rate: 500, Collectors: 3}, &FanIn{Collectors: 3}, 3},
		{&Slow{Rate: 200, Share: 0.25, ReadRate: 1 << 30}, &Slow{Share: 0.25, ReadRate: 1 << 30}, 2},
	} {
		o := brief(s.URL)
		o.Conns, o.Loops = 4, tc.loops
		res := runScenario(t, tc.open, o)
		clean(t, res)
		main, service := res.Main(), latencies(res)["delivery service"]
		switch {
		case main.Name != "delivery" || service.Count != main.Count || service.Count == 0:
			t.Errorf("%s: %d of %d", tc.open.Name(), service.Count, main.Count)
		case service.Max > main.Max || service.Mean > main.Mean:
			t.Errorf("%s: from its sending %+v, from when it was due %+v", tc.open.Name(), service, main)
		}
		if _, ok := res.Metric("delivery service p99"); !ok {
			t.Errorf("%s: no metric", tc.open.Name())
		}
		for _, l := range runScenario(t, tc.closed, o).Latencies {
			if strings.Contains(l.Name, "service") {
				t.Errorf("%s: a closed loop has %s", tc.closed.Name(), l.Name)
			}
		}
	}
}

// TestSenderNotes: a sender knows when what is under way was sent, however much that is,
// also where the numbers begin anew.
func TestSenderNotes(t *testing.T) {
	net := startServer(t, nil)
	o, err := brief(net.URL).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRun(t.Context(), &FanIn{}, o, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, first := range []uint32{0, math.MaxUint32 - 20} {
		s := &sender{peer: peer{w: r.workers[0]}}
		s.sent.Store(first)
		var clock []time.Duration
		send := func() {
			s.away++
			before := s.w.loop.Clock()
			s.note(s.sent.Load())
			s.sent.Add(1)
			clock = append(clock, before)
		}
		check := func(i int) {
			at, ok := s.sentAt(first + uint32(i))
			if !ok || at < clock[i] || i+1 < len(clock) && at > clock[i+1] {
				t.Errorf("from %d: event %d was sent at %v, known %v; want %v", first, i, at, ok, clock[i])
			}
		}
		for range 100 { // all under way
			send()
		}
		for i := range clock {
			check(i)
		}
		s.away = 0
		for range 1000 { // one at a time
			send()
			check(len(clock) - 1)
			s.away--
		}
		if _, ok := s.sentAt(first); ok {
			t.Errorf("from %d: what was sent 1,100 events ago is known", first)
		}
		if n := len(*s.times.Load()); n != 128 {
			t.Errorf("from %d: room for %d", first, n)
		}
	}
}
