package json

import (
	"bytes"
	"encoding"
	stdjson "encoding/json"
	"reflect"
	"strconv"
)

// A reader is one call of [Codec.Decode] or [Codec.Value] with attachments: a walk
// through the text that reads the containers on the way to placeholders and leaves
// what cannot hold one to the engine. It goes over the text once.
type reader struct {
	codec  *Codec
	engine *Engine
	byHand bool     // what needs no engine is read without it
	text   []byte   // has passed Check
	chunks [][]byte // what placeholders stand for

	i int // of the value that is next, or of what follows the last one
}

// maxReadSteps bounds the values inside one another, which MaxDecodeDepth bounds
// already, and the pointers between: there are types and values whose pointers
// never end.
const maxReadSteps = 4 * MaxDecodeDepth

func (r *reader) space() { r.i = skipSpace(r.text, r.i) }

// next steps over spaces and the comma or colon, if one is next.
func (r *reader) next() {
	r.space()
	if r.i < len(r.text) && (r.text[r.i] == ',' || r.text[r.i] == ':') {
		r.i++
		r.space()
	}
}

// closes steps over the bracket if it is next.
func (r *reader) closes(bracket byte) bool {
	if r.text[r.i] != bracket {
		return false
	}
	r.i++
	return true
}

// raw steps over the next value and returns its text.
func (r *reader) raw() []byte {
	from := r.i
	r.i = skipValue(r.text, from)
	return r.text[from:r.i:r.i]
}

// null steps over the next value if it is null.
func (r *reader) null() bool {
	if r.text[r.i] != 'n' {
		return false
	}
	r.i += len("null")
	return true
}

// placeholder steps over the next value if it is a placeholder, and returns the
// chunk that it stands for.
func (r *reader) placeholder() (chunk []byte, ok bool, err error) {
	end, flat := flatObject(r.text, r.i)
	if !flat {
		return nil, false, nil
	}
	num, ok := r.codec.Placeholder(r.text[r.i:end:end])
	if !ok {
		return nil, false, nil
	}
	if num < 0 || num >= len(r.chunks) {
		return nil, false, ErrPlaceholder
	}
	r.i = end
	chunk = r.chunks[num]
	if chunk == nil {
		chunk = []byte{} // nil would be null when it is encoded again
	}
	return chunk[:len(chunk):len(chunk)], true, nil
}

// misfit is the error for the next value where t is wanted.
func (r *reader) misfit(t reflect.Type) error {
	return &stdjson.UnmarshalTypeError{Value: kindOf(r.text[r.i:skipValue(r.text, r.i)]), Type: t, Offset: int64(r.i)}
}

// leaf has the engine read the next value into v.
func (r *reader) leaf(v reflect.Value, p *plan) error {
	if r.byHand && !p.unmarshals && !p.number {
		if done, err := r.scalar(v, p); done {
			return err
		}
	}
	return r.engine.Unmarshal(r.raw(), v.Addr().Interface())
}

// scalar reads the next value into v by hand, if v's kind is one for that.
func (r *reader) scalar(v reflect.Value, p *plan) (done bool, err error) {
	if !isScalar(p.kind) {
		return false, nil
	}
	if r.null() {
		return true, nil // leaves v as it is
	}
	from := r.i
	raw := r.raw()
	var ok bool
	switch {
	case p.kind == reflect.String:
		if ok = raw[0] == '"'; ok {
			v.SetString(unquoted(raw))
		}
	case p.kind == reflect.Bool:
		if ok = raw[0] == 't' || raw[0] == 'f'; ok {
			v.SetBool(raw[0] == 't')
		}
	case v.CanInt():
		var n int64
		if n, ok = parseInt(raw); ok {
			if ok = !v.OverflowInt(n); ok {
				v.SetInt(n)
			}
		}
	case v.CanUint():
		var n uint64
		if n, ok = parseUint(raw); ok {
			if ok = !v.OverflowUint(n); ok {
				v.SetUint(n)
			}
		}
	default:
		var f float64
		if f, ok = parseFloat(raw, p.typ.Bits()); ok {
			v.SetFloat(f)
		}
	}
	if !ok {
		r.i = from
		return true, r.misfit(p.typ)
	}
	return true, nil
}

// unquoted is the string with text quoted, which has passed Check.
func unquoted(quoted []byte) string {
	if s, ok := plainString(quoted); ok {
		return s
	}
	return string(appendUnquoted(nil, quoted))
}

