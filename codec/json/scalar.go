package json

import (
	stdjson "encoding/json"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// appendScalar appends the text of v if it is nil, a boolean, a number, a string or
// a pointer to one, of a predeclared type. It does not reflect nor allocate.
func appendScalar(dst []byte, v any) (_ []byte, ok bool) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), true
	case string:
		return appendString(dst, v), true
	case int:
		return strconv.AppendInt(dst, int64(v), 10), true
	case float64:
		return appendFloat(dst, v, 64), true
	case bool:
		return strconv.AppendBool(dst, v), true
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int64:
		return strconv.AppendInt(dst, v, 10), true
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint64:
		return strconv.AppendUint(dst, v, 10), true
	case uintptr:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case float32:
		return appendFloat(dst, float64(v), 32), true
	case *string:
		return appendPointed(dst, v, appendString[string])
	case *bool:
		return appendPointed(dst, v, strconv.AppendBool)
	case *int:
		return appendPointed(dst, v, appendInteger[int])
	case *int8:
		return appendPointed(dst, v, appendInteger[int8])
	case *int16:
		return appendPointed(dst, v, appendInteger[int16])
	case *int32:
		return appendPointed(dst, v, appendInteger[int32])
	case *int64:
		return appendPointed(dst, v, appendInteger[int64])
	case *uint:
		return appendPointed(dst, v, appendUnsigned[uint])
	case *uint8:
		return appendPointed(dst, v, appendUnsigned[uint8])
	case *uint16:
		return appendPointed(dst, v, appendUnsigned[uint16])
	case *uint32:
		return appendPointed(dst, v, appendUnsigned[uint32])
	case *uint64:
		return appendPointed(dst, v, appendUnsigned[uint64])
	case *uintptr:
		return appendPointed(dst, v, appendUnsigned[uintptr])
	case *float32:
		return appendPointed(dst, v, func(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) })
	case *float64:
		return appendPointed(dst, v, func(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) })
	default:
		return dst, false
	}
}

func appendInteger[T int | int8 | int16 | int32 | int64](dst []byte, n T) []byte {
	return strconv.AppendInt(dst, int64(n), 10)
}

func appendUnsigned[T uint | uint8 | uint16 | uint32 | uint64 | uintptr](dst []byte, n T) []byte {
	return strconv.AppendUint(dst, uint64(n), 10)
}

// appendPointed appends what p points to, and null for nil.
func appendPointed[T any](dst []byte, p *T, appendValue func([]byte, T) []byte) ([]byte, bool) {
	if p == nil {
		return append(dst, "null"...), true
	}
	return appendValue(dst, *p), true
}

// appendReflected appends the text of v, which is of a scalar kind.
func appendReflected(dst []byte, v reflect.Value) []byte {
	switch {
	case v.Kind() == reflect.String:
		return appendString(dst, v.String())
	case v.CanInt():
		return strconv.AppendInt(dst, v.Int(), 10)
	case v.CanUint():
		return strconv.AppendUint(dst, v.Uint(), 10)
	case v.CanFloat():
		return appendFloat(dst, v.Float(), v.Type().Bits())
	default:
		return strconv.AppendBool(dst, v.Bool())
	}
}

// Int is the integer with JSON text data: digits and a sign, without spaces
// around it. It does not allocate. Anything else, 1.0 and 1e3 too, is a
// [*encoding/json.UnmarshalTypeError]; data that is no JSON may be.
func Int(data []byte) (int64, error) {
	if n, ok := parseInt(data); ok {
		return n, nil
	}
	return 0, misfit[int64](data)
}

// Float is the number with JSON text data, without spaces around it. It does not
// allocate for numbers of up to 32 bytes. Anything else, and a number that
// float64 cannot hold, is a [*encoding/json.UnmarshalTypeError].
func Float(data []byte) (float64, error) {
	if f, ok := parseFloat(data, 64); ok {
		return f, nil
	}
	return 0, misfit[float64](data)
}

// Bool is the boolean with JSON text data, without spaces around it. It does not
// allocate. Anything else is a [*encoding/json.UnmarshalTypeError].
func Bool(data []byte) (bool, error) {
	switch string(data) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, misfit[bool](data)
}

