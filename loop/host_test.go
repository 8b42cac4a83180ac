package loop

import (
	"bytes"
	"encoding/base64"
	"math/bits"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// TestIDsTellTheirLoop (H04): every id is 20 characters that a URL may hold, and is found
// to be of the loop that made it; ids that nobody made are nobody's, most of the time.
func TestIDsTellTheirLoop(t *testing.T) {
	g := NewGroup(Options{App: newTestApp(t, broadcast.MaxLoops), Config: testConfig(), Loops: broadcast.MaxLoops})
	seen := make(map[string]bool)
	for i := range broadcast.MaxLoops {
		l := g.newLoop(func(*Loop) {})
		for range 400 { // past one filling of the source
			var id [session.IDLen]byte
			l.NewID(&id)
			if strings.Trim(string(id[:]), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Fatalf("id %q", id)
			}
			if home := l.Home(id[:]); home != i {
				t.Fatalf("id %q of loop %d is taken for one of loop %d", id, i, home)
			}
			if seen[string(id[:])] {
				t.Fatalf("id %q was made twice", id)
			}
			seen[string(id[:])] = true
		}
	}
	two := NewGroup(Options{App: newTestApp(t, 2), Config: testConfig(), Loops: 2})
	for _, id := range []string{"", "x", "__proto__", strings.Repeat("A", 19), strings.Repeat("A", 21), strings.Repeat("!", 20), "a\x00bcdefghijklmnopqrs"} {
		if home := two.home([]byte(id)); home != -1 {
			t.Errorf("%q is taken for an id of loop %d", id, home)
		}
	}
}

// TestHomeOfALoopToCome: an id that only a loop could have made that has not begun is
// nobody's. Otherwise its request would wait for that loop.
func TestHomeOfALoopToCome(t *testing.T) {
	const loops = 64
	g := NewGroup(Options{App: newTestApp(t, loops), Config: testConfig(), Loops: loops})
	first := g.newLoop(func(*Loop) {})
	for i := range loops {
		var id [session.IDLen]byte
		newLoop(g, i).NewID(&id)
		want := -1
		if i == first.index {
			want = i
		}
		if home := g.home(id[:]); home != want {
			t.Errorf("an id of loop %d is taken for one of loop %d", i, home)
		}
	}
}

// TestUnknownSessions: an id that nobody made is refused at once, whatever loop it seems
// to name.
func TestUnknownSessions(t *testing.T) {
	const loops = 64
	s := start(t, Options{Loops: loops})
	const unknown = `{"code":1,"message":"Session ID unknown"}`
	c := s.http()
	for i := range loops {
		var id [session.IDLen]byte
		newLoop(s.Group, i).NewID(&id)
		target := polling + "&sid=" + string(id[:])
		if status, body := c.do("GET", target, ""); status != 400 || body != unknown {
			t.Fatalf("GET, loop %d: %d %q", i, status, body)
		}
		if status, body := c.do("POST", target, "40"); status != 400 || body != unknown {
			t.Fatalf("POST, loop %d: %d %q", i, status, body)
		}
	}
}

// TestRunOnAStoppedLoop: what one loop asks of another that has stopped is answered as if
// the session were gone, and what comes back to a stopped loop is dropped.
func TestRunOnAStoppedLoop(t *testing.T) {
	g := NewGroup(Options{App: newTestApp(t, 2), Config: testConfig(), Loops: 2})
	wakes := 0
	a := g.newLoop(func(l *Loop) { l.wake = func() { wakes++ } })
	b := g.newLoop(func(l *Loop) { l.wake = func() { wakes++ } })
	b.mailbox.close()
	var on []session.Host
	note := func(h session.Host, _ session.Instant) { on = append(on, h) }
	a.Run(1, note)
	a.turn()
	if len(on) != 1 || on[0] != session.Host(a) || wakes != 1 {
		t.Errorf("run on %v, %d wakes", on, wakes)
	}
	b.Run(1, note)
	a.mailbox.close()
	a.Run(1, note)
	a.turn()
	b.turn()
	if len(on) != 1 {
		t.Errorf("run %d times", len(on))
	}
}

// TestIDsVary (F20): over 400 ids of one loop no bit, no character and no pair of
// neighbours tells anything.
func TestIDsVary(t *testing.T) {
	g := NewGroup(Options{App: newTestApp(t, 2), Config: testConfig(), Loops: 2})
	l := newLoop(g, 1)
	var zeros, ones [idBytes]byte // bits that were 0 in all, or 1 in all
	for i := range ones {
		zeros[i], ones[i] = 0xff, 0xff
	}
	var before [idBytes]byte
	var distance int
	var apart [idBytes]byte // bits that have differed from those of the first byte
	var alike [idBytes]byte // and those that have not
	for n := range 400 {
		var id [session.IDLen]byte
		l.NewID(&id)
		var b [idBytes]byte
		if _, err := base64.URLEncoding.Decode(b[:], id[:]); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			zeros[i] &^= b[i]
			ones[i] &= b[i]
			apart[i] |= b[i] ^ b[0]
			alike[i] |= ^(b[i] ^ b[0])
			if n > 0 {
				distance += bits.OnesCount8(b[i] ^ before[i])
			}
		}
		before = b
	}
	vary := 8 * idBytes
	for i := range ones {
		vary -= bits.OnesCount8(zeros[i]) + bits.OnesCount8(ones[i])
	}
	if vary < 120 {
		t.Errorf("%d bits vary", vary)
	}
	for i := 1; i < idBytes; i++ {
		if apart[i] != 0xff || alike[i] != 0xff {
			t.Errorf("byte %d tells bits of the first: %08b %08b", i, apart[i], alike[i])
		}
	}
	if mean := float64(distance) / 399; mean < 56 || mean > 64 {
		t.Errorf("neighbours differ in %.1f of 120 bits on average", mean)
	}
}

