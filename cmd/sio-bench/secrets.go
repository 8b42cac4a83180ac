package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench"
)

// secretFlags are those whose values stay out of what is kept of a command line.
var secretFlags = map[string]bool{"--auth": true, "--header": true, "-H": true, "--query": true}

// joinedHeader is -H with its value in the same word, perhaps behind other short flags
// that have none.
var joinedHeader = regexp.MustCompile(`^-q*H`)

// commandOf is the command line for the record, without secrets.
func commandOf(args []string) []string { return append([]string{"sio-bench"}, publicWords(args)...) }

// publicWords are the words of a command line without secrets: of flags that may have
// some the names, URLs without users.
func publicWords(args []string) (line []string) {
	secret := false // the next word is a value of a secret flag
	for _, word := range args {
		name, value, joined := strings.Cut(word, "=")
		short := joinedHeader.FindString(word)
		switch {
		case secret:
			word, secret = withoutSecret(word), false
		case secretFlags[word] || word == short && short != "":
			secret = true
		case joined && secretFlags[name]:
			word = name + "=" + withoutSecret(value)
		case short != "": // -HNAME=VALUE
			word = short + withoutSecret(word[len(short):])
		default:
			word = bench.PublicURLs(word)
		}
		line = append(line, word)
	}
	return line
}

// withoutSecret keeps the name of NAME=VALUE.
func withoutSecret(value string) string {
	if name, _, ok := strings.Cut(value, "="); ok && !strings.ContainsAny(name, `{"`) {
		return name + "=" + bench.Hidden
	}
	return bench.Hidden
}

// publicLine is a line of a case without secrets: the same, if it has none.
func publicLine(line string) string {
	words, err := splitWords(line)
	if err != nil {
		return line // it is refused
	}
	public := publicWords(words)
	if slices.Equal(words, public) {
		return line
	}
	for i, word := range public {
		if word == "" || strings.ContainsAny(word, " \t\n\\\"'") {
			public[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(public, " ")
}

// reveal takes from given, the plan that a result came from, what the result keeps to
// itself.
func (p *matrixPlan) reveal(given matrixPlan) error {
	for i := range p.Servers {
		s := &p.Servers[i]
		at := slices.IndexFunc(given.Servers, func(g bench.ServerSpec) bool { return g.Name == s.Name })
		if at < 0 {
			return fmt.Errorf("%w: the plan has no server %q", bench.ErrUsage, s.Name)
		}
		own, other := s.Public(), given.Servers[at].Public()
		if own.Dir != other.Dir || !slices.Equal(own.Command, other.Command) || !slices.Equal(own.Env, other.Env) {
			return fmt.Errorf("%w: the plan has another server %q", bench.ErrUsage, s.Name)
		}
		s.Command, s.Env = given.Servers[at].Command, given.Servers[at].Env
	}
	for i := range p.Cases {
		k := &p.Cases[i]
		at := slices.IndexFunc(given.Cases, func(g caseSpec) bool { return g.name() == k.Name })
		if at < 0 || publicLine(given.Cases[at].Run) != publicLine(k.Run) {
			return fmt.Errorf("%w: the plan has another case %q, or none", bench.ErrUsage, k.Name)
		}
		k.Run = given.Cases[at].Run
	}
	return nil
}

// hides reports whether the plan, which came from a result, lacks what the result keeps
// to itself.
func (p *matrixPlan) hides() bool {
	hidden := func(text string) bool { return strings.Contains(text, bench.Hidden) }
	return slices.ContainsFunc(p.Cases, func(k caseSpec) bool { return hidden(k.Run) }) ||
		slices.ContainsFunc(p.Servers, func(s bench.ServerSpec) bool {
			return slices.ContainsFunc(slices.Concat(s.Env, s.Command), hidden)
		})
}
