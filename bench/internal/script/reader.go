package script

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// reader takes the tree of a file apart. Its methods panic with an *Error, which
// Parse catches.
type reader struct {
	file  string
	lines []string
	steps int // of the kind in hand
}

func (r *reader) fail(line, column int, format string, args ...any) {
	panic(&Error{File: r.file, Line: line, Column: column, Message: fmt.Sprintf(format, args...), Excerpt: r.excerpt(line, column)})
}

// at is fail for a node.
func (r *reader) at(n ast.Node, format string, args ...any) {
	line, column := position(n)
	r.fail(line, column, format, args...)
}

func position(n ast.Node) (line, column int) {
	if n == nil {
		return 0, 0
	}
	switch m := n.(type) {
	case *ast.MappingNode:
		if len(m.Values) > 0 {
			return position(m.Values[0])
		}
	case *ast.MappingValueNode:
		return position(m.Key)
	case *ast.SequenceNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return position(m.Values[0])
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line, t.Position.Column
	}
	return 0, 0
}

// pairs are the members of a mapping, in their order; no key comes twice.
func (r *reader) pairs(n ast.Node, what string) (list []*ast.MappingValueNode) {
	switch m := n.(type) {
	case *ast.MappingNode:
		list = m.Values
	case *ast.MappingValueNode:
		list = []*ast.MappingValueNode{m}
	default:
		r.at(n, "%s must be a mapping of names to values", what)
	}
	seen := map[string]bool{}
	for _, p := range list {
		k := r.key(p)
		if seen[k] {
			r.at(p.Key, "%s: %q stands here a second time", what, k)
		}
		seen[k] = true
	}
	return list
}

func (r *reader) key(p *ast.MappingValueNode) string {
	if p.Key == nil || p.Key.IsMergeKey() {
		r.at(p, "keys like << are not read here")
	}
	return r.text(p.Key)
}

// fields hands each member of a mapping to the function of its name. Other names
// are errors.
func (r *reader) fields(n ast.Node, what string, by map[string]func(ast.Node)) {
	for _, p := range r.pairs(n, what) {
		k := r.key(p)
		f := by[k]
		if f == nil {
			names := make([]string, 0, len(by))
			for name := range by {
				names = append(names, name)
			}
			slices.Sort(names)
			r.at(p.Key, "%s has no %q; it may have %s", what, k, strings.Join(names, ", "))
		}
		f(p.Value)
	}
}

// list are the elements of a sequence, most at the most.
func (r *reader) list(n ast.Node, what string, most int) []ast.Node {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.at(n, "%s must be a list", what)
	}
	if len(s.Values) > most {
		r.at(n, "%s: there may be at most %d of them, there are %d", what, most, len(s.Values))
	}
	return s.Values
}

// text is a scalar as it is written.
func (r *reader) text(n ast.Node) string {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value
	case *ast.LiteralNode:
		return s.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.at(n, "anchors, aliases and tags are not read here")
	}
	r.at(n, "this must be a single value")
	return ""
}

func (r *reader) flag(n ast.Node) bool {
	b, ok := n.(*ast.BoolNode)
	if !ok {
		r.at(n, "this must be true or false")
	}
	return b.Value
}

func (r *reader) whole(n ast.Node, low, high int) int {
	v, err := strconv.Atoi(strings.ReplaceAll(r.text(n), "_", ""))
	if err != nil || v < low || v > high {
		r.at(n, "%q: this must be a whole number from %d to %d", r.text(n), low, high)
	}
	return v
}

func (r *reader) duration(n ast.Node, zero bool) time.Duration {
	return r.durationOf(n, r.text(n), zero)
}

func (r *reader) durationOf(n ast.Node, text string, zero bool) time.Duration {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err != nil || d < 0 || d > MaxTime || d == 0 && !zero {
		r.at(n, "%q: this must be a time, as 500ms, 30s or 1m30s", text)
	}
	return d
}

