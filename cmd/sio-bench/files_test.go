package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestFiles: one run, written in every form.
func TestFiles(t *testing.T) {
	s := server(t, nil)
	dir := t.TempDir()
	args := []string{"echo", s.URL, "-c", "3", "-d", "100ms", "-w", "0s", "-q", "-H", "X-Token=abc"}
	for flag, want := range map[string]string{"json": `"scenario": "echo"`, "html": "<!doctype html>", "markdown": "### sio-bench: echo", "csv": "t_s,phase,", "ndjson": `{"result":{`} {
		file := filepath.Join(dir, flag)
		out, errOut, code := call(t, append(slices.Clone(args), "--"+flag, file)...)
		text, err := os.ReadFile(file)
		if code != exitOK || err != nil || !strings.Contains(string(text), want) || !strings.Contains(out, "no errors") {
			t.Errorf("--%s: exit %d, %v\n%s%s%s", flag, code, err, out, errOut, text)
		}
		if strings.Contains(string(text), "abc") {
			t.Errorf("--%s: a secret is in it", flag)
		}
		out, errOut, code = call(t, append(slices.Clone(args), "--"+flag, "-")...)
		if code != exitOK || !strings.Contains(out, want) || strings.Contains(out, "  connections=3") {
			t.Errorf("--%s -: exit %d\n%s%s", flag, code, out, errOut)
		}
	}
}

// TestFilesAreTriedFirst: what cannot be written fails before the run, and loses
// nothing.
func TestFilesAreTriedFirst(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	if err := os.WriteFile(kept, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, why := range map[string]string{"json": "no such file", "html": "no such file", "markdown": "no such file", "csv": "no such file", "ndjson": "no such file", "hgrm": "no such file", "hlog": "no such file"} {
		_, errOut, code := call(t, "echo", ":1", "--"+flag, filepath.Join(dir, "missing", "file"))
		if code != exitErrors || !strings.Contains(errOut, why) {
			t.Errorf("--%s: exit %d\n%s", flag, code, errOut)
		}
	}
	for _, args := range [][]string{
		{"echo", ":1", "--hgrm", filepath.Join(dir, "missing", "x-*")},
		{"matrix", "-S", "a=/does/not/exist", "-q", "-j", filepath.Join(dir, "missing", "file")},
		{"matrix", "-S", "a=/does/not/exist", "-q", "-m", filepath.Join(dir, "missing", "file")},
		{"doctor", "-j", filepath.Join(dir, "missing", "file")},
		{"selfcheck", "-j", filepath.Join(dir, "missing", "file")},
	} {
		if _, errOut, code := call(t, args...); code != exitErrors || !strings.Contains(errOut, filepath.Join(dir, "missing")) {
			t.Errorf("%q: exit %d\n%s", args, code, errOut)
		}
	}
	for _, args := range [][]string{{"--hgrm", kept, "--hlog", kept}, {"-j", kept, "--hgrm", kept}, {"--hgrm", filepath.Join(dir, "*", "x")}} {
		if _, errOut, code := call(t, append([]string{"echo", ":1"}, args...)...); code != exitUsage || !strings.Contains(errOut, "--hgrm") {
			t.Errorf("%q: exit %d\n%s", args, code, errOut)
		}
	}
	call(t, "echo", ":1", "--hgrm", filepath.Join(dir, "x-*.hgrm"))
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
	call(t, "echo", ":1", "--html", kept) // nobody listens there
	if text, err := os.ReadFile(kept); err != nil || string(text) != "old" {
		t.Errorf("%v, %q", err, text)
	}
	_, errOut, code := call(t, "echo", ":1", "--html", "-", "-j", "-")
	if code != exitUsage || !strings.Contains(errOut, "--json and --html write to the same place") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

// TestRepeatable: the command that is kept is the one that was given.
func TestRepeatable(t *testing.T) {
	s := server(t, nil)
	out, _, _ := call(t, "echo", s.URL, "-c", "2", "-d", "50ms", "-w", "0s", "-q", "-j", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatal(err)
	}
	if want := []string{"sio-bench", "echo", s.URL, "-c", "2", "-d", "50ms", "-w", "0s", "-q", "-j", "-"}; !slices.Equal(res.Command, want) {
		t.Errorf("%q", res.Command)
	}
}

func TestCommandOf(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"echo :1 -c 5", "echo :1 -c 5"},
		{`echo :1 --auth {"token":"s3cret"} -c 5`, "echo :1 --auth … -c 5"},
		{`echo :1 --auth={"token":"s3cret"}`, "echo :1 --auth=…"},
		{`echo :1 --auth {"t":"a=b"}`, "echo :1 --auth …"},
		{"echo :1 -H Authorization=s3cret", "echo :1 -H Authorization=…"},
		{"echo :1 -HAuthorization=s3cret", "echo :1 -HAuthorization=…"},
		{"echo :1 -H=Authorization=s3cret", "echo :1 -H=Authorization=…"},
		{"echo :1 --header Cookie=a=b", "echo :1 --header Cookie=…"},
		{"echo :1 --header=Cookie=a=b", "echo :1 --header=Cookie=…"},
		{"echo :1 --query=token=x", "echo :1 --query=token=…"},
		{"echo http://me:s3cret@host:1", "echo http://…@host:1"},
		{"echo me:s3cret@host:1", "echo …@host:1"},
		{"echo :1 --metrics=http://me:s3cret@host:1/m --stats http://me:s3cret@host", "echo :1 --metrics=http://…@host:1/m --stats http://…@host"},
		{"echo http://host:1/?token=s3cret", "echo http://host:1/?token=…"},
		{"echo :1 -qH Authorization=s3cret", "echo :1 -qH Authorization=…"},
		{"echo :1 -qHAuthorization=s3cret -qj a.json", "echo :1 -qHAuthorization=… -qj a.json"},
	} {
		got := commandOf(strings.Fields(tc.line))
		if want := append([]string{"sio-bench"}, strings.Fields(tc.want)...); !slices.Equal(got, want) {
			t.Errorf("%s: %q", tc.line, got)
		}
	}
}
