package main

import (
	"fmt"
	"io"
	"os"

	"github.com/e6a90ca8/sio/bench"
)

// files are the flags that say where the result of one run goes.
type files struct {
	JSON     string `short:"j" help:"Write the result as JSON to FILE, or with - to standard output." placeholder:"FILE" group:"Output"`
	HTML     string `name:"html" help:"Write a report with plots to FILE: one page that needs no network." placeholder:"FILE" group:"Output"`
	Markdown string `help:"Write a summary to FILE, for a comment on a pull request." placeholder:"FILE" group:"Output"`
	CSV      string `name:"csv" help:"Write the time series to FILE, a line a second." placeholder:"FILE" group:"Output"`
	NDJSON   string `name:"ndjson" help:"Write to FILE while it runs: a line of JSON a second, and one for the result." placeholder:"FILE" group:"Output"`
}

// A target is one of the files and what writes it at the end.
type target struct {
	flag, name string
	write      func(w io.Writer, r *bench.Result) error
}

func (f *files) targets() []target {
	all := []target{
		{"--json", f.JSON, func(w io.Writer, r *bench.Result) error { return writeJSON(w, r) }},
		{"--html", f.HTML, func(w io.Writer, r *bench.Result) error { return r.WriteHTML(w) }},
		{"--markdown", f.Markdown, func(w io.Writer, r *bench.Result) error { return r.WriteMarkdown(w) }},
		{"--csv", f.CSV, func(w io.Writer, r *bench.Result) error { return bench.WriteCSV(w, r.Series) }},
		{"--ndjson", f.NDJSON, nil},
	}
	var named []target
	for _, t := range all {
		if t.name != "" {
			named = append(named, t)
		}
	}
	return named
}

// tryFile makes sure that a file can be written, and leaves alone what is in it.
func tryFile(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return file.Close()
}

// tryFiles makes sure of several; those without a name and standard output are left out.
func tryFiles(names ...string) error {
	for _, name := range names {
		if name == "" || name == "-" {
			continue
		}
		if err := tryFile(name); err != nil {
			return err
		}
	}
	return nil
}

// A writing is the files of one run, from before it to behind it.
type writing struct {
	files   []target
	out     io.Writer
	printed bool // something has standard output for itself
	stream  *bench.Stream
	close   func() error // of the stream's file
}

// begin makes sure before the run that its files can be written, without touching what
// is in them, and starts the stream.
func (f *files) begin(out io.Writer) (*writing, error) {
	w := &writing{files: f.targets(), out: out, close: func() error { return nil }}
	seen := make(map[string]string)
	for _, t := range w.files {
		if other, twice := seen[t.name]; twice {
			return nil, fmt.Errorf("%w: %s and %s write to the same place: %s", bench.ErrUsage, other, t.flag, t.name)
		}
		seen[t.name] = t.flag
		if t.name == "-" {
			w.printed = true
		}
	}
	for _, t := range w.files {
		switch {
		case t.name == "-" && t.write == nil:
			w.stream = bench.NewStream(out)
		case t.name == "-":
		case t.write == nil:
			file, err := os.Create(t.name)
			if err != nil {
				return nil, err
			}
			w.stream, w.close = bench.NewStream(file), file.Close
		default:
			if err := tryFile(t.name); err != nil {
				w.close()
				return nil, err
			}
		}
	}
	return w, nil
}

// sample passes a sample on while the run goes.
func (w *writing) sample(s *bench.Sample) {
	if w.stream != nil && s != nil {
		w.stream.Sample(s)
	}
}

// finish writes what came out.
func (w *writing) finish(r *bench.Result) error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, t := range w.files {
		switch {
		case t.write == nil:
			keep(w.stream.Result(r))
		case t.name == "-":
			keep(t.write(w.out, r))
		default:
			keep(writeFile(t.name, func(f *os.File) error { return t.write(f, r) }))
		}
	}
	keep(w.close())
	return first
}
