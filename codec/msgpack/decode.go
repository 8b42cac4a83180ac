package msgpack

import (
	"encoding/binary"
	"strconv"
)

// A Decoder reads packets, one after the other. It keeps the memory that one needed for
// the next. It belongs to one goroutine at a time; the zero value is ready.
type Decoder struct {
	text    []byte // the JSON text of the data
	buffers [][]byte
	max     int // buffers
	open    []level
	key     []byte // a name that was an integer
}

// A level is an array or map that has begun.
type level struct {
	left  int // elements or members that have not begun
	isMap bool
	first bool // none has
	from  int  // where in text the current member begins, its comma included
}

// maxKept bounds the memory that Reset keeps, in bytes of text.
const maxKept = 64 << 10

// Reset lets go of the last packet. Its memory is kept, unless that is much.
func (d *Decoder) Reset() {
	d.empty()
	if cap(d.text) > maxKept || cap(d.buffers) > maxKept/24 {
		*d = Decoder{}
	}
}

func (d *Decoder) empty() {
	clear(d.buffers)
	d.text, d.buffers, d.open = d.text[:0], d.buffers[:0], d.open[:0]
}

// name reads the name of a member: a view of b, or of memory that is good until the next
// call.
func (d *Decoder) name(b []byte, i int) (name []byte, next int, err error) {
	_, n, at, err := head(b, i)
	if err != nil {
		return nil, 0, err
	}
	if isString(b[i]) {
		return b[at : at+n], at + n, nil
	}
	v, ok := intAt(b, i)
	if !ok {
		return nil, 0, ErrKey
	}
	d.key = writeInt(d.key[:0], b[i], v)
	return d.key, at + n, nil
}

// value writes the value at i as JSON text, and returns where it ends. Of undefined there
// is no text.
func (d *Decoder) value(b []byte, i int) (next int, err error) {
	for {
		if n := len(d.open); n > 0 {
			if i, err = d.begin(&d.open[n-1], b, i); err != nil {
				return 0, err
			}
		}
		s, n, at, err := head(b, i)
		if err != nil {
			return 0, err
		}
		if s.holds == 0 {
			if err := d.scalar(b, i, at, n); err != nil {
				return 0, err
			}
			i = at + n
		} else {
			if len(d.open) == MaxDepth {
				return 0, ErrDepth
			}
			d.open = append(d.open, level{left: n, isMap: s.holds == 2, first: true})
			d.text = append(d.text, "[{"[s.holds-1])
			i = at
		}
		for n := len(d.open); n > 0 && d.open[n-1].left == 0; n-- {
			if d.open[n-1].isMap {
				d.text = append(d.text, '}')
			} else {
				d.text = append(d.text, ']')
			}
			d.open = d.open[:n-1]
		}
		if len(d.open) == 0 {
			return i, nil
		}
	}
}

// begin writes what stands before the next value of a container.
func (d *Decoder) begin(l *level, b []byte, i int) (next int, err error) {
	l.left--
	l.from = len(d.text)
	if !l.first {
		d.text = append(d.text, ',')
	}
	l.first = false
	if !l.isMap {
		return i, nil
	}
	name, i, err := d.name(b, i)
	if err != nil {
		return 0, err
	}
	d.text = append(writeString(d.text, name), ':')
	return i, nil
}

// scalar writes the value at i, whose n bytes begin at at.
func (d *Decoder) scalar(b []byte, i, at, n int) error {
	data := b[at : at+n : at+n]
	if v, ok := intAt(b, i); ok {
		d.text = writeInt(d.text, b[i], v)
		return nil
	}
	switch c := b[i]; c {
	case null:
		d.text = append(d.text, "null"...)
	case no:
		d.text = append(d.text, "false"...)
	case yes:
		d.text = append(d.text, "true"...)
	case float32_, float64_:
		d.text = writeFloat(d.text, floatAt(b, i))
	case bin8, bin16, bin32:
		return d.buffer(data)
	case ext8, ext16, ext32, fixext1, fixext2, fixext4, fixext8, fixext16:
		return d.ext(c, int8(b[at-1]), data)
	default:
		d.text = writeString(d.text, data)
	}
	return nil
}

// ext writes a value of an extended type.
func (d *Decoder) ext(c byte, kind int8, data []byte) error {
	switch {
	case kind == 0 && c <= ext32:
		return d.buffer(data) // an ArrayBuffer
	case kind == 0 && c == fixext1:
		d.undefined()
		return nil
	case kind == 0 && c == fixext8:
		d.text = writeDate(d.text, int64(binary.BigEndian.Uint64(data)))
		return nil
	}
	d.text = append(strconv.AppendInt(append(d.text, '['), int64(kind), 10), ',')
	err := d.buffer(data)
	d.text = append(d.text, ']')
	return err
}

// undefined is null in an array, and takes the member of a map away.
func (d *Decoder) undefined() {
	if len(d.open) == 0 {
		return
	}
	l := &d.open[len(d.open)-1]
	if !l.isMap {
		d.text = append(d.text, "null"...)
		return
	}
	d.text = d.text[:l.from]
	l.first = d.text[l.from-1] == '{'
}

// buffer writes a placeholder.
func (d *Decoder) buffer(data []byte) error {
	if len(d.buffers) == d.max {
		return ErrBuffers
	}
	d.text = append(d.text, `{"_placeholder":true,"num":`...)
	d.text = append(strconv.AppendInt(d.text, int64(len(d.buffers)), 10), '}')
	d.buffers = append(d.buffers, data)
	return nil
}
