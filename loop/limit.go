package loop

import (
	"math"
	"sync"
	"sync/atomic"
)

// defaultConnLimit is the limit of connections where the system tells none.
const defaultConnLimit = 10_000

// reserve is how many descriptors are kept free of connections. A loop has its
// poller, its wake-up, a listener, a control pair and a ring to write by, accepts one
// connection more than it may before it turns that away, and duplicates one at a time. The
// rest is for what the application opens, and for connections that move.
func reserve(loops int) int { return 64 + loopReserve*loops }

const (
	loopReserve = 8

	// moveReserve is how much of the reserve is for second descriptors: a connection has
	// two while gnet takes it over.
	moveReserve = 32
)

// process is what the servers of this process share.
var process = places{measure: descriptorLimit}

// places is how many connections the servers of a process may have together, because
// their descriptors are the process's: beyond its limit accept fails, and one failed
// accept ends gnet's engine.
//
// A loop that accepts for itself (TCP on Linux) is never more than one connection ahead
// of the count. Elsewhere, and for all addresses of a server that has a unix socket, gnet
// has an acceptor of its own that takes all who wait before the loops can turn any away:
// there a burst longer than the reserve, at the limit, still finds no descriptor.
type places struct {
	taken atomic.Int64 // connections, and second descriptors of those that move
	limit atomic.Int64 // of taken

	// measure is the process's limit of descriptors and how many it has open; known is
	// false where the system does not tell.
	measure func() (limit, open int, known bool)

	mu     sync.Mutex
	most   int // descriptors that the process may have
	loops  int // of the servers that run
	others int // descriptors that are neither loops' nor connections', the most that a start has found
}

// open is called when a server with so many loops starts; close when it has ended. open
// returns how many connections all servers together may have, which is at least 1, and
// without bound if that is not known.
func (p *places) open(loops int) (limit int64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.taken.Load()
	most, open, known := p.measure()
	taken = min(taken, p.taken.Load()) // connections come and go meanwhile: rather too few
	p.most = most
	p.others = max(p.others, open-int(taken)-loopReserve*p.loops)
	p.loops += loops
	p.bound(known)
	return p.limit.Load(), known
}

func (p *places) close(loops int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loops -= loops
	if p.loops == 0 {
		p.others = 0 // the next start finds out
		return
	}
	p.bound(p.limit.Load() != math.MaxInt64)
}

func (p *places) bound(known bool) {
	if !known {
		p.limit.Store(math.MaxInt64)
		return
	}
	p.limit.Store(int64(max(p.most-p.others-reserve(p.loops), 1)))
}

// second takes a place for the second descriptor of a connection. It reports whether
// there was one; if so it is given back by taken.Add(-1).
func (p *places) second() bool {
	if p.taken.Add(1)-moveReserve <= p.limit.Load() {
		return true
	}
	p.taken.Add(-1)
	return false
}
