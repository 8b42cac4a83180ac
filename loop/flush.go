package loop

import "github.com/e6a90ca8/sio/session"

// Written implements [session.Host].
func (l *Loop) Written(c *session.Conn) { l.urgent = append(l.urgent, c) }

// Fanned implements [session.Host].
func (l *Loop) Fanned(c *session.Conn) { l.fanned = append(l.fanned, c) }

// Bulky implements [session.Host].
func (l *Loop) Bulky(c *session.Conn) {
	if n := len(l.bulky); n > 0 && l.bulky[n-1] == c {
		return
	}
	l.bulky = append(l.bulky, c)
}

// Laden implements [session.Host]. The mail that is left waits for the flush, so that
// broadcasts of long messages, too, write to a chunk of connections in one turn.
func (l *Loop) Laden() { l.laden = true }

// Answerable implements [session.Host].
func (l *Loop) Answerable(s *session.Session) { l.answerable = append(l.answerable, s) }

// Later implements [session.Host].
func (l *Loop) Later(s *session.Session, r session.Reason, err error) {
	l.doomed = append(l.doomed, doom{s, r, err})
}

// flush does one round of what is queued, and reports whether there was anything.
// Every list may grow while it is worked off.
func (l *Loop) flush() bool {
	if len(l.answerable)+len(l.doomed)+len(l.urgent)+len(l.dead)+len(l.bulky) == 0 {
		return false
	}
	drain(&l.answerable, func(s *session.Session) { s.FlushPolling(l.now) })
	drain(&l.doomed, func(d doom) { d.s.Close(l.now, d.r, d.err) })
	l.flushUrgent()
	l.flushBulky()
	drain(&l.dead, func(d closedConn) { d.c.buried(d.err) })
	return true
}

// flushBulky flushes what has grown too long to wait for the end of the turn. The
// connections stay in the lists that they are in; flushing twice does no harm.
func (l *Loop) flushBulky() {
	drain(&l.bulky, func(c *session.Conn) { c.Flush(l.now) })
}

// flushUrgent flushes what this turn has written to directly.
func (l *Loop) flushUrgent() {
	if !l.batches(len(l.urgent)) {
		drain(&l.urgent, func(c *session.Conn) { c.Flush(l.now) })
		return
	}
	for at := 0; at < len(l.urgent); { // it may grow
		n := min(len(l.urgent)-at, maxBatch)
		l.together(l.urgent[at:at+n], false)
		at += n
	}
	clear(l.urgent)
	l.urgent = l.urgent[:0]
}

// flushFanned writes to connections that broadcasts have queued for, as many as this
// turn still may. What is left is for another turn. It reports whether it wrote.
func (l *Loop) flushFanned() bool {
	n := min(len(l.fanned)-l.fannedAt, l.budget)
	if l.batches(n) {
		for left := n; left > 0; {
			k := min(left, maxBatch)
			from := l.fannedAt
			l.fannedAt += k
			l.budget -= k
			left -= k
			l.together(l.fanned[from:l.fannedAt], true)
			clear(l.fanned[from:l.fannedAt]) // which may have moved
		}
	} else {
		for _, c := range l.fanned[l.fannedAt : l.fannedAt+n] {
			l.fanned[l.fannedAt] = nil
			l.fannedAt++
			l.budget--
			c.FlushFanned(l.now)
		}
	}
	if l.fannedAt == len(l.fanned) {
		l.fanned, l.fannedAt, l.laden = l.fanned[:0], 0, false
	} else {
		l.again()
	}
	return n > 0
}
