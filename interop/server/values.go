package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/e6a90ca8/sio"
)

// rest is m's arguments from index from on, to be sent elsewhere. Those without binary
// are JSON text as it came, views of m, so that nothing is lost which Go's strings and
// floats cannot hold: a lone surrogate, the order of members.
func rest(m *sio.Msg, from int) ([]any, error) {
	args, err := m.Args()
	if err != nil {
		return nil, err
	}
	if from >= len(args) {
		return []any{}, nil
	}
	for i := from; i < len(args); i++ {
		if !holdsBinary(args[i]) {
			args[i] = sio.Raw(m.Raw(i))
		}
	}
	return args[from:], nil
}

// holdsBinary reports whether there is a buffer anywhere in an argument.
func holdsBinary(v any) bool {
	switch v := v.(type) {
	case []byte:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsBinary)
	case map[string]any:
		for _, x := range v {
			if holdsBinary(x) {
				return true
			}
		}
	}
	return false
}

// kind is the kind of an argument, as APP.md writes it.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return fmt.Sprintf("string(%d)", len(v))
	case []byte:
		return fmt.Sprintf("binary(%d)", len(v))
	case []any:
		list := make([]string, len(v))
		for i, x := range v {
			list[i] = kind(x)
		}
		return "[" + strings.Join(list, ",") + "]"
	case map[string]any:
		list := sorted(slices.Collect(maps.Keys(v)))
		for i, key := range list {
			list[i] = key + ":" + kind(v[key])
		}
		return "{" + strings.Join(list, ",") + "}"
	default:
		panic(fmt.Sprintf("argument decoded to %T", v))
	}
}

// sorted sorts texts by their UTF-16 code units, as JavaScript does, in place. The
// order of bytes is another one only beyond U+FFFF.
func sorted(list []string) []string {
	slices.SortFunc(list, func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})
	return list
}

// gift is the arguments of the event given.
func gift(name string) ([]any, error) {
	switch name {
	case "none":
		return nil, nil
	case "json":
		type object = map[string]any
		return []any{nil, true, false, 0, -7, 1.5, int64(9007199254740991), "", "é€😀\u2028\"\\\n", []any{}, object{},
			[][][]int{{{1}}}, object{"a": object{"b": []object{{"c": nil}}}}}, nil
	case "date":
		return []any{time.Date(2024, 2, 29, 12, 30, 45, 678e6, time.UTC)}, nil
	case "binary":
		return []any{[]byte{0, 1, 2, 253, 254, 255}}, nil
	case "nested":
		return []any{nested{A: []byte("one"), B: []any{[]byte("two"), map[string]sio.Binary{"c": {}}}}, "x", []byte("three")}, nil
	case "ten":
		return numbered(10), nil
	case "eleven":
		return numbered(11), nil
	case "large":
		return []any{strings.Repeat("x", 2_000_000)}, nil
	default:
		return nil, fmt.Errorf("no gift is called %q", name)
	}
}

type nested struct {
	A sio.Binary `json:"a"`
	B []any      `json:"b"`
}

// numbered is n buffers of one byte, 0, 1, ...
func numbered(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = []byte{byte(i)}
	}
	return list
}

// text is a boolean as text.
func text(b bool) string { return strconv.FormatBool(b) }

// decode stores JSON text in v, and reports whether it could.
func decode(raw sio.Raw, v any) bool {
	return json.Unmarshal([]byte(cmp.Or(string(raw), "{}")), v) == nil
}
