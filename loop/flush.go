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
	for i := 0; i < len(l.answerable); i++ {
		l.answerable[i].FlushPolling(l.now)
	}
	clear(l.answerable)
	l.answerable = l.answerable[:0]

	for i := 0; i < len(l.doomed); i++ {
		d := l.doomed[i]
		d.s.Close(l.now, d.r, d.err)
	}
	clear(l.doomed)
	l.doomed = l.doomed[:0]

	for i := 0; i < len(l.urgent); i++ {
		l.scratch = l.urgent[i].Flush(l.now, l.scratch)
	}
	clear(l.urgent)
	l.urgent = l.urgent[:0]
	l.flushBulky()
	l.trimScratch()

	for i := 0; i < len(l.dead); i++ {
		l.dead[i].c.buried(l.dead[i].err)
	}
	clear(l.dead)
	l.dead = l.dead[:0]
	return true
}

// flushBulky flushes what has grown too long to wait for the end of the turn. The
// connections stay in the lists that they are in; flushing twice does no harm.
func (l *Loop) flushBulky() {
	for i := 0; i < len(l.bulky); i++ {
		l.scratch = l.bulky[i].Flush(l.now, l.scratch)
	}
	clear(l.bulky)
	l.bulky = l.bulky[:0]
}

// flushFanned writes to connections that broadcasts have queued for, as many as this
// turn still may. What is left is for another turn. It reports whether it wrote.
func (l *Loop) flushFanned() bool {
	list := l.fanned[l.fannedAt:]
	n := min(len(list), l.budget)
	for i, c := range list[:n] {
		l.scratch = c.FlushFanned(l.now, l.scratch)
		list[i] = nil
	}
	l.trimScratch()
	l.budget -= n
	l.fannedAt += n
	if l.fannedAt == len(l.fanned) {
		l.fanned, l.fannedAt = l.fanned[:0], 0
	} else {
		l.again()
	}
	return n > 0
}

func (l *Loop) trimScratch() {
	if cap(l.scratch) > 1<<20 {
		l.scratch = nil
	}
}
