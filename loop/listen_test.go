package loop

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestListenable(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	used, err := net.Listen("unix", filepath.Join(dir, "used"))
	if err != nil {
		t.Fatal(err)
	}
	defer used.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "stale")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()

	for _, c := range []struct {
		name  string
		addrs []string
		err   string // part of it; "" for none
	}{
		{"a port that is in use", []string{busy.Addr().String()}, "address already in use"},
		{"one of two in use", []string{"127.0.0.1:0", busy.Addr().String()}, "address already in use"},
		{"an unknown network", []string{"udp://127.0.0.1:0"}, "unknown network"},
		{"an empty one", []string{""}, "no address"},
		{"an empty one, with its network", []string{"tcp://"}, "no address"},
		{"no port", []string{"127.0.0.1"}, "missing port"},
		{"a socket that somebody listens on", []string{"unix://" + filepath.Join(dir, "used")}, "listens there already"},
		{"a file that is no socket", []string{"unix://" + file}, "not a socket"},
		{"any port", []string{"127.0.0.1:0"}, ""},
		{"any port, with its network", []string{"tcp://127.0.0.1:0", "tcp4://127.0.0.1:0"}, ""},
		{"all addresses", []string{":0"}, ""},
		{"a new socket", []string{"unix://" + filepath.Join(dir, "new")}, ""},
		{"a socket that was left behind", []string{"unix://" + stale}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := listenable(c.addrs)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error is %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(list) != len(c.addrs) || len(list.addrs()) != len(c.addrs) || len(list.text()) != len(c.addrs) {
				t.Fatalf("%d addresses of %d", len(list), len(c.addrs))
			}
			for i, a := range list.addrs() {
				tcp, ok := a.(*net.TCPAddr)
				if ok && tcp.Port == 0 {
					t.Errorf("no port was found for %q", c.addrs[i])
				}
				if ok == list.unix() {
					t.Errorf("%v is unix: %v", a, list.unix())
				}
			}
			for _, spelled := range list.gnet() {
				if strings.Contains(spelled, "[::]") || strings.HasSuffix(spelled, ":0") || !strings.Contains(spelled, "://") {
					t.Errorf("gnet is told %q", spelled)
				}
			}
		})
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("a file was touched: %q, %v", b, err)
	}
	if _, err := os.Stat(stale); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket that nobody listens on is still there: %v", err)
	}
}

// TestRunErrors: what cannot be listened on is an error, and so is a second Run.
func TestRunErrors(t *testing.T) {
	s := start(t, Options{})
	g := NewGroup(Options{App: s.app, Config: testConfig(), Loops: 1})
	if err := g.Run([]string{s.addr}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a port that another server has: %v", err)
	}
	if err := g.Run([]string{"127.0.0.1:0"}); !errors.Is(err, ErrStopped) {
		t.Errorf("a second Run: %v", err)
	}
	if err := s.Run([]string{"127.0.0.1:0"}); !errors.Is(err, ErrStopped) {
		t.Errorf("Run of a group that runs: %v", err)
	}
	if err := s.Detach(); !errors.Is(err, ErrStopped) {
		t.Errorf("Detach of a group that runs: %v", err)
	}
	stopped := NewGroup(Options{App: s.app, Config: testConfig(), Loops: 1})
	stopped.Stop(t.Context(), "")
	if err := stopped.Run([]string{"127.0.0.1:0"}); !errors.Is(err, ErrStopped) {
		t.Errorf("Run of a group that was stopped: %v", err)
	}
}

// TestUnixSocket: a server on a unix socket, and one on several addresses.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := &server{t: t, app: newTestApp(t, 2), err: make(chan error, 1)}
	s.Group = NewGroup(Options{App: s.app, Config: testConfig(), Loops: 2})
	go func() { s.err <- s.Run([]string{"unix://" + path, "127.0.0.1:0"}) }()
	select {
	case <-s.Started():
	case err := <-s.err:
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	for _, a := range s.Addrs() {
		nc, err := net.Dial(a.Network(), a.String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		c := upgrade(t, nc, "", "40", `42["echo","on `+a.Network()+`"]`)
		c.expectPrefix("0{")
		c.expectPrefix("40{")
		c.expect(`42["echo","on ` + a.Network() + `"]`)
	}
}
