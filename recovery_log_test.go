package sio

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// logModel is a recoveryLog beside a list of all events that there ever were.
type logModel struct {
	t       testing.TB
	rnd     *rand.Rand
	log     recoveryLog
	now     session.Instant
	events  []*logged          // event number i+1
	dropped []bool             // from the log
	lives   []*life            //
	rooms   []map[string][]int // of lives: for each room, numbers at which the life came and went
	waiting []*logged
}

const modelKeep = 100

func newLogModel(t testing.TB, rnd *rand.Rand) *logModel {
	m := &logModel{t: t, rnd: rnd, now: 1000}
	m.log.keep, m.log.maxBytes = modelKeep, 4000+rnd.IntN(20_000)
	m.log.reset()
	return m
}

func (m *logModel) room() string { return string(rune('a' + m.rnd.IntN(5))) }

func (m *logModel) names() (list []string) {
	for range m.rnd.IntN(3) {
		list = append(list, m.room())
	}
	if m.rnd.IntN(4) == 0 && len(m.lives) > 0 {
		list = append(list, m.lives[m.rnd.IntN(len(m.lives))].id)
	}
	return list
}

func (m *logModel) send() {
	e := &logged{rooms: m.names(), except: m.names()}
	e.message = broadcast.NewMessage(make([]byte, broadcast.HeaderSpace+m.rnd.IntN(100)), nil, true)
	e.at.Store(int64(m.now))
	if m.rnd.IntN(2) == 0 {
		e.pending.Add(1)
		m.waiting = append(m.waiting, e)
	}
	m.log.add(e)
	m.events = append(m.events, e)
	m.dropped = append(m.dropped, false)
	m.trim()
}

func (m *logModel) deliver() {
	for _, e := range m.waiting {
		e.delivered(m.now)
	}
	m.waiting = nil
}

func (m *logModel) trim() {
	first := m.log.first
	m.log.trim(m.now)
	for n := first; n < m.log.first; n++ {
		e := m.events[n-1]
		if e.pending.Load() > 0 {
			m.t.Fatal("an event was forgotten that was not delivered")
		}
		m.dropped[n-1] = true
	}
	bytes := 0
	for i, e := range m.events {
		if !m.dropped[i] {
			bytes += e.size()
		}
	}
	front := m.log.head < len(m.log.list) && m.log.list[m.log.head].pending.Load() > 0
	if bytes != m.log.bytes || bytes > m.log.maxBytes && !front {
		m.t.Fatalf("%d bytes, counted %d, of %d", bytes, m.log.bytes, m.log.maxBytes)
	}
}

func (m *logModel) born() {
	l := &life{id: fmt.Sprint("life", len(m.lives)), born: m.log.next(), start: m.log.next()}
	m.lives = append(m.lives, l)
	m.rooms = append(m.rooms, make(map[string][]int))
}

// move has a life join or leave a room.
func (m *logModel) move() {
	i, room := m.rnd.IntN(len(m.lives)), m.room()
	l, next := m.lives[i], m.log.next()
	if len(m.rooms[i][room])%2 == 0 {
		l.enter(room, next)
	} else {
		l.leave(room, next, m.log.first)
	}
	m.rooms[i][room] = append(m.rooms[i][room], int(next))
}

// in reports whether life i was in the room when the event was sent.
func (m *logModel) in(i int, room string, number int) bool {
	if room == m.lives[i].id {
		return number >= int(m.lives[i].born)
	}
	in := false
	for _, at := range m.rooms[i][room] {
		if at <= number {
			in = !in
		}
	}
	return in
}

func (m *logModel) meant(i, number int) bool {
	e := m.events[number-1]
	in := func(room string) bool { return m.in(i, room, number) }
	return number >= int(m.lives[i].born) && (e.rooms == nil || slices.ContainsFunc(e.rooms, in)) && !slices.ContainsFunc(e.except, in)
}

