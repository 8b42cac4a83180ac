package script

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// Transports, Parsers and Formats are the names that a file may have.
var (
	Transports = []string{"websocket", "polling", "upgrade"}
	Parsers    = []string{"json", "msgpack"}
	Formats    = []string{"json", "html", "csv", "markdown"}
)

// top reads the whole file.
func (r *reader) top(n ast.Node) *File {
	f := &File{}
	r.fields(n, "the file", map[string]func(ast.Node){
		"name": func(n ast.Node) { f.Name = r.text(n) },
		"seed": func(n ast.Node) {
			v, err := strconv.ParseUint(r.text(n), 10, 64)
			if err != nil {
				r.at(n, "%q: a seed must be a whole number", r.text(n))
			}
			f.Seed = v
		},
		"target": func(n ast.Node) {
			r.fields(n, "target", map[string]func(ast.Node){
				"url":       func(n ast.Node) { f.URL = r.text(n) },
				"path":      func(n ast.Node) { f.Path = r.text(n) },
				"namespace": func(n ast.Node) { f.Namespace = r.namespace(n) },
			})
		},
		"transports": func(n ast.Node) { f.Transports = r.shares(n, Transports...) },
		"parsers":    func(n ast.Node) { f.Parsers = r.shares(n, Parsers...) },
		"compress":   func(n ast.Node) { f.Compress = r.flag(n) },
		"auth": func(n ast.Node) {
			if _, ok := n.(*ast.StringNode); ok {
				f.Auth = r.text(n)
				return
			}
			r.pairs(n, "auth")
			f.Auth = string(r.json(nil, n))
		},
		"query":   func(n ast.Node) { f.Query = r.strings(n, "query") },
		"headers": func(n ast.Node) { f.Headers = r.strings(n, "headers") },
		"data": func(n ast.Node) {
			r.fields(n, "data", map[string]func(ast.Node){
				"file":  func(n ast.Node) { f.Data = r.text(n) },
				"order": func(n ast.Node) { f.DataOrder = r.shares(n, "turn", "random") },
			})
		},
		"timeout": func(n ast.Node) { f.Timeout = r.duration(n, false) },
		"drain":   func(n ast.Node) { f.Drain = r.duration(n, false) },
		"late":    func(n ast.Node) { f.Late = r.duration(n, false) },
		"assert": func(n ast.Node) {
			for _, e := range r.list(n, "assert", 100) {
				f.Assert = append(f.Assert, r.text(e))
			}
		},
		"outputs": func(n ast.Node) {
			f.Outputs = r.strings(n, "outputs")
			for _, p := range r.pairs(n, "outputs") {
				r.shares(p.Key, Formats...)
			}
		},
		"phases": func(n ast.Node) {
			for i, e := range r.list(n, "phases", MaxPhases) {
				f.Phases = append(f.Phases, r.phase(e, i, f.Phases))
			}
		},
		"clients": func(n ast.Node) {
			for i, e := range r.list(n, "clients", MaxKinds) {
				f.Clients = append(f.Clients, r.kind(e, i))
			}
		},
	})
	return f
}

// phase reads phase i. What it does not say stays as it was.
func (r *reader) phase(n ast.Node, i int, before []Phase) Phase {
	p := Phase{Name: fmt.Sprintf("phase %d", i+1), Load: Ramp{1, 1}}
	if i > 0 {
		last := before[i-1]
		p.Connections = Ramp{last.Connections.To, last.Connections.To}
		p.Load = Ramp{last.Load.To, last.Load.To}
	}
	r.fields(n, "a phase", map[string]func(ast.Node){
		"name":        func(n ast.Node) { p.Name = r.text(n) },
		"duration":    func(n ast.Node) { p.Duration = r.duration(n, false) },
		"warmup":      func(n ast.Node) { p.Warmup = r.flag(n) },
		"connections": func(n ast.Node) { p.Connections = r.ramp(n, MaxConns, false) },
		"arrivals":    func(n ast.Node) { p.Arrivals = r.ramp(n, MaxRate, true) },
		"load": func(n ast.Node) {
			if p.Load = r.ramp(n, 1000, true); p.Load.From < 0.001 || p.Load.To < 0.001 {
				r.at(n, "a load must be 0.001 or more")
			}
		},
	})
	switch {
	case p.Duration == 0:
		r.at(n, "%s has no duration", p.Name)
	case p.Name == "":
		r.at(n, "a phase's name must not be empty")
	case p.Warmup && i > 0 && !before[i-1].Warmup:
		r.at(n, "%s: a warm-up must not come behind what counts", p.Name)
	}
	for _, b := range before {
		if b.Name == p.Name {
			r.at(n, "a phase of the name %q has come before", p.Name)
		}
	}
	return p
}

