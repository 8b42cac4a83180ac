package json

import (
	"bytes"
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// walk writes v by the walk, never handing over what the walk can write: all but
// the types with methods.
func walk(e *Engine, v any) ([]byte, error) {
	w := writer{codec: new(Codec), engine: e, byHand: true, deep: true}
	rv := reflect.ValueOf(v)
	return w.value(nil, rv, planFor(rv.Type()), 0)
}

// oracleValues are values without a special case in them: the walk must write them
// as encoding/json does, to the byte.
func oracleValues() []any {
	one, half, yes := 1, 0.5, flag(true)
	var u upper
	u.s = "p"
	full := rich{
		hidden: hidden{"b", "both", "tag"},
		Inner:  Inner{1, []byte{1}, "both", "won"},
		Base:   Base{Deep{1, 2}, "shadow"},
		Bool:   true, Int: -1, I8: -8, U16: 16, F32: 1.1, F64: 1e-9, Str: "<&>\u2028", Named: "n",
		Level: 3, Flag: &yes, Quoted: "\"q\"\n", QFloat: &half, Number: "1e5", Raw: stdjson.RawMessage(`{"r":[]}`),
		Bytes: []byte{1, 2}, Bin: bin{3}, PBytes: &[]byte{4}, Packed: packed{1}, Octets: []octet{5},
		Any: map[string]any{"z": 1, "a": []any{nil, 2.5, "x", []byte{1}}}, Anys: []any{u, &u, text("t"), &one},
		Map: map[string]any{"b": nil, "a": true, "c": []string{"x"}}, Ints: map[int]string{10: "a", 9: "b", -1: "c"},
		Uppers: map[upper]int{{"b"}: 1, {"a"}: 2}, Blobs: map[text][]byte{"y": {1}, "x": nil},
		ByLevel: map[level]*Inner{2: nil, 1: {A: 1}}, List: []Inner{{A: 1}, {}}, Pair: pair{1, 2}, Blocks: [2][]byte{{1}, nil},
		Time: time.Unix(1e9, 5).UTC(), Upper: u, PUpper: &u, Via: viaPointer{1}, PVia: &viaPointer{2}, Vias: []viaPointer{{3}},
		Next: &rich{Zero: zeroes{7}, ZeroTime: time.Unix(0, 0).UTC()}, Dash: 1, Skip: 2, Öffentlich: "ö", unseen: 3,
	}
	return []any{
		rich{}, &rich{}, full, &full, []rich{full}, map[string]*rich{"a": &full, "b": nil},
		struct {
			A any `json:",omitempty"`
			B any `json:"b,omitempty"`
			C struct{}
			D [0]int                     `json:",omitempty"`
			E map[int]int                `json:",omitempty"`
			F *int                       `json:",omitempty"`
			G bool                       `json:",omitempty"`
			H uint                       `json:",omitempty"`
			I float32                    `json:",omitempty"`
			J *zeroes                    `json:",omitzero"`
			K interface{ IsZero() bool } `json:",omitzero"`
			L interface{ IsZero() bool } `json:"l,omitzero"`
			M pointerZero                `json:",omitzero"`
			N pointerZero                `json:"n,omitzero"`
			O []int                      `json:",omitzero"`
			P *zeroes                    `json:"p,omitzero"`
		}{B: 0, L: zeroes{1}, N: pointerZero{7}, O: []int{}, P: &zeroes{1}},
		struct {
			A bool           `json:",string"`
			B uint8          `json:",string"`
			C float32        `json:",string"`
			D *string        `json:",string"`
			E []int          `json:",string"`
			F stdjson.Number `json:",string"`
			G *level         `json:",string"`
			K shout          `json:"k,string"`
			L *shout         `json:"l,string"`
			H text           `json:"bad name\"\\,string"`
			I int            `json:"a b,omitempty"`
			J int            `json:",omitempty,string"`
		}{true, 1, 1.5, ptr("x\"\\"), []int{1}, "5", ptr(level(2)), "k", ptr(shout("l")), "t", 1, 2},
		// Ties, tags that win, depth that loses, a struct embedded twice.
		struct {
			Deep
			*Base
			Inner
			hidden
		}{Base: &Base{}},
		struct {
			A struct{ Inner }
			TwiceA
			TwiceB
		}{},
		struct {
			TwiceA `json:"named"`
			*TwiceB
			Listed
			Unlisted
		}{},
		Loop{N: 1, Loop: &Loop{N: 2}},
		[]any{map[string]any(nil), []error{nil}, [0]int{}, map[uint8]string{3: "x", 20: "y"}},
	}
}

type (
	TwiceA   struct{ Inner }
	TwiceB   struct{ Inner }
	Listed   []int
	Unlisted int
	Loop     struct {
		N int
		*Loop
	}
	pointerZero struct{ N int }
)

func (z *pointerZero) IsZero() bool { return z.N == 7 }

func TestWalkWritesLikeEncodingJSON(t *testing.T) {
	for i, v := range oracleValues() {
		want, err := stdText(v)
		if err != nil {
			t.Fatalf("value %d: the oracle: %v", i, err)
		}
		if got, err := walk(Std, v); err != nil || string(got) != string(want) {
			t.Errorf("value %d:\n got %s, %v\nwant %s", i, got, err, want)
		}
		// sonic's share is the types with methods; the order of keys is not promised.
		if got, err := walk(Sonic, v); err != nil || canonical(t, got) != canonical(t, want) {
			t.Errorf("value %d, sonic:\n got %s, %v\nwant %s", i, got, err, want)
		}
		for _, e := range engines {
			if got, err := (&Codec{Engine: e.Engine}).Append(nil, v, nil); err != nil || canonical(t, got) != canonical(t, want) {
				t.Errorf("value %d, %s:\n got %s, %v\nwant %s", i, e.name, got, err, want)
			}
		}
	}
}

// FuzzAppendRoundTrip fills a rich value from a text, and holds Append to three
// promises about it: the walk writes what encoding/json writes, byte slices come
// back from their attachments, and the value is not changed.
func FuzzAppendRoundTrip(f *testing.F) {
	for _, v := range oracleValues()[:6] {
		text, _ := stdText(v)
		f.Add(text)
	}
	f.Add([]byte(`{"Any":{"a":[1,{"b":null}]},"Bytes":"AQID","Blobs":{"k":"","l":"AA=="},"next":{"Bin":"AQ=="},"level":"5","F32":1e-7}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v rich
		if stdjson.Unmarshal(text, &v) != nil || Check(text) != nil {
			return
		}
		if !utf8.Valid(text) {
			return // encoding/json would pass on what a raw text has of it; we clean
		}
		want, err := stdText(&v)
		if err != nil {
			return // a number or a raw text that is none
		}
		got, err := walk(Std, &v)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("walk:\n got %s, %v\nwant %s", got, err, want)
		}
		for _, e := range engines {
			c := wire(e.Engine)
			got, err := c.Append(nil, &v, nil)
			if err != nil || canonical(t, got) != canonical(t, want) {
				t.Fatalf("%s:\n got %s, %v\nwant %s", e.name, got, err, want)
			}

			var bin Attachments
			attached, err := c.Append(nil, &v, &bin)
			if err != nil {
				t.Fatalf("%s: %v", e.name, err)
			}
			if again, _ := stdText(&v); !bytes.Equal(again, want) {
				t.Fatalf("%s changed the value from %s to %s", e.name, want, again)
			}
			if bytes.Contains(want, []byte("_placeholder")) {
				continue // the text that v was filled from has some of its own
			}
			var back rich
			if err := c.Decode(attached, &back, append(bin.Chunks, nil)); err != nil {
				t.Fatalf("%s: %s: %v", e.name, attached, err)
			}
			final, err := stdText(&back)
			if err != nil || canonical(t, final) != canonical(t, want) {
				t.Fatalf("%s, there and back:\n got %s, %v\nwant %s\nvia %s", e.name, final, err, want, attached)
			}
		}
	})
}

// read reads text into v by the walk, as if there were attachments.
func read(e *Engine, text []byte, v any) error {
	return wire(e).Decode(text, v, blobs{nil})
}

// FuzzValue holds the readers to encoding/json on texts without placeholders: the
// same texts accepted, the same values made, the input left alone and let go of.
func FuzzValue(f *testing.F) {
	for _, tc := range syntaxCases {
		f.Add([]byte(tc.text))
	}
	for _, tc := range decodeCases {
		f.Add([]byte(tc.text))
	}
	for _, v := range oracleValues()[:6] {
		text, _ := stdText(v)
		f.Add(text)
	}
	f.Add([]byte(`"` + strings.Repeat("a", 32)))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("place")) || bytes.Contains(text, []byte(`\u`)) {
			return // it may hold a placeholder, which encoding/json does not know
		}
		if !utf8.Valid(text) {
			return // the frame layer lets none through
		}
		tooDeep := Check(text) == ErrDepth
		var want any
		wantErr := stdjson.Unmarshal(text, &want)
		if wantErr == nil && tooDeep {
			wantErr = ErrDepth
		}
		for _, e := range engines {
			for _, chunks := range []blobs{nil, {nil}} {
				input := bytes.Clone(text)
				got, err := wire(e.Engine).Value(input, chunks)
				if !bytes.Equal(input, text) {
					t.Fatalf("%s wrote to its input", e.name)
				}
				for i := range input {
					input[i] = '!'
				}
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, %d chunks: Value(%q) = %#v, %v\nwant %#v, %v", e.name, len(chunks), text, got, err, want, wantErr)
				}
			}
		}

		// The walk into Go types, against encoding/json.
		var typed rich
		typedErr := stdjson.Unmarshal(text, &typed)
		if tooDeep {
			return
		}
		for _, e := range engines[1:] { // those with encoding/json for the leaves
			var got rich
			err := read(e.Engine, text, &got)
			if (err == nil) != (typedErr == nil) || err == nil && !reflect.DeepEqual(got, typed) {
				t.Fatalf("%s: read(%q)\n got %+v, %v\nwant %+v, %v", e.name, text, got, err, typed, typedErr)
			}
		}
		var got rich
		err := read(Sonic, text, &got) // its leaves are sonic's: what both accept is equal
		if err == nil && typedErr == nil && !reflect.DeepEqual(got, typed) {
			t.Fatalf("sonic: read(%q)\n got %+v\nwant %+v", text, got, typed)
		}
	})
}
