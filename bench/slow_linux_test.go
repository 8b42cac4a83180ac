package bench

import (
	"context"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// TestSlowEnded: a server that ends who lets too much wait does no wrong, and it
// shows while nobody reads. That it shows then is so on Linux; elsewhere it may show
// only to who reads.
func TestSlowEnded(t *testing.T) {
	s, err := benchtest.New(benchtest.Options{MaxQueue: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	o := brief(s.URL)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Conns, o.Duration = 6, time.Second
	var res *Result
	for o.Duration < 10*time.Second { // as long as the system's own buffers are not full, nothing shows
		if res, err = (&Slow{Share: 0.34, Size: 60_000, InFlight: 8}).Run(ctx, o); err != nil {
			t.Fatal(err)
		}
		if res.ErrorTotal() > 0 {
			t.Fatalf("errors %v", res.Errors)
		}
		if latencies(res)["until ended"].Count == 2 {
			return
		}
		o.Duration *= 2
	}
	t.Errorf("nobody was ended: %+v, %v", res.Metrics, res.Parameters)
}
