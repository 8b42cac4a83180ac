package bench

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// healthOf is the verdict on a run whose loops took the given shares of a core,
// and whose timers and messages were late by so much.
func healthOf(t *testing.T, cores []float64, late, lag time.Duration, fds int) (*Health, string) {
	t.Helper()
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Loops, o.Duration = len(cores), 50*time.Millisecond
	opts, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRun(t.Context(), &Echo{}, opts, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.recorder.stop()
	r.each(func(w *worker) {
		w.cpuBegin, w.cpuEnd = 0, time.Duration(cores[w.index]*float64(time.Second))
		w.late.Record(late)
		if lag > 0 {
			w.lag.Record(lag)
		}
	})
	res := &Result{Elapsed: 1, Series: []Sample{{Client: Load{FDs: fds}}}}
	r.health(res)
	return res.Generator, strings.Join(res.Warnings, "\n")
}

// TestHealth: each sign of a generator that could not keep up has its verdict and
// its reason.
func TestHealth(t *testing.T) {
	for _, tc := range []struct {
		name    string
		cores   []float64
		late    time.Duration
		lag     time.Duration
		fds     int
		verdict string
		reason  string
		warning string
	}{
		{"well", []float64{0.5, 0.1}, time.Millisecond, time.Millisecond, 10, "ok", "", ""},
		{"one loop of two is full", []float64{0.1, 0.9}, 0, 0, 10, "limit", "loop 1 took 90 % of a core", "THE GENERATOR WAS THE LIMIT"},
		{"nearly full", []float64{0.7}, 0, 0, 10, "busy", "loop 0 took 70 %", ""},
		{"sent late", []float64{0.1}, 0, 6 * time.Millisecond, 10, "limit", "after they were due", "THE GENERATOR WAS LATE"},
		{"kept waiting", []float64{0.1}, 7 * time.Millisecond, 0, 10, "busy", "too little to give", "kept waiting"},
		{"few descriptors left", []float64{0.1}, 0, 0, 1 << 40, "busy", "descriptors", ""},
		{"both", []float64{0.9}, 7 * time.Millisecond, 0, 10, "limit", "loop 0 took 90 %", "THE GENERATOR WAS THE LIMIT"},
	} {
		if tc.fds > 1<<30 && descriptorLimit() == 0 {
			continue
		}
		h, warnings := healthOf(t, tc.cores, tc.late, tc.lag, tc.fds)
		reasons := strings.Join(h.Reasons, "\n")
		if h.Verdict != tc.verdict || !strings.Contains(reasons, tc.reason) || (tc.reason == "") != (reasons == "") {
			t.Errorf("%s: %s: %s; want %s: %s", tc.name, h.Verdict, reasons, tc.verdict, tc.reason)
		}
		if !strings.Contains(warnings, tc.warning) || (tc.warning == "") != (warnings == "") {
			t.Errorf("%s: warnings %q, want %q", tc.name, warnings, tc.warning)
		}
	}
}

// TestHealthIsMeasured: a run has it, with the time of each loop where the system
// tells it.
func TestHealthIsMeasured(t *testing.T) {
	s := startServer(t, nil)
	o := brief(s.URL)
	o.Loops = 2
	res := runScenario(t, &Echo{}, o)
	clean(t, res)
	h := res.Generator
	if h == nil || h.Verdict == "" || len(h.Loops) != 2 || h.LagP99 <= 0 || h.LagMax < h.LagP99 {
		t.Fatalf("%+v", h)
	}
	for i, l := range h.Loops {
		if runtime.GOOS == "linux" && (l.Cores <= 0 || l.Cores > 1.5) {
			t.Errorf("loop %d: %+v", i, l)
		}
	}
	if runtime.GOOS == "linux" && (h.FDs == 0 || h.FDLimit == 0) {
		t.Errorf("%+v", h)
	}
}

// TestEnvironment: where the run took place is told.
func TestEnvironment(t *testing.T) {
	e := environment()
	if e.System == "" || e.Cores < 1 || e.GOMAXPROCS < 1 || e.Go == "" {
		t.Errorf("%+v", e)
	}
	if runtime.GOOS == "linux" && (e.Kernel == "" || e.Memory <= 0) {
		t.Errorf("%+v", e)
	}
	t.Setenv("GOGC", "50")
	if got := environment().Settings; !strings.Contains(got, "GOGC=50") {
		t.Errorf("settings %q", got)
	}
}

func TestBriefly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := briefly(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := tookText(1962934 * time.Microsecond); got != "1.96 s" {
		t.Error(got)
	}
}
