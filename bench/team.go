package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A team is the other processes of a run, as one of them sees it. nil: there are
// none.
type team interface {
	// meet waits until all processes have come to the same point and returns the
	// sum of what they bring. Nobody waits much longer than the others.
	meet(ctx context.Context, point string, n int64) (sum int64, err error)
}

// portion is which share of a run a process has.
type portion struct {
	index, of int
	team      team
}

// meet is [team.meet], for one process alone, too.
func (r *run) meet(point string, n int64) (int64, error) {
	if r.options.part == nil {
		return n, nil
	}
	return r.options.part.team.meet(r.ctx, point, n)
}

// The protocol between the processes: a JSON object a line. The worker says hello
// and is told its part; then it meets, tells of progress, and ends with its
// result or an error. The end of its standard input ends a worker.
type teamMessage struct {
	Type string `json:"type"`

	// "hello", of the worker.
	Version  int    `json:"version,omitempty"`
	Revision string `json:"revision,omitempty"`

	// "part", to the worker.
	Index int    `json:"index,omitempty"`
	Of    int    `json:"of,omitempty"`
	Run   string `json:"run,omitempty"` // [Options.RunName]

	// "meet", of the worker with what it brings, and to it with the sum.
	Point string `json:"point,omitempty"`
	N     int64  `json:"n,omitempty"`

	// "progress", of the worker: so far.
	Progress *teamProgress `json:"progress,omitempty"`

	// "result", "error" or "interrupted", of the worker: the last if it was, before
	// there was a result. "stop", to it, asks for the result so far.
	Result *Result `json:"result,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// teamProgress is the part of [Progress] that processes add up.
type teamProgress struct {
	Conns      int    `json:"connections"`
	Wanted     int    `json:"wanted"`
	Operations uint64 `json:"operations"`
	Errors     uint64 `json:"errors"`
}

const (
	// teamVersion is that of the protocol.
	teamVersion = 3

	// teamLine bounds a line of it, in bytes: a result with a sample a second for
	// some hours.
	teamLine = 64 << 20
)

// lines reads and writes messages. Writing is for any goroutine.
type lines struct {
	in  *bufio.Scanner
	mu  sync.Mutex
	out io.Writer
}

func newLines(in io.Reader, out io.Writer) *lines {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), teamLine)
	return &lines{in: s, out: out}
}

// read returns the next message, io.EOF at the end.
func (l *lines) read() (m teamMessage, err error) {
	if !l.in.Scan() {
		if err := l.in.Err(); err != nil {
			return m, err
		}
		return m, io.EOF
	}
	if err := json.Unmarshal(l.in.Bytes(), &m); err != nil {
		return m, fmt.Errorf("%.80q: %w", l.in.Bytes(), err)
	}
	return m, nil
}

func (l *lines) write(m teamMessage) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.out.Write(append(text, '\n'))
	return err
}

// Work runs the part of a scenario that the leader at the other end of in and out
// gives to this process: see [Procs]. It returns when the leader has the result,
// or nil when the leader is gone.
func Work(ctx context.Context, s Scenario, o Options, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLines(in, out)
	if err := l.write(teamMessage{Type: "hello", Version: teamVersion, Revision: environment().Revision}); err != nil {
		return err
	}
	m, err := l.read()
	if err == io.EOF {
		return nil
	}
	if err == nil && (m.Type != "part" || m.Of < 2 || m.Index < 1 || m.Index >= m.Of) {
		err = fmt.Errorf("%q in place of a part", m.Type)
	}
	if err != nil {
		return err
	}
	w := &teamWorker{lines: l, sums: make(chan teamMessage, 1)}
	go func() { // ends with in
		for {
			m, err := l.read()
			switch {
			case err != nil || m.Type == "stop":
				cancel()
				if err != nil {
					return
				}
			case m.Type == "meet":
				select {
				case w.sums <- m:
				default: // nobody has asked for it
				}
			}
		}
	}()
	o.RunName = m.Run
	res, err := w.run(ctx, s, o, m.Index, m.Of)
	if errors.Is(err, context.Canceled) {
		return l.write(teamMessage{Type: "interrupted"})
	}
	if err != nil {
		return l.write(teamMessage{Type: "error", Error: err.Error()})
	}
	return l.write(teamMessage{Type: "result", Result: res})
}

// teamWorker is the team as a worker sees it.
type teamWorker struct {
	lines *lines
	sums  chan teamMessage
}

func (w *teamWorker) run(ctx context.Context, s Scenario, o Options, i, n int) (*Result, error) {
	d, err := divisibleBy(s)
	if err != nil {
		return nil, err
	}
	o, err = optionsOf(s, o)
	if err != nil {
		return nil, err
	}
	o.PID, o.Stats, o.Metrics = 0, "", "" // the leader looks at the server
	o.Intervals = true                    // the leader adds the seconds up
	o.part = &portion{i, n, w}
	s, err = d.divide(&o, i, n)
	if err != nil {
		return nil, err
	}
	o.Progress = func(p Progress) {
		_ = w.lines.write(teamMessage{Type: "progress", Progress: &teamProgress{p.Conns, p.Wanted, p.Operations, p.Errors}}) // the reader sees the end
	}
	return s.Run(ctx, o)
}

func (w *teamWorker) meet(ctx context.Context, point string, n int64) (int64, error) {
	if err := w.lines.write(teamMessage{Type: "meet", Point: point, N: n}); err != nil {
		return 0, err
	}
	select {
	case m := <-w.sums:
		if m.Point != point {
			return 0, fmt.Errorf("at %q the others are at %q", point, m.Point)
		}
		return m.N, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// meetings are where the processes of a leader come together, one after another.
type meetings struct {
	of int

	mu  sync.Mutex
	now *meeting // nil: nobody has come to the next
}

// meeting is one of them.
type meeting struct {
	point   string
	arrived int
	sum     int64         // fixed once over is closed
	over    chan struct{} // closed when all have come
}

// come arrives at a point.
func (m *meetings) come(point string, n int64) (*meeting, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil {
		m.now = &meeting{point: point, over: make(chan struct{})}
	}
	now := m.now
	if point != now.point {
		return nil, fmt.Errorf("some processes are at %q, others at %q", now.point, point)
	}
	now.sum += n
	if now.arrived++; now.arrived == m.of {
		m.now = nil
		close(now.over)
	}
	return now, nil
}
