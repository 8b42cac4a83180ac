package session

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// encoding is a content coding of an answer.
type encoding uint8

const (
	identity encoding = iota
	gzipped
	deflated // zlib's format, as RFC 9110 section 8.4.1.2 means it
	brotlied // of the client's files only
)

var codings = [...]string{identity: "identity", gzipped: "gzip", deflated: "deflate", brotlied: "br"}

// String is the coding's name in HTTP.
func (e encoding) String() string { return codings[e] }

// encoding is the coding for a payload of n bytes.
//
// Source: the reference server's option httpCompression.
func (c *Conn) encoding(allowed bool, n int) encoding {
	if from := c.host.Config().CompressFrom; !allowed || from < 0 || n < from {
		return identity
	}
	return c.req.coding
}

// inlineBelow is the size in bytes up to which a payload is compressed on the loop:
// about 0.2 ms at the fastest level. Longer ones would hold up the other
// connections and are given away.
const inlineBelow = 32 << 10

// compressed answers with a payload of the content type, compressed. payload is kept.
func (c *Conn) compressed(now Instant, ticket uint32, payload []byte, kind string, enc encoding) {
	if len(payload) <= inlineBelow {
		c.sendPayload(now, compress(payload, enc), kind, enc)
		return
	}
	h := c.host
	ok := h.App().Offload(func() {
		z := compress(payload, enc)
		h.Run(h.Index(), func(_ Host, now Instant) {
			if c.waiting(ticket) {
				c.sendPayload(now, z, kind, enc)
			}
		})
	})
	if !ok {
		c.sendPayload(now, payload, kind, identity)
	}
}

type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// Any goroutine: writers hold some hundred KiB of tables and are worth keeping.
var compressors = [...]sync.Pool{
	gzipped: {New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		return w
	}},
	deflated: {New: func() any {
		w, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed)
		return w
	}},
}

// compress returns payload in the given coding, in a new slice. Any goroutine.
func compress(payload []byte, enc encoding) []byte {
	var b bytes.Buffer
	b.Grow(len(payload)/2 + 64)
	w := compressors[enc].Get().(compressor)
	w.Reset(&b)
	_, _ = w.Write(payload) // a bytes.Buffer takes everything
	_ = w.Close()
	w.Reset(io.Discard)
	compressors[enc].Put(w)
	return b.Bytes()
}
