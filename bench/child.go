package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ServerSpec is a server that [Matrix] starts as a child process.
//
// It must print a line "listening http://HOST:PORT" on its standard output once
// it accepts connections; a line "stats URL" before that names its statistics
// (see [Options.Stats]), a line "version TEXT" says what it is. The process that is started is the one that is measured:
// a shell or launcher in between would be measured in its place.
type ServerSpec struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Dir     string   `json:"dir,omitempty"` // default: the current one
	Env     []string `json:"env,omitempty"` // NAME=VALUE, added to our own

	// Optional is set for a server that is left out, and named, where it does not
	// start.
	Optional bool `json:"optional,omitempty"`

	// Version says what is behind the name, for people: "socket.io 4.8.4, ws 8.21.3". In a
	// result it is what the server says itself, if it does.
	Version string `json:"version,omitempty"`

	// Tolerated are names of errors that are known of this server, each with its reason.
	// They are reported, and are no failure: see [MatrixResult.ErrorTotal].
	Tolerated map[string]string `json:"tolerated,omitempty"`
}

// Learn fills in what a plan knows of servers, by their names, and a result of before it
// did has nothing of: Version and Tolerated.
func Learn(servers, plan []ServerSpec) {
	for i := range servers {
		s := &servers[i]
		for _, known := range plan {
			if known.Name != s.Name {
				continue
			}
			s.Version = cmp.Or(s.Version, known.Version)
			if s.Tolerated == nil {
				s.Tolerated = known.Tolerated
			}
		}
	}
}

// startPatience is how long a server may take until it listens, stopPatience how
// long to end after it was asked to, outputPatience how long its output may stay
// open after its end: processes that it has started may hold it for ever.
const (
	startPatience  = 30 * time.Second
	stopPatience   = 5 * time.Second
	outputPatience = 500 * time.Millisecond
)

// child is a running server, with all that it starts in its process group.
type child struct {
	spec    ServerSpec
	cmd     *exec.Cmd
	url     string // valid after listening, as the next two
	stats   string
	version string
	said    tail
	over    chan struct{} // closed when the process has ended
	end     error         // how; valid after over
}

// startChild starts a server and waits until it listens.
func startChild(ctx context.Context, spec ServerSpec) (*child, error) {
	if len(spec.Command) == 0 {
		return nil, fmt.Errorf("%w: server %q has no command", ErrUsage, spec.Name)
	}
	c := &child{spec: spec, over: make(chan struct{})}
	listening := make(chan struct{})
	c.cmd = exec.Command(spec.Command[0], spec.Command[1:]...)
	c.cmd.Dir = spec.Dir
	c.cmd.Env = append(os.Environ(), spec.Env...)
	c.cmd.Stdout = &announcement{child: c, listening: listening}
	c.cmd.Stderr = &c.said
	c.cmd.WaitDelay = outputPatience
	ownGroup(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("server %q: %w", spec.Name, err)
	}
	children.Store(c, nil)
	go func() {
		err := c.cmd.Wait()
		defer children.Delete(c)
		killGroup(c.cmd.Process) // what the server has left behind
		if !errors.Is(err, exec.ErrWaitDelay) {
			c.end = err
		}
		close(c.over)
	}()
	var err error
	select {
	case <-listening:
		return c, nil
	case <-c.over:
		return nil, c.died()
	case <-time.After(startPatience):
		err = fmt.Errorf("server %q has not printed \"listening URL\" within %v%s", spec.Name, startPatience, c.said.quote())
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.stop()
	return nil, err
}

// children are those that have been started and have not ended.
var children sync.Map // *child -> nil

// KillServers ends the servers that a [Matrix] of this process has started, at once: for
// who ends the process without waiting for its Run. A terminal's ctrl-C does not reach them.
func KillServers() {
	children.Range(func(c, _ any) bool {
		killGroup(c.(*child).cmd.Process)
		return true
	})
}

// died says how the process ended by itself. Call it after over is closed.
func (c *child) died() error {
	how := "ended"
	if c.end != nil {
		how = c.end.Error()
	}
	return fmt.Errorf("server %q: %s%s", c.spec.Name, how, c.said.quote())
}

// settle waits until an end of the process that its clients may have seen is known
// here, too: connections are closed before it is waited for.
func (c *child) settle(ctx context.Context) {
	t := time.NewTimer(outputPatience + 100*time.Millisecond)
	defer t.Stop()
	select {
	case <-c.over:
	case <-t.C:
	case <-ctx.Done():
	}
}

// stop ends the process, politely first, and waits for it.
func (c *child) stop() {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.cmd.Process.Kill() // no such signal here
	}
	select {
	case <-c.over:
	case <-time.After(stopPatience):
		killGroup(c.cmd.Process)
		<-c.over
	}
}

// announcement is a child's standard output. It is kept as what the child said,
// and looked through for the lines that say where it listens.
type announcement struct {
	child     *child
	line      []byte // the beginning of one, without its end
	listening chan struct{}
}

// maxLine bounds a line that is looked at, in bytes.
const maxLine = 64 << 10

// Write implements [io.Writer].
func (a *announcement) Write(b []byte) (int, error) {
	c := a.child
	_, _ = c.said.Write(b) // it takes everything
	for rest := b; c.url == "" && len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest = after
		if len(a.line) < maxLine {
			a.line = append(a.line, part...)
		}
		if !ended {
			break
		}
		line := string(a.line)
		a.line = a.line[:0]
		if url, ok := strings.CutPrefix(line, "stats "); ok {
			c.stats = strings.TrimSpace(url)
		}
		if version, ok := strings.CutPrefix(line, "version "); ok {
			c.version = strings.TrimSpace(version)
		}
		if url, ok := strings.CutPrefix(line, "listening "); ok && strings.TrimSpace(url) != "" {
			c.url = strings.TrimSpace(url)
			close(a.listening)
		}
	}
	return len(b), nil
}

// tail keeps the end of what a process said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// tailSize is how much of it, in bytes.
const tailSize = 2000

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > 2*tailSize {
		t.text = append(t.text[:0], t.text[len(t.text)-tailSize:]...)
	}
	return len(b), nil
}

// quote is what was said as the end of an error text.
func (t *tail) quote() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.text[max(0, len(t.text)-tailSize):]))
	if text == "" {
		return ""
	}
	return "; it said:\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}
