package reactor

import (
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// A Loop owns a share of the reactor's connections. Its turn is: wait, serve
// what is readable and writable, run posts, run due timers, start dials, bury
// the dead. Each step takes only what was there when it began, so that none of
// them starves the others.
type Loop struct {
	// Fixed when the loop is made; read by any goroutine.
	reactor *Reactor
	index   int

	// Any goroutine, under mu.
	mu    sync.Mutex
	posts []func()
	woken bool // a wake is under way
	over  bool // the loop has ended; posts are dropped

	// Owned by the loop's goroutine.
	poll     poller
	now      time.Duration
	posting  []func() // the posts being run; swapped with posts
	timers   timerHeap
	waiting  dialQueue // wish to be dialled
	dialing  dialQueue // are connecting, in the order of their deadlines
	inFlight int       // live entries of dialing
	dialled  int       // dials started so far
	source   int       // index into Config.Sources
	held     []int     // connections by source
	taken    []int     // the most that held has been
	doomed   []*Conn   // ended by an error inside Write; told at the end of the turn
	open     int       // connections that hold a descriptor
	buf      []byte
	stopping bool
}

// Index is the loop's place in [Reactor.Loops]. Any goroutine.
func (l *Loop) Index() int { return l.index }

// Now is the time since the reactor was made, on the monotonic clock, at which
// the current callback (Data, Opened, Closed, post or timer) began.
func (l *Loop) Now() time.Duration { return l.now }

// Clock reads the same clock afresh. Any goroutine.
func (l *Loop) Clock() time.Duration { return time.Since(l.reactor.start) }

// Open is the number of connections that hold a descriptor, connecting or open.
func (l *Loop) Open() int { return l.open }

// Post runs f on the loop's goroutine, after the posts made before it. Posts
// after the reactor's Close are dropped. Any goroutine.
func (l *Loop) Post(f func()) { l.TryPost(f) }

// TryPost is Post; it says whether f will run. Any goroutine.
func (l *Loop) TryPost(f func()) bool {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return false
	}
	l.posts = append(l.posts, f)
	if !l.woken {
		l.woken = true
		l.poll.wake() // under the lock, so that it never meets a closed descriptor
	}
	l.mu.Unlock()
	return true
}

// Do is Post, and waits until f has run. It returns at once, f not run, when
// the loop has ended. Any goroutine but the loop's own.
func (l *Loop) Do(f func()) {
	done := make(chan struct{})
	if l.TryPost(func() { defer close(done); f() }) {
		<-done
	}
}

// Dial connects to addr, at once or when fewer than [Config.Dials] are in
// flight, and tells h how it went: Opened, or Closed with the reason. No
// callback comes from inside Dial.
func (l *Loop) Dial(addr netip.AddrPort, h Handler) *Conn {
	c := &Conn{loop: l, handler: h, addr: addr}
	l.waiting.push(c)
	return c
}

func (l *Loop) run() {
	runtime.LockOSThread() // so that its processor time can be told: see CPU
	defer runtime.UnlockOSThread()
	for !l.stopping {
		l.poll.wait(l, l.untilNext())
		l.runPosts()
		l.now = l.Clock()
		l.timers.fire(l)
		l.startDials()
		l.expireDials()
		l.bury()
	}
	l.mu.Lock()
	l.over = true
	late := l.posts
	l.posts = nil
	l.mu.Unlock()
	for _, f := range late {
		f() // a Do may wait for it
	}
	l.poll.close(l)
}

// untilNext is how long the loop may sleep: 0 when there is work already, -1
// for ever.
func (l *Loop) untilNext() time.Duration {
	if len(l.doomed) > 0 || !l.waiting.empty() && l.mayDial() {
		return 0
	}
	next := time.Duration(-1)
	if len(l.timers) > 0 {
		next = l.timers[0].at
	}
	if c := l.dialing.head(); c != nil && (next < 0 || c.deadline < next) {
		next = c.deadline
	}
	if next < 0 {
		return -1
	}
	return max(0, next-l.Clock())
}

