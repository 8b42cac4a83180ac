package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	mark0 = `{"_placeholder":true,"num":0}`
	mark1 = `{"_placeholder":true,"num":1}`
)

// decodeCases pairs texts with what they are in a Go type, all with the same two
// attachments.
var decodeChunks = blobs{{1, 2, 3}, {4}}

var decodeCases = []struct {
	name string
	text string
	want any // its type is what is decoded into
}{
	// Placeholders, everywhere.
	{"buffer", mark0, []byte{1, 2, 3}},
	{"buffer with spaces", ` { "num" : 1 , "_placeholder" : true } `, []byte{4}},
	{"named buffer", mark1, bin{4}},
	{"buffer of a named byte", mark1, []octet{4}},
	{"pointer to buffer", mark1, ptr([]byte{4})},
	{"pointer to pointer to buffer", mark1, ptr(ptr(bin{4}))},
	{"any", mark0, any([]byte{1, 2, 3})},
	{"list of any", `[1,` + mark0 + `,` + mark1 + `]`, []any{1.0, []byte{1, 2, 3}, []byte{4}}},
	{"object", `{"a":` + mark0 + `,"b":{"c":[` + mark1 + `]}}`, map[string]any{"a": []byte{1, 2, 3}, "b": map[string]any{"c": []any{[]byte{4}}}}},
	{"the same attachment twice", `[` + mark1 + `,` + mark1 + `]`, []bin{{4}, {4}}},
	{"list of buffers", `[` + mark0 + `,null,` + mark1 + `]`, [][]byte{{1, 2, 3}, nil, {4}}},
	{"array of buffers", `[` + mark0 + `]`, [2][]byte{{1, 2, 3}, nil}},
	{"full array", `[` + mark0 + `,` + mark1 + `,3,[4]]`, [2]any{[]byte{1, 2, 3}, []byte{4}}},
	{"map of buffers", `{"k":` + mark0 + `}`, map[string]bin{"k": {1, 2, 3}}},
	{"map with integer keys", `{"-7":` + mark0 + `}`, map[int8]bin{-7: {1, 2, 3}}},
	{"map with unsigned keys", `{"7":` + mark0 + `}`, map[uint8]bin{7: {1, 2, 3}}},
	{"map with text keys", `{"KEY":` + mark0 + `}`, map[upper]any{{"key"}: []byte{1, 2, 3}}},
	{"struct", `{"A":1,"Data":` + mark1 + `,"other":[{}]}`, Inner{A: 1, Data: []byte{4}}},
	{"struct, names of another case", `{"a":1,"DATA":` + mark1 + `}`, Inner{A: 1, Data: []byte{4}}},
	{"struct, name with escapes", `{"D\u0061ta":` + mark1 + `}`, Inner{Data: []byte{4}}},
	{"pointer to struct", `{"Data":` + mark1 + `}`, &Inner{Data: []byte{4}}},
	{"recursive type", `{"Data":` + mark0 + `,"Kids":[{"Data":` + mark1 + `},null]}`, &tree{[]byte{1, 2, 3}, []*tree{{Data: []byte{4}}, nil}}},
	{"embedded struct", `{"B":"b","A":1,"Data":` + mark0 + `,"X":2}`, struct {
		hidden
		Inner
		X int
	}{hidden{B: "b"}, Inner{A: 1, Data: []byte{1, 2, 3}}, 2}},
	{"embedded pointer", `{"A":1,"Data":` + mark0 + `}`, struct{ *Inner }{&Inner{A: 1, Data: []byte{1, 2, 3}}}},
	{"string options", `{"L":"-3","S":"\"x\"","P":"1.5","B":` + mark1 + `,"N":null,"T":"true"}`, struct {
		L level    `json:",string"`
		S string   `json:",string"`
		P *float64 `json:",string"`
		N *int     `json:",string"`
		T flag     `json:",string"`
		B []byte
	}{-3, "x", ptr(1.5), nil, true, []byte{4}}},
	{"beside types with methods", `{"T":"1970-01-01T00:00:00Z","U":"ABC","V":{"via":3},"N":12.50,"R":` + mark0 + `,"B":` + mark1 + `}`, struct {
		T time.Time
		U upper
		V viaPointer
		N stdjson.Number
		R stdjson.RawMessage
		B []byte
	}{time.Unix(0, 0).UTC(), upper{"abc"}, viaPointer{3}, "12.50", stdjson.RawMessage(mark0), []byte{4}}},
	{"every scalar", `{"B":` + mark1 + `,"S":"é\n\ud83d\ude00","T":true,"F":false,"I":-9,"U":250,"G":0.5,"H":1e3,"Z":null,"M":{"a":1},"L":[1,2]}`, struct {
		B    bin
		S    text
		T, F bool
		I    int64
		U    uint8
		G    float32
		H    float64
		Z    int
		M    map[string]int
		L    []int
	}{bin{4}, "é\n😀", true, false, -9, 250, 0.5, 1000, 0, map[string]int{"a": 1}, []int{1, 2}}},

	{"string option read by its type", `{"N":"12.5","V":{"via":2},"S":"X!","B":` + mark1 + `,"P":null,"Z":null}`, struct {
		N stdjson.Number `json:",string"`
		V *viaPointer    `json:",string"`
		S shout          `json:",string"`
		P **string       `json:",string"`
		Z stdjson.Number `json:",string"`
		B []byte
	}{N: "12.5", V: &viaPointer{2}, S: "x", B: []byte{4}}},
	{"null for what has no null", `[null,{"P":null,"S":{"Data":null}}]`, []struct {
		P [1][]byte
		S Inner
	}{{}, {}}},
	{"objects and lists of another kind", `{"Any":[[],{},[{"a":[]}]]}`, struct{ Any any }{[]any{[]any{}, map[string]any{}, []any{map[string]any{"a": []any{}}}}}},

	// What encoding/json takes for bytes stays possible.
	{"base64", `["AQID",` + mark1 + `]`, [][]byte{{1, 2, 3}, {4}}},
	{"null in every place", `{"Bytes":null,"Any":null,"Map":null,"Anys":null,"PBytes":null,"Blocks":null,"Via":null}`, rich{}},
	{"empty containers", `{"Map":{},"Anys":[],"Blobs":{ },"List":[ ]}`, rich{Map: map[string]any{}, Anys: []any{}, Blobs: map[text][]byte{}, List: []Inner{}}},

	// Objects that are no placeholders.
	{"not true", `{"_placeholder":1,"num":0}`, any(map[string]any{"_placeholder": 1.0, "num": 0.0})},
	{"not flat", `{"_placeholder":true,"num":0,"x":{}}`, any(map[string]any{"_placeholder": true, "num": 0.0, "x": map[string]any{}})},
	{"bracket in a string", `{"x":"{[","y":` + mark0 + `}`, any(map[string]any{"x": "{[", "y": []byte{1, 2, 3}})},
}

