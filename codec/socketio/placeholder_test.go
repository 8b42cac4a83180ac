package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestAppendPlaceholder(t *testing.T) {
	for num, want := range map[int]string{
		0:    `{"_placeholder":true,"num":0}`,
		10:   `{"_placeholder":true,"num":10}`,
		9999: `{"_placeholder":true,"num":9999}`,
	} {
		raw := AppendPlaceholder([]byte("kept "), num)
		if string(raw) != "kept "+want {
			t.Errorf("AppendPlaceholder(%d) = %s", num, raw)
		}
		if got, ok := Placeholder(raw[len("kept "):]); got != num || !ok {
			t.Errorf("Placeholder(AppendPlaceholder(%d)) = %d, %v", num, got, ok)
		}
	}
}

var placeholderCases = []struct {
	raw string
	num int // -1: none
}{
	{`{"_placeholder":true,"num":0}`, 0},
	{`{"_placeholder":true,"num":9}`, 9},
	{`{"_placeholder":true,"num":12}`, 12},
	{`{"_placeholder":true,"num":2147483647}`, 2147483647},
	{`{"num":3,"_placeholder":true}`, 3},
	{"{ \"_placeholder\" :\ttrue ,\r\n\"num\" : 4 }", 4},
	{`{"_placeholder":true,"num":5,"extra":{"a":[1,"}"]}}`, 5},
	{`{"extra":null,"num":6,"":"","_placeholder":true}`, 6},
	{`{"\u005fplaceholder":true,"\u006e\u0075\u006d":7}`, 7},
	{`{"_placeholder":false,"_placeholder":true,"num":"x","num":8}`, 8},
	{`{"_placeholder":true,"num":8,"a":{"_placeholder":true,"num":1}}`, 8}, // CheckPlaceholders is for that
	{`{"a":{"_placeholder":true,"num":1},"b":2}`, -1},
	{`{"_placeholder":true}`, -1},
	{`{"_placeholder":true,"num":0,"_placeholder":false}`, -1},
	{`{"_placeholder":true,"num":0,"num":-1}`, -1},
	{`{"_placeholder":1,"num":0}`, -1},
	{`{"_placeholder":"true","num":0}`, -1},
	{`{"_placeholder":[true],"num":0}`, -1},
	{`{"_Placeholder":true,"num":0}`, -1},
	{`{"_placeholder ":true,"num":0}`, -1},
	{`{"_placeholder":true,"num":"0"}`, -1},
	{`{"_placeholder":true,"num":0.5}`, -1},
	{`{"_placeholder":true,"num":1.0}`, -1},
	{`{"_placeholder":true,"num":1e0}`, -1},
	{`{"_placeholder":true,"num":-0}`, -1},
	{`{"_placeholder":true,"num":null}`, -1},
	{`{"_placeholder":true,"num":2147483648}`, -1},
	{`{"_placeholder":true,"num":18446744073709551616}`, -1},
	{`{}`, -1},
	{`{ }`, -1},
	{`[]`, -1},
	{`"_placeholder"`, -1},
	{`[{"_placeholder":true,"num":0}]`, -1},
	{`true`, -1},
	{`0`, -1},
}

func TestPlaceholder(t *testing.T) {
	for _, tc := range placeholderCases {
		num, ok := Placeholder([]byte(tc.raw))
		if ok != (tc.num >= 0) || ok && num != tc.num || !ok && num != 0 {
			t.Errorf("Placeholder(%s) = %d, %v; want %d", tc.raw, num, ok, tc.num)
		}
		// What is not one whole JSON value is no placeholder either.
		for n := range len(tc.raw) {
			if _, ok := Placeholder([]byte(tc.raw[:n])); ok {
				t.Errorf("Placeholder(%s) says yes", tc.raw[:n])
			}
		}
		for _, raw := range []string{tc.raw + "x", tc.raw + " ", " " + tc.raw, tc.raw + tc.raw} {
			if _, ok := Placeholder([]byte(raw)); ok {
				t.Errorf("Placeholder(%q) says yes", raw)
			}
		}
	}
}

