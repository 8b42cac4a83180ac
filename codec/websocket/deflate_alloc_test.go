//go:build !race

// The race detector makes pools forget.

package websocket

import (
	"errors"
	"runtime"
	"testing"
)

// TestInflateAllocatesForNoBomb: of a message that inflates to 64 MiB not more is kept, nor made, than
// the limit lets through.
func TestInflateAllocatesForNoBomb(t *testing.T) {
	bomb, ok := deflated(t, make([]byte, 64<<20), MaxWindowBits)
	if !ok || len(bomb) > 1<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	_, _ = Inflate(nil, bomb, 1) // fills the pool
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := Inflate(nil, bomb, 1_000_000)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTooBig) || len(got) > 1_000_000 || cap(got) > 1_000_000 {
		t.Errorf("F33: %d bytes in %d, %v", len(got), cap(got), err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 3_000_000 {
		t.Errorf("F33: %d bytes were allocated for a limit of 1,000,000", made)
	}
}

// TestDeflateAllocatesNothing: what is compressed and inflated over and over costs no
// memory but that of the results.
func TestDeflateAllocatesNothing(t *testing.T) {
	p := testPayloads()["few words"]
	z, _ := deflated(t, p, MaxWindowBits)
	frame, text := make([]byte, 0, 4096), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		frame = AppendDeflated(frame[:0], Text, p, MaxWindowBits)
		text, _ = Inflate(text[:0], z, len(p))
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
