package bench

import (
	"fmt"
	"html"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// WriteMarkdown writes the result as a comment on a pull request has room for: how it
// went, what is wrong, the key figures, and the rest folded away. What a server has said
// is escaped.
func (r *Result) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### sio-bench: %s, %s\n\n", plainMarkdown(r.Scenario), r.standing().Text)
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		e := r.Errors[name]
		fmt.Fprintf(&b, "- ❌ **%s × %s**", group(fmt.Sprint(e.Count)), plainMarkdown(name))
		if e.Example != "" {
			fmt.Fprintf(&b, ", for example %s", codeMarkdown(e.Example))
		}
		b.WriteByte('\n')
	}
	for _, a := range r.alarms() {
		if a.Level != "good" {
			fmt.Fprintf(&b, "- ⚠️ %s\n", plainMarkdown(a.Text))
		}
	}
	if !strings.HasSuffix(b.String(), "\n\n") { // something is wrong: end the list
		b.WriteByte('\n')
	}

	if all := r.thresholds(); len(all) > 0 {
		b.WriteString("| threshold | | |\n|---|---:|---|\n")
		for _, t := range all {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", codeMarkdown(t.Assertion), plainMarkdown(t.Value), t.Text)
		}
		b.WriteByte('\n')
	}
	b.WriteString("| | |\n|---|---:|\n")
	for _, t := range r.tiles() {
		value := plainMarkdown(strings.TrimSpace(t.Value + " " + t.Unit))
		if t.Main {
			value = "**" + value + "**"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", plainMarkdown(t.Name), value)
	}
	if rows := quantileRows(r.Latencies); len(rows) > 0 {
		b.WriteString("\n| latency | count |")
		for _, name := range quantileNames {
			fmt.Fprintf(&b, " %s |", name)
		}
		b.WriteString("\n|---|" + strings.Repeat("---:|", len(quantileNames)+1) + "\n")
		for _, row := range rows {
			fmt.Fprintf(&b, "| %s | %s |", plainMarkdown(row.Name), row.Count)
			for _, c := range row.Cells {
				fmt.Fprintf(&b, " %s |", c.Text)
			}
			b.WriteByte('\n')
		}
	}
	if heads, rows := r.steps(); len(rows) > 0 {
		fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---:|", len(heads)))
		for _, row := range rows {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}

	b.WriteString("\n<details><summary>Parameters, environment, command</summary>\n\n| | |\n|---|---|\n")
	fmt.Fprintf(&b, "| server | %s |\n", codeMarkdown(r.URL))
	for _, f := range slices.Concat(fields(r.Parameters), r.machine()) {
		fmt.Fprintf(&b, "| %s | %s |\n", plainMarkdown(f.Name), plainMarkdown(f.Value))
	}
	if len(r.Command) > 0 {
		line := oneLine(r.commandLine())
		fence := "```"
		for strings.Contains(line, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n%[1]s\n%[2]s\n%[1]s\n", fence, line)
	}
	b.WriteString("\n</details>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownMarks are the characters that mean something in a line of Markdown.
var markdownMarks = strings.NewReplacer(
	"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "#", "\\#", "~", "\\~", "@", "@\u200b", "://", ":\u200b//",
	"&", "&amp;", "<", "&lt;", ">", "&gt;")

// plainMarkdown is s as text and nothing else, in one line: no link, no mention of
// anybody, no picture.
func plainMarkdown(s string) string {
	s = oneLine(s)
	if !strings.ContainsAny(s, "\\`*_[]|#~@&<>") && !strings.Contains(s, "://") {
		return s
	}
	return markdownMarks.Replace(s)
}

// codeMarkdown is s as code. It is HTML where s has any mark, since a span in backticks
// cannot hold what ends a cell of a table.
func codeMarkdown(s string) string {
	s = oneLine(s)
	if plainMarkdown(s) == s && s != "" && s == strings.TrimSpace(s) {
		return "`" + s + "`"
	}
	s = html.EscapeString(s)
	return "<code>" + strings.NewReplacer("|", "&#124;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "\\", "&#92;",
		"~", "&#126;", "@", "&#64;", "://", "&#58;//").Replace(s) + "</code>"
}

// oneLine takes what is not to be seen out of s.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // such as turn the direction of a line
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
