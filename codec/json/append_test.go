package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func ptr[T any](v T) *T { return &v }

type blobs = [][]byte

// appendCases pairs arguments with their text and attachments. All engines write
// these alike: maps have one key. Fuzz seeds and decode tests draw on it.
var appendCases = []struct {
	name   string
	value  any
	want   string
	chunks blobs
}{
	// From the Socket.IO protocol document, "Packet encoding": the arguments of
	// 51-["hello",{"_placeholder":true,"num":0}] and the like.
	{"buffer", []byte{1, 2, 3}, `{"_placeholder":true,"num":0}`, blobs{{1, 2, 3}}},
	{"two buffers", []any{[]byte{1}, []byte{2, 3}}, `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, blobs{{1}, {2, 3}}},
	{"buffer in an object", map[string]any{"b": []byte("abc")}, `{"b":{"_placeholder":true,"num":0}}`, blobs{[]byte("abc")}},

	// Without binary.
	{"nil", nil, `null`, nil},
	{"true", true, `true`, nil},
	{"false", false, `false`, nil},
	{"int", -12, `-12`, nil},
	{"int8", int8(-128), `-128`, nil},
	{"int16", int16(300), `300`, nil},
	{"int32", int32(-70000), `-70000`, nil},
	{"int64", int64(math.MinInt64), `-9223372036854775808`, nil},
	{"uint", uint(12), `12`, nil},
	{"uint8", uint8(255), `255`, nil},
	{"uint16", uint16(65535), `65535`, nil},
	{"uint32", uint32(1 << 31), `2147483648`, nil},
	{"uint64", uint64(math.MaxUint64), `18446744073709551615`, nil},
	{"uintptr", uintptr(7), `7`, nil},
	{"float64", 0.1, `0.1`, nil},
	{"whole float64", 100.0, `100`, nil},
	{"float64 with exponent", 1e21, `1e+21`, nil},
	{"small float64", 1e-7, `1e-7`, nil},
	{"least float64", 5e-324, `5e-324`, nil},
	{"long float64", 123456789012345680000.0, `123456789012345680000`, nil},
	{"-0", math.Copysign(0, -1), `-0`, nil},
	{"float32", float32(0.1), `0.1`, nil},
	{"float32 with exponent", float32(1e21), `1e+21`, nil},
	{"string", "hello", `"hello"`, nil},
	{"empty string", "", `""`, nil},
	{"string to escape", "a\"b\\c\n\r\t</script>&", `"a\"b\\c\n\r\t</script>&"`, nil},
	{"string of control characters", "\x00\x1e\x1f\x7f", "\"\\u0000\\u001e\\u001f\x7f\"", nil},
	{"string of all lengths of UTF-8", "aé€😀", `"aé€😀"`, nil},
	{"pointer to string", ptr("x"), `"x"`, nil},
	{"pointer to bool", ptr(true), `true`, nil},
	{"pointers to integers", []any{ptr(1), ptr(int8(2)), ptr(int16(3)), ptr(int32(4)), ptr(int64(5))}, `[1,2,3,4,5]`, nil},
	{"pointers to unsigned", []any{ptr(uint(1)), ptr(uint8(2)), ptr(uint16(3)), ptr(uint32(4)), ptr(uint64(5)), ptr(uintptr(6))}, `[1,2,3,4,5,6]`, nil},
	{"pointers to floats", []any{ptr(float32(1.5)), ptr(2.5)}, `[1.5,2.5]`, nil},
	{"nil pointer", (*int)(nil), `null`, nil},
	{"nil pointer to struct", (*Inner)(nil), `null`, nil},
	{"pointer to pointer", ptr(ptr(3)), `3`, nil},
	{"named string", text("x"), `"x"`, nil},
	{"named integer", level(3), `3`, nil},
	{"named bool", flag(true), `true`, nil},
	{"empty list", []any{}, `[]`, nil},
	{"nil list", []any(nil), `null`, nil},
	{"empty object", map[string]any{}, `{}`, nil},
	{"nil object", map[string]any(nil), `null`, nil},
	{"nil map of another type", map[string]int(nil), `null`, nil},
	{"list of strings", []string{"a", "b"}, `["a","b"]`, nil},
	{"map with integer keys", map[int]bool{-1: true}, `{"-1":true}`, nil},
	{"map with text keys", map[upper]any{{"k"}: 1}, `{"K":1}`, nil},
	{"time", time.Date(2024, 2, 29, 12, 0, 0, 5e8, time.UTC), `"2024-02-29T12:00:00.5Z"`, nil},
	{"raw", stdjson.RawMessage(`{"a":[1,null]}`), `{"a":[1,null]}`, nil},
	{"nil raw", stdjson.RawMessage(nil), `null`, nil},
	{"pointer to raw", ptr(stdjson.RawMessage(`[1]`)), `[1]`, nil},
	{"nil pointer to raw", (*stdjson.RawMessage)(nil), `null`, nil},
	{"raw inside", []any{stdjson.RawMessage(`{"a":1}`), []byte{1}}, `[{"a":1},{"_placeholder":true,"num":0}]`, blobs{{1}}},
	{"number", stdjson.Number("1.50"), `1.50`, nil},
	{"text marshaler", upper{"abc"}, `"ABC"`, nil},
	{"marshaler on the pointer, by value", viaPointer{4}, `{"N":4}`, nil},
	{"marshaler on the pointer", &viaPointer{4}, `{"via":4}`, nil},
	{"marshaler on the pointer, in a list", []viaPointer{{4}}, `[{"via":4}]`, nil},
	{"byte slice with a method", packed("12"), `"3132"`, nil},
	{"array of bytes", [3]byte{1, 2, 3}, `[1,2,3]`, nil},
	{"error value", errors.New("secret"), `{}`, nil},
	{"struct", struct {
		A int
		B string `json:"b"`
		c int
	}{A: 1, B: "x", c: 2}, `{"A":1,"b":"x"}`, nil},

	// With binary.
	{"empty buffer", []byte{}, `{"_placeholder":true,"num":0}`, blobs{{}}},
	{"nil buffer", []byte(nil), `null`, nil},
	{"pointer to buffer", ptr([]byte{9}), `{"_placeholder":true,"num":0}`, blobs{{9}}},
	{"nil pointer to buffer", (*[]byte)(nil), `null`, nil},
	{"named buffer", bin{1, 2}, `{"_placeholder":true,"num":0}`, blobs{{1, 2}}},
	{"nil named buffer", bin(nil), `null`, nil},
	{"buffer of a named byte", []octet{1, 2}, `{"_placeholder":true,"num":0}`, blobs{{1, 2}}},
	{"list of buffers", [][]byte{{1}, nil, {2}}, `[{"_placeholder":true,"num":0},null,{"_placeholder":true,"num":1}]`, blobs{{1}, {2}}},
	{"array of buffers", [2]bin{{1}, {2}}, `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, blobs{{1}, {2}}},
	{"map of buffers", map[text]bin{"k": {1}}, `{"k":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"map with integer keys of buffers", map[int8][]byte{-5: {1}}, `{"-5":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"map with unsigned keys of buffers", map[uint8][]byte{5: {1}}, `{"5":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"map with text keys of buffers", map[upper][]byte{{"k"}: {1}}, `{"K":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"depth first", []any{map[string]any{"a": []any{[]byte{1}, []any{[]byte{2}}}}, []byte{3}},
		`[{"a":[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]},{"_placeholder":true,"num":2}]`, blobs{{1}, {2}, {3}}},
	{"beside every scalar", []any{nil, true, 1, 2.5, "s", text("t"), []byte{1}},
		`[null,true,1,2.5,"s","t",{"_placeholder":true,"num":0}]`, blobs{{1}}},
	{"struct with a buffer", struct {
		ID   int    `json:"id"`
		Data []byte `json:"data"`
	}{7, []byte{1}}, `{"id":7,"data":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"pointer to struct with a buffer", &Inner{A: 1, Data: []byte{2}}, `{"A":1,"Data":{"_placeholder":true,"num":0},"Both":"","Won":""}`, blobs{{2}}},
	{"struct with a buffer left out", struct {
		A int
		B []byte `json:",omitempty"`
		C []byte `json:",omitzero"`
		D []byte
	}{1, []byte{}, nil, []byte{}}, `{"A":1,"D":{"_placeholder":true,"num":0}}`, blobs{{}}},
	{"struct with a buffer behind an interface", struct{ V any }{&Inner{Data: []byte{1}}},
		`{"V":{"A":0,"Data":{"_placeholder":true,"num":0},"Both":"","Won":""}}`, blobs{{1}}},
	{"embedded buffer", struct {
		hidden
		Inner
		X int
	}{hidden{"b", "1", "tag"}, Inner{1, []byte{1}, "2", "3"}, 3}, `{"B":"b","Won":"tag","A":1,"Data":{"_placeholder":true,"num":0},"X":3}`, blobs{{1}}},
	{"nil embedded pointer", struct {
		*Inner
		Buf []byte
	}{nil, []byte{1}}, `{"Buf":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"embedded pointer", struct {
		*Inner
		Buf []byte
	}{&Inner{A: 1}, []byte{1}}, `{"A":1,"Data":null,"Both":"","Won":"","Buf":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"string option beside a buffer", struct {
		L level    `json:",string"`
		S string   `json:",string"`
		P *float64 `json:",string"`
		N *int     `json:",string"`
		U *upper   `json:",string"`
		B []byte   `json:",string"`
	}{1, `a"`, ptr(1.5), nil, &upper{"u"}, []byte{1}}, `{"L":"1","S":"\"a\\\"\"","P":"1.5","N":null,"U":"U","B":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"marshalers beside a buffer", &struct {
		T time.Time
		U upper
		V viaPointer
		P packed
		N stdjson.Number
		R stdjson.RawMessage
		B bin
	}{time.Unix(0, 0).UTC(), upper{"u"}, viaPointer{1}, packed{1}, "10", stdjson.RawMessage(`{}`), bin{1}},
		`{"T":"1970-01-01T00:00:00Z","U":"U","V":{"via":1},"P":"01","N":10,"R":{},"B":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"key that is a nil pointer", map[*upper][]byte{nil: {1}}, `{"":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"interfaces that are nil", []any{struct {
		E error
		A any
		B []byte
	}{B: []byte{1}}, []error{nil}, []*[]byte{nil}, map[string][]any{"a": nil}}, `[{"E":null,"A":null,"B":{"_placeholder":true,"num":0}},[null],[null],{"a":null}]`, blobs{{1}}},
	{"string option, more", struct {
		P *level         `json:",string"`
		U shout          `json:",string"`
		N stdjson.Number `json:",string"`
		B []byte
	}{ptr(level(1)), "u", "5", []byte{1}}, `{"P":"1","U":"U!","N":"5","B":{"_placeholder":true,"num":0}}`, blobs{{1}}},
	{"recursive type", &tree{[]byte{1}, []*tree{{[]byte{2}, nil}, nil}},
		`{"Data":{"_placeholder":true,"num":0},"Kids":[{"Data":{"_placeholder":true,"num":1},"Kids":null},null]}`, blobs{{1}, {2}}},
}

type tree struct {
	Data []byte
	Kids []*tree
}

func TestAppend(t *testing.T) {
	for _, e := range engines {
		c := wire(e.Engine)
		for _, tc := range appendCases {
			t.Run(e.name+"/"+tc.name, func(t *testing.T) {
				var bin Attachments
				got, err := c.Append([]byte("42"), tc.value, &bin)
				if err != nil {
					t.Fatal(err)
				}
				if want := "42" + tc.want; string(got) != want {
					t.Errorf("text\n got %s\nwant %s", got, want)
				}
				if !reflect.DeepEqual(bin.Chunks, [][]byte(tc.chunks)) {
					t.Errorf("chunks\n got %v\nwant %v", bin.Chunks, tc.chunks)
				}
			})
		}
	}
}

// TestAppendWithoutAttachments: with nowhere to put binary, the text is that of
// encoding/json for all of the cases.
func TestAppendWithoutAttachments(t *testing.T) {
	for _, e := range engines {
		for _, tc := range appendCases {
			want, err := stdText(tc.value)
			if err != nil {
				t.Fatalf("%s: the oracle: %v", tc.name, err)
			}
			for _, c := range []*Codec{wire(e.Engine), {Engine: e.Engine}} {
				var bin *Attachments
				if c.AppendPlaceholder == nil {
					bin = new(Attachments)
				}
				got, err := c.Append(nil, tc.value, bin)
				if err != nil || string(got) != string(want) {
					t.Errorf("%s, %s:\n got %s, %v\nwant %s", e.name, tc.name, got, err, want)
				}
				if bin != nil && len(bin.Chunks) > 0 {
					t.Errorf("%s, %s: %d chunks without a placeholder", e.name, tc.name, len(bin.Chunks))
				}
			}
		}
	}
}

// TestAppendNumbersGoOn: the arguments of one packet share their attachments.
func TestAppendNumbersGoOn(t *testing.T) {
	c, bin := wire(nil), new(Attachments)
	out, _ := c.Append(nil, []byte{1}, bin)
	out, _ = c.Append(append(out, ','), map[string]any{"x": []byte{2}}, bin)
	if want := `{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}`; string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
	chunks := bin.Chunks
	if bin.Reset(); len(bin.Chunks) != 0 || chunks[0] != nil || chunks[1] != nil {
		t.Errorf("after Reset %v remain, %v behind", bin.Chunks, chunks)
	}
}

// TestAppendNotANumber: NaN and the infinities are null wherever they are, and all
// else about the value is as without them. Source: ECMA-262, SerializeJSONProperty.
func TestAppendNotANumber(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	for _, tc := range []struct {
		name  string
		value any
		want  string
	}{
		{"alone", nan, `null`},
		{"float32", float32(inf), `null`},
		{"pointer", &inf, `null`},
		{"in a list", []float64{1, nan}, `[1,null]`},
		{"in a list of any", []any{inf, 1}, `[null,1]`},
		{"in a map", map[string]float64{"a": nan}, `{"a":null}`},
		{"in a struct", struct {
			A float64
			B string `json:"b"`
			T time.Time
			L []byte
			N stdjson.Number
			P *int
			M map[string]int
			S []string
			V any
			F *float64 `json:",string"`
		}{A: nan, B: "x", N: "1", F: &nan}, `{"A":null,"b":"x","T":"0001-01-01T00:00:00Z","L":null,"N":1,"P":null,"M":null,"S":null,"V":null,"F":null}`},
		{"deep", map[string]any{"a": []struct{ X [2]float32 }{{[2]float32{1, float32(inf)}}}}, `{"a":[{"X":[1,null]}]}`},
		{"beside binary", []any{[]byte{1}, struct{ X float64 }{nan}}, `[{"_placeholder":true,"num":0},{"X":null}]`},
	} {
		for _, e := range engines[:2] {
			got, err := wire(e.Engine).Append(nil, tc.value, new(Attachments))
			if err != nil || string(got) != tc.want {
				t.Errorf("%s, %s:\n got %s, %v\nwant %s", e.name, tc.name, got, err, tc.want)
			}
		}
	}
}

// TestAppendIsFitToSend: whatever is in a value, the text is valid UTF-8 without
// raw control characters, and it is JSON.
func TestAppendIsFitToSend(t *testing.T) {
	const dirty = "a\xff\x1eb\xe2\x80\u2028"
	rawDirty := stdjson.RawMessage("{\"\\\"k\":\t\"\xff\\\\\",\n\"e\":\"é\x7f\"}")
	for _, tc := range []struct {
		name  string
		value any
		want  string
	}{
		{"string", dirty, `"a\ufffd\u001eb\ufffd\ufffd\u2028"`},
		{"string in a struct", struct{ S string }{dirty}, `{"S":"a\ufffd\u001eb\ufffd\ufffd\u2028"}`},
		{"key", map[string]int{dirty: 1}, `{"a\ufffd\u001eb\ufffd\ufffd\u2028":1}`},
		{"key of an object", map[string]any{"\xc0": []byte{}}, `{"\ufffd":{"_placeholder":true,"num":0}}`},
		{"raw", rawDirty, `{"\"k":"\ufffd\\","e":"é` + "\x7f" + `"}`},
		{"raw in a struct", struct{ R stdjson.RawMessage }{rawDirty}, `{"R":{"\"k":"\ufffd\\","e":"é` + "\x7f" + `"}}`},
	} {
		for _, e := range engines {
			got, err := wire(e.Engine).Append([]byte("\xff"), tc.value, new(Attachments))
			if err != nil {
				t.Errorf("%s, %s: %v", e.name, tc.name, err)
				continue
			}
			got = got[1:] // what was there before stays as it was
			if !utf8.Valid(got) || Check(got) != nil {
				t.Errorf("%s, %s: not fit to send: %q", e.name, tc.name, got)
			}
			if canonical(t, got) != canonical(t, []byte(tc.want)) {
				t.Errorf("%s, %s:\n got %s\nwant %s", e.name, tc.name, got, tc.want)
			}
		}
	}

	// sonic takes control characters in what a MarshalJSON returns. A peer may have
	// sent them: 0x1e would cut a polling payload.
	relayed := struct{ R stdjson.RawMessage }{stdjson.RawMessage("\"a\x1e4x\nb\"")}
	got, err := wire(Sonic).Append(nil, relayed, nil)
	if want := `{"R":"a\u001e4x\nb"}`; Sonic != Std && (err != nil || string(got) != want) {
		t.Errorf("relayed: got %q, %v; want %s", got, err, want)
	}
}

func TestAppendRefuses(t *testing.T) {
	cycle := map[string]any{}
	cycle["self"] = []any{cycle}
	type node struct {
		Data []byte
		Next *node
	}
	ring := &node{}
	ring.Next = &node{Next: ring}
	type plainNode struct{ Next *plainNode }
	plainRing := &plainNode{}
	plainRing.Next = plainRing
	type loop *loop
	var self loop
	self = &self
	var own any
	own = &own
	list := []any{nil}
	list[0] = list
	type nested []nested
	deepList := nested{}
	for range 2000 {
		deepList = nested{deepList}
	}
	var deepAny any
	for range 2000 {
		deepAny = []any{deepAny}
	}

	var depth = func(err error) bool { return errors.Is(err, ErrDepth) }
	var naming = func(typ string) func(error) bool {
		return func(err error) bool {
			var unsupported *stdjson.UnsupportedTypeError
			return errors.As(err, &unsupported) && unsupported.Type.String() == typ
		}
	}
	var syntax = func(err error) bool { var s *SyntaxError; return errors.As(err, &s) }
	var text = func(part string) func(error) bool {
		return func(err error) bool { return strings.Contains(err.Error(), part) }
	}
	for _, tc := range []struct {
		name  string
		value any
		is    func(error) bool
	}{
		{"cyclic map", cycle, depth},
		{"cyclic list", list, depth},
		{"cyclic structs with binary", ring, depth},
		{"cyclic structs without", plainRing, depth},
		{"cyclic structs, behind an interface", []any{plainRing}, depth},
		{"cyclic structs, beside binary", []any{[]byte{1}, plainRing}, depth},
		{"pointer to itself", self, depth},
		{"interface that points to itself", own, depth},
		{"deep list", deepList, depth},
		{"deep list of any", deepAny, depth},
		{"channel", make(chan int), naming("chan int")},
		{"function", func() {}, naming("func()")},
		{"complex", 1i, naming("complex128")},
		{"channel inside", map[string]any{"a": make(chan int)}, naming("chan int")},
		{"channel beside binary", struct {
			B []byte
			C chan int
		}{[]byte{1}, nil}, naming("chan int")},
		{"channel beside NaN", struct {
			F float64
			C chan int
		}{math.NaN(), nil}, naming("chan int")},
		{"bad key beside binary", []any{[]byte{1}, map[float64][]byte{1: {1}}}, naming("float64")},
		{"raw that is not JSON", stdjson.RawMessage(`{"a":`), nil},
		{"raw that is two values", stdjson.RawMessage(`1 2`), nil},
		{"empty raw", stdjson.RawMessage{}, nil},
		{"number that is none", stdjson.Number("12x"), text("12x")},
		{"number that is none, beside NaN", []any{struct {
			F float64
			N stdjson.Number
		}{math.NaN(), "12x"}}, text("12x")},
		{"failing key", map[failing][]byte{{}: {1}}, text("failing")},
		{"failing marshaler beside binary", []any{[]byte{1}, &failing{}}, text("failing")},
	} {
		for _, e := range engines {
			bin := &Attachments{Chunks: blobs{{0}}}
			dst := []byte("42")
			out, err := wire(e.Engine).Append(dst, tc.value, bin)
			switch {
			case err == nil:
				t.Errorf("%s, %s: no error, but %.80s", e.name, tc.name, out)
			case tc.is == nil && e.Engine != custom && !syntax(err):
				t.Errorf("%s, %s: error %v, want a SyntaxError", e.name, tc.name, err)
			case tc.is != nil && !tc.is(err) && !(e.Engine == custom && strings.Contains(tc.name, "NaN")):
				t.Errorf("%s, %s: error %v (%T)", e.name, tc.name, err, err)
			}
			if string(out) != "42" || len(bin.Chunks) != 1 {
				t.Errorf("%s, %s: after an error %q and %d chunks, want them as before", e.name, tc.name, out, len(bin.Chunks))
			}
		}
	}
}

// failing is a type whose methods fail.
type failing struct{ _ int }

func (failing) MarshalText() ([]byte, error) { return nil, errors.New("failing") }

// TestAppendDepth: what can be decoded can be encoded again, and a thousand
// containers can be encoded.
func TestAppendDepth(t *testing.T) {
	type node struct {
		Next *node
		V    any
	}
	for _, e := range engines {
		var v any
		for range MaxEncodeDepth {
			v = []any{v}
		}
		if _, err := wire(e.Engine).Append(nil, v, new(Attachments)); err != nil {
			t.Errorf("%s: %d lists: %v", e.name, MaxEncodeDepth, err)
		}
		if _, err := wire(e.Engine).Append(nil, []any{v}, new(Attachments)); !errors.Is(err, ErrDepth) {
			t.Errorf("%s: %d lists: %v, want ErrDepth", e.name, MaxEncodeDepth+1, err)
		}
		var n *node
		for range MaxDecodeDepth {
			n = &node{Next: n, V: []byte{1}}
		}
		if _, err := wire(e.Engine).Append(nil, n, new(Attachments)); err != nil {
			t.Errorf("%s: %d nodes: %v", e.name, MaxDecodeDepth, err)
		}
	}
}

// TestAppendKeepsChunks: the chunks are the caller's memory, and the caller's value
// is not changed.
func TestAppendKeepsChunks(t *testing.T) {
	blob := []byte{1, 2, 3}
	v := &rich{Any: []any{blob}, Map: map[string]any{"b": bin(blob)}, Inner: Inner{Data: blob}}
	before := *v
	var bin Attachments
	if _, err := wire(nil).Append(nil, v, &bin); err != nil {
		t.Fatal(err)
	}
	if len(bin.Chunks) != 3 {
		t.Fatalf("%d chunks, want 3", len(bin.Chunks))
	}
	for i, chunk := range bin.Chunks {
		if &chunk[0] != &blob[0] || len(chunk) != len(blob) {
			t.Errorf("chunk %d is a copy", i)
		}
	}
	if !reflect.DeepEqual(*v, before) || !bytes.Equal(blob, []byte{1, 2, 3}) {
		t.Errorf("the value was changed to %+v", v)
	}
}

// TestAppendBeyondLength: what the caller has in dst stays, and an append that fits
// uses the room that is there.
func TestAppendBeyondLength(t *testing.T) {
	for _, e := range engines {
		buf := make([]byte, 3, 4096)
		copy(buf, "42[")
		out, err := wire(e.Engine).Append(buf, &rich{}, new(Attachments))
		if err != nil || !bytes.HasPrefix(out, []byte(`42[{"B"`)) || &out[0] != &buf[0] {
			t.Errorf("%s: %.20s, %v, in the same buffer: %t", e.name, out, err, &out[0] == &buf[0])
		}
	}
}

// TestEngineThatWritesNothing: an engine's mistake is an error, not a bad packet.
func TestEngineThatWritesNothing(t *testing.T) {
	mute := &Engine{Marshal: func(dst []byte, v any) ([]byte, error) { return dst, nil }}
	if out, err := wire(mute).Append([]byte("4"), 1, nil); err == nil || string(out) != "4" {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestPointerMethods: whether a MarshalJSON of the pointer is called depends on the
// value alone, not on what the process has encoded before: sonic's program for a
// type would remember.
func TestPointerMethods(t *testing.T) {
	type node struct {
		Next *node `json:",omitempty"`
		Via  viaPointer
	}
	type other node
	for _, e := range engines {
		c := wire(e.Engine)
		for _, tc := range []struct {
			value any
			want  string
		}{
			{node{Via: viaPointer{1}}, `{"Via":{"N":1}}`},
			{&node{Via: viaPointer{2}}, `{"Via":{"via":2}}`},
			{node{Next: &node{Via: viaPointer{3}}}, `{"Next":{"Via":{"via":3}},"Via":{"N":0}}`},
			{struct{ V any }{[]node{{Next: &node{}}}}, `{"V":[{"Next":{"Via":{"via":0}},"Via":{"via":0}}]}`},
			{&other{Via: viaPointer{2}}, `{"Via":{"via":2}}`},
			{other{Via: viaPointer{1}}, `{"Via":{"N":1}}`},
			{struct{ V, B any }{other{}, []byte{1}}, `{"V":{"Via":{"N":0}},"B":{"_placeholder":true,"num":0}}`},
			{map[string][]viaPointer{"a": {{1}}}, `{"a":[{"via":1}]}`},
			{map[string]viaPointer{"a": {1}}, `{"a":{"N":1}}`},
		} {
			got, err := c.Append(nil, tc.value, new(Attachments))
			if err != nil || string(got) != tc.want {
				t.Errorf("%s, %T:\n got %s, %v\nwant %s", e.name, tc.value, got, err, tc.want)
			}
		}
	}
}

// TestReplacer: an engine of the user's is asked about every value without binary,
// and about what lies beside binary, and never about the binary.
func TestReplacer(t *testing.T) {
	var asked []any
	spy := &Engine{
		Marshal: func(dst []byte, v any) ([]byte, error) {
			asked = append(asked, v)
			return append(dst, `"seen"`...), nil
		},
		Unmarshal: stdjson.Unmarshal,
	}
	for _, tc := range []struct {
		value any
		want  string
		asked []any
	}{
		{1, `"seen"`, []any{1}},
		{nil, `"seen"`, []any{nil}},
		{map[string]any{"a": 1}, `"seen"`, []any{map[string]any{"a": 1}}},
		{[]any{"x", []byte{1}, []int{1}}, `["seen",{"_placeholder":true,"num":0},"seen"]`, []any{"x", []int{1}}},
	} {
		asked = nil
		out, err := wire(spy).Append(nil, tc.value, new(Attachments))
		if err != nil || string(out) != tc.want || !reflect.DeepEqual(asked, tc.asked) {
			t.Errorf("%v: %s, %v, asked about %v, want %s and %v", tc.value, out, err, asked, tc.want, tc.asked)
		}
	}
}
