package proc

import (
	"testing"
	"time"
)

func checkCoarse(t *testing.T) {
	p, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	burn(t, p, 50*time.Millisecond)
	low, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	coarse, err := p.stat()
	if err != nil {
		t.Fatal(err)
	}
	// Threads that ended before Open are only in the coarse figure, so there is
	// no upper bound; the tick and its rounding are the lower slack.
	if coarse < low-CPU(40*time.Millisecond) {
		t.Errorf("stat says %v, schedstat at least %v", time.Duration(coarse), time.Duration(low))
	}
}
