package client

import (
	"testing"
	"time"
)

// TestGreeting: an open packet that differs from the last in its sid alone is not
// read anew, and means the same as if it were.
func TestGreeting(t *testing.T) {
	var e Env
	for _, tc := range []struct {
		data, sid         string
		interval, timeout int // ms; -1: refused
	}{
		{`{"sid":"a","upgrades":[],"pingInterval":5,"pingTimeout":6}`, "a", 5, 6},
		{`{"sid":"b","upgrades":[],"pingInterval":5,"pingTimeout":6}`, "b", 5, 6},
		{`{"sid":"","upgrades":[],"pingInterval":5,"pingTimeout":6}`, "", -1, 0},
		{`{"sid":"c","upgrades":[],"pingInterval":7,"pingTimeout":6}`, "c", 7, 6},
		{`{"sid":"d\u0065","upgrades":[],"pingInterval":7,"pingTimeout":6}`, "de", 7, 6},
		{`{"pingInterval":8,"pingTimeout":9,"sid":"f"}`, "f", 8, 9},
		{`{"sid":"g","pingInterval":"x"}`, "", -1, 0},
		{`{"sid":"h"}`, "h", 0, 0},
		{`{"sid":"i"}`, "i", 0, 0},
		{`{"sid":"i"`, "", -1, 0},
		{`{"sid":"i`, "", -1, 0},
	} {
		g, err := e.handshake([]byte(tc.data))
		if (err != nil) != (tc.interval < 0) || string(g.sid) != tc.sid ||
			err == nil && (g.interval != time.Duration(tc.interval)*time.Millisecond || g.timeout != time.Duration(tc.timeout)*time.Millisecond) {
			t.Errorf("%s: %q, %v, %v; %v", tc.data, g.sid, g.interval, g.timeout, err)
		}
	}
	again := []byte(`{"sid":"j"}`)
	if _, err := e.handshake([]byte(`{"sid":"h"}`)); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = e.handshake(again); _, _ = readConnect(again) }); n != 0 {
		t.Errorf("a handshake like the last allocates %v times", n)
	}
}
