package hist

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// The text form is base64 (standard, padded) of deflate of:
//
//	version   1 byte: 1
//	min, max  uvarint: ns
//	sum       8 bytes: IEEE 754 bits, big-endian: ns
//	counts    pairs of uvarint to the end: empty buckets before this one, its count
//
// An empty histogram is the empty text.
const version = 1

const (
	// maxPlain bounds the plain form: the head, and for each bucket a gap of at
	// most two bytes and a count of at most ten.
	maxPlain = 1 + 2*binary.MaxVarintLen64 + 8 + buckets*(2+binary.MaxVarintLen64)

	// maxText bounds the text: no deflate makes its input much longer, and base64
	// makes it a third longer.
	maxText = (maxPlain + 1024) * 4 / 3
)

// ErrText: a text is not what [Histogram.Encode] makes.
var ErrText = errors.New("not a histogram")

// Encode is h as a text of at most some ten KiB, usually far less: all counts,
// so that nothing is lost to [Decode] and a later [Histogram.Merge].
func (h *Histogram) Encode() string {
	if h.n == 0 {
		return ""
	}
	plain := make([]byte, 0, 4096)
	plain = append(plain, version)
	plain = binary.AppendUvarint(plain, uint64(h.min))
	plain = binary.AppendUvarint(plain, uint64(h.max))
	plain = binary.BigEndian.AppendUint64(plain, math.Float64bits(h.sum))
	gap := uint64(0)
	for _, n := range &h.counts {
		if n == 0 {
			gap++
			continue
		}
		plain = binary.AppendUvarint(plain, gap)
		plain = binary.AppendUvarint(plain, n)
		gap = 0
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is valid, and a Buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

// Decode is the inverse of [Histogram.Encode]. It takes memory and time bounded
// by the size of a histogram whatever text is, and returns an error that wraps
// [ErrText] for all that Encode cannot have made.
func Decode(text string) (*Histogram, error) {
	h := new(Histogram)
	if text == "" {
		return h, nil
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: %d bytes long", ErrText, len(text))
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrText, err)
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxPlain+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrText, err)
	}
	if len(plain) > maxPlain {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrText, maxPlain)
	}
	if err := h.parse(plain); err != nil {
		return nil, err
	}
	return h, nil
}

// parse fills the empty h from the plain form.
func (h *Histogram) parse(b []byte) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrText, what) }
	if len(b) == 0 || b[0] != version {
		return bad("version")
	}
	b = b[1:]
	number := func() (v uint64, ok bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	low, ok1 := number()
	high, ok2 := number()
	if !ok1 || !ok2 || low > high || high > math.MaxInt64 || len(b) < 8 {
		return bad("bounds")
	}
	h.min, h.max = time.Duration(low), time.Duration(high)
	h.sum = math.Float64frombits(binary.BigEndian.Uint64(b))
	b = b[8:]
	first, last := -1, -1
	for len(b) > 0 {
		gap, ok1 := number()
		n, ok2 := number()
		if !ok1 || !ok2 || n == 0 || gap >= buckets || h.n+n < n {
			return bad("counts")
		}
		if last += 1 + int(gap); last >= buckets {
			return bad("counts")
		}
		if first < 0 {
			first = last
		}
		h.counts[last] = n
		h.n += n
	}
	if h.n == 0 || bucket(low) != first || bucket(high) != last {
		return bad("bounds that the counts do not have")
	}
	// The sum was added up in floating point: allow for its rounding.
	const slack = 1e-6
	if n := float64(h.n); !(h.sum >= n*float64(low)*(1-slack) && h.sum <= n*float64(high)*(1+slack)) {
		return bad("sum")
	}
	return nil
}

// Buckets calls f for every bucket that counted something, from the shortest:
// the longest duration that falls into it (for the last, Max), and its count.
func (h *Histogram) Buckets(f func(upper time.Duration, n uint64)) {
	for i, n := range &h.counts {
		if n == 0 {
			continue
		}
		f(h.top(i), n)
	}
}

// top is what bucket i, which is not empty, stands for.
func (h *Histogram) top(i int) time.Duration {
	if i == buckets-1 {
		return h.max
	}
	return max(h.min, min(h.max, time.Duration(upper(i))))
}
