package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// jsonCases are single JSON values and texts that look like one. ok says whether
// RFC 8259 accepts them; TestValid asks encoding/json for a second opinion.
var jsonCases = []struct {
	text string
	ok   bool
}{
	{`null`, true}, {`true`, true}, {`false`, true},
	{``, false}, {` `, false}, {`nul`, false}, {`nulL`, false}, {`nullx`, false}, {`True`, false}, {`tru`, false},
	{`fals`, false}, {`falsy`, false}, {`t`, false}, {`NaN`, false}, {`Infinity`, false}, {`undefined`, false},

	{`0`, true}, {`-0`, true}, {`7`, true}, {`1234567890123456789012345678901234567890`, true}, {`0.5`, true},
	{`-0.0e-0`, true}, {`1e5`, true}, {`1E+5`, true}, {`10.01e-10`, true}, {`1e999`, true},
	{`-`, false}, {`+1`, false}, {`01`, false}, {`-01`, false}, {`00`, false}, {`1.`, false}, {`.5`, false},
	{`-.5`, false}, {`1.e5`, false}, {`1e`, false}, {`1e+`, false}, {`1e5.5`, false}, {`1-2`, false}, {`0x10`, false},
	{`1 2`, false}, {`1_000`, false}, {`--1`, false}, {`1a`, false}, {`0e`, false}, {`0-`, false},

	{`""`, true}, {`"a"`, true}, {`"\"\\\/\b\f\n\r\t"`, true}, {`"\u0000\uFFFF\uabcd\uD83D\uDE00"`, true},
	{`"\ud800"`, true}, {"\"\u2028\x7f\"", true}, {`"1234567"`, true}, {`"12345678"`, true}, {`"123456789012345"`, true},
	{"\"\xff\xc0\x80\"", true}, // not UTF-8: not ours to see
	{`"`, false}, {`"a`, false}, {`"\"`, false}, {`"\`, false}, {`"\x"`, false}, {`"\u"`, false}, {`"\u000"`, false},
	{`"\u000g"`, false}, {`"\u00`, false}, {`"\U0000"`, false}, {`"\'"`, false}, {`'a'`, false}, {`"a"b`, false},
	{"\"\x00\"", false}, {"\"\x1f\"", false}, {"\"a\nb\"", false}, {"\"\t\"", false}, {"\"1234567\x1f\"", false},

	{`[]`, true}, {`[ ]`, true}, {`[1]`, true}, {`[[]]`, true}, {`[[],[]]`, true}, {`[1,2,3]`, true}, {`[{},[{}]]`, true},
	{`[`, false}, {`]`, false}, {`[,]`, false}, {`[1,]`, false}, {`[,1]`, false}, {`[1 2]`, false}, {`[1`, false},
	{`[1,`, false}, {`[}`, false}, {`[[]`, false}, {`[]]`, false}, {`[1}`, false}, {`[1:2]`, false}, {`["a":1]`, false},

	{`{}`, true}, {`{ }`, true}, {`{"a":1}`, true}, {`{"":{}}`, true}, {`{"a":1,"a":2}`, true}, {`{"a":[{"b":{}}],"c":null}`, true},
	{`{`, false}, {`}`, false}, {`{]`, false}, {`{a:1}`, false}, {`{"a"}`, false}, {`{"a":}`, false}, {`{"a":1,}`, false},
	{`{,"a":1}`, false}, {`{"a":1 "b":2}`, false}, {`{1:1}`, false}, {`{"a":1`, false}, {`{"a`, false}, {`{"a"`, false},
	{`{"a":`, false}, {`{"a":1]`, false}, {`{"a":1,2}`, false}, {`{"a"::1}`, false}, {`{}}`, false}, {`{[]:1}`, false},
	{`[{"a":1]}`, false}, {`{"a":[1}]`, false}, {`[{}`, false}, {`[{"a":[]},1}`, false},

	{" \t\r\n1 \t\r\n", true}, {" [ 1 , { \"a\" : 2 } ] ", true}, {"\v1", false}, {"\f1", false}, {"\u00a01", false},
	{"1\x00", false}, {"\x001", false}, {"[1\x00]", false}, {"\ufeff1", false}, {"[\x85]", false},
}

func TestValid(t *testing.T) {
	for _, tc := range jsonCases {
		if oracle := json.Valid([]byte(tc.text)); oracle != tc.ok {
			t.Fatalf("the table says %v for %q, encoding/json %v", tc.ok, tc.text, oracle)
		}
		// At every distance from the end of the text, since eight bytes are read at once.
		for _, format := range []string{"X", "[X]", "[1,X]", "[X,2 ]", `{"a":X}`, `{"a":0,"bc": X , "d":1}`, `[[[{"a":[X]}]]]`, "X        "} {
			data := []byte(strings.ReplaceAll(format, "X", tc.text))
			if err, ok := Valid(data), json.Valid(data); (err == nil) != ok || (err != nil && err != ErrPayload) {
				t.Errorf("Valid(%q) = %v, encoding/json says %v", data, err, ok)
			}
			before := string(data)
			var args Args
			if err, ok := args.Parse(data), json.Valid(data) && bytes.TrimSpace(data)[0] == '['; (err == nil) != ok {
				t.Errorf("Args.Parse(%q) = %v, want error: %v", data, err, !ok)
			}
			if string(data) != before {
				t.Errorf("%q was changed to %q", before, data)
			}
		}
	}
}

// One byte that must not stand in a string, at every place of strings of every
// length around the eight bytes of a step.
func TestValidFindsEveryByte(t *testing.T) {
	for n := range 26 {
		for at := range n {
			for c := range 256 {
				data := []byte(`"` + strings.Repeat("a", n) + `"`)
				data[1+at] = byte(c)
				ok := c >= 0x20 && c != '"' && c != '\\'
				if c == '\\' {
					ok = json.Valid(data)
				}
				if err := Valid(data); (err == nil) != ok {
					t.Fatalf("Valid(%q) = %v", data, err)
				}
			}
		}
	}
}

func TestDepth(t *testing.T) {
	nest := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	for _, tc := range []struct {
		name string
		text string
		want error
	}{
		{"arrays", nest("[", "", "]", MaxDepth), nil},
		{"arrays, one more", nest("[", "", "]", MaxDepth+1), ErrDepth},
		{"objects", "[" + nest(`{"a":`, "1", "}", MaxDepth-1) + "]", nil},
		{"objects, one more", "[" + nest(`{"a":`, "1", "}", MaxDepth) + "]", ErrDepth},
		{"both", nest(`[{"a":`, "1", "}]", MaxDepth/2), nil},
		{"both, one more", nest(`[{"a":`, "[]", "}]", MaxDepth/2), ErrDepth},
		{"both, kinds mixed up", nest(`[{"a":`, "1", "]}", MaxDepth/2), ErrPayload},
		{"up and down", "[" + strings.Repeat(nest("[", "", "]", MaxDepth-1)+",", 3) + "1]", nil},
		{"never closed", strings.Repeat("[", 450_000), ErrDepth},
		{"450,000 levels", nest("[", "", "]", 450_000), ErrDepth},
		{"450,000 levels of objects", "[" + strings.Repeat(`{"a":`, 450_000), ErrDepth},
		{"200 levels in an event", `["deep",` + nest("[", "", "]", 200) + `]`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var args Args
			if err := args.Parse([]byte(tc.text)); err != tc.want {
				t.Errorf("Args.Parse: %v, want %v", err, tc.want)
			}
			if err := Valid([]byte(tc.text)); err != tc.want {
				t.Errorf("Valid: %v, want %v", err, tc.want)
			}
		})
	}
}

