package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

var updateReports = flag.Bool("update", false, "write the golden files anew")

// finishedRun is a result with everything that reports show.
func finishedRun() *Result {
	var echo, connect hist.Histogram
	for i := range 200_000 {
		echo.Record(time.Duration(300+i%700)*time.Microsecond + time.Duration(i/199_900)*20*time.Millisecond)
	}
	for i := range 100 {
		connect.Record(time.Duration(1+i%7) * time.Millisecond)
	}
	r := &Result{
		Scenario: "echo", URL: "http://127.0.0.1:3000/chat", Command: []string{"sio-bench", "echo", ":3000/chat", "-H", "a b"},
		Parameters: map[string]any{"connections": 100, "depth": 1, "rate": 8000.0, "transport": "websocket"},
		Started:    time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC),
		Environment: Environment{
			System: "linux/amd64", Kernel: "Linux 6.18", Processor: "Some Processor", Cores: 2, GOMAXPROCS: 2, Go: "go1.26.8", Revision: "abcdef",
		},
		Elapsed: 20, Operation: "echo", Operations: 200_000, Rate: 10_000,
		Latencies: []Latency{newLatency("connect", &connect), newLatency("echo", &echo)},
		Metrics: []Metric{
			{Name: "server CPU per echo", Unit: "us", Value: 12.3},
			{Name: "echo p50", Unit: "us", Value: 650}, {Name: "echo p99", Unit: "us", Value: 993},
			{Name: "echoes per second", Unit: "1/s", Value: 10_000, Higher: true},
			{Name: "RSS per connection", Unit: "B", Value: 1359},
		},
		Errors:    map[string]ErrorCount{},
		Server:    &Usage{PID: 4711, CPU: 2.46, Cores: 0.123, RSSBefore: 19 << 20, RSSAfter: 21 << 20, RSSSource: "smaps_rollup"},
		Client:    &Usage{CPU: 6, Cores: 0.3},
		Generator: &Health{Verdict: healthOK, Loops: []LoopHealth{{Cores: 0.3, LagP99: 90}}, LagP99: 90, LagMax: 400, FDs: 110, FDLimit: 1024},
	}
	r.Assertions = []Outcome{
		{Assertion: "echo.p99<5ms", Pass: true, Value: 993, Limit: 5000, Unit: "us"},
		{Assertion: "rate>1k", Pass: true, Value: 10_000, Limit: 1000, Unit: "1/s"},
	}
	for i := range 24 {
		s := Sample{
			At: float64(i + 1), Phase: "measure", Conns: 100, Operations: 10_000 + uint64(i%5)*50, P50: 650, P90: 920, P99: 993 + float64(i%3)*10, Max: 1500 + float64(i%7)*300,
			LagP99: 80, Client: Load{Cores: 0.3, RSS: 12 << 20, FDs: 110, Threads: 7, Heap: 2 << 20},
			Server: &Load{Cores: 0.12 + float64(i%4)/100, RSS: 19<<20 + int64(i)<<16, FDs: 108, Threads: 9, Heap: 4<<20 + int64(i%6)<<18, HeapObjects: 9000, Goroutines: 12, GCs: uint64(i % 2), GCPause: float64(i%2) * 0.0002},
		}
		switch {
		case i == 0:
			s.Phase, s.Operations, s.P50, s.P90, s.P99, s.Max = "connect", 0, 0, 0, 0, 0
		case i < 3:
			s.Phase = "warm-up"
		case i == 23:
			s.Phase, s.Conns, s.Server = "goodbye", 40, nil
		}
		if i%10 == 0 {
			s.Client.PSS = 11 << 20
		}
		r.Series = append(r.Series, s)
	}
	return r
}

// evil is what a server might say to those who read reports.
const evil = "</script></svg><script>alert(1)</script><img src=x onerror=alert(2)>`|*_[x](http://evil.example)\"'&{{.}}@all \x00\x1b[31m\xff\r\n## head"

