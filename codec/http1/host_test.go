package http1

import (
	"net/netip"
	"strings"
	"testing"
)

var hostCases = []struct {
	host     string
	ok, port bool
}{
	{"a", true, false},
	{"play.example.com", true, false},
	{"play.example.com.", true, false},
	{"under_score", true, false},
	{"192.0.2.1:3000", true, true},
	{"localhost:3000", true, true},
	{"localhost:", true, false},
	{"localhost:0", true, true},
	{"localhost:65535", true, true},
	{"[::1]", true, false},
	{"[::1]:3000", true, true},
	{"[::1]:", true, false},
	{"[2001:db8::8a2e:370:7334]", true, false},
	{"[1:2:3:4:5:6:7:8]", true, false},
	{"[::ffff:192.0.2.1]", true, false},
	{"[::]", true, false},
	{"[1::]", true, false},
	{"[::1:2:3:4:5:192.0.2.1]", true, false},
	{"[1:2:3:4:5:6:7::]", true, false},

	{"", false, false},
	{":80", false, false},
	{"a:65536", false, false},
	{"a:000080", false, false},
	{"a:80:80", false, false},
	{"a:+80", false, false},
	{"a:8o", false, false},
	{"a b", false, false},
	{"a/b", false, false},
	{"a\\b", false, false},
	{"a?b", false, false},
	{"a@b", false, false},
	{"a%41", false, false},
	{"a\"b", false, false},
	{"<a>", false, false},
	{"\xe4", false, false},
	{"a\x00", false, false},
	{"::1", false, false},
	{"[", false, false},
	{"[]", false, false},
	{"[a]", false, false},
	{"[::1", false, false},
	{"[::1]3000", false, false},
	{"[::1]]", false, false},
	{"[:::]", false, false},
	{"[1::2::3]", false, false},
	{"[1:2:3:4:5:6:7]", false, false},
	{"[1:2:3:4:5:6:7:8:9]", false, false},
	{"[1:2:3:4:5:6:7:8::]", false, false},
	{"[::1:2:3:4:5:6:7:8]", false, false},
	{"[::1:2:3:4:5:6:192.0.2.1]", false, false},
	{"[12345::]", false, false},
	{"[1:2:3:4:5:6:7:]", false, false},
	{"[::1.2.3.]", false, false},
	{"[::1.2.3x4]", false, false},
	{"[::1%25eth0]", false, false},
	{"[192.0.2.1]", false, false},
	{"[::192.0.2.256]", false, false},
	{"[::192.0.02.1]", false, false},
	{"[::192.0.2]", false, false},
	{"[::192.0.2.1.1]", false, false},
	{"[1:2:3:4:5:6:7:192.0.2.1]", false, false},
	{"[v1.a]", false, false},
}

func TestValidHost(t *testing.T) {
	for _, tc := range hostCases {
		if port, ok := validHost([]byte(tc.host)); ok != tc.ok || ok && port != tc.port {
			t.Errorf("validHost(%q) = port %t, %t", tc.host, port, ok)
		}
	}
}

// FuzzHost compares what stands in brackets with net/netip, which knows zones
// besides.
func FuzzHost(f *testing.F) {
	for _, tc := range hostCases {
		f.Add(strings.Trim(tc.host, "[]"))
	}
	f.Fuzz(func(t *testing.T, address string) {
		parsed, err := netip.ParseAddr(address)
		want := err == nil && parsed.Is6() && parsed.Zone() == ""
		if got := validIPv6([]byte(address)); got != want {
			t.Errorf("validIPv6(%q) = %t, netip says %t", address, got, want)
		}
	})
}
