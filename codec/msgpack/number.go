package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"
)

// appendUint appends v in its shortest form.
func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 0x80:
		return append(dst, byte(v))
	case v <= math.MaxUint8:
		return append(dst, uint8_, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, uint16_), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, uint32_), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, uint64_), v)
}

// appendInt appends v in its shortest form.
func appendInt(dst []byte, v int64) []byte {
	switch {
	case v >= 0:
		return appendUint(dst, uint64(v))
	case v >= -32:
		return append(dst, byte(v))
	case v >= math.MinInt8:
		return append(dst, int8_, byte(v))
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, int16_), uint16(v))
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, int32_), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, int64_), uint64(v))
}

// appendFloat appends v as JavaScript would send it: without a fraction it is an integer.
// Past those of 64 bits notepack.io writes some of the bits of the number; here it is a
// float 64, which notepack.io reads.
func appendFloat(dst []byte, v float64) []byte {
	if v == math.Trunc(v) {
		switch {
		case v >= 0 && v < 1<<64:
			return appendUint(dst, uint64(v))
		case v < 0 && v >= -1<<63:
			return appendInt(dst, int64(v))
		}
	}
	return binary.BigEndian.AppendUint64(append(dst, float64_), math.Float64bits(v))
}

// appendNumber appends the number that the JSON text at i begins with, and returns where
// it ends, 0 if there is none.
func appendNumber(dst, text []byte, i int) (out []byte, next int) {
	from, v, digits := i, uint64(0), 0
	if text[i] == '-' {
		i++
	}
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		v = v*10 + uint64(text[i]-'0')
		digits++
	}
	whole := i
	for i < len(text) && (text[i]-'0' <= 9 || text[i] == '.' || text[i]|0x20 == 'e' || text[i] == '+' || text[i] == '-') {
		i++
	}
	switch {
	case digits == 0:
		return dst, 0
	case i == whole && digits <= 18: // so v has not overflowed, nor has -v
		if text[from] == '-' {
			return appendInt(dst, -int64(v)), i
		}
		return appendUint(dst, v), i
	case i == whole: // all digits count, as far as they can be kept
		s := string(text[from:i])
		if v, err := strconv.ParseUint(s, 10, 64); err == nil {
			return appendUint(dst, v), i
		}
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			return appendInt(dst, v), i
		}
	}
	f, err := strconv.ParseFloat(string(text[from:i]), 64)
	if err != nil && !math.IsInf(f, 0) { // past the largest is infinite, as it is to JSON.parse
		return dst, 0
	}
	return appendFloat(dst, f), i
}

// writeFloat appends v to JSON text as JavaScript does. The sign of -0 is kept, which
// JavaScript reads but does not write.
func writeFloat(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, v, format, -1, 64)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst
}

// A number is what stands at a place where a packet has a number.
type number struct {
	v         float64 // exact up to 2^53
	integer   bool
	undefined bool
}

// numberAt reads the value at i, which is whole.
func numberAt(b []byte, i int) number {
	c := b[i]
	if v, ok := intAt(b, i); ok {
		if c == uint64_ {
			return number{v: float64(uint64(v)), integer: true}
		}
		return number{v: float64(v), integer: true}
	}
	switch c {
	case float32_, float64_:
		v := floatAt(b, i)
		return number{v: v, integer: v == math.Trunc(v) && !math.IsInf(v, 0)}
	case fixext1:
		return number{undefined: b[i+1] == 0}
	}
	return number{}
}

// intAt is the integer at i, which is whole; of uint 64 its bits. Not ok if it is
// another value.
func intAt(b []byte, i int) (v int64, ok bool) {
	c, b := b[i], b[i+1:]
	switch {
	case c < fixmap:
		return int64(c), true
	case c >= negative:
		return int64(int8(c)), true
	}
	switch c {
	case uint8_:
		return int64(b[0]), true
	case uint16_:
		return int64(binary.BigEndian.Uint16(b)), true
	case uint32_:
		return int64(binary.BigEndian.Uint32(b)), true
	case int8_:
		return int64(int8(b[0])), true
	case int16_:
		return int64(int16(binary.BigEndian.Uint16(b))), true
	case int32_:
		return int64(int32(binary.BigEndian.Uint32(b))), true
	case uint64_, int64_:
		return int64(binary.BigEndian.Uint64(b)), true
	}
	return 0, false
}

// writeInt appends the integer v, read by intAt from a value that begins with c, to JSON
// text.
func writeInt(dst []byte, c byte, v int64) []byte {
	if c == uint64_ {
		return strconv.AppendUint(dst, uint64(v), 10)
	}
	return strconv.AppendInt(dst, v, 10)
}

// floatAt is the float 32 or 64 at i, which is whole.
func floatAt(b []byte, i int) float64 {
	if b[i] == float32_ {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b[i+1:])))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[i+1:]))
}
