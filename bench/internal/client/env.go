package client

import (
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/msgpack"
)

// An Env is what the sessions of one loop share: buffers, deadlines, counts.
// Loop only.
type Env struct {
	Config *Config
	Loop   *reactor.Loop

	// Heartbeats counts the pings answered, or with protocol 3 the pongs that came.
	Heartbeats uint64

	// Upgraded is the time of upgrades, from CONNECT over polling until the
	// WebSocket carries the session.
	Upgraded hist.Histogram

	corked *Session // its writes are collected in out
	out    []byte
	spare  [][]byte // carry buffers not in use
	mask   uint32

	deadlines []deadline // in their order, all of one length
	first     int        // of deadlines
	sweep     *reactor.Timer
	live      []*Session // ready ones, watched for silence
	watch     *reactor.Timer

	greeting greeting // the last that was read
	pings    pings    // of protocol 3
	text     []byte   // a packet in JSON that came as MessagePack
	plain    []byte   // a message that came compressed
	bytes    []byte   // a packet on its way out, in another form
	frame    []byte   // a frame compressed, not masked
	pack     msgpack.Encoder
	parse    msgpack.Decoder
}

// deadline is when a session has to have done its handshake or goodbye.
type deadline struct {
	s  *Session
	at time.Duration
}

// watchStep is how often ready sessions are checked for silence.
const watchStep = 5 * time.Second

// NewEnv makes the Env of one loop. It may be called from any goroutine before
// the loop first uses it.
func NewEnv(config *Config, loop *reactor.Loop) *Env {
	e := &Env{Config: config, Loop: loop, mask: 0x9e3779b9}
	e.sweep = loop.NewTimer(e.expire)
	e.watch = loop.NewTimer(e.listen)
	e.pings.timer = loop.NewTimer(e.ping)
	return e
}

// within gives s until [Config.Timeout] from now.
func (e *Env) within(s *Session) {
	s.deadline = e.Loop.Now() + e.Config.Timeout
	if e.first == len(e.deadlines) {
		e.deadlines, e.first = e.deadlines[:0], 0
		e.sweep.Arm(s.deadline)
	} else if e.first > 1024 && e.first*2 > len(e.deadlines) {
		n := copy(e.deadlines, e.deadlines[e.first:])
		clear(e.deadlines[n:])
		e.deadlines, e.first = e.deadlines[:n], 0
	}
	e.deadlines = append(e.deadlines, deadline{s, s.deadline})
}

// expire ends the sessions whose time is over, and forgets those that made it.
func (e *Env) expire() {
	for e.first < len(e.deadlines) {
		d := &e.deadlines[e.first]
		if d.s != nil && d.s.deadline == d.at && d.at > e.Loop.Now() {
			e.sweep.Arm(d.at)
			return
		}
		s, at := d.s, d.at
		*d = deadline{}
		e.first++
		if s != nil && s.deadline == at {
			s.late()
		}
	}
}

// listen ends the sessions that have not heard a ping for as long as the server
// said it would take at most.
func (e *Env) listen() {
	now := e.Loop.Now()
	for i := len(e.live) - 1; i >= 0; i-- { // downwards: ending one moves the last into its place
		if s := e.live[i]; s.patience > 0 && !s.paused && now-s.heard > time.Duration(s.patience)*time.Millisecond {
			s.end(&Error{Name: NoHeartbeat, Detail: fmt.Sprintf("no ping for %v", (now - s.heard).Round(time.Millisecond))})
		}
	}
	if len(e.live) > 0 {
		e.watch.Arm(now + watchStep)
	}
}

// cork starts to collect what s writes; uncork writes it. They do not nest for
// one session, and no callback runs between the cork and uncork of another.
func (e *Env) cork(s *Session) (before *Session, at int) {
	before, at = e.corked, len(e.out)
	e.corked = s
	return before, at
}

func (e *Env) uncork(s, before *Session, at int) {
	e.corked = before
	if len(e.out) > at {
		if s.state != ended && s.conn != nil {
			s.conn.Write(e.out[at:])
		}
		e.out = e.out[:at]
		if at == 0 && cap(e.out) > 1<<20 {
			e.out = nil
		}
	}
	if s.poll != nil {
		s.poll.flush()
	}
}

// buffer is an empty buffer for a piece of a message.
func (e *Env) buffer() []byte {
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	return nil
}

// recycle takes a buffer back.
func (e *Env) recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= 256<<10 && len(e.spare) < 64 {
		e.spare = append(e.spare, b[:0])
	}
}

// nextMask is a masking key; that it can be guessed does no harm here.
func (e *Env) nextMask() [4]byte {
	e.mask = e.mask*1664525 + 1013904223
	m := e.mask
	return [4]byte{byte(m), byte(m >> 8), byte(m >> 16), byte(m >> 24)}
}
