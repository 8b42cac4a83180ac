package http1

import (
	"strings"
	"testing"
)

func TestListHasToken(t *testing.T) {
	for _, tc := range []struct {
		list, token string
		want        bool
	}{
		{"Upgrade", "upgrade", true},
		{"keep-alive, Upgrade", "upgrade", true},
		{"keep-alive,UPGRADE,x", "upgrade", true},
		{" ,\t, upgrade\t,", "upgrade", true},
		{"", "upgrade", false},
		{",", "upgrade", false},
		{"upgrades", "upgrade", false},
		{"up,grade", "upgrade", false},
		{"upgrade/1", "upgrade", false},
		{"\"upgrade\"", "upgrade", false},
		{"upgrade;q=1", "upgrade", false},
		{"upgrade x", "upgrade", false},
		{"\x0bupgrade", "upgrade", false},
		{"\x55pgrade", "upgrade", true},
		{"\x15pgrade", "upgrade", false}, // differs from 'u' and 'U' in a bit that folding may drop
		{"@", "`", false},
		{"[", "{", false},
	} {
		if got := ListHasToken([]byte(tc.list), tc.token); got != tc.want {
			t.Errorf("ListHasToken(%q, %q) = %t", tc.list, tc.token, got)
		}
	}
	if ListHasToken(nil, "") {
		t.Error("a list of nothing has an element")
	}
}

func TestFirstToken(t *testing.T) {
	for _, tc := range []struct{ list, want string }{
		{"chat, superchat", "chat"},
		{" chat ", "chat"},
		{", ,chat", "chat"},
		{"mqtt;a, chat", ""},
		{"a b, chat", ""},
		{"\"chat\"", ""},
		{"ch\x00at", ""},
		{"chät", ""},
		{"", ""},
		{" , ", ""},
	} {
		got := FirstToken([]byte(tc.list))
		if string(got) != tc.want || tc.want == "" && got != nil {
			t.Errorf("FirstToken(%q) = %q, want %q", tc.list, got, tc.want)
		}
	}
}

func TestPreferredEncoding(t *testing.T) {
	for _, tc := range []struct{ header, want string }{
		{"gzip", "gzip"},
		{"gzip, deflate, br, zstd", "gzip"},
		{"deflate, GZIP", "deflate"},
		{"br, deflate, gzip", "br"},
		{"deflate,gzip;q=0.5", "deflate"},
		{"deflate;q=0.5,gzip;q=0.8", "gzip"},
		{"deflate;q=0.5,gzip;q=0.501", "gzip"},
		{"gzip ; q=1.000", "gzip"},
		{"gzip;Q=0.001", "gzip"},
		{"gzip;x=y;q=0.1, deflate;q=0.2;x", "deflate"},
		{"identity, gzip;q=0.1", "gzip"},
		{"*", "br"},
		{"*;q=0.1", "br"},
		{"identity, *", "br"},
		{"*, deflate", "deflate"},
		{"gzip, *", "gzip"},
		{"*, deflate;q=0.9", "br"},
		{"br;q=0, *", "gzip"},
		{"*, br;q=0", "gzip"},
		{"*;q=0, gzip", "gzip"},
		{"*, *;q=0", "br"},
		{"gzip;q=0, gzip", "gzip"},
		{"gzip, deflate, gzip", "deflate"},
		{"gzip, deflate, gzip;q=0.5", "gzip"},
		{",, gzip ,", "gzip"},
		{"", ""},
		{"zstd", ""},
		{"xgzip", ""},
		{"gzipx", ""},
		{"gzip;q=0", ""},
		{"gzip;q=0.", ""},
		{"gzip;q=0.0", ""},
		{"gzip; q=0.000", ""},
		{"*;q=0", ""},
		{"gzip;q=", ""},
		{"gzip;q=a", ""},
		{"gzip;q=2", ""},
		{"gzip;q=1.1", ""},
		{"gzip;q=0.0001", ""},
		{"gzip;q=-1", ""},
		{"gzip;q=.5", ""},
		{"gzip;q=05", ""},
		{"gzip;q=0.x", ""},
	} {
		offers := []string{"br", "gzip", "deflate"}
		got := ""
		if i := PreferredEncoding([]byte(tc.header), offers...); i >= 0 {
			got = offers[i]
		}
		if got != tc.want {
			t.Errorf("PreferredEncoding(%q) = %q, want %q", tc.header, got, tc.want)
		}
	}
	if PreferredEncoding(nil, "gzip") != -1 {
		t.Error("no Accept-Encoding accepts gzip")
	}
}

// TestLongLists runs list fields as long as a head can hold, of elements that
// are empty or nearly so.
func TestLongLists(t *testing.T) {
	for _, tc := range []struct{ unit, first string }{
		{",", "b"}, {" ", "b"}, {"\t", "b"}, {" , ", "b"}, {"a,", "a"}, {";", ""}, {"q=,", ""}, {"*;q=0;", ""},
	} {
		list := []byte(strings.Repeat(tc.unit, DefaultHeadBytes/len(tc.unit)) + ",b")
		if !ListHasToken(list, "B") || PreferredEncoding(list, "c", "b") != 1 || string(FirstToken(list)) != tc.first {
			t.Errorf("%q...: %t, %d, %q", tc.unit, ListHasToken(list, "B"), PreferredEncoding(list, "c", "b"), FirstToken(list))
		}
	}
}