func (r *reader) kind(n ast.Node, i int) Kind {
	k := Kind{Name: fmt.Sprintf("client %d", i+1), Weight: 1}
	r.steps = 0
	r.fields(n, "a kind of client", map[string]func(ast.Node){
		"name":       func(n ast.Node) { k.Name = r.text(n) },
		"weight":     func(n ast.Node) { k.Weight = r.whole(n, 1, MaxWeight) },
		"namespace":  func(n ast.Node) { k.Namespace = r.namespace(n) },
		"transports": func(n ast.Node) { k.Transports = r.shares(n, Transports...) },
		"listen": func(n ast.Node) {
			for _, e := range r.list(n, "listen", 100) {
				k.Listen = append(k.Listen, r.eventName(e))
			}
		},
		"flow": func(n ast.Node) { k.Flow = r.flow(n, 0) },
	})
	if len(k.Flow) == 0 {
		r.at(n, "%s has no flow", k.Name)
	}
	return k
}

func (r *reader) flow(n ast.Node, depth int) (steps []Step) {
	if depth > MaxDepth {
		r.at(n, "there may be at most %d loops in one another", MaxDepth)
	}
	for _, e := range r.list(n, "a flow", MaxSteps) {
		steps = append(steps, r.step(e, depth))
	}
	return steps
}

// step reads one step: a mapping of one operation, and perhaps a name.
func (r *reader) step(n ast.Node, depth int) (s Step) {
	if r.steps++; r.steps > MaxSteps {
		r.at(n, "a kind of client may have at most %d steps", MaxSteps)
	}
	s.Line, _ = position(n)
	as, pairs := "", r.pairs(asMapping(n), "a step")
	for _, p := range pairs {
		k := r.key(p)
		if k == "as" {
			if as = r.text(p.Value); as == "" {
				r.at(p.Value, "a name must not be empty")
			}
			continue
		}
		if s.Op != "" {
			r.at(p.Key, "a step does one thing: this one does %q already", s.Op)
		}
		s.Op = Op(k)
		r.operation(&s, p, depth)
	}
	switch {
	case s.Op == "":
		r.at(n, "a step without anything to do")
	case as != "" && s.Name == "":
		r.at(n, "%s has no latency that could have a name", s.Op)
	case as != "":
		s.Name = as
	}
	return s
}

// asMapping lets a step without a value, as "- disconnect", stand for a mapping.
func asMapping(n ast.Node) ast.Node {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return n
	}
	return &ast.MappingValueNode{BaseNode: &ast.BaseNode{}, Start: s.Token, Key: s, Value: nil}
}

// operation reads what stands behind a step's name.
func (r *reader) operation(s *Step, p *ast.MappingValueNode, depth int) {
	n := p.Value
	if _, ok := n.(*ast.NullNode); ok {
		n = nil
	}
	need := func() {
		if n == nil {
			r.at(p.Key, "%s needs a value", s.Op)
		}
	}
	simple := func() bool { // a value alone, where a mapping could stand
		switch n.(type) {
		case nil, *ast.MappingNode, *ast.MappingValueNode:
			return false
		}
		return true
	}
	timeout := func(n ast.Node) { s.Timeout = r.duration(n, false) }
	size := func(n ast.Node) { s.Size = r.whole(n, 1, MaxSize) }
	room := func(n ast.Node) {
		if s.Room = r.text(n); s.Room == "" {
			r.at(n, "a room's name must not be empty")
		}
	}
	s.Name = string(s.Op)
	switch s.Op {
	case Echo:
		s.Form, s.Count, s.Size = "event", 1, 64
		switch {
		case simple():
			size(n)
		case n != nil:
			r.fields(n, "echo", map[string]func(ast.Node){
				"size": size, "timeout": timeout,
				"form":  func(n ast.Node) { s.Form = r.shares(n, "event", "ack", "binary", "object") },
				"count": func(n ast.Node) { s.Count = r.whole(n, 1, MaxCount) },
			})
		}
	case Emit:
		need()
		r.emit(s, n, timeout)
	case Join, Leave:
		need()
		if simple() {
			room(n)
		} else {
			r.fields(n, string(s.Op), map[string]func(ast.Node){"room": room, "timeout": timeout})
		}
	case Broadcast:
		need()
		s.Size = 80
		if simple() {
			room(n)
		} else {
			r.fields(n, "broadcast", map[string]func(ast.Node){"room": room, "size": size, "timeout": timeout})
		}
	case Wait:
		need()
		s.Count = 1
		event := func(n ast.Node) { s.Event = r.eventName(n) }
		if simple() {
			event(n)
		} else {
			r.fields(n, "wait", map[string]func(ast.Node){
				"event": event, "timeout": timeout,
				"count": func(n ast.Node) { s.Count = r.whole(n, 1, MaxCount) },
			})
		}
		s.Name = "wait " + s.Event
	case Think:
		need()
		s.Name, s.Span = "", r.span(n)
	case Repeat:
		need()
		s.Name = ""
		r.fields(n, "repeat", map[string]func(ast.Node){
			"times": func(n ast.Node) {
				if r.text(n) != "forever" {
					s.Times = r.whole(n, 1, 1_000_000_000)
				}
			},
			"every": func(n ast.Node) { s.Every = r.duration(n, false) },
			"do":    func(n ast.Node) { s.Do = r.flow(n, depth+1) },
		})
		if len(s.Do) == 0 {
			r.at(p.Key, "repeat has nothing to do")
		}
	case Disconnect:
		s.Name = ""
		if n != nil {
			s.Abort = r.shares(n, "abort", "politely") == "abort"
		}
	case Reconnect:
		if n != nil {
			s.Span = r.span(n)
		}
	default:
		r.at(p.Key, "there is no step %q; there are echo, emit, join, leave, broadcast, wait, think, repeat, disconnect, reconnect", s.Op)
	}
	if (s.Op == Join || s.Op == Leave || s.Op == Broadcast) && s.Room == "" {
		r.at(p.Key, "%s needs a room", s.Op)
	}
	if s.Op == Wait && s.Event == "" {
		r.at(p.Key, "wait needs an event")
	}
}

