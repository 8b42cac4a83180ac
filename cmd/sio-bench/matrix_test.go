package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestLearn: a matrix that is repeated or gone on with has from its plan what its file has
// not of its servers, and leaves the file's result as it was.
func TestLearn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	result := write("r.json", `{"rounds": 2, "servers": [{"name": "a", "command": ["a"]}, {"name": "b", "command": ["b"], "version": "told"}],
		"cases": [{"name": "x", "line": "echo", "servers": []}]}`)
	plan := write("p.json", `{"servers": [{"name": "a", "command": ["other"], "version": "one", "tolerated": {"lost": "why"}}, {"name": "b", "command": ["b"], "version": "two"}], "cases": [], "rounds": 9}`)
	for _, c := range []matrixCommand{{RepeatOf: result, Plan: plan}, {Resume: result, Plan: plan}} {
		p, earlier, err := c.plan()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p.Servers)
		const want = `[{"name":"a","command":["a"],"version":"one","tolerated":{"lost":"why"}},{"name":"b","command":["b"],"version":"told"}]`
		if err != nil || string(text) != want || p.Rounds != 2 {
			t.Errorf("%v, %d rounds, %s", err, p.Rounds, text)
		}
		if earlier.Servers[0].Version != "" {
			t.Error("the earlier result has changed")
		}
	}
	c := matrixCommand{RepeatOf: result, Plan: write("bad.json", `{"rows": 1}`)}
	if _, _, err := c.plan(); err == nil || !strings.Contains(err.Error(), "rows") {
		t.Errorf("a plan that is none: %v", err)
	}
}

// TestToleratedMatrix: what a plan tolerates does not fail the matrix, and is in its page.
func TestToleratedMatrix(t *testing.T) {
	t.Setenv(childEnv, "1")
	dir := t.TempDir()
	data := filepath.Join(dir, "r.json")
	plan := filepath.Join(dir, "p.json")
	spec := matrixPlan{
		Servers: []bench.ServerSpec{{Name: "a", Command: []string{os.Args[0], "-test.run=^$"}, Tolerated: map[string]string{bench.Late: "everything is late"}}},
		Cases:   []caseSpec{{Name: "x", Run: "echo -c 2 -d 50ms -w 0s --late 1ns"}}, Rounds: 1,
	}
	write := func() {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(plan, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write()
	out, errOut, code := call(t, "matrix", "-q", "-f", plan, "--pause", "1ms", "-j", data)
	if code != exitOK || !strings.Contains(out, " tolerated) |") || !strings.Contains(out, "everything is late") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	var res bench.MatrixResult
	if err := readJSON(data, false, &res); err != nil || res.Servers[0].Tolerated[bench.Late] == "" {
		t.Errorf("%v, %+v", err, res.Servers)
	}
	spec.Servers[0].Tolerated = nil
	write()
	if out, errOut, code := call(t, "matrix", "-q", "-f", plan, "--pause", "1ms"); code != exitErrors || !strings.Contains(errOut, "errors were counted") {
		t.Errorf("nothing is tolerated: exit %d\n%s%s", code, out, errOut)
	}
}
