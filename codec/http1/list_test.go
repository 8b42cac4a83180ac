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

func TestAcceptsEncoding(t *testing.T) {
	for _, tc := range []struct {
		header string
		want   bool
	}{
		{"gzip", true},
		{"gzip, deflate, br, zstd", true},
		{"deflate, GZIP", true},
		{"deflate,gzip;q=0.5", true},
		{"gzip ; q=1.000", true},
		{"gzip;Q=0.001", true},
		{"gzip;x=y;q=0.1", true},
		{"*", true},
		{"*;q=0.1", true},
		{"identity, *", true},
		{"", false},
		{"deflate", false},
		{"xgzip", false},
		{"gzipx", false},
		{"gzip;q=0", false},
		{"gzip;q=0.", false},
		{"gzip;q=0.0", false},
		{"gzip; q=0.000", false},
		{"*;q=0", false},
		{"gzip;q=0, *", false},
		{"*, gzip;q=0", false},
		{"*;q=0, gzip", true},
		{"gzip;q=0, gzip", false},
		{"*, *;q=0", true},
		{"gzip;q=", false},
		{"gzip;q=a", false},
		{"gzip;q=2", false},
		{"gzip;q=1.1", false},
		{"gzip;q=0.0001", false},
		{"gzip;q=-1", false},
		{"gzip;q=.5", false},
		{"gzip;q=05", false},
		{"gzip;q=0.x", false},
	} {
		if got := AcceptsEncoding([]byte(tc.header), "gzip"); got != tc.want {
			t.Errorf("AcceptsEncoding(%q, gzip) = %t", tc.header, got)
		}
	}
	if AcceptsEncoding(nil, "gzip") {
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
		if !ListHasToken(list, "B") || !AcceptsEncoding(list, "b") || AcceptsEncoding(list, "c") || string(FirstToken(list)) != tc.first {
			t.Errorf("%q...: %t, %t, %q", tc.unit, ListHasToken(list, "B"), AcceptsEncoding(list, "b"), FirstToken(list))
		}
	}
}
