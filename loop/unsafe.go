package loop

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// tlsParts are the places in a tls.Conn where crypto/tls keeps what it has read, which it
// never gives back: raw the records, hand the messages of a handshake, input what was
// decrypted and not read, a view of raw's memory.
type tlsParts struct {
	raw, hand *bytes.Buffer
	input     *bytes.Reader
}

// partsOf are those of c; ok is false if there are none that we know, and then every
// connection keeps its own memory.
//
// Assumed: tls.Conn is a struct with fields rawInput and hand of type bytes.Buffer and
// input of type bytes.Reader; offsets and types are taken from the type itself, so that
// the pointers are to what they say, whatever else is there. TestTLSParts fails if a new Go
// has it otherwise. Who writes to them must be the only one that uses c, keep raw's unread
// bytes, and leave the memory alone that input refers to: then crypto/tls finds what it
// left, in another place.
func partsOf(c *tls.Conn) (p tlsParts, ok bool) {
	if !partsKnown {
		return p, false
	}
	at := unsafe.Pointer(c)
	return tlsParts{
		raw:   (*bytes.Buffer)(unsafe.Add(at, rawAt)),
		hand:  (*bytes.Buffer)(unsafe.Add(at, handAt)),
		input: (*bytes.Reader)(unsafe.Add(at, inputAt)),
	}, true
}

var (
	rawAt, rawKnown     = fieldOf[bytes.Buffer]("rawInput")
	handAt, handKnown   = fieldOf[bytes.Buffer]("hand")
	inputAt, inputKnown = fieldOf[bytes.Reader]("input")

	partsKnown = rawKnown && handKnown && inputKnown
)

// fieldOf is where in a tls.Conn the named field is, if it is there and a T.
func fieldOf[T any](name string) (offset uintptr, ok bool) {
	f, ok := reflect.TypeFor[tls.Conn]().FieldByName(name)
	return f.Offset, ok && f.Type == reflect.TypeFor[T]() && len(f.Index) == 1
}
