package client

// early is a message that has come before the answer to CONNECT, or is to be sent
// when the transport is upgraded.
type early struct {
	data   []byte
	binary bool
}

// maxEarly bounds what waits for the answer to CONNECT, in bytes.
const maxEarly = maxMessage

// before keeps what a session that asked for recovery gets in front of the answer
// to CONNECT; it says false for what is none of it. The reference server sends what
// was missed there, and its client keeps it until it is connected.
func (m *more) before(s *Session, b []byte, binary bool) bool {
	if m == nil || m.pid == "" || len(b) == 0 {
		return false
	}
	if binary && len(m.early) == 0 || !binary && b[0] != '2' && b[0] != '5' {
		return false
	}
	if m.earlySize += len(b); m.earlySize > maxEarly {
		s.fail(Unexpected, "more than %d bytes before the answer to CONNECT", maxEarly)
		return true
	}
	m.early = append(m.early, early{append([]byte(nil), b...), binary})
	return true
}

// catchUp tells the handler what came early.
func (s *Session) catchUp() {
	if s.more == nil {
		return
	}
	list := s.more.early
	s.more.early, s.more.earlySize = nil, 0
	for _, e := range list {
		switch {
		case s.state == ended:
			return
		case e.binary:
			s.attachment(e.data)
		default:
			s.message(e.data)
		}
	}
}
