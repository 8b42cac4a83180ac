package sio_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// A pretended test, which can fail without failing the real one.
type pretended struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (p *pretended) Helper()          {}
func (p *pretended) Failed() bool     { return len(p.errors) > 0 }
func (p *pretended) Cleanup(f func()) { p.cleanups = append(p.cleanups, f) }
func (p *pretended) Errorf(format string, args ...any) {
	p.errors = append(p.errors, format)
}

// end runs the cleanups, and returns what was wrong.
func (p *pretended) end() string {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
	return strings.Join(p.errors, "\n")
}

// TestLeaksAreNoticed: the check at the end of every test of a server fails for what it
// is there to find, and for nothing else.
func TestLeaksAreNoticed(t *testing.T) {
	for _, tc := range []struct {
		name string
		leak func(t *testing.T, p *pretended) (undo func())
		want string
	}{
		{"nothing", func(t *testing.T, p *pretended) func() {
			srv := newServer(p, sio.Options{})
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			c := siotest.Dial(p, srv, "/")
			emit(p, c, "echo")
			c.Expect("echo")
			return func() {}
		}, ""},
		{"a goroutine", func(t *testing.T, p *pretended) func() {
			hold := make(chan struct{})
			go func() { <-hold }()
			return func() { close(hold) }
		}, "left behind"},
		{"a descriptor", func(t *testing.T, p *pretended) func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return func() { l.Close() }
		}, "descriptors are open"},
		{"a server that runs", func(t *testing.T, p *pretended) func() {
			srv, err := sio.New(sio.Options{Loops: 1})
			if err != nil {
				t.Fatal(err)
			}
			startRaw(t, srv) // until t ends, not p
			return func() { srv.Close() }
		}, "left behind"},
		{"a handler that waits", func(t *testing.T, p *pretended) func() {
			hold, in := make(chan struct{}), make(chan struct{})
			srv, err := sio.New(sio.Options{Loops: 1})
			if err != nil {
				t.Fatal(err)
			}
			srv.On("x", func(*sio.Socket, *sio.Msg) error { close(in); <-hold; return nil }, sio.Free)
			c := siotest.Dial(t, srv, "/")
			emit(t, c, "x")
			recv(t, in)
			return func() { close(hold) }
		}, "left behind"},
	} {
		if _, err := os.ReadDir("/proc/self/fd"); err != nil && tc.want == "descriptors are open" {
			continue // the system does not tell
		}
		t.Run(tc.name, func(t *testing.T) {
			p := &pretended{TB: t}
			noLeaks(p)
			undo := tc.leak(t, p)
			got := p.end()
			undo()
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
