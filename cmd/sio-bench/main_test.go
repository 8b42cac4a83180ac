package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/benchtest"
)

// childEnv makes the test binary a server for matrices.
const childEnv = "SIO_BENCH_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(partEnv) != "" {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	if os.Getenv(childEnv) != "" {
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		s, err := benchtest.New(benchtest.Options{})
		if err != nil {
			os.Exit(1)
		}
		fmt.Println("listening " + s.URL)
		<-term
		s.Close()
		os.Exit(0)
	}
	os.Setenv("XDG_CONFIG_HOME", filepath.Join(os.TempDir(), "no such directory")) // whoever runs the tests may have settings
	os.Exit(m.Run())
}

func server(t *testing.T, fault func(string) []string) *benchtest.Server {
	t.Helper()
	s, err := benchtest.New(benchtest.Options{Fault: fault})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// call runs the program and returns what it wrote and its exit code.
func call(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, &o, &e)
	return o.String(), e.String(), code
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.json")
	if err := os.WriteFile(bad, []byte(`{"server": []}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		want string // on standard error
	}{
		{"echo", "<url>"},
		{"shout :1", "shout"},
		{"echo :1 --depth x", "--depth"},
		{"echo :1 --depth=-1", "depth -1"},
		{"echo :1 --ack --binary", "--ack"},
		{"echo :1 -t pigeon", "pigeon"},
		{"echo :1 -c 0", "-c must be more than 0"},
		{"echo :1 -d 0s", "-d must be more than 0"},
		{"echo :1 --size 3", "size 3"},
		{"echo :1 --source here", "--source"},
		{"echo :1 --auth [1]", "not a JSON object"},
		{"echo :1 --source 10.0.0.0/8", "more than"},
		{"echo 127.0.0.1:1 --source ::1", "of the other kind"},
		{"echo :1 -t polling=1,websocket", "share"},
		{"echo :1 --parser xml", "xml"},
		{"echo :1 --eio 5", "must be 3 or 4"},
		{"echo :1 --query a={{.Nope}}", "query a"},
		{"echo :1 -H A={{.Row\x00\"x\"}}", "no table"},
		{"echo :1 --data /does/not/exist", "/does/not/exist"},
		{"echo :1 --data-order sideways", "--data-order"},
		{"echo https://127.0.0.1", "TLS"},
		{"echo :1 --pid 1073741824", "no such process"},
		{"idle :1 --steps 1,x", "--steps"},
		{"idle :1 --steps 2,1", "steps"},
		{"rooms :1 -R 1000", "1000 rooms"},
		{"connect :1 --hold --cycles 5", "--hold"},
		{"connect :1 -c 5 --concurrency 5", "mean the same"},
		{"connect :1 -c 0", "must be more than 0"},
		{"broadcast :1 -k 100000", "in flight"},
		{"matrix", "0 servers"},
		{"matrix -S node", "NAME=COMMAND"},
		{"matrix -S a=b -C shout", "shout"},
		{"matrix -S a=b -C echo\x00--pid\x005", "--pid is not a case's"},
		{"matrix -S a=b -C echo\x00-j\x00x", "--json is not a case's"},
		{"matrix -S a=b -C echo\x00--html=x", "--html is not a case's"},
		{"matrix -S a=b -C echo\x00-q", "--quiet is not a case's"},
		{"matrix -S a=b -C echo\x00--hlog\x00x", "--hlog is not a case's"},
		{"matrix -S a=b -C echo\x00--metrics\x00http://h/", "--metrics is not a case's"},
		{"matrix -S a=b -C echo\x00--assert\x00rate>1", "--assert is not a case's"},
		{"matrix -S a=b -C echo\x00--procs\x001", "--procs is not a case's"},
		{"matrix -S a=b -C echo\x00http://127.0.0.1:1", "URL"},
		{"matrix -S a=b -C echo\x00--url=x", "--url"},
		{"matrix -f /does/not/exist", "/does/not/exist"},
		{"matrix --resume " + bad + " -n 3", "are those of"},
		{"matrix --resume " + bad + " --repeat-of " + bad, "can't be used together"},
		{"matrix -f " + bad, "unknown field"},
		{"matrix --suite huge -S a=b", "suite"},
	} {
		args := strings.Fields(tc.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\x00", " ")
		}
		out, errOut, code := call(t, args...)
		if code != exitUsage || !strings.Contains(errOut, tc.want) || out != "" {
			t.Errorf("sio-bench %s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
}

func TestHelp(t *testing.T) {
	var line commandLine
	p, err := kong.New(&line, grammar()...)
	if err != nil {
		t.Fatal(err)
	}
	all := [][]string{{}, {"--help"}}
	for _, c := range p.Model.Children {
		all = append(all, []string{c.Name, "--help"})
	}
	for _, args := range all {
		out, errOut, code := call(t, args...)
		if code != exitOK || !strings.Contains(out, "sio-bench") || !strings.Contains(out, "Example") || errOut != "" {
			t.Errorf("%v: exit %d\n%s%s", args, code, out, errOut)
		}
	}
}

func TestEchoRun(t *testing.T) {
	s := server(t, nil)
	file := filepath.Join(t.TempDir(), "result.json")
	out, errOut, code := call(t, "echo", strings.TrimPrefix(s.URL, "http://127.0.0.1"), "-c", "5", "-d", "100ms", "-w", "0s", "--json", file)
	if code != exitOK || strings.Contains(out, "\x1b") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	for _, part := range []string{"echo  ", "connections=5", "per second", "latency", "p99.9", "no errors"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in\n%s", part, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var res bench.Result
	if err := json.Unmarshal(text, &res); err != nil || res.Scenario != "echo" || res.Operations == 0 {
		t.Errorf("%v, %s", err, text)
	}
}

// TestJSONToStandardOutput: nothing else stands there.
func TestJSONToStandardOutput(t *testing.T) {
	s := server(t, nil)
	for _, args := range []string{"echo -c 2 --binary", "broadcast -c 3", "rooms -c 4 -R 2", "connect --hold -c 3", "idle --steps 1,2 --settle 1ms"} {
		words := strings.Fields(args)
		words = append([]string{words[0], s.URL, "-d", "50ms", "-w", "0s", "-q", "-j", "-"}, words[1:]...)
		out, errOut, code := call(t, words...)
		var res bench.Result
		if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK || errOut != "" {
			t.Errorf("%s: exit %d, %v\n%s%s", args, code, err, out, errOut)
		}
	}
}

// TestConnectsInFlight: without --hold, -c is the number of connects in flight.
func TestConnectsInFlight(t *testing.T) {
	s := server(t, nil)
	for args, want := range map[string]float64{
		"": 128, "-c 3": 3, "--concurrency 5": 5, "--conns=4": 4, "--hold -c 3": 128, "--hold -c 3 --concurrency 2": 2,
	} {
		words := append([]string{"connect", s.URL, "-d", "20ms", "-w", "0s", "-q", "-j", "-"}, strings.Fields(args)...)
		out, errOut, code := call(t, words...)
		var res bench.Result
		if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitOK {
			t.Fatalf("%s: exit %d, %v\n%s%s", args, code, err, out, errOut)
		}
		if got := res.Parameters["concurrency"]; got != want {
			t.Errorf("%q: %v connects in flight, want %v", args, got, want)
		}
	}
}

func TestErrorsAreCounted(t *testing.T) {
	s := server(t, func(p string) []string { return []string{strings.Replace(p, "abc", "xyz", 1)} })
	out, _, code := call(t, "echo", s.URL, "-c", "2", "-d", "50ms", "-w", "0s", "-q", "--drain", "100ms")
	if code != exitErrors || !strings.Contains(out, "corrupt payload, for example ") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestServerErrors(t *testing.T) {
	s := server(t, nil)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"echo", ":1"}, "connection refused: nobody listens at 127.0.0.1:1"},
		{[]string{"echo", s.URL, "--path", "/nothing"}, "404 Not Found"},
		{[]string{"echo", s.URL + "/nope"}, "namespace refused: /nope: Invalid namespace"},
		{[]string{"echo", s.URL, "-c", "999999"}, "RLIMIT_NOFILE"},
	} {
		out, errOut, code := call(t, tc.args...)
		if code != exitErrors || !strings.Contains(errOut, tc.want) || out != "" {
			t.Errorf("%v: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
}

// TestInterruptedRun: the figures so far, and the exit code that shells know.
func TestInterruptedRun(t *testing.T) {
	s := server(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out bytes.Buffer
	cut := &cutter{at: "measure", cancel: cancel}
	code := run(ctx, []string{"echo", s.URL, "-c", "2", "-d", "1h", "-w", "0s"}, &out, cut)
	if code != exitInterrupted || !strings.Contains(out.String(), "interrupted: figures are of the time so far") {
		t.Errorf("exit %d\n%s%s", code, out.String(), cut.text.String())
	}
}

// cutter is a standard error that interrupts when it reads a word.
type cutter struct {
	at     string
	cancel func()
	text   bytes.Buffer
}

func (c *cutter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), c.at) {
		c.cancel()
	}
	return c.text.Write(b)
}

func TestMatrixRun(t *testing.T) {
	t.Setenv(childEnv, "1") // the children inherit it
	dir := t.TempDir()
	config, page, data := filepath.Join(dir, "c.json"), filepath.Join(dir, "r.md"), filepath.Join(dir, "r.json")
	text := fmt.Sprintf(`{"servers": [{"name": "first", "command": [%q, "-test.run=^$"]}], "rounds": 1,
		"cases": [{"name": "small", "run": "echo -c 2 -d 50ms -w 0s", "only": ["first"]}]}`, os.Args[0])
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, code := call(t, "matrix", "-f", config, "-S", "second='"+os.Args[0]+"' -test.run=^$", "-C", "+named, with comma:echo --ack -c 2 -d 50ms -w 0s",
		"-n", "2", "-b", "second", "--pause", "1ms", "-m", page, "-j", data)
	if code != exitOK || out != "" || !strings.Contains(errOut, "] named, with comma, round 2 of 2, ") {
		t.Fatalf("exit %d\n%s%s", code, out, errOut)
	}
	md, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"## small", "`sio-bench echo -c 2 -d 50ms -w 0s`", "## named, with comma", "| to first | to second |"} {
		if !strings.Contains(string(md), part) {
			t.Errorf("no %q in\n%s", part, md)
		}
	}
	js, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	var res bench.MatrixResult
	if err := json.Unmarshal(js, &res); err != nil || len(res.Cases) != 2 || len(res.Cases[0].Servers) != 1 || len(res.Cases[1].Servers) != 2 {
		t.Errorf("%v\n%s", err, js)
	}
}

// TestSuites: every ready-made case is a case.
func TestSuites(t *testing.T) {
	for name, lines := range suites {
		for _, line := range lines {
			spec := parseCase(line)
			k, err := spec.parse()
			if err != nil || spec.Name == "" || k.Scenario == nil {
				t.Errorf("%s: %q: %v, name %q", name, line, err, spec.Name)
			}
		}
	}
}

func TestParseCase(t *testing.T) {
	for _, tc := range []struct {
		text  string
		name  string
		run   string
		fresh bool
	}{
		{"echo -c 5", "", "echo -c 5", false},
		{"+idle", "", "idle", true},
		{"deep one: echo --depth 16", "deep one", "echo --depth 16", false},
		{"+a: idle --stats http://x:1", "a", "idle --stats http://x:1", true},
		{"echo --stats http://x:1", "", "echo --stats http://x:1", false},
	} {
		got := parseCase(tc.text)
		if got.Name != tc.name || got.Run != tc.run || got.Fresh != tc.fresh {
			t.Errorf("parseCase(%q) = %+v", tc.text, got)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for _, tc := range []struct {
		line string
		want []string // nil: an error
	}{
		{"", []string{}},
		{"  a  bc\td\n", []string{"a", "bc", "d"}},
		{`a 'b c' "d e"f`, []string{"a", "b c", "d ef"}},
		{`a '' ""`, []string{"a", "", ""}},
		{`a\ b "c\"d" 'e\f'`, []string{"a b", `c"d`, `e\f`}},
		{`'a`, nil}, {`"a`, nil}, {`a\`, nil},
	} {
		got, err := splitWords(tc.line)
		if (err != nil) != (tc.want == nil) || !slices.Equal(got, tc.want) {
			t.Errorf("splitWords(%q) = %q, %v; want %q", tc.line, got, err, tc.want)
		}
	}
}

// FuzzSplitWords: words put in quotes come out as they were.
func FuzzSplitWords(f *testing.F) {
	f.Add("a", "b c")
	f.Add(`'`, `\"`)
	f.Add("", "\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		wrap := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
		got, err := splitWords(wrap(a) + " \t" + wrap(b))
		if err != nil || len(got) != 2 || got[0] != a || got[1] != b {
			t.Fatalf("%q, %q became %q, %v", a, b, got, err)
		}
		splitWords(a) // must not panic
	})
}

func TestPrintResult(t *testing.T) {
	res := &bench.Result{
		Scenario: "idle", URL: "http://x", Operation: "heartbeat", Operations: 1234567, Elapsed: 2, Rate: 617283.5, Interrupted: true,
		Parameters: map[string]any{"steps": []map[string]int{{"connections": 2000, "rss_bytes": 5 << 20, "heap_objects": 16000}, {"connections": 4000}}},
		Metrics:    []bench.Metric{{Name: "RSS per connection", Unit: "B", Value: 1234.4}, {Name: "growth", Unit: "B", Value: 5 << 20}, {Name: "objects", Value: 7.5}},
		Latencies:  []bench.Latency{{Name: "connect", Count: 4000, P50: 12, P90: 1234, P99: 2.5e6}},
		Errors:     map[string]bench.ErrorCount{"lost": {Count: 3, Example: "one"}},
		Respelled:  2, Warnings: []string{"beware"},
		Server: &bench.Usage{Cores: 0.5, RSSAfter: 1 << 20, RSSSource: "statm"}, Client: &bench.Usage{Cores: 0.25},
	}
	var out bytes.Buffer
	if err := printResult(&out, res, style{bold: "<b>", red: "<r>", yellow: "<y>", reset: "</>"}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"<b>idle</>", "<y>interrupted", "1,234,567 in 2.0 s", "617,284 per second", "1,234 B", "5.0 MiB", "7.50", "0.50 cores",
		"2,000", "16,000", "–", "12 µs", "1.23 ms", "2.50 s", "<r>3 errors</>", "lost, for example one", "2 answers", "<y>! beware</>",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}
