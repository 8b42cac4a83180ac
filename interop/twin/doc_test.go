package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the document")

const (
	document = "../../docs/from-node.md"
	begin    = "<!-- The twins, side by side: written by go test ./twin -update, in interop. -->\n"
	end      = "<!-- The end of the twins. -->\n"
)

// TestDocument: docs/from-node.md shows the two programs as they are.
func TestDocument(t *testing.T) {
	node, nodeTitles := sections(t, "../js/twin/server.mjs")
	golang, goTitles := sections(t, "main.go")
	if len(node) < 15 {
		t.Errorf("the programs show %d features, want 15 at least", len(node))
	}
	var b strings.Builder
	b.WriteString(begin)
	for i, title := range nodeTitles {
		if i >= len(goTitles) || goTitles[i] != title {
			t.Fatalf("section %q is not in both programs, in the same order", title)
		}
		fmt.Fprintf(&b, "\n### %d. %s\n\n<table>\n<tr><th>Node</th><th>Go</th></tr>\n<tr><td>\n\n```js\n%s```\n\n</td><td>\n\n```go\n%s```\n\n</td></tr>\n</table>\n",
			i+1, title, node[i], golang[i])
	}
	b.WriteString("\n" + end)

	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(old), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the twins", document)
	}
	doc := head + b.String() + tail
	if doc == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the programs as they are: go test ./twin -update", document)
	}
	if err := os.WriteFile(document, []byte(doc), 0o644); err != nil {
		t.Fatal(err)
	}
}

var heading = regexp.MustCompile(`^(\s*)// (\d+)\. (.*)$`)

// sections are the parts of a program behind comments "// 1. title": each ends at the next
// one, at a line that is indented less, or at a comment that begins with dots.
func sections(t *testing.T, file string) (bodies, titles []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var body []string
	indent, open := "", false
	close := func() {
		if open {
			bodies = append(bodies, strings.Trim(strings.ReplaceAll(strings.Join(body, "\n"), "\t", "  "), "\n")+"\n")
		}
		body, open = nil, false
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if m := heading.FindStringSubmatch(line); m != nil {
			close()
			if m[2] != fmt.Sprint(len(titles)+1) {
				t.Fatalf("%s: section %s where %d is next", file, m[2], len(titles)+1)
			}
			indent, open = m[1], true
			titles = append(titles, m[3])
			continue
		}
		if line != "" && (!strings.HasPrefix(line, indent) || strings.HasPrefix(line, indent+"// ...")) {
			close()
			continue
		}
		body = append(body, strings.TrimPrefix(line, indent))
	}
	close()
	return bodies, titles
}