// ask has a client come back that has got everything up to some event, and all that is
// certain, and checks what it is told.
func (m *logModel) ask() {
	i := m.rnd.IntN(len(m.lives))
	l := m.lives[i]
	if m.rnd.IntN(2) == 0 {
		l.certain = max(l.certain, m.now-session.Instant(m.rnd.IntN(modelKeep)))
	}
	has := int(l.born) - 1 + m.rnd.IntN(len(m.events)-int(l.born)+2)
	for n := has + 1; n <= len(m.events); n++ {
		if e := m.events[n-1]; m.meant(i, n) && e.pending.Load() == 0 && session.Instant(e.at.Load()) < l.certain {
			has = n
		}
	}
	// What it says is the last that was meant for it.
	for has >= int(l.born) && !m.meant(i, has) {
		has--
	}
	var want []*logged
	for n := has + 1; n <= len(m.events); n++ {
		if m.meant(i, n) {
			want = append(want, m.events[n-1])
		}
	}
	got, ok := m.log.missed(l, int64(has)+1, 1<<30)
	if ok {
		if !slices.Equal(got, want) {
			m.t.Fatalf("life %d, which has %d: %d events, want %d", i, has, len(got), len(want))
		}
		return
	}
	for n, dropped := range m.dropped {
		if dropped && session.Instant(m.events[n].at.Load()) >= l.certain {
			return // a reason to refuse
		}
	}
	m.t.Fatalf("life %d, which has %d, certain %d: refused, and nothing is missing", i, has, l.certain)
}

// TestRecoveryLogModel (V04, V06, V07): whatever is sent, joined, left, delivered and
// forgotten, a client is sent exactly what it has not got, or refused.
func TestRecoveryLogModel(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 50
	}
	for seed := range uint64(seeds) {
		m := newLogModel(t, rand.New(rand.NewPCG(seed, 1)))
		m.born()
		for range 400 {
			switch m.rnd.IntN(10) {
			case 0:
				m.born()
			case 1:
				m.deliver()
			case 2:
				m.now += session.Instant(m.rnd.IntN(modelKeep / 3))
				m.trim()
			case 3, 4:
				m.move()
			case 5:
				if len(m.events) > 0 {
					m.ask()
				}
			default:
				m.send()
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		m.deliver()
		m.now += 10 * modelKeep
		m.trim()
		if l := &m.log; l.bytes != 0 || len(l.lanes) != 0 || len(l.ghosts) != 0 || !l.everyone.empty() || l.due() != 0 || l.head != len(l.list) {
			t.Fatalf("seed %d: %d bytes, %d rooms, %d ghosts are left", seed, l.bytes, len(l.lanes), len(l.ghosts))
		}
	}
}

// TestRecoveryLogGhosts (V06): what a log that has run over must know of silent rooms is
// bounded, too, and is let go.
func TestRecoveryLogGhosts(t *testing.T) {
	for _, tc := range []struct {
		name string
		room func(i int) string
		most int // rooms that are known of at once
	}{
		{"rooms that speak now and then", func(i int) string { return fmt.Sprint("room ", i%20) }, 20},
		{"a room that speaks always, and others that do once", func(i int) string {
			if i%5 == 0 {
				return "lobby"
			}
			return fmt.Sprint("room ", i)
		}, 6 + 32},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var l recoveryLog
			l.keep, l.maxBytes = session.Instant(time.Minute), 32*perGhost // for 6 events
			l.reset()
			now := session.Instant(time.Hour)
			for i := range 20_000 {
				now = now.After(time.Second / 100)
				e := &logged{message: broadcast.NewMessage(make([]byte, broadcast.HeaderSpace+5000), nil, true), rooms: []string{tc.room(i)}}
				e.at.Store(int64(now))
				l.add(e)
				l.trim(now)
				if len(l.ghosts) > tc.most || len(l.lanes) > tc.most {
					t.Fatalf("event %d: %d ghosts of %d rooms", i, len(l.ghosts), len(l.lanes))
				}
			}
			l.trim(now + 3*l.keep)
			if len(l.ghosts)+len(l.lanes) > 0 || l.due() != 0 {
				t.Errorf("%d ghosts of %d rooms are left", len(l.ghosts), len(l.lanes))
			}
		})
	}
}

// TestRecoveryOffsets (V03): an offset is read as it was written, and only by its own log.
func TestRecoveryOffsets(t *testing.T) {
	var a, b recoveryLog
	a.reset()
	b.reset()
	a.first, b.first = 1<<55, 1<<55
	for _, n := range []int64{0, 1, 255, 256, 1 << 40, 1<<55 - 1} {
		var s [offsetLen]byte
		a.putOffset(s[:], n)
		if got, ok := a.parseOffset(string(s[:])); !ok || got != n {
			t.Errorf("%d is read as %d, %v", n, got, ok)
		}
		if _, ok := b.parseOffset(string(s[:])); ok {
			t.Errorf("%q is read by another log", s)
		}
	}
	a.first = 10
	var s [offsetLen]byte
	if a.putOffset(s[:], 10); a.next() != 10 {
		t.Fatal(a.next())
	}
	if _, ok := a.parseOffset(string(s[:])); ok {
		t.Error("an event that is still to come")
	}
}

