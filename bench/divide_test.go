package bench

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// stormOfTeam: each client of all processes is there once, and those that are cut off are
// the share of all.
func stormOfTeam(t *testing.T, s *Storm, res *Result) {
	t.Helper()
	want, rate := uint64(13), any(nil)
	if s.Reconnect {
		want = 6 // a half, rounded down
	} else if s.Rate > 0 {
		rate = s.Rate
	}
	if res.Operations != want || res.Parameters["rate"] != rate {
		t.Errorf("%d operations, want %d; rate %v", res.Operations, want, res.Parameters["rate"])
	}
	if m, ok := res.Metric("failed attempts"); !ok || m.Value != 0 {
		t.Errorf("failed attempts %+v", m)
	}
	for _, w := range res.Warnings {
		if strings.HasPrefix(w, warnRate) {
			t.Error(w)
		}
	}
}

// bigOfTeam: figures of one size are of all processes.
func bigOfTeam(t *testing.T, s *Big, res *Result) {
	t.Helper()
	all, volume := latencies(res), 0.0
	for _, size := range s.Sizes {
		l := all["echo of "+SizeName(size)]
		volume += float64(l.Count) * float64(size) / 1e6
		// Each process counts its own time, which is the same but for some milliseconds.
		if m, ok := res.Metric("echoes of " + SizeName(size) + " per second"); !ok || m.Value < float64(l.Count)/res.Elapsed {
			t.Errorf("%d echoes in a part of %v s, of which %+v", l.Count, res.Elapsed, m)
		}
		// This process has the server, and its own third of the load.
		if m, ok := res.Metric("server CPU per echo of " + SizeName(size)); res.Server != nil && (!ok || m.Value <= 0 || m.Value*float64(l.Count) > 1.01*res.Server.CPU*1e6) {
			t.Errorf("%d echoes, %+v, in all %v s", l.Count, m, res.Server.CPU)
		}
	}
	if m, _ := res.Metric("throughput"); m.Value < 0.5*volume/res.Elapsed || m.Value > 2*volume/res.Elapsed {
		t.Errorf("%+v, of %v MB in %v s", m, volume, res.Elapsed)
	}
}

// scriptOfTeam: phases are of all processes, and every kind of client has its share.
func scriptOfTeam(t *testing.T, res *Result) {
	t.Helper()
	if len(res.Phases) != 2 {
		t.Fatalf("%d phases", len(res.Phases))
	}
	talk := &res.Phases[1]
	if talk.Conns != 13 || talk.Operations != res.Operations || talk.Rate <= 0 {
		t.Errorf("%d connections, %d of %d operations, %v per second", talk.Conns, talk.Operations, res.Operations, talk.Rate)
	}
	var sum uint64
	for _, l := range talk.Latencies {
		if l.Name == "first" || l.Name == "second" {
			sum += l.Count
			if l.Count < res.Operations/4 {
				t.Errorf("%d of %d steps are %s", l.Count, res.Operations, l.Name)
			}
		}
	}
	if sum != talk.Operations {
		t.Errorf("%d latencies, %d operations", sum, talk.Operations)
	}
}

