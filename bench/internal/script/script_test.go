package script

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	phase  = "phases: [{duration: 1s, connections: 1}]\n"
	client = "clients: [{flow: [{echo: 64}]}]\n"
)

func TestParse(t *testing.T) {
	f, err := Parse("x.yaml", []byte(`
name: all of it
seed: 18446744073709551615
target: {url: "http://h:1", path: /p/, namespace: /n}
transports: {websocket: 80, polling: 20%}
parsers: msgpack
compress: true
auth: {token: '{{.Row "token"}}', n: 1}
query: {a: 1}
headers: {X-A: "b"}
data: {file: u.csv, order: random}
timeout: 1s
drain: 2s
late: 3ms
assert: ["echo.p99<5ms"]
outputs: {json: r.json}
phases:
  - {duration: 1m30s, connections: 0..10_000, warmup: true}
  - {name: b, duration: 2s, arrivals: 0.5..20, load: 1..2.5}
  - {name: c, duration: 2s}
clients:
  - name: one
    weight: 3
    namespace: /m
    transports: polling
    listen: [news]
    flow:
      - echo: 100
      - echo: {form: ack, size: 9, count: 2, timeout: 4s}
        as: asked
      - emit: {event: say, args: ["a\"{{json .ID}}", {b: [1, null]}], binary: [5], ack: true, expect: [true]}
      - emit: {event: say, json: "1, {{.ID}}", reply: said}
      - join: r
      - leave: {room: r, timeout: 1s}
      - broadcast: {room: r, size: 200}
      - wait: news
      - think: 1s..3s
      - think: exponential 2s
      - repeat: {times: 3, every: 100ms, do: [{think: 1ms}]}
      - repeat: {do: [disconnect, {disconnect: abort}, reconnect, {reconnect: 1s}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Name: "all of it", Seed: 1<<64 - 1, URL: "http://h:1", Path: "/p/", Namespace: "/n",
		Transports: "websocket=80,polling=20", Parsers: "msgpack", Compress: true,
		Auth: `{"token":"{{.Row "token"}}","n":1}`, Query: map[string]string{"a": "1"}, Headers: map[string]string{"X-A": "b"},
		Data: "u.csv", DataOrder: "random", Timeout: time.Second, Drain: 2 * time.Second, Late: 3 * time.Millisecond,
		Assert: []string{"echo.p99<5ms"}, Outputs: map[string]string{"json": "r.json"},
		Phases: []Phase{
			{"phase 1", 90 * time.Second, true, Ramp{0, 10000}, Ramp{}, Ramp{1, 1}},
			{"b", 2 * time.Second, false, Ramp{10000, 10000}, Ramp{0.5, 20}, Ramp{1, 2.5}},
			{"c", 2 * time.Second, false, Ramp{10000, 10000}, Ramp{}, Ramp{2.5, 2.5}},
		},
	}
	flow := f.Clients[0].Flow
	kind := f.Clients[0]
	f.Clients = nil
	if !reflect.DeepEqual(f, want) {
		t.Errorf("\n got %+v\nwant %+v", f, want)
	}
	if kind.Name != "one" || kind.Weight != 3 || kind.Namespace != "/m" || kind.Transports != "polling" || !reflect.DeepEqual(kind.Listen, []string{"news"}) {
		t.Errorf("%+v", kind)
	}
	for i := range flow {
		flow[i].Line = 0
	}
	steps := []Step{
		{Op: Echo, Name: "echo", Form: "event", Size: 100, Count: 1},
		{Op: Echo, Name: "asked", Form: "ack", Size: 9, Count: 2, Timeout: 4 * time.Second},
		{Op: Emit, Name: "say", Event: "say", Args: `"a\"{{json .ID}}",{"b":[1,null]}`, Binary: []int{5}, Ack: true, Expect: "[true]"},
		{Op: Emit, Name: "say", Event: "say", Args: "1, {{.ID}}", Reply: "said"},
		{Op: Join, Name: "join", Room: "r"},
		{Op: Leave, Name: "leave", Room: "r", Timeout: time.Second},
		{Op: Broadcast, Name: "broadcast", Room: "r", Size: 200},
		{Op: Wait, Name: "wait news", Event: "news", Count: 1},
		{Op: Think, Span: Span{Min: time.Second, Max: 3 * time.Second}},
		{Op: Think, Span: Span{Mean: 2 * time.Second}},
	}
	for i, want := range steps {
		if !reflect.DeepEqual(flow[i], want) {
			t.Errorf("step %d\n got %+v\nwant %+v", i, flow[i], want)
		}
	}
	if r := flow[10]; r.Op != Repeat || r.Times != 3 || r.Every != 100*time.Millisecond || len(r.Do) != 1 {
		t.Errorf("%+v", r)
	}
	if r := flow[11]; r.Times != 0 || r.Do[0].Op != Disconnect || r.Do[0].Abort || !r.Do[1].Abort || r.Do[2].Op != Reconnect || r.Do[3].Span.Min != time.Second {
		t.Errorf("%+v", r)
	}
}

// TestRefused: what is wrong is told with its place, whole.
func TestRefused(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"nam: x\n" + phase + client, `x.yaml:1:1: the file has no "nam"; it may have assert, auth, `},
		{"nam: x\n" + phase + client, "    1 | nam: x\n      | ^"},
		{phase + "clients:\n  - flow:\n      - ecco: 64\n", "x.yaml:4:9: there is no step \"ecco\""},
		{phase + "clients:\n  - flow:\n      - ecco: 64\n", "    4 |       - ecco: 64\n      |         ^"},
		{phase + "clients: [{flow: [{echo: {sise: 1}}]}]", `echo has no "sise"; it may have count, form, size, timeout`},
		{phase + "clients: [{flow: [{echo: 0}]}]", "from 1 to 16777216"},
		{phase + "clients: [{flow: [{echo: {form: loud}}]}]", "must be one of event, ack, binary, object"},
		{phase + "clients: [{flow: [{echo: 64, join: r}]}]", `does "echo" already`},
		{phase + "clients: [{flow: [{as: x}]}]", "without anything to do"},
		{phase + "clients: [{flow: [{think: 1s, as: x}]}]", "no latency"},
		{phase + "clients: [{flow: [{think: 3s..1s}]}]", "the shorter one"},
		{phase + "clients: [{flow: [{think: soon}]}]", "must be a time"},
		{phase + "clients: [{flow: [{think: -1s}]}]", "must be a time"},
		{phase + "clients: [{flow: [join]}]", "join needs a value"},
		{phase + "clients: [{flow: [{join: {timeout: 1s}}]}]", "needs a room"},
		{phase + "clients: [{flow: [{wait: {timeout: 1s}}]}]", "needs an event"},
		{phase + "clients: [{flow: [{wait: connect}]}]", "cannot be the name"},
		{phase + "clients: [{flow: [{repeat: {times: 3}}]}]", "nothing to do"},
		{phase + "clients: [{flow: [{repeat: {times: 0, do: [{echo: 64}]}}]}]", "from 1"},
		{phase + "clients: [{flow: [{emit: {args: [1]}}]}]", "needs an event"},
		{phase + "clients: [{flow: [{emit: {event: e, args: [1], json: '2'}}]}]", "args already"},
		{phase + "clients: [{flow: [{emit: {event: e, json: '2,'}}]}]", "not JSON"},
		{phase + "clients: [{flow: [{emit: {event: e, expect: [1]}}]}]", "waits for nothing"},
		{phase + "clients: [{flow: [{emit: {event: e, timeout: 1s}}]}]", "waits for nothing"},
		{phase + "clients: [{flow: [{emit: {event: e, ack: true, reply: f}}]}]", "already"},
		{phase + "clients: [{flow: [{emit: {event: e, ack: true, expect: ['{{.ID}}', 1]}}]}]", ""},
		{phase + "clients: [{flow: [{emit: {event: e, ack: 1}}]}]", "true or false"},
		{phase + "clients: [{flow: [{echo: 64, as: connect}]}]", "a meaning of its own"},
		{phase + "clients: [{flow: []}]", "has no flow"},
		{phase + "clients: [{name: a, flow: [{echo: 64}]}, {name: a, flow: [{echo: 64}]}]", `the name "a"`},
		{phase + "clients: [{weight: 0, flow: [{echo: 64}]}]", "from 1 to 1000"},
		{phase + "clients: [{namespace: n, flow: [{echo: 64}]}]", "begins with /"},
		{phase, "there are no clients"},
		{client, "there are no phases"},
		{"phases: [{connections: 1}]\n" + client, "has no duration"},
		{"phases: [{duration: 1s}]\n" + client, "no phase has connections or arrivals"},
		{"phases: [{duration: 1s, connections: 1, warmup: true}]\n" + client, "nothing would count"},
		{"phases: [{duration: 1s, connections: 1}, {duration: 1s, warmup: true}]\n" + client, "must not come behind"},
		{"phases: [{name: a, duration: 1s, connections: 1}, {name: a, duration: 1s}]\n" + client, "has come before"},
		{"phases: [{duration: 1s, connections: 1.5}]\n" + client, "must be a number"},
		{"phases: [{duration: 1s, connections: 1..2..3}]\n" + client, "must be a number"},
		{"phases: [{duration: 1s, connections: 1, load: 0}]\n" + client, "0.001"},
		{"phases: [{duration: 100h, connections: 1}, {duration: 100h}]\n" + client, "more than"},
		{"transports: pigeon\n" + phase + client, "must be one of websocket, polling, upgrade"},
		{"transports: {polling: 0}\n" + phase + client, "share"},
		{"outputs: {pdf: x}\n" + phase + client, "must be one of json"},
		{"seed: -1\n" + phase + client, "whole number"},
		{"name: a\nname: b\n" + phase + client, "already defined"},
		{"a: &x [1]\nb: *x\n" + phase + client, ""},
		{"name: &x a\nauth: {b: *x}\n" + phase + client, "anchors"},
		{"name: [\n", ""},
		{"- a\n", "must be a mapping"},
		{"", "one YAML document"},
		{phase + "---\n" + client, "one YAML document"},
		{"name: \xff\n", "UTF-8"},
		{strings.Repeat("#", MaxFile+1), "more than"},
		{"auth: " + strings.Repeat("[", 1000), "nests too deep"},
		{strings.Repeat("- ", 1000), "nests too deep"},
		{phase + "clients: [{flow: [" + strings.Repeat("{echo: 64},", MaxSteps+1) + "]}]", "at most 500"},
		{phase + "clients: [{flow: [" + strings.Repeat("{repeat: {do: [", 6) + "{echo: 64}" + strings.Repeat("]}}", 6) + "]}]", "at most 4 loops"},
	} {
		f, err := Parse("x.yaml", []byte(tc.text))
		var e *Error
		switch {
		case tc.want == "" && err == nil:
		case !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || f != nil:
			t.Errorf("%.200s\n%v\nwant …%s…", tc.text, err, tc.want)
		}
	}
}

// TestHostile: text that a parser may take very long for is refused all the same.
func TestHostile(t *testing.T) {
	for _, piece := range []string{
		"a", "a: b\n", "- a\n", "a, ", "[]", "{}", "'a' ", "? a\n", "&a ", "*a ", "!a ", "%a\n", "---\n", "  x\n", "\"", "#a\n", "\t", "<<: *a\n", "a: |\n", "a: &b [*b, *b]\n",
	} {
		lines := ""
		for len(lines) < MaxLine/2 && !strings.HasSuffix(piece, "\n") {
			lines += piece
		}
		if lines = strings.TrimSuffix(lines, "\n") + "\n"; len(lines) == 1 {
			lines = piece
		}
		for _, text := range []string{
			strings.Repeat(lines, MaxFile/len(lines)), "a: [" + strings.Repeat(lines, MaxFile/len(lines)-1), strings.Repeat(piece, MaxFile/len(piece)),
		} {
			if _, err := Parse("x.yaml", []byte(text)); err == nil {
				t.Errorf("%q and so on is accepted", piece)
			}
		}
	}
}

// FuzzParse: whatever comes, Parse ends, and says what is wrong or gives a file
// within its bounds.
func FuzzParse(f *testing.F) {
	f.Add([]byte(phase + client))
	files, _ := filepath.Glob("../../examples/*.yaml")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"))
	f.Add([]byte("auth: {<<: {a: 1}}\n" + phase + client))
	f.Add([]byte("name: |\n  a\n  b\n? x\n: y\n!!str a: !t b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("x.yaml", text)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || file != nil || e.Message == "" || len(err.Error()) > 4096+len(text) {
				t.Errorf("%v, %#v", file, err)
			}
			return
		}
		if len(file.Phases) == 0 || len(file.Phases) > MaxPhases || len(file.Clients) == 0 || len(file.Clients) > MaxKinds {
			t.Errorf("%+v", file)
		}
		for _, k := range file.Clients {
			n := 0
			for range Steps(k.Flow) {
				n++
			}
			if n == 0 || n > MaxSteps {
				t.Errorf("%d steps", n)
			}
		}
	})
}
