package json

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

const (
	// MaxEncodeDepth bounds the maps, lists and structs inside one another in a
	// value to encode; pointers and interfaces on the way count a quarter each.
	// Cyclic values end here.
	MaxEncodeDepth = 1000

	// MaxDecodeDepth bounds the arrays and objects inside one another in a text
	// to decode.
	MaxDecodeDepth = 512
)

var (
	// ErrDepth is returned for a value nested deeper than [MaxEncodeDepth], or
	// cyclic, and for text nested deeper than [MaxDecodeDepth].
	ErrDepth = errors.New("json: nested too deeply")

	// ErrPlaceholder is returned for a placeholder whose number names no
	// attachment. Source: Socket.IO's parser, "illegal attachments".
	ErrPlaceholder = errors.New("json: placeholder names no attachment")
)

// A SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	Offset int    // of the first byte that does not fit; the length when the text ends early
	Text   string // what is wrong there
}

func (e *SyntaxError) Error() string {
	return "json: " + e.Text + " at offset " + strconv.Itoa(e.Offset)
}

// Attachments collects the binary of one packet, over all of its arguments.
type Attachments struct {
	// Chunks are the byte slices in the order of their placeholders: depth
	// first, as the text has them. They are the memory of the encoded values,
	// not copies.
	Chunks [][]byte
}

// Reset forgets the chunks and keeps the space for as many.
func (a *Attachments) Reset() {
	clear(a.Chunks)
	a.Chunks = a.Chunks[:0]
}

// A Codec encodes and decodes arguments. Its fields are set before the first use
// and not changed after; then any goroutine may use it.
//
// The zero Codec is one without binary: byte slices are base64 strings, as
// encoding/json has them, and no object is a placeholder.
type Codec struct {
	// Engine does the work where there is no binary. nil means [Default].
	Engine *Engine

	// AppendPlaceholder appends the JSON text that stands for attachment num,
	// counted from 0. nil means that there is no binary.
	AppendPlaceholder func(dst []byte, num int) []byte

	// Placeholder says whether object is a placeholder, and for which attachment;
	// which numbers are legal is the codec's to check. It is asked about objects
	// without an array or object inside, with the spaces that the peer wrote, and
	// must neither change nor keep object. nil means that no object is one.
	Placeholder func(object []byte) (num int, ok bool)
}

func (c *Codec) engine() *Engine {
	if c.Engine != nil {
		return c.Engine
	}
	return Default
}

// Append appends the JSON text of one argument to dst and its binary to bin, and
// returns the longer slice. Numbers in placeholders go on from len(bin.Chunks).
// A nil bin means that there must be no binary: byte slices are then base64
// strings.
//
// v is any value that encoding/json takes, and is not changed. A
// [encoding/json.RawMessage] is checked and then written as it is, spaces
// included. A time is RFC 3339 text, a channel or function an error that names
// its type, NaN is null.
//
// Append may use dst up to its capacity. On error it returns dst, and bin is as
// it was. Nothing of v is kept but the chunks in bin.
//
// Errors: [ErrDepth] for what is too deep or cyclic, [*SyntaxError] for a
// RawMessage that is not JSON, [*encoding/json.UnsupportedTypeError], and what the
// engine or a MarshalJSON returns.
//
// It does not allocate for nil, booleans, numbers, strings, byte slices,
// RawMessage and pointers to them, given room in dst and bin.
func (c *Codec) Append(dst []byte, v any, bin *Attachments) ([]byte, error) {
	if c.AppendPlaceholder == nil {
		bin = nil
	}
	chunks := 0
	if bin != nil {
		chunks = len(bin.Chunks)
	}
	e := c.engine()
	w := writer{codec: c, engine: e, bin: bin, byHand: e.builtin()}
	out, err := w.argument(dst, v)
	if err != nil {
		if bin != nil {
			clear(bin.Chunks[chunks:])
			bin.Chunks = bin.Chunks[:chunks]
		}
		return dst, err
	}
	return out, nil
}

// Decode stores the argument with JSON text data in what v points to. The text's
// placeholders stand for chunks: one becomes the chunk where v has a byte slice
// (of any type without its own UnmarshalJSON or UnmarshalText) and a []byte where
// it has an interface. Anywhere else it is the object that it looks like.
//
// Nothing that is stored aliases data. With [Sonic], the strings that one call
// stores share a private copy of data, and keep all of it alive: clone the one
// that outlives the others. The chunks are not copied: a byte slice in v is the
// chunk itself, cut so that an append to it copies, and lives as long as the caller
// lets the chunk live. The same chunk may be stored twice, if the text names it
// twice.
//
// Beside the placeholders Decode does what [encoding/json.Unmarshal] does, except
// that it stops at the first value that does not fit; what v holds after an error
// is unspecified. A list of interfaces that holds pointers may be what v points to,
// and must not be further inside: sonic follows them wrongly (its issue 912).
//
// Errors: [*SyntaxError], [ErrDepth], [ErrPlaceholder],
// [*encoding/json.UnmarshalTypeError] for a value that does not fit,
// [*encoding/json.InvalidUnmarshalError] for a v that is no pointer, and what the
// engine returns, which may use types of its own for the first and the fourth.
func (c *Codec) Decode(data []byte, v any, chunks [][]byte) error {
	if err := checkInbound(data); err != nil {
		return err
	}
	e := c.engine()
	byHand := e.builtin()
	if byHand && decodeScalar(data, v) {
		return nil
	}

	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		return &stdjson.InvalidUnmarshalError{Type: reflect.TypeOf(v)}
	}
	p := planFor(rv.Type().Elem())
	if c.Placeholder == nil {
		chunks = nil
	}
	if (len(chunks) == 0 || !p.decodesBinary) && !(byHand && holdsPointers(rv.Elem())) {
		return e.Unmarshal(data, v)
	}
	if err := Check(data); err != nil {
		return err
	}
	r := reader{codec: c, engine: e, byHand: byHand, text: data, chunks: chunks}
	r.space()
	return r.value(rv.Elem(), p, 0)
}

// Value returns the argument with JSON text data as one of nil, bool, float64,
// string, []byte (a placeholder's chunk), []any and map[string]any. Of several
// members of one name, the last counts.
//
// Lifetimes and errors are those of [Codec.Decode].
func (c *Codec) Value(data []byte, chunks [][]byte) (any, error) {
	if err := checkInbound(data); err != nil {
		return nil, err
	}
	e := c.engine()
	if len(chunks) == 0 || c.Placeholder == nil {
		var v any
		if err := e.Unmarshal(data, &v); err != nil {
			return nil, err
		}
		return v, nil
	}
	if err := Check(data); err != nil {
		return nil, err
	}
	r := reader{codec: c, engine: e, byHand: e.builtin(), text: data, chunks: chunks}
	r.space()
	return r.any()
}

// holdsPointers says whether v is a list of interfaces that already holds
// something. Decoding into one follows the pointers in it, which sonic's compiled
// code has done wrongly (its issue 912), so those lists are read by hand.
func holdsPointers(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice:
		return v.Type().Elem().Kind() == reflect.Interface && v.Cap() > 0
	case reflect.Array:
		return v.Type().Elem().Kind() == reflect.Interface
	default:
		return false
	}
}

// rawError names the argument as the culprit for a RawMessage that is not JSON.
func rawError(err error) error { return fmt.Errorf("json: raw argument: %w", err) }
