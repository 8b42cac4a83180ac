package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish." placeholder:"SHELL"`
}

func (*completionCommand) Help() string {
	return `Writes a script that has the shell complete commands, flags and their values.

Examples:
  source <(sio-bench completion bash)                                    in ~/.bashrc
  source <(sio-bench completion zsh)                                     in ~/.zshrc, behind compinit
  sio-bench completion fish > ~/.config/fish/completions/sio-bench.fish`
}

func (c *completionCommand) Run(a *app) error {
	_, err := io.WriteString(a.out, completionScripts[c.Shell])
	return err
}

// completeWord is the first argument of the calls that the scripts make.
const completeWord = "__complete"

// completeTag is the tag of a flag that takes more than some words, with the words.
const completeTag = "complete"

// filesWanted is what a call says where the shell knows better than we do.
const filesWanted = ":files"

// completionScripts ask the program itself what could stand at the cursor. It gets
// the words before it and the one it is in; bash, which takes words apart at = and
// :, gives the line.
var completionScripts = map[string]string{
	"bash": `_sio_bench() {
	local found
	COMPREPLY=()
	found=$("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null) || return
	if [ "$found" = ":files" ]; then
		compopt -o default 2>/dev/null
	elif [ -n "$found" ]; then
		local IFS=$'\n'
		COMPREPLY=($found)
	fi
}
complete -F _sio_bench sio-bench
`,
	"zsh": `#compdef sio-bench
_sio_bench() {
	local -a found
	found=("${(@f)$(${words[1]} __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ $found[1] == ":files" ]]; then
		_files
	elif [[ -n $found[1] ]]; then
		_describe -V sio-bench found
	fi
}
compdef _sio_bench sio-bench
`,
	"fish": `function __sio_bench_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l found ($words[1] __complete fish $words[2..-1] 2>/dev/null)
	if test "$found[1]" = ":files"
		__fish_complete_path (commandline -ct)
	else
		printf '%s\n' $found
	end
end
complete -c sio-bench -f -a '(__sio_bench_complete)'
`,
}

// candidate is what could stand at the cursor.
type candidate struct{ word, help string }

// complete answers a call of one of the scripts.
func complete(app *kong.Application, args []string, out io.Writer) error {
	if len(args) == 0 {
		return nil
	}
	shell, words := args[0], args[1:]
	if shell == "bash" {
		words = wordsBefore(strings.Join(words, " "))
		if len(words) < 2 {
			return nil
		}
		words = words[1:] // without the program
	}
	if len(words) == 0 {
		words = []string{""}
	}
	list, files := candidates(app, words)
	if files {
		_, err := fmt.Fprintln(out, filesWanted)
		return err
	}
	last := words[len(words)-1]
	for _, c := range list {
		line := c.word
		switch shell {
		case "bash": // what it takes for the word begins behind the last of these
			line = line[strings.LastIndexAny(last, "=:")+1:]
		case "zsh":
			line = strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(c.word) + ":" + c.help
		case "fish":
			line += "\t" + c.help
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

// wordsBefore splits a line up to the cursor; the last word is the one that the
// cursor is in, which may be empty.
func wordsBefore(line string) []string {
	for _, end := range []string{"", "'", `"`, " "} { // quotes may still be open
		words, err := splitWords(line + end)
		if err != nil {
			continue
		}
		if end == "" && (line == "" || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t")) {
			words = append(words, "")
		}
		return words
	}
	return nil
}

// candidates are what could stand in place of the last word; files if that is the
// name of a file.
func candidates(app *kong.Application, words []string) (list []candidate, files bool) {
	node := app.Node
	var flags []*kong.Flag
	enter := func(n *kong.Node) {
		node = n
		flags = append(flags, n.Flags...)
	}
	enter(node)
	var wanting *kong.Flag // its value is the next word
	places := 0            // arguments so far
	ended := false         // by --
	last := words[len(words)-1]
	for _, word := range words[:len(words)-1] {
		switch {
		case wanting != nil:
			wanting = nil
		case ended || word == "-" || !strings.HasPrefix(word, "-"):
			if child := childOf(node, word); child != nil && !ended && places == 0 {
				enter(child)
			} else {
				places++
			}
		case word == "--":
			ended = true
		case !strings.Contains(word, "="):
			wanting = wantsValue(flags, word)
		}
	}

	var value *kong.Value
	prefix := ""
	switch {
	case wanting != nil:
		value = wanting.Value
	case !ended && strings.HasPrefix(last, "-"):
		name, _, ok := strings.Cut(last, "=")
		if !ok {
			return flagsLike(flags, last), false
		}
		prefix = name + "="
		f := wantsValue(flags, name)
		if f == nil {
			return nil, false
		}
		value = f.Value
	case places < len(node.Positional):
		value = node.Positional[places]
	case len(node.Positional) > 0 && node.Positional[len(node.Positional)-1].IsCumulative():
		value = node.Positional[len(node.Positional)-1]
	default:
		for _, child := range node.Children {
			if !child.Hidden && strings.HasPrefix(child.Name, last) {
				list = append(list, candidate{child.Name, oneLine(child.Help)})
			}
		}
		return list, false
	}
	if value.Enum != "" || value.Tag.Has(completeTag) {
		for _, v := range append(value.EnumSlice(), strings.Split(value.Tag.Get(completeTag), ",")...) {
			if word := prefix + v; v != "" && strings.HasPrefix(word, last) {
				list = append(list, candidate{word, ""})
			}
		}
		return list, false
	}
	return nil, isFile(value)
}

func childOf(n *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return n.Children[i]
}

// wantsValue is the flag that a word names and that has a value behind it, nil if
// there is none. Of several short ones in a word it is the last.
func wantsValue(flags []*kong.Flag, word string) *kong.Flag {
	for _, f := range flags {
		long := word == "--"+f.Name
		short := f.Short != 0 && !strings.HasPrefix(word, "--") && strings.HasSuffix(word, string(f.Short))
		if (long || short) && !f.IsBool() && !f.IsCounter() {
			return f
		}
	}
	return nil
}

func flagsLike(flags []*kong.Flag, prefix string) (list []candidate) {
	for _, f := range flags {
		if word := "--" + f.Name; !f.Hidden && strings.HasPrefix(word, prefix) {
			list = append(list, candidate{word, oneLine(f.Help)})
		}
	}
	slices.SortFunc(list, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return list
}

// isFile says whether a value names a file.
func isFile(v *kong.Value) bool {
	if strings.HasSuffix(v.Tag.Type, "file") || strings.HasSuffix(v.Tag.Type, "path") {
		return true
	}
	return strings.Contains(v.Tag.PlaceHolder, "FILE")
}

// oneLine is the first sentence of a help text.
func oneLine(help string) string {
	help, _, _ = strings.Cut(help, "\n")
	help, _, _ = strings.Cut(help, ". ")
	return help
}
