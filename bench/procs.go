package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// Procs runs a scenario in several processes: each has its own descriptors, and
// cores for its loops. This process is the leader; it runs a part itself, looks
// at the server, and starts the others, which call [Work] with the same scenario
// and options. Connections, rates, rooms and concurrency are of all processes
// together; the loops are of each.
//
// All begin to connect at the same moment, and to send, to within some
// milliseconds. Histograms, seconds, errors and processor time are added up.
// Samples that [Options.Progress] is told are the leader's own with the others'
// totals; the result's are of all.
//
// When a process ends before its result is there, the run fails, and the others
// are ended. When one is interrupted, all are: half of them with half the load
// would be another run.
type Procs struct {
	Scenario Scenario
	N        int // processes, this one included

	// Command makes the command for part i, 1 to N-1. Its standard input and
	// output are the team's; what it says on standard error is told when it fails.
	Command func(i int) *exec.Cmd
}

// maxProcs bounds [Procs.N].
const maxProcs = 64

// Name is the scenario's.
func (p *Procs) Name() string { return p.Scenario.Name() }

// Run implements [Scenario].
func (p *Procs) Run(ctx context.Context, o Options) (*Result, error) {
	if p.N < 1 || p.N > maxProcs {
		return nil, fmt.Errorf("%w: %d processes: must be 1 to %d", ErrUsage, p.N, maxProcs)
	}
	if p.N == 1 {
		return p.Scenario.Run(ctx, o)
	}
	d, err := divisibleBy(p.Scenario)
	if err != nil {
		return nil, err
	}
	own, err := optionsOf(p.Scenario, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	l := &leader{cancel: cancel, procs: p, meetings: meetings{of: p.N}}
	for i := 1; i < p.N; i++ { // before anything is started
		o := own
		if _, err := d.divide(&o, i, p.N); err != nil {
			return nil, err
		}
	}
	l.runName = own.RunName
	own.part = &portion{0, p.N, l}
	own.Intervals = true
	own.Progress = l.progress(o.Progress)
	s, err := d.divide(&own, 0, p.N)
	if err != nil {
		return nil, err
	}
	defer l.end()
	for i := 1; i < p.N; i++ {
		if err := l.start(ctx, i); err != nil {
			return nil, err
		}
	}
	res, err := s.Run(ctx, own)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return nil, cause // a worker has failed, and this ended the rest
	}
	if err != nil {
		return nil, err
	}
	results, err := l.results(ctx, own.Drain+own.Timeout)
	if err != nil {
		return nil, err
	}
	if err := res.add(results, o.Intervals); err != nil {
		return nil, err
	}
	return res, nil
}

// leader is the team as the leader sees it.
type leader struct {
	procs    *Procs
	runName  string // the same for all
	cancel   context.CancelCauseFunc
	meetings meetings
	workers  []*teamMate
}

// teamMate is one worker process.
type teamMate struct {
	index int
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *lines
	said  tail
	over  chan struct{} // closed when its output has ended and it was waited for

	mu     sync.Mutex
	so     teamProgress
	result *Result
}

// start starts worker i and gives it its part.
func (l *leader) start(ctx context.Context, i int) error {
	w := &teamMate{index: i, cmd: l.procs.Command(i), over: make(chan struct{})}
	w.cmd.Stderr = &w.said
	in, err1 := w.cmd.StdinPipe()
	out, err2 := w.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := w.cmd.Start(); err != nil {
		return fmt.Errorf("process %d: %w", i, err)
	}
	w.in, w.lines = in, newLines(out, in)
	l.workers = append(l.workers, w)
	go func() {
		defer close(w.over)
		err := l.listen(ctx, w)
		if err != nil { // before its end: it may wait for ours
			l.cancel(fmt.Errorf("process %d: %w%s", i, err, w.said.quote()))
		}
		_, _ = io.Copy(io.Discard, out) // the process may still be writing
		end := w.cmd.Wait()
		w.mu.Lock()
		finished := w.result != nil
		w.mu.Unlock()
		switch {
		case finished || err != nil:
		case end != nil:
			l.cancel(fmt.Errorf("process %d: %w%s", i, end, w.said.quote()))
		default:
			l.cancel(fmt.Errorf("process %d ended without a result%s", i, w.said.quote()))
		}
	}()
	return nil
}

