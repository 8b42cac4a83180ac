package http1

import (
	"reflect"
	"strings"
	"testing"
)

var queryCases = []struct {
	name  string
	query string
	key   string
	want  string
	ok    bool
}{
	{"first", "EIO=4&transport=polling", "EIO", "4", true},
	{"last", "EIO=4&transport=polling", "transport", "polling", true},
	{"missing", "EIO=4&transport=polling", "sid", "", false},
	{"no query", "", "sid", "", false},
	{"last value wins", "sid=a&x=1&sid=b", "sid", "b", true},
	{"last value wins, also an empty one", "sid=a&sid=", "sid", "", true},
	{"last value wins, also without =", "sid=a&sid", "sid", "", true},
	{"equals sign in the value", "a=b=c", "a", "b=c", true},
	{"only separators", "&&&", "a", "", false},
	{"empty pairs", "&a=1&&", "a", "1", true},
	{"empty key", "a=1&=2", "", "2", true},
	{"empty key is no empty pair", "a=1&&", "", "", false},
	{"keys have case", "sid=a", "SID", "", false},
	{"key is no prefix", "sidx=a&si=b", "sid", "", false},
	{"plus and escapes in the value", "a=x+y%20z%2B%e4", "a", "x y z+\xe4", true},
	{"escaped key", "%73id=a", "sid", "a", true},
	{"plus in the key", "a+b=c", "a b", "c", true},
	{"key is decoded once", "%2573id=a", "sid", "", false},
	{"bad escapes are kept", "a=%&b=%4&c=%zz&d=%4g%41", "a", "%", true},
	{"bad escapes are kept, one digit", "b=%4", "b", "%4", true},
	{"bad escapes are kept, no digits", "c=%zz", "c", "%zz", true},
	{"bad escapes are kept, then a good one", "d=%4g%41", "d", "%4gA", true},
	{"an escape does not span a pair", "a=%4&1=b", "a", "%4", true},
	{"separators can be escaped", "a=%26b%3d1", "a", "&b=1", true},
	{"NUL", "a=%00", "a", "\x00", true},
	{"brackets are nothing special", "sid[]=a&sid[0]=b", "sid", "", false},
	{"semicolon is nothing special", "a=1;b=2", "a", "1;b=2", true},
	{"names of the prototype", "__proto__=a&constructor=b", "__proto__", "a", true},
}

func TestQueryValue(t *testing.T) {
	for _, tc := range queryCases {
		t.Run(tc.name, func(t *testing.T) {
			scratch := []byte("kept")
			got, ok := QueryValue(scratch, []byte(tc.query), tc.key)
			if string(got) != tc.want || ok != tc.ok || ok && got == nil {
				t.Errorf("QueryValue(%q, %q) = %q, %t; want %q, %t", tc.query, tc.key, got, ok, tc.want, tc.ok)
			}
			if string(scratch) != "kept" {
				t.Errorf("dst is now %q", scratch)
			}
		})
	}
}

// TestQueryValueView checks which values are views of the query.
func TestQueryValueView(t *testing.T) {
	query := []byte("a=plain&b=c%20d")
	scratch := make([]byte, 1, 64)
	plain, _ := QueryValue(scratch, query, "a")
	if &plain[0] != &query[2] || cap(plain) != len(plain) {
		t.Errorf("%q is no view of its own length", plain)
	}
	decoded, _ := QueryValue(scratch, query, "b")
	if &decoded[0] != &scratch[:2][1] {
		t.Errorf("%q does not stand behind dst", decoded)
	}
	if string(query) != "a=plain&b=c%20d" {
		t.Errorf("the query is now %q", query)
	}
}

func TestQueryPairs(t *testing.T) {
	for _, tc := range []struct {
		query string
		want  []string
	}{
		{"", nil},
		{"&&", nil},
		{"EIO=4&transport=polling", []string{"EIO", "4", "transport", "polling"}},
		{"b=1&a=2&b=%33+", []string{"b", "1", "a", "2", "b", "3 "}},
		{"a&=&=b&c=d=e&", []string{"a", "", "", "", "", "b", "c", "d=e"}},
		{"%61+b=%zz", []string{"a b", "%zz"}},
		{"a=\xff\xfeb&c=%e4%f6%C3%A4", []string{"a", "\uFFFDb", "c", "\uFFFDä"}},
	} {
		var got []string
		for k, v := range QueryPairs([]byte(tc.query)) {
			got = append(got, k, v)
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("QueryPairs(%q) = %q, want %q", tc.query, got, tc.want)
		}
	}
	for range QueryPairs([]byte("a&b")) {
		break
	}
}

// TestLongQuery runs the shapes that make a careless parser quadratic: each is
// as long as the longest target.
func TestLongQuery(t *testing.T) {
	for _, unit := range []string{"&", "a&", "=", "%", "%4", "+", "%73id=&", "sid&", "a=b&"} {
		query := []byte(strings.Repeat(unit, DefaultTarget/len(unit)) + "&sid=x")
		if got, ok := QueryValue(nil, query, "sid"); !ok || string(got) != "x" {
			t.Errorf("%q...: %q, %t", unit, got, ok)
		}
		pairs := 0
		for range QueryPairs(query) {
			pairs++
		}
		if pairs == 0 || pairs > DefaultTarget {
			t.Errorf("%q...: %d pairs", unit, pairs)
		}
	}
}