func (r *reader) emit(s *Step, n ast.Node, timeout func(ast.Node)) {
	var args, raw, expect, reply ast.Node
	r.fields(n, "emit", map[string]func(ast.Node){
		"event": func(n ast.Node) { s.Event = r.eventName(n) },
		"args": func(n ast.Node) {
			args = n
			b := r.json(nil, &ast.SequenceNode{BaseNode: &ast.BaseNode{}, Values: r.list(n, "args", 100)})
			s.Args = string(b[1 : len(b)-1])
		},
		"json": func(n ast.Node) { raw, s.Args = n, r.text(n) },
		"binary": func(n ast.Node) {
			for _, e := range r.list(n, "binary", socketio.DefaultMaxAttachments) {
				s.Binary = append(s.Binary, r.whole(e, 0, MaxSize))
			}
		},
		"ack": func(n ast.Node) { s.Ack = r.flag(n) },
		"expect": func(n ast.Node) {
			expect = n
			s.Expect = string(r.json(nil, &ast.SequenceNode{BaseNode: &ast.BaseNode{}, Values: r.list(n, "expect", 100)}))
			if !json.Valid([]byte(s.Expect)) {
				r.at(n, "this cannot be expected: no templates may stand in it")
			}
		},
		"reply":   func(n ast.Node) { reply, s.Reply = n, r.eventName(n) },
		"timeout": timeout,
	})
	switch {
	case s.Event == "":
		r.at(n, "emit needs an event")
	case args != nil && raw != nil:
		r.at(raw, "emit has args already")
	case reply != nil && s.Ack:
		r.at(reply, "emit waits for an acknowledgement already")
	case expect != nil && !s.Ack && reply == nil:
		r.at(expect, "emit waits for nothing that could be as expected: ack: true, or a reply")
	case s.Timeout > 0 && !s.Ack && reply == nil:
		r.at(n, "emit waits for nothing: ack: true, or a reply")
	case len(s.Args) > 1<<20:
		r.at(n, "the arguments have more than 1 MiB")
	}
	s.Name = s.Event
	if !strings.Contains(s.Args, "{{") && !json.Valid([]byte("["+s.Args+"]")) {
		r.at(raw, "this is not JSON, as arguments with commas between")
	}
}

// check looks at what only the whole file tells.
func (r *reader) check(f *File) {
	if len(f.Phases) == 0 {
		r.fail(0, 0, "there are no phases")
	}
	if len(f.Clients) == 0 {
		r.fail(0, 0, "there are no clients")
	}
	var total time.Duration
	anybody, counts := false, false
	for _, p := range f.Phases {
		total += p.Duration
		counts = counts || !p.Warmup
		anybody = anybody || p.Connections.To > 0 || p.Connections.From > 0 || p.Arrivals.From > 0 || p.Arrivals.To > 0
	}
	switch {
	case total > MaxTime:
		r.fail(0, 0, "the phases together take more than %v", MaxTime)
	case !anybody:
		r.fail(0, 0, "no phase has connections or arrivals")
	case !counts:
		r.fail(0, 0, "all phases are warm-ups: nothing would count")
	}
	names, kinds := map[string]bool{}, map[string]bool{}
	for _, k := range f.Clients {
		if kinds[k.Name] || k.Name == "" {
			r.fail(0, 0, "there must be one kind of client of the name %q", k.Name)
		}
		kinds[k.Name] = true
		for s := range Steps(k.Flow) {
			if s.Name != "" {
				names[s.Name] = true
			}
			switch s.Name {
			case "connect", "delivery", "step":
				r.fail(s.Line, 1, "the name %q has a meaning of its own", s.Name)
			}
		}
	}
	if len(names) > MaxNames {
		r.fail(0, 0, "there are %d names of latencies, there may be %d", len(names), MaxNames)
	}
}

// Steps are all steps of a flow, those of loops behind the loop.
func Steps(flow []Step) func(yield func(*Step) bool) {
	var walk func(flow []Step, yield func(*Step) bool) bool
	walk = func(flow []Step, yield func(*Step) bool) bool {
		for i := range flow {
			if !yield(&flow[i]) || !walk(flow[i].Do, yield) {
				return false
			}
		}
		return true
	}
	return func(yield func(*Step) bool) { walk(flow, yield) }
}