// listen takes what w says, to its end; nil at the end of its output.
func (l *leader) listen(ctx context.Context, w *teamMate) error {
	hello, err := w.lines.read()
	if err == io.EOF {
		return nil
	}
	switch {
	case err != nil:
	case hello.Type != "hello" || hello.Version != teamVersion:
		err = fmt.Errorf("speaks version %d (%q) and not %d", hello.Version, hello.Type, teamVersion)
	case hello.Revision != environment().Revision:
		err = fmt.Errorf("is of revision %q, this process of %q", hello.Revision, environment().Revision)
	default:
		_ = w.lines.write(teamMessage{Type: "part", Index: w.index, Of: l.procs.N, Run: l.runName}) // its end is read
	}
	for err == nil {
		var m teamMessage
		if m, err = w.lines.read(); err != nil {
			break
		}
		switch m.Type {
		case "meet":
			var all *meeting
			if all, err = l.meetings.come(m.Point, m.N); err == nil {
				select {
				case <-all.over:
					_ = w.lines.write(teamMessage{Type: "meet", Point: m.Point, N: all.sum}) // its end is read
				case <-ctx.Done():
				}
			}
		case "progress":
			w.mu.Lock()
			if m.Progress != nil {
				w.so = *m.Progress
			}
			w.mu.Unlock()
		case "result":
			if m.Result == nil {
				return errors.New("a result without figures")
			}
			w.mu.Lock()
			w.result = m.Result
			w.mu.Unlock()
			if m.Result.Interrupted {
				l.cancel(context.Canceled)
			}
			return nil
		case "interrupted":
			l.cancel(context.Canceled)
			return nil
		case "error":
			return errors.New(m.Error)
		default:
			err = fmt.Errorf("said %q", m.Type)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (l *leader) meet(ctx context.Context, point string, n int64) (int64, error) {
	all, err := l.meetings.come(point, n)
	if err != nil {
		return 0, err
	}
	select {
	case <-all.over:
		return all.sum, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// progress adds what the workers have to what the leader tells.
func (l *leader) progress(tell func(Progress)) func(Progress) {
	var last uint64
	var at time.Time
	return func(p Progress) {
		for _, w := range l.workers {
			w.mu.Lock()
			p.Conns += w.so.Conns
			p.Wanted += w.so.Wanted
			p.Operations += w.so.Operations
			p.Errors += w.so.Errors
			w.mu.Unlock()
		}
		now := time.Now()
		if span := now.Sub(at).Seconds(); !at.IsZero() && span > 0 && p.Operations >= last {
			p.Rate = float64(p.Operations-last) / span
		}
		last, at = p.Operations, now
		if tell != nil {
			tell(p)
		}
	}
}

// results waits for the workers' results, for at most patience; when ctx ends,
// before or meanwhile, it asks for what there is.
func (l *leader) results(ctx context.Context, patience time.Duration) (all []*Result, err error) {
	asked := make(chan struct{})
	forget := context.AfterFunc(ctx, func() {
		defer close(asked)
		for _, w := range l.workers {
			_ = w.lines.write(teamMessage{Type: "stop"}) // its end is seen below
		}
	})
	defer func() {
		if !forget() {
			<-asked
		}
	}()
	late := time.NewTimer(patience + resultPatience)
	defer late.Stop()
	for _, w := range l.workers {
		select {
		case <-w.over:
		case <-late.C:
			return nil, fmt.Errorf("process %d has not come to an end in time", w.index)
		}
		w.mu.Lock()
		res := w.result
		w.mu.Unlock()
		if res == nil {
			if cause := context.Cause(ctx); cause != nil {
				return nil, cause
			}
			return nil, fmt.Errorf("process %d ended without a result", w.index)
		}
		all = append(all, res)
	}
	return all, nil
}

// resultPatience is how long a worker may take for its result and its end beyond
// what the run allows.
const resultPatience = 10 * time.Second

// end ends all workers that still run and waits for them.
func (l *leader) end() {
	for _, w := range l.workers {
		w.in.Close() // the worker's sign to end
	}
	late := time.NewTimer(stopPatience)
	defer late.Stop()
	for _, w := range l.workers {
		select {
		case <-w.over:
		case <-late.C:
			late.Reset(0) // for the others, too
			_ = w.cmd.Process.Kill()
			<-w.over
		}
	}
}
