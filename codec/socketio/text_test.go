package socketio

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var unquoteCases = []struct{ raw, want string }{
	{`""`, ""},
	{`"hello"`, "hello"},
	{`"汉字 😀"`, "汉字 😀"},
	{`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
	{`"a\u0041\u00e9\u20AC\u0000z"`, "aAé€\x00z"},
	{`"\ud83d\ude00"`, "😀"},
	{`"\uD83D\uDE00\ud83d\ude01"`, "😀😁"},
	{`"\udbff\udfff"`, "\U0010ffff"},
	{`"\ud800"`, "\ufffd"},
	{`"\udc00"`, "\ufffd"},
	{`"\ud800x"`, "\ufffdx"},
	{`"\ud800\n"`, "\ufffd\n"},
	{`"\ud800\u0041"`, "\ufffdA"},
	{`"\ud800\ud83d\ude00"`, "\ufffd😀"},
	{`"\udc00\ud800"`, "\ufffd\ufffd"},
	{`"\ufffd\uffff"`, "\ufffd\uffff"},
	{"\"a\xffb\"", "a\ufffdb"},
	{"\"\xe6\xb1\"", "\ufffd\ufffd"},
	{"\"\xe6\xb1\\n\x89\"", "\ufffd\ufffd\n\ufffd"},
	{"\"\xed\xa0\x80\"", "\ufffd\ufffd\ufffd"}, // a surrogate in UTF-8
	{"\"\u2028\u2029\x7f\"", "\u2028\u2029\x7f"},
}

func TestUnquote(t *testing.T) {
	for _, tc := range unquoteCases {
		got, err := Unquote([]byte("kept "), []byte(tc.raw))
		if err != nil || string(got) != "kept "+tc.want {
			t.Errorf("Unquote(%q) = %q, %v; want %q", tc.raw, got, err, tc.want)
		}
	}
}

func TestUnquoteRefuses(t *testing.T) {
	for _, raw := range []string{
		``, `"`, `a`, `"a`, `a"`, ` "a"`, `"a" `, `"a""b"`, `"a"b"`, `1`, `null`, `["a"]`, `"\"`, `"\x41"`, `"\u12"`, `"\u12g4"`, `"\ud83d\u"`, "\"a\nb\"",
	} {
		dst := []byte("kept")
		got, err := Unquote(dst, []byte(raw))
		if err != ErrPayload || string(got) != "kept" {
			t.Errorf("Unquote(%q) = %q, %v", raw, got, err)
		}
	}
}

// FuzzUnquote holds Unquote against encoding/json on any input, and to leaving
// its input as it is.
func FuzzUnquote(f *testing.F) {
	for _, tc := range unquoteCases {
		f.Add([]byte(tc.raw))
	}
	for _, tc := range jsonCases {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		got, err := Unquote(nil, raw)
		if !bytes.Equal(raw, before) {
			t.Fatalf("the input was changed: %q became %q", before, raw)
		}
		var want string
		// encoding/json takes blanks around the string, and null for one.
		ok := len(raw) > 0 && raw[0] == '"' && raw[len(raw)-1] == '"' && json.Unmarshal(raw, &want) == nil
		if (err == nil) != ok || string(got) != want {
			t.Fatalf("Unquote(%q) = %q, %v; encoding/json says %q, %v", raw, got, err, want, ok)
		}
		if !utf8.Valid(got) {
			t.Fatalf("Unquote(%q) = %q, which is not UTF-8", raw, got)
		}
	})
}

var stringCases = []struct{ s, want string }{
	{"", `""`},
	{"message", `"message"`},
	{"12345678", `"12345678"`},
	{`say "hi" \o/`, `"say \"hi\" \\o/"`},
	{"\b\f\n\r\t", `"\b\f\n\r\t"`},
	{"\x00\x01\x1f\x7f", `"\u0000\u0001\u001f` + "\x7f" + `"`},
	{"<script>&", `"<script>&"`},
	{"汉字\u2028\u2029😀", "\"汉字\u2028\u2029😀\""},
	{"a\xffb", "\"a\ufffdb\""},
	{"\xff\"\n", "\"\ufffd\\\"\\n\""},
	{"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},
	{"\ufffd", "\"\ufffd\""},
	{"aaaaaaaaaaaaaaaa\n", `"aaaaaaaaaaaaaaaa\n"`},
}

func TestAppendString(t *testing.T) {
	for _, tc := range stringCases {
		if got := AppendString([]byte("kept "), tc.s); string(got) != "kept "+tc.want {
			t.Errorf("AppendString(%q) = %s, want %s", tc.s, got, tc.want)
		}
	}
}

// Every ASCII character at every place around the eight bytes of a step.
func TestAppendStringFindsEveryByte(t *testing.T) {
	for n := 1; n < 26; n++ {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("a", n))
				b[at] = byte(c)
				checkString(t, string(b))
			}
		}
	}
}

// FuzzAppendString holds AppendString to making JSON that encoding/json reads as
// the same text, and that is as short as it can be.
func FuzzAppendString(f *testing.F) {
	for _, tc := range stringCases {
		f.Add(tc.s)
	}
	f.Fuzz(checkString)
}

func checkString(t *testing.T, s string) {
	t.Helper()
	raw := AppendString(nil, s)
	var got string
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("AppendString(%q) = %s: %v", s, raw, err)
	}
	want := string([]rune(s)) // U+FFFD for each byte that is not UTF-8
	if got != want || !utf8.Valid(raw) {
		t.Fatalf("AppendString(%q) = %s, which reads %q", s, raw, got)
	}
	if again, err := Unquote(nil, raw); err != nil || string(again) != want {
		t.Fatalf("Unquote(AppendString(%q)) = %q, %v", s, again, err)
	}
	escapes := 0
	for _, c := range []byte(s) {
		switch {
		case strings.IndexByte("\"\\\b\f\n\r\t", c) >= 0:
			escapes++
		case c < 0x20:
			escapes += 5
		}
	}
	if len(raw) != 2+len(want)+escapes {
		t.Fatalf("AppendString(%q) = %s: more is escaped than has to be", s, raw)
	}
}