func (l *Loop) runPosts() {
	l.mu.Lock()
	l.woken = false
	l.posting, l.posts = l.posts, l.posting[:0]
	l.mu.Unlock()
	for i, f := range l.posting {
		l.posting[i] = nil
		l.now = l.Clock()
		f()
	}
}

// mayDial says whether one more connect fits this loop's part of the bound.
func (l *Loop) mayDial() bool {
	share := max(1, l.reactor.config.Dials/l.reactor.config.Loops)
	return l.inFlight < share
}

// startDials starts what waits, as far as the bound on connects in flight
// allows. What a callback queues meanwhile waits for the next turn.
func (l *Loop) startDials() {
	for n := l.waiting.len(); n > 0 && l.mayDial(); n-- {
		c := l.waiting.pop()
		if c.state != queued {
			continue // closed while it waited
		}
		c.deadline = l.Clock() + l.reactor.config.DialTimeout
		if err := l.connect(c); err != nil {
			l.end(c, err)
			continue
		}
		if c.state == connecting {
			l.inFlight++
			l.dialing.push(c)
		}
	}
}

// connect starts c's connect from the next source address, and from the others
// when that one is out of ports.
func (l *Loop) connect(c *Conn) error {
	config := &l.reactor.config
	l.dialled++
	if len(config.Sources) == 0 {
		return l.connectFrom(c, 0, netip.Addr{})
	}
	if share := max(1, config.SourceShare/l.reactor.config.Loops); l.dialled%share == 0 {
		l.source = (l.source + 1) % len(config.Sources)
	}
	for range config.Sources {
		err := l.connectFrom(c, l.source, config.Sources[l.source])
		if err != ErrSourcePorts {
			return err
		}
		l.source = (l.source + 1) % len(config.Sources)
	}
	return ErrSourcePorts
}

// connectFrom starts c's connect from an address with its index.
func (l *Loop) connectFrom(c *Conn, index int, source netip.Addr) error {
	if err := l.poll.connect(l, c, source); err != nil {
		return err
	}
	for len(l.held) <= index {
		l.held, l.taken = append(l.held, 0), append(l.taken, 0)
	}
	c.source = uint16(index)
	l.held[index]++
	l.taken[index] = max(l.taken[index], l.held[index])
	return nil
}

// Taken is how many connections there have been at a time, at the most, from each of
// [Config.Sources], in their order; without those there is one place, for the system's
// choice. Of sources behind the last that was used there is nothing. Valid until the next
// dial.
func (l *Loop) Taken() []int { return l.taken }

func (l *Loop) expireDials() {
	for {
		c := l.dialing.head()
		if c == nil || c.deadline > l.Clock() {
			return
		}
		l.end(c, ErrDialTimeout)
	}
}

// opened moves c from connecting to open and tells its handler.
func (l *Loop) opened(c *Conn) {
	if c.state == connecting && l.inFlight > 0 {
		l.inFlight--
	}
	c.state = open
	l.now = l.Clock()
	c.handler.Opened(c)
}

// deliver hands b to c's handler.
func (l *Loop) deliver(c *Conn, b []byte) {
	l.now = l.Clock()
	c.handler.Data(c, b)
}

// end closes c for err and tells its handler. A second end does nothing.
func (l *Loop) end(c *Conn, err error) {
	if c.state == closed {
		return
	}
	l.drop(c)
	l.now = l.Clock()
	c.handler.Closed(c, err)
}

// drop makes c dead: its descriptor is closed before the next wait, and nothing
// more is told.
func (l *Loop) drop(c *Conn) {
	switch c.state {
	case closed:
		return
	case connecting:
		l.inFlight--
	}
	if c.state != queued {
		l.held[c.source]--
	}
	c.state = closed
	c.out = nil
	l.poll.drop(l, c)
}

// bury tells the ends that came up inside Write, and closes the descriptors of
// this turn's dead. They are closed this late so that an event of this turn
// never meets a descriptor that was given away again.
func (l *Loop) bury() {
	for i := 0; i < len(l.doomed); i++ {
		c := l.doomed[i]
		l.doomed[i] = nil
		l.end(c, c.fate)
	}
	l.doomed = l.doomed[:0]
	l.poll.bury(l)
}
