// Package reactor is the client side of many TCP connections on few goroutines:
// the engine of the load generator, made to cost less than the server it loads.
//
// # Threads
//
// A [Reactor] has a few [Loop]s, one goroutine each. A connection belongs to one
// loop for life; its [Handler] is called on that loop's goroutine only, and all
// methods of [Conn] and [Loop] are for that goroutine, unless their comment says
// otherwise. From outside there is one door, [Loop.Post].
//
// # Systems
//
// Linux polls with epoll, macOS and the BSDs with kqueue: no goroutine per
// connection, one read buffer per loop, non-blocking connects. Elsewhere
// (Windows), and everywhere under the build tag reactor_portable, connections
// are net.Conn with two goroutines each behind the same interface: a place to
// develop, not to measure.
package reactor

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Bounds and defaults of [Config].
const (
	DefaultDials       = 128
	DefaultDialTimeout = 10 * time.Second
	DefaultReadBuffer  = 256 << 10
	DefaultSourceShare = 25_000
)

// Errors that [Handler.Closed] reports besides io.EOF and those of the system.
var (
	// ErrDialTimeout: the connection was not there within [Config.DialTimeout].
	ErrDialTimeout = errors.New("connect timeout")

	// ErrSourcePorts: no source address has a free port towards the target.
	ErrSourcePorts = errors.New("no free source port: every source address is used up")

	// ErrDescriptors: the process may open no more descriptors (RLIMIT_NOFILE).
	ErrDescriptors = errors.New("too few descriptors")
)

// Config says how a [Reactor] is made. The zero value is usable.
type Config struct {
	// Loops is the number of loops, each with a goroutine of its own. Default 1:
	// a second loop takes a core from a server on the same machine.
	Loops int

	// Dials bounds the connects in flight, over all loops together; more wait in
	// a queue. Default [DefaultDials].
	Dials int

	// DialTimeout bounds one connect, from its start and not from its time in
	// the queue. Default [DefaultDialTimeout].
	DialTimeout time.Duration

	// ReadBuffer is the size in bytes of a loop's one read buffer, and so the
	// most that a single read of one connection delivers. Default
	// [DefaultReadBuffer].
	ReadBuffer int

	// Sources are local addresses to connect from. A loop takes the next after
	// SourceShare dials, and when the current one has no free port left. Empty
	// lets the system choose. See [LoopbackSources].
	Sources []netip.Addr

	// SourceShare is the number of dials, over all loops together, that use one
	// source address before the next has its turn. Default [DefaultSourceShare],
	// which fits into the usual range of 28,232 ephemeral ports.
	SourceShare int
}

// A Handler is told what happens to one connection. All calls come from the
// goroutine of the connection's loop.
type Handler interface {
	// Opened: the connection is there and may be written to.
	Opened(c *Conn)

	// Data: bytes have come. b is a view of the loop's read buffer, valid until
	// Data returns; it may be changed.
	Data(c *Conn, b []byte)

	// Closed: the connection ended other than by [Conn.Close], or never came to
	// be; called once, and nothing after it. err is io.EOF when the peer ended
	// its side, one of this package's errors, or the system's.
	Closed(c *Conn, err error)
}

// A Reactor is a set of running loops. Make it with [New], end it with Close.
type Reactor struct {
	config Config
	start  time.Time
	loops  []*Loop
	done   sync.WaitGroup
}

// New starts a reactor. The error is the system's, for want of descriptors.
func New(config Config) (*Reactor, error) {
	if config.Loops <= 0 {
		config.Loops = 1
	}
	if config.Dials <= 0 {
		config.Dials = DefaultDials
	}
	if config.DialTimeout <= 0 {
		config.DialTimeout = DefaultDialTimeout
	}
	if config.ReadBuffer <= 0 {
		config.ReadBuffer = DefaultReadBuffer
	}
	if config.SourceShare <= 0 {
		config.SourceShare = DefaultSourceShare
	}
	r := &Reactor{config: config, start: time.Now()}
	for i := range config.Loops {
		l, err := newLoop(r, i)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.loops = append(r.loops, l)
		r.done.Go(l.run)
	}
	return r, nil
}

// Loops returns the reactor's loops. Any goroutine; not to be changed.
func (r *Reactor) Loops() []*Loop { return r.loops }

// Close closes all connections without a word to their handlers, ends the loops
// and waits for them. Any goroutine but a loop's; a second call does nothing.
func (r *Reactor) Close() {
	for _, l := range r.loops {
		l.Post(func() { l.stopping = true })
	}
	r.done.Wait()
}

// LoopbackSources returns source addresses for n connections to the IPv4
// loopback target: 127.0.0.1, 127.0.0.2 and so on, one for each
// [DefaultSourceShare]. It returns nil, the system's choice, when one address
// is enough, when target is not in 127.0.0.0/8, and on systems where only
// 127.0.0.1 is configured (all but Linux).
func LoopbackSources(target netip.Addr, n int) []netip.Addr {
	if !loopbackIsWide || n <= DefaultSourceShare || !target.Is4() || !target.IsLoopback() {
		return nil
	}
	sources := make([]netip.Addr, min(250, (n+DefaultSourceShare-1)/DefaultSourceShare))
	for i := range sources {
		sources[i] = netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)})
	}
	return sources
}

// LoopbackShare returns the source addresses for part i of the n parts of total
// connections to target, made by processes that know nothing of each other: each
// has addresses of its own. nil, the system's choice, where [LoopbackSources]
// gives that for any number.
func LoopbackShare(target netip.Addr, total, i, n int) []netip.Addr {
	if !loopbackIsWide || !target.Is4() || !target.IsLoopback() {
		return nil
	}
	each := max(1, (total/n+DefaultSourceShare)/DefaultSourceShare)
	sources := make([]netip.Addr, each)
	for k := range sources {
		at := i*each + k
		sources[k] = netip.AddrFrom4([4]byte{127, 0, byte(at / 250), byte(1 + at%250)})
	}
	return sources
}
