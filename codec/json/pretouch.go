package json

import (
	"reflect"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/option"
)

// Pretouch does what the first use of type t would do: it works out what t can
// hold, and has sonic compile the code for t, for *t, and for the parts of t that
// are encoded and decoded on their own because there is binary beside them. A
// later Append or Decode of a t then finds everything made; what an interface in
// it will hold, nobody knows yet.
//
// It takes milliseconds and about 1.5 MB for each of these types. Call it
// where handlers are registered, never on an event loop. Any goroutine; calls for
// the same type are harmless.
//
// The error is sonic's, for a type that it cannot compile; not every type that
// cannot be encoded is one. A nil t is nothing to do.
func Pretouch(t reflect.Type) error {
	if t == nil {
		return nil
	}
	p := planFor(t)
	if !sonicNative {
		return nil
	}
	parts := make(map[reflect.Type]bool)
	parts[t] = true
	p.parts(parts, make(map[*plan]bool))
	types := make([]reflect.Type, 0, len(parts))
	for part := range parts {
		types = append(types, part)
	}
	return sonic.PretouchMany(types, option.WithCompileRecursiveDepth(pretouchRounds))
}

// pretouchRounds is how many times sonic follows the structs that its compiler,
// which inlines three levels, left out. It stops at the first round with none.
const pretouchRounds = MaxDecodeDepth

// parts adds the types inside p's that an engine is asked about by themselves.
func (p *plan) parts(found map[reflect.Type]bool, seen map[*plan]bool) {
	if seen[p] {
		return
	}
	seen[p] = true
	methods := p.marshals || p.marshalsAddr || p.unmarshals
	byHand := isScalar(p.kind) || p.encodesBinary && p.decodesBinary && !p.isBytes
	if methods || !byHand {
		found[p.typ] = true
	}
	if p.elem != nil && !p.isBytes {
		p.elem.follow(p, found, seen)
	}
	for i := range p.fields {
		p.fields[i].plan.follow(p, found, seen)
	}
}

// follow goes on to p from the type outer around it, if a walk through outer would.
func (p *plan) follow(outer *plan, found map[reflect.Type]bool, seen map[*plan]bool) {
	if outer.encodesBinary || outer.decodesBinary || outer.trapsSonic {
		p.parts(found, seen)
	}
}
