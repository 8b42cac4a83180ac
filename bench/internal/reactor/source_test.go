package reactor

import (
	"net"
	"net/netip"
	"testing"
)

func TestSources(t *testing.T) {
	if !loopbackIsWide {
		t.Log("only 127.0.0.1 is configured here")
		return
	}
	peers := make(chan string, 64)
	addr := serve(t, func(c *net.TCPConn) {
		peers <- c.RemoteAddr().(*net.TCPAddr).IP.String()
		echo(c)
	})
	r := startReactor(t, Config{Sources: []netip.Addr{
		netip.MustParseAddr("127.0.0.5"), netip.MustParseAddr("127.0.0.6"),
	}, SourceShare: 4})
	l := r.Loops()[0]
	l.Post(func() {
		for range 16 {
			l.Dial(addr, &script{})
		}
	})
	seen := map[string]int{}
	for range 16 {
		seen[await(t, "connection", peers)]++
	}
	if seen["127.0.0.5"] < 4 || seen["127.0.0.6"] < 4 {
		t.Errorf("sources used: %v", seen)
	}
}

func TestLoopbackSources(t *testing.T) {
	for _, tc := range []struct {
		target string
		n      int
		want   int
	}{
		{"127.0.0.1", 25_000, 0},
		{"127.0.0.1", 25_001, 2},
		{"127.0.0.1", 10_000_000, 250},
		{"192.0.2.1", 100_000, 0},
		{"::1", 100_000, 0},
	} {
		want := tc.want
		if !loopbackIsWide {
			want = 0
		}
		if got := LoopbackSources(netip.MustParseAddr(tc.target), tc.n); len(got) != want {
			t.Errorf("LoopbackSources(%s, %d) = %v, want %d of them", tc.target, tc.n, got, want)
		}
	}
}
