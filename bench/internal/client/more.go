package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// more is what few sessions need: a namespace of their own, further ones, and
// connection state recovery.
type more struct {
	namespace string   // the session's own, empty for that of the Config
	entering  []string // asked for by Enter, not answered

	// A packet for MessagePack that waits for its attachments.
	head  []byte // empty: none
	parts [][]byte

	// Recovery. Source: the reference server's option connectionStateRecovery,
	// and its client. A server that has it tells a pid with the answer to
	// CONNECT; then each event has as last argument its offset, a string, which
	// is the place to go on from after a cut.
	pid       string // as it was told; before that, as it is presented
	offset    []byte // of the last event in the session's own namespace
	told      bool   // the server has told a pid
	recovered bool
	early     []early // came before the answer to CONNECT
	earlySize int
}

// present is auth with what is presented of an earlier session in front of it. m
// may be nil.
func (m *more) present(auth []byte) []byte {
	if m == nil || m.pid == "" {
		return auth
	}
	data := append([]byte(`{"pid":`), socketio.AppendString(nil, m.pid)...)
	if len(m.offset) > 0 {
		data = append(append(data, `,"offset":`...), socketio.AppendString(nil, string(m.offset))...)
	}
	if rest := object(auth); len(rest) > 0 {
		return append(append(data, ','), rest...)
	}
	return append(data, '}')
}

// object is what stands in a JSON object behind its first brace, nothing for an
// object without members.
func object(text []byte) []byte {
	for i, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n', '{':
		case '}':
			return nil
		default:
			return text[i:]
		}
	}
	return nil
}

// errNoSID is the refusal of an answer to CONNECT; servers of protocol 4 and
// older have none.
var errNoSID = errors.New("CONNECT without sid")

// readConnect reads the data of the answer to CONNECT.
func readConnect(data []byte) (pid string, err error) {
	if sid, rest, ok := leadingSID(data); ok && len(sid) > 0 && string(rest) == "}" {
		return "", nil // nearly all of them
	}
	var answer struct {
		SID string `json:"sid"`
		PID string `json:"pid"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.SID == "" {
		return "", errNoSID
	}
	return answer.PID, nil
}

// denied is the error that a CONNECT_ERROR is; raw is the whole packet.
func denied(p *socketio.Packet, raw []byte) *Error {
	var answer struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(p.Data, &answer) // the raw packet is shown as well
	return &Error{Name: NamespaceDeny, Detail: string(p.Namespace) + ": " + answer.Message + " (" + Quote(raw) + ")"}
}

// known takes the pid of the answer to CONNECT, empty if there is none.
func (s *Session) known(pid string) {
	switch {
	case pid != "":
		if s.more == nil {
			s.more = &more{}
		}
		m := s.more
		m.recovered = m.pid == pid
		if !m.recovered {
			m.offset = m.offset[:0]
		}
		m.pid, m.told = pid, true
	case s.more != nil:
		s.more.pid, s.more.offset = "", nil
	}
}

// Recovery is what a later session has to present, as [Start.PID] and
// [Start.Offset], to get what this one has missed. pid is empty if the server
// does not recover, offset as long as no event has come. It may be asked after
// the end, until the next Start.
func (s *Session) Recovery() (pid, offset string) {
	if s.more == nil {
		return "", ""
	}
	return s.more.pid, string(s.more.offset)
}

// Recovered says whether the server knew what was presented to it: the session
// goes on where the earlier one was cut.
func (s *Session) Recovered() bool { return s.more != nil && s.more.recovered }

// Enter asks for a further namespace on the same session, which must be live.
// The handler is told if it is an [Enterer]. Its events come by Text like others,
// with the namespace in their head; for what is sent to it see [Prefix].
func (s *Session) Enter(namespace string) {
	if s.state != ready {
		return
	}
	auth, ok := s.auth()
	if !ok {
		return
	}
	if s.more == nil {
		s.more = &more{}
	}
	s.more.entering = append(s.more.entering, namespace)
	s.send(packet(namespace, '0', auth), false)
}

// take looks at a packet before the handler does. It returns what the handler
// is to get: nil if the packet was an answer to Enter, and an event without the
// offset that the server has put behind its arguments.
func (m *more) take(s *Session, b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	switch b[0] {
	case '0', '4':
		if len(m.entering) > 0 && m.entered(s, b) {
			return nil
		}
	case '2', '5':
		if m.told {
			return m.stamped(s, b)
		}
	}
	return b
}

// entered takes the answer to an Enter; it says false if b is none.
func (m *more) entered(s *Session, b []byte) bool {
	name, _, _ := bytes.Cut(b[1:], []byte{','})
	i := slices.Index(m.entering, string(name))
	if i < 0 {
		return false
	}
	namespace := m.entering[i]
	m.entering = slices.Delete(m.entering, i, i+1)
	var wrong error
	if old := s.env.Config.old(); old && b[0] == '4' {
		wrong = denied3(b)
	} else if p, err := socketio.Parse(b, socketio.DefaultMaxAttachments); err != nil {
		wrong = &Error{Name: BadPacket, Detail: err.Error() + ": " + Quote(b)}
	} else if p.Type == socketio.ConnectError {
		wrong = denied(&p, b)
	} else if _, err := readConnect(p.Data); err != nil && !old {
		wrong = &Error{Name: BadPacket, Detail: err.Error() + ": " + Quote(b)}
	}
	if h, ok := s.handler.(Enterer); ok {
		h.Entered(s, namespace, wrong)
	}
	return true
}

// stamped takes the offset off an event, and keeps it if the event is for the
// session's own namespace. Events that ask for an acknowledgement have none, and
// volatile ones, which cannot be told apart: what is a string at their end is
// taken for an offset by the official client as well.
func (m *more) stamped(s *Session, b []byte) []byte {
	end := len(b) - 2
	if end < 0 || b[end] != '"' || b[end+1] != ']' {
		return b
	}
	start := end - 1 // of the last string: the first quote before its end that is not escaped
	for ; start > 0; start-- {
		if b[start] == '"' && !escaped(b, start) {
			break
		}
	}
	if start < 1 || b[start-1] != ',' {
		return b // it is the event's name, or spelled in some other way
	}
	p, err := socketio.Parse(b, socketio.DefaultMaxAttachments)
	if err != nil || p.ID >= 0 {
		return b // without an offset, or for the handler to refuse
	}
	if string(p.Namespace) == s.Namespace() {
		m.offset = append(m.offset[:0], b[start+1:end]...)
	}
	b = b[:start]
	b[start-1] = ']'
	return b
}

// escaped says whether the character at b[i] stands behind an odd number of
// backslashes.
func escaped(b []byte, i int) bool {
	n := 0
	for i--; i >= 0 && b[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}
