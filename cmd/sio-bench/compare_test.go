package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

func TestCompareCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, values ...float64) {
		var text []byte
		for _, v := range values {
			line, err := json.Marshal(bench.Result{Scenario: "echo", Metrics: []bench.Metric{{Name: "cost", Unit: "us", Value: v}}})
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, line...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range []float64{10, 11, 12, 13} {
		write(fmt.Sprintf("old%d.json", i), v)
	}
	write("new.json", 11.5, 12.5, 14, 13.9)
	write("worse.json", 20, 21, 22, 23)
	write("a=b.json", 20, 21, 22, 23)
	text, err := json.Marshal(bench.Result{Scenario: "echo", Metrics: []bench.Metric{{Name: "cost", Unit: "us", Value: 12}, {Name: "more", Value: 1}}})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "two.json"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.md")
	t.Chdir(dir)
	for _, tc := range []struct {
		args string
		code int
		want string // in what it wrote
	}{
		{"old*.json new.json --threshold 3%", exitOK, "1 figures judged: 0 better, 0 worse"},
		{"old*.json worse.json --threshold 3%", exitRegression, "WORSE"},
		{"old*.json worse.json --threshold 2", exitOK, "worse"},
		{"old*.json worse.json", exitOK, "  worse"},
		{"two*.json new.json --threshold 3%", exitRegression, "not there"},
		{"two*.json new.json --threshold 3% --allow-missing", exitOK, "1 figures of two*.json are not there any more"},
		{"two*.json new.json", exitOK, "only two*.json has it, new.json has not: echo: more"},
		{"old0.json,old1.json before=old0.json", exitOK, "too few repeats"},
		{"worse.json old*.json -j -", exitOK, `"verdict": "better"`},
		{"old*.json new.json worse.json -m page.md --html page.html", exitOK, "new.json"},
		{"x=old*.json a=b.json", exitOK, "a=b.json: 4 runs in 1 files"},
		{"old*.json", exitUsage, "nothing to compare"},
		{"old*.json none.json", exitUsage, "none.json"},
		{"old*.json [", exitUsage, "syntax error"},
		{"old*.json new.json --threshold many", exitUsage, "must be like 3%"},
		{"old*.json new.json --metric x", exitUsage, "no such metric"},
	} {
		out, errOut, code := call(t, append([]string{"compare"}, strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(out+errOut, tc.want) {
			t.Errorf("compare %s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "| metric | old\\*.json | new.json | ratio | p |  | worse.json | ratio |") {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "page.html")); err != nil || !strings.Contains(string(text), "<h1>old*.json, new.json, worse.json") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestMatrixResumeAndRepeat: results are kept as the matrix goes, and a second
// run is held against them.
func TestMatrixResumeAndRepeat(t *testing.T) {
	t.Setenv(childEnv, "1")
	data := filepath.Join(t.TempDir(), "r.json")
	common := []string{"matrix", "--pause", "1ms", "-q"}
	out, errOut, code := call(t, append(common, "-S", "one='"+os.Args[0]+"' -test.run=^$", "-C", "small:echo -c 2 -d 20ms -w 0s", "-n", "2", "-j", data)...)
	if code != exitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	var whole bench.MatrixResult
	if err := readJSON(data, false, &whole); err != nil || whole.Interrupted {
		t.Fatal(err, whole.Interrupted)
	}
	cut := whole
	cut.Cases = append([]bench.CaseResult(nil), whole.Cases...)
	cut.Cases[0].Servers = []bench.ServerResult{{Name: "one", Runs: whole.Cases[0].Servers[0].Runs[:1]}}
	if err := replaceFile(data, cut); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := call(t, append(common, "--resume", data, "--dry-run")...); code != exitOK || !strings.Contains(out, "\n1 runs, about 0 s\n") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if out, errOut, code := call(t, append(common, "--resume", data)...); code != exitOK || !strings.Contains(out, "## small") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	if err := readJSON(data, false, &whole); err != nil || len(whole.Cases[0].Servers[0].Runs) != 2 {
		t.Errorf("%v, %+v", err, whole.Cases)
	}
	out, errOut, code = call(t, append(common, "--repeat-of", data)...)
	if code != exitOK || !strings.Contains(out, "of 0 ratios") { // one server: there are none
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if left, _ := filepath.Glob(data + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestMatrixKeepsSecrets: what the plan's lines and environments hold is in no result,
// and is taken from the plan again to go on.
func TestMatrixKeepsSecrets(t *testing.T) {
	dir := t.TempDir()
	plan, data, page := filepath.Join(dir, "plan.json"), filepath.Join(dir, "r.json"), filepath.Join(dir, "r.md")
	text, err := json.Marshal(map[string]any{
		"servers": []bench.ServerSpec{{Name: "one", Command: []string{os.Args[0], "-test.run=^$"}, Env: []string{childEnv + "=1", "TOKEN=s3cret"}}},
		"cases":   []map[string]string{{"run": `echo -c 2 -d 20ms -w 0s --auth '{"token":"s3cret"}' -H 'X-Key=s3cret two' --query=key=s3cret`}},
		"rounds":  1,
	})
	if err == nil {
		err = os.WriteFile(plan, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := call(t, "matrix", "-f", plan, "--pause", "1ms", "-q", "-j", data, "-m", page); code != exitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	for _, name := range []string{data, page} {
		text, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(text), "s3cret") || !strings.Contains(string(text), "X-Key") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	again := []string{"matrix", "--pause", "1ms", "-q", "--repeat-of", data}
	if out, errOut, code := call(t, again...); code != exitUsage || !strings.Contains(errOut, "give its plan by --plan") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if out, errOut, code := call(t, append(again, "-f", plan)...); code != exitOK || strings.Contains(out+errOut, "s3cret") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
	if err := os.WriteFile(plan, []byte(strings.ReplaceAll(string(text), "-c 2", "-c 3")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errOut, code := call(t, append(again, "-f", plan)...); code != exitUsage || !strings.Contains(errOut, "another case") {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}
