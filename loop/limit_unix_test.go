//go:build unix

package loop

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fewDescriptors tells the test's second process what it is.
const fewDescriptors = "SIO_TEST_FEW_DESCRIPTORS"

// TestBeyondTheDescriptors (F65): two servers of a process that may have 256 descriptors,
// each with a MaxConns far above, and more clients than that. Nobody loses a connection
// that was let in, the others are told, and both servers live on.
func TestBeyondTheDescriptors(t *testing.T) {
	if os.Getenv(fewDescriptors) != "" {
		serveWithFewDescriptors(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBeyondTheDescriptors$")
	cmd.Env = append(os.Environ(), fewDescriptors+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	var addrs []string
	for len(addrs) < 2 && lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "serving "); ok {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) < 2 {
		t.Fatalf("no server: %v", cmd.Wait())
	}
	dial := func(addr string) net.Conn {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("a server has gone: %v", err)
		}
		t.Cleanup(func() { nc.Close() })
		_ = nc.SetDeadline(time.Now().Add(guard))
		return nc
	}
	var served []*wsClient
	refused := 0
	for i := range 300 {
		nc := dial(addrs[i%2])
		b := make([]byte, 8)
		_, _ = nc.Write([]byte("GET /socket.io/?EIO=4&transport=websocket" + openingHandshake))
		r := bufio.NewReader(nc)
		line, err := r.Peek(len("HTTP/1.1 503"))
		switch {
		case strings.HasSuffix(string(line), " 101"):
			served = append(served, &wsClient{Conn: nc, t: t, buf: b})
		case strings.HasSuffix(string(line), " 503"), err != nil: // reset, with the request unread
			refused++
		default:
			t.Fatalf("client %d is told %q", i, line)
		}
	}
	if len(served) == 0 || refused == 0 || len(served) > 256 {
		t.Errorf("%d were let in, %d refused: this shows little", len(served), refused)
	}
	for i, c := range served { // an answer to anything says that it is there
		if _, err := c.Write([]byte{0x89, 0x80, 1, 2, 3, 4}); err != nil {
			t.Errorf("client %d was let in, and lost: %v", i, err)
		}
		_ = c.Close()
	}
	_ = in.Close()
	rest, _ := io.ReadAll(io.MultiReader(out))
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
}

func serveWithFewDescriptors(t *testing.T) {
	r := unix.Rlimit{Cur: 256, Max: 256}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	var log logWriter
	logger := slog.New(slog.NewTextHandler(&log, nil))
	var servers []*server
	for range 2 {
		s := start(t, Options{Loops: 2, MaxConns: 1_000_000, Logger: logger})
		servers = append(servers, s)
		fmt.Println("serving", s.addr)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, s := range servers {
		s.stop() // fails the test if Run has ended by itself
	}
	if taken := process.taken.Load(); taken != 0 {
		t.Errorf("%d places are still taken", taken)
	}
}