func TestCheckPlaceholders(t *testing.T) {
	for _, tc := range []struct {
		name string
		data string
		n    int
		ok   bool
	}{
		{"none", `["a"]`, 0, true},
		{"one", `["a",{"_placeholder":true,"num":0}]`, 1, true},
		{"ten", `[` + tenPlaceholders + `]`, 10, true},
		{"other order", `[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]`, 2, true},
		{"blanks", "[ { \"_placeholder\" : true , \"num\" : 0 } ]", 1, true},
		{"nested", `["a",{"b":["c",{"_placeholder":true,"num":0}],"d":1}]`, 1, true},
		{"the payload itself", `{"_placeholder":true,"num":0}`, 1, true},
		{"escaped names", `[{"\u005fplaceholder":true,"n\u0075m":0}]`, 1, true},
		{"more members", `[{"a":{"b":[1]},"_placeholder":true,"c":"num","num":0,"d":[{}]}]`, 1, true},
		{"names as values", `["_placeholder",["num",true],{"_placeholder":true,"num":0}]`, 1, true},
		{"not true", `[{"_placeholder":false,"num":9},{"_placeholder":"true"},{"_placeholder":1},{"num":7}]`, 0, true},
		{"taken back", `[{"_placeholder":true,"num":9,"_placeholder":null}]`, 0, true},
		{"number corrected", `[{"_placeholder":true,"num":9,"num":0}]`, 1, true},
		{"names in the objects around", `{"_placeholder":false,"num":5,"a":{"_placeholder":true,"num":0}}`, 1, true},
		{"names in other objects", `[{"_placeholder":false},{"num":0},{"_placeholder":true,"num":0}]`, 1, true},
		{"deep", strings.Repeat(`[{"a":`, 255) + `[{"_placeholder":true,"num":0}]` + strings.Repeat("}]", 255), 1, true},
		{"300 attachments", `[` + manyPlaceholders(300) + `]`, 300, true},

		{"one too few", `["a",{"_placeholder":true,"num":0}]`, 2, false},
		{"one of 300 missing", `[` + manyPlaceholders(299) + `,{"_placeholder":true,"num":0}]`, 300, false},
		{"out of range", `["a",{"_placeholder":true,"num":1}]`, 1, false},
		{"no attachments at all", `["a",{"_placeholder":true,"num":0}]`, 0, false},
		{"good one and bad one", `["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, 1, false},
		{"no number", `[{"_placeholder":true},{"_placeholder":true,"num":0}]`, 1, false},
		{"number of the object around", `[{"num":0,"a":{"_placeholder":true}}]`, 0, false},
		{"number of the object inside", `[{"_placeholder":true,"a":{"num":0}}]`, 0, false},
		{"negative", `[{"_placeholder":true,"num":-1},{"_placeholder":true,"num":0}]`, 1, false},
		{"minus zero", `[{"_placeholder":true,"num":-0}]`, 1, false},
		{"fraction", `[{"_placeholder":true,"num":0.5}]`, 1, false},
		{"whole number with a point", `[{"_placeholder":true,"num":0.0}]`, 1, false},
		{"exponent", `[{"_placeholder":true,"num":0e0}]`, 1, false},
		{"capital exponent", `[{"_placeholder":true,"num":0E0}]`, 1, false},
		{"string", `[{"_placeholder":true,"num":"0"}]`, 1, false},
		{"array method", `[{"_placeholder":true,"num":"splice"}]`, 1, false},
		{"null", `[{"_placeholder":true,"num":null}]`, 1, false},
		{"true", `[{"_placeholder":true,"num":true}]`, 1, false},
		{"object", `[{"_placeholder":true,"num":{}}]`, 1, false},
		{"2^64", `[{"_placeholder":true,"num":18446744073709551616},{"_placeholder":true,"num":0}]`, 1, false},
		{"many digits", `[{"_placeholder":true,"num":` + strings.Repeat("9", 900_000) + `},{"_placeholder":true,"num":0}]`, 1, false},
		{"spoiled later", `[{"_placeholder":true,"num":0,"num":null}]`, 1, false},
		{"made late", `[{"num":4,"a":[[]],"_placeholder":true},{"_placeholder":true,"num":0}]`, 1, false},
		{"one in another", `[{"_placeholder":true,"num":0,"a":{"_placeholder":true,"num":1}}]`, 2, false},
		{"one deep in another", `[{"_placeholder":true,"a":[[{"b":{"_placeholder":true,"num":0}}]],"num":0}]`, 1, false},
		{"twice", `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, 1, false},
		{"one twice, one never", `[{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]`, 2, false},
		{"one of 300 twice", `[` + manyPlaceholders(300) + `,{"_placeholder":true,"num":299}]`, 300, false},
		{"negative count", `["a"]`, -1, false},
		{"absurd count", `["a",{"_placeholder":true,"num":0}]`, math.MaxInt, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := Valid([]byte(tc.data)); err != nil {
				t.Fatalf("the case is no JSON: %v", err)
			}
			err := CheckPlaceholders([]byte(tc.data), tc.n)
			if ok := err == nil; ok != tc.ok || (!ok && err != ErrPlaceholder) {
				t.Errorf("CheckPlaceholders(%.200s, %d) = %v, want error: %v", tc.data, tc.n, err, !tc.ok)
			}
		})
	}
}

func manyPlaceholders(n int) string {
	var b []byte
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendPlaceholder(b, i)
	}
	return string(b)
}

