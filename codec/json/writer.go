package json

import (
	"cmp"
	"encoding"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
)

// A writer is one call of [Codec.Append]: a walk through the argument that writes
// the containers on the way to binary, and leaves what holds none to the engine.
type writer struct {
	codec  *Codec
	engine *Engine
	bin    *Attachments // nil: byte slices are base64 text

	// byHand allows to write what needs no engine without it.
	byHand bool

	// deep is for a value that the engine refused although it may have a text, as
	// one with NaN inside, or must not see: all but the calls of a MarshalJSON or
	// MarshalText is done here.
	deep bool
}

// argument appends the text of v, the argument itself.
func (w *writer) argument(dst []byte, v any) ([]byte, error) {
	if w.byHand {
		return w.dynamic(dst, v, 0)
	}
	if v == nil {
		return w.engine.append(dst, v)
	}
	// An engine of the user's gets the whole value unless there is binary in it.
	p := planFor(reflect.TypeOf(v))
	if p.encodesBinary || !p.bounded {
		found, err := w.search().value(reflect.ValueOf(v), p, 0)
		if err != nil {
			return dst, err
		}
		if found {
			return w.value(dst, reflect.ValueOf(v), p, 0)
		}
	}
	return w.engine.append(dst, v)
}

// dynamic appends the text of v by its dynamic type, by hand where that is known.
func (w *writer) dynamic(dst []byte, v any, depth int) ([]byte, error) {
	if w.byHand {
		switch v := v.(type) {
		case map[string]any:
			return w.object(dst, v, depth)
		case []any:
			return w.array(dst, v, depth)
		case stdjson.RawMessage:
			return appendRaw(dst, v)
		case *stdjson.RawMessage:
			if v == nil {
				return append(dst, "null"...), nil
			}
			return appendRaw(dst, *v)
		}
		if out, ok := appendScalar(dst, v); ok {
			return out, nil
		}
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case []byte:
		return w.bytes(dst, v), nil
	case *[]byte:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return w.bytes(dst, *v), nil
	}

	p := planFor(reflect.TypeOf(v))
	if w.byHand && !w.deep && !p.marshals && (p.encodesBinary || !p.bounded) {
		// Most values that could hold binary do not, and the engine is quicker
		// than the walk.
		found, err := w.search().value(reflect.ValueOf(v), p, depth)
		if err != nil {
			return dst, err
		}
		if !found {
			return w.whole(dst, v, p, depth)
		}
	}
	if p.marshals {
		return w.engine.append(dst, v)
	}
	return w.value(dst, reflect.ValueOf(v), p, depth)
}

// search is the look for what the engine must not see: binary, if binary is to be
// attached, nesting without end, and what [writer.trapped] is about.
func (w *writer) search() search {
	return search{binary: w.bin != nil, traps: w.engine == Sonic && sonicNative}
}

// trapped says whether sonic is the engine and must not see values of p's type.
// Sonic keeps one program for a type, compiled for values that have an address or
// for those that have none, whichever it met first. So whether it calls a
// MarshalJSON of the pointer depends on what else the process has encoded.
func (w *writer) trapped(p *plan) bool { return p.trapsSonic && w.engine == Sonic && sonicNative }

// whole has the engine write v, in which there is no binary. p is v's plan.
func (w *writer) whole(dst []byte, v any, p *plan, depth int) ([]byte, error) {
	if !w.trapped(p) {
		out, err := w.engine.append(dst, v)
		if err == nil || !w.byHand || p.marshals {
			return out, err
		}
		var unsupported *stdjson.UnsupportedValueError
		if !errors.As(err, &unsupported) {
			return dst, err
		}
	}
	second := *w
	second.deep = true
	return second.value(dst, reflect.ValueOf(v), p, depth)
}

// leaf has the engine write v, which holds no binary or writes its own text.
func (w *writer) leaf(dst []byte, v reflect.Value, p *plan, depth int) ([]byte, error) {
	own := p.marshals || p.marshalsAddr && v.CanAddr()
	if !own && !p.bounded {
		if _, err := w.search().value(v, p, depth); err != nil {
			return dst, err
		}
	}
	var boxed any
	if v.CanAddr() && v.Kind() != reflect.Pointer && v.Kind() != reflect.Map {
		// A pointer goes into an interface without an allocation, and makes v
		// addressable for the engine as it is for us.
		boxed = v.Addr().Interface()
	} else {
		boxed = v.Interface()
	}
	if own {
		return w.engine.append(dst, boxed)
	}
	return w.whole(dst, boxed, planFor(reflect.TypeOf(boxed)), depth)
}

// bytes appends the placeholder of b and attaches b.
func (w *writer) bytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, "null"...)
	}
	if w.bin == nil {
		return appendBase64(dst, b)
	}
	dst = w.codec.AppendPlaceholder(dst, len(w.bin.Chunks))
	w.bin.Chunks = append(w.bin.Chunks, b)
	return dst
}