// value reads the next value into v, which can be set and whose plan is p. steps
// counts the values and pointers around v.
func (r *reader) value(v reflect.Value, p *plan, steps int) error {
	if p.unmarshals || !p.decodesBinary {
		return r.leaf(v, p)
	}
	if steps >= maxReadSteps {
		return ErrDepth
	}
	switch p.kind {
	case reflect.Pointer:
		if r.null() {
			v.SetZero()
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.New(p.elem.typ))
		}
		return r.value(v.Elem(), p.elem, steps+1)

	case reflect.Interface:
		// As in encoding/json: a pointer in it says where the value goes, and
		// null stops at the last of several.
		if to := v.Elem(); to.Kind() == reflect.Pointer && !to.IsNil() &&
			(r.text[r.i] != 'n' || to.Elem().Kind() == reflect.Pointer) {
			return r.value(to.Elem(), planFor(to.Type().Elem()), steps+1)
		}
		if r.null() {
			v.SetZero()
			return nil
		}
		if v.NumMethod() > 0 {
			return r.misfit(p.typ)
		}
		x, err := r.any()
		if err != nil {
			return err
		}
		if x == nil {
			v.SetZero()
		} else {
			v.Set(reflect.ValueOf(x))
		}
		return nil

	case reflect.Slice:
		if r.null() {
			v.SetZero()
			return nil
		}
		if p.isBytes {
			return r.bytes(v, p)
		}
		return r.list(v, p, steps)

	case reflect.Array:
		if r.null() {
			return nil
		}
		return r.list(v, p, steps)

	case reflect.Map:
		if r.null() {
			v.SetZero()
			return nil
		}
		return r.mapping(v, p, steps)

	default: // reflect.Struct: nothing else decodes binary
		if r.null() {
			return nil
		}
		return r.structure(v, p, steps)
	}
}

// bytes reads the next value into the byte slice v: the chunk of a placeholder, or
// what encoding/json takes for one, base64 text.
func (r *reader) bytes(v reflect.Value, p *plan) error {
	if r.text[r.i] != '{' {
		return r.engine.Unmarshal(r.raw(), v.Addr().Interface())
	}
	chunk, ok, err := r.placeholder()
	if err != nil {
		return err
	}
	if !ok {
		return r.misfit(p.typ)
	}
	v.SetBytes(chunk)
	return nil
}

// list reads the next value into the slice or array v. A slice keeps its space.
func (r *reader) list(v reflect.Value, p *plan, steps int) error {
	if r.text[r.i] != '[' {
		return r.misfit(p.typ)
	}
	r.i++
	r.space()
	n := 0
	for ; !r.closes(']'); r.next() {
		if p.kind == reflect.Slice {
			if n >= v.Cap() {
				v.Grow(1)
			}
			if n >= v.Len() {
				v.SetLen(n + 1)
				v.Index(n).SetZero()
			}
		}
		if n < v.Len() {
			if err := r.value(v.Index(n), p.elem, steps+1); err != nil {
				return err
			}
		} else {
			r.raw() // an array is full: the rest is dropped
		}
		n++
	}
	switch {
	case p.kind == reflect.Array:
		for ; n < v.Len(); n++ {
			v.Index(n).SetZero()
		}
	case v.IsNil():
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
	default:
		v.SetLen(n)
	}
	return nil
}

// mapping reads the next value into the map v, beside what is in it.
func (r *reader) mapping(v reflect.Value, p *plan, steps int) error {
	if r.text[r.i] != '{' {
		return r.misfit(p.typ)
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(p.typ))
	}
	r.i++
	r.space()
	for ; !r.closes('}'); r.next() {
		at := r.i
		name := r.raw()
		key, err := keyFor(p.typ.Key(), name, at)
		if err != nil {
			return err
		}
		r.next()
		elem := reflect.New(p.elem.typ).Elem()
		if err := r.value(elem, p.elem, steps+1); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
	}
	return nil
}

// keyFor is the key of type t with text quoted, by the rules of encoding/json.
func keyFor(t reflect.Type, quoted []byte, at int) (reflect.Value, error) {
	key := reflect.New(t)
	text := unquoted(quoted)
	if u, ok := key.Interface().(encoding.TextUnmarshaler); ok {
		return key.Elem(), u.UnmarshalText([]byte(text))
	}
	key = key.Elem()
	switch {
	case t.Kind() == reflect.String:
		key.SetString(text)
		return key, nil
	case key.CanInt():
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && !key.OverflowInt(n) {
			key.SetInt(n)
			return key, nil
		}
	case key.CanUint():
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && !key.OverflowUint(n) {
			key.SetUint(n)
			return key, nil
		}
	}
	return key, &stdjson.UnmarshalTypeError{Value: excerpt(text), Type: t, Offset: int64(at)}
}