func TestDecode(t *testing.T) {
	for _, e := range engines {
		for _, tc := range decodeCases {
			t.Run(e.name+"/"+tc.name, func(t *testing.T) {
				data := []byte(tc.text)
				into := reflect.New(reflect.TypeOf(tc.want))
				if tc.name == "any" || strings.HasPrefix(tc.name, "not ") || tc.name == "bracket in a string" {
					into = reflect.ValueOf(new(any))
				}
				if err := wire(e.Engine).Decode(data, into.Interface(), decodeChunks); err != nil {
					t.Fatal(err)
				}
				if string(data) != tc.text {
					t.Errorf("the input was changed to %s", data)
				}
				for i := range data {
					data[i] = '!' // the loop's buffer is filled again
				}
				if got := into.Elem().Interface(); !reflect.DeepEqual(got, tc.want) {
					t.Errorf("%s\n got %#v\nwant %#v", tc.text, got, tc.want)
				}
			})
		}
	}
}

// TestDecodeEncoded: what Append writes of a value, Decode reads back.
func TestDecodeEncoded(t *testing.T) {
	for _, e := range engines {
		c := wire(e.Engine)
		for _, tc := range appendCases {
			if tc.value == nil {
				continue
			}
			var bin Attachments
			text, err := c.Append(nil, tc.value, &bin)
			if err != nil {
				t.Fatal(err)
			}
			into := reflect.New(reflect.TypeOf(tc.value))
			if err := c.Decode(text, into.Interface(), bin.Chunks); err != nil {
				switch tc.name {
				case "error value", "key that is a nil pointer":
					continue // one way only
				}
				t.Errorf("%s, %s: %s: %v", e.name, tc.name, text, err)
				continue
			}
			var again Attachments
			text2, err := c.Append(nil, into.Elem().Interface(), &again)
			switch tc.name {
			case "marshaler on the pointer, by value": // read through the pointer, which reads otherwise
				continue
			case "struct with a buffer behind an interface", "interfaces that are nil": // the type is lost: now it is a map
				text, text2 = []byte(canonical(t, text)), []byte(canonical(t, text2))
			}
			if err != nil || string(text2) != string(text) || !reflect.DeepEqual(again.Chunks, bin.Chunks) {
				t.Errorf("%s, %s: %s is again %s, %v", e.name, tc.name, text, text2, err)
			}
		}
	}
}

