package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/e6a90ca8/sio/bench"
)

type compareCommand struct {
	Results   []string   `arg:"" help:"Results, the old ones first. Each is a side: a JSON file, or several as a pattern or with commas. NAME=… names it." placeholder:"FILE"`
	Threshold *threshold `help:"End with exit code 4 if a metric is significantly worse by more than this, like 3%, or is not there any more." placeholder:"PERCENT"`
	Missing   bool       `name:"allow-missing" help:"Metrics that only the old side has are no reason for exit code 4."`
	Metric    []string   `short:"M" sep:"none" help:"Look at these metrics only; * stands for anything; may be repeated." placeholder:"PATTERN"`
	Markdown  string     `short:"m" help:"Write a Markdown page to FILE." placeholder:"FILE"`
	HTML      string     `help:"Write a page that stands alone to FILE, with the percentiles and the course of all sides in one chart each." placeholder:"FILE"`
	JSON      string     `short:"j" help:"Write the comparison as JSON to FILE, or with - to standard output." placeholder:"FILE"`
}

func (*compareCommand) Help() string {
	return `Compares results that runs have left by --json, several repeats on each side: at least 4, for with fewer
nothing can tell a change from chance. A file may have one run, several (one JSON value after another, or an
array), or a whole matrix; of matrices each case and server is compared with itself, by the main metric's
ratio to the first server, too.

Whether a metric has changed is judged by a Mann-Whitney U test, with p < 0.05. For --threshold p is corrected
for the number of metrics, by Holm's method, so that chance alone seldom fails it: 4 repeats on each side can
show that one metric is worse, 5 that one of 6 is, 6 of 23, 8 of 300. What the generator says of itself, its
memory and how late it sent, is shown and gives no exit code.

Examples:
  for i in 1 2 3 4 5; do sio-bench echo :3000 -j old$i.json; done; …
  sio-bench compare 'old*.json' 'new*.json'
  sio-bench compare before=a.json,b.json,c.json,d.json after='new*.json' --threshold 3% --metric 'server CPU*'
  sio-bench compare matrix1.json matrix2.json matrix3.json -m comparison.md --html comparison.html`
}

// threshold is a share, written as one or in per cent.
type threshold float64

// UnmarshalText reads "3%" or "0.03".
func (t *threshold) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1000) {
		return fmt.Errorf("%q: must be like 3%% or 0.03", text)
	}
	*t = threshold(v)
	return nil
}

func (c *compareCommand) Run(a *app) error {
	sides, err := readSides(c.Results)
	if err != nil {
		return err
	}
	o := bench.CompareOptions{Metrics: c.Metric, Threshold: -1}
	if c.Threshold != nil {
		o.Threshold = float64(*c.Threshold)
	}
	res, err := bench.Compare(sides, o)
	if err != nil {
		return err
	}
	switch c.JSON {
	case "":
		err = res.WriteText(a.out)
	case "-":
		err = writeJSON(a.out, res)
	default:
		if err = res.WriteText(a.out); err == nil {
			err = writeFile(c.JSON, func(f *os.File) error { return writeJSON(f, res) })
		}
	}
	if err == nil && c.Markdown != "" {
		err = writeFile(c.Markdown, func(f *os.File) error { return res.WriteMarkdown(f) })
	}
	if err == nil && c.HTML != "" {
		err = writeFile(c.HTML, func(f *os.File) error { return res.WriteHTML(f) })
	}
	if err == nil && (res.Regressions > 0 || res.Missing > 0 && c.Threshold != nil && !c.Missing) {
		err = errRegression
	}
	return err
}

// readSides reads the sides of a comparison: [NAME=]PATTERN[,PATTERN…].
func readSides(args []string) ([]*bench.Side, error) {
	var sides []*bench.Side
	for _, arg := range args {
		side := &bench.Side{Name: arg}
		// A file whose name has a = is not a named side.
		if name, rest, ok := strings.Cut(arg, "="); ok && name != "" && rest != "" {
			if _, err := os.Stat(arg); err != nil {
				side.Name, arg = name, rest
			}
		}
		for pattern := range strings.SplitSeq(arg, ",") {
			files, err := filepath.Glob(pattern)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", bench.ErrUsage, pattern, err)
			}
			if len(files) == 0 {
				files = []string{pattern} // for the error
			}
			for _, name := range files {
				f, err := os.Open(name)
				if err != nil {
					return nil, fmt.Errorf("%w: %w", bench.ErrUsage, err)
				}
				err = side.Read(name, f)
				f.Close()
				if err != nil {
					return nil, err
				}
			}
		}
		sides = append(sides, side)
	}
	return sides, nil
}
