package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

// parse parses a line with an environment and a file's text.
func parse(t *testing.T, args, file string, env map[string]string) (*commandLine, error) {
	t.Helper()
	if file != "" {
		env["XDG_CONFIG_HOME"] = t.TempDir()
		if err := os.WriteFile(filepath.Join(env["XDG_CONFIG_HOME"], "sio-bench.yaml"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words := strings.Fields(args)
	s, err := loadSettings(words, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		return nil, err
	}
	var line commandLine
	p, err := kong.New(&line, append(grammar(), kong.Resolvers(s))...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(words)
	return &line, err
}

// TestSettingsPrecedence: the command line goes before the environment, that before
// the command's part of the file, and that before the rest of it.
func TestSettingsPrecedence(t *testing.T) {
	const file = `
conns: 1
duration: 3s
echo:
  conns: 2
  ack: true
  source: [127.0.0.1, 127.0.0.2]
  header: {a: b, c: "1"}
`
	for _, tc := range []struct {
		args, file string
		env        map[string]string
		want       int
	}{
		{"echo :1", "", map[string]string{}, 100},
		{"idle :1", file, map[string]string{}, 1},
		{"echo :1", file, map[string]string{}, 2},
		{"echo :1", file, map[string]string{"SIO_BENCH_CONNS": "3"}, 3},
		{"echo :1 -c 4", file, map[string]string{"SIO_BENCH_CONNS": "3"}, 4},
	} {
		line, err := parse(t, tc.args, tc.file, tc.env)
		if err != nil {
			t.Errorf("%s: %v", tc.args, err)
			continue
		}
		got := line.Echo.Conns
		if strings.HasPrefix(tc.args, "idle") {
			got = line.Idle.Conns
		}
		if got != tc.want {
			t.Errorf("%s with %v: %d connections, want %d", tc.args, tc.env, got, tc.want)
		}
	}
	line, err := parse(t, "echo :1", file, map[string]string{"SIO_BENCH_ECHO_EVENT": "say", "SIO_BENCH_QUIET": "true"})
	if err != nil {
		t.Fatal(err)
	}
	e := &line.Echo
	if e.Duration != 3*time.Second || !e.Ack || len(e.Source) != 2 || e.Header["c"] != "1" || e.EchoEvent != "say" || !e.Quiet {
		t.Errorf("%+v", e)
	}
}

func TestSettingsFile(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for name, text := range map[string]string{good: "conns: 7", bad: "conns: [", filepath.Join(dir, "sio-bench.yaml"): "conns: 9"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".config"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".config", "sio-bench.yaml"), []byte("conns: 11"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		env  map[string]string
		want int // 0: an error
	}{
		{"echo :1 --config " + good, map[string]string{}, 7},
		{"--config=" + good + " echo :1", map[string]string{"XDG_CONFIG_HOME": dir}, 7},
		{"echo :1", map[string]string{"SIO_BENCH_CONFIG": good, "XDG_CONFIG_HOME": dir}, 7},
		{"echo :1", map[string]string{"XDG_CONFIG_HOME": dir, "HOME": home}, 9},
		{"echo :1", map[string]string{"HOME": home}, 11},
		{"echo :1", map[string]string{"XDG_CONFIG_HOME": home}, 100},
		{"echo :1 --config " + bad, map[string]string{}, 0},
		{"echo :1 --config /does/not/exist", map[string]string{}, 0},
		{"echo :1", map[string]string{"SIO_BENCH_CONFIG": "/does/not/exist"}, 0},
	} {
		line, err := parse(t, tc.args, "", tc.env)
		switch {
		case tc.want == 0 && err == nil:
			t.Errorf("%s, %v: no error", tc.args, tc.env)
		case tc.want != 0 && (err != nil || line.Echo.Conns != tc.want):
			t.Errorf("%s, %v: %v, %+v", tc.args, tc.env, err, line)
		}
	}
}

// TestSettingsRefused: what is misspelt is not passed over.
func TestSettingsRefused(t *testing.T) {
	for file, want := range map[string]string{
		"cons: 5":            "no flag --cons, and no command",
		"echo: {rooms: 5}":   "echo: no flag --rooms",
		"help: true":         "--help",
		"config: x":          "--config",
		"conns: many":        "--conns",
		"data-order: pigeon": "pigeon",
		"rooms: {depth: 16}": "rooms: no flag --depth",
	} {
		if _, err := parse(t, "echo :1", file, map[string]string{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSettingsNotOfCases: a case of a matrix is what its line says, wherever it runs.
func TestSettingsNotOfCases(t *testing.T) {
	t.Setenv("SIO_BENCH_CONNS", "55")
	s := caseSpec{Run: "echo -d 1s"}
	k, err := s.parse()
	if err != nil || k.Options.Conns != bench.DefaultConns {
		t.Errorf("%v, %d connections", err, k.Options.Conns)
	}
	srv := server(t, nil)
	t.Setenv("SIO_BENCH_CONNS", "3")
	out, errOut, code := call(t, "echo", srv.URL, "-d", "20ms", "-w", "0s", "-q", "-j", "-")
	var res bench.Result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK || res.Parameters["connections"] != 3.0 {
		t.Errorf("exit %d, %v, %v\n%s", code, err, res.Parameters, errOut)
	}
}
