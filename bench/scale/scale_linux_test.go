package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

// These tests are Linux's: what other processes take is only known there.

// serverEnv makes the test binary a server: "good", or one that ends by itself
// with the second broadcast.
const serverEnv = "SIO_SCALE_TEST_SERVER"

func TestMain(m *testing.M) {
	switch kind := os.Getenv(serverEnv); {
	case os.Getenv(workerEnv) != "": // first: a generator of the test has both
		os.Exit(worker(os.Stdin, os.Stdout))
	case kind != "":
		os.Exit(serve(kind))
	}
	os.Exit(m.Run())
}

func serve(kind string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	o := benchtest.Options{PingInterval: 50 * time.Millisecond}
	if kind == "mortal" {
		o.Fault = func(packet string) []string {
			if strings.HasPrefix(packet, "42[") {
				os.Exit(3)
			}
			return []string{packet}
		}
	}
	s, err := benchtest.New(o)
	if err != nil {
		return 1
	}
	fmt.Println("listening " + s.URL)
	<-term
	s.Close()
	return 0
}

// call runs the program with servers of a kind.
func call(ctx context.Context, t *testing.T, kind string, args ...string) (out, errOut string, code int) {
	t.Helper()
	t.Setenv(serverEnv, kind)
	var o, e bytes.Buffer
	code = run(ctx, append([]string{"--server", os.Args[0], "--rest", "200ms", "--settle", "10ms", "--duration", "100ms", "--reserve", "1"}, args...), &o, &e)
	return o.String(), e.String(), code
}

// TestScale: steps within a process and over several, and the sums.
func TestScale(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scale.json")
	out, errOut, code := call(t.Context(), t, "good", "--steps", "4,8,20", "--per", "8", "--rest", "1s", "--json", file) // of twenty heartbeats
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var res result
	if err := json.Unmarshal(text, &res); err != nil {
		t.Fatal(err)
	}
	want := [][]int{{4}, {8}, {8, 8, 4}}
	if len(res.Steps) != len(want) || res.Errors != 0 || len(res.Flat) == 0 {
		t.Fatalf("%d steps, %d errors, flat %v", len(res.Steps), res.Errors, res.Flat)
	}
	for k, s := range res.Steps {
		var conns []int
		for i, e := range s.Each {
			conns = append(conns, e.Conns)
			if e.Heartbeats == 0 || e.Broadcasts == 0 || e.Deliveries != e.Broadcasts*uint64(e.Conns) || e.RSS == 0 || e.IdleRSS == 0 || e.BroadcastCPU <= 0 {
				t.Errorf("step %d, process %d: %+v", k, i, e)
			}
		}
		if !slices.Equal(conns, want[k]) {
			t.Errorf("step %d: connections %v, want %v", k, conns, want[k])
		}
		f := s.Figures
		if f.DeliveryCPU <= 0 || f.DeliveryLow > f.DeliveryCPU || f.DeliveryTop < f.DeliveryCPU || f.LastMax < f.LastP50 {
			t.Errorf("step %d: %+v", k, f)
		}
	}
	if rows := strings.Count(out, "\n| "); rows < len(want)+1 || !strings.Contains(out, "no cluster adapter") {
		t.Errorf("tables\n%s", out)
	}
}

// TestScaleFails: a server that ends, or a limit that is met, ends the run, with the
// processes that were started.
func TestScaleFails(t *testing.T) {
	for _, tc := range []struct {
		name, kind string
		args       []string
		want       string
		code       int
	}{
		{"server ends", "mortal", []string{"--steps", "2"}, "ended", 1},
		{"no memory", "good", []string{"--steps", "2", "--reserve", "1000000000"}, "MiB of memory are available", 1},
		{"no server", "good", []string{"--steps", "2", "--server", "/nowhere"}, "/nowhere", 1},
		{"no time", "good", []string{"--steps", "2", "--patience", "1ns"}, "time is up", 1},
		{"steps that fall", "good", []string{"--steps", "2,1"}, "must rise", 2},
		{"too many for a process", "good", []string{"--steps", "2", "--per", "900000000"}, "descriptors", 2},
		{"too many processes", "good", []string{"--steps", "100", "--per", "1"}, "at most 32", 2},
		{"arguments", "good", []string{"more"}, "no arguments", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, errOut, code := call(t.Context(), t, tc.kind, tc.args...)
			if code != tc.code || !strings.Contains(errOut, tc.want) {
				t.Errorf("exit code %d, want %d: %s", code, tc.code, errOut)
			}
		})
	}
}

// TestScaleInterrupted: it ends at once, and what was measured is told.
func TestScaleInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	time.AfterFunc(100*time.Millisecond, cancel)
	_, errOut, code := call(ctx, t, "good", "--steps", "2,4", "--rest", "1h")
	if code != 130 || !strings.Contains(errOut, "interrupted") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func TestSpread(t *testing.T) {
	r := &result{}
	for _, s := range []*step{
		{Rest: 1, Each: []each{{Conns: 10, RSS: 5100, IdleRSS: 100, RestCPU: 10e-6, BroadcastCPU: 20e-6, Deliveries: 10}}},
		{Rest: 2, Each: []each{{Conns: 20, RSS: 6100, IdleRSS: 100, RestCPU: 60e-6, BroadcastCPU: 80e-6, Deliveries: 20}, {}}},
		{Rest: 2, Each: []each{{Conns: 20, RSS: 6100, IdleRSS: 100, RestCPU: 40e-6, BroadcastCPU: 60e-6, Deliveries: 20}, {Conns: 10, RSS: 2300, IdleRSS: 300, BroadcastCPU: 60e-6, Deliveries: 20}}},
	} {
		r.add(s)
	}
	r.finish()
	want := []spread{
		{"RSS per connection added, B", 100, 200, 2, 2},
		{"server CPU at rest per connection and second, us", 1, 40.0 / 60, 40.0 / 60, 1.5 / (40.0 / 60)},
		{"server CPU per delivery, us", 2, 3, 1.5, 2},
	}
	if len(r.Flat) != len(want) {
		t.Fatalf("flat %+v", r.Flat)
	}
	for i, s := range r.Flat {
		if fmt.Sprintf("%.4v", s) != fmt.Sprintf("%.4v", want[i]) {
			t.Errorf("got %+v, want %+v", s, want[i])
		}
	}
}
