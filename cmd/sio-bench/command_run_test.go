package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// script writes a scenario file.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const small = `
phases:
  - {name: in, duration: 50ms, connections: 3, warmup: true}
  - {name: main, duration: 200ms}
clients:
  - name: talker
    flow: [{echo: 64}, {think: 1ms}]
assert: ["echo.p99 < 60s"]
`

func TestRunCommand(t *testing.T) {
	s := server(t, nil)
	dir := t.TempDir()
	file := filepath.Join(dir, "out.json")
	out, errOut, code := call(t, "run", script(t, small+"outputs: {json: "+file+"}\ntarget: {url: \""+s.URL+"\"}\n"))
	if code != exitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	for _, part := range []string{"test  ", "in (warm-up)", "main", "steps", "echo", "no errors"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	text, err := os.ReadFile(file)
	var res bench.Result
	if err != nil || json.Unmarshal(text, &res) != nil || len(res.Phases) != 2 || res.Operations == 0 || len(res.Assertions) != 1 {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestRunMisses: the file's thresholds have their exit code, and a URL on the line
// goes before the file's.
func TestRunMisses(t *testing.T) {
	s := server(t, nil)
	text := strings.Replace(small, "60s", "1ns", 1) + "target: {url: 'http://127.0.0.1:1'}\n"
	if out, errOut, code := call(t, "run", script(t, text), strings.TrimPrefix(s.URL, "http://127.0.0.1"), "--seed", "3", "-t", "polling"); code != exitThreshold {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}

func TestDryRun(t *testing.T) {
	out, errOut, code := call(t, "run", "--dry-run", "../../bench/examples/storm.yaml")
	const want = `storm: 45s, of which 40s count

phase    from  to   connections  arrivals per second  arrivals  load
calm     0s    5s   50           10                   50        1     does not count
rising   5s    25s  50           10..200              2100      1
peak     25s   35s  50           200                  2000      1
falling  35s   45s  50..0        200..0               1000      1

visitor, 75 % of the clients
  echo event, 64 bytes
  think 100ms..500ms
  emit ack, acknowledged  (farewell)

commuter, 25 % of the clients
  repeat 3 times
    echo event, 64 bytes, 8 at once
    think 200ms
    reconnect after 50ms..250ms
`
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	if got := strings.Join(lines, "\n") + "\n"; code != exitOK || got != want {
		t.Errorf("exit %d, %s\n%s\nwant\n%s", code, errOut, got, want)
	}
}

func TestRunUsage(t *testing.T) {
	bad := script(t, "phases: []\nclint: x\n")
	for _, tc := range []struct{ args, want string }{
		{"run", "<file>"},
		{"run /does/not/exist.yaml", "no such file"},
		{"run " + bad, ":2:1: the file has no \"clint\""},
		{"run " + bad, "    2 | clint: x\n      | ^"},
		{"run " + script(t, small), "names no target"},
		{"run " + script(t, small) + " :1 --loops 0", "--loops"},
		{"run " + script(t, small) + " :1 -t pigeon", "pigeon"},
		{"run " + script(t, small) + " :1 --source x", "--source"},
		{"run " + script(t, strings.Replace(small, "60s", "1h", 1)) + " :1", "assertion"},
	} {
		if out, errOut, code := call(t, strings.Fields(tc.args)...); code != exitUsage || !strings.Contains(errOut, tc.want) || out != "" {
			t.Errorf("%s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
}
