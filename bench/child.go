package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
// (see [Options.Stats]). The process that is started is the one that is measured:
// a shell or launcher in between would be measured in its place.
type ServerSpec struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
	Dir     string   `json:"dir,omitempty"` // default: the current one
	Env     []string `json:"env,omitempty"` // NAME=VALUE, added to our own

	// Optional is set for a server that is left out, and named, where it does not
	// start.
	Optional bool `json:"optional,omitempty"`
}

// startPatience is how long a server may take until it listens, stopPatience how
// long to end after it was asked to.
const (
	startPatience = 30 * time.Second
	stopPatience  = 5 * time.Second
)

// child is a running server.
type child struct {
	spec  ServerSpec
	cmd   *exec.Cmd
	url   string
	stats string
	said  tail
	over  chan struct{} // closed when the process has ended
	end   error         // how; valid after over
}

// startChild starts a server and waits until it listens.
func startChild(ctx context.Context, spec ServerSpec) (*child, error) {
	if len(spec.Command) == 0 {
		return nil, fmt.Errorf("%w: server %q has no command", ErrUsage, spec.Name)
	}
	c := &child{spec: spec, over: make(chan struct{})}
	c.cmd = exec.Command(spec.Command[0], spec.Command[1:]...)
	c.cmd.Dir = spec.Dir
	c.cmd.Env = append(os.Environ(), spec.Env...)
	c.cmd.Stderr = &c.said
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", spec.Name, err)
	}
	listening := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			line := lines.Text()
			if url, ok := strings.CutPrefix(line, "stats "); ok && c.url == "" {
				c.stats = strings.TrimSpace(url)
			}
			if url, ok := strings.CutPrefix(line, "listening "); ok && c.url == "" {
				c.url = strings.TrimSpace(url)
				close(listening)
			}
			io.WriteString(&c.said, line+"\n")
		}
		io.Copy(io.Discard, out) // after a line too long for the scanner
		c.end = c.cmd.Wait()
		close(c.over)
	}()
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

// died says how the process ended by itself. Call it after over is closed.
func (c *child) died() error {
	how := "ended"
	if c.end != nil {
		how = c.end.Error()
	}
	return fmt.Errorf("server %q: %s%s", c.spec.Name, how, c.said.quote())
}

// stop ends the process, politely first, and waits for it.
func (c *child) stop() {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.cmd.Process.Kill() // no such signal here
	}
	select {
	case <-c.over:
	case <-time.After(stopPatience):
		c.cmd.Process.Kill()
		<-c.over
	}
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
