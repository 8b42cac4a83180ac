package json

import (
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"sync"
	"unicode/utf8"
)

// A plan is what is known of a type before a value of it is seen. Plans are made
// once per type, immutable after, and kept for the life of the process.
type plan struct {
	typ  reflect.Type
	kind reflect.Kind
	elem *plan // of a pointer, slice, array, map

	// Structs.
	fields  []field
	byName  map[string]*field
	byFold  map[string]*field // by foldName; the first field wins
	isBytes bool              // a slice of bytes, binary unless it has methods of its own

	// Who writes and reads the text of a value.
	marshals     bool // the type has MarshalJSON or MarshalText
	marshalsAddr bool // its pointer has, so an addressable value is written by it
	unmarshals   bool // its pointer has UnmarshalJSON or UnmarshalText
	number       bool // encoding/json.Number, a string that is not a JSON string

	// What a value may hold, seen from the type alone: an interface may hold
	// anything.
	encodesBinary bool // a byte slice that becomes an attachment
	decodesBinary bool // a place that an attachment can land in
	bounded       bool // nesting ends with the type: it does not lead back to itself
	trapsSonic    bool // it or what is in it marshals by its pointer only
}

var (
	marshalerType       = reflect.TypeFor[stdjson.Marshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshalerType     = reflect.TypeFor[stdjson.Unmarshaler]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	numberType          = reflect.TypeFor[stdjson.Number]()
)

var (
	plans    sync.Map   // reflect.Type -> *plan; complete ones only
	planning sync.Mutex // one builder at a time, so that a type has one plan
)

// planFor is the plan of t, made at the first call for it.
func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planning.Lock()
	defer planning.Unlock()
	b := planner{made: make(map[reflect.Type]*plan)}
	p := b.plan(t)
	b.settle()
	for t, made := range b.made {
		plans.Store(t, made)
	}
	return p
}

// A planner makes the plans of one type and of all below it. They refer to one
// another, in circles too, so nobody may see them before all are complete.
type planner struct {
	made map[reflect.Type]*plan
}

func (b *planner) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := b.made[t]; ok {
		return p
	}
	p := &plan{typ: t, kind: t.Kind(), number: t == numberType}
	b.made[t] = p

	pointer := reflect.PointerTo(t)
	p.marshals = t.Implements(marshalerType) || t.Implements(textMarshalerType)
	p.marshalsAddr = pointer.Implements(marshalerType) || pointer.Implements(textMarshalerType)
	// For a pointer, what counts is what it points to; that has a plan.
	p.unmarshals = p.kind != reflect.Pointer &&
		(pointer.Implements(unmarshalerType) || pointer.Implements(textUnmarshalerType))

	switch p.kind {
	case reflect.Pointer, reflect.Array, reflect.Map:
		p.elem = b.plan(t.Elem())
	case reflect.Slice:
		p.elem = b.plan(t.Elem())
		// As in encoding/json: bytes with methods are a list, not a string.
		p.isBytes = p.elem.kind == reflect.Uint8 && !p.elem.marshalsAddr
	case reflect.Struct:
		p.fields = structFields(t)
		p.byName = make(map[string]*field, len(p.fields))
		p.byFold = make(map[string]*field, len(p.fields))
		for i := range p.fields {
			f := &p.fields[i]
			f.plan = b.plan(f.typ)
			p.byName[f.name] = f
			if fold := string(foldName(nil, []byte(f.name))); p.byFold[fold] == nil {
				p.byFold[fold] = f
			}
		}
	}
	return p
}

// settle works out what the new plans' types may hold. Types in a circle depend on
// each other, so it repeats until nothing changes: what may hold binary starts as
// no and can only become yes, what is bounded likewise.
func (b *planner) settle() {
	for changed := true; changed; {
		changed = false
		for _, p := range b.made {
			before := *p
			p.update()
			if p.encodesBinary != before.encodesBinary || p.decodesBinary != before.decodesBinary ||
				p.bounded != before.bounded || p.trapsSonic != before.trapsSonic {
				changed = true
			}
		}
	}
}

// update works out what p's type may hold, by what is known so far of the types
// inside.
func (p *plan) update() {
	var encodes, decodes, traps bool
	bounded := true
	switch p.kind {
	case reflect.Interface:
		encodes, decodes = true, true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		encodes = p.isBytes || p.elem.encodesBinary
		decodes = p.isBytes || p.elem.decodesBinary
		bounded = p.elem.bounded
		traps = p.elem.trapsSonic
	case reflect.Struct:
		for i := range p.fields {
			inner := p.fields[i].plan
			encodes = encodes || inner.encodesBinary
			decodes = decodes || inner.decodesBinary
			bounded = bounded && inner.bounded
			traps = traps || inner.trapsSonic
		}
	}
	if p.marshals {
		encodes, bounded, traps = false, true, false
	} else if p.marshalsAddr {
		traps = true
	}
	if p.unmarshals {
		decodes = false
	}
	p.encodesBinary, p.decodesBinary, p.bounded, p.trapsSonic = encodes, decodes, bounded, traps
}

// foldName appends name in a form that is equal for names that differ in case
// only, by the simple folding of Unicode.
func foldName(dst, name []byte) []byte {
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		dst = appendFolded(dst, r)
		name = name[size:]
	}
	return dst
}
