package bench

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// parse reads a script that has to be right.
func parseScript(t testing.TB, text string) *Script {
	t.Helper()
	s, err := ParseScript("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// squeeze makes all times of s a part of what they are, so that it takes about d.
func (s *Script) squeeze(d time.Duration) {
	var total time.Duration
	for _, p := range s.file.Phases {
		total += p.Duration
	}
	for i := range s.file.Phases {
		p := &s.file.Phases[i]
		p.Duration = max(time.Millisecond, time.Duration(float64(p.Duration)*float64(d)/float64(total)))
		p.Load.From, p.Load.To = p.Load.From*20, p.Load.To*20
	}
}

// TestExamples: each is run for a second.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := ParseScript(name, text)
			if err != nil {
				t.Fatal(err)
			}
			s.squeeze(time.Second)
			target := startServer(t, nil)
			res := runScenario(t, s, Options{URL: target.URL, Loops: 2})
			clean(t, res)
			if len(res.Phases) != len(s.file.Phases) {
				t.Errorf("%d phases, want %d", len(res.Phases), len(s.file.Phases))
			}
			var n uint64
			for i, p := range res.Phases {
				if p.Name != s.file.Phases[i].Name || p.Elapsed < s.file.Phases[i].Duration.Seconds() || len(p.Latencies) == 0 {
					t.Errorf("%+v", p)
				}
				if !p.Warmup {
					n += p.Operations
				}
			}
			if n != res.Operations {
				t.Errorf("%d steps in the phases, %d in all", n, res.Operations)
			}
			for _, l := range res.Latencies {
				t.Logf("%s %s: %d, p50 %.0f us", res.Scenario, l.Name, l.Count, l.P50)
			}
		})
	}
}

const onePhase = "phases: [{duration: 300ms, connections: 6}]\n"

// TestScriptSteps: every kind of step, over every transport, against a server
// that does as it should.
func TestScriptSteps(t *testing.T) {
	const flow = `
clients:
  - name: all
    listen: [echo2]
    flow:
      - join: room
      - echo: 80
      - echo: {form: ack, count: 3}
      - echo: {form: binary, size: 300, count: 2}
      - echo: {form: object}
      - emit: {event: ack, args: [1, "two", {three: [true, null, 1.5]}], ack: true, expect: [1, "two", {three: [true, null, 1.50]}]}
        as: asked
      - emit: {event: ack, binary: [10, 0], ack: true}
        as: asked
      - emit: {event: echo, args: ["x"], reply: echo, expect: ["x"]}
        as: replied
      - emit: {event: echo, json: '"y", {{.ID}}', reply: echo}
        as: replied
      - emit: {event: nothing, args: ["{{.ID}}"]}
      - emit: {event: object, args: ["one"]}
      - emit: {event: object, args: ["one"]}
      - wait: {event: object, count: 2}
      - broadcast: {room: room, size: 150}
      - broadcast: {room: elsewhere, size: 150}
        as: shout
      - leave: room
      - repeat:
          times: 2
          do:
            - repeat: {times: 2, every: 1ms, do: [{echo: 80}]}
            - think: 0s..2ms
            - think: exponential 1ms
      - disconnect
      - think: 1ms
      - reconnect: 1ms
      - disconnect: abort
      - echo: 80
`
	target := startServer(t, nil)
	for _, transport := range []string{"websocket", "polling", "upgrade"} {
		s := parseScript(t, "transports: "+transport+"\n"+onePhase+flow)
		res := runScenario(t, s, Options{URL: target.URL, Loops: 2})
		clean(t, res)
		counts := map[string]uint64{}
		for _, l := range res.Latencies {
			counts[l.Name] = l.Count
		}
		for _, name := range []string{"connect", "step", "join", "leave", "echo", "asked", "replied", "wait object", "broadcast", "delivery", "reconnect"} {
			if counts[name] == 0 {
				t.Errorf("%s: no %q among %v", transport, name, counts)
			}
		}
		if counts["replied"] > 0 && counts["asked"] < counts["replied"] {
			t.Errorf("%s: steps in another order: %v", transport, counts)
		}
	}
}

// TestScriptFaults: what a server does wrong is counted in a flow as well.
func TestScriptFaults(t *testing.T) {
	const flow = `
phases: [{name: measure, duration: 30s, connections: 6}]
clients:
  - flow:
      - join: room
      - repeat:
          do:
            - echo: {count: 4}
            - echo: {form: ack, count: 4}
            - broadcast: room
`
	for kind, want := range map[benchtest.Kind]string{
		benchtest.Lost: Lost, benchtest.Doubled: Duplicated, benchtest.Swapped: Reordered, benchtest.Late: Late, benchtest.Corrupted: Corrupt,
	} {
		t.Run(string(kind), func(t *testing.T) {
			target, err := benchtest.New(benchtest.Options{Plant: benchtest.Plant{Kind: kind, Every: 50, LateBy: 60 * time.Millisecond}})
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			o := Options{URL: target.URL, Duration: 300 * time.Millisecond, Timeout: 5 * time.Second}
			if kind == benchtest.Lost || kind == benchtest.Corrupted { // which are waited for, in vain
				o.Timeout = 2 * time.Second
			}
			if kind == benchtest.Late {
				o.Late = 50 * time.Millisecond
			}
			res := runUntil(t, parseScript(t, flow), o, func(r *run, _ Progress) bool { return counted(r, want) > 0 })
			if res.Errors[want].Count == 0 {
				t.Errorf("no %q was counted of %d: %v", want, target.Planted(), res.Errors)
			}
			for name, e := range res.Errors {
				if name != want && !(kind == benchtest.Corrupted && name == Lost) {
					t.Errorf("%d × %s: %s", e.Count, name, e.Example)
				}
			}
		})
	}
}

