package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

// TestManual: the commands and flags that docs/sio-bench.md names are there.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("../../docs/sio-bench.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(new(commandLine), grammar()...)
	if err != nil {
		t.Fatal(err)
	}
	commands, flags := make(map[string]bool), make(map[string]bool)
	for _, c := range parser.Model.Leaves(false) {
		commands[c.Name] = true
		for _, group := range c.AllFlags(false) {
			for _, f := range group {
				flags["--"+f.Name] = true
				if f.Short != 0 {
					flags["-"+string(f.Short)] = true
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("sio-bench ([a-z]+)|^\\| `([a-z]+)` \\| [^|]{40}").FindAllStringSubmatch(string(text), -1) {
		if name := m[1] + m[2]; !commands[name] {
			t.Errorf("there is no command %s", name)
		}
	}
	for _, m := range regexp.MustCompile("[` ](--?[a-z][a-z-]*)").FindAllStringSubmatch(string(text), -1) {
		if !flags[m[1]] {
			t.Errorf("there is no flag %s", m[1])
		}
	}
	var head strings.Builder
	if err := bench.WriteCSV(&head, nil); err != nil {
		t.Fatal(err)
	}
	for c := range strings.SplitSeq(strings.TrimSpace(head.String()), ",") {
		name := regexp.MustCompile(`^(client|server)_`).ReplaceAllString(c, "")
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the column %s is not explained", c)
		}
	}
}
