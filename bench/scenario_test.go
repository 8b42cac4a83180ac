package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
	"github.com/e6a90ca8/sio/bench/internal/client"
)

// start makes a server that lives as long as the test.
func startServer(t testing.TB, fault func(packet string) []string) *benchtest.Server {
	t.Helper()
	s, err := benchtest.New(benchtest.Options{Fault: fault, PingInterval: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// brief are options of a run just long enough to do something.
func brief(url string) Options {
	return Options{URL: url, Conns: 12, Duration: 150 * time.Millisecond, Warmup: -1, PID: os.Getpid()}
}

// run runs s and fails the test on an error of the run as a whole.
func runScenario(t testing.TB, s Scenario, o Options) *Result {
	t.Helper()
	res, err := s.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// clean fails the test unless res has operations and no errors.
func clean(t testing.TB, res *Result) {
	t.Helper()
	for name, e := range res.Errors {
		t.Errorf("%d × %s: %s", e.Count, name, e.Example)
	}
	if res.Operations == 0 || res.Rate <= 0 {
		t.Errorf("%d operations", res.Operations)
	}
	if _, err := json.Marshal(res); err != nil {
		t.Error(err)
	}
}

func TestEcho(t *testing.T) {
	s := startServer(t, nil)
	for _, transport := range []string{"websocket", "polling", "upgrade"} {
		for _, e := range []*Echo{{}, {Depth: 5, Size: 200}, {Kind: Ack, Depth: 2}, {Kind: Binary, Depth: 2, Size: 300}, {Kind: Object}, {Rate: 200}} {
			t.Run(fmt.Sprintf("%s/%s/depth %d/rate %v", transport, e.Name(), e.Depth, e.Rate), func(t *testing.T) {
				o := brief(s.URL)
				o.Transport = transport
				if e.Rate > 0 {
					o.Loops = 2
				}
				res := runScenario(t, e, o)
				clean(t, res)
				names := map[string]bool{}
				for _, l := range res.Latencies {
					if l.Count == 0 || l.P50 > l.P99 || l.P99 > l.Max || l.Min > l.P50 {
						t.Errorf("latency %+v", l)
					}
					names[l.Name] = true
				}
				if !names["connect"] || !names["echo"] || (e.Rate > 0) != names["send lag"] {
					t.Errorf("latencies %v", names)
				}
				if m := res.Metrics[0]; res.Server != nil && (m.Name != "server CPU per echo" || m.Value <= 0) {
					t.Errorf("first metric %+v", m)
				}
			})
		}
	}
}

func TestEchoInNamespace(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL + "/chat")
	o.Auth = `{"token":"x"}`
	clean(t, runScenario(t, &Echo{Depth: 3}, o))
	clean(t, runScenario(t, &Broadcast{}, o))
}

// nth makes a fault that changes every nth packet that has mark in it.
func nth(n int64, mark string, change func(packet string) []string) func(string) []string {
	var seen atomic.Int64
	return func(packet string) []string {
		if strings.Contains(packet, mark) && seen.Add(1)%n == 0 {
			return change(packet)
		}
		return []string{packet}
	}
}

// TestFaults: each thing that a server can do wrong is counted by its name, in
// every scenario that can see it, and nothing else is. Losing one message does
// not stop the others; a few connections at the most are left without.
func TestFaults(t *testing.T) {
	for _, parser := range []string{client.JSON, client.MsgPack} {
		t.Run(parser, func(t *testing.T) { testFaults(t, parser) })
	}
}

func testFaults(t *testing.T, parser string) {
	drop := func(string) []string { return nil }
	twice := func(p string) []string { return []string{p, p} }
	corrupt := func(p string) []string { return []string{strings.Replace(p, "abc", "abX", 1)} }
	rename := func(p string) []string {
		return []string{strings.NewReplacer(`"echo"`, `"other"`, `"broadcast"`, `"other"`).Replace(p)}
	}
	more := func(p string) []string { return []string{strings.TrimSuffix(p, "]") + ",1]"} }
	spoil := func(p string) []string { return []string{strings.TrimSuffix(p, "]")} }
	noise := func(p string) []string { return []string{p, `42["unasked",1]`} }

	echo, ack, binary := &Echo{Depth: 3}, &Echo{Kind: Ack, Depth: 3}, &Echo{Kind: Binary, Depth: 3}
	broadcast, rooms := &Broadcast{InFlight: 4}, &Rooms{Rooms: 3}
	for _, tc := range []struct {
		name     string
		scenario Scenario
		mark     string
		every    int64
		change   func(string) []string
		want     string // name of an error
		also     string // may come with it
	}{
		{"drop", echo, `"echo"`, 60, drop, Lost, ""},
		{"drop", ack, "43", 100, drop, Lost, ""},
		{"drop", broadcast, `"broadcast"`, 100, drop, Lost, ""},
		{"drop", rooms, `"broadcast"`, 100, drop, Lost, ""},
		{"twice", echo, `"echo"`, 50, twice, Duplicated, NotAsked},
		{"twice", ack, "43", 50, twice, Duplicated, ""},
		{"twice", broadcast, `"broadcast"`, 50, twice, Duplicated, ""},
		{"twice", rooms, `"broadcast"`, 50, twice, Duplicated, ""},
		{"corrupt", echo, `"echo"`, 60, corrupt, Corrupt, Lost},
		{"corrupt", binary, "b", 100, func(string) []string { return []string{"bAAEC"} }, Corrupt, Lost},
		{"corrupt", broadcast, `"broadcast"`, 100, corrupt, Corrupt, Lost},
		{"corrupt", rooms, `"broadcast"`, 100, corrupt, Corrupt, Lost},
		{"rename", echo, `"echo"`, 60, rename, WrongEvent, Lost},
		{"rename", broadcast, `"broadcast"`, 100, rename, WrongEvent, Lost},
		{"rename", rooms, `"broadcast"`, 100, rename, WrongEvent, Lost},
		{"one argument more", echo, `"echo"`, 60, more, WrongEvent, Lost},
		{"not JSON", echo, `"echo"`, 60, spoil, "malformed packet", Lost},
		{"unasked", echo, `"echo"`, 60, noise, WrongEvent, ""},
		{"unasked", broadcast, `"broadcast"`, 60, noise, WrongEvent, ""},
		{"attachment of nothing", echo, `"echo"`, 60, func(p string) []string { return []string{p, "bAAEC"} }, WrongEvent, ""},
		{"no attachment", binary, "b", 100, drop, WrongEvent, Lost},
		{"disconnect", echo, `"echo"`, 200, func(string) []string { return []string{"41"} }, "closed by server", Lost},
		{"disconnect", broadcast, `"broadcast"`, 100, func(string) []string { return []string{"41"} }, "closed by server", Lost},
		{"disconnect", rooms, `"broadcast"`, 100, func(string) []string { return []string{"41"} }, "closed by server", Lost},
		{"refused", echo, `40{`, 3, func(string) []string { return []string{`44{"message":"full"}`} }, "namespace refused", ""},
		{"join refused", rooms, `430[]`, 5, func(string) []string { return []string{`42["no"]`} }, WrongEvent, "closed by server"},
	} {
		t.Run(tc.scenario.Name()+"/"+tc.name, func(t *testing.T) {
			o := brief("")
			if parser == client.MsgPack {
				if slices.Contains([]string{"attachment of nothing", "no attachment"}, tc.name) {
					return // there are none beside their packet
				}
				o.Parser = parser
			}
			o.Duration = 100 * time.Millisecond
			res := provoke(t, tc.scenario, o, faultCase{tc.name, tc.mark, tc.every, tc.change, tc.want, []string{tc.also}})
			if res.Errors[tc.want].Count == 0 {
				t.Errorf("no %q was counted", tc.want)
			}
			for name, e := range res.Errors {
				if name != tc.want && name != tc.also && !(name == NoSender && tc.name == "disconnect") {
					t.Errorf("%d × %s: %s", e.Count, name, e.Example)
				}
				if e.Example == "" {
					t.Errorf("%s has no example", name)
				}
			}
		})
	}
}

// TestReordered: a server that answers two messages in the wrong order.
func TestReordered(t *testing.T) {
	var kept atomic.Pointer[string]
	var seen atomic.Int64
	s := startServer(t, func(p string) []string {
		if !strings.Contains(p, `"echo"`) {
			return []string{p}
		}
		if n := seen.Add(1); n%100 == 0 {
			kept.Store(&p)
			return nil
		}
		if late := kept.Swap(nil); late != nil {
			return []string{p, *late}
		}
		return []string{p}
	})
	o := brief(s.URL)
	o.Conns = 1 // else the late one would go to another connection
	res := runUntil(t, &Echo{Depth: 4}, o, func(r *run, _ Progress) bool { return counted(r, Reordered) > 0 })
	if res.Errors[Reordered].Count == 0 || len(res.Errors) > 2 {
		t.Errorf("errors %v", res.Errors)
	}
	if lost := res.Errors[Lost].Count; lost > 1 { // the one kept at the end
		t.Errorf("%d lost", lost)
	}
}

// TestRespelled: a server may spell JSON as it likes.
func TestRespelled(t *testing.T) {
	s := startServer(t, func(p string) []string {
		p = strings.Replace(p, `"id":1013,"label":"item 13"`, `"label":"item\u002013", "id":1.013e3`, 1)
		p = strings.Replace(p, `.abc`, `.\u0061bc`, 1)
		return []string{p}
	})
	for _, sc := range []Scenario{&Echo{Kind: Object}, &Echo{}, &Echo{Kind: Ack}, &Broadcast{}, &Rooms{}} {
		res := runScenario(t, sc, brief(s.URL))
		clean(t, res)
		if res.Respelled == 0 {
			t.Errorf("%s: no answer was spelled differently", sc.Name())
		}
	}
}

func TestBroadcast(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		b     Broadcast
		loops int
	}{{Broadcast{}, 1}, {Broadcast{InFlight: 5, Size: 500}, 1}, {Broadcast{InFlight: 3}, 3}, {Broadcast{Rate: 300}, 2}} {
		o := brief(s.URL)
		o.Loops = tc.loops
		res := runScenario(t, &tc.b, o)
		clean(t, res)
		if res.Latencies[1].Name != "delivery" || res.Latencies[2].Name != "last receiver" ||
			res.Latencies[2].Count == 0 || res.Latencies[2].Min < res.Latencies[1].Min {
			t.Errorf("latencies %+v", res.Latencies)
		}
	}
}

func TestRooms(t *testing.T) {
	s := startServer(t, nil)
	for _, loops := range []int{1, 2} {
		o := brief(s.URL)
		o.Loops, o.Conns = loops, 17 // rooms of different sizes
		clean(t, runScenario(t, &Rooms{Rooms: 4}, o))
		clean(t, runScenario(t, &Rooms{}, o))
	}
}

func TestConnect(t *testing.T) {
	s := startServer(t, nil)
	for _, transport := range []string{"websocket", "polling", "upgrade"} {
		o := brief(s.URL)
		o.Transport, o.Concurrency, o.Loops = transport, 6, 2
		clean(t, runScenario(t, &Connect{}, o))
		res := runScenario(t, &Connect{Hold: true}, o)
		clean(t, res)
		if res.Operations != 12 {
			t.Errorf("%d connects held, want 12", res.Operations)
		}
	}
}

func TestConnectCycles(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Concurrency = 4
	res := runScenario(t, &Connect{Cycles: 60}, o)
	clean(t, res)
	if res.Operations != 60 {
		t.Errorf("%d cycles, want 60", res.Operations)
	}
	if _, ok := res.Metric("RSS growth after the first tenth"); !ok && res.Server != nil {
		t.Error("no RSS growth")
	}
}

func TestIdle(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Loops = 2
	res := runScenario(t, &Idle{Steps: []int{5, 10, 20}, Settle: 20 * time.Millisecond, Window: 200 * time.Millisecond}, o)
	clean(t, res)
	if res.Operation != "heartbeat" || res.Server == nil && len(res.Warnings) == 0 {
		t.Errorf("%+v", res)
	}
	if res.Server != nil && res.Metrics[0].Name != "RSS per connection" {
		t.Errorf("first metric %+v", res.Metrics[0])
	}
}

func TestSlope(t *testing.T) {
	if got := slope([]float64{2000, 10000, 18000}, []float64{5e6, 13e6, 21e6}); got < 999 || got > 1001 {
		t.Errorf("slope %v, want 1000", got)
	}
	if slope([]float64{5, 5}, []float64{1, 2}) != 0 {
		t.Error("a slope without distance")
	}
}

// TestEarlyErrors: what is wrong from the start is told at once, whole.
func TestEarlyErrors(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name     string
		scenario Scenario
		change   func(o *Options)
		usage    bool
		want     string
	}{
		{"nobody listens", &Echo{}, func(o *Options) { o.URL = "http://127.0.0.1:1" }, false, "connection refused: nobody listens at 127.0.0.1:1"},
		{"another path", &Echo{}, func(o *Options) { o.Path = "/other/" }, false, "not a Socket.IO server: /other/?EIO=4 answered HTTP/1.1 404 Not Found"},
		{"namespace", &Echo{}, func(o *Options) { o.Namespace = "/nope" }, false, "namespace refused: /nope: Invalid namespace"},
		{"descriptors", &Echo{}, func(o *Options) { o.Conns = 1_000_000 }, false, "RLIMIT_NOFILE"},
		{"TLS", &Echo{}, func(o *Options) { o.URL = "https://127.0.0.1" }, true, "TLS"},
		{"no process", &Echo{}, func(o *Options) { o.PID = 1 << 30 }, true, "no such process"},
		{"stats", &Echo{}, func(o *Options) { o.Stats = "here" }, true, "stats URL"},
		{"reserved", &Echo{}, func(o *Options) { o.Events.Echo = "disconnect" }, true, "reserved"},
		{"connections", &Echo{}, func(o *Options) { o.Conns = -1 }, true, "connections -1"},
		{"duration", &Echo{}, func(o *Options) { o.Duration = -1 }, true, "negative"},
		{"kind", &Echo{Kind: "x"}, nil, true, "kind"},
		{"depth", &Echo{Depth: -1}, nil, true, "depth"},
		{"rate", &Echo{Rate: -1}, nil, true, "rate"},
		{"size", &Echo{Size: 5}, nil, true, "size 5"},
		{"in flight", &Broadcast{InFlight: 5000}, nil, true, "in flight"},
		{"broadcast size", &Broadcast{Size: 5}, nil, true, "size 5"},
		{"rooms", &Rooms{Rooms: 500}, nil, true, "500 rooms"},
		{"large room", &Rooms{Rooms: 1}, func(o *Options) { o.Conns = 5000 }, true, "at most"},
		{"cycles", &Connect{Hold: true, Cycles: 5}, nil, true, "cycles"},
		{"steps", &Idle{Steps: []int{5, 4}}, nil, true, "steps"},
		{"same steps", &Idle{Steps: []int{5, 5}}, nil, true, "steps"},
		{"settle", &Idle{Settle: -1}, nil, true, "negative"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			if tc.change != nil {
				tc.change(&o)
			}
			res, err := tc.scenario.Run(context.Background(), o)
			if err == nil {
				t.Fatalf("ran: %+v", res)
			}
			if errors.Is(err, ErrUsage) != tc.usage || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v; want …%s…, usage %v", err, tc.want, tc.usage)
			}
		})
	}
}

