package loop

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio/session"
)

// TestMailboxOrder: mails of one goroutine come out in its order, with their bytes, each
// once, and no wake is lost: the loop here sleeps whenever it may.
func TestMailboxOrder(t *testing.T) {
	const posters, each = 8, 5000
	wake := make(chan struct{}, 1)
	g := NewGroup(Options{App: newTestApp(t, 1), Config: testConfig(), Loops: 1})
	l := g.newLoop(func(l *Loop) {
		l.wake = func() { wake <- struct{}{} }
		l.yield = func() { l.yielding.Store(false); l.rouse() }
	})
	var next [posters]int
	done := make(chan struct{})
	left := posters * each
	var loop sync.WaitGroup
	loop.Go(func() {
		for left > 0 {
			<-wake
			l.mailbox.waking.Store(false)
			l.turn()
		}
		close(done)
	})
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range each {
				if !l.Do(func(session.Host, session.Instant) {
					if next[p] != i {
						t.Errorf("poster %d: mail %d, want %d", p, i, next[p])
					}
					next[p]++
					left--
				}) {
					t.Error("a mail is refused")
				}
			}
		})
	}
	all.Wait()
	wait(t, done, "the last mail")
	loop.Wait()
}

// TestClear: what is done directly in a mail's place would overtake the mails that were
// taken out together with it, and those posted meanwhile.
func TestClear(t *testing.T) {
	h := newHandLoop(t)
	var got []bool
	note := func(session.Host, session.Instant) { got = append(got, h.Clear()) }
	h.Do(note)
	h.Do(note) // the last of those taken out
	h.run()
	h.Do(func(s session.Host, now session.Instant) {
		h.Do(note)
		note(s, now)
	})
	h.run()
	note(nil, 0)
	if want := []bool{false, true, false, true, true}; !slices.Equal(got, want) {
		t.Errorf("clear %v, want %v", got, want)
	}
}

// TestMailboxBytes: what a mail brings along is copied when it is posted.
func TestMailboxBytes(t *testing.T) {
	var b mailbox
	data := []byte("first")
	b.post(&mail{op: opSend}, data)
	copy(data, "FIRST")
	b.post(&mail{op: opSend}, []byte("second"))
	b.post(&mail{op: opRun}, nil)
	if !b.take() || len(b.work) != 3 {
		t.Fatalf("%d mails", len(b.work))
	}
	var got []string
	for _, m := range b.work {
		got = append(got, string(b.workArena[m.from:m.to]))
	}
	if fmt.Sprint(got) != "[first second ]" {
		t.Errorf("mails bring %q", got)
	}
	b.done()
	if b.take() {
		t.Error("an empty mailbox has mail")
	}
	b.post(&mail{op: opSend}, []byte("third"))
	if !b.take() || string(b.workArena[b.work[0].from:b.work[0].to]) != "third" {
		t.Error("the second round differs")
	}
}

// TestMailboxForgets: the memory of a burst is not kept, nor is what mails refer to.
func TestMailboxForgets(t *testing.T) {
	var b mailbox
	for range 1<<14 + 1 {
		b.post(&mail{op: opRun}, make([]byte, 100))
	}
	b.take()
	b.done()
	if b.work != nil || b.workArena != nil {
		t.Errorf("%d mails and %d bytes are kept", cap(b.work), cap(b.workArena))
	}
	b.post(&mail{op: opRun, run: func(session.Host, session.Instant) {}}, nil)
	b.take()
	b.done()
	if len(b.work) > 0 && b.work[:1][0].run != nil {
		t.Error("a mail that was done is kept")
	}
}

// TestMailboxCloses: behind close nothing is taken, what was taken before is there.
func TestMailboxCloses(t *testing.T) {
	var b mailbox
	var posted, refused atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				if _, ok := b.post(&mail{op: opRun}, []byte("x")); ok {
					posted.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	all.Go(b.close)
	all.Wait()
	b.take()
	if int64(len(b.work)) != posted.Load() {
		t.Errorf("%d mails of %d posted", len(b.work), posted.Load())
	}
	if wake, ok := b.post(&mail{op: opRun}, nil); wake || ok {
		t.Error("a closed mailbox takes mail")
	}
}

// TestOneWakeForABurst: whoever posts to a loop that has been woken does not wake it
// again, and in its own turn it is not woken at all.
func TestOneWakeForABurst(t *testing.T) {
	h := newHandLoop(t)
	n := 0
	for range 100 {
		h.Do(func(session.Host, session.Instant) {
			n++
			h.Do(func(session.Host, session.Instant) { n++ })
		})
	}
	if h.wakes != 1 {
		t.Errorf("%d wakes for a burst", h.wakes)
	}
	if turns := h.run(); turns != 1 || n != 200 {
		t.Errorf("%d turns, %d mails", turns, n)
	}
}

// TestPostingDoesNotAllocate: a packet on its way through the mailbox.
func TestPostingDoesNotAllocate(t *testing.T) {
	h := newHandLoop(t)
	var log []string
	h.join("a", &log)
	h.run()
	var k *session.Socket
	for s := range h.app.sockets {
		k = s
	}
	packet := []byte(`42["x"]`)
	send := func() {
		for range 10 {
			h.Send(k, packet, 0, true)
		}
		h.run()
		log = log[:0]
	}
	send()
	if n := testing.AllocsPerRun(100, send); n != 0 {
		t.Errorf("%v allocations for 10 packets", n)
	}
}

func BenchmarkMailbox(b *testing.B) {
	for _, depth := range []int{1, 16} {
		b.Run(fmt.Sprint("depth ", depth), func(b *testing.B) {
			h := newHandLoop(b)
			b.ReportAllocs()
			f := func(session.Host, session.Instant) {}
			for b.Loop() {
				for range depth {
					h.Do(f)
				}
				h.run()
			}
		})
	}
}
