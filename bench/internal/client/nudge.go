package client

import "github.com/e6a90ca8/sio/codec/websocket"

// Nudge sends a pong that nobody asked for, which servers take no notice of
// (RFC 6455, section 5.5.3). It is for a session that is paused: where the server
// has let go of the connection, the system answers with a reset, and so Closed is
// told, without anything being read. By polling it does nothing.
func (s *Session) Nudge() {
	if s.state != ready || s.conn == nil {
		return
	}
	s.Batch(func() {
		e := s.env
		e.out = websocket.AppendMasked(e.out, websocket.Pong, nil, e.nextMask())
	})
}