// TestInterrupted: a run that is cut short has the figures so far.
func TestInterrupted(t *testing.T) {
	s := startServer(t, nil)
	for _, sc := range []Scenario{&Echo{}, &Broadcast{}, &Rooms{}, &Connect{}} {
		ctx, cancel := context.WithCancel(context.Background())
		o := brief(s.URL)
		o.Duration = time.Hour
		o.Progress = func(p Progress) {
			if p.Phase == "measure" && p.Operations > 0 {
				cancel()
			}
		}
		res, err := sc.Run(ctx, o)
		cancel()
		if err != nil || !res.Interrupted || res.Operations == 0 {
			t.Errorf("%s: %v, %+v", sc.Name(), err, res)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&Echo{}).Run(ctx, brief(s.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("before it began: %v", err)
	}
}

// TestServerGoesAway: the run goes on to its end and says what happened.
func TestServerGoesAway(t *testing.T) {
	for _, sc := range []Scenario{&Echo{}, &Broadcast{}, &Rooms{}, &Connect{}} {
		s := startServer(t, nil)
		o := brief(s.URL)
		o.Drain = 200 * time.Millisecond
		gone := false
		res, err := sc.Run(context.Background(), until(o, func(_ *run, p Progress) bool {
			if !gone && p.Operations > 0 {
				gone = true
				s.Close()
			}
			return gone && p.Errors > 0
		}))
		if err != nil {
			t.Errorf("%s: %v", sc.Name(), err)
			continue
		}
		if !gone || res.ErrorTotal() == 0 || res.Elapsed >= patience.Seconds() {
			t.Errorf("%s: no errors in %v s though the server went away", sc.Name(), res.Elapsed)
		}
	}
}

func TestProgress(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	var last Progress
	var told atomic.Bool
	o.Progress = func(p Progress) {
		if p.Phase == "measure" && !told.Load() {
			last = p
			told.Store(p.Operations > 0 && p.Rate > 0)
		}
	}
	clean(t, runUntil(t, &Echo{}, o, func(*run, Progress) bool { return told.Load() }))
	if !told.Load() || last.Conns != 12 || last.Wanted != 12 || last.Total != patience {
		t.Errorf("the last told %+v", last)
	}
}
