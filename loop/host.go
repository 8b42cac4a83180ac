package loop

import (
	crand "crypto/rand"
	"encoding/base64"
	"hash/maphash"
	"math/bits"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/session"
)

// This file is the loop as a [session.Host]: the small services.

var _ session.Host = (*Loop)(nil)

// Config implements [session.Host].
func (l *Loop) Config() *session.Config { return &l.config }

// App implements [session.Host].
func (l *Loop) App() session.App { return l.group.app }

// Sessions implements [session.Host].
func (l *Loop) Sessions() *session.Table { return l.table }

// Clock implements [session.Host]. Any goroutine.
func (l *Loop) Clock() session.Instant { return l.group.clock.Now() }

// Wall implements [session.Host].
func (l *Loop) Wall() int64 { return l.group.clock.Wall().UnixMilli() }

// Schedule implements [session.Host].
func (l *Loop) Schedule(t session.Timed, at session.Instant) { l.wheel.schedule(t, at) }

// Forget implements [session.Host].
func (l *Loop) Forget(t session.Timed) { l.wheel.forget(t) }

// Run implements [session.Host]. Any goroutine. What is meant for another loop, which has
// stopped, is run here: f finds none of its sessions, as they have ended, and says so to
// whoever waits. What is meant for l itself is dropped when l has stopped.
func (l *Loop) Run(index int, f func(h session.Host, now session.Instant)) {
	if to := l.group.Loop(index); (to == nil || !to.Do(f)) && to != l {
		l.Do(f)
	}
}

// Home implements [session.Host].
func (l *Loop) Home(sid []byte) int { return l.group.home(sid) }

// Claim implements [session.Host].
func (l *Loop) Claim(sid string) bool {
	l.group.claims.Store(true)
	_, taken := l.group.claimed.LoadOrStore(sid, l.index)
	return !taken
}

// Unclaim implements [session.Host].
func (l *Loop) Unclaim(sid string) { l.group.claimed.Delete(sid) }

// Random implements [session.Host]. It is SplitMix64: good enough to spread timers.
func (l *Loop) Random(n int64) int64 {
	if n <= 0 {
		return 0
	}
	l.random += 0x9E3779B97F4A7C15
	z := l.random
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	hi, _ := bits.Mul64(z^z>>31, uint64(n))
	return int64(hi)
}

// idBytes is the length of an id before it is written in base64: 120 bits of the system's
// source, but for as many of the first byte as the loop's number takes, one for two loops.
// Those are that number under a keyed hash of all others, of which no id tells who does not
// know the key: maphash is no cipher, but all that it could give away is the loop.
const idBytes = 15

// idSource makes ids. Random bytes are fetched a few hundred ids at a time: 67 ns an
// id instead of 205.
type idSource struct {
	pool [4096]byte
	left int
}

// NewID implements [session.Host].
func (l *Loop) NewID(id *[session.IDLen]byte) {
	s := &l.ids
	if s.left < idBytes {
		_, _ = crand.Read(s.pool[:]) // never fails: it ends the process rather
		s.left = len(s.pool)
	}
	s.left -= idBytes
	b := s.pool[s.left : s.left+idBytes]
	b[0] ^= (b[0] ^ byte(l.index) ^ l.group.veil(b)) & l.group.indexBits()
	base64.URLEncoding.Encode(id[:], b)
	clear(b)
}

// indexBits are those bits of a byte that a loop's number may have.
func (g *Group) indexBits() byte { return byte(1<<bits.Len(uint(len(g.loops)-1)) - 1) }

// veil hides a loop's number in the first byte of an id.
func (g *Group) veil(id []byte) byte { return byte(maphash.Bytes(g.seed, id[1:])) }

// home is the number of the loop that an id was made on, or -1 when none of those that
// have seen a connection can have made it. Any goroutine.
func (g *Group) home(id []byte) int {
	if g.claims.Load() { // first: the application's ids may look like ours
		if i, ok := g.claimed.Load(string(id)); ok {
			return i.(int)
		}
	}
	if len(id) == session.IDLen {
		var b [idBytes]byte
		if _, err := base64.URLEncoding.Decode(b[:], id); err == nil {
			if i := int((b[0] ^ g.veil(b[:])) & g.indexBits()); i < len(g.loops) && g.loops[i].Load() != nil {
				return i
			}
		}
	}
	return -1
}

// dateCache is the Date field, made anew once a second.
type dateCache struct {
	second int64
	field  []byte
}

// Date implements [session.Host].
func (l *Loop) Date() []byte {
	d := &l.date
	if second := int64(l.now) / int64(time.Second); second != d.second || d.field == nil {
		d.second = second
		d.field = http1.AppendDate(d.field[:0], l.group.clock.Wall())
	}
	return d.field
}

// bufferPool keeps buffers by the power of two of their size, from 512 bytes to
// 1 MiB.
type bufferPool struct {
	free [bufferClasses][][]byte
}

const (
	smallestBuffer = 9 // 512 bytes
	bufferClasses  = 12
	maxFree        = 64 // of one class
)

// Buffer implements [session.Host].
func (l *Loop) Buffer(n int) []byte {
	class := max(bits.Len(uint(max(n, 1)-1)), smallestBuffer) - smallestBuffer
	if class >= bufferClasses {
		return make([]byte, 0, n)
	}
	list := &l.buffers.free[class]
	if k := len(*list); k > 0 {
		b := (*list)[k-1]
		(*list)[k-1] = nil
		*list = (*list)[:k-1]
		return b
	}
	return make([]byte, 0, 1<<(class+smallestBuffer))
}

// Release implements [session.Host].
func (l *Loop) Release(b []byte) {
	c := cap(b)
	if c < 1<<smallestBuffer {
		return
	}
	class := bits.Len(uint(c)) - 1 - smallestBuffer
	if class >= bufferClasses || c != 1<<(class+smallestBuffer) {
		return // grown by append to something odd, or too large to keep
	}
	if list := &l.buffers.free[class]; len(*list) < maxFree>>(class/2) {
		*list = append(*list, b[:0])
	}
}
