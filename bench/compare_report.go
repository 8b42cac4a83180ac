package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// table is a case of a comparison, as text.
type table struct {
	title string
	head  []string
	rows  [][]string
	right []bool // columns of numbers
}

// tables are the comparison's, a case each.
func (c *Comparison) tables() (list []*table) {
	var t *table
	for _, r := range c.Rows {
		title := (&sideCase{Case: r.Case, Server: r.Server}).title()
		if t == nil || t.title != title {
			t = &table{title: title, head: []string{"metric", c.Sides[0].Name}, right: []bool{false, true}}
			for _, s := range c.Sides[1:] {
				t.head = append(t.head, s.Name, "ratio", "p", "")
				t.right = append(t.right, true, true, true, false)
			}
			list = append(list, t)
		}
		name := r.Metric
		if r.Unit != "" && r.Unit != "1/s" {
			name += ", " + r.Unit
		}
		row := []string{name, r.Old.String()}
		for _, change := range r.Changes {
			ratio, p := "–", "–"
			if change.Ratio != nil {
				ratio = fmt.Sprintf("%.3f", *change.Ratio)
			}
			if change.Verdict != TooFew {
				p = fmt.Sprintf("%.3f", change.P)
			}
			verdict := string(change.Verdict)
			switch {
			case change.New.N == 0:
				verdict = "not there"
			case change.Regression:
				verdict = "WORSE"
			}
			row = append(row, change.New.String(), ratio, p, verdict)
		}
		t.rows = append(t.rows, row)
	}
	return list
}

// Summary says in a few sentences how to read the tables, and what was found.
func (c *Comparison) Summary() []string {
	var worse, better, few, judged int
	for _, r := range c.Rows {
		for _, change := range r.Changes {
			switch change.Verdict {
			case Worse:
				worse++
			case Better:
				better++
			case TooFew:
				few++
			}
			if change.Verdict != TooFew {
				judged++
			}
		}
	}
	var list []string
	if few > 0 {
		list = append(list, fmt.Sprintf("%d figures have fewer than %d repeats on a side: too few to tell a change from chance.", few, compareRepeats))
	}
	if judged > 0 {
		list = append(list, fmt.Sprintf("%d figures judged: %d better, %d worse (Mann-Whitney U test, p < %v). Where nothing has changed, about %.2g would seem so by chance.",
			judged, better, worse, compareAlpha, compareAlpha*float64(judged)))
	}
	if c.Missing > 0 {
		list = append(list, fmt.Sprintf("%d figures of %s are not there any more.", c.Missing, c.Sides[0].Name))
	}
	if c.Threshold >= 0 {
		list = append(list, fmt.Sprintf("%d worse by more than %.4g %%, with p < %v after Holm's correction for the number of figures.", c.Regressions, 100*c.Threshold, compareAlpha))
	}
	return list
}

// sides says what the sides are.
func (c *Comparison) sides() (list []string) {
	for _, s := range c.Sides {
		list = append(list, fmt.Sprintf("%s: %d runs in %d files", s.Name, s.Runs, s.Files))
	}
	return list
}

// WriteText writes the comparison for a terminal.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, s := range c.sides() {
		b.WriteString(oneLine(s) + "\n")
	}
	b.WriteString("Medians, with the least and the greatest.\n")
	for _, t := range c.tables() {
		fmt.Fprintf(&b, "\n%s\n", oneLine(t.title))
		tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.head}, t.rows...) {
			fmt.Fprintln(tw, "  "+strings.Join(t.pad(row), "\t"))
		}
		tw.Flush()
	}
	b.WriteByte('\n')
	for _, s := range c.Summary() {
		b.WriteString(s + "\n")
	}
	for _, n := range c.Notes {
		b.WriteString("! " + oneLine(n) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// pad puts blanks before numbers, so that their columns end at one place; names are in one
// line.
func (t *table) pad(row []string) []string {
	padded := make([]string, len(row))
	for i, text := range row {
		width := 0
		if t.right[i] {
			width = utf8.RuneCountInString(t.head[i])
			for _, r := range t.rows {
				width = max(width, utf8.RuneCountInString(r[i]))
			}
		}
		padded[i] = strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + oneLine(text)
	}
	return padded
}

// WriteMarkdown writes the comparison as a page.
func (c *Comparison) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	for _, s := range c.sides() {
		fmt.Fprintf(&b, "- %s\n", plainMarkdown(s))
	}
	b.WriteString("\nMedians, with the least and the greatest.\n")
	for _, t := range c.tables() {
		fmt.Fprintf(&b, "\n## %s\n\n|", plainMarkdown(t.title))
		for _, h := range t.head {
			fmt.Fprintf(&b, " %s |", plainMarkdown(h))
		}
		b.WriteString("\n|")
		for _, right := range t.right {
			if right {
				b.WriteString("---:|")
			} else {
				b.WriteString("---|")
			}
		}
		for _, row := range t.rows {
			b.WriteString("\n|")
			for _, text := range row {
				text = plainMarkdown(text)
				if text == "WORSE" {
					text = "**worse**"
				}
				fmt.Fprintf(&b, " %s |", text)
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, s := range c.Summary() {
		fmt.Fprintf(&b, "%s\n", s)
	}
	if len(c.Notes) > 0 {
		b.WriteByte('\n')
		for _, n := range c.Notes {
			fmt.Fprintf(&b, "- %s\n", plainMarkdown(n))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
