package benchtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Connection state recovery, as the reference server has it: each event gets as
// last argument the offset to go on from, and a client that comes back with it is
// in its rooms again and gets what it has missed. Only broadcasts can be missed.

// past is what is known of clients that may come back. All under the server's mu.
type past struct {
	offset int              // of the last event
	lives  map[string]*life // of clients that are gone, by their secret
	log    []logged         // the last broadcasts
}

// life is what a client goes on with.
type life struct {
	namespace string
	rooms     map[room]struct{}
}

// logged is one broadcast.
type logged struct {
	offset string
	room   room
	packet []string
}

// stamped is packets with an offset behind the arguments of the event, and that
// offset; packets as they are without recovery. s.mu is held.
func (s *Server) stamped(packets []string) ([]string, string) {
	if s.options.Recovery <= 0 {
		return packets, ""
	}
	s.past.offset++
	offset := fmt.Sprintf("o%d", s.past.offset)
	head := strings.TrimSuffix(packets[0], "]") + `,"` + offset + `"]`
	return append([]string{head}, packets[1:]...), offset
}

// remember keeps a broadcast. s.mu is held.
func (s *Server) remember(offset string, r room, packets []string) {
	if s.options.Recovery <= 0 {
		return
	}
	s.past.log = append(s.past.log, logged{offset, r, packets})
	if n := len(s.past.log) - s.options.Recovery; n > 0 {
		s.past.log = s.past.log[n:]
	}
}

// part keeps what c goes on with. s.mu is held, and c is in its rooms yet.
func (s *Server) part(c *session) {
	for namespace, pid := range c.pids {
		l := &life{namespace: namespace, rooms: map[room]struct{}{}}
		for r := range c.rooms {
			if r.namespace == namespace {
				l.rooms[r] = struct{}{}
			}
		}
		s.past.lives[pid] = l
	}
}

// welcome answers CONNECT, auth being its payload.
func (c *session) welcome(namespace string, auth []byte) {
	s := c.server
	answer := `{"sid":"` + c.sid + strings.ReplaceAll(namespace, "/", "-") + `"`
	if s.options.Recovery <= 0 {
		c.emit("40" + in(namespace) + answer + "}")
		return
	}
	var asked struct{ PID, Offset string }
	_ = json.Unmarshal(auth, &asked) // whoever asks for nothing gets nothing

	s.mu.Lock()
	defer s.mu.Unlock()
	missed, ok := s.since(asked.PID, asked.Offset, namespace)
	if !ok {
		asked.PID = "pid-" + c.sid + strings.ReplaceAll(namespace, "/", "-")
	}
	c.pids[namespace] = asked.PID
	c.emit("40" + in(namespace) + answer + `,"pid":"` + asked.PID + `"}`)
	if !ok {
		return
	}
	l := s.past.lives[asked.PID]
	delete(s.past.lives, asked.PID)
	for r := range maps.Keys(l.rooms) {
		s.join(c, r)
	}
	for _, packets := range missed {
		c.emit(packets...)
	}
}

// since is what a client has missed that went away behind offset; ok is false if
// that is not known. s.mu is held.
func (s *Server) since(pid, offset, namespace string) (missed [][]string, ok bool) {
	l := s.past.lives[pid]
	if l == nil || l.namespace != namespace {
		return nil, false
	}
	for _, e := range s.past.log {
		if _, in := l.rooms[e.room]; ok && in {
			missed = append(missed, e.packet)
		}
		ok = ok || e.offset == offset
	}
	return missed, ok
}
