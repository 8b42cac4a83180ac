package reactor

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestTaken: what a loop has at a time is counted for each source, not what it has had.
func TestTaken(t *testing.T) {
	addr := serve(t, echo)
	for _, tc := range []struct {
		sources []netip.Addr
		want    string
	}{
		{nil, "[6]"},
		{[]netip.Addr{netip.MustParseAddr("127.0.0.5"), netip.MustParseAddr("127.0.0.6")}, "[4 2]"},
	} {
		if tc.sources != nil && !loopbackIsWide {
			t.Log("only 127.0.0.1 is configured here")
			continue
		}
		l := startReactor(t, Config{Sources: tc.sources, SourceShare: 1 << 20}).Loops()[0]
		var conns []*Conn
		dial := func(n, source int) {
			l.Do(func() {
				l.source = source
				for range n {
					conns = append(conns, l.Dial(addr, &script{}))
				}
			})
			l.Do(func() {}) // dials are started at the end of a turn
		}
		hang := func() {
			l.Do(func() {
				for _, c := range conns {
					c.Close()
				}
				conns = nil
			})
		}
		dial(4, 0)
		if tc.sources == nil {
			dial(2, 0)
		} else {
			dial(2, 1)
		}
		hang()
		dial(3, 0)
		hang()
		l.Do(func() {
			if got := fmt.Sprint(l.Taken()); got != tc.want {
				t.Errorf("taken %s, want %s", got, tc.want)
			}
			for i, n := range l.held {
				if n != 0 {
					t.Errorf("%d connections from source %d are left", n, i)
				}
			}
		})
	}
}
