package engineio

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAppendJSONP(t *testing.T) {
	for _, tc := range []struct{ index, payload, want string }{
		// As the reference server answers.
		{"01", `118:0{"sid":"x"}`, `___eio[01]("118:0{\"sid\":\"x\"}");`},
		{"", "2:40", `___eio[]("2:40");`},
		{"7", "4a\x1e4b", `___eio[7]("4a\u001e4b");`},
		{"7", "\u2028\u2029", `___eio[7]("\u2028\u2029");`},
		{"7", "\u2027\u202a\u20ac\u00e2", "___eio[7](\"\u2027\u202a\u20ac\u00e2\");"},
		{"7", "\\n\n\r\t\b\f\x00\x7f</script>", `___eio[7]("\\n\n\r\t\b\f\u0000` + "\x7f" + `</script>");`},
		// Ours: it reads no further than there is.
		{"7", "\xe2\x80", "___eio[7](\"\xe2\x80\");"},
		{"7", "", `___eio[7]("");`},
	} {
		if got := AppendJSONP([]byte("x"), tc.index, []byte(tc.payload)); string(got) != "x"+tc.want {
			t.Errorf("%q: %q, want %q", tc.payload, got, tc.want)
		}
	}
}

func TestJSONPIndex(t *testing.T) {
	for j, want := range map[string]string{"": "", "12": "12", "0x1": "01", "];alert(1)//": "1", "\u0663": ""} {
		if got := JSONPIndex([]byte(j)); got != want {
			t.Errorf("JSONPIndex(%q) = %q, want %q", j, got, want)
		}
	}
}

// unescape is UnescapeJSONP as the reference server does it.
func unescape(d string) string {
	d = lineEnds.ReplaceAllStringFunc(d, func(m string) string {
		if len(m) == 3 {
			return m
		}
		return "\n"
	})
	return strings.ReplaceAll(d, `\\n`, `\n`)
}

var lineEnds = regexp.MustCompile(`(\\)?\\n`)

var jsonpForms = []string{
	`2:40`, `42["a\nb"]`, `42["a\\nb"]`, `42["a\\\nb"]`, `42["a\\\\nb"]`, `\n\n`, `n\n`, `\\`, `\`, `\x\n`, "", "n", `\nn\\nn`,
}

func TestUnescapeJSONP(t *testing.T) {
	for _, d := range jsonpForms {
		if got, want := string(UnescapeJSONP([]byte(d))), unescape(d); got != want {
			t.Errorf("UnescapeJSONP(%q) = %q, want %q", d, got, want)
		}
	}
}

// FuzzJSONP: what is answered is a script of one call with the payload as its string, and
// what is posted is read as the reference server reads it.
func FuzzJSONP(f *testing.F) {
	for _, d := range jsonpForms {
		f.Add([]byte(d))
	}
	f.Add([]byte("\u2028\U0001f600\x1e"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if utf8.Valid(b) {
			script := AppendJSONP(nil, "3", b)
			literal, ok := bytes.CutPrefix(script, []byte("___eio[3]("))
			literal, ok2 := bytes.CutSuffix(literal, []byte(");"))
			var s string
			if err := json.Unmarshal(literal, &s); !ok || !ok2 || err != nil || s != string(b) {
				t.Fatalf("AppendJSONP(%q) = %q", b, script)
			}
			if bytes.ContainsAny(literal, "\n\r\u2028\u2029") {
				t.Fatalf("a line ends in %q", literal)
			}
		}
		want := unescape(string(b))
		if got := UnescapeJSONP(bytes.Clone(b)); string(got) != want {
			t.Fatalf("UnescapeJSONP(%q) = %q, want %q", b, got, want)
		}
	})
}