func TestArgs(t *testing.T) {
	for _, tc := range []struct {
		text string
		want []string
	}{
		{`[]`, nil},
		{` [ ] `, nil},
		{`[1]`, []string{`1`}},
		{`["foo"]`, []string{`"foo"`}},
		{`["a",1,{}]`, []string{`"a"`, `1`, `{}`}},
		{" [ \"a\" , -1.5e3 ,\ttrue,\r\nnull , false ] ", []string{`"a"`, `-1.5e3`, `true`, `null`, `false`}},
		{`[[1,[2]],{"a":[3,4],"b":{}},[],[ ],{}]`, []string{`[1,[2]]`, `{"a":[3,4],"b":{}}`, `[]`, `[ ]`, `{}`}},
		{`["]","[",",","\"",{"]":"}"}]`, []string{`"]"`, `"["`, `","`, `"\""`, `{"]":"}"}`}},
		{`[0,1,2,3,4,5,6,7]`, strings.Split(`0,1,2,3,4,5,6,7`, ",")},
		{`[0,1,2,3,4,5,6,7,8]`, strings.Split(`0,1,2,3,4,5,6,7,8`, ",")},
		{`[0,1,2,3,4,5,6,7,8,[9,9],10]`, append(strings.Split(`0,1,2,3,4,5,6,7,8`, ","), `[9,9]`, `10`)},
	} {
		var args Args
		if err := args.Parse([]byte(tc.text)); err != nil {
			t.Errorf("Parse(%q): %v", tc.text, err)
			continue
		}
		if got := elements(&args); !slices.Equal(got, tc.want) {
			t.Errorf("Parse(%q): %q, want %q", tc.text, got, tc.want)
		}
	}
}

