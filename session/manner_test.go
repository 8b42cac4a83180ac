package session

// A manner is what a host may do one way or another, and must not be noticed.
type manner struct {
	syncClose bool                    // Conn.Closed comes from within Write and Close
	together  bool                    // what a turn writes is taken out of all connections, then written, then they are told
	pieces    func(b []byte) [][]byte // how what a client sends is cut; nil: not at all
}

// write writes what waits on the first connection, or on all of them together as a host does
// that has one system call for many. It returns of how many.
func (h *fakeHost) write(list []*Conn, begin func(*Conn) Write) int {
	if !h.w.together {
		w := begin(list[0])
		w.Finish(h.w.now)
		return 1
	}
	type flight struct {
		Write
		wire    *fakeWire
		written bool
	}
	all := make([]flight, 0, len(list))
	for _, c := range list {
		all = append(all, flight{Write: begin(c), wire: c.wire.(*fakeWire)})
	}
	for i := range all {
		f := &all[i]
		if f.Len() > 0 && !f.wire.closed && len(f.wire.pending) == 0 {
			var bufs [][]byte
			if bufs, f.written = f.Buffers(); f.written {
				f.wire.Write(bufs)
			}
		}
	}
	for i := range all {
		if f := &all[i]; f.written {
			f.End(h.w.now, f.wire.Buffered())
		} else {
			f.Finish(h.w.now)
		}
	}
	return len(list)
}
