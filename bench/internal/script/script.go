// Package script reads scenario files: what clients do, how many there are and
// when. It knows YAML and the grammar, and nothing of servers.
//
// A file is small and a person's, but it may have been made by anything: Parse
// takes at most [MaxFile] bytes, follows no aliases, and bounds everything that
// it counts, so that it ends soon whatever it is given.
package script

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file.
const (
	MaxFile    = 64 << 10
	MaxLine    = 8 << 10
	MaxPhases  = 100
	MaxKinds   = 32
	MaxSteps   = 500 // of one kind of client, those inside loops included
	MaxDepth   = 4   // of loops in loops
	MaxWeight  = 1000
	MaxNames   = 64 // of latencies, over all kinds
	MaxCount   = 1024
	MaxSize    = 16 << 20
	MaxTime    = 7 * 24 * time.Hour
	MaxConns   = 1_000_000
	MaxRate    = 100_000 // arrivals per second
	maxNesting = 64      // of YAML
)

// File is a scenario file. Zero values mean that it does not say.
type File struct {
	Name string
	Seed uint64

	// Where, and how clients reach it. Transports and Parsers are shares as
	// "websocket=80,polling=20".
	URL, Path, Namespace string
	Transports, Parsers  string
	Compress             bool
	Auth                 string // a template of a JSON object
	Query, Headers       map[string]string
	Data, DataOrder      string // a CSV file, relative to this one

	Timeout, Drain, Late time.Duration

	Assert  []string
	Outputs map[string]string // file names by "json", "html", …

	Phases  []Phase
	Clients []Kind
}

// Ramp goes from one value to another in a straight line.
type Ramp struct{ From, To float64 }

// At is the value after a part of the way, 0 to 1.
func (r Ramp) At(part float64) float64 { return r.From + (r.To-r.From)*part }

func (r Ramp) String() string {
	if r.From == r.To {
		return fmt.Sprintf("%g", r.From)
	}
	return fmt.Sprintf("%g..%g", r.From, r.To)
}

// Phase is a part of the run.
type Phase struct {
	Name     string
	Duration time.Duration
	Warmup   bool // it does not count

	// Connections is how many residents there are: clients that begin anew when
	// they are through. Arrivals is how many visitors come per second: clients that
	// go when they are through. Load divides think times and paces.
	Connections, Arrivals, Load Ramp
}

// Kind is a kind of client.
type Kind struct {
	Name       string
	Weight     int
	Namespace  string // empty: that of the file
	Transports string // empty: those of the file
	Listen     []string
	Flow       []Step
}

// Op is what a step does.
type Op string

const (
	Echo       Op = "echo"
	Emit       Op = "emit"
	Join       Op = "join"
	Leave      Op = "leave"
	Broadcast  Op = "broadcast"
	Wait       Op = "wait"
	Think      Op = "think"
	Repeat     Op = "repeat"
	Disconnect Op = "disconnect"
	Reconnect  Op = "reconnect"
)

// Step is one step of a flow. Fields that its Op does not have are zero.
type Step struct {
	Op   Op
	Name string // of its latency; empty for steps that have none
	Line int

	Form  string // Echo: "event", "ack", "binary" or "object"
	Size  int    // Echo, Broadcast: bytes of the packet, or of the attachment
	Count int    // Echo: messages that go together; Wait: events
	Room  string // Join, Leave, Broadcast: a template

	Event  string // Emit, Wait
	Args   string // Emit: the JSON of the arguments without brackets, a template
	Binary []int  // Emit: sizes of attachments behind the arguments
	Ack    bool   // Emit: an acknowledgement has to come
	Expect string // Emit: and its arguments mean this, a JSON array; empty: anything
	Reply  string // Emit: the event that has to come

	Timeout time.Duration // of steps that wait for the server; 0: the default

	Span  Span          // Think, Reconnect
	Abort bool          // Disconnect: without a word
	Times int           // Repeat; 0: for ever
	Every time.Duration // Repeat: from one beginning to the next; 0: at once
	Do    []Step        // Repeat
}

// Span is a time that is drawn: from Min to Max, each as likely; or with the mean
// Mean if that is above 0, exponentially, up to ten times as much.
type Span struct{ Min, Max, Mean time.Duration }

func (s Span) String() string {
	switch {
	case s.Mean > 0:
		return "exponential " + s.Mean.String()
	case s.Min == s.Max:
		return s.Min.String()
	}
	return s.Min.String() + ".." + s.Max.String()
}

// Error is what is wrong with a file, and where.
type Error struct {
	File         string
	Line, Column int // from 1; 0: not known
	Message      string
	Excerpt      string // the line, and a caret below the place; empty if there is none
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": " + e.Message)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// Parse reads a scenario file. name is for its errors, which are all *Error.
func Parse(name string, text []byte) (f *File, err error) {
	r := &reader{file: name, lines: strings.Split(string(text), "\n")}
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(*Error)
			if !ok { // a panic of the YAML package: what it cannot read is no file of ours
				e = &Error{File: name, Message: fmt.Sprintf("cannot be read as YAML (%v)", p)}
			}
			f, err = nil, e
		}
	}()
	switch {
	case len(text) > MaxFile:
		r.fail(0, 0, "the file has more than %d bytes", MaxFile)
	case !utf8.Valid(text):
		r.fail(0, 0, "the file is not UTF-8")
	}
	r.shallow()
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, r.translate(err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0] == nil || tree.Docs[0].Body == nil {
		r.fail(0, 0, "there must be one YAML document in it, there are %d", len(tree.Docs))
	}
	f = r.top(tree.Docs[0].Body)
	r.check(f)
	return f, nil
}

// shallow refuses text that nests deeper than any scenario, before a recursive
// parser sees it. It counts brackets and dashes wherever they stand.
func (r *reader) shallow() {
	depth := 0
	for i, line := range r.lines {
		if len(line) > MaxLine {
			r.fail(i+1, 1, "the line has more than %d bytes", MaxLine)
		}
		dashes := 0
		for j, c := range line {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(0, depth-1)
			case '-', '?', ':':
				dashes++
			case ' ', '\t':
			default:
				dashes = 0
			}
			if depth > maxNesting || dashes > maxNesting {
				r.fail(i+1, j+1, "this nests too deep")
			}
			if c == '#' && (j == 0 || line[j-1] == ' ') {
				break
			}
		}
		if indent := len(line) - len(strings.TrimLeft(line, " ")); indent > 8*maxNesting {
			r.fail(i+1, indent, "this nests too deep")
		}
	}
}

// translate turns an error of the YAML package into ours. Its text is not asked
// for: with much on one line that takes long.
func (r *reader) translate(err error) error {
	e := &Error{File: r.file, Message: "this is not YAML"}
	var told interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if errors.As(err, &told) {
		e.Message = told.GetMessage()
		if t := told.GetToken(); t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
			e.Excerpt = r.excerpt(e.Line, e.Column)
		}
	}
	return e
}

// excerpt is the line with the place marked.
func (r *reader) excerpt(line, column int) string {
	if line < 1 || line > len(r.lines) {
		return ""
	}
	const most = 100
	text := []rune(strings.TrimRight(r.lines[line-1], "\r"))
	column = min(max(column, 1), len(text)+1)
	from := max(0, column-1-most/2)
	shown := text[from:min(len(text), from+most)]
	mark := make([]rune, column-1-from)
	for i := range mark {
		mark[i] = ' '
		if shown[i] == '\t' {
			mark[i] = '\t'
		}
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", line, string(shown), string(mark))
}
