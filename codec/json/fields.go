package json

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A field is one member of a struct's JSON object.
type field struct {
	name   string       // in the object
	text   string       // `"name":`
	index  []int        // way from the struct, through embedded ones
	typ    reflect.Type // as declared
	plan   *plan
	tagged bool // the name comes from a tag

	omitEmpty bool
	omitZero  bool
	isZero    func(reflect.Value) bool // for omitZero
	quoted    bool                     // the string option, on a type that has it
}

// structFields lists the fields of t's object in the order that they are written,
// by the rules of encoding/json: of fields with one name the least embedded wins,
// among those the tagged one, and a tie hides them all.
func structFields(t reflect.Type) []field {
	type level struct {
		typ   reflect.Type
		index []int
	}
	var found []field
	visited := map[reflect.Type]bool{}
	next := []level{{typ: t}}
	nextCount := map[reflect.Type]int{}
	for len(next) > 0 {
		current, count := next, nextCount
		next, nextCount = nil, map[reflect.Type]int{}
		for _, l := range current {
			if visited[l.typ] {
				continue
			}
			visited[l.typ] = true
			for i := range l.typ.NumField() {
				sf := l.typ.Field(i)
				inner := sf.Type // what it is or points to
				if inner.Name() == "" && inner.Kind() == reflect.Pointer {
					inner = inner.Elem()
				}
				if sf.Anonymous {
					// An unexported struct may have exported fields.
					base := sf.Type
					if base.Kind() == reflect.Pointer {
						base = base.Elem()
					}
					if !sf.IsExported() && base.Kind() != reflect.Struct {
						continue
					}
				} else if !sf.IsExported() {
					continue
				}
				tag := sf.Tag.Get("json")
				if tag == "-" {
					continue
				}
				name, options, _ := strings.Cut(tag, ",")
				if !validName(name) {
					name = ""
				}
				index := append(slices.Clone(l.index), i)
				if name == "" && sf.Anonymous && inner.Kind() == reflect.Struct {
					if nextCount[inner]++; nextCount[inner] == 1 {
						next = append(next, level{inner, index})
					}
					continue
				}
				f := field{name: name, tagged: name != "", index: index, typ: sf.Type}
				if name == "" {
					f.name = sf.Name
				}
				f.setOptions(options, inner)
				found = append(found, f)
				if count[l.typ] > 1 {
					// The struct is embedded more than once on this level: its
					// fields hide themselves.
					found = append(found, f)
				}
			}
		}
	}

	slices.SortFunc(found, func(a, b field) int {
		return cmp.Or(
			strings.Compare(a.name, b.name),
			len(a.index)-len(b.index),
			taggedFirst(a, b),
			slices.Compare(a.index, b.index))
	})
	kept := found[:0]
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].name == found[0].name {
			n++
		}
		first := found[0]
		if n == 1 || len(found[1].index) > len(first.index) || found[1].tagged != first.tagged {
			kept = append(kept, first)
		}
		found = found[n:]
	}
	slices.SortFunc(kept, func(a, b field) int { return slices.Compare(a.index, b.index) })
	for i := range kept {
		kept[i].text = string(appendString(nil, kept[i].name)) + ":"
	}
	return kept
}

func taggedFirst(a, b field) int {
	switch {
	case a.tagged == b.tagged:
		return 0
	case a.tagged:
		return -1
	default:
		return 1
	}
}

// setOptions reads the options of the field's tag. inner is the field's type, or
// what it points to.
func (f *field) setOptions(options string, inner reflect.Type) {
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
			f.isZero = zeroTest(f.typ)
		case "string":
			f.quoted = isScalar(inner.Kind())
		}
	}
}

// isScalar says whether a value of kind k is a JSON boolean, number or string.
func isScalar(k reflect.Kind) bool {
	return reflect.Bool <= k && k <= reflect.Float64 || k == reflect.String
}

// zeroTest is the test of omitzero for t: its own IsZero if it has one.
func zeroTest(t reflect.Type) func(reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	zeroerType := reflect.TypeFor[zeroer]()
	switch {
	case t.Kind() == reflect.Interface && t.Implements(zeroerType):
		return func(v reflect.Value) bool {
			return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil() ||
				v.Interface().(zeroer).IsZero()
		}
	case t.Kind() == reflect.Pointer && t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.IsNil() || v.Interface().(zeroer).IsZero() }
	case t.Implements(zeroerType):
		return func(v reflect.Value) bool { return v.Interface().(zeroer).IsZero() }
	case reflect.PointerTo(t).Implements(zeroerType):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				boxed := reflect.New(t).Elem()
				boxed.Set(v)
				v = boxed
			}
			return v.Addr().Interface().(zeroer).IsZero()
		}
	default:
		return reflect.Value.IsZero
	}
}

// omits says whether the field is left out of the object for its value v.
func (f *field) omits(v reflect.Value) bool {
	return f.omitEmpty && isEmpty(v) || f.omitZero && f.isZero(v)
}

// isEmpty is the test of omitempty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct, reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return false
	default:
		return v.IsZero()
	}
}

// of is the field's value in the struct v. ok is false when an embedded pointer on
// the way is nil: then the object has no such member.
func (f *field) of(v reflect.Value) (_ reflect.Value, ok bool) {
	for k, i := range f.index {
		if k > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// validName says whether name may be one from a tag.
func validName(name string) bool {
	for _, c := range name {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return name != ""
}

// appendFolded appends the least rune that r is equal to but for case.
func appendFolded(dst []byte, r rune) []byte {
	if r < utf8.RuneSelf {
		// No ASCII letter folds to less than its upper case.
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A'
		}
		return append(dst, byte(r))
	}
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			r = next
			break
		}
		r = next
	}
	return utf8.AppendRune(dst, r)
}
