package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// TestCoordinatedOmission: a server that stands still for 400 ms now and then.
//
// An open loop goes on sending, on paper: whatever was due in the first half of
// the standstill waits for 200 ms or more, and counts so. There is at least one
// whole standstill in the window, so it is at least 200 ms of messages, 9 % of
// all: the 99th percentile shows it.
//
// A closed loop waits together with the server: a standstill delays the one
// message that each connection has under way, and then all is well. Of its many
// messages those are so few that the 99th percentile knows nothing. That is no
// fault of the loop, but what it measures.
func TestCoordinatedOmission(t *testing.T) {
	const (
		stall  = 400 * time.Millisecond
		every  = 3 * stall
		late   = stall / 2
		window = every + 2*stall // a whole stall, and the time to answer after it
		rate   = 1000
		conns  = 4
	)
	s, err := benchtest.New(benchtest.Options{Stall: benchtest.Stall{For: stall, Every: every}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := Options{URL: s.URL, Conns: conns, Duration: window, Warmup: -1, Late: late}
	run := func(e *Echo) (n uint64, res *Result, p99 time.Duration) {
		res = runScenario(t, e, o)
		n = res.Errors[Late].Count
		delete(res.Errors, Late)
		clean(t, res)
		for _, l := range res.Latencies {
			if l.Name == "echo" {
				p99 = time.Duration(l.P99 * float64(time.Microsecond))
			}
		}
		return n, res, p99
	}

	n, res, p99 := run(&Echo{Rate: rate})
	if due := uint64(rate * late.Seconds()); n < due*9/10 {
		t.Errorf("open loop: %d late of %d, at least %d were due", n, res.Operations, due)
	}
	if p99 < late {
		t.Errorf("open loop: the 99th percentile is %v", p99)
	}

	n, res, p99 = run(&Echo{})
	const touched = 3 // stalls that the window can meet
	if n == 0 {
		t.Error("closed loop: no message met a stall")
	}
	if n > conns*touched && n*100 >= res.Operations {
		t.Errorf("closed loop: %d late of %d, more than one each connection and stall", n, res.Operations)
	}
	if res.Operations > 100*conns*touched && n <= conns*touched && p99 >= late {
		t.Errorf("closed loop: the 99th percentile is %v with %d late of %d", p99, n, res.Operations)
	}
}

// TestStandstillAtTheEnd: what was due in the window of an open loop counts though the
// server answers it only after that.
func TestStandstillAtTheEnd(t *testing.T) {
	const (
		stall  = 600 * time.Millisecond
		every  = 2 * stall
		window = every + stall/2 // it ends in the middle of a standstill
		rate   = 1000
	)
	s, err := benchtest.New(benchtest.Options{Stall: benchtest.Stall{For: stall, Every: every}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, scenario := range []Scenario{&Echo{Rate: rate}, &Broadcast{Rate: rate / 4}, &FanIn{Rate: rate}, &Slow{Rate: rate / 4, Share: 0.25, ReadRate: 1 << 30}} {
		t.Run(scenario.Name(), func(t *testing.T) {
			res := runScenario(t, scenario, Options{URL: s.URL, Conns: 4, Duration: window, Warmup: -1})
			clean(t, res)
			main := res.Main()
			if main == nil {
				t.Fatal("no latency")
			}
			// Nothing of what was due is missing, but for the few that the ends of the window
			// are told apart by.
			perMessage := 1.0
			due := rate * window.Seconds()
			switch scenario.(type) {
			case *Broadcast:
				perMessage, due = 4, due/4
			case *Slow: // three read at once
				perMessage, due = 3, due/4
			}
			if n := float64(main.Count); n < 0.9*due*perMessage {
				t.Errorf("%v of %v are in the latency, %d were answered in the window", n, due*perMessage, res.Operations)
			}
		})
	}
}

// TestStandstillAtTheEndOfScript: the same of the paced steps of a scenario file, of
// which each client has one under way. It counts in its phase, unless that is a warm-up,
// and in the whole.
func TestStandstillAtTheEndOfScript(t *testing.T) {
	const (
		stall = 600 * time.Millisecond
		conns = 4
	)
	for _, warmup := range []bool{false, true} {
		s, err := benchtest.New(benchtest.Options{Stall: benchtest.Stall{For: stall, Every: 2 * stall}})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		phases := "[{duration: 900ms, connections: 4}]"
		if warmup { // what was due in the warm-up is answered behind it
			phases = "[{duration: 900ms, connections: 4, warmup: true}, {duration: 800ms, connections: 4}]"
		}
		file, err := ParseScript("test.yaml", []byte("phases: "+phases+`
clients:
  - flow:
      - repeat: {every: 5ms, do: [echo: {}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		res := runScenario(t, file, Options{URL: s.URL})
		clean(t, res)
		count := func(all []Latency, name string) (n uint64, max time.Duration) {
			for _, l := range all {
				if l.Name == name {
					return l.Count, time.Duration(l.Max * float64(time.Microsecond))
				}
			}
			return 0, 0
		}
		if len(res.Phases) == 0 {
			t.Fatal("no phases")
		}
		if _, max := count(res.Phases[0].Latencies, "echo"); max < stall/4 {
			t.Errorf("warm-up %v: of what was due in the first phase the longest took %v", warmup, max)
		}
		whole, max := count(res.Latencies, "step")
		if !warmup && max < stall/4 {
			t.Errorf("of all the longest took %v", max)
		}
		var sum uint64
		for _, p := range res.Phases {
			if n, _ := count(p.Latencies, "echo"); !p.Warmup {
				sum += n
			}
		}
		if whole != sum {
			t.Errorf("warm-up %v: %d in all, %d in the phases that count", warmup, whole, sum)
		}
		if !warmup && whole <= res.Operations {
			t.Errorf("%d were due in the window, of which %d were answered in it", whole, res.Operations)
		}
	}
}

// TestService: beside the time from when a message was due there is that from when it was
// sent: never longer, of as many, and different where the client was late itself.
func TestService(t *testing.T) {
	s := startServer(t, nil)
	file, err := ParseScript("test.yaml", []byte(`
phases: [{duration: 300ms, connections: 4}]
clients: [{flow: [{repeat: {every: 5ms, do: [echo: {}]}}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	for name, scenario := range map[string]Scenario{
		"echo": &Echo{Rate: 500}, "echo, ack": &Echo{Kind: Ack, Rate: 500}, "echo, binary": &Echo{Kind: Binary, Rate: 500},
		"delivery": &Broadcast{Rate: 500}, "paced step": file,
	} {
		o := brief(s.URL)
		o.Conns = 4
		res := runScenario(t, scenario, o)
		clean(t, res)
		main := res.Main()
		kind, _, _ := strings.Cut(name, ",")
		var service *Latency
		for i := range res.Latencies {
			if res.Latencies[i].Name == kind+" service" {
				service = &res.Latencies[i]
			}
		}
		switch {
		case service == nil:
			t.Errorf("%s: no service time", name)
		case kind != "paced step" && service.Count != main.Count || service.Count > main.Count || service.Count == 0:
			t.Errorf("%s: %d of %d", name, service.Count, main.Count)
		case service.Max > main.Max || service.Mean > main.Mean:
			t.Errorf("%s: from its sending %+v, from when it was due %+v", name, service, main)
		}
		if _, ok := res.Metric(kind + " service p99"); !ok {
			t.Errorf("%s: no metric", name)
		}
	}
	for _, l := range runScenario(t, &Echo{}, brief(s.URL)).Latencies {
		if strings.Contains(l.Name, "service") {
			t.Errorf("a closed loop has %s", l.Name)
		}
	}
}

// TestLate: what takes longer than allowed is an error, but not in the warm-up.
func TestLate(t *testing.T) {
	s, err := benchtest.New(benchtest.Options{Plant: benchtest.Plant{Kind: benchtest.Late, Every: 1, LateBy: 60 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := Options{URL: s.URL, Conns: 2, Duration: 300 * time.Millisecond, Warmup: -1, Late: 50 * time.Millisecond}
	res := runScenario(t, &Echo{}, o)
	if e := res.Errors[Late]; e.Count < res.Operations || e.Count > res.Operations+2 || e.Example == "" {
		t.Errorf("%d late of %d: %+v", e.Count, res.Operations, e)
	}
	o.Late = time.Hour
	clean(t, runScenario(t, &Echo{}, o))
	// All sent in the warm-up, and answered there.
	o.Warmup, o.Duration, o.Late = 300*time.Millisecond, time.Millisecond, 50*time.Millisecond
	if n := runScenario(t, &Echo{}, o).Errors[Late].Count; n > 4 {
		t.Errorf("%d late though the window was as good as none", n)
	}
}