// Text that nobody checked must not crash it, nor be walked without end.
func TestCheckPlaceholdersUnchecked(t *testing.T) {
	for _, data := range []string{
		``, `"`, `]`, `}`, `[`, `{`, `{"`, `{"num`, `{"num"`, `{"num":`, `{"_placeholder":`, `"num":0`, `{"num":0]`, strings.Repeat("[", 1000), `{"n\`, `{"\u006e`,
	} {
		if err := CheckPlaceholders([]byte(data+strings.Repeat(" ", 100)), 1); err == nil {
			t.Errorf("CheckPlaceholders(%.40q) accepts", data)
		}
		_ = CheckPlaceholders([]byte(data), 0)
	}
}

// FuzzPlaceholders holds CheckPlaceholders and Placeholder against a walk over
// the tokens of encoding/json.
func FuzzPlaceholders(f *testing.F) {
	for _, tc := range wireCases {
		f.Add(tc.want.Data, tc.want.Attachments)
	}
	for _, tc := range placeholderCases {
		f.Add([]byte(tc.raw), tc.num+1)
		f.Add([]byte(`["a",`+tc.raw+`,{"_placeholder":true,"num":0}]`), 1)
	}
	f.Add([]byte(`[{"_placeholder":true,"num":0,"a":[{"_placeholder":true,"num":1}]}]`), 2)

	f.Fuzz(func(t *testing.T, data []byte, attachments int) {
		before := bytes.Clone(data)
		err := CheckPlaceholders(data, attachments)
		num, isPlaceholder := Placeholder(data)
		if !bytes.Equal(data, before) {
			t.Fatalf("the input was changed: %q became %q", before, data)
		}
		if Valid(data) != nil {
			if isPlaceholder {
				t.Fatalf("Placeholder(%q) says %d", data, num)
			}
			return
		}

		w := walk{dec: json.NewDecoder(bytes.NewReader(data)), named: map[int]int{}}
		w.dec.UseNumber()
		top, _ := w.value()
		if w.err != nil {
			t.Fatalf("encoding/json refuses %q: %v", data, w.err)
		}
		ok := !w.nested && attachments >= 0
		for n, times := range w.named {
			ok = ok && 0 <= n && n < attachments && times == 1
		}
		ok = ok && len(w.named) == attachments
		if (err == nil) != ok {
			t.Fatalf("CheckPlaceholders(%q, %d) = %v; placeholders %v, nested: %v", data, attachments, err, w.named, w.nested)
		}
		if trimmed := bytes.Trim(data, " \t\r\n"); len(trimmed) < len(data) {
			if isPlaceholder {
				t.Fatalf("Placeholder(%q) says %d, with blanks around it", data, num)
			}
			num, isPlaceholder = Placeholder(trimmed)
		}
		if isPlaceholder != (top >= 0) || isPlaceholder && num != top {
			t.Fatalf("Placeholder(%q) = %d, %v; want %d", data, num, isPlaceholder, top)
		}
	})
}

// A walk finds placeholders the slow way.
type walk struct {
	dec    *json.Decoder
	named  map[int]int // how often; -1: a placeholder names nothing
	nested bool        // there is a placeholder in a placeholder
	err    error
}

// value walks over the next value. It returns the attachment that the value is a
// placeholder for, or -1, and whether there is a placeholder in it.
func (w *walk) value() (num int, some bool) {
	switch tok := w.token(); tok {
	case json.Delim('['):
		for w.err == nil && w.dec.More() {
			_, in := w.value()
			some = some || in
		}
		w.token()
	case json.Delim('{'):
		is, number := false, -1
		for w.err == nil && w.dec.More() {
			name := w.token()
			switch name {
			case "_placeholder", "num":
				// The value, without losing what may be inside it.
				var raw json.RawMessage
				if err := w.dec.Decode(&raw); err != nil {
					w.err = err
					return -1, some
				}
				if name == "num" {
					number = plainNumber(string(raw))
				} else {
					is = string(raw) == "true"
				}
				in := walk{dec: json.NewDecoder(bytes.NewReader(raw)), named: w.named}
				in.dec.UseNumber()
				_, inside := in.value()
				some = some || inside
				w.nested = w.nested || in.nested
			default:
				_, in := w.value()
				some = some || in
			}
		}
		w.token()
		if is {
			w.nested = w.nested || some
			w.named[number]++
			return number, true
		}
	}
	return -1, some
}

func (w *walk) token() json.Token {
	tok, err := w.dec.Token()
	if err != nil && w.err == nil {
		w.err = err
	}
	return tok
}

// plainNumber is the number that digits alone spell, up to 2^31-1, or -1.
func plainNumber(s string) int {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil && s == fmt.Sprint(n) && n >= 0 {
		return int(n)
	}
	return -1
}
