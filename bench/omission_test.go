package bench

import (
	"strings"
	"sync"
	"sync/atomic"
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

// gate is where a test has its server stand still: what the server sends has to pass.
type gate struct {
	mu      sync.RWMutex
	closed  atomic.Bool
	waiting atomic.Int64 // packets in front of it
}

// startGated makes a server that lives as long as the test, and its gate.
func startGated(t testing.TB) (*benchtest.Server, *gate) {
	t.Helper()
	g := &gate{}
	s := startServer(t, g.pass)
	t.Cleanup(g.open) // before the server's end, which waits for what is in front of it
	return s, g
}

func (g *gate) pass(packet string) []string {
	g.waiting.Add(1)
	g.mu.RLock()
	g.waiting.Add(-1)
	g.mu.RUnlock()
	return []string{packet}
}

// shut waits for who is passing; who comes behind waits for open.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed.Store(true)
}

// open does nothing where it is open. Any goroutine.
func (g *gate) open() {
	if g.closed.CompareAndSwap(true, false) {
		g.mu.Unlock()
	}
}

// TestStandstillAtTheEnd: what was due in the window of an open loop counts though the
// server answers it only after that.
func TestStandstillAtTheEnd(t *testing.T) {
	const (
		stall = 300 * time.Millisecond // behind the window
		rate  = 1000
	)
	for _, tc := range []struct {
		scenario   Scenario
		perMessage uint64
	}{
		{&Echo{Rate: rate}, 1},
		{&Broadcast{Rate: rate / 4}, 4},
		{&FanIn{Rate: rate}, 1},
		{&Slow{Rate: rate / 4, Share: 0.25, ReadRate: 1 << 30}, 3}, // three read at once
	} {
		t.Run(tc.scenario.Name(), func(t *testing.T) {
			s, g := startGated(t)
			o := brief(s.URL)
			o.Conns = 4
			look := func(r *run) (answered, sent uint64) { // of what was due in the window
				r.each(func(w *worker) {
					answered += w.latency.Count()
					sent += w.lag.Count()
				})
				return answered, sent
			}
			var before, first, meanwhile uint64
			res := runUntil(t, tc.scenario, o, func(r *run, _ Progress) bool {
				answered, sent := look(r)
				switch {
				case g.closed.Load():
					meanwhile = sent - first
				case answered > 0: // what is sent from here on was due in the window
					g.shut()
					before, first = look(r)
				}
				if meanwhile < 100 {
					return false
				}
				time.AfterFunc(stall, g.open)
				return true
			})
			clean(t, res)
			main := res.Main()
			if main == nil {
				t.Fatal("no latency")
			}
			if least := before + meanwhile*tc.perMessage; meanwhile == 0 || main.Count < least {
				t.Errorf("%d are in the latency, of at least %d that were due in the window; %d were answered in it", main.Count, least, res.Operations)
			}
			if main.Max < us(stall) {
				t.Errorf("the longest took %v us", main.Max)
			}
		})
	}
}

// TestStandstillAtTheEndOfScript: the same of the paced steps of a scenario file, of
// which each client has one under way. It counts in its phase, unless that is a warm-up,
// and in the whole.
func TestStandstillAtTheEndOfScript(t *testing.T) {
	const (
		stall = 300 * time.Millisecond // behind the phase
		conns = 4
	)
	for _, warmup := range []bool{false, true} {
		phases := "[{name: measure, duration: 30s, connections: 4}]"
		if warmup { // what was due in the warm-up is answered behind it
			phases = "[{name: measure, duration: 30s, connections: 4, warmup: true}, {name: measured, duration: 30s, connections: 4}]"
		}
		file, err := ParseScript("test.yaml", []byte("phases: "+phases+`
clients:
  - flow:
      - repeat: {every: 5ms, do: [echo: {}]}
`))
		if err != nil {
			t.Fatal(err)
		}
		s, g := startGated(t)
		res := runUntil(t, file, Options{URL: s.URL}, func(_ *run, p Progress) bool {
			switch {
			case p.Phase != "measure":
				return p.Operations >= 4*conns
			case !g.closed.Load():
				if p.Conns == conns && p.Operations >= 4*conns {
					g.shut()
				}
				return false
			case g.waiting.Load() < conns:
				return false
			}
			time.AfterFunc(stall, g.open) // all wait for an answer
			return true
		})
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
		if _, max := count(res.Phases[0].Latencies, "echo"); max < stall {
			t.Errorf("warm-up %v: of what was due in the first phase the longest took %v", warmup, max)
		}
		whole, max := count(res.Latencies, "step")
		if !warmup && max < stall {
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
