package main

import (
	"slices"
	"testing"
)

func TestKind(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want string
	}{
		{nil, "null"},
		{true, "boolean"},
		{1.5, "number"},
		{"é😀", "string(6)"},
		{"\ufffd", "string(3)"}, // what a lone surrogate is decoded to
		{[]byte{}, "binary(0)"},
		{[]any{}, "[]"},
		{map[string]any{}, "{}"},
		{[]any{1.0, "x", []any{nil}}, "[number,string(1),[null]]"},
		{map[string]any{"b": map[string]any{}, "a": []any{[]byte("ab")}}, "{a:[binary(2)],b:{}}"},
		{map[string]any{"\ufb01": nil, "😀": nil}, "{😀:null,\ufb01:null}"},
	} {
		if got := kind(tc.v); got != tc.want {
			t.Errorf("kind(%#v) = %s, want %s", tc.v, got, tc.want)
		}
	}
}

// U+1F600 begins with the code unit D83D, below U+FB01; its UTF-8 is above.
func TestSortedIsByCodeUnit(t *testing.T) {
	got := sorted([]string{"\ufb01", "b", "😀", "", "ab", "a"})
	if want := []string{"", "a", "ab", "b", "😀", "\ufb01"}; !slices.Equal(got, want) {
		t.Errorf("sorted = %q, want %q", got, want)
	}
}

func TestHoldsBinary(t *testing.T) {
	for _, tc := range []struct {
		v    any
		want bool
	}{
		{[]byte{}, true},
		{[]any{"x", map[string]any{"a": []any{[]byte{1}}}}, true},
		{map[string]any{"_placeholder": true, "num": 0.0}, false},
		{[]any{nil, "x", 1.0, []any{}}, false},
	} {
		if got := holdsBinary(tc.v); got != tc.want {
			t.Errorf("holdsBinary(%#v) = %v, want %v", tc.v, got, tc.want)
		}
	}
}

func TestRecordsKeepTheNewest(t *testing.T) {
	r := records{byID: make(map[string]*record)}
	r.begin("first")
	for i := range maxRecords {
		r.begin(string(rune('0' + i)))
	}
	if r.get("first") != nil {
		t.Error("the oldest record is still there")
	}
	if x := r.get("0"); x == nil || x.Reason != nil || x.Rooms == nil {
		t.Errorf("record of a socket that has not ended: %+v", x)
	}
	if len(r.byID) != maxRecords || len(r.order) != maxRecords {
		t.Errorf("%d records, %d in order, want %d", len(r.byID), len(r.order), maxRecords)
	}
}