func TestValue(t *testing.T) {
	for _, e := range engines {
		for _, tc := range []struct {
			text   string
			chunks blobs
			want   any
		}{
			{`null`, nil, nil},
			{`"a"`, nil, "a"},
			{`{"a":[1,true,null,"x"]}`, nil, map[string]any{"a": []any{1.0, true, nil, "x"}}},
			{`{"a":[1,true,null,"x\ud800"]}`, decodeChunks, map[string]any{"a": []any{1.0, true, nil, "x\ufffd"}}},
			{` false `, decodeChunks, false},
			{`-0.5e1`, decodeChunks, -5.0},
			{`[]`, decodeChunks, []any{}},
			{`{}`, decodeChunks, map[string]any{}},
			{mark1, decodeChunks, []byte{4}},
			{mark0, blobs{nil}, []byte{}},
			{mark0, nil, map[string]any{"_placeholder": true, "num": 0.0}},
			{`{"a":1,"a":` + mark1 + `}`, decodeChunks, map[string]any{"a": []byte{4}}},
		} {
			data := []byte(tc.text)
			got, err := wire(e.Engine).Value(data, tc.chunks)
			for i := range data {
				data[i] = '!'
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%s: Value(%s) = %#v, %v; want %#v", e.name, tc.text, got, err, tc.want)
			}
		}
		// Without the hook nothing is a placeholder.
		got, err := (&Codec{Engine: e.Engine}).Value([]byte(mark0), decodeChunks)
		if want := (map[string]any{"_placeholder": true, "num": 0.0}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: without a hook: %#v, %v", e.name, got, err)
		}
		var into any
		if err := (&Codec{Engine: e.Engine}).Decode([]byte(mark0), &into, decodeChunks); err != nil || !reflect.DeepEqual(into, got) {
			t.Errorf("%s: without a hook: %#v, %v", e.name, into, err)
		}
	}
}

// TestChunksAreNotCopied: a decoded byte slice is the chunk, and appending to it
// does not reach what lies behind the chunk.
func TestChunksAreNotCopied(t *testing.T) {
	frame := []byte{1, 2, 3, 4}
	chunk := frame[:2]
	var b bin
	var s struct{ Data []byte }
	if err := wire(nil).Decode([]byte(mark0), &b, blobs{chunk}); err != nil {
		t.Fatal(err)
	}
	if err := wire(nil).Decode([]byte(`{"Data":`+mark0+`}`), &s, blobs{chunk}); err != nil {
		t.Fatal(err)
	}
	v, err := wire(nil).Value([]byte(mark0), blobs{chunk})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range [][]byte{b, s.Data, v.([]byte)} {
		if &got[0] != &frame[0] || len(got) != 2 {
			t.Error("the chunk was copied")
		}
		if _ = append(got, 9); frame[2] != 3 {
			t.Error("an append to the chunk wrote behind it")
		}
	}
}