// Str is the string with JSON text data, without spaces around it. It does not
// alias data, and is the one allocation unless there are escapes. Anything else is a
// [*encoding/json.UnmarshalTypeError]; data that is no JSON is a [*SyntaxError].
func Str(data []byte) (string, error) {
	if len(data) == 0 || data[0] != '"' {
		return "", misfit[string](data)
	}
	if s, ok := plainString(data); ok {
		return s, nil
	}
	if err := Check(data); err != nil {
		return "", err
	}
	return string(appendUnquoted(nil, data[:skipString(data, 0)])), nil
}

// misfit is the error for a text that is no T.
func misfit[T any](data []byte) error {
	return &stdjson.UnmarshalTypeError{Value: kindOf(data), Type: reflect.TypeFor[T]()}
}

// kindOf names the kind of the value with text data, as encoding/json does.
func kindOf(data []byte) string {
	if len(data) == 0 {
		return "nothing"
	}
	switch c := data[0]; {
	case c == '{':
		return "object"
	case c == '[':
		return "array"
	case c == '"':
		return "string"
	case c == 't' || c == 'f':
		return "bool"
	case c == 'n':
		return "null"
	case len(data) > 40: // digits of the peer's choosing
		return "number"
	default:
		return "number " + string(data)
	}
}

// parseInt is data as an integer of JSON's form, if it is one and fits.
func parseInt(data []byte) (n int64, ok bool) {
	digits := data
	negative := len(data) > 0 && data[0] == '-'
	if negative {
		digits = data[1:]
	}
	u, ok := parseUint(digits)
	switch {
	case !ok || u > 1<<63 || u == 1<<63 && !negative:
		return 0, false
	case negative:
		return int64(-u), true
	default:
		return int64(u), true
	}
}

// parseUint is data as an unsigned integer of JSON's form, if it is one and fits.
func parseUint(data []byte) (n uint64, ok bool) {
	if len(data) == 0 || len(data) > 20 || data[0] == '0' && len(data) > 1 {
		return 0, false
	}
	for _, c := range data {
		if !isDigit(c) {
			return 0, false
		}
		// 20 digits can pass 1<<64: see it before it happens.
		const most = 1<<64 - 1
		d := uint64(c - '0')
		if n > most/10 || n == most/10 && d > most%10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// parseFloat is data as a number of JSON's form, if it is one and bits can hold it.
func parseFloat(data []byte, bits int) (f float64, ok bool) {
	if len(data) == 0 || data[0] != '-' && !isDigit(data[0]) {
		return 0, false
	}
	if end, what := checkNumber(data, 0); what != "" || end != len(data) {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(data), bits)
	return f, err == nil
}

// plainString is the string with text data if that is one string whose inside is
// its own text. What follows the string, and what is not UTF-8, makes it none.
func plainString(data []byte) (s string, ok bool) {
	if len(data) < 2 || data[0] != '"' || data[len(data)-1] != '"' {
		return "", false
	}
	inside := data[1 : len(data)-1]
	if nextStop(inside, 0) < len(inside) || !utf8.Valid(inside) {
		return "", false
	}
	return string(inside), true
}

// decodeScalar stores data in v if v points to a scalar of a common type and data
// is the text of one without further ado. Else the engine does it, or says why not.
func decodeScalar(data []byte, v any) bool {
	switch v := v.(type) {
	case *string:
		s, ok := plainString(data)
		return store(v, s, ok)
	case *int:
		n, ok := parseInt(data)
		return store(v, int(n), ok && int64(int(n)) == n)
	case *int64:
		n, ok := parseInt(data)
		return store(v, n, ok)
	case *float64:
		f, ok := parseFloat(data, 64)
		return store(v, f, ok)
	case *bool:
		b, err := Bool(data)
		return store(v, b, err == nil)
	default:
		return false
	}
}

// store puts v where to points if it can and ok says that it should.
func store[T any](to *T, v T, ok bool) bool {
	if !ok || to == nil {
		return false
	}
	*to = v
	return true
}
