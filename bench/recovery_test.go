package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// recovering starts a server that keeps so many broadcasts for who comes back.
func recovering(t testing.TB, keep int, fault func(string) []string) *benchtest.Server {
	t.Helper()
	s, err := benchtest.New(benchtest.Options{Fault: fault, Recovery: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// often cuts as often as a test has time for.
var often = Recovery{Every: 30 * time.Millisecond, Away: 10 * time.Millisecond, Rate: 1000}

func TestRecovery(t *testing.T) {
	s := recovering(t, 10_000, nil)
	for _, tc := range []struct {
		name      string
		scenario  Recovery
		transport string
		loops     int
	}{
		{"one loop", often, "websocket", 1},
		{"three loops", Recovery{Every: 40 * time.Millisecond, Away: 20 * time.Millisecond, Rate: 500, Size: 200}, "websocket", 3},
		{"with upgrade", often, "upgrade", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Transport, o.Loops, o.Duration = tc.transport, tc.loops, 400*time.Millisecond
			res := runScenario(t, &tc.scenario, o)
			clean(t, res)
			share, _ := res.Metric("recovered share")
			made, _ := res.Metric("made up for")
			if all := latencies(res); share.Value <= 0 || made.Value <= 0 || all["catch up"].Count != res.Operations || all["reconnect"].Count == 0 {
				t.Errorf("share %v, made up for %v, latencies %v", share, made, all)
			}
		})
	}
}

// TestRecoveryForgotten: a server that has forgotten who comes back lets it begin
// anew, which is counted apart.
func TestRecoveryForgotten(t *testing.T) {
	s := recovering(t, 1, nil)
	o := brief(s.URL)
	o.Duration = 400 * time.Millisecond
	sc := often
	res := runScenario(t, &sc, o)
	for name, e := range res.Errors {
		t.Errorf("%d × %s: %s", e.Count, name, e.Example)
	}
	if anew, _ := res.Metric("not recovered"); anew.Value == 0 || len(res.Warnings) == 0 {
		t.Errorf("not recovered %v, warnings %v", anew, res.Warnings)
	}
}

func TestRecoveryNotOffered(t *testing.T) {
	s := startServer(t, nil)
	if _, err := (&Recovery{}).Run(context.Background(), brief(s.URL)); err == nil || !strings.Contains(err.Error(), NoRecovery) {
		t.Errorf("error %v", err)
	}
}

func TestRecoveryFaults(t *testing.T) {
	o := brief("")
	o.Duration, o.Loops = 300*time.Millisecond, 2
	o.Drain = time.Second // who is away has to be back in it
	s := often
	planted(t, &s, o, []faultCase{
		{"drop", `"broadcast"`, 20, changes.drop, Lost, nil},
		{"twice", `"broadcast"`, 20, changes.twice, Duplicated, nil},
		{"corrupt", `"broadcast"`, 20, changes.corrupt, Corrupt, []string{Lost}},
		{"rename", `"broadcast"`, 20, changes.rename, WrongEvent, []string{Lost}},
		{"rejoin not answered", "430[]", 7, changes.drop, NotJoined, nil},
		{"disconnect", `"broadcast"`, 200, changes.kick, "closed by server", []string{Lost}},
		{"refused on return", `40{"sid"`, 20, func(string) []string { return []string{`44{"message":"full"}`} }, "namespace refused", nil},
	})
}