// An Args shows nothing of the packet before, whatever came of that.
func TestArgsAgain(t *testing.T) {
	var args Args
	for _, step := range []struct {
		text string
		want []string
		err  error
	}{
		{`[0,1,2,3,4,5,6,7,8,9]`, strings.Split(`0,1,2,3,4,5,6,7,8,9`, ","), nil},
		{`["a"]`, []string{`"a"`}, nil},
		{`[0,1,2,3,4,5,6,7,8,9`, nil, ErrPayload},
		{`["b"`, nil, ErrPayload},
		{`["b"]x`, nil, ErrPayload},
		{`[0,1,2,3,4,5,6,7,8]`, strings.Split(`0,1,2,3,4,5,6,7,8`, ","), nil},
		{`{}`, nil, ErrPayload},
	} {
		if err := args.Parse([]byte(step.text)); err != step.err {
			t.Fatalf("Parse(%q): %v, want %v", step.text, err, step.err)
		}
		if got := elements(&args); !slices.Equal(got, step.want) {
			t.Fatalf("Parse(%q): %q, want %q", step.text, got, step.want)
		}
		if step.err != nil && args.data != nil {
			t.Fatalf("Parse(%q) failed and holds on to its text", step.text)
		}
	}
}

func TestArgsReset(t *testing.T) {
	var args Args
	for _, tc := range []struct {
		n    int
		keep bool
	}{{9, true}, {500, true}, {100_000, false}} {
		if err := args.Parse([]byte("[" + repeatTo(2*tc.n, "0", ",") + "]")); err != nil {
			t.Fatal(err)
		}
		if args.Len() != tc.n {
			t.Fatalf("%d elements, want %d", args.Len(), tc.n)
		}
		args.Reset()
		if args.Len() != 0 || args.data != nil {
			t.Errorf("after %d elements and Reset: %d elements, holds its text: %v", tc.n, args.Len(), args.data != nil)
		}
		if kept := cap(args.more) > 0; kept != tc.keep {
			t.Errorf("after %d elements and Reset: memory for %d more is kept, want any: %v", tc.n, cap(args.more), tc.keep)
		}
	}
}

func TestAtPanics(t *testing.T) {
	var args Args
	if err := args.Parse([]byte(`[0,1,2,3,4,5,6,7,8]`)); err != nil {
		t.Fatal(err)
	}
	if err := args.Parse([]byte(`[0,1]`)); err != nil { // the ninth is still in memory
		t.Fatal(err)
	}
	for _, i := range []int{-1, 2, 8, 9} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("At(%d) of 2 does not panic", i)
				}
			}()
			args.At(i)
		}()
	}
}

