package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestScenarioHelp: every scenario's help has an example that parses.
func TestScenarioHelp(t *testing.T) {
	var line caseLine
	parser, err := kong.New(&line, kong.Name("sio-bench"))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Children {
		out, errOut, code := call(t, node.Name, "--help")
		if code != exitOK || errOut != "" {
			t.Errorf("%s --help: exit %d\n%s", node.Name, code, errOut)
		}
		examples := 0
		for text := range strings.Lines(out) {
			command, ok := strings.CutPrefix(strings.TrimSpace(text), "sio-bench "+node.Name+" ")
			if !ok {
				continue
			}
			examples++
			words, err := splitWords(command)
			if err == nil {
				var line commandLine
				var p *kong.Kong
				if p, err = kong.New(&line, grammar()...); err == nil {
					_, err = p.Parse(append([]string{node.Name}, words...))
				}
			}
			if err != nil {
				t.Errorf("example %q: %v", text, err)
			}
		}
		if examples == 0 {
			t.Errorf("%s --help has no example\n%s", node.Name, out)
		}
	}
}

func TestScenarioUsage(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"fanin :1 --collectors 200", "200 collectors"},
		{"fanin :1 -k 5000", "in flight"},
		{"fanin :1 --rate=-1", "rate -1"},
		{"churn :1 --rooms=-1", "-1 rooms"},
		{"churn :1 --size 3", "size 3"},
		{"storm :1 --cut 0%", "percentage"},
		{"storm :1 --cut 101%", "percentage"},
		{"storm :1 --cut x", "percentage"},
		{"storm :1 --cut 10% --rate 5", "own clock"},
		{"storm :1 --backoff some", "backoff"},
		{"recovery :1 --every=-1s", "negative"},
		{"recovery :1 --size 3", "size 3"},
		{"namespaces :1 --count=-1", "-1 namespaces"},
		{"namespaces :1 --prefix x", "slash"},
		{"slow :1 --slow 100%", "slow"},
		{"slow :1 --slow x", "--slow"},
		{"slow :1 --slow-rate x", "--slow-rate"},
		{"upgrade :1 --depth=-1", "depth -1"},
		{"upgrade :1 --ack --binary", "--ack"},
		{"big :1 --sizes 1KiB,x", "--sizes"},
		{"big :1 --sizes 0", "--sizes"},
		{"big :1 --sizes 64MiB", "at most"},
	} {
		out, errOut, code := call(t, strings.Fields(tc.args)...)
		if code != exitUsage || !strings.Contains(errOut, tc.want) || out != "" {
			t.Errorf("sio-bench %s: exit %d\n%s%s", tc.args, code, out, errOut)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "512B": 512, "1KiB": 1024, "2 MiB": 2 << 20, "3kB": 3000, "1MB": 1e6} {
		if n, err := parseSize(text); n != want || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	for _, text := range []string{"", "KiB", "-1", "1.5KiB", "1GB", "99999999999"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q: %d", text, n)
		}
	}
}
