package msgpack

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// An Encoder writes packets, one after the other. It keeps the memory that it needs
// beside what it writes. It belongs to one goroutine at a time; the zero value is ready.
type Encoder struct {
	open []container // the innermost one last
	wide []wide      // in the order in which they ended

	// Of the value that is being written.
	out, text   []byte
	attachments [][]byte
	placed      []bool // those that stand somewhere already
}

// Append appends the MessagePack form of a JSON value to dst, and returns dst as it was
// with an error. attachments are what stands in the place of placeholders; with none
// there are no placeholders, and one that names none, or one that stands somewhere already,
// is an object like others. So what is appended is bounded by the lengths of text and
// attachments, whoever wrote the text.
//
// One pass, and a second over what was written if an array or object has more than 15
// elements: those need a longer head, for which what follows is moved once. It allocates
// to grow dst, and for data that is deeper, or has more of the long ones, than any before.
//
// Errors: [ErrJSON].
func (e *Encoder) Append(dst, text []byte, attachments [][]byte) ([]byte, error) {
	e.out, e.text, e.attachments = dst, text, attachments
	e.placed = slices.Grow(e.placed, len(attachments))[:len(attachments)]
	i := e.value(e.blanks(0))
	out, err := dst, ErrJSON
	if i != 0 && e.blanks(i) == len(text) {
		out, err = e.widened(), nil
	}
	clear(e.placed)
	*e = Encoder{open: e.open[:0], wide: e.wide[:0], placed: e.placed[:0]}
	if cap(e.open)+cap(e.wide)+cap(e.placed) > maxLevels {
		*e = Encoder{}
	}
	return out, err
}

// maxLevels bounds what an Encoder keeps, in arrays, objects and attachments.
const maxLevels = 1024

// A container is an array or object that has begun.
type container struct {
	at     int // of its head in out
	n      int // elements or members that have ended
	object bool

	// Of an object, while there are attachments.
	placeholder bool
	num         int // -1: none that is usable
}

// wide is a container with more elements than the one byte of its head can tell.
type wide struct{ at, n int }

// value writes the value at i, and returns where it ends, 0 if it is no JSON.
func (e *Encoder) value(i int) int {
	for {
		if len(e.open) > 0 && e.open[len(e.open)-1].object {
			if i = e.key(i); i == 0 {
				return 0
			}
		}
		if i >= len(e.text) {
			return 0
		}
		c := e.text[i]
		if c == '{' || c == '[' {
			e.open = append(e.open, container{at: len(e.out), object: c == '{', num: -1})
			e.out = append(e.out, 0)
			if i = e.blanks(i + 1); i >= len(e.text) || e.text[i] != c+2 { // the closing bracket, in ASCII
				continue
			}
			e.close()
			i++
		} else if i = e.scalar(i, c); i == 0 {
			return 0
		}

		// A value has ended. Close what closes here, until another begins.
		for {
			if len(e.open) == 0 {
				return i
			}
			top := &e.open[len(e.open)-1]
			top.n++
			if i = e.blanks(i); i >= len(e.text) {
				return 0
			}
			c := e.text[i]
			i++
			if c == ',' {
				i = e.blanks(i)
				break
			}
			if top.object && c != '}' || !top.object && c != ']' {
				return 0
			}
			e.close()
		}
	}
}

func (e *Encoder) scalar(i int, c byte) int {
	switch rest := e.text[i:]; {
	case c == '"':
		e.out, i = appendUnquoted(e.out, e.text, i)
		return i
	case c == '-' || c-'0' <= 9:
		e.out, i = appendNumber(e.out, e.text, i)
		return i
	case bytes.HasPrefix(rest, []byte("true")):
		e.out = append(e.out, yes)
		return i + 4
	case bytes.HasPrefix(rest, []byte("null")):
		e.out = append(e.out, null)
		return i + 4
	case bytes.HasPrefix(rest, []byte("false")):
		e.out = append(e.out, no)
		return i + 5
	}
	return 0
}

// key writes the name of the member at i, and returns where its value begins.
func (e *Encoder) key(i int) int {
	if i >= len(e.text) || e.text[i] != '"' {
		return 0
	}
	from := len(e.out)
	if e.out, i = appendUnquoted(e.out, e.text, i); i == 0 {
		return 0
	}
	if i = e.blanks(i); i >= len(e.text) || e.text[i] != ':' {
		return 0
	}
	i = e.blanks(i + 1)
	if len(e.attachments) == 0 {
		return i
	}
	switch top := &e.open[len(e.open)-1]; string(e.out[from:]) {
	case "\xac_placeholder":
		top.placeholder = bytes.HasPrefix(e.text[i:], []byte("true"))
	case "\xa3num":
		top.num = e.num(i)
	}
	return i
}

// num is the number of the attachment that a placeholder spells at i, in digits alone; -1
// if there is no such attachment.
func (e *Encoder) num(i int) int {
	n, from := 0, i
	for ; i < len(e.text) && e.text[i]-'0' <= 9; i++ {
		if n = n*10 + int(e.text[i]-'0'); n >= len(e.attachments) {
			return -1
		}
	}
	if i == from || i < len(e.text) && (e.text[i] == '.' || e.text[i]|0x20 == 'e') {
		return -1
	}
	return n
}

// close ends the innermost container.
func (e *Encoder) close() {
	c := e.open[len(e.open)-1]
	e.open = e.open[:len(e.open)-1]
	switch {
	case c.placeholder && c.num >= 0 && !e.placed[c.num]:
		e.placed[c.num] = true
		for n := len(e.wide); n > 0 && e.wide[n-1].at >= c.at; n-- {
			e.wide = e.wide[:n-1]
		}
		e.out = appendBinary(e.out[:c.at], e.attachments[c.num])
		return
	case c.object:
		e.out[c.at] = fixmap | byte(c.n&15)
	default:
		e.out[c.at] = fixarray | byte(c.n&15)
	}
	if c.n > 15 {
		e.wide = append(e.wide, wide{c.at, c.n})
	}
}

// widened is what was written, with the heads that did not fit in one byte.
func (e *Encoder) widened() []byte {
	if len(e.wide) == 0 {
		return e.out
	}
	slices.SortFunc(e.wide, func(a, b wide) int { return a.at - b.at })
	more := 0
	for _, w := range e.wide {
		more += w.bytes()
	}
	end := len(e.out)
	out := slices.Grow(e.out, more)[:end+more]
	to := len(out)
	for _, w := range slices.Backward(e.wide) {
		object := out[w.at]&0xf0 == fixmap
		to -= end - w.at - 1
		copy(out[to:], out[w.at+1:end])
		end = w.at
		c := byte(array16)
		if object {
			c = map16
		}
		if to -= w.bytes(); w.bytes() == 2 {
			binary.BigEndian.PutUint16(out[to:], uint16(w.n))
		} else {
			c++
			binary.BigEndian.PutUint32(out[to:], uint32(w.n))
		}
		to--
		out[to] = c
	}
	return out
}

// bytes is how long the number of elements is.
func (w wide) bytes() int {
	if w.n <= math.MaxUint16 {
		return 2
	}
	return 4
}

func (e *Encoder) blanks(i int) int {
	for i < len(e.text) && (e.text[i] == ' ' || e.text[i] == '\t' || e.text[i] == '\n' || e.text[i] == '\r') {
		i++
	}
	return i
}
