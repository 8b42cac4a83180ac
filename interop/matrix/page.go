package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// languageNames are how languages are called, by the directories of their programs.
var languageNames = map[string]string{"js": "JavaScript", "python": "Python", "java": "Java", "rust": "Rust", "go": "Go"}

// A result is an outcome as results.json keeps it.
type result struct {
	Client    string            `json:"client"`
	Revision  int               `json:"revision"`
	Parser    string            `json:"parser"`
	Door      string            `json:"door"`
	Transport string            `json:"transport"`
	Passed    int               `json:"passed"`
	Cannot    map[string]string `json:"cannot,omitempty"` // why, by case
}

func resultsOf(outcomes []outcome) (list []result) {
	for _, o := range outcomes {
		list = append(list, result{o.client.title(), o.client.revision, o.parser, o.door, o.transport, o.passed, o.none})
	}
	return list
}

// told compares what has been seen with what results.json and the page tell; with write
// it writes them.
func told(cases []testCase, outcomes []outcome, write bool) error {
	results := resultsOf(outcomes)
	text, err := json.MarshalIndent(results, "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if write {
		return errors.Join(os.WriteFile(resultsFile, text, 0o644), os.WriteFile(pageFile, page(cases, results), 0o644))
	}
	was, err := os.ReadFile(resultsFile)
	if err != nil {
		return err
	}
	if !bytes.Equal(was, text) {
		return fmt.Errorf("%s does not tell what has been seen: look at the difference, then run this with -write", pageFile)
	}
	return nil
}

// page is docs/compatibility.md.
func page(cases []testCase, results []result) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Which clients work with sio

Written by interop/matrix from what it has seen; do not edit. `+"`make interop`"+` plays it all again, and fails when this page
does not tell what it sees.

Each of %d cases (below) is played by each client, unmodified, over each transport: HTTP polling alone, WebSocket alone, and
polling that is upgraded; through sio's own listener, and through net/http's, with sio as its handler. A number is that of the
cases that passed. None failed; what is missing from %d the client cannot, on the reference server neither: see the list of reasons.
Clients of revision 3 of Engine.IO's protocol need `+"`Options.AllowEIO3`"+`. MessagePack is recognised for each connection.

| client | language | revision | parser |`, len(cases), len(cases))
	for _, door := range doors {
		for _, transport := range carriers {
			fmt.Fprintf(&b, " %s: %s |", door, transport)
		}
	}
	b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", len(doors)*len(carriers)) + "\n")
	for i := range clients {
		for _, parser := range clients[i].parsers {
			fmt.Fprintf(&b, "| %s | %s | %d | %s |", clients[i].title(), languageNames[clients[i].language], clients[i].revision, parser)
			for _, door := range doors {
				for _, transport := range carriers {
					j := slices.IndexFunc(results, func(r result) bool {
						return r.Client == clients[i].title() && r.Parser == parser && r.Door == door && r.Transport == transport
					})
					if j < 0 {
						b.WriteString(" not played |")
					} else {
						fmt.Fprintf(&b, " %d |", results[j].Passed)
					}
				}
			}
			b.WriteString("\n")
		}
	}

	for i := range clients {
		if why := clients[i].again; why != "" {
			fmt.Fprintf(&b, "\n%s has up to three tries at a case: %s.\n", clients[i].title(), why)
		}
	}

	b.WriteString("\n## What a client cannot\n\n| client | case | where | why |\n|---|---|---|---|\n")
	for i := range clients {
		for _, c := range cases {
			for _, r := range reasons(results, clients[i].title(), c.Name) {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", clients[i].title(), c.Name, r.where, r.why)
			}
		}
	}

	b.WriteString("\n## The cases\n\nWords: [interop/APP.md](../interop/APP.md).\n\n| case | what |\n|---|---|\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "| %s | %s |\n", c.Name, c.What)
	}
	return b.Bytes()
}

type reason struct{ where, why string }

// reasons are why a client cannot a case, each with the transports that it holds for.
func reasons(results []result, client, name string) (list []reason) {
	for _, r := range results {
		why := r.Cannot[name]
		if r.Client != client || why == "" {
			continue
		}
		i := slices.IndexFunc(list, func(x reason) bool { return x.why == why })
		if i < 0 {
			list, i = append(list, reason{why: why}), len(list)
		}
		if !slices.Contains(strings.Split(list[i].where, ", "), r.Transport) {
			list[i].where = strings.TrimPrefix(list[i].where+", "+r.Transport, ", ")
		}
	}
	for i := range list {
		if list[i].where == strings.Join(carriers, ", ") {
			list[i].where = "all"
		}
	}
	return list
}
