package fill

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const users = "\ufeffname,token\nann,\"t,1\"\nbob,t2\ncid,\"t\"\"3\"\n"

func table(t *testing.T, order string) *Rows {
	t.Helper()
	r, err := ReadRows(strings.NewReader(users), order, 3)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFill(t *testing.T) {
	t.Setenv("FILL_TEST", "secret")
	source := &Source{Proc: 2, Run: "r1", Seed: 5, Rows: table(t, "")}
	for _, tc := range []struct {
		text, want, fails string
	}{
		{text: "plain", want: "plain"},
		{text: "", want: ""},
		{text: "user{{.ID}} of {{.Proc}} in {{.Run}}", want: "user4 of 2 in r1"},
		{text: `{{.Row "name" | upper}}:{{.Row "token"}}`, want: "BOB:t2"},
		{text: `{"token":{{json (.Row "token")}}}`, want: `{"token":"t2"}`},
		{text: `{{env "FILL_TEST"}}{{lower "A"}}{{trim " b "}}{{base64 "c"}}{{add .ID 1}}{{mod .ID 3}}`, want: "secretabYw==51"},
		{text: "{{randInt 7 7}}", want: "7"},
		{text: "{{if eq (mod .ID 2) 0}}even{{end}}", want: "even"},
		{text: "{{.Nope}}", fails: "Nope"},
		{text: "{{", fails: "unclosed action"},
		{text: "{{nope}}", fails: `function "nope" not defined`},
		{text: `{{.Row "x"}}`, fails: `no column "x", but ["name" "token"]`},
		{text: `{{env "FILL_TEST_NONE"}}`, fails: "FILL_TEST_NONE is not set"},
		{text: "{{randInt 2 1}}", fails: "randInt 2 1"},
		{text: "{{randHex -1}}", fails: "randHex -1"},
		{text: "{{mod 1 0}}", fails: "mod by 0"},
		{text: "{{randHex 60000}}{{randHex 60000}}", fails: "more than 65536 bytes"},
	} {
		got := ""
		f, err := New(tc.text)
		if err == nil {
			got, err = f.Fill(source, 4)
		}
		switch {
		case tc.fails != "":
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%s: %q, %v; want an error about %q", tc.text, got, err, tc.fails)
			}
		case err != nil || got != tc.want:
			t.Errorf("%s: %q, %v; want %q", tc.text, got, err, tc.want)
		}
		if err == nil && f.Constant() != !strings.Contains(tc.text, "{{") {
			t.Errorf("%s: constant is %v", tc.text, f.Constant())
		}
	}
	f, err := New(`{{.Row "name"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Fill(&Source{}, 0); err == nil || !strings.Contains(err.Error(), "no table") {
		t.Errorf("without a table: %v", err)
	}
}

// TestRandom: what is drawn is the same for the same client, another for another
// client, seed and text, and for any goroutine.
func TestRandom(t *testing.T) {
	f, err := New("{{randHex 12}} {{randInt 1 1000000}}")
	if err != nil {
		t.Fatal(err)
	}
	g, err := New("{{randHex 12}} {{randInt 1 1000000}}.")
	if err != nil {
		t.Fatal(err)
	}
	fill := func(f *Template, seed uint64, id int) string {
		text, err := f.Fill(&Source{Seed: seed}, id)
		if err != nil {
			t.Error(err)
		}
		return text
	}
	first := fill(f, 1, 0)
	seen := map[string]bool{first: true, fill(f, 1, 1): true, fill(f, 2, 0): true, strings.TrimSuffix(fill(g, 1, 0), "."): true}
	if len(seen) != 4 {
		t.Errorf("drawn the same: %v", seen)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if got := fill(f, 1, 0); got != first {
					t.Errorf("%q, then %q", first, got)
				}
			}
		})
	}
	all.Wait()
}

func TestRows(t *testing.T) {
	names := func(r *Rows) (all []string) {
		for id := range 2 * r.Len() {
			name, err := r.field(id, "name")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, name)
		}
		return all
	}
	if got := strings.Join(names(table(t, InTurn)), " "); got != "ann bob cid ann bob cid" {
		t.Errorf("in turn: %s", got)
	}
	got := names(table(t, Random))
	if strings.Join(got, " ") == "ann bob cid ann bob cid" || strings.Join(got[:3], " ") != strings.Join(got[3:], " ") ||
		got[0] == got[1] || got[1] == got[2] || got[0] == got[2] {
		t.Errorf("random: %v", got)
	}
	if token, _ := table(t, "").field(2, "token"); token != `t"3` {
		t.Errorf("quoted field %q", token)
	}
	for text, want := range map[string]string{
		"": "must be a line", "a,b\n": "and a row", "a,a\n1,2\n": "twice", "a,b\n1\n": "wrong number of fields", "a\n\"x\n": "quote",
	} {
		if _, err := ReadRows(strings.NewReader(text), "", 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error about %q", text, err, want)
		}
	}
	if _, err := ReadRows(strings.NewReader(users), "sideways", 0); err == nil {
		t.Error("an unknown order passes")
	}
	file := filepath.Join(t.TempDir(), "users.csv")
	if _, err := LoadRows(file, "", 0); err == nil {
		t.Error("a missing file passes")
	}
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRows(file, "", 0); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("%v does not name the file", err)
	}
}