// evilRun is a result whose every text is hostile.
func evilRun() *Result {
	r := finishedRun()
	r.Scenario, r.URL, r.Operation, r.Command = evil, evil, evil, []string{evil}
	r.Parameters = map[string]any{evil: evil, "list": []string{evil}}
	r.Environment = Environment{System: evil, Kernel: evil, Processor: evil, Cores: 2, GOMAXPROCS: 2, Go: evil, Revision: evil, Settings: evil, Governor: evil}
	r.Errors = map[string]ErrorCount{evil: {Count: 3, Example: evil}}
	r.Warnings = []string{"THE GENERATOR WAS " + evil, evil}
	r.Generator = &Health{Verdict: healthBusy, Reasons: []string{evil}}
	r.Assertions[0].Assertion, r.Assertions[1].Unit = evil, evil
	r.Metrics[0].Name, r.Metrics[4].Name, r.Metrics[4].Unit = evil, evil, evil
	r.Latencies[1].Name = evil
	for i := range r.Series {
		r.Series[i].Phase = evil
	}
	return r
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *updateReports {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it, then go test -update\n%s", name, got)
	}
}

func htmlOf(t *testing.T, r *Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTMLReport(t *testing.T) {
	r := finishedRun()
	text := htmlOf(t, r)
	for _, part := range []string{
		"<title>echo, 127.0.0.1:3000/chat – sio-bench</title>", "thresholds kept", "<code>echo.p99&lt;5ms</code>", "✓ kept", "22 November 2026", "20.0 s counted",
		`<p class="name">server CPU per echo</p><p class="value">12.3 <span class="unit">µs</span>`, ">10,000</p>", "RSS per connection", "1.33 <span class=\"unit\">KiB",
		"Latency over time</title>", "Latency by percentile</title>", "Throughput</title>", "Connections</title>", "Server memory</title>", "Server CPU</title>",
		"Garbage collections</title>", "Descriptors, threads, objects</title>", "Generator CPU</title>", "Generator lag</title>",
		`<th scope="col">p99.99</th>`, "sio-bench echo :3000/chat -H &#39;a b&#39;", "Some Processor, 2 cores", "The generator was not the limit: it took 0.30 cores, and its clocks were late by 90.0 µs",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q", part)
		}
	}
	if again := htmlOf(t, finishedRun()); again != text {
		t.Error("written twice, it differs")
	}
	ids := make(map[string]bool)
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[m[1]] {
			t.Errorf("id %s twice", m[1])
		}
		ids[m[1]] = true
	}
}

// TestHTMLReportIsAlone: it loads nothing, and no script but its own would run.
func TestHTMLReportIsAlone(t *testing.T) {
	for _, r := range []*Result{finishedRun(), evilRun()} {
		text := htmlOf(t, r)
		tags := regexp.MustCompile(`(?s)<(script|style)[ >].*?</(script|style)>|"[^"]*"`).ReplaceAllString(text, "")
		if m := regexp.MustCompile(`(?i)<(link|img|iframe|object|embed|base|a|form)\b|<[^>]*\s(src|href|action|style|on\w+)=`).FindString(tags); m != "" {
			t.Errorf("it has %q", m)
		}
		if m := regexp.MustCompile(`url\(|@import`).FindString(text); m != "" {
			t.Errorf("it has %q", m)
		}
		if n := strings.Count(text, "<script"); n != 2 {
			t.Errorf("%d scripts", n)
		}
		for _, part := range []string{reportScript, "default-src &#39;none&#39;", "script-src &#39;sha256-" + strings.ReplaceAll(strings.Trim(sourceHash(reportScript), "'")[7:], "+", "&#43;") + "&#39;"} {
			if !strings.Contains(text, part) {
				t.Errorf("no %q", part)
			}
		}
		if strings.Contains(text, "unsafe-") {
			t.Error("the policy lets too much in")
		}
	}
}