// TestProcsTemplates: in every scenario clients of all processes are numbered as those of
// one, without a number that two have, and a run has one name.
func TestProcsTemplates(t *testing.T) {
	s := startServer(t, nil)
	to, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	var mu sync.Mutex
	seen := map[string]string{} // client -> process
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("who") {
			who, proc := q.Get("who"), q.Get("proc")+" of "+q.Get("run")
			mu.Lock()
			if before, ok := seen[who]; ok && before != proc {
				t.Errorf("client %s is of process %s and of %s", who, before, proc)
			}
			seen[who] = proc
			mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	for place, scenario := range teamScenarios {
		o := brief(front.URL)
		o.Conns, o.Concurrency, o.RunName = 7, 9, "tonight"
		o.Query = map[string]string{"who": "{{.ID}}", "proc": "{{.Proc}}", "run": "{{.Run}}"}
		clients := 7
		switch s := scenario.(type) {
		case *Connect:
			if !s.Hold {
				clients = 9
			}
		case *Idle:
			clients = 11
		case *FanIn:
			clients = 7 + s.Collectors
		case *Script:
			clients = 13
		}
		res := runScenario(t, divided(t, place, 3, "work", o), o)
		if n := res.ErrorTotal(); n > 0 {
			t.Errorf("%s: %v", scenario.Name(), res.Errors)
		}
		mu.Lock()
		procs := map[string]bool{}
		for id := range clients {
			procs[seen[fmt.Sprint(id)]] = true
		}
		if len(seen) != clients || !maps.Equal(procs, map[string]bool{"0 of tonight": true, "1 of tonight": true, "2 of tonight": true}) {
			t.Errorf("%d %s: %d clients, want %d: %v", place, scenario.Name(), len(seen), clients, seen)
		}
		clear(seen)
		mu.Unlock()
	}
}

// TestIndivisible: what cannot be divided says why, each with a reason of its own, before
// a process is started.
func TestIndivisible(t *testing.T) {
	said, err := ParseScript("rooms.yaml", []byte(`
phases: [{duration: 1s, connections: 4}]
clients: [{flow: [{join: a}, {repeat: {times: 2, do: [{broadcast: a}]}}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, s := range []Scenario{&Broadcast{}, &Slow{}, &Churn{}, &Recovery{}, &Crowd{Steps: []int{4}}, said, foreign{}} {
		p := &Procs{Scenario: s, N: 2, Command: func(int) *exec.Cmd { t.Error("a process is started"); return exec.Command(os.Args[0]) }}
		_, err := p.Run(t.Context(), Options{URL: "http://127.0.0.1:1", Conns: 4})
		if !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", s.Name(), err)
			continue
		}
		_, why, ok := strings.Cut(err.Error(), "cannot be run by several processes: ")
		if other, twice := reasons[why]; !ok || why == "" || twice {
			t.Errorf("%s: %v (%s)", s.Name(), err, other)
		}
		reasons[why] = s.Name()
	}
}

// foreign is a scenario that somebody else has made.
type foreign struct{ Scenario }

func (foreign) Name() string { return "foreign" }

// TestDivide: no part takes the numbers of another's clients, of which there may be more
// than connections, or others.
func TestDivide(t *testing.T) {
	for _, tc := range []struct {
		name               string
		scenario           divisible
		loops, concurrency int
		first              [3]int
	}{
		{"connections", &Echo{}, 1, 128, [3]int{0, 4, 7}},
		{"collectors before them", &FanIn{Collectors: 5}, 2, 128, [3]int{0, 6, 11}},
		{"cycles", &Connect{}, 1, 11, [3]int{0, 4, 8}},
		{"cycles, one on each loop at least", &Connect{}, 4, 5, [3]int{0, 4, 8}},
		{"held", &Connect{Hold: true}, 4, 5, [3]int{0, 4, 7}},
		{"a file's, in turn", teamScript(), 2, 128, [3]int{0, 2, 4}},
	} {
		for i, want := range tc.first {
			o, err := optionsOf(tc.scenario, Options{URL: "http://127.0.0.1:1", Conns: 10, Loops: tc.loops, Concurrency: tc.concurrency, FirstID: 100})
			if err == nil {
				_, err = tc.scenario.divide(&o, i, 3)
			}
			if err != nil || o.FirstID != 100+want || o.Proc != i {
				t.Errorf("%s: part %d begins at %d, want %d: %v", tc.name, o.Proc, o.FirstID-100, want, err)
			}
		}
	}
}

// TestProcsRetried: attempts that failed in any process are counted, and warned of once.
func TestProcsRetried(t *testing.T) {
	part := func(attempts map[string]uint64) *Result {
		n := uint64(0)
		for _, k := range attempts {
			n += k
		}
		r := &Result{Operation: "connect", Parameters: map[string]any{}, Retried: attempts, Metrics: []Metric{{Name: failedAttempts, Value: float64(n)}}}
		r.warnRetried()
		return r
	}
	r := part(map[string]uint64{"reset": 2})
	if err := r.add([]*Result{part(nil), part(map[string]uint64{"reset": 3, "refused": 1})}, false); err != nil {
		t.Fatal(err)
	}
	if m, _ := r.Metric(failedAttempts); m.Value != 6 {
		t.Errorf("%+v", m)
	}
	if got := strings.Join(r.Warnings, "; "); got != warnRetried+": 1 × refused, 5 × reset" {
		t.Error(got)
	}
}
