package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// syntaxCases are texts, with the offset at which they stop being JSON; -1 for
// those that are JSON. Fuzz seeds draw on it.
var syntaxCases = []struct {
	text string
	at   int
}{
	{`null`, -1}, {`true`, -1}, {`false`, -1}, {`0`, -1}, {`-0`, -1}, {`-1.5e+10`, -1}, {`1E5`, -1},
	{`""`, -1}, {`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, -1}, {"\"\x7f\u2028é\"", -1},
	{`[]`, -1}, {`{}`, -1}, {" [ 1 , [ ] , { } ]\t\r\n", -1}, {`{"a":1,"a":{"b":[]},"":null}`, -1},
	{`{"_placeholder":true,"num":0}`, -1},
	{`[{"a":[{},[]]},[[]],{"":{}}]`, -1},

	{``, 0}, {` `, 1}, {`nul`, 3}, {`nulL`, 3}, {`nullx`, 4}, {`tru`, 3}, {`truE`, 3}, {`fals]`, 4}, {`None`, 0},
	{`-`, 1}, {`+1`, 0}, {`01`, 1}, {`-01`, 2}, {`1.`, 2}, {`.5`, 0}, {`1.e5`, 2}, {`1e`, 2}, {`1e+`, 3}, {`1ex`, 2}, {`0x1`, 1}, {`-x`, 1}, {`1 2`, 2}, {`1,`, 1},
	{`"`, 1}, {`"a`, 2}, {`"\`, 2}, {`"\"`, 3}, {`"\x"`, 2}, {`"\u12`, 5}, {`"\u12g4"`, 5}, {`'a'`, 0},
	{"\"a\nb\"", 2}, {"\"12345678\x1e\"", 9}, {"\"\x00\"", 1},
	{`[`, 1}, {`[1`, 2}, {`[1,`, 3}, {`[1,]`, 3}, {`[,1]`, 1}, {`[1 2]`, 3}, {`[1}`, 2}, {`]`, 0}, {`[]]`, 2}, {`[[]`, 3},
	{`{`, 1}, {`{"a"`, 4}, {`{"a":`, 5}, {`{"a":1`, 6}, {`{"a":1,`, 7}, {`{"a":1,}`, 7}, {`{a:1}`, 1}, {`{1:1}`, 1}, {`{"a" 1}`, 5}, {`{"a":}`, 5}, {`{"a":1]`, 6}, {`{,}`, 1}, {`{"a":1 "b":2}`, 7}, {`}`, 0}, {`{"a\n":1,`, 9}, {"{\"a\n\":1}", 3},
	{"\ufeff1", 0}, {"1\x00", 1}, {`// 1`, 0},
}

func TestCheck(t *testing.T) {
	for _, tc := range syntaxCases {
		err := Check([]byte(tc.text))
		var s *SyntaxError
		switch {
		case tc.at < 0 && err != nil:
			t.Errorf("%q: %v", tc.text, err)
		case tc.at >= 0 && (!errors.As(err, &s) || s.Offset != tc.at || s.Text == ""):
			t.Errorf("%q: error %v, want one at offset %d", tc.text, err, tc.at)
		}
		if stdjson.Valid([]byte(tc.text)) != (tc.at < 0) {
			t.Errorf("%q: encoding/json disagrees", tc.text)
		}
	}
	deepest := strings.Repeat("[", MaxDecodeDepth) + strings.Repeat("]", MaxDecodeDepth)
	if err := Check([]byte(deepest)); err != nil {
		t.Errorf("%d lists: %v", MaxDecodeDepth, err)
	}
	if err := Check([]byte("[" + deepest + "]")); !errors.Is(err, ErrDepth) {
		t.Errorf("%d lists: %v", MaxDecodeDepth+1, err)
	}
	mixed := strings.Repeat(`{"a":[`, MaxDecodeDepth/2) + strings.Repeat(`]}`, MaxDecodeDepth/2)
	if !Valid([]byte(mixed)) || Valid([]byte(strings.Replace(mixed, "]}", "}]", 1))) {
		t.Error("lists and objects inside one another are mixed up")
	}
}

// TestCheckCut: a JSON text of brackets is none when its end is missing, and the
// error is there.
func TestCheckCut(t *testing.T) {
	for _, tc := range syntaxCases {
		text := strings.TrimSpace(tc.text)
		if tc.at >= 0 || !strings.ContainsAny(text[:1], `[{"`) {
			continue
		}
		for cut := range len(text) {
			var s *SyntaxError
			if err := Check([]byte(text[:cut])); !errors.As(err, &s) || s.Offset != cut {
				t.Errorf("%q: %v, want an error at its end", text[:cut], err)
			}
		}
	}
}

// TestWords: the looks at eight bytes at a time find every byte in every place.
func TestWords(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			for _, around := range []byte{'a', 0x7f, ' '} {
				b := bytes.Repeat([]byte{around}, 17)
				b[at] = byte(c)
				control, ascii := c < 0x20, c < utf8.RuneSelf
				if hasControl(b) != control || plain(b) != (ascii && !control) {
					t.Fatalf("%q: control %t, plain %t", b, hasControl(b), plain(b))
				}
				stop := control || c == '"' || c == '\\'
				if i := nextStop(b, 0); stop && i != at || !stop && i != len(b) {
					t.Fatalf("%q: next stop at %d", b, i)
				}
				want, _ := stdText(string(b))
				if got := appendString(nil, string(b)); string(got) != string(want) {
					t.Fatalf("appendString(%q) = %s, want %s", b, got, want)
				}
			}
		}
	}
}

// FuzzCheck holds Check to what encoding/json calls JSON, and the walkers of text
// to what they promise of it.
func FuzzCheck(f *testing.F) {
	for _, tc := range syntaxCases {
		f.Add([]byte(tc.text))
	}
	for _, tc := range decodeCases {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		err := Check(text)
		if !bytes.Equal(text, before) {
			t.Fatal("Check wrote to its input")
		}
		if errors.Is(err, ErrDepth) != (tooDeep(text) && err != nil) {
			// Text may be too deep behind its first mistake, but not the other way.
			if errors.Is(err, ErrDepth) {
				t.Fatalf("%q: too deep for Check only", text)
			}
		}
		if errors.Is(err, ErrDepth) {
			return
		}
		if (err == nil) != stdjson.Valid(text) {
			t.Fatalf("%q: %v, encoding/json says %t", text, err, stdjson.Valid(text))
		}
		if err != nil {
			var s *SyntaxError
			if !errors.As(err, &s) || s.Offset < 0 || s.Offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		from := skipSpace(text, 0)
		end := skipValue(text, from)
		if skipSpace(text, end) != len(text) || !stdjson.Valid(text[from:end]) || skipSpace(text, from) != from {
			t.Fatalf("%q: value from %d to %d", text, from, end)
		}
		if text[from] == '{' {
			objEnd, flat := flatObject(text, from)
			var members map[string]stdjson.RawMessage
			if err := stdjson.Unmarshal(text, &members); err != nil {
				t.Fatal(err)
			}
			for _, m := range members {
				if m[0] == '{' || m[0] == '[' {
					if flat {
						t.Fatalf("%q is not flat", text)
					}
				}
			}
			if flat && objEnd != end {
				t.Fatalf("%q: flat to %d, ends at %d", text, objEnd, end)
			}
		}
	})
}

// FuzzString holds the writing and the reading of strings to encoding/json's.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain text, longer than a word", "a\"b\\", "\x00\b\f\n\r\t\x1e", "é€😀\u2028\u2029\u2027", "\xe2\x80", "\xe2\x80\xa8\xff", "\xed\xa0\x80", "Привет, «мир»\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := stdText(s)
		if err != nil {
			t.Fatal(err)
		}
		got := appendString([]byte("x"), s)
		if string(got[1:]) != string(want) || got[0] != 'x' {
			t.Fatalf("appendString(%q) = %s, want %s", s, got[1:], want)
		}
		if fromBytes := appendString(nil, []byte(s)); !bytes.Equal(fromBytes, got[1:]) {
			t.Fatalf("of bytes: %s, of a string: %s", fromBytes, got[1:])
		}
		back, err := Str(got[1:])
		if err != nil || back != strings.ToValidUTF8(s, "") && back != string([]rune(s)) {
			t.Fatalf("Str(%s) = %q, %v; want %q", got[1:], back, err, s)
		}

		// The string as the inside of a text.
		quoted := []byte(`"` + s + `"`)
		var wantStr string
		wantErr := stdjson.Unmarshal(quoted, &wantStr)
		gotStr, err := Str(quoted)
		if (err == nil) != (wantErr == nil) || gotStr != wantStr {
			t.Fatalf("Str(%q) = %q, %v; want %q, %v", quoted, gotStr, err, wantStr, wantErr)
		}

		// Whatever is made of it is fit to send.
		dirty := append([]byte("\xff"), quoted...)
		cleaned := clean(dirty, 1)
		if !utf8.Valid(cleaned[1:]) || cleaned[0] != 0xff {
			t.Fatalf("clean left %q", cleaned)
		}
		if wantErr == nil {
			var again string
			if err := stdjson.Unmarshal(cleaned[1:], &again); err != nil || again != wantStr {
				t.Fatalf("cleaned %q is %q, %v; want %q", quoted, again, err, wantStr)
			}
		}
	})
}