// TestClaims (H39): ids of the application's are of the loop that claimed them, also
// when they look like ours.
func TestClaims(t *testing.T) {
	g := NewGroup(Options{App: newTestApp(t, 2), Config: testConfig(), Loops: 2})
	a, b := g.newLoop(func(*Loop) {}), g.newLoop(func(*Loop) {})
	var ours [session.IDLen]byte
	a.NewID(&ours)
	for _, id := range []string{"mine", string(ours[:]), strings.Repeat("x", 20)} {
		if !b.Claim(id) || a.Claim(id) || b.Claim(id) {
			t.Errorf("%q is not claimed once", id)
		}
		if home := a.Home([]byte(id)); home != 1 {
			t.Errorf("%q is of loop %d", id, home)
		}
	}
	b.Unclaim("mine")
	if home := a.Home([]byte("mine")); home != -1 || !a.Claim("mine") {
		t.Errorf("an id that was given back is of loop %d", home)
	}
}

// TestBuffers: a buffer has the room that was asked for, comes back from the pool, and
// the pool has bounds.
func TestBuffers(t *testing.T) {
	l := newHandLoop(t).Loop
	for _, n := range []int{0, 1, 511, 512, 513, 1024, 1025, 65_536, 1 << 20, 1<<20 + 1, 5 << 20} {
		b := l.Buffer(n)
		if len(b) != 0 || cap(b) < n || n <= 1<<20 && cap(b) > max(2*n, 512) {
			t.Errorf("Buffer(%d) has %d of %d bytes", n, len(b), cap(b))
		}
		l.Release(append(b, 'x'))
		again := l.Buffer(n)
		if len(again) != 0 {
			t.Errorf("Buffer(%d) comes back with %d bytes in it", n, len(again))
		}
		if n <= 1<<20 && &again[:1][0] != &b[:1][0] {
			t.Errorf("Buffer(%d) is not the one that was given back", n)
		}
	}
	for _, odd := range []int{0, 100, 511, 513, 1000, 3 << 20} {
		l.Release(make([]byte, 0, odd))
	}
	for range 1000 {
		for class := range bufferClasses {
			l.Release(make([]byte, 0, 1<<(class+smallestBuffer)))
		}
	}
	total := 0
	for class, list := range l.buffers.free {
		for _, b := range list {
			if cap(b) != 1<<(class+smallestBuffer) {
				t.Errorf("a buffer of %d bytes in class %d", cap(b), class)
			}
			total += cap(b)
		}
	}
	if total > 16<<20 {
		t.Errorf("the pool keeps %d bytes", total)
	}
}

func TestRandom(t *testing.T) {
	l := newHandLoop(t).Loop
	if l.Random(0) != 0 || l.Random(-5) != 0 {
		t.Error("out of nothing comes something")
	}
	var parts [10]int
	for range 10_000 {
		n := l.Random(1000)
		if n < 0 || n >= 1000 {
			t.Fatalf("Random(1000) = %d", n)
		}
		parts[n/100]++
	}
	for i, n := range parts {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 10,000 in part %d", n, i)
		}
	}
}

// TestDate: the Date field is made anew with each second, not with each response.
func TestDate(t *testing.T) {
	h := newHandLoop(t)
	h.turn()
	first := string(h.Date())
	if first != "Date: Thu, 01 Jan 1970 01:00:00 GMT\r\n" {
		t.Errorf("%q", first)
	}
	h.clock.advance(900 * time.Millisecond)
	h.turn()
	same := h.Date()
	if string(same) != first {
		t.Errorf("%q within the same second", same)
	}
	h.clock.advance(100 * time.Millisecond)
	h.turn()
	if got := string(h.Date()); got != "Date: Thu, 01 Jan 1970 01:00:01 GMT\r\n" {
		t.Errorf("%q a second later", got)
	}
	if n := testing.AllocsPerRun(100, func() { h.Date() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestNewIDDoesNotAllocate: an id is made where it will stay.
func TestNewIDDoesNotAllocate(t *testing.T) {
	l := newHandLoop(t).Loop
	id := new([session.IDLen]byte)
	if n := testing.AllocsPerRun(1000, func() { l.NewID(id) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	// What was given out does not stay in the source.
	raw, _ := base64.URLEncoding.DecodeString(string(id[:]))
	if bytes.Contains(l.ids.pool[:], raw[1:]) {
		t.Error("the source still has the bytes of an id")
	}
}

func TestOnLoop(t *testing.T) {
	s := start(t, Options{Loops: 1})
	s.connect()
	if s.OnLoop() {
		t.Error("the test is on a loop")
	}
	do(t, s.Loop(0), func() {
		if !s.OnLoop() {
			t.Error("the loop is not")
		}
	})
}

func BenchmarkNewID(b *testing.B) {
	l := newHandLoop(b).Loop
	var id [session.IDLen]byte
	b.ReportAllocs()
	for b.Loop() {
		l.NewID(&id)
	}
}

func BenchmarkHome(b *testing.B) {
	l := newHandLoop(b).Loop
	var id [session.IDLen]byte
	l.NewID(&id)
	b.ReportAllocs()
	for b.Loop() {
		l.Home(id[:])
	}
}