// ramp reads a number, or two with dots between.
func (r *reader) ramp(n ast.Node, high float64, fraction bool) (p Ramp) {
	from, to, two := strings.Cut(r.text(n), "..")
	if !two {
		to = from
	}
	for _, v := range []struct {
		text string
		into *float64
	}{{from, &p.From}, {to, &p.To}} {
		f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(v.text), "_", ""), 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > high || !fraction && f != math.Trunc(f) {
			r.at(n, "%q: this must be a number from 0 to %.0f, or two as 10..500", r.text(n), high)
		}
		*v.into = f
	}
	return p
}

// span reads a time to think.
func (r *reader) span(n ast.Node) (s Span) {
	text := strings.TrimSpace(r.text(n))
	if mean, ok := strings.CutPrefix(text, "exponential "); ok {
		s.Mean = r.durationOf(n, mean, false)
		return s
	}
	low, high, two := strings.Cut(text, "..")
	if !two {
		high = low
	}
	s.Min, s.Max = r.durationOf(n, low, true), r.durationOf(n, high, true)
	if s.Max < s.Min {
		r.at(n, "%q: the second time must not be the shorter one", text)
	}
	return s
}

// shares reads a name, or names with their parts, as "a=80,b=20".
func (r *reader) shares(n ast.Node, allowed ...string) string {
	check := func(n ast.Node, name string) string {
		if !slices.Contains(allowed, name) {
			r.at(n, "%q: this must be one of %s", name, strings.Join(allowed, ", "))
		}
		return name
	}
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		var parts []string
		for _, p := range r.pairs(n, "the shares") {
			share := strings.TrimSuffix(strings.TrimSpace(r.text(p.Value)), "%")
			v, err := strconv.Atoi(share)
			if err != nil || v < 1 || v > 1000 {
				r.at(p.Value, "%q: a share must be a whole number from 1 to 1000", r.text(p.Value))
			}
			parts = append(parts, check(p.Key, r.key(p))+"="+strconv.Itoa(v))
		}
		return strings.Join(parts, ",")
	}
	return check(n, r.text(n))
}

// strings reads a mapping of names to texts.
func (r *reader) strings(n ast.Node, what string) map[string]string {
	m := map[string]string{}
	for _, p := range r.pairs(n, what) {
		m[r.key(p)] = r.text(p.Value)
	}
	return m
}

func (r *reader) namespace(n ast.Node) string {
	name := r.text(n)
	if !strings.HasPrefix(name, "/") || strings.ContainsAny(name, ",?\x1e") {
		r.at(n, "%q: a namespace begins with / and has no comma", name)
	}
	return name
}

func (r *reader) eventName(n ast.Node) string {
	name := r.text(n)
	if name == "" || socketio.Reserved(name) {
		r.at(n, "%q cannot be the name of an event", name)
	}
	return name
}

// json is a YAML value as JSON. Where strings have {{ and }}, what is between
// them is left as it is, for a template.
func (r *reader) json(b []byte, n ast.Node) []byte {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return append(b, "null"...)
	case *ast.BoolNode:
		return strconv.AppendBool(b, v.Value)
	case *ast.IntegerNode:
		return fmt.Append(b, v.Value)
	case *ast.FloatNode:
		return strconv.AppendFloat(b, v.Value, 'g', -1, 64)
	case *ast.StringNode, *ast.LiteralNode:
		return appendText(b, r.text(n))
	case *ast.SequenceNode:
		b = append(b, '[')
		for i, e := range v.Values {
			if i > 0 {
				b = append(b, ',')
			}
			b = r.json(b, e)
		}
		return append(b, ']')
	case *ast.MappingNode, *ast.MappingValueNode:
		b = append(b, '{')
		for i, p := range r.pairs(n, "the object") {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(socketio.AppendString(b, r.key(p)), ':')
			b = r.json(b, p.Value)
		}
		return append(b, '}')
	}
	r.at(n, "this cannot be sent as JSON")
	return nil
}

// appendText appends s as a JSON string, without touching what is in {{ }}.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for s != "" {
		plain, rest, more := strings.Cut(s, "{{")
		q := socketio.AppendString(nil, plain)
		b = append(b, q[1:len(q)-1]...)
		if !more {
			break
		}
		action, after, closed := strings.Cut(rest, "}}")
		b = append(append(b, "{{"...), action...)
		if closed {
			b = append(b, "}}"...)
		}
		s = after
	}
	return append(b, '"')
}
