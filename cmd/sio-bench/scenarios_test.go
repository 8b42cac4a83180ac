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