// TestScriptArrivals: as many come as were due, by the areas under the ramps.
func TestScriptArrivals(t *testing.T) {
	target := startServer(t, nil)
	s := parseScript(t, `
phases:
  - {name: up, duration: 400ms, arrivals: 0..200}
  - {name: flat, duration: 200ms, arrivals: 200}
clients:
  - flow: [{echo: 64}]
`)
	res := runScenario(t, s, Options{URL: target.URL, Loops: 2})
	clean(t, res)
	var n uint64
	for _, l := range res.Latencies {
		if l.Name == "connect" {
			n = l.Count
		}
	}
	// 40 and 40 are due; a phase that ends late has some more.
	if n < 70 || res.Phases[0].Elapsed < 0.45 && res.Phases[1].Elapsed < 0.25 && n > 95 {
		t.Errorf("%d arrivals in %.3f and %.3f s, want about 80", n, res.Phases[0].Elapsed, res.Phases[1].Elapsed)
	}
}

// TestScriptConnections: residents are as many as the phase wants, at its end.
func TestScriptConnections(t *testing.T) {
	target := startServer(t, nil)
	s := parseScript(t, `
phases:
  - {name: up, duration: 300ms, connections: 0..20, warmup: true}
  - {name: hold, duration: 300ms}
  - {name: down, duration: 300ms, connections: 20..5}
  - {name: rest, duration: 300ms}
clients:
  - flow: [{repeat: {do: [{think: 1h}]}}]
    weight: 1
  - name: busy
    weight: 3
    flow: [{echo: 64}, {think: 5ms}]
`)
	res := runScenario(t, s, Options{URL: target.URL, Loops: 3})
	clean(t, res)
	for i, want := range map[int]int{1: 20, 3: 5} {
		if got := res.Phases[i].Conns; got != want {
			t.Errorf("%s: %d connections, want %d", res.Phases[i].Name, got, want)
		}
	}
	if res.Elapsed < 0.9 || res.Phases[0].Warmup == false {
		t.Errorf("%.2f s counted: the warm-up must not, all else must", res.Elapsed)
	}
}

// TestScriptServerGone: the run goes on, and says what happened.
func TestScriptServerGone(t *testing.T) {
	target, err := benchtest.New(benchtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gone := time.AfterFunc(200*time.Millisecond, target.Close)
	defer gone.Stop()
	s := parseScript(t, "phases: [{duration: 700ms, connections: 5}]\ndrain: 100ms\nclients: [{flow: [{echo: 64}, {think: 1ms}]}]")
	res := runScenario(t, s, Options{URL: target.URL})
	target.Close()
	if res.ErrorTotal() == 0 || res.ErrorTotal() > 500 {
		t.Errorf("errors %v", res.Errors)
	}
}

// TestScriptUsage: what cannot be run is told at once.
func TestScriptUsage(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{onePhase + "clients: [{flow: [{echo: 5}]}]", "line 2: echo: usage: size 5"},
		{onePhase + "clients: [{flow: [{broadcast: {room: a, size: 50}}]}]", "at least"},
		{onePhase + "clients: [{flow: [{join: '{{.Nope}}'}]}]", "Nope"},
		{onePhase + "clients: [{flow: [{join: '{{'}]}]", "join"},
		{onePhase + "clients: [{flow: [{echo: 64}]}]\ndata: {file: none.csv}", "none.csv"},
		{onePhase, "there are no clients"},
	} {
		if _, err := ParseScript("x.yaml", []byte(tc.text)); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\n%v, want …%s…", tc.text, err, tc.want)
		}
	}
	s := parseScript(t, onePhase+"clients: [{flow: [{echo: 64}]}]")
	if _, err := s.Run(t.Context(), Options{}); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "no URL") {
		t.Errorf("without a target: %v", err)
	}
}

// TestScriptPace: a paced loop counts from when its steps were due. A server that
// stands still for 400 ms has made those late that were due in its first half, all
// of them: see TestCoordinatedOmission.
func TestScriptPace(t *testing.T) {
	const stall = 400 * time.Millisecond
	target, err := benchtest.New(benchtest.Options{Stall: benchtest.Stall{For: stall, Every: 3 * stall}})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	s := parseScript(t, `
phases: [{duration: 2s, connections: 1}]
clients:
  - flow: [{repeat: {every: 5ms, do: [{echo: 64}]}}]
`)
	res := runScenario(t, s, Options{URL: target.URL, Late: stall / 2})
	late := res.Errors[Late].Count
	delete(res.Errors, Late)
	clean(t, res)
	if due := uint64(stall / 2 / (5 * time.Millisecond)); late < due*9/10 {
		t.Errorf("%d late of %d, at least %d were due", late, res.Operations, due)
	}
}

// TestBeginDoesNotAllocate: a place that has had a client is taken by the next with the
// loops and broadcasts of its play as they are.
func TestBeginDoesNotAllocate(t *testing.T) {
	a, p := &actor{stage: &stage{}}, &play{loops: 2, speeches: 3}
	a.begin(p, 0, false)
	if n := testing.AllocsPerRun(10, func() { a.begin(p, 1, false) }); n != 0 {
		t.Errorf("begin allocates %v times a client, want 0", n)
	}
}