// value appends the text of v, whose plan is p, depth steps inside the argument.
func (w *writer) value(dst []byte, v reflect.Value, p *plan, depth int) ([]byte, error) {
	if p.marshals || p.marshalsAddr && v.CanAddr() {
		return w.leaf(dst, v, p, depth)
	}
	if w.byHand && isScalar(p.kind) && !p.number {
		return appendReflected(dst, v), nil
	}
	if !p.encodesBinary && !w.deep {
		return w.leaf(dst, v, p, depth)
	}
	if depth >= maxSteps {
		return dst, ErrDepth
	}

	switch p.kind {
	case reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return w.dynamic(dst, v.Elem().Interface(), depth+pointerStep)
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return w.value(dst, v.Elem(), p.elem, depth+pointerStep)
	case reflect.Slice:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		if p.isBytes {
			return w.bytes(dst, v.Bytes()), nil
		}
		return w.list(dst, v, p, depth)
	case reflect.Array:
		return w.list(dst, v, p, depth)
	case reflect.Map:
		return w.mapping(dst, v, p, depth)
	case reflect.Struct:
		return w.structure(dst, v, p, depth)
	case reflect.String: // a Number: the engine knows which are legal
		return w.engine.append(dst, v.Interface())
	default:
		return dst, &stdjson.UnsupportedTypeError{Type: p.typ}
	}
}

// array appends the text of a, the commonest of lists.
func (w *writer) array(dst []byte, a []any, depth int) (_ []byte, err error) {
	if a == nil {
		return append(dst, "null"...), nil
	}
	if depth >= maxSteps {
		return dst, ErrDepth
	}
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = w.dynamic(dst, v, depth+containerStep); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// object appends the text of m, the commonest of maps.
func (w *writer) object(dst []byte, m map[string]any, depth int) (_ []byte, err error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	if depth >= maxSteps {
		return dst, ErrDepth
	}
	dst = append(dst, '{')
	from := len(dst)
	if w.engine.sorted() {
		keys := make([]string, 0, len(m))
		for key := range m {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			if dst, err = w.member(dst, from, key, m[key], depth); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	for key, v := range m {
		if dst, err = w.member(dst, from, key, v, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (w *writer) member(dst []byte, from int, key string, v any, depth int) ([]byte, error) {
	if len(dst) > from {
		dst = append(dst, ',')
	}
	dst = append(appendString(dst, key), ':')
	return w.dynamic(dst, v, depth+containerStep)
}

func (w *writer) list(dst []byte, v reflect.Value, p *plan, depth int) (_ []byte, err error) {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = w.value(dst, v.Index(i), p.elem, depth+containerStep); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (w *writer) structure(dst []byte, v reflect.Value, p *plan, depth int) (_ []byte, err error) {
	dst = append(dst, '{')
	from := len(dst)
	for i := range p.fields {
		f := &p.fields[i]
		fv, ok := f.of(v)
		if !ok || f.omits(fv) {
			continue
		}
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = append(dst, f.text...)
		if f.quoted {
			dst, err = w.quoted(dst, fv, f.plan, depth+containerStep)
		} else {
			dst, err = w.value(dst, fv, f.plan, depth+containerStep)
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// quoted appends the text of v inside a string: the string option of a tag. v is
// a scalar or a pointer to one.
func (w *writer) quoted(dst []byte, v reflect.Value, p *plan, depth int) ([]byte, error) {
	if p.marshals || p.marshalsAddr && v.CanAddr() {
		return w.leaf(dst, v, p, depth)
	}
	if p.kind == reflect.Pointer {
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return w.quoted(dst, v.Elem(), p.elem, depth+pointerStep)
	}
	var err error
	from := len(dst)
	if p.kind == reflect.String && !p.number {
		return appendString(dst, appendString(nil, v.String())), nil
	}
	dst = append(dst, '"')
	if dst, err = w.value(dst, v, p, depth); err != nil {
		return dst, err
	}
	if string(dst[from+1:]) == "null" { // NaN is null, quoted or not
		return append(dst[:from], "null"...), nil
	}
	return append(dst, '"'), nil
}

// mapping appends the text of the map v.
func (w *writer) mapping(dst []byte, v reflect.Value, p *plan, depth int) (_ []byte, err error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	type entry struct {
		key   string
		value reflect.Value
	}
	var entries []entry // for sorting only
	if w.engine.sorted() {
		entries = make([]entry, 0, v.Len())
	}
	dst = append(dst, '{')
	from := len(dst)
	write := func(key string, v reflect.Value) (err error) {
		if len(dst) > from {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		dst, err = w.value(dst, v, p.elem, depth+containerStep)
		return err
	}
	for it := v.MapRange(); it.Next(); {
		key, err := keyText(it.Key())
		if err != nil {
			return dst, err
		}
		if entries != nil {
			entries = append(entries, entry{key, it.Value()})
		} else if err := write(key, it.Value()); err != nil {
			return dst, err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	for _, e := range entries {
		if err := write(e.key, e.value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// keyText is the text of a map's key, by the rules of encoding/json.
func keyText(key reflect.Value) (string, error) {
	if key.Kind() == reflect.String {
		return key.String(), nil
	}
	if m, ok := key.Interface().(encoding.TextMarshaler); ok {
		if key.Kind() == reflect.Pointer && key.IsNil() {
			return "", nil
		}
		text, err := m.MarshalText()
		if err != nil {
			return "", &stdjson.MarshalerError{Type: key.Type(), Err: err}
		}
		return string(text), nil
	}
	switch {
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10), nil
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10), nil
	default:
		return "", &stdjson.UnsupportedTypeError{Type: key.Type()}
	}
}

// appendRaw appends raw if it is JSON; nil is null.
func appendRaw(dst []byte, raw stdjson.RawMessage) ([]byte, error) {
	if raw == nil {
		return append(dst, "null"...), nil
	}
	if err := Check(raw); err != nil {
		return dst, rawError(err)
	}
	from := len(dst)
	return clean(append(dst, raw...), from), nil
}
