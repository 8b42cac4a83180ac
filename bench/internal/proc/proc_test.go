package proc

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// burn uses at least d of processor time, by the process's own account. The
// bound of the loop is on work, not on a clock: a busy machine only takes
// longer.
func burn(t *testing.T, p *Process, d time.Duration) {
	t.Helper()
	start, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	x := 1
	for range 100_000 {
		for range 100_000 {
			x = x*31 + 7
		}
		now, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if now.Since(start) >= d {
			runtime.KeepAlive(x)
			return
		}
	}
	t.Fatalf("10^10 steps used less than %v", d)
}

func TestOwnCPU(t *testing.T) {
	p, err := Self()
	if errors.Is(err, ErrUnavailable) {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	burn(t, p, 30*time.Millisecond)
}

// TestThreadsThatEnd: time of a thread that has ended is not lost.
func TestThreadsThatEnd(t *testing.T) {
	p, err := Self()
	if errors.Is(err, ErrUnavailable) {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	burned, leave, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		own, err := Self()
		if err != nil {
			t.Error(err)
		} else {
			burn(t, own, 30*time.Millisecond)
		}
		close(burned)
		<-leave
	}()
	<-burned
	before, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	close(leave)
	<-left
	for range 100 {
		runtime.Gosched()
		after, err := p.CPU()
		if err != nil {
			t.Fatal(err)
		}
		if after < before {
			t.Fatalf("the process's time went back by %v", before.Since(after))
		}
		before = after
	}
}

func TestMemory(t *testing.T) {
	p, err := Self()
	if err != nil {
		t.Log(err)
		return
	}
	before, err := p.Memory()
	if errors.Is(err, ErrUnavailable) {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = byte(i)
	}
	after, err := p.Memory()
	if err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(block)
	if grown := after.RSS - before.RSS; grown < 48<<20 || after.Source == "" {
		t.Errorf("RSS grew by %d bytes (%s) for 64 MiB", grown, after.Source)
	}
	if after.Source == "smaps_rollup" && (after.PSS <= 0 || after.PSS > after.RSS) {
		t.Errorf("PSS %d of RSS %d", after.PSS, after.RSS)
	}
}

// TestCounts: descriptors come and go as files do; there is a thread at least.
func TestCounts(t *testing.T) {
	p, err := Self()
	if errors.Is(err, ErrUnavailable) {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Descriptors()
	if errors.Is(err, ErrUnavailable) {
		t.Log(err)
		return
	}
	for range 5 {
		f, err := os.Open(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	after, err2 := p.Descriptors()
	if err := errors.Join(err, err2); err != nil || after-before != 5 {
		t.Errorf("%d descriptors became %d with 5 files: %v", before, after, err)
	}
	if n := p.Threads(); n < 1 {
		t.Errorf("%d threads", n)
	}
}

// TestChild watches another process, to its end.
func TestChild(t *testing.T) {
	if os.Getenv("PROC_TEST_CHILD") != "" {
		p, err := Self()
		if err != nil {
			t.Fatal(err)
		}
		burn(t, p, 20*time.Millisecond)
		os.Stdout.WriteString("burned\n")
		os.Stdin.Read(make([]byte, 1)) // until the parent closes it
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), "PROC_TEST_CHILD=1")
	in, err1 := child.StdinPipe()
	out, err2 := child.StdoutPipe()
	if err := errors.Join(err1, err2, child.Start()); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	p, err := Open(child.Process.Pid)
	if errors.Is(err, ErrUnavailable) {
		in.Close()
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 7)); err != nil {
		t.Fatal(err)
	}
	used, err := p.CPU()
	if err != nil {
		t.Fatal(err)
	}
	if used < CPU(20*time.Millisecond) {
		t.Errorf("the child used %v, it says at least 20ms", time.Duration(used))
	}
	if m, err := p.Memory(); err != nil || m.RSS < 1<<20 {
		t.Errorf("memory %+v, %v", m, err)
	}
	in.Close()
	out.Close()
	child.Wait()
	if _, err := p.CPU(); !errors.Is(err, ErrGone) {
		t.Errorf("CPU of an ended process: %v, want ErrGone", err)
	}
	if _, err := p.Memory(); !errors.Is(err, ErrGone) {
		t.Errorf("Memory of an ended process: %v, want ErrGone", err)
	}
}

// TestCoarse: the fallback tells the same time, to its tick.
func TestCoarse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("one source only")
		return
	}
	checkCoarse(t)
}