// TestHTMLReportHasTheResult: the whole of it can be taken out again.
func TestHTMLReportHasTheResult(t *testing.T) {
	for _, r := range []*Result{finishedRun(), evilRun()} {
		m := regexp.MustCompile(`(?s)<script type="application/json" id="result">(.*?)</script>`).FindStringSubmatch(htmlOf(t, r))
		if m == nil {
			t.Fatal("no result")
		}
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got, expected any
		if err := json.Unmarshal([]byte(m[1]), &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want, &expected); err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%v, %s", err, m[1])
		}
	}
}

// TestReportsOfLittle: what was not measured is not shown, and nothing breaks.
func TestReportsOfLittle(t *testing.T) {
	steps := &Result{Scenario: "idle", Operation: "heartbeat", Parameters: map[string]any{
		"steps": []map[string]int{{"connections": 2000, "rss_bytes": 5 << 20, "heap_objects": 16000}, {"connections": 4000}},
	}, Interrupted: true}
	short := finishedRun()
	short.Series, short.Server, short.Client, short.Metrics = short.Series[:1], nil, nil, nil
	odd := finishedRun()
	odd.Series[3].P50, odd.Series[4].At, odd.Latencies[0].Curve = 0, odd.Series[3].At, nil
	for name, r := range map[string]*Result{"nothing": {}, "steps": steps, "short": short, "odd": odd} {
		text := htmlOf(t, r)
		var md bytes.Buffer
		if err := r.WriteMarkdown(&md); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "Infinity") || strings.Contains(md.String(), "NaN") {
			t.Errorf("%s: what is no number\n%s", name, md.String())
		}
		if name == "short" && (strings.Contains(text, "over time</title>") || !strings.Contains(text, "--pid names")) {
			t.Errorf("%s", text)
		}
		if name == "steps" && (!strings.Contains(text, "<td>2,000</td><td>5 MiB</td><td>16,000</td>") || !strings.Contains(md.String(), "| 4,000 | – | – |")) {
			t.Errorf("%s", md.String())
		}
	}
}

func TestMarkdownReport(t *testing.T) {
	var b bytes.Buffer
	if err := finishedRun().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.md", b.Bytes())

	r := finishedRun()
	r.Errors["lost"] = ErrorCount{Count: 1234, Example: "connection 5: no answer"}
	r.Warnings = []string{"THE GENERATOR WAS THE LIMIT: it took 99 % of a core"}
	r.Generator.limit("loop 0 took 99 %% of a core")
	r.Interrupted = true
	r.Assertions[0].Pass, r.Assertions[0].Missing = false, true
	b.Reset()
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report_bad.md", b.Bytes())
}

// TestMarkdownReportIsEscaped: nobody can put a link, a picture, a mention or a heading
// into a comment, or end a cell of a table.
func TestMarkdownReportIsEscaped(t *testing.T) {
	var b bytes.Buffer
	if err := evilRun().WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	text, command, _ := strings.Cut(b.String(), "```") // what is behind stands in a fence
	if strings.Contains(strings.SplitN(command, "````", 2)[0], "\n## head") {
		t.Errorf("the command has lines\n%s", command)
	}
	harmless(t, text)
}

// harmless looks for what must not come out of names and texts of others, and for
// tables that they have broken.
func harmless(t *testing.T, text string) {
	t.Helper()
	for _, bad := range []string{"<script", "<img", "[x](", "http://", "\n## head", "@all", "\x1b", "\x00", "\xff", "`|"} {
		if strings.Contains(text, bad) {
			t.Errorf("it has %q\n%s", bad, text)
		}
	}
	columns := 0
	for line := range strings.Lines(text) {
		n := strings.Count(strings.ReplaceAll(line, "\\|", ""), "|")
		if !strings.HasPrefix(line, "|") {
			columns = 0
		} else if columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("%d columns in place of %d: %s", n-1, columns-1, line)
		}
	}
}

