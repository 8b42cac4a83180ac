package bench

import (
	"context"
	"errors"
	"testing"
)

func TestSlow(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		slow      Slow
		transport string
		loops     int
		readers   int
	}{
		{"for good", Slow{}, "websocket", 1, 1},
		{"a third, on two loops", Slow{Share: 0.34, InFlight: 3, Size: 200}, "websocket", 2, 4},
		{"at a rate", Slow{Share: 0.5, ReadRate: 50_000}, "websocket", 2, 6},
		{"open loop", Slow{Rate: 400}, "websocket", 1, 1},
		{"by polling", Slow{Share: 0.2}, "polling", 1, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Transport, o.Loops = tc.transport, tc.loops
			res := runScenario(t, &tc.slow, o)
			clean(t, res)
			kept, _ := res.Metric("slow readers kept")
			ended, _ := res.Metric("slow readers ended by the server")
			if int(kept.Value) != tc.readers || ended.Value != 0 {
				t.Errorf("%v kept, %v ended, want %d kept", kept.Value, ended.Value, tc.readers)
			}
			// In an open loop the latency is of what was due in the window, not what came in it.
			all := latencies(res)
			if n := all["delivery"].Count; n == 0 || n != res.Operations && tc.slow.Rate == 0 || all["last receiver"].Count == 0 {
				t.Errorf("latencies %+v", all)
			}
		})
	}
}

func TestSlowUsage(t *testing.T) {
	for _, s := range []Slow{{Share: -1}, {Share: 1}, {Share: 0.99}, {ReadRate: -1}, {InFlight: -1}, {InFlight: 5000}, {Rate: -1}, {Size: 5}} {
		if res, err := s.Run(context.Background(), brief("http://127.0.0.1:1")); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v, %+v", s, err, res)
		}
	}
}

func TestSlowFaults(t *testing.T) {
	o := brief("")
	planted(t, &Slow{Share: 0.3, Size: 200, InFlight: 4}, o, []faultCase{
		{"drop", `"broadcast"`, 40, changes.drop, Lost, nil},
		{"twice", `"broadcast"`, 20, changes.twice, Duplicated, nil},
		{"corrupt", `"broadcast"`, 40, changes.corrupt, Corrupt, []string{Lost}},
		{"rename", `"broadcast"`, 40, changes.rename, WrongEvent, []string{Lost}},
	})
}
