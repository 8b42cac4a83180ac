package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

// workerEnv makes the program a generator process: it is told an order on its standard
// input, a line of JSON, then a line each time that it may go on; it answers with a
// report a line. It ends when its input does.
const workerEnv = "SIO_SCALE_WORKER"

// order is what a generator has to do.
type order struct {
	URL      string        `json:"url"`
	Sources  []netip.Addr  `json:"sources"`
	Steps    []int         `json:"steps"`
	Rest     time.Duration `json:"rest"`
	Duration time.Duration `json:"duration"`
	Patience time.Duration `json:"patience"`
}

// report is what a generator says.
type report struct {
	bench.Meeting
	Err    string                      `json:"error,omitempty"` // why it has ended early
	Counts map[string]bench.ErrorCount `json:"errors_by_name,omitempty"`
}

// over is [bench.Meeting.At] of the last report.
const over = "over"

// worker is the generator process.
func worker(in io.Reader, out io.Writer) int {
	debug.SetGCPercent(800) // as command sio-bench has it
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines := bufio.NewScanner(in)
	var o order
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &o) != nil {
		fmt.Fprintln(os.Stderr, "scale: a generator without an order")
		return 2
	}
	proceed := make(chan struct{})
	go func() {
		defer cancel()
		for lines.Scan() {
			select {
			case proceed <- struct{}{}:
			case <-ctx.Done():
				return
			}
		}
	}()
	say := json.NewEncoder(out)
	s := &bench.Crowd{Steps: o.Steps, Rest: o.Rest, Meet: func(ctx context.Context, m bench.Meeting) error {
		if err := say.Encode(report{Meeting: m}); err != nil {
			return err
		}
		select {
		case <-proceed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	res, err := s.Run(ctx, bench.Options{
		URL: o.URL, Sources: o.Sources, Duration: o.Duration,
		Timeout: 30 * time.Second, Drain: min(o.Patience, 30*time.Second),
	})
	last := report{Meeting: bench.Meeting{At: over}}
	switch {
	case err != nil:
		last.Err = err.Error()
	default:
		last.Errors, last.Counts = res.ErrorTotal(), res.Errors
	}
	_ = say.Encode(last) // nobody is left to tell of an error
	if err != nil {
		return 1
	}
	return 0
}

// generator is a worker seen from outside.
type generator struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	reports chan report // closed when the process has ended
	said    strings.Builder
	end     error // valid after reports is closed
}

// startGenerator starts a worker.
func startGenerator(o order) (*generator, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	g := &generator{cmd: exec.Command(self), reports: make(chan report, 1)}
	g.cmd.Env = append(os.Environ(), workerEnv+"=1")
	g.cmd.Stderr = &g.said
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(g.reports)
		for d := json.NewDecoder(out); ; {
			var r report
			if d.Decode(&r) != nil {
				break
			}
			g.reports <- r
		}
		io.Copy(io.Discard, out)
		g.end = g.cmd.Wait()
	}()
	return g, json.NewEncoder(g.in).Encode(o)
}

// next waits for the generator to be at a part of its run.
func (g *generator) next(ctx context.Context, at string) (report, error) {
	select {
	case r, ok := <-g.reports:
		switch {
		case !ok:
			return r, fmt.Errorf("generator %d: ended (%v) %s", g.cmd.Process.Pid, g.end, strings.TrimSpace(g.said.String()))
		case r.Err != "":
			return r, fmt.Errorf("generator %d: %s", g.cmd.Process.Pid, r.Err)
		case r.At != at:
			return r, fmt.Errorf("generator %d: is at %q, not at %q", g.cmd.Process.Pid, r.At, at)
		}
		return r, nil
	case <-ctx.Done():
		err := context.Cause(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = errors.New("time is up")
		}
		return report{}, fmt.Errorf("generator %d: before %q: %w", g.cmd.Process.Pid, at, err)
	}
}

// proceed lets the generator go on.
func (g *generator) proceed() error {
	_, err := io.WriteString(g.in, "\n")
	return err
}

// stop ends the generator and waits for it.
func (g *generator) stop() {
	g.in.Close()
	kill := time.AfterFunc(5*time.Second, func() { g.cmd.Process.Kill() })
	defer kill.Stop()
	for range g.reports {
	}
}
