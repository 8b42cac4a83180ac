package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestPage: docs/compatibility.md is what page makes of results.json, and that has every
// cell, with every case either passed or impossible for the client. The rest of the truth,
// that it was seen so, is looked at by playing.
func TestPage(t *testing.T) {
	cases, err := readCases()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	var results []result
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	const advice = "; run `go run . -write` in interop/matrix"
	all := cells()
	if len(results) != len(all) {
		t.Fatalf("%s has %d cells, want %d%s", resultsFile, len(results), len(all), advice)
	}
	for i, c := range all {
		r := results[i]
		want := result{c.client.title(), c.client.revision, c.parser, c.door, c.transport, r.Passed, nil}
		got := r
		got.Cannot = nil
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if !bytes.Equal(g, w) {
			t.Errorf("%s has %s, want %s%s", resultsFile, g, w, advice)
		}
		if r.Passed+len(r.Cannot) != len(cases) {
			t.Errorf("%s: %d passed and %d impossible of %d cases%s", c.name(), r.Passed, len(r.Cannot), len(cases), advice)
		}
		for name := range r.Cannot {
			if !bytes.Contains(mustRead(t, "cases.json"), []byte(`"`+name+`"`)) {
				t.Errorf("%s: there is no case %s%s", c.name(), name, advice)
			}
		}
	}
	if !bytes.Equal(mustRead(t, pageFile), page(cases, results)) {
		t.Errorf("%s is not what %s tells%s", pageFile, resultsFile, advice)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVersions: the versions that are told are those that the lock files install.
func TestVersions(t *testing.T) {
	locks := map[string]string{
		"js": "js/package-lock.json", "python": "python/requirements.txt", "java": "java/jars.sha256",
		"rust": "rust/Cargo.lock", "go": "go/go.mod",
	}
	for _, c := range clients {
		want := map[string]string{
			"js":     `"client-` + c.version + `": "npm:` + c.name + `@` + c.version + `"`,
			"python": "\n" + c.name + "==" + c.version + " ",
			"java":   "/" + c.version + "/socket.io-client-" + c.version + ".jar\n",
			"rust":   "name = \"" + c.name + "\"\nversion = \"" + c.version + "\"",
			"go":     c.name + " " + c.version + "\n",
		}[c.language]
		if !bytes.Contains(mustRead(t, locks[c.language]), []byte(want)) {
			t.Errorf("%s does not install %s: it lacks %q", locks[c.language], c.title(), want)
		}
	}
}

// TestJudge: no line, two lines and lines of another form are failures.
func TestJudge(t *testing.T) {
	cases := []testCase{{Name: "a"}, {Name: "b"}}
	for _, tc := range []struct {
		name, printed        string
		passed, none, failed int
	}{
		{"all pass", "ok a\nok b\n", 2, 0, 0},
		{"one is impossible", "ok a\nnone b no such thing\n", 1, 1, 0},
		{"impossible for no reason", "ok a\nnone b\n", 1, 0, 1},
		{"one fails", "ok a\nfail b no echo\n", 1, 0, 1},
		{"one is missing", "ok a\n", 1, 0, 1},
		{"nothing is printed", "", 0, 0, 2},
		{"one comes twice", "ok a\nok a\nok b\n", 2, 0, 1},
		{"one is unknown", "ok a\nok b\nok c\n", 2, 0, 1},
		{"something else", "ok a\nok b\nTraceback\n", 2, 0, 1},
		{"no verdict", "ok a\nperhaps b\n", 1, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := judge(tc.printed, cases)
			if o.passed != tc.passed || len(o.none) != tc.none || len(o.failed) != tc.failed {
				t.Errorf("%d passed, %d none, failed %q", o.passed, len(o.none), o.failed)
			}
		})
	}
}

// TestReasons: reasons are told once, with the transports that they hold for.
func TestReasons(t *testing.T) {
	var results []result
	for _, door := range doors {
		for _, transport := range carriers {
			cannot := map[string]string{"always": "never could"}
			if transport != "polling" {
				cannot["sometimes"] = "frames"
			}
			results = append(results, result{Client: "c", Door: door, Transport: transport, Cannot: cannot})
		}
	}
	for name, want := range map[string]string{"always": "all: never could", "sometimes": "websocket, upgrade: frames", "other": ""} {
		var got []string
		for _, r := range reasons(results, "c", name) {
			got = append(got, r.where+": "+r.why)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestComplaint: what a server logs of a fault is seen, and of a client's is not.
func TestComplaint(t *testing.T) {
	for text, want := range map[string]bool{
		"2026/01/02 03:04:05 ERROR handler panicked\n":           true,
		"x\npanic: runtime error\n":                              true,
		"WARNING: DATA RACE\n":                                   true,
		"2026/01/02 03:04:05 INFO closed with an ERROR within\n": false,
	} {
		if complaint.MatchString(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
