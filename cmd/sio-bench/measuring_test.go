package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestAssertRun: thresholds are printed, kept in the JSON, and give the exit code;
// one on errors says in place of the usual rule how many are too many.
func TestAssertRun(t *testing.T) {
	good := server(t, nil)
	var n atomic.Int64
	lossy := server(t, func(p string) []string {
		if strings.Contains(p, `"echo"`) && n.Add(1)%5 == 0 {
			return []string{p, p}
		}
		return []string{p}
	})
	for _, tc := range []struct {
		url  string
		args []string
		code int
		want []string
	}{
		{good.URL, []string{"--assert", "echo.p99<10s", "--assert", "errors<1"}, exitOK, []string{"kept    echo.p99<10s: ", "kept    errors<1: 0"}},
		{good.URL, []string{"--assert", "echo.p99<1ns", "--assert", "rate>1"}, exitThreshold, []string{"missed  echo.p99<1ns: ", "kept    rate>1: "}},
		{good.URL, []string{"--assert", "cpu<1h"}, exitUsage, []string{"units"}},
		{good.URL, []string{"--assert", "cpu<1s"}, exitThreshold, []string{"missed  cpu<1s: not measured"}},
		{lossy.URL, nil, exitErrors, []string{"duplicated"}},
		{lossy.URL, []string{"--assert", "rate>1"}, exitErrors, []string{"duplicated"}},
		{lossy.URL, []string{"--assert", "errors<50%"}, exitOK, []string{"duplicated", "kept    errors<50%: "}},
		{lossy.URL, []string{"--assert", "errors<0.0001%"}, exitThreshold, []string{"missed  errors<0.0001%: "}},
	} {
		args := append([]string{"echo", tc.url, "-c", "1", "-d", "200ms", "-w", "0s", "-q"}, tc.args...)
		out, errOut, code := call(t, args...)
		if code != tc.code {
			t.Errorf("%q: exit %d, want %d\n%s%s", tc.args, code, tc.code, out, errOut)
		}
		for _, part := range tc.want {
			if !strings.Contains(out+errOut, part) {
				t.Errorf("%q: no %q in\n%s%s", tc.args, part, out, errOut)
			}
		}
	}
	out, errOut, code := call(t, "echo", good.URL, "-c", "1", "-d", "50ms", "-w", "0s", "-q", "--assert", "rate>1", "--json", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK || len(res.Assertions) != 1 || !res.Assertions[0].Pass || !strings.Contains(errOut, "kept") {
		t.Errorf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
}

func TestFigure(t *testing.T) {
	for _, tc := range []struct {
		v    bench.Outcome
		want string
	}{
		{bench.Outcome{Unit: "us", Value: 12.345}, "12.35 µs"},
		{bench.Outcome{Unit: "us", Value: 1234}, "1.23 ms"},
		{bench.Outcome{Value: 7}, "7"},
		{bench.Outcome{Unit: "%", Value: 0.01}, "0.01 %"},
		{bench.Outcome{Unit: "1/s", Value: 54321}, "54,321 per second"},
		{bench.Outcome{Unit: "B", Value: 3 << 20}, "3.0 MiB"},
	} {
		if got := figure(tc.v); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.v, got, tc.want)
		}
	}
}

// TestHDRFiles: the files are written, one for each latency where a star says so.
func TestHDRFiles(t *testing.T) {
	s := server(t, nil)
	dir := t.TempDir()
	out, errOut, code := call(t, "echo", s.URL, "-c", "1", "-d", "200ms", "-w", "0s", "-q",
		"--hgrm", filepath.Join(dir, "x-*.hgrm"), "--hlog", filepath.Join(dir, "x.hlog"))
	if code != exitOK {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	for name, want := range map[string]string{"x-connect.hgrm": "TotalCount", "x-echo.hgrm": "TotalCount", "x.hlog": "StartTimestamp"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%.200s", name, err, text)
		}
	}
	call(t, "echo", s.URL, "-c", "1", "-d", "50ms", "-w", "0s", "-q", "--hgrm", filepath.Join(dir, "main.hgrm"))
	if text, err := os.ReadFile(filepath.Join(dir, "main.hgrm")); err != nil || !strings.Contains(string(text), "TotalCount") {
		t.Errorf("%v\n%.200s", err, text)
	}
	if _, errOut, code := call(t, "echo", s.URL, "-c", "1", "-d", "50ms", "-w", "0s", "-q", "--hgrm", dir+"/no/such"); code != exitErrors || !strings.Contains(errOut, "no/such") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

// TestProcsRun: --procs starts copies of the program, and the result is of all.
func TestProcsRun(t *testing.T) {
	s := server(t, nil)
	out, errOut, code := call(t, "echo", s.URL, "-c", "5", "-d", "300ms", "-w", "0s", "-q", "--procs", "2", "--json", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if res.Parameters["processes"] != 2.0 || res.Parameters["connections"] != 5.0 || len(res.Generator.Loops) != 2 {
		t.Errorf("%v, %+v", res.Parameters, res.Generator)
	}
	if _, errOut, code := call(t, "echo", s.URL, "-c", "1", "--procs", "2"); code != exitUsage || !strings.Contains(errOut, "2 processes") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
	if _, errOut, code := call(t, "broadcast", s.URL, "--procs", "2"); code != exitUsage || !strings.Contains(errOut, "several processes") {
		t.Errorf("exit %d\n%s", code, errOut)
	}
}

// TestFileWord: names of latencies make file names, each another.
func TestFileWord(t *testing.T) {
	taken := make(map[string]bool)
	var got []string
	for _, name := range []string{"echo", "echo service", "echo/service", "Echo", "../x", "", "Grüße", "a:b\x00*?", "echo-2", strings.Repeat("é", 100)} {
		got = append(got, fileWord(name, taken))
	}
	want := []string{"echo", "echo-service", "echo-service-2", "Echo-2", "-x", "latency", "Grüße", "a-b---", "echo-2-2", strings.Repeat("é", 60)}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
