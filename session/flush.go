package session

// FlushFanned is Flush for what [Host.Fanned] has asked for.
func (c *Conn) FlushFanned(now Instant) {
	c.marks &^= markFanned
	c.Flush(now)
}

// Flush writes what waits.
func (c *Conn) Flush(now Instant) {
	w := c.Begin()
	w.Finish(now)
}

// A Write is a Flush that was begun, by a host that writes to many connections at once. It
// ends by End, Finish or Abort.
//
// Until then nothing else is written on the connection's wire, and the connection is not
// told of anything: what is asked of it meanwhile, its end included, comes behind.
type Write struct {
	conn *Conn
	out  *Output  // nil if nothing was waiting
	sess *Session // whose transport the connection is; nil if it is none's
}

// BeginFanned is Begin for what [Host.Fanned] has asked for.
func (c *Conn) BeginFanned() Write {
	c.marks &^= markFanned
	return c.Begin()
}

// Begin takes what waits out of c.
func (c *Conn) Begin() Write {
	c.marks &^= markWritten
	c.lastPong()
	w := Write{conn: c, out: c.out}
	c.out = nil
	if w.Len() == 0 {
		return w
	}
	// If it only probes, or says goodbye, the session is not concerned.
	if s := c.sess; s != nil && s.ws == c && s.state != Closed {
		w.sess = s
		s.flushing()
	}
	return w
}

// Len is how many bytes are to be written.
func (w *Write) Len() int {
	if w.out == nil || w.conn.state == connDead {
		return 0
	}
	return w.out.bytes
}

// Buffers are what is to be written, in order, valid until the write ends. ok is false if
// they are more than [MaxBuffers]: those must be put together first, which Finish does.
func (w *Write) Buffers() (bufs [][]byte, ok bool) {
	w.out.seal()
	return w.out.list, len(w.out.list) <= MaxBuffers
}

// Finish hands everything to the wire, and ends the write.
func (w *Write) Finish(now Instant) {
	before, left := 0, 0
	if wire := w.conn.wire; w.Len() > 0 {
		before = wire.Buffered()
		wire.Write(w.conn.host.buffers(w.out))
		left = wire.Buffered()
	}
	w.end(now, before, left)
}

// End is Finish when somebody else has written everything, while the wire had nothing
// buffered: it has left bytes now.
func (w *Write) End(now Instant, left int) { w.end(now, 0, left) }

// Abort ends the write, and the connection with it, when nobody can say what became of it.
func (w *Write) Abort() {
	if w.Len() > 0 {
		w.conn.wire.Close()
	}
}

// Lend says of a write that its buffers may still be looked at when it has ended: they are
// not used again.
func (w *Write) Lend() { w.out = &Output{bytes: w.out.bytes, longest: w.out.longest} }

func (w *Write) end(now Instant, before, left int) {
	c, o := w.conn, w.out
	if o == nil {
		return
	}
	switch {
	case w.sess != nil:
		w.sess.flushed(now, before, left, o.longest)
	case w.Len() > 0 && (c.state == connIdle || c.state == connAnswer):
		c.behind(now)
	}
	c.host.free(o)
	if c.state == connClosing {
		c.shut()
	}
}

// shut ends our direction once the last byte is out.
func (c *Conn) shut() {
	switch {
	case c.out != nil || c.wire.Buffered() > 0:
		// The deadline ends it, or a later look finds it written.
	case c.marks&markPeerDone != 0:
		c.wire.Close()
	case c.marks&markShut == 0:
		c.marks |= markShut
		c.wire.Shutdown()
	}
}
