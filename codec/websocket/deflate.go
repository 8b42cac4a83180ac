package websocket

import (
	"bytes"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflateTail ends every message before it is compressed, and is not sent.
//
// Source: RFC 7692, sections 7.2.1 and 7.2.2.
const deflateTail = "\x00\x00\xff\xff"

// inflateTail is put back behind a compressed message: what was cut off, and an empty last
// block, by which a message that ends between two blocks is told from one that does not.
const inflateTail = deflateTail + "\x01\x00\x00\xff\xff"

// maxFinal bounds the blocks of a message that call themselves the last one. Others may
// stand behind each, but beginning anew costs as much as 32 KiB, and a block 2 bytes.
const maxFinal = 64

// AppendDeflated appends a final, unmasked frame whose payload is compressed, with a window
// of 2 to the power of windowBits bytes (8 to [MaxWindowBits]), and returns the extended
// slice. A payload that gets no shorter goes as it is: that is legal for any message.
//
// It takes some 10 us, and 3 us for each KiB, 7 with a window that is not the largest. Its
// tables come from a pool: up to 1 MiB for each goroutine that compresses at the moment.
//
// Source: RFC 7692, section 7.2.1.
func AppendDeflated(dst []byte, op Opcode, payload []byte, windowBits uint8) []byte {
	at := len(dst)
	pool := &deflaters[windowBits]
	d, ok := pool.Get().(*deflater)
	if !ok {
		d = newDeflater(windowBits)
	}
	// The header is as long as the compressed payload asks for: it is moved behind it.
	d.out = append(dst, make([]byte, MaxServerHeader)...)
	d.w.Reset(d)
	_, _ = d.w.Write(payload) // a deflater takes everything
	_ = d.w.Flush()
	dst, d.out = d.out, nil
	d.w.Reset(io.Discard)
	pool.Put(d)

	n := len(dst) - len(deflateTail) - at - MaxServerHeader
	if n >= len(payload) {
		return AppendFrame(dst[:at], op, payload)
	}
	head := appendHeader(dst[:at], op, true, n, 0)
	head[at] |= bitRSV1
	return append(head, dst[at+MaxServerHeader:at+MaxServerHeader+n]...)
}

// A deflater compresses to the end of a slice.
type deflater struct {
	w   *flate.Writer
	out []byte
}

func (d *deflater) Write(p []byte) (int, error) {
	d.out = append(d.out, p...)
	return len(p), nil
}

// deflaters by the bits of their windows. Any goroutine.
var deflaters [MaxWindowBits + 1]sync.Pool

func newDeflater(windowBits uint8) *deflater {
	d := new(deflater)
	if windowBits == MaxWindowBits {
		d.w, _ = flate.NewWriter(d, flate.BestSpeed)
	} else {
		d.w, _ = flate.NewWriterWindow(d, 1<<windowBits)
	}
	return d
}

// Inflate appends what a compressed message holds to dst and returns the extended slice:
// data is the message as it came, all fragments together. data and dst must not overlap.
//
// Errors: [ErrTooBig] if it holds more than limit bytes, of which no more are looked at;
// [ErrDeflate] if it is not compressed rightly. With either dst is returned with what has
// been inflated before, which means nothing. The slice grows with what comes out, at most
// to twice that and never past limit; beside it 40 KiB and the length of data are taken
// from a pool.
//
// Text has not been checked to be UTF-8: see [ValidText].
//
// Source: RFC 7692, section 7.2.2. A payload of no bytes at all, which no compressor makes,
// is an empty message, as for the reference server.
func Inflate(dst, data []byte, limit int) ([]byte, error) {
	if len(data) == 0 {
		return dst, nil
	}
	i := inflaters.Get().(*inflater)
	i.in = append(append(i.in[:0], data...), inflateTail...)
	dst, err := i.inflate(dst, limit)
	if i.src.Reset(nil); cap(i.in) > maxInflaterInput {
		i.in = nil
	}
	inflaters.Put(i)
	return dst, err
}

// An inflater holds a window, tables and a copy of what it reads.
type inflater struct {
	r    io.ReadCloser
	src  bytes.Reader
	in   []byte
	over [1]byte // to see whether there is more than there may be
}

// maxInflaterInput bounds the copy that is kept in the pool, in bytes.
const maxInflaterInput = 64 << 10

// inflaters. Any goroutine.
var inflaters = sync.Pool{New: func() any {
	i := new(inflater)
	i.r = flate.NewReader(&i.src)
	return i
}}

// inflate reads i.in, which ends with the tail.
func (i *inflater) inflate(dst []byte, limit int) ([]byte, error) {
	start := len(dst)
	most := start + min(limit, math.MaxInt-start)
	i.src.Reset(i.in)
	for final := 0; ; final++ {
		window := dst[start:]
		_ = i.r.(flate.Resetter).Reset(&i.src, window[max(0, len(window)-1<<MaxWindowBits):])
		var err error
		if dst, err = i.blocks(dst, most); err != nil {
			return dst, err
		}
		// The tail's last block has been read, or one of the message itself: another may
		// stand behind that, or not even the byte that has to.
		if i.src.Len() <= len(inflateTail) {
			return dst, nil
		}
		if final == maxFinal {
			return dst, ErrDeflate
		}
	}
}

// blocks reads up to the end of the next last block. dst gets no longer than most.
func (i *inflater) blocks(dst []byte, most int) ([]byte, error) {
	for {
		room := dst[len(dst):min(cap(dst), most)]
		if len(dst) == most {
			room = i.over[:]
		} else if len(room) == 0 {
			more := make([]byte, len(dst), len(dst)+min(max(len(dst), minInflated), most-len(dst)))
			copy(more, dst)
			dst = more
			continue
		}
		n, err := i.r.Read(room)
		switch {
		case n > 0 && len(dst) == most:
			return dst, ErrTooBig
		case err == nil || err == io.EOF:
		default:
			return dst, ErrDeflate
		}
		if dst = dst[:len(dst)+n]; err == io.EOF {
			return dst, nil
		}
	}
}

// minInflated is the least room that is made, in bytes.
const minInflated = 512
