package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pty is a pseudo terminal: what is written to it is shown on a screen.
type pty struct {
	master, slave *os.File

	mu     sync.Mutex
	screen screen
	text   bytes.Buffer
	done   chan struct{}
}

func newPTY(t *testing.T, width, height int) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pty{master: master, slave: slave, done: make(chan struct{}), screen: screen{width: width}}
	p.resize(t, width, height)
	go func() {
		defer close(p.done)
		var held []byte // of a rune that has not come whole
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			if err != nil { // the last slave is closed
				return
			}
			p.mu.Lock()
			p.text.Write(b[:n])
			held = append(held, b[:n]...)
			end := len(held)
			for end > 0 && end > len(held)-4 && held[end-1] >= 0x80 {
				end--
			}
			p.screen.Write(held[:end])
			held = append(held[:0], held[end:]...)
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		slave.Close()
		<-p.done
		master.Close()
	})
	return p
}

func (p *pty) resize(t *testing.T, width, height int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(p.slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(height), Col: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.screen.resize(width)
	p.mu.Unlock()
}

// await waits until the screen is as ok wants it.
func (p *pty) await(t *testing.T, what string, ok func(s *screen) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		good, text := ok(&p.screen), p.screen.String()
		p.mu.Unlock()
		if good {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: never; the screen has\n%s", what, text)
		}
	}
}

// TestTerminal: the program on a terminal draws in place, follows the window's size, and
// leaves the terminal as it was.
func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	t.Setenv("LC_ALL", "C.UTF-8")
	s := server(t, nil)
	p := newPTY(t, 120, 40)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"echo", s.URL, "-c", "2", "-d", "1h", "-w", "0s"}, &out, p.slave)
	}()
	p.await(t, "a table", func(s *screen) bool {
		return s.hidden && strings.Contains(s.String(), "ops/s") && strings.Contains(s.String(), "up to") && strings.Contains(s.String(), "/3600 s")
	})
	p.resize(t, 50, 40)
	syscall.Kill(syscall.Getpid(), syscall.SIGWINCH) // the terminal is not our controlling one
	p.await(t, "a narrower table", func(s *screen) bool {
		for _, r := range s.rows {
			if len([]rune(strings.TrimRight(r, " "))) >= 50 {
				return false
			}
		}
		return strings.Count(s.String(), "ops/s") == 1 && strings.Count(s.String(), "measure") == 1
	})
	cancel()
	if got := <-code; got != exitInterrupted || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("exit %d\n%s", got, out.String())
	}
	p.await(t, "an empty screen with its cursor", func(s *screen) bool {
		return !s.hidden && s.String() == "sio-bench: interrupted\n"
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.screen.unknown) > 0 || !strings.Contains(p.text.String(), "\x1b[1m") {
		t.Errorf("unknown sequences %q in %q", p.screen.unknown, p.text.String())
	}
}

// TestTerminalWithoutColours: NO_COLOR takes the colours, not the picture; a terminal
// that can do nothing gets lines.
func TestTerminalWithoutColours(t *testing.T) {
	s := server(t, nil)
	for _, tc := range []struct {
		term, noColor string
		live          bool
	}{{"xterm", "1", true}, {"vt100", "", true}, {"dumb", "", false}, {"", "", false}} {
		t.Setenv("TERM", tc.term)
		t.Setenv("NO_COLOR", tc.noColor)
		p := newPTY(t, 100, 30)
		var out bytes.Buffer
		if code := run(context.Background(), []string{"echo", s.URL, "-c", "2", "-d", "1200ms", "-w", "0s"}, &out, p.slave); code != exitOK {
			t.Fatalf("exit %d\n%s", code, out.String())
		}
		fmt.Fprint(p.slave, "end\r\n")
		p.await(t, "the end", func(s *screen) bool { return strings.HasSuffix(s.String(), "end\n") })
		p.mu.Lock()
		text := p.text.String()
		if strings.Contains(text, "m\x1b") || strings.Contains(text, "\x1b[1m") {
			t.Errorf("%+v: colours in %q", tc, text)
		}
		if drawn := strings.Contains(text, "\x1b[J"); drawn != tc.live || p.screen.hidden || tc.live && p.screen.String() != "end\n" {
			t.Errorf("%+v: drawn %v\n%s", tc, drawn, p.screen.String())
		}
		p.mu.Unlock()
	}
}
