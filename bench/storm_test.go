package bench

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

func TestStorm(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		storm     Storm
		transport string
		loops     int
		there     uint64 // operations
	}{
		{"all at once", Storm{}, "websocket", 1, 40},
		{"at a rate", Storm{Rate: 400}, "websocket", 2, 40},
		{"by polling", Storm{}, "polling", 1, 40},
		{"with upgrade", Storm{}, "upgrade", 2, 40},
		{"all cut off", Storm{Reconnect: true, AtOnce: true}, "websocket", 2, 40},
		{"a quarter cut off", Storm{Reconnect: true, Cut: 0.25, AtOnce: true}, "websocket", 3, 10},
		{"polling cut off", Storm{Reconnect: true, AtOnce: true}, "polling", 1, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Conns, o.Transport, o.Loops = 40, tc.transport, tc.loops
			res := runScenario(t, &tc.storm, o)
			clean(t, res)
			if res.Operations != tc.there || latencies(res)["connect"].Count != tc.there {
				t.Errorf("%d operations, want %d; %+v", res.Operations, tc.there, latencies(res)["connect"])
			}
			m, ok := res.Metric("failed attempts")
			if !ok || m.Value != 0 {
				t.Errorf("failed attempts %+v", m)
			}
		})
	}
}

// TestStormBackoff: the first attempts wait from half a second to one and a half,
// as those of the official client do, and the last attempts 5 s at the most.
func TestStormBackoff(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Conns = 6
	res := runScenario(t, &Storm{Reconnect: true}, o)
	clean(t, res)
	l := latencies(res)["until back"]
	if l.Min < 500e3 || l.Count != 6 {
		t.Errorf("until back %+v", l)
	}
	g := &gale{weather: &weather{storm: &Storm{}}, random: rand.New(rand.NewPCG(1, 0))}
	for attempt, want := range [][2]int{{500, 1500}, {1000, 3000}, {2000, 5000}, {4000, 5000}, {5000, 5000}, {5000, 5000}} {
		for range 100 {
			if d := g.backoff(attempt); d < time.Duration(want[0])*time.Millisecond || d > time.Duration(want[1])*time.Millisecond {
				t.Errorf("attempt %d waits %v", attempt, d)
			}
		}
	}
}

// TestStormRefused: who is turned away tries again, which is told and is no
// error; who never gets in is one.
func TestStormRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		every  int64
		within time.Duration
		back   uint64
	}{
		{"now and then", 3, 0, 10},
		{"always", 1, 300 * time.Millisecond, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var seen atomic.Int64
			s := startServer(t, func(p string) []string {
				if strings.HasPrefix(p, `40{"sid"`) && seen.Add(1) > 1+10 && seen.Load()%tc.every == 0 {
					return []string{"1"}
				}
				return []string{p}
			})
			o := brief(s.URL)
			o.Conns = 10
			res := runScenario(t, &Storm{Reconnect: true, AtOnce: true, Within: tc.within}, o)
			if m, _ := res.Metric("failed attempts"); m.Value == 0 {
				t.Error("no attempt failed")
			}
			if res.Operations != tc.back || res.Errors[NotBack].Count != 10-tc.back || res.ErrorTotal() != 10-tc.back || len(res.Warnings) == 0 {
				t.Errorf("%d back, errors %v, warnings %v", res.Operations, res.Errors, res.Warnings)
			}
		})
	}
}

// TestStormFaults: what breaks the protocol is not tried again.
func TestStormFaults(t *testing.T) {
	planted(t, &Storm{}, brief(""), []faultCase{
		{"namespace refused", `40{"sid"`, 5, func(string) []string { return []string{`44{"message":"full"}`} }, "namespace refused", nil},
		{"no answer to CONNECT", `40{"sid"`, 5, func(string) []string { return []string{`42["early"]`} }, "unexpected packet", nil},
		{"event out of nowhere", `40{"sid"`, 5, func(p string) []string { return []string{p, `42["early"]`} }, WrongEvent, nil},
	})
}

// TestStormWaits: who is cut off waits before the first attempt as well, and from there
// on longer each time, as the official client does: 1, 2, 4, 8 and 16 s, each varied
// by up to half and then cut to 5 s.
func TestStormWaits(t *testing.T) {
	net, err := reactor.New(reactor.Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	loop := net.Loops()[0]
	for _, tc := range []struct {
		storm Storm
		want  [][2]time.Duration // of each wait, in milliseconds
	}{
		{Storm{Reconnect: true}, [][2]time.Duration{{500, 1500}, {1000, 3000}, {2000, 5000}, {4000, 5000}, {5000, 5000}}},
		{Storm{}, [][2]time.Duration{{0, 0}, {500, 1500}, {1000, 3000}, {2000, 5000}, {4000, 5000}, {5000, 5000}}},
	} {
		for seed := range uint64(50) {
			loop.Do(func() {
				w := &worker{loop: loop}
				g := &gale{
					worker: w, weather: &weather{storm: &tc.storm}, agenda: newAgenda(loop),
					random: rand.New(rand.NewPCG(seed, 0)), failed: map[string]uint64{},
				}
				m := &mariner{peer: peer{w: w}, gale: g}
				m.embark(loop.Now())
				for i, want := range tc.want {
					if i > 0 {
						m.Closed(nil, &client.Error{Name: client.Refused})
					}
					d := g.agenda.list[0].at - loop.Now()
					if d < want[0]*time.Millisecond || d > want[1]*time.Millisecond {
						t.Errorf("%s: wait %d takes %v, want %v to %v ms", tc.storm.Name(), i, d, int64(want[0]), int64(want[1]))
					}
					g.agenda.clear()
				}
			})
		}
	}
}