// TestDecodeIntoUsed: as in encoding/json, a struct and a map keep what the text
// does not name, a slice keeps its space, a pointer in an interface is followed.
func TestDecodeIntoUsed(t *testing.T) {
	type used struct {
		A    int
		B    []byte
		M    map[string]any
		L    []any
		P    *Inner
		V    any
		W    any
		Room []Inner
	}
	p, inner := &Inner{A: 1}, &Inner{A: 2}
	n := 1
	room := make([]Inner, 1, 4)
	room[0].A, room[:2][1].A = 5, 6
	for _, e := range engines {
		n = 1
		p.Data, inner.Data = nil, nil
		u := used{A: 7, B: []byte{9}, M: map[string]any{"old": 1}, L: []any{&n, "x", "y"}, P: p, V: inner, W: inner, Room: room}
		text := `{"B":` + mark1 + `,"M":{"new":` + mark0 + `},"L":[5,` + mark1 + `],"P":{"Data":` + mark1 + `},"V":{"Data":` + mark0 + `},"W":null,"Room":[{"Data":` + mark0 + `},{"Data":` + mark1 + `}]}`
		if err := wire(e.Engine).Decode([]byte(text), &u, decodeChunks); err != nil {
			t.Fatal(err)
		}
		want := used{A: 7, B: []byte{4}, M: map[string]any{"old": 1, "new": []byte{1, 2, 3}}, L: []any{&n, []byte{4}},
			P: &Inner{A: 1, Data: []byte{4}}, V: &Inner{A: 2, Data: []byte{1, 2, 3}},
			Room: []Inner{{A: 5, Data: []byte{1, 2, 3}}, {Data: []byte{4}}}}
		if !reflect.DeepEqual(u, want) || n != 5 || u.P != p || u.V != inner || &u.Room[0] != &room[0] {
			t.Errorf("%s: got %+v, n = %d, want %+v", e.name, u, n, want)
		}
	}
}

