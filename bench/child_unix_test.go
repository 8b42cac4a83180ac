//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestChildLeavesChild: a process that a server has started, and that holds its
// output, is waited for by nobody and ended with the server, however that ends.
func TestChildLeavesChild(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		c, err := startChild(context.Background(), childSpec("one", "leaves a child"))
		if err != nil {
			t.Fatal(err)
		}
		var grandchild int
		_, said, _ := strings.Cut(c.said.quote(), "grandchild ")
		if _, err := fmt.Sscan(said, &grandchild); err != nil || grandchild <= 1 {
			t.Fatalf("%q: %v", c.said.quote(), err)
		}
		began := time.Now()
		if sig == syscall.SIGKILL {
			_ = c.cmd.Process.Kill()
		}
		c.stop()
		if took := time.Since(began); took > stopPatience/2 {
			t.Errorf("%v: the end took %v", sig, took)
		}
		if sig == syscall.SIGTERM && c.end != nil {
			t.Errorf("ended with %v", c.end)
		}
		for !ended(grandchild) {
			if time.Since(began) > stopPatience {
				t.Fatalf("%v: the server's child %d is still there", sig, grandchild)
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// ended reports whether a process that is not our own child has ended. Who reaps it is not
// our business, and in a container may be nobody.
func ended(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // Linux's
	return strings.Contains(string(stat), ") Z ")
}

// TestAnnouncement: lines are found however they are cut, and only whole ones.
func TestAnnouncement(t *testing.T) {
	for _, parts := range [][]string{
		{"noise\nstats http://b\nlistening http://a\nlistening http://c\nstats http://d\n"},
		{"noise\nsta", "ts http://b\nlist", "ening http://", "a", "\n", "listening http://c\n"},
		{strings.Repeat("x", 3*maxLine), strings.Repeat("y", maxLine) + "\nstats http://b\nlistening http://a\r\n"},
	} {
		c := &child{}
		a := &announcement{child: c, listening: make(chan struct{})}
		for _, part := range parts {
			if n, err := a.Write([]byte(part)); n != len(part) || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		if c.url != "http://a" || c.stats != "http://b" {
			t.Errorf("%.60q: url %q, stats %q", parts, c.url, c.stats)
		}
	}
	c := &child{}
	a := &announcement{child: c, listening: make(chan struct{})}
	_, _ = a.Write([]byte("listening http://a"))
	if c.url != "" {
		t.Errorf("a line without its end: %q", c.url)
	}
}
