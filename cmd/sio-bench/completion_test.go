package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// completed is what a shell is told.
func completed(t *testing.T, shell string, words ...string) []string {
	t.Helper()
	out, errOut, code := call(t, append([]string{completeWord, shell}, words...)...)
	if code != exitOK || errOut != "" {
		t.Errorf("%q: exit %d, %s", words, code, errOut)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

func TestComplete(t *testing.T) {
	for _, tc := range []struct {
		line string // bash's
		want string // separated by blanks; … at the end: and others
	}{
		{"sio-bench ma", "matrix"},
		{"sio-bench comp", "compare completion"},
		{"sio-bench echo --dep", "--depth"},
		{"sio-bench echo :3000 -t ", "websocket polling upgrade"},
		{"sio-bench echo -t w", "websocket"},
		{"sio-bench echo --transport=p", "polling"}, // bash takes what is behind the = for the word
		{"sio-bench echo --transport pol", "polling"},
		{"sio-bench matrix --suite ", "quick full"},
		{"sio-bench matrix --plan ", ":files"},
		{"sio-bench matrix --plan=x", ":files"},
		{"sio-bench compare ", ":files"},
		{"sio-bench compare a b --metric x ", ":files"},
		{"sio-bench --config ", ":files"},
		{"sio-bench --config x echo --depth 5 --dep", "--depth"},
		{"sio-bench echo --ack --dep", "--depth"},            // a flag without a value does not take the next word
		{"sio-bench echo -qt ", "websocket polling upgrade"}, // the last of several
		{"sio-bench completion ", "bash zsh fish"},
		{"sio-bench echo -- --dep", ""},
		{"sio-bench echo --auth '{\"a b", ""}, // a quote that is still open
		{"sio-bench echo --ack=", ""},
		{"sio-bench", ""},
		{"", ""},
	} {
		if got := strings.Join(completed(t, "bash", tc.line), " "); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.line, got, tc.want)
		}
	}
	if got := completed(t, "fish", "echo", "--dep"); len(got) != 1 || !strings.HasPrefix(got[0], "--depth\tMessages under way") {
		t.Errorf("fish: %q", got)
	}
	if got := completed(t, "zsh", "echo", "--json"); len(got) != 1 || !strings.HasPrefix(got[0], "--json:") {
		t.Errorf("zsh: %q", got)
	}
	completed(t, "bash")
	call(t, completeWord)
}

// TestCompleteKnowsAll: all commands and flags are among the candidates.
func TestCompleteKnowsAll(t *testing.T) {
	var line commandLine
	p, err := kong.New(&line, grammar()...)
	if err != nil {
		t.Fatal(err)
	}
	commands := completed(t, "bash", "sio-bench ")
	for _, c := range p.Model.Children {
		if !slices.Contains(commands, c.Name) {
			t.Errorf("no command %s in %q", c.Name, commands)
		}
		flags := completed(t, "bash", "sio-bench "+c.Name+" --")
		for _, f := range append(slices.Clone(p.Model.Flags), c.Flags...) {
			if !f.Hidden && !slices.Contains(flags, "--"+f.Name) {
				t.Errorf("%s: no flag --%s in %q", c.Name, f.Name, flags)
			}
		}
	}
}

// TestCompletionScripts has the shells that are installed read the scripts, and ask
// this program through them.
func TestCompletionScripts(t *testing.T) {
	dir := t.TempDir()
	// The program by its name in the path: this one, as its own main.
	program := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", partEnv, os.Args[0])
	if err := os.WriteFile(filepath.Join(dir, "sio-bench"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, tc := range []struct {
		shell string
		check []string // that it can be read
		ask   []string // what follows is what it would offer
		want  string
	}{
		{"bash", []string{"-n"}, []string{"--norc", "-c", `. "$0"
complete -p sio-bench >/dev/null || exit 1
for line in "sio-bench comp" "sio-bench echo --transport=w" "sio-bench echo -t "; do
	COMP_LINE=$line COMP_POINT=${#line}
	_sio_bench sio-bench
	echo "${COMPREPLY[*]}"
done`}, "compare completion\nwebsocket\nwebsocket polling upgrade\n"},
		{"zsh", []string{"-n"}, []string{"-f", "-c", `compdef() { : }
_describe() { shift 2; print -l ${(P)1} }
_files() { print FILES }
. "$0"
words=(sio-bench comp) CURRENT=2; _sio_bench
words=(sio-bench echo -t "") CURRENT=4; _sio_bench
words=(sio-bench compare "") CURRENT=3; _sio_bench`}, "compare:Compare results: better, worse, or the same within chance.\ncompletion:Write a script for a shell's completion of commands and flags.\nwebsocket:\npolling:\nupgrade:\nFILES\n"},
		{"fish", []string{"-n"}, []string{"--no-config", "-c", `source $argv[1]; complete -C "sio-bench comp"; complete -C "sio-bench echo -t w"`}, "compare\tCompare results: better, worse, or the same within chance.\ncompletion\tWrite a script for a shell's completion of commands and flags.\nwebsocket\n"},
	} {
		out, _, code := call(t, "completion", tc.shell)
		if code != exitOK || out == "" {
			t.Fatalf("%s: exit %d", tc.shell, code)
		}
		script := filepath.Join(dir, tc.shell)
		if err := os.WriteFile(script, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(tc.shell); err != nil {
			continue // where there is none, nobody reads the script
		}
		if said, err := exec.Command(tc.shell, append(tc.check, script)...).CombinedOutput(); err != nil {
			t.Errorf("%s cannot read it: %v\n%s", tc.shell, err, said)
		}
		cmd := exec.Command(tc.shell, append(tc.ask, script)...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		said, err := cmd.Output()
		if err != nil || string(said) != tc.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", tc.shell, err, said, tc.want)
		}
	}
	if _, errOut, code := call(t, "completion", "tcsh"); code != exitUsage {
		t.Errorf("exit %d, %s", code, errOut)
	}
}
