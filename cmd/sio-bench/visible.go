package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/e6a90ca8/sio/bench"
)

// show writes text for people. Whatever a server has said in it stays text: a terminal
// is given line breaks, blanks, and the sequences of s itself.
func (s style) show(w io.Writer, text string) error {
	_, err := io.WriteString(w, s.visible(text))
	return err
}

// visible is text with all else that a terminal would obey, and what turns the direction
// of a line, written as Go does: \x1b.
func (s style) visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		if n := s.own(text); n > 0 {
			b.WriteString(text[:n])
			text = text[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "\\x%02x", text[0])
		case r == '\n' || r == '\t' || r == '\u200d' || !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r):
			b.WriteString(text[:n])
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
		text = text[n:]
	}
	return b.String()
}

// own is the length of the sequence of s that text begins with, 0 if there is none.
func (s style) own(text string) int {
	for _, code := range []string{s.bold, s.dim, s.red, s.green, s.yellow, s.reset} {
		if code != "" && strings.HasPrefix(text, code) {
			return len(code)
		}
	}
	return 0
}

// inLine is text of others in one line, so that it cannot pass for one of ours.
func inLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// complain writes an error, as the program's last words, without secrets of URLs.
func complain(w io.Writer, err error) {
	_ = style{}.show(w, "sio-bench: "+bench.PublicURLs(err.Error())+"\n") // there is nobody else to tell
}
