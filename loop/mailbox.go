package loop

import (
	"sync"
	"sync/atomic"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// A mailbox is the only way into a loop. It is a queue of our own because gnet's
// is not first in, first out beyond 1,024 tasks and costs three objects for each.
//
// It is double-buffered: posters append to one pair of slices while the loop works
// on the other, so that a post costs a lock, two appends and nothing else.
type mailbox struct {
	// Any goroutine.
	mu     sync.Mutex
	mails  []mail
	arena  []byte // bytes of the mails
	closed bool

	count atomic.Int32 // len(mails), to look without the lock
	// awake: the loop is in a turn, and will look at the mailbox before that ends.
	// waking: it has been told to begin one.
	//
	// A poster puts its mail in and then looks at awake; the loop clears awake and then
	// looks at count. Whichever comes second sees the other, so no mail is left lying:
	//
	//	loop                        poster
	//	mailbox is empty
	//	                            puts mail in, count = 1
	//	awake = false               sees awake == true, does not wake
	//	sees count == 1, goes on
	awake, waking atomic.Bool

	// Owned by the loop: what it works on.
	work      []mail
	workArena []byte
	at        int // work[:at] is done, or being done
}

// A mail is one thing to do. Its fields are used as op says.
type mail struct {
	op       op
	flags    broadcast.Flags
	compress bool
	from, to uint32 // in the arena
	socket   *session.Socket
	message  *broadcast.Message
	shard    *broadcast.Shard
	sel      *broadcast.Selection
	room     *broadcast.Room
	run      func(h session.Host, now session.Instant)
}

type op uint8

const (
	opSend      op = iota + 1 // socket, from, to, flags, compress
	opMessage                 // socket, message, flags
	opBroadcast               // shard, sel, message, flags
	opJoin                    // socket, room
	opRun                     // run
)

// maxArena is what a mailbox keeps of a burst's memory, in bytes.
const maxArena = 1 << 20

// post puts m in, with data if it has some, which is copied. It reports whether the
// loop must be woken by the caller; ok is false when the loop has stopped, and then
// nothing of m was kept.
func (b *mailbox) post(m *mail, data []byte) (wake, ok bool) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false, false
	}
	if data != nil {
		m.from = uint32(len(b.arena))
		b.arena = append(b.arena, data...)
		m.to = uint32(len(b.arena))
	}
	b.mails = append(b.mails, *m)
	b.count.Store(int32(len(b.mails)))
	b.mu.Unlock()
	return !b.awake.Load() && b.waking.CompareAndSwap(false, true), true
}

// take moves what is in the mailbox to work, unless some is left there. It reports
// whether there is something to work on.
func (b *mailbox) take() bool {
	if b.at < len(b.work) {
		return true
	}
	if b.count.Load() == 0 {
		return false
	}
	b.mu.Lock()
	b.mails, b.work = b.work[:0], b.mails
	b.arena, b.workArena = b.workArena[:0], b.arena
	b.count.Store(0)
	b.mu.Unlock()
	b.at = 0
	return true
}

// empty reports whether there is no mail, neither new nor behind the one that is being
// done. Loop only.
func (b *mailbox) empty() bool { return b.at >= len(b.work) && b.count.Load() == 0 }

// done lets go of what work referred to.
func (b *mailbox) done() {
	clear(b.work)
	b.work, b.at = b.work[:0], 0
	if cap(b.work) > 1<<14 {
		b.work = nil
	}
	if cap(b.workArena) > maxArena {
		b.workArena = nil
	}
}

// close refuses further posts.
func (b *mailbox) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}
