package session

import (
	"math"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
)

var (
	pingPacket = []byte{byte(engineio.Ping)}
	pongPacket = []byte{byte(engineio.Pong)}
	noopPacket = []byte{byte(engineio.Noop)}
)

// firstPing sets when the first ping is due. It is spread over the last three
// quarters of the interval, so that a thousand clients that came at once are not
// pinged at once for ever after.
func (s *Session) firstPing(now Instant) {
	interval := s.host.Config().PingInterval
	s.due = now.After(interval) - Instant(s.host.Random(int64(interval)*3/4))
}

// beat is the heartbeat: a ping when the interval is over, the end of the session
// when its pong has not come in time. Other traffic puts that off once: see hear.
//
// Source: Engine.IO protocol 4, "Heartbeat".
func (s *Session) beat(now Instant) {
	if s.marks&markAwaitsPong != 0 {
		if s.stalls > 0 || s.reading() {
			s.excuse(now)
			return
		}
		s.Close(now, PingTimeout, nil)
		return
	}
	s.marks |= markAwaitsPong
	s.heard = 0
	if s.host.Config().Confirm {
		s.extend().pinged = now
	}
	s.due = now.After(s.patience())
	s.packet(pingPacket, true)
}

// hear is told of the first packet behind a ping. If that is not the pong, the time for the pong
// begins anew: it may stand behind much that the client had to send before.
//
// Source: the reference server.
func (s *Session) hear(now Instant, t engineio.Type) {
	if t == engineio.Pong || s.revision == 3 {
		return
	}
	timeout := s.host.Config().PingTimeout
	s.heard = 1
	if s.marks&markExcused == 0 {
		s.heard = microseconds(now - (s.due - Instant(timeout)))
	}
	s.due = max(s.due, now.After(timeout))
}

// microseconds is d as counters of a session hold it; at least 1.
func microseconds(d Instant) uint32 {
	return uint32(min(max(time.Duration(d)/time.Microsecond, 1), math.MaxUint32))
}

// reading reports whether the client, which we do not read because so much waits for it,
// has taken some of that since the last write: its pong may have come and lie unread.
func (s *Session) reading() bool {
	if s.ws == nil || s.ws.marks&markPaused == 0 {
		return false
	}
	left := saturated(s.ws.wire.Buffered())
	return left < s.backlog.Swap(left)
}

// excuse gives a client whose pong may lie behind what we do not read, or have not read
// for a while, the time to answer anew: that handlers are slow is not its fault.
func (s *Session) excuse(now Instant) {
	if s.marks&markAwaitsPong != 0 {
		s.marks |= markExcused
		s.due = max(s.due, now.After(s.patience()))
	}
}

// patience is how long nothing need come from a client that is alive and was asked.
func (s *Session) patience() time.Duration {
	cfg := s.host.Config()
	if s.revision == 3 { // it is never asked, and speaks every interval
		return cfg.PingInterval + cfg.PingTimeout
	}
	return cfg.PingTimeout
}

// awaitPing begins the heartbeat of revision 3, in which the client pings.
func (s *Session) awaitPing(now Instant) {
	s.marks |= markAwaitsPong // for good
	s.due = now.After(s.patience())
}

// ping is a client's, of revision 3. What it says beside is not echoed.
//
// Source: Engine.IO protocol 3, "Packet", and the reference server.
func (s *Session) ping(now Instant) {
	s.marks &^= markExcused
	s.due = now.After(s.patience())
	s.packet(pongPacket, true)
	if h := s.host.Config().Hooks; h != nil && h.Heartbeat != nil {
		h.Heartbeat(s)
	}
}

// pong is the answer to a ping. One that was not asked for changes nothing.
func (s *Session) pong(now Instant) {
	if s.marks&markAwaitsPong == 0 {
		return
	}
	cfg := s.host.Config()
	if s.marks&markExcused == 0 { // otherwise due no longer tells when the ping was sent
		sent := s.due - Instant(cfg.PingTimeout) - Instant(time.Duration(s.heard)*time.Microsecond)
		s.rtt.Store(microseconds(s.host.Clock() - sent))
	}
	s.marks &^= markAwaitsPong | markExcused
	if cfg.Confirm && s.more != nil {
		s.more.confirmed = s.more.pinged
	}
	s.due = now.After(cfg.PingInterval)
	s.schedule()
	if h := cfg.Hooks; h != nil && h.Heartbeat != nil {
		h.Heartbeat(s)
	}
}
