package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/benchtest"
	"github.com/e6a90ca8/sio/bench/selfcheck"
)

// TestTarget: the server says where it is, does what it is told, and ends with
// its context.
func TestTarget(t *testing.T) {
	for _, tc := range []struct {
		fault string
		args  []string // of the run
		want  string   // the error
		code  int
	}{
		{"", nil, "no errors", exitOK},
		{"lost=1/20", []string{"--drain", "300ms"}, "lost", exitErrors},
		{"doubled=1/20", nil, "duplicated", exitErrors},
		{"swapped=1/20", nil, "reordered", exitErrors},
		{"late=1/20", []string{"--late", "100ms"}, "late", exitErrors},
		{"corrupted=1/20", []string{"--drain", "300ms"}, "corrupt payload", exitErrors},
	} {
		t.Run(tc.fault, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			said, out := io.Pipe()
			over := make(chan int)
			var errOut bytes.Buffer
			args := []string{"target", "-l", ":0", "--late-by", "200ms"}
			if tc.fault != "" {
				args = append(args, "--fault", tc.fault, "--seed", "3")
			}
			go func() {
				code := run(ctx, args, out, &errOut)
				out.Close()
				over <- code
			}()
			line := make([]byte, 100)
			n, err := said.Read(line)
			url, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "listening ")
			if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
				t.Fatalf("the first line is %q, %v", line[:n], err)
			}
			shown, runErr, code := call(t, append([]string{"echo", url, "-c", "2", "-D", "4", "-d", "400ms", "-w", "0s"}, tc.args...)...)
			if code != tc.code || !strings.Contains(shown, tc.want) {
				t.Errorf("exit %d\n%s%s", code, shown, runErr)
			}
			cancel()
			if code := <-over; code != exitOK {
				t.Errorf("the target ended with %d: %s", code, errOut.String())
			}
			if kind, _, _ := strings.Cut(tc.fault, "="); !strings.Contains(errOut.String(), kind) {
				t.Errorf("at the end it said %q", errOut.String())
			}
		})
	}
}

// TestTargetEnds: by itself.
func TestTargetEnds(t *testing.T) {
	if out, errOut, code := call(t, "target", "-l", "127.0.0.1:0", "--for", "1ms"); code != exitOK || !strings.HasPrefix(out, "listening ") || errOut != "" {
		t.Errorf("exit %d\n%s%s", code, out, errOut)
	}
}

func TestTargetUsage(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"target --fault stolen", "stolen"},
		{"target --fault lost=5", "1/N"},
		{"target --stall 5s", "two durations"},
		{"target --stall x/5s", "two durations"},
		{"target --ping 0s", "--ping"},
		{"target --for -1s", "--for"},
		{"selfcheck --every 1", "--every"},
		{"selfcheck --parallel 0", "--parallel"},
	} {
		if out, errOut, code := call(t, strings.Fields(tc.args)...); code != exitUsage || !strings.Contains(errOut, tc.want) || out != "" {
			t.Errorf("%s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
	for _, args := range []string{"target -l 256.0.0.1:1", "target -l :0 --stall 5s/1s"} {
		if out, errOut, code := call(t, strings.Fields(args)...); code != exitErrors || errOut == "" || out != "" {
			t.Errorf("%s: exit %d\n%s%s", args, code, out, errOut)
		}
	}
}

func TestSelfCheckCommand(t *testing.T) {
	out, errOut, code := call(t, "selfcheck", "--parallel", "16", "--every", "40", "--json", "-")
	var findings []selfcheck.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if want := len(selfcheck.Cases()) * (1 + len(benchtest.Kinds)); len(findings) != want {
		t.Errorf("%d findings, want %d", len(findings), want)
	}
	for _, f := range findings {
		if f.Attempts != len(f.Again)+1 && f.Skipped == "" {
			t.Errorf("%s, %q: %d attempts, made again for %q", f.Case, f.Fault, f.Attempts, f.Again)
		}
	}
}

func TestPrintFindings(t *testing.T) {
	var b bytes.Buffer
	err := printFindings(&b, []selfcheck.Finding{
		{Case: "echo"},
		{Case: "echo", Fault: benchtest.Lost, Planted: 5, Caught: 5, Attempts: 3, Again: []string{"only 0 faults came up", "too much was missing; the machine was 80ms late"}},
		{Case: "echo", Fault: benchtest.Doubled, Planted: 5, Problem: "none was seen"},
		{Case: "echo", Fault: benchtest.Swapped, Skipped: "one at a time"},
		{Case: "echo", Fault: benchtest.Late, Planted: 5, Caught: 7},
		{Case: "echo", Fault: benchtest.Corrupted, Planted: 1500, Caught: 1500},
		{Case: "rooms", Problem: "false alarm", Errors: map[string]bench.ErrorCount{"lost": {Count: 1}}},
	}, style{})
	const want = `faults caught  none planted  lost    doubled  swapped  late            corrupted
echo           clean         5 of 5  WRONG    –        5 and 2 behind  1,500 of 1,500
rooms          WRONG

echo, lost: run 1 of 3 was made again: only 0 faults came up
echo, lost: run 2 of 3 was made again: too much was missing; the machine was 80ms late
echo, doubled: none was seen
rooms, no fault: false alarm
`
	if got := b.String(); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}
