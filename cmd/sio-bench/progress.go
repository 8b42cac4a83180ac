package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/e6a90ca8/sio/bench"
)

// style is how text is set off; all empty where colours are not wanted.
type style struct{ bold, dim, red, green, yellow, reset string }

// newStyle is colourful on a terminal, unless NO_COLOR is set or TERM says that it
// cannot. Source: https://no-color.org.
func newStyle(w io.Writer) style {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || !hasColours(os.Getenv("TERM")) {
		return style{}
	}
	return style{"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"}
}

// hasColours reports whether a terminal of that name knows colours. All do nowadays but
// those that say otherwise.
func hasColours(name string) bool {
	if name == "" {
		return runtime.GOOS == "windows"
	}
	for _, prefix := range []string{"dumb", "vt52", "vt1", "vt2"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return !strings.HasSuffix(name, "-m") && !strings.HasSuffix(name, "-mono")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// canRedraw reports whether w is a terminal that lets what it shows be drawn over.
func canRedraw(w io.Writer) bool {
	if runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" && os.Getenv("TERM") == "" {
		return false // a console that may not know control sequences
	}
	return isTerminal(w) && os.Getenv("TERM") != "dumb" && (runtime.GOOS == "windows" || os.Getenv("TERM") != "")
}

// progress shows how runs go: on a terminal a view that is drawn over again and again,
// else lines, a line a second. One goroutine at a time.
type progress struct {
	w     io.Writer // nil: quiet
	live  bool
	view  *view // of one run; nil where there is none yet
	ctx   context.Context
	title string
	style style
	phase string
	shown bool // a single line stands on the terminal
}

func newProgress(w io.Writer, quiet bool) *progress {
	if quiet {
		return &progress{}
	}
	return &progress{w: w, live: canRedraw(w), style: newStyle(w)}
}

// about says what is run, and what ends when somebody wants it to stop: from then on
// the terminal is as it was, whatever else happens.
func (p *progress) about(ctx context.Context, title string) { p.ctx, p.title = ctx, title }

// run is [bench.Options.Progress].
func (p *progress) run(q bench.Progress) {
	switch {
	case p.w == nil:
	case p.live:
		if p.view == nil {
			p.view = newView(p.w.(*os.File), p.title, p.style)
			p.view.start(p.ctx)
		}
		p.view.update(q)
	case q.Phase != p.phase || q.Sample != nil:
		p.phase = q.Phase
		fmt.Fprintln(p.w, describe(q))
	}
}

// matrix is [bench.Matrix.Progress].
func (p *progress) matrix(q bench.MatrixProgress) {
	if p.w == nil {
		return
	}
	head := fmt.Sprintf("[%d/%d, %s left] %s, round %d of %d, %s", q.Done+1, q.Runs, roughly(q.Left), q.Case, q.Round, q.Rounds, q.Server)
	if res := q.Result; res != nil {
		text := head
		if len(res.Metrics) > 0 {
			text += ": " + res.Metrics[0].Name + " " + amount(res.Metrics[0])
		}
		if n := res.ErrorTotal(); n > 0 {
			text += fmt.Sprintf("  %s%d errors%s", p.style.red, n, p.style.reset)
		}
		p.end()
		fmt.Fprintln(p.w, text)
		return
	}
	if p.live {
		p.show(head, head+"  "+describe(q.Run))
	}
}

// show shows text on a terminal as one line that is written over, and elsewhere when
// something new begins, which phase tells.
func (p *progress) show(phase, text string) {
	if p.w == nil {
		return
	}
	if p.live {
		if width, _, err := term.GetSize(int(p.w.(*os.File).Fd())); err == nil && width > 1 {
			if runes := []rune(text); len(runes) >= width {
				text = string(runes[:width-1])
			}
		}
		fmt.Fprintf(p.w, "\r%s\x1b[K", text)
		p.shown = true
		return
	}
	if phase != p.phase {
		p.phase = phase
		fmt.Fprintln(p.w, text)
	}
}

// end takes away what stands on the terminal.
func (p *progress) end() {
	if p.view != nil {
		p.view.end()
		p.view = nil
	}
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// describe is a run's state as one line, with the second that has just ended if one has.
func describe(q bench.Progress) string {
	var b strings.Builder
	b.WriteString(q.Phase)
	if q.Total > 0 {
		fmt.Fprintf(&b, " %.0f/%.0f s", q.Elapsed.Round(time.Second).Seconds(), q.Total.Seconds())
	}
	fmt.Fprintf(&b, "  %s/%s connections", count(float64(q.Conns)), count(float64(q.Wanted)))
	if q.Operations > 0 {
		fmt.Fprintf(&b, "  %s/s", count(q.Rate))
	}
	if s := q.Sample; s != nil && s.Max > 0 {
		fmt.Fprintf(&b, "  p50 %s, p99 %s, max %s", micros(s.P50), micros(s.P99), micros(s.Max))
	}
	if q.ServerRSS > 0 {
		fmt.Fprintf(&b, "  server %.2f cores, %s", q.ServerCPU, mebibytes(q.ServerRSS))
	}
	if s := q.Sample; s != nil && s.Client.Cores > 0 {
		fmt.Fprintf(&b, "  generator %.2f cores", s.Client.Cores)
	}
	if q.Errors > 0 {
		fmt.Fprintf(&b, "  %s errors", count(float64(q.Errors)))
	}
	return b.String()
}
