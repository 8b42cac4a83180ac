package bench

import (
	"strings"
	"testing"
	"time"
)

func TestChurn(t *testing.T) {
	s := startServer(t, nil)
	for _, tc := range []struct {
		name      string
		scenario  Churn
		transport string
		loops     int
	}{
		{"one room", Churn{Rooms: 1}, "websocket", 1},
		{"on three loops", Churn{Rooms: 3, Rate: 2000, Stay: 3, Size: 200}, "websocket", 3},
		{"by polling", Churn{Rooms: 4}, "polling", 1},
		{"leaving at once", Churn{Rooms: 2, Stay: -1}, "websocket", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := brief(s.URL)
			o.Transport, o.Loops = tc.transport, tc.loops
			res := runScenario(t, &tc.scenario, o)
			clean(t, res)
			all := latencies(res)
			for _, name := range []string{"join", "leave"} {
				if n := all[name].Count; n == 0 || n > res.Operations+12 {
					t.Errorf("%d operations, %d of %s", res.Operations, n, name)
				}
			}
			if all["delivery"].Count == 0 {
				t.Error("nothing was delivered")
			}
		})
	}
}

func TestChurnFaults(t *testing.T) {
	o := brief("")
	o.Loops, o.Drain = 2, time.Second // joins and leaves have to be answered in it
	planted(t, &Churn{Rooms: 2, Stay: 4, Rate: 2000}, o, []faultCase{
		{"drop", `"broadcast"`, 20, changes.drop, Lost, nil},
		{"twice", `"broadcast"`, 20, changes.twice, Duplicated, []string{NotMember, WrongRoom}},
		{"corrupt", `"broadcast"`, 20, changes.corrupt, Corrupt, []string{Lost}},
		{"rename", `"broadcast"`, 20, changes.rename, WrongEvent, []string{Lost}},
		{"another room", `"broadcast"`, 20, func(p string) []string {
			return []string{strings.Replace(p, ".00000", ".12345", 1)}
		}, WrongRoom, []string{Lost}},
		{"join not answered", "430[]", 7, changes.drop, NotJoined, nil},
		{"leave not answered", "431[]", 7, changes.drop, NotLeft, nil},
		{"disconnect", `"broadcast"`, 100, changes.kick, "closed by server", []string{Lost, NotLeft}},
	})
}

// TestChurnStays: a server that acknowledges a leave and goes on sending.
func TestChurnStays(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Events.Leave = "ack"
	found(t, runUntilError(t, &Churn{Rooms: 2}, o), NotMember)
}