// TestResumption (V04): what is taken from the payload of a CONNECT; a long one is not made a
// table of.
func TestResumption(t *testing.T) {
	long := `{"a":{"pid":"not this"},"b":["pid",{}],"c":"\\\",\"pid\":\"nor this\"",` + strings.Repeat(`"x":0,`, 100_000) + `"pid":"p","offset":"o"}`
	for _, tc := range []struct{ auth, pid, offset string }{
		{``, "", ""},
		{`{"token":"pid"}`, "", ""},
		{`{"pid":"a","offset":"b"}`, "a", "b"},
		{" { \"offset\" :\t\"\\u0062\" ,\n\"pid\" : \"a\" } ", "a", "b"},
		{`{"pid":"a"}`, "a", ""},
		{`{"pid":"a","offset":null}`, "a", ""},
		{`{"pid":"a","offset":5}`, "", ""},
		{`{"pid":"a","offset":{"offset":"b"}}`, "", ""},
		{`{"pid":5,"offset":"b"}`, "", ""},
		{`{"PID":"a","x":"pid"}`, "", ""},
		{`{"pid":"a","pid":"b"}`, "b", ""},
		{`{"x":{"pid":"a"}}`, "", ""},
		{`["pid"]`, "", ""},
		{`{"pid":"` + strings.Repeat("a", maxQuoted) + `"}`, "", ""},
		{long, "p", "o"},
	} {
		if pid, offset := resumption(tc.auth); pid != tc.pid || offset != tc.offset {
			t.Errorf("%.80q gives %q and %q", tc.auth, pid, offset)
		}
	}
	if n := testing.AllocsPerRun(10, func() { resumption(long) }); n > 20 {
		t.Errorf("a long payload takes %v allocations", n)
	}
}

// FuzzResumption: whatever clients send to join, what is taken from it are two texts, and an
// offset that is read is one that the log can have made.
func FuzzResumption(f *testing.F) {
	for _, s := range []string{
		``, `{}`, `{"pid":"a","offset":"b"}`, `{"pid":"a"}`, `{"pid":1,"offset":"b"}`, `{"pid":"a","offset":null}`,
		`{"pid":"a","pid":"b"}`, `{"p\u0069d":"a"}`, `[1]`, `{"pid":{"pid":"x"},"offset":[]}`,
	} {
		f.Add(s, "AAAAAAAAAAAAAAAA")
	}
	var l recoveryLog
	l.reset()
	l.identity = [identityBytes]byte{}
	l.first = 1000
	f.Fuzz(func(t *testing.T, auth, offset string) {
		pid, at := resumption(auth)
		if len(pid)+len(at) > 4*len(auth) { // invalid UTF-8 grows threefold
			t.Errorf("%q gives %q and %q", auth, pid, at)
		}
		for _, s := range []string{at, offset} {
			n, ok := l.parseOffset(s)
			if !ok {
				continue
			}
			var again [offsetLen]byte
			if l.putOffset(again[:], n); string(again[:]) != s || n < 0 || n >= l.next() {
				t.Errorf("%q is read as %d, which is %q", s, n, again)
			}
		}
	})
}

// TestStaysAreBounded (V07): who goes in and out of rooms without end costs no more than the
// bound, and is refused what is not known any more.
func TestStaysAreBounded(t *testing.T) {
	l := &life{id: "id", born: 1, start: 1}
	for i := range int64(10_000) {
		l.enter(fmt.Sprint("room ", i), 2*i+1)
		l.leave(fmt.Sprint("room ", i), 2*i+2, 1)
	}
	if n := len(l.stays); n > maxStays || l.floor != 2*(10_000-maxStays) {
		t.Errorf("%d stays, from %d on", n, l.floor)
	}
	var log recoveryLog
	log.keep = session.Instant(time.Hour)
	log.reset()
	if _, ok := log.missed(l, l.floor-1, 1000); ok {
		t.Error("what is not known was told")
	}
	if _, ok := log.missed(l, l.floor, 1000); !ok {
		t.Error("what is known was refused")
	}
}
