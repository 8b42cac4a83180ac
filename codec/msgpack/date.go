package msgpack

import (
	"strconv"
	"time"
)

// maxDate is the last millisecond that JavaScript has a date for, counted from 1970, and
// the first one negated.
//
// Source: ECMAScript, "Time Values and Time Range".
const maxDate = 8_640_000_000_000_000

// writeDate appends the date that is ms milliseconds after 1970 to JSON text, as
// Date.prototype.toJSON has it.
func writeDate(dst []byte, ms int64) []byte {
	if ms < -maxDate || ms > maxDate {
		return append(dst, "null"...)
	}
	t := time.UnixMilli(ms).UTC()
	dst = append(dst, '"')
	switch year := t.Year(); {
	case year >= 0 && year <= 9999:
		dst = padded(dst, year, 4)
	case year < 0:
		dst = padded(append(dst, '-'), -year, 6)
	default:
		dst = padded(append(dst, '+'), year, 6)
	}
	return append(t.AppendFormat(dst, "-01-02T15:04:05.000Z"), '"')
}

// padded appends v with at least width digits.
func padded(dst []byte, v, width int) []byte {
	s := strconv.Itoa(v)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}