// TestMarkdownPagesAreEscaped: the same in the pages of several runs.
func TestMarkdownPagesAreEscaped(t *testing.T) {
	matrix := &MatrixResult{
		Environment: evilRun().Environment, Baseline: evil + "b", Servers: []ServerSpec{{Name: evil, Command: []string{evil}}}, Absent: []Absent{{evil, evil}},
		Cases: []CaseResult{{Name: evil, Line: evil, Servers: []ServerResult{
			{Name: evil, Runs: []*Result{evilRun(), evilRun()}, Rounds: []int{0, 1}, Failed: []string{evil}},
			{Name: evil + "b", Runs: []*Result{evilRun(), evilRun()}, Rounds: []int{0, 1}},
		}}},
	}
	matrix.Evaluate()
	again := *matrix
	again.Cases = []CaseResult{{Name: evil, Servers: []ServerResult{{Name: evil, Figures: slices.Clone(matrix.Cases[0].Servers[0].Figures)}}}}
	for i := range again.Cases[0].Servers[0].Figures {
		again.Cases[0].Servers[0].Figures[i].Spread.Median += 1e9
	}
	compared, err := Compare([]*Side{side(t, evil, matrix), side(t, evil+"2", matrix)}, CompareOptions{Threshold: 0})
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(io.Writer) error{
		"matrix": matrix.WriteMarkdown, "repeat": Repeat(matrix, &again).WriteMarkdown, "compare": compared.WriteMarkdown,
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "alert") {
				t.Errorf("the texts are not there\n%s", b.String())
			}
			harmless(t, b.String())
		})
	}
}

func TestCSV(t *testing.T) {
	r := finishedRun()
	var b bytes.Buffer
	if err := WriteCSV(&b, r.Series); err != nil {
		t.Fatal(err)
	}
	golden(t, "series.csv", b.Bytes())
	r.Series[2].Phase = "a,\"b\"\nc"
	b.Reset()
	if err := WriteCSV(&b, r.Series); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != len(r.Series)+1 || lines[3][1] != r.Series[2].Phase {
		t.Errorf("%v, %q", err, lines)
	}
	if err := WriteCSV(fullDisk{}, r.Series); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("the disk is full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestStream: samples as they come, those that nobody was told of with the result, each
// once.
func TestStream(t *testing.T) {
	r := finishedRun()
	var b bytes.Buffer
	s := NewStream(&b)
	for i := range r.Series[:20] {
		s.Sample(&r.Series[i])
	}
	if n := strings.Count(b.String(), "\n"); n != 20 {
		t.Errorf("%d lines before the end", n)
	}
	if err := s.Result(r); err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(&b)
	var samples []Sample
	for {
		var line struct {
			Sample *Sample
			Result *Result
		}
		if err := d.Decode(&line); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if line.Sample != nil {
			samples = append(samples, *line.Sample)
			continue
		}
		if line.Result == nil || line.Result.Operations != r.Operations || line.Result.Series != nil || d.More() {
			t.Errorf("%+v", line)
		}
	}
	if !reflect.DeepEqual(samples, r.Series) {
		t.Errorf("%+v", samples)
	}
	if r.Series == nil {
		t.Error("the result has lost its series")
	}

	s = NewStream(fullDisk{})
	s.Sample(&r.Series[0])
	if err := s.Result(r); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"": "''", "a-b=c": "a-b=c", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "é": "'é'", "echo.p99<5ms": "'echo.p99<5ms'", "http://h:1/x": "http://h:1/x",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s", word, got)
		}
	}
}

// TestFaintQuantiles: a quantile that hangs on a handful of values says so.
func TestFaintQuantiles(t *testing.T) {
	var h hist.Histogram
	for i := range 2000 {
		h.Record(time.Duration(i) * time.Microsecond)
	}
	row := quantileRows([]Latency{newLatency("x", &h)})[0]
	var faint []string
	for i, c := range row.Cells {
		if c.Few {
			faint = append(faint, quantileNames[i])
		}
	}
	if !reflect.DeepEqual(faint, []string{"p99.9", "p99.99"}) {
		t.Error(faint)
	}
	if got := metricText(Metric{Unit: "s", Value: math.Pi}); got != "3.14 s" {
		t.Error(got)
	}
}
