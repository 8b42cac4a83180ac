package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench"
)

// TestProcsOfFile: --procs divides what a scenario file describes, its phases and all.
func TestProcsOfFile(t *testing.T) {
	s := server(t, nil)
	out, errOut, code := call(t, "run", script(t, small), s.URL, "--procs", "3", "-q", "--json", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if res.Parameters["processes"] != 3.0 || len(res.Generator.Loops) != 3 || len(res.Phases) != 2 || res.Phases[1].Conns != 3 || len(res.Assertions) != 1 {
		t.Errorf("%v, %+v, %+v", res.Parameters, res.Generator, res.Phases)
	}
	said := strings.Replace(small, "{echo: 64}", "{broadcast: a}", 1)
	for _, tc := range []struct{ args, want string }{
		{script(t, said) + " " + s.URL + " --procs 2", "line 7: a broadcast may be heard in another process"},
		{"- " + s.URL + " --procs 2", "cannot be standard input"},
		{script(t, small) + " " + s.URL + " --procs 4", "3 connections for 4 processes"},
	} {
		if out, errOut, code := call(t, append([]string{"run"}, strings.Fields(tc.args)...)...); code != exitUsage || !strings.Contains(errOut, tc.want) {
			t.Errorf("run %s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
}

// TestProcsOfStorm: clients of all processes come at one rate.
func TestProcsOfStorm(t *testing.T) {
	s := server(t, nil)
	out, errOut, code := call(t, "storm", s.URL, "-c", "7", "--rate", "100", "--procs", "2", "-q", "--json", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errOut)
	}
	if res.Operations != 7 || res.Parameters["rate"] != 100.0 || res.Elapsed < 0.03 || strings.Contains(strings.Join(res.Warnings, ""), "the rate") {
		t.Errorf("%d operations in %v s, %v, %q", res.Operations, res.Elapsed, res.Parameters, res.Warnings)
	}
}