// excerpt names a string in an error. It is short, however long the peer's is.
func excerpt(s string) string {
	if len(s) > 40 {
		return "string"
	}
	return "string " + strconv.Quote(s)
}

// structure reads the next value into the struct v.
func (r *reader) structure(v reflect.Value, p *plan, steps int) error {
	if r.text[r.i] != '{' {
		return r.misfit(p.typ)
	}
	r.i++
	r.space()
	for ; !r.closes('}'); r.next() {
		f := p.member(r.raw())
		r.next()
		if f == nil {
			r.raw() // no field of that name
			continue
		}
		fv, err := f.make(v)
		if err != nil {
			return err
		}
		if f.quoted {
			err = r.quoted(fv, f.plan)
		} else {
			err = r.value(fv, f.plan, steps+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// member is the field for the member with the name quoted: the one of that name
// or, failing that, the first that differs in case only.
func (p *plan) member(quoted []byte) *field {
	var space [64]byte
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = appendUnquoted(space[:0], quoted)
	}
	if f := p.byName[string(name)]; f != nil {
		return f
	}
	var folded [64]byte
	return p.byFold[string(foldName(folded[:0], name))]
}

// quoted reads the next value into v from inside a string: the string option of a
// tag. v is a scalar or a pointer to one.
func (r *reader) quoted(v reflect.Value, p *plan) error {
	if p.unmarshals {
		return r.leaf(v, p)
	}
	if p.kind == reflect.Pointer {
		if r.null() {
			v.SetZero()
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.New(p.elem.typ))
		}
		return r.quoted(v.Elem(), p.elem)
	}
	if r.null() {
		return nil
	}
	if r.text[r.i] != '"' {
		return r.misfit(p.typ)
	}
	at := r.i
	inside := []byte(unquoted(r.raw()))
	// The text inside is a scalar's, with nothing around it.
	if len(inside) == 0 || skipSpace(inside, 0) > 0 || isSpace(inside[len(inside)-1]) || Check(inside) != nil {
		return &stdjson.UnmarshalTypeError{Value: excerpt(string(inside)), Type: p.typ, Offset: int64(at)}
	}
	inner := *r
	inner.text, inner.i = inside, 0
	return inner.leaf(v, p)
}

// make is the field's value in the struct v. Embedded pointers on the way are
// filled.
func (f *field) make(v reflect.Value) (reflect.Value, error) {
	for k, i := range f.index {
		if k > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, &unsettableError{v.Type().Elem()}
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, nil
}

// An unsettableError says that a field is behind a nil pointer that only its own
// package can set. encoding/json refuses these as well.
type unsettableError struct{ typ reflect.Type }

func (e *unsettableError) Error() string {
	return "json: cannot set embedded pointer to unexported struct: " + e.typ.String()
}

// any reads the next value into the type that it has by itself. It recurses as
// deep as the text, which Check has bounded.
func (r *reader) any() (any, error) {
	switch r.text[r.i] {
	case '{':
		chunk, ok, err := r.placeholder()
		if err != nil {
			return nil, err
		}
		if ok {
			return chunk, nil
		}
		m := make(map[string]any)
		r.i++
		r.space()
		for ; !r.closes('}'); r.next() {
			key := unquoted(r.raw())
			r.next()
			if m[key], err = r.any(); err != nil {
				return nil, err
			}
		}
		return m, nil

	case '[':
		a := []any{}
		r.i++
		r.space()
		for ; !r.closes(']'); r.next() {
			v, err := r.any()
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		return a, nil
	}

	if !r.byHand {
		var v any
		err := r.engine.Unmarshal(r.raw(), &v)
		return v, err
	}
	switch at, raw := r.i, r.raw(); raw[0] {
	case '"':
		return unquoted(raw), nil
	case 't':
		return true, nil
	case 'f':
		return false, nil
	case 'n':
		return nil, nil
	default:
		if f, ok := parseFloat(raw, 64); ok {
			return f, nil
		}
		r.i = at
		return nil, r.misfit(reflect.TypeFor[float64]())
	}
}
