package json

import (
	stdjson "encoding/json"
	"reflect"
)

// A walk through a value counts steps: one for a pointer or an interface, more for
// a container, so that a reasonable number of pointers on the way leaves room for
// MaxEncodeDepth containers. Circles of pointers alone end as well.
const (
	pointerStep   = 1
	containerStep = 4
	maxSteps      = containerStep * MaxEncodeDepth
)

// A search looks through a value before the engine gets it. It visits only what
// can hold binary or lead back to its own type, so it skips most of most values.
type search struct {
	binary bool // look for binary; else only for nesting without end
	traps  bool // look for what sonic must not see
}

// value says whether there is a byte slice in v that would be attached, or a trap,
// at the first that it finds. It returns [ErrDepth] for nesting past [MaxEncodeDepth]. The
// omitempty and omitzero of a tag are not looked at: to find too much costs time,
// not truth.
func (s search) value(v reflect.Value, p *plan, depth int) (found bool, err error) {
	if s.traps && p.trapsSonic {
		return true, nil
	}
	if !p.encodesBinary && p.bounded || p.marshals || p.marshalsAddr && v.CanAddr() {
		return false, nil
	}
	if depth >= maxSteps {
		return false, ErrDepth
	}
	switch p.kind {
	case reflect.Interface:
		if v.IsNil() {
			return false, nil
		}
		return s.dynamic(v.Elem(), depth+pointerStep)
	case reflect.Pointer:
		if v.IsNil() {
			return false, nil
		}
		return s.value(v.Elem(), p.elem, depth+pointerStep)
	case reflect.Slice:
		if p.isBytes {
			return s.binary && !v.IsNil(), nil
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			if found, err = s.value(v.Index(i), p.elem, depth+containerStep); found || err != nil {
				return found, err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if found, err = s.value(it.Value(), p.elem, depth+containerStep); found || err != nil {
				return found, err
			}
		}
	case reflect.Struct:
		for i := range p.fields {
			f := &p.fields[i]
			if !f.plan.encodesBinary && f.plan.bounded && !f.plan.trapsSonic {
				continue
			}
			fv, ok := f.of(v)
			if !ok {
				continue
			}
			if found, err = s.value(fv, f.plan, depth+containerStep); found || err != nil {
				return found, err
			}
		}
	}
	return false, nil
}

// dynamic is value for what an interface holds.
func (s search) dynamic(v reflect.Value, depth int) (found bool, err error) {
	if isScalar(v.Kind()) {
		return false, nil // without a look-up of its plan
	}
	switch x := v.Interface().(type) {
	case []byte:
		return s.binary && x != nil, nil
	case stdjson.RawMessage:
		return false, nil
	case map[string]any:
		return s.object(x, depth)
	case []any:
		return s.array(x, depth)
	}
	return s.value(v, planFor(v.Type()), depth)
}

// plainly says that v is of a type that is common, quick to tell and holds nothing.
func plainly(v any) bool {
	switch v.(type) {
	case nil, string, bool, int, float64, int64:
		return true
	default:
		return false
	}
}

func (s search) object(m map[string]any, depth int) (found bool, err error) {
	if depth >= maxSteps {
		return false, ErrDepth
	}
	for _, v := range m {
		if plainly(v) {
			continue
		}
		if found, err = s.dynamic(reflect.ValueOf(v), depth+containerStep); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

func (s search) array(a []any, depth int) (found bool, err error) {
	if depth >= maxSteps {
		return false, ErrDepth
	}
	for _, v := range a {
		if plainly(v) {
			continue
		}
		if found, err = s.dynamic(reflect.ValueOf(v), depth+containerStep); found || err != nil {
			return found, err
		}
	}
	return false, nil
}
