package socketio

import (
	"bytes"
	"math"
)

// Args are the elements of one JSON array: where each of them begins and ends in
// the text they were parsed from. The text is not copied, so they live as long as
// it does and change if it is changed.
//
// The zero value has no elements. An Args is meant to be used again and again, by
// one goroutine at a time.
type Args struct {
	data []byte
	n    int

	// The first elements are kept in line: most events have fewer.
	first [8]span
	more  []span
}

// A span is data[from:to]. 32 bits halve what an array of a million tiny elements
// makes us keep; Parse refuses longer texts.
type span struct{ from, to uint32 }

// maxKept bounds what Reset keeps for the next packet, in elements of 8 bytes.
const maxKept = 1024

// Parse replaces the elements by those of the array in data. The whole text is
// checked as [Valid] does it, in the same pass.
//
// It allocates only past the eighth element, 8 bytes for each, and takes that
// memory again for the next packet. data is not written to. It must be shorter
// than 4 GiB. On error there are no elements.
//
// Errors: [ErrPayload], also for JSON that is not an array; as that [ErrDepth].
//
// Source: RFC 8259.
func (a *Args) Parse(data []byte) error {
	a.empty()
	i := blanks(data, 0)
	if i == len(data) || data[i] != '[' || uint64(len(data)) > math.MaxUint32 {
		return ErrPayload
	}
	i, err := value(data, i, a)
	if err == nil && blanks(data, i) != len(data) {
		err = ErrPayload
	}
	if err != nil {
		a.empty()
		return err
	}
	a.data = data
	return nil
}

// add is how the scanner tells of an element.
func (a *Args) add(from, to int) {
	s := span{uint32(from), uint32(to)}
	if a.n < len(a.first) {
		a.first[a.n] = s
	} else {
		a.more = append(a.more, s)
	}
	a.n++
}

func (a *Args) empty() {
	a.data, a.n, a.more = nil, 0, a.more[:0]
}

// Reset removes the elements and lets go of their text. Memory for further
// elements is kept, unless it is past 8 KiB: one packet with a million of them
// must not be paid for ever after.
func (a *Args) Reset() {
	a.empty()
	if cap(a.more) > maxKept {
		a.more = nil
	}
}

// Len is the number of elements, the name of an event included.
func (a *Args) Len() int { return a.n }

// At is element i as raw JSON text without blanks around it, a view cut so that
// an append to it copies. It panics unless 0 <= i < Len.
func (a *Args) At(i int) []byte {
	if uint(i) >= uint(a.n) {
		panic("socketio: argument index out of range")
	}
	s := span{}
	if i < len(a.first) {
		s = a.first[i]
	} else {
		s = a.more[i-len(a.first)]
	}
	return a.data[s.from:s.to:s.to]
}

// EventName is the name of an event, element 0: what stands between the quotes of
// a string, or the text of a number, as a view. If escaped, the name is spelled
// with escape sequences, and its characters are had by [Unquote] of At(0).
//
// A number and the string of its digits are the same event, as they are to the
// reference server. Other spellings of the number ("1.0", "1e0") are other names
// here; no JavaScript client writes them.
//
// Errors: [ErrPayload] if there is no element 0 or it is of another kind;
// [ErrReserved], however the name is spelled.
//
// Source: Socket.IO protocol 5, "Sending and receiving data".
func (a *Args) EventName() (name []byte, escaped bool, err error) {
	if a.n == 0 {
		return nil, false, ErrPayload
	}
	raw := a.At(0)
	switch c := raw[0]; {
	case c == '-' || c-'0' <= 9:
		return raw, false, nil
	case c != '"':
		return nil, false, ErrPayload
	}
	name = raw[1 : len(raw)-1 : len(raw)-1]
	if bytes.IndexByte(name, '\\') < 0 {
		if Reserved(name) {
			return nil, false, ErrReserved
		}
		return name, false, nil
	}
	var buf wordBuffer
	if Reserved(wordOf(&buf, raw)) {
		return nil, false, ErrReserved
	}
	return name, true, nil
}

// Reserved reports whether name must not be the name of an event, in either
// direction: the peers give these six an inner meaning. Every other name is an
// ordinary one, "error" as well.
//
// Source: Socket.IO protocol 5, and the reference server's list.
func Reserved[T string | []byte](name T) bool {
	switch string(name) {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// Text is the JSON text that the elements are views of, a view itself; nil when there
// are none.
func (a *Args) Text() []byte { return a.data }