func TestEventName(t *testing.T) {
	for _, tc := range []struct {
		text    string
		name    string
		escaped bool
		err     error
	}{
		{`["foo"]`, `foo`, false, nil},
		{`["",1]`, ``, false, nil},
		{`["汉字"]`, `汉字`, false, nil},
		{`[12,"a"]`, `12`, false, nil},
		{`[-0.5e3]`, `-0.5e3`, false, nil},
		{`["caf\u00e9"]`, `caf\u00e9`, true, nil},
		{`["a\"b"]`, `a\"b`, true, nil},
		{`["connect\u0000"]`, `connect\u0000`, true, nil},
		{`["` + strings.Repeat(`\u0063`, 100_000) + `"]`, strings.Repeat(`\u0063`, 100_000), true, nil},
		{`["` + strings.Repeat("\xff", 80) + `\n"]`, strings.Repeat("\xff", 80) + `\n`, true, nil},
		{`[]`, ``, false, ErrPayload},
		{`[true]`, ``, false, ErrPayload},
		{`[null]`, ``, false, ErrPayload},
		{`[[]]`, ``, false, ErrPayload},
		{`[{}]`, ``, false, ErrPayload},
		{`["disconnecting"]`, ``, false, ErrReserved},
		{`["disconnect\u0069ng"]`, ``, false, ErrReserved},
		{`["\u006EewListener"]`, ``, false, ErrReserved},
	} {
		var args Args
		if err := args.Parse([]byte(tc.text)); err != nil {
			t.Fatalf("Parse(%q): %v", tc.text, err)
		}
		name, escaped, err := args.EventName()
		if string(name) != tc.name || escaped != tc.escaped || err != tc.err {
			t.Errorf("EventName of %.80q = %.80q, %v, %v; want %.80q, %v, %v", tc.text, name, escaped, err, tc.name, tc.escaped, tc.err)
		}
	}
	if _, _, err := new(Args).EventName(); err != ErrPayload {
		t.Errorf("EventName of nothing: %v", err)
	}
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"connect": true, "connect_error": true, "disconnect": true, "disconnecting": true, "newListener": true, "removeListener": true,
		"error": false, "": false, "connec": false, "connecting": false, "Connect": false, "newlistener": false, "__proto__": false, "message": false,
	} {
		if Reserved(name) != want || Reserved([]byte(name)) != want {
			t.Errorf("Reserved(%q) is not %v", name, want)
		}
	}
}

// FuzzArgs holds Args.Parse and Valid against encoding/json: the same texts are
// accepted, but for depth, and the elements are the same.
func FuzzArgs(f *testing.F) {
	for _, tc := range wireCases {
		f.Add(tc.want.Data)
	}
	for _, tc := range jsonCases {
		f.Add([]byte(tc.text))
		f.Add([]byte("[0,1,2,3,4,5,6,7," + tc.text + "]"))
	}
	f.Add([]byte(stateOf(500)))
	f.Add([]byte(strings.Repeat("[", 600) + strings.Repeat("]", 600)))
	f.Add([]byte(strings.Repeat(`[{"":`, 300)))

	var args Args // used again and again, as in a loop
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err, validErr := args.Parse(data), Valid(data)
		if !bytes.Equal(data, before) {
			t.Fatalf("the input was changed: %q became %q", before, data)
		}
		if err != nil && args.Len() != 0 {
			t.Fatalf("Parse(%q): %v, and %d elements", data, err, args.Len())
		}
		if errors.Is(validErr, ErrDepth) || errors.Is(err, ErrDepth) {
			if deepest(data) <= MaxDepth {
				t.Fatalf("%q: %v, %v, but it is only %d deep", data, err, validErr, deepest(data))
			}
			return
		}
		ok := json.Valid(data)
		if (validErr == nil) != ok {
			t.Fatalf("Valid(%q) = %v, encoding/json says %v", data, validErr, ok)
		}
		isArray := len(bytes.TrimLeft(data, " \t\r\n")) > 0 && bytes.TrimLeft(data, " \t\r\n")[0] == '['
		if (err == nil) != (ok && isArray) {
			t.Fatalf("Parse(%q) = %v, encoding/json says %v, array: %v", data, err, ok, isArray)
		}
		if err != nil {
			return
		}
		if deepest(data) > MaxDepth {
			t.Fatalf("%q is %d deep and was accepted", data, deepest(data))
		}
		var want []json.RawMessage
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", data, err)
		}
		if args.Len() != len(want) {
			t.Fatalf("Parse(%q): %q, want %q", data, elements(&args), want)
		}
		for i := range want {
			if !bytes.Equal(args.At(i), want[i]) {
				t.Fatalf("Parse(%q): element %d is %q, want %q", data, i, args.At(i), want[i])
			}
		}
	})
}

// deepest is how many brackets are open at most, outside of strings.
func deepest(data []byte) (most int) {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			most = max(most, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return most
}

func elements(a *Args) (list []string) {
	for i := range a.Len() {
		list = append(list, string(a.At(i)))
	}
	return list
}
