package session

// spares is a free list: what a busy turn leaves behind is kept for the next one. It is
// bounded in bytes, so that the lists of a loop never keep more than three times
// spareBytes, and hold what a broadcast to tens of thousands needs. It belongs to the loop.
type spares[T any, P interface {
	*T
	size() int
}] struct {
	list  []P
	bytes int // sum of their sizes
}

// spareBytes is what one list keeps, in bytes.
const spareBytes = 4 << 20

func (s *spares[T, P]) get() P {
	n := len(s.list)
	if n == 0 {
		return new(T)
	}
	x := s.list[n-1]
	s.list[n-1] = nil
	s.list = s.list[:n-1]
	s.bytes -= x.size()
	return x
}

// put keeps x, which the caller has emptied.
func (s *spares[T, P]) put(x P) {
	if n := x.size(); s.bytes+n <= spareBytes {
		s.list = append(s.list, x)
		s.bytes += n
	}
}

// The sizes are of the memory behind, and about that of the thing itself.

func (o *Output) size() int { return 96 + cap(o.own) + 24*cap(o.list) }

func (r *request) size() int { return 1024 + cap(r.head) + cap(r.sid) + cap(r.cors) }

func (p *partial) size() int {
	return 256 + cap(p.buf) + 8*cap(p.ends) + 24*cap(p.parts)
}