// TestDecodeIntoPointers: arguments decoded into a list of pointers, which sonic
// has done wrongly (its issue 912), arrive where the pointers point.
func TestDecodeIntoPointers(t *testing.T) {
	for _, e := range engines {
		var a int
		var b struct{ X string }
		list := []any{&a, &b}
		if err := wire(e.Engine).Decode([]byte(`[7,{"X":"x"},true]`), &list, nil); err != nil {
			t.Fatal(err)
		}
		if a != 7 || b.X != "x" || len(list) != 3 || list[2] != true {
			t.Errorf("%s: %d, %v, %v", e.name, a, b, list)
		}
		array := [2]any{&a, &b}
		if err := wire(e.Engine).Decode([]byte(`[8,{"X":"y"}]`), &array, nil); err != nil || a != 8 || b.X != "y" {
			t.Errorf("%s: %d, %v, %v", e.name, a, b, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	is := func(want error) func(error) bool {
		return func(err error) bool { return errors.Is(err, want) }
	}
	misfit := func(err error) bool { var m *stdjson.UnmarshalTypeError; return errors.As(err, &m) }
	syntax := func(err error) bool { var s *SyntaxError; return errors.As(err, &s) }
	invalid := func(err error) bool { var i *stdjson.InvalidUnmarshalError; return errors.As(err, &i) }
	type loop *loop
	var own any
	own = &own
	deep := strings.Repeat("[", MaxDecodeDepth+1) + strings.Repeat("]", MaxDecodeDepth+1)
	for _, tc := range []struct {
		name string
		text string
		into any
		is   func(error) bool
	}{
		{"no such attachment", `{"_placeholder":true,"num":2}`, new([]byte), is(ErrPlaceholder)},
		{"no such attachment, in any", `[{"_placeholder":true,"num":2}]`, new(any), is(ErrPlaceholder)},
		{"negative attachment", `{"_placeholder":true,"num":-1}`, new(bin), is(ErrPlaceholder)},
		{"attachment that is no number", `{"_placeholder":true,"num":"0"}`, new(any), is(ErrPlaceholder)},
		{"attachment of half a number", `{"_placeholder":true,"num":0.5}`, new(any), is(ErrPlaceholder)},
		{"placeholder for a string", `{"<&>":` + mark0 + `}`, new(rich), misfit},
		{"placeholder for a list", `{"Anys":` + mark0 + `}`, new(rich), misfit},
		{"object for a buffer", `{"Bytes":{"a":1}}`, new(rich), misfit},
		{"list for a map", `{"Map":[1]}`, new(rich), misfit},
		{"list for a struct", `[]`, new(Inner), misfit},
		{"string for an int", `{"int":"1"}`, new(rich), misfit},
		{"fraction for an int", `{"int":1.0}`, new(rich), misfit},
		{"number for a string", `{"<&>":1}`, new(rich), misfit},
		{"number for a bool", `{"Bool":1}`, new(rich), misfit},
		{"too large for int8", `{"I8":128}`, new(rich), misfit},
		{"negative for uint16", `{"u16":-1}`, new(rich), misfit},
		{"too large for uint16", `{"u16":65536}`, new(rich), misfit},
		{"too large for float32", `{"F32":1e39}`, new(rich), misfit},
		{"too large for float64", `[1e309]`, new(any), misfit},
		{"too large for its key", `{"300":` + mark0 + `}`, new(map[int8][]byte), misfit},
		{"no integer for a key", `{"x":` + mark0 + `}`, new(map[uint][]byte), misfit},
		{"bool as a key", `{"true":` + mark0 + `}`, new(map[flag][]byte), misfit},
		{"key that its type refuses", `{"` + strings.Repeat("k", 101) + `":` + mark0 + `}`, new(map[upper][]byte), func(err error) bool { return err.Error() == "upper: too long" }},
		{"string option without a string", `{"level":1}`, new(rich), misfit},
		{"string option with text around", `{"level":" 1"}`, new(rich), misfit},
		{"string option with nothing", `{"level":""}`, new(rich), misfit},
		{"string option of another type", `{"level":"true"}`, new(rich), misfit},
		{"interface with methods", mark0, new(error), misfit},
		{"embedded pointer that cannot be set", `{"B":"b","Data":` + mark0 + `}`, new(struct {
			*hidden
			Inner
		}), func(err error) bool { return strings.Contains(err.Error(), "unexported struct") }},
		{"type that never ends", `{"Data":` + mark0 + `}`, new(struct {
			Data []byte
			L    loop
		}), nil},
		{"pointer to itself", `[` + mark0 + `]`, own, is(ErrDepth)},
		{"error inside a list", `[[` + mark0 + `,{"_placeholder":true,"num":7}]]`, new([][]any), is(ErrPlaceholder)},
		{"error inside a map", `{"a":{"_placeholder":true,"num":7}}`, new(map[string][]byte), is(ErrPlaceholder)},
		{"error inside an object", `{"a":{"_placeholder":true,"num":7}}`, new(any), is(ErrPlaceholder)},
		{"early end", `{"a":[` + mark0, new(any), syntax},
		{"two values", mark0 + mark0, new(any), syntax},
		{"nothing", ``, new(any), syntax},
		{"only spaces", " \n", new(any), syntax},
		{"control character", "[\"a\x1eb\"," + mark0 + "]", new(any), syntax},
		{"deep", deep, new(any), is(ErrDepth)},
		{"not a pointer", mark0, []byte{}, invalid},
		{"nil pointer", mark0, (*rich)(nil), invalid},
		{"nil pointer to a scalar", `1`, (*int)(nil), invalid},
		{"nothing to decode into", mark0, nil, invalid},
	} {
		for _, e := range engines {
			err := wire(e.Engine).Decode([]byte(tc.text), tc.into, decodeChunks)
			switch {
			case tc.is == nil && err != nil:
				t.Errorf("%s, %s: %v", e.name, tc.name, err)
			case tc.is != nil && (err == nil || !tc.is(err) || err.Error() == ""):
				t.Errorf("%s, %s: error %v (%T), value %v", e.name, tc.name, err, err, tc.into)
			}
		}
	}
}

// TestDecodeStrict: without attachments, too, control characters in strings, deep
// nesting and an empty text are refused, whatever the engine thinks of them.
func TestDecodeStrict(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2) }
	for _, e := range engines {
		c := wire(e.Engine)
		for _, tc := range []struct {
			name string
			text string
			want error
		}{
			{"0x1e in a string", "\"a\x1eb\"", new(SyntaxError)},
			{"newline in a string", "[\"a\nb\"]", new(SyntaxError)},
			{"spaces", "\t[ 1,\r\n2 ]\n", nil},
			{"nothing", "", new(SyntaxError)},
			{"string of 32 bytes without an end", `"` + strings.Repeat("a", 32), new(SyntaxError)},
			{"string of 64 bytes without an end", ` "` + strings.Repeat(`\"`, 32), new(SyntaxError)},
			{"200 levels", deep(200), nil},
			{"512 levels", deep(512), nil},
			{"514 levels", deep(514), ErrDepth},
			{"450,000 levels", deep(450_000), ErrDepth},
			{"450,000 brackets, none closed", strings.Repeat("[", 450_000), ErrDepth},
			{"450,000 brackets in a string", `"` + strings.Repeat("[", 450_000) + `"`, nil},
			{"100,000 lists beside one another", "[" + strings.Repeat("[],", 100_000) + "[]]", nil},
		} {
			for _, chunks := range []blobs{nil, decodeChunks} {
				var v any
				err := c.Decode([]byte(tc.text), &v, chunks)
				_, err2 := c.Value([]byte(tc.text), chunks)
				for _, err := range []error{err, err2} {
					var s *SyntaxError
					switch {
					case tc.want == nil && err != nil,
						tc.want == ErrDepth && !errors.Is(err, ErrDepth),
						tc.want != nil && tc.want != ErrDepth && !errors.As(err, &s):
						t.Errorf("%s, %s: error %.80v, want %T", e.name, tc.name, err, tc.want)
					}
				}
			}
		}
	}
}

func TestScalars(t *testing.T) {
	for _, tc := range []struct {
		text string
		n    int64
		f    float64
		b    bool
		s    string
		fits string // which of i, f, b, s
	}{
		{text: `0`, fits: "if"},
		{text: `-0`, fits: "if"},
		{text: `12`, n: 12, f: 12, fits: "if"},
		{text: `-9223372036854775808`, n: -1 << 63, f: -1 << 63, fits: "if"},
		{text: `9223372036854775807`, n: 1<<63 - 1, f: 1<<63 - 1, fits: "if"},
		{text: `9223372036854775808`, f: 1 << 63, fits: "f"},
		{text: `-9223372036854775809`, f: -1 << 63, fits: "f"},
		{text: `18446744073709551616`, f: 1 << 64, fits: "f"},
		{text: `99999999999999999999`, f: 1e20, fits: "f"},
		{text: `1.5`, f: 1.5, fits: "f"},
		{text: `1e3`, f: 1000, fits: "f"},
		{text: `1E-2`, f: 0.01, fits: "f"},
		{text: `1e999`},
		{text: `01`},
		{text: `+1`},
		{text: `1.`},
		{text: `.5`},
		{text: `0x10`},
		{text: `1_000`},
		{text: `Inf`},
		{text: `-`},
		{text: ``},
		{text: ` 1`},
		{text: `true`, b: true, fits: "b"},
		{text: `false`, fits: "b"},
		{text: `null`},
		{text: `[1]`},
		{text: `{}`},
		{text: `""`, fits: "s"},
		{text: `"abc"`, s: "abc", fits: "s"},
		{text: `"eight by"`, s: "eight by", fits: "s"},
		{text: `"é😀 long enough"`, s: "é😀 long enough", fits: "s"},
		{text: `"\u00e9\ud83d\ude00\n\/\"\\\b\f\r\t"`, s: "é😀\n/\"\\\b\f\r\t", fits: "s"},
		{text: `"\ud83d"`, s: "\ufffd", fits: "s"},
		{text: `"\ud83dx\ude00"`, s: "\ufffdx\ufffd", fits: "s"},
		{text: `"\ud83d\u0041"`, s: "\ufffdA", fits: "s"},
		{text: "\"a\xffb\"", s: "a\ufffdb", fits: "s"},
		{text: `"a`},
		{text: `"a\"`},
		{text: `"a\x"`},
		{text: `"a"b"`},
		{text: "\"a\nb\""},
		{text: `"`},
	} {
		data := []byte(tc.text)
		n, errInt := Int(data)
		f, errFloat := Float(data)
		b, errBool := Bool(data)
		s, errStr := Str(data)
		for i := range data {
			data[i] = '!'
		}
		if n != tc.n || f != tc.f || b != tc.b || s != tc.s {
			t.Errorf("%s: %d, %g, %t, %q", tc.text, n, f, b, s)
		}
		for _, got := range []struct {
			kind string
			err  error
		}{{"i", errInt}, {"f", errFloat}, {"b", errBool}, {"s", errStr}} {
			if (got.err == nil) != strings.Contains(tc.fits, got.kind) {
				t.Errorf("%s as %s: error %v", tc.text, got.kind, got.err)
			}
		}

		// Decode takes the same texts, by hand and through the engine.
		var dn int64
		var di int
		var df float64
		var db bool
		var ds string
		for _, into := range []struct {
			kind string
			v    any
		}{{"i", &dn}, {"i", &di}, {"f", &df}, {"b", &db}, {"s", &ds}} {
			err := wire(Std).Decode([]byte(tc.text), into.v, nil)
			lenient := tc.text == "null" || tc.text == " 1" // as encoding/json is
			if (err == nil) != (strings.Contains(tc.fits, into.kind) || lenient && strings.Contains("ifbs", into.kind)) && !lenient {
				t.Errorf("Decode(%s) into %T: %v", tc.text, into.v, err)
			}
		}
		if tc.text != " 1" && (dn != tc.n || int64(di) != tc.n || df != tc.f || db != tc.b || ds != tc.s) {
			t.Errorf("Decode(%s): %d, %d, %g, %t, %q", tc.text, dn, di, df, db, ds)
		}
	}
}

// TestErrorsAreBounded: the message of an error does not carry a peer's megabyte.
func TestErrorsAreBounded(t *testing.T) {
	long := bytes.Repeat([]byte("9"), 1<<16)
	if _, err := Int(long); err == nil || len(err.Error()) > 200 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
	var v struct {
		B []byte
		I int
		S int `json:",string"`
		M map[int][]byte
	}
	for _, text := range []string{
		`{"I":` + string(long) + `}`,
		`{"S":"` + string(long) + `"}`,
		`{"S":"x` + string(long) + `"}`,
		`{"M":{"` + string(long) + `":null}}`,
	} {
		err := wire(nil).Decode([]byte(text), &v, decodeChunks)
		if err == nil || len(err.Error()) > 300 {
			t.Errorf("%.20s...: error of %d bytes", text, len(err.Error()))
		}
	}
}
