package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// servers are those under test, by door and parser.
type servers map[string]*server

// A server is a process of the application of ../APP.md.
type server struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer // its end stops the server
	log   lockedBuffer
}

// key names the server of a cell. sio recognises a client's parser; the reference server
// has one for all.
func key(c *cell, reference bool) string {
	if reference {
		return c.parser
	}
	return c.door
}

func startServers(ctx context.Context, played []cell, reference bool) (servers, error) {
	all := make(servers)
	for _, c := range played {
		k := key(&c, reference)
		if all[k] != nil {
			continue
		}
		line := []string{"build/server", "--stdin", "--allow-eio3"}
		switch {
		case reference:
			line = []string{"node", "../js/reference-server.mjs", "--stdin", "--allow-eio3"}
			if c.parser == "msgpack" {
				module, err := filepath.Abs("js/node_modules/socket.io-msgpack-parser/index.js")
				if err != nil {
					return all, err
				}
				line = append(line, "--parser", module)
			}
		case c.door == "net/http":
			line = append(line, "--mounted")
		}
		s, err := start(ctx, line)
		if err != nil {
			return all, fmt.Errorf("%s: %w", strings.Join(line, " "), err)
		}
		all[k] = s
	}
	return all, nil
}

// start runs a server until it listens.
func start(ctx context.Context, line []string) (*server, error) {
	s := &server{cmd: exec.CommandContext(ctx, line[0], line[1:]...)}
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(os.Interrupt) }
	s.cmd.WaitDelay = 10 * time.Second
	s.cmd.Stderr = &s.log
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "listening ")
	if err != nil || !ok {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		return nil, fmt.Errorf("it said %q instead of where it listens\n%s", first, s.log.String())
	}
	s.url = url
	go io.Copy(io.Discard, lines) // ends with the process
	return s, nil
}

// complaint is what a server logs that met what must not happen.
var complaint = regexp.MustCompile(`(?m)^\S+ \S+ ERROR |^panic: |^fatal error: |DATA RACE`)

// stop ends all, and tells of those that complained.
func (all servers) stop() (err error) {
	for name, s := range all {
		_ = s.stdin.Close()
		if failed := s.cmd.Wait(); failed != nil {
			err = errors.Join(err, fmt.Errorf("server %s: %w\n%s", name, failed, s.log.String()))
		} else if complaint.MatchString(s.log.String()) {
			err = errors.Join(err, fmt.Errorf("server %s complained:\n%s", name, s.log.String()))
		}
	}
	return err
}

// A lockedBuffer is written by a process and read meanwhile. It keeps the first MiB.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := 1<<20 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
