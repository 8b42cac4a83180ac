package bench

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// pacedRun is a run with a pacer of its own, which tells send what is due.
func pacedRun(t *testing.T, o Options, send func(due time.Duration) bool) (*run, *pacer) {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRun(t.Context(), &Echo{}, o, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r, newPacer(r.workers[0], send)
}

// TestPacerAtTheEnd: what was due while the loop stood still at the end of the window is
// sent yet, and what was due after it is not. All of it counts as late.
func TestPacerAtTheEnd(t *testing.T) {
	const gap, window = time.Millisecond, 300 * time.Millisecond
	var sent []time.Duration
	r, p := pacedRun(t, brief(startServer(t, nil).URL), func(due time.Duration) bool {
		sent = append(sent, due)
		return true
	})
	w := r.workers[0]
	w.loop.Do(func() {
		w.record(true)
		p.start(float64(time.Second/gap), 0, 1)
		time.Sleep(window)
		w.record(false)
		if p.stop(); !p.behind() {
			t.Error("nothing is left to send")
		}
	})
	if err := r.drain(func(w *worker) bool { return w.pacer.behind() }); err != nil {
		t.Fatal(err)
	}
	w.loop.Do(func() {
		want := int((w.until - sent[0] + gap - 1) / gap)
		if len(sent) != want || slices.Max(sent) >= w.until || w.unsent > 0 {
			t.Errorf("%d sent, the last %v before the end; want %d, and %d never sent", len(sent), w.until-slices.Max(sent), want, w.unsent)
		}
		var due uint64
		for _, at := range sent {
			if at >= w.from {
				due++
			}
		}
		if n := w.lag.Count(); n != due || w.lag.Max() < window-2*gap {
			t.Errorf("%d of %d count, the latest %v late", n, due, w.lag.Max())
		}
	})
	res := &Result{Elapsed: 1}
	r.health(res)
	if h := res.Generator; h.Unsent != 0 || h.Verdict != healthLimit {
		t.Errorf("%+v", h)
	}
}

// TestPacerNeverCatchesUp: who takes longer to send than there is time is behind at the end.
// It is let go on for a while; the rest is counted, and the generator was the limit.
func TestPacerNeverCatchesUp(t *testing.T) {
	const gap = time.Millisecond
	o := brief(startServer(t, nil).URL)
	o.Drain = 200 * time.Millisecond // of which it has a quarter
	var sent []time.Duration
	r, p := pacedRun(t, o, func(due time.Duration) bool {
		sent = append(sent, due)
		time.Sleep(4 * gap)
		return true
	})
	err := r.measure(func(*worker) { p.start(float64(time.Second/gap), 0, 1) }, func(*worker) { p.stop() }, func(*worker) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	res := &Result{Elapsed: 1, Parameters: map[string]any{}}
	r.each(func(w *worker) {
		want := int((w.until - sent[0] + gap - 1) / gap)
		if w.unsent == 0 || len(sent)+int(w.unsent) != want || w.lag.Count() < w.unsent {
			t.Errorf("%d sent, %d not, of %d; %d count", len(sent), w.unsent, want, w.lag.Count())
		}
	})
	r.health(res)
	h := res.Generator
	if h.Unsent == 0 || h.Verdict != healthLimit || !strings.Contains(strings.Join(h.Reasons, "; "), "were never sent") {
		t.Errorf("%+v", h)
	}
	other := &Result{Generator: &Health{Verdict: healthOK, Unsent: 1000}, Warnings: (&Health{Unsent: 1000}).warnings(0, 1)}
	n := h.Unsent
	if err := res.add([]*Result{other}, false); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, text := range res.Warnings {
		if strings.Contains(text, "never sent") {
			said = append(said, text)
		}
	}
	if res.Generator.Unsent != n+1000 || len(said) != 1 || !strings.HasPrefix(said[0], warnLate) {
		t.Errorf("%d not sent, then %d; %q", n, res.Generator.Unsent, said)
	}
}

// TestPacerGone: with nobody left to send, nothing is waited for.
func TestPacerGone(t *testing.T) {
	r, p := pacedRun(t, brief(startServer(t, nil).URL), func(time.Duration) bool { return false })
	began := time.Now()
	err := r.measure(func(*worker) { p.start(1000, 0, 1) }, func(*worker) { p.stop() }, func(*worker) bool { return false })
	if took := time.Since(began); err != nil || took > DefaultTimeout {
		t.Errorf("%v, after %v", err, took)
	}
	r.each(func(w *worker) {
		if w.unsent != 0 || p.behind() {
			t.Errorf("%d not sent", w.unsent)
		}
	})
}
