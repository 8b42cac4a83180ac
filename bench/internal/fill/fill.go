// Package fill makes the texts that differ from one client to the next: tokens,
// names, headers. A text is a template of text/template, over the client's number
// and the row of a table that it was dealt.
//
// What is drawn at random depends on the seed, the client's number and the text
// alone: a client that comes again says the same as before.
package fill

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// MaxValue bounds what a template makes, in bytes.
const MaxValue = 64 << 10

// A Source is what all templates of a run draw on. It must not change while one
// is filled. The zero value has no rows.
type Source struct {
	Proc int    // the number of this process, of those that share a run
	Run  string // a name of the run
	Seed uint64
	Rows *Rows // nil: none
}

// A Template is a text with places to be filled in:
//
//	{{.ID}}            number of the client, 0, 1, … over the whole run
//	{{.Proc}}          number of the generator's process, 0, 1, …
//	{{.Run}}           the name of the run, the same for all its clients
//	{{.Row "column"}}  from the row of the table that the client was dealt
//
// and these functions beside those of text/template: env NAME, randInt LOW HIGH
// (both may come), randHex DIGITS, upper, lower, trim, json (a JSON string with
// its quotes), base64, add, mod. Any goroutine.
type Template struct {
	text     string
	constant bool
	salt     uint64
	pool     sync.Pool // of *instance
}

// New compiles text.
func New(text string) (*Template, error) {
	t := &Template{text: text}
	first, err := t.compile()
	if err != nil {
		return nil, err
	}
	t.constant = true
	for _, n := range first.template.Root.Nodes {
		if _, ok := n.(*parse.TextNode); !ok {
			t.constant = false
		}
	}
	h := fnv.New64a()
	h.Write([]byte(text))
	t.salt = h.Sum64()
	t.pool.Put(first)
	return t, nil
}

// Constant says whether the text is the same for every client: then Fill returns
// it as it is, at no cost.
func (t *Template) Constant() bool { return t.constant }

// Fill makes the text of the client id, 0 or more. Errors are those of a function
// or of a row without the column, and that the text is longer than [MaxValue].
func (t *Template) Fill(s *Source, id int) (string, error) {
	if t.constant {
		return t.text, nil
	}
	i, ok := t.pool.Get().(*instance)
	if !ok {
		var err error
		if i, err = t.compile(); err != nil {
			return "", err
		}
	}
	defer t.pool.Put(i)
	i.random.Seed(s.Seed^t.salt, uint64(id))
	i.out.Reset()
	view := View{ID: id, Proc: s.Proc, Run: s.Run, rows: s.Rows}
	if err := i.template.Execute(i, &view); err != nil {
		// The package's own words around the cause name a file and a line.
		var exec template.ExecError
		if errors.As(err, &exec) && exec.Unwrap() != nil {
			err = exec.Unwrap()
		}
		return "", fmt.Errorf("template %q for client %d: %w", t.text, id, err)
	}
	return i.out.String(), nil
}

// View is what a template sees as its dot.
type View struct {
	ID   int
	Proc int
	Run  string

	rows *Rows
}

// Row is the field of the client's row in the column of that name.
func (v *View) Row(column string) (string, error) {
	if v.rows == nil {
		return "", errors.New("there is no table to take a row from (--data)")
	}
	return v.rows.field(v.ID, column)
}

// instance is a compiled template and what one execution of it needs.
type instance struct {
	template *template.Template
	random   rand.PCG
	out      strings.Builder
}

// Write takes what the template makes.
func (i *instance) Write(b []byte) (int, error) {
	if i.out.Len()+len(b) > MaxValue {
		return 0, fmt.Errorf("it makes more than %d bytes", MaxValue)
	}
	return i.out.Write(b)
}

func (t *Template) compile() (*instance, error) {
	i := &instance{}
	parsed, err := template.New("template").Option("missingkey=error").Funcs(i.functions()).Parse(t.text)
	if err != nil {
		return nil, fmt.Errorf("template %q: %s", t.text, strings.TrimPrefix(err.Error(), "template: template:"))
	}
	i.template = parsed
	return i, nil
}

// functions are those that templates may call.
func (i *instance) functions() template.FuncMap {
	return template.FuncMap{
		"env": func(name string) (string, error) {
			value, ok := os.LookupEnv(name)
			if !ok {
				return "", fmt.Errorf("environment variable %s is not set", name)
			}
			return value, nil
		},
		"randInt": func(low, high int) (int, error) {
			if low > high || high-low < 0 {
				return 0, fmt.Errorf("randInt %d %d: the first must not be more than the second", low, high)
			}
			return low + int(rand.New(&i.random).Uint64N(uint64(high-low)+1)), nil
		},
		"randHex": func(n int) (string, error) {
			if n < 0 || n > MaxValue {
				return "", fmt.Errorf("randHex %d: must be 0 to %d", n, MaxValue)
			}
			const digits = "0123456789abcdef"
			b := make([]byte, n)
			for k := range b {
				b[k] = digits[i.random.Uint64()>>60]
			}
			return string(b), nil
		},
		"upper": strings.ToUpper,
		"lower": strings.ToLower,
		"trim":  strings.TrimSpace,
		"json": func(v any) (string, error) {
			b, err := json.Marshal(v)
			return string(b), err
		},
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"add":    func(a, b int) int { return a + b },
		"mod": func(a, b int) (int, error) {
			if b == 0 {
				return 0, errors.New("mod by 0")
			}
			return a % b, nil
		},
	}
}
