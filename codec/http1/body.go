package http1

// Bounds of the chunked transfer coding.
const (
	// MaxChunkExtension bounds the extensions of one chunk, in bytes, from the
	// first ';' on. Nobody sends any; they are read over. Source: RFC 9112,
	// section 7.1.1.
	MaxChunkExtension = 16

	// MaxTrailer bounds the trailer section, in bytes with its line endings but
	// without the final empty line. Its fields are checked and dropped.
	MaxTrailer = 1024

	// maxSizeDigits bounds a chunk-size; eight hex digits are 4 GiB - 1.
	maxSizeDigits = 8
)

// Body decodes one request body as it comes in. It is a value of 24 bytes
// without pointers, made by [NewBody]; the zero value is a body of no bytes.
type Body struct {
	left  int64     // bytes to come of the content, or of the chunk
	room  int64     // chunked: bytes that data and extensions may still add; else the Content-Length
	count uint16    // bytes of the chunk-size, extension or trailer section so far
	state bodyState // where in the grammar the next byte stands
}

type bodyState uint8

const (
	bodyNone       bodyState = iota // no body
	bodyDone                        // all of it taken
	bodyContent                     // left bytes by Content-Length, then done
	chunkSize                       // hex digits, then an extension or CR
	chunkExtension                  // up to CR
	chunkSizeLF                     // LF of the size line
	chunkData                       // left bytes
	chunkDataCR                     // CR behind the data
	chunkDataLF                     // LF behind the data
	trailerLine                     // a trailer field, or CR of the empty line
	trailerName                     // up to ':'
	trailerValue                    // up to CR
	trailerLF                       // LF of a trailer field
	trailerLastLF                   // LF of the empty line, then done

	// Failed: no byte is taken any more.
	failedChunk
	failedTrailer
	failedTooLarge
)

// NewBody returns the decoder of the body that follows h: by Content-Length,
// chunked, or, with neither, of no bytes. limit bounds it in bytes, before any
// content coding is undone; below 0 means 0. A longer Content-Length is refused
// here, with [ErrBodyTooLarge]. Source: RFC 9112, section 6.3.
func NewBody(h *Head, limit int64) (Body, error) {
	limit = max(limit, 0)
	switch {
	case h.Chunked:
		return Body{state: chunkSize, room: limit}, nil
	case h.ContentLength > limit:
		return Body{}, ErrBodyTooLarge
	case h.ContentLength > 0:
		return Body{state: bodyContent, left: h.ContentLength, room: h.ContentLength}, nil
	}
	return Body{}, nil
}

// Done reports whether the whole body has been read. It is true from the start
// for a request without one.
func (b *Body) Done() bool { return b.state <= bodyDone }

// Whole takes the body as a view of src, without copying, if all of it is there:
// not chunked, none of it taken before, and src begins with it. The body is done
// then, and the next request begins at src[len(view):]. If ok is false nothing
// has happened; use Next.
func (b *Body) Whole(src []byte) (view []byte, ok bool) {
	switch {
	case b.state == bodyNone:
		return src[:0:0], true
	case b.state != bodyContent || b.left < b.room || b.left > int64(len(src)):
		return nil, false
	}
	n := b.left
	b.left, b.state = 0, bodyDone
	return src[:n:n], true
}

// Next reads on at the start of src, appends the bytes of the body that it finds
// to dst, and returns the longer dst. n is how many bytes of src it has taken;
// they need not be given again. It never takes a byte behind the body, where
// the next request may stand. done tells that the body is whole.
//
// dst grows with what arrives, not with what was announced. src is not written
// to, and out is no view of it. Next allocates nothing but a longer dst.
//
// Chunked data and extensions count against the limit together: ErrBodyTooLarge
// comes with the size line that breaks it, before any byte of the chunk is
// taken. Errors are final, and every later call returns the same one; out then
// holds what came before it.
//
// Errors: [ErrBodyTooLarge], [ErrChunk], [ErrTrailer]. Source: RFC 9112, section
// 7.1.
func (b *Body) Next(dst, src []byte) (out []byte, n int, done bool, err error) {
	for n < len(src) {
		switch b.state {
		case bodyContent, chunkData:
			take := int(min(b.left, int64(len(src)-n)))
			dst = append(dst, src[n:n+take]...)
			n += take
			if b.left -= int64(take); b.left == 0 {
				if b.state == bodyContent {
					b.state = bodyDone
				} else {
					b.state = chunkDataCR
				}
			}
		case bodyNone, bodyDone:
			return dst, n, true, nil
		case failedChunk, failedTrailer, failedTooLarge:
			return dst, n, false, b.state.err()
		default:
			b.state = b.frame(src[n])
			n++
		}
	}
	return dst, n, b.Done(), b.state.err()
}

func (s bodyState) err() error {
	switch s {
	case failedChunk:
		return ErrChunk
	case failedTrailer:
		return ErrTrailer
	case failedTooLarge:
		return ErrBodyTooLarge
	}
	return nil
}

// frame takes one byte of chunked framing, and returns the state behind it.
func (b *Body) frame(c byte) bodyState {
	switch b.state {
	case chunkSize:
		if digit := hexValue[c]; digit != 0xff {
			if b.count == maxSizeDigits {
				return failedChunk
			}
			b.count++
			b.left = b.left<<4 | int64(digit)
			return chunkSize
		}
		if b.count == 0 {
			return failedChunk
		}
		b.count = 0
		if c == ';' {
			return b.extend()
		}
		return expect(c, '\r', chunkSizeLF, failedChunk)

	case chunkExtension:
		if ' ' <= c && c <= '~' {
			return b.extend()
		}
		return expect(c, '\r', chunkSizeLF, failedChunk)

	case chunkSizeLF:
		b.count = 0
		switch {
		case c != '\n':
			return failedChunk
		case b.left == 0:
			return trailerLine
		case b.left > b.room:
			return failedTooLarge
		}
		b.room -= b.left
		return chunkData

	case chunkDataCR:
		return expect(c, '\r', chunkDataLF, failedChunk)
	case chunkDataLF:
		return expect(c, '\n', chunkSize, failedChunk)
	case trailerLastLF:
		return expect(c, '\n', bodyDone, failedTrailer)
	}

	if b.state == trailerLine && c == '\r' {
		return trailerLastLF
	}
	if b.count++; b.count > MaxTrailer {
		return failedTrailer
	}
	switch b.state {
	case trailerLine, trailerName:
		if tokenLower[c] != 0 {
			return trailerName
		}
		if b.state == trailerName && c == ':' {
			return trailerValue
		}
	case trailerValue:
		if isValueByte(c) {
			return trailerValue
		}
		return expect(c, '\r', trailerLF, failedTrailer)
	case trailerLF:
		return expect(c, '\n', trailerLine, failedTrailer)
	}
	return failedTrailer
}

// extend counts one byte of chunk extension.
func (b *Body) extend() bodyState {
	if b.count++; b.count > MaxChunkExtension {
		return failedChunk
	}
	if b.room--; b.room < 0 {
		return failedTooLarge
	}
	return chunkExtension
}

func expect(c, want byte, then, otherwise bodyState) bodyState {
	if c == want {
		return then
	}
	return otherwise
}
