package bench

import (
	"context"
	"errors"
	"testing"
)

func TestBig(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		big       Big
		transport string
		loops     int
	}{
		{"text", Big{Sizes: []int{100, 2000, 300_000}, Depth: 3}, "websocket", 2},
		{"binary", Big{Binary: true, Sizes: []int{100, 70_000}}, "websocket", 1},
		{"text by polling", Big{Sizes: []int{100, 70_000}}, "polling", 1},
		{"binary by polling", Big{Binary: true, Sizes: []int{100, 70_000}, Depth: 2}, "polling", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Conns, o.Transport, o.Loops, o.Warmup = 4, tc.transport, tc.loops, 1
			res := runScenario(t, &tc.big, o)
			clean(t, res)
			var n uint64
			for _, size := range tc.big.Sizes {
				n += latencies(res)["echo of "+SizeName(size)].Count
				if m, ok := res.Metric("throughput of " + SizeName(size)); !ok || m.Value <= 0 {
					t.Errorf("throughput of %d: %+v", size, m)
				}
			}
			if n != res.Operations {
				t.Errorf("%d answers of all sizes, %d operations", n, res.Operations)
			}
		})
	}
}

func TestBigUsage(t *testing.T) {
	for _, b := range []Big{{Sizes: []int{5}}, {Sizes: []int{1 << 30}}, {Depth: -1}, {Depth: 1 << 15}, {Sizes: make([]int, 17)}, {Sizes: []int{0}}, {Sizes: []int{64, -1}}} {
		if res, err := b.Run(context.Background(), brief("http://127.0.0.1:1")); !errors.Is(err, ErrUsage) {
			t.Errorf("%+v: %v, %+v", b, err, res)
		}
	}
}

func TestBigFaults(t *testing.T) {
	o := brief("")
	o.Conns = 3
	planted(t, &Big{Sizes: []int{100, 20_000}, Depth: 3}, o, []faultCase{
		{"drop", `"echo"`, 30, changes.drop, Lost, nil},
		{"twice", `"echo"`, 20, changes.twice, Duplicated, []string{NotAsked}},
		{"corrupt", `"echo"`, 30, changes.corrupt, Corrupt, []string{Lost}},
		{"disconnect", `"echo"`, 60, changes.kick, "closed by server", []string{Lost}},
	})
	planted(t, &Big{Sizes: []int{100, 20_000}, Binary: true, Depth: 3}, o, []faultCase{
		{"corrupt attachment", "b", 40, func(string) []string { return []string{"bAAEC"} }, Corrupt, []string{Lost}},
		{"no attachment", "b", 40, changes.drop, WrongEvent, []string{Lost}},
	})
}
