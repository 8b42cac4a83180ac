package client

import (
	"bytes"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// offer asks for permessage-deflate without memory on either side, as a client
// must that is one of ten thousand. Source: RFC 7692, section 7.1.
const offer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

// compressFrom is the size in bytes from which on a message is compressed: that of
// the reference server, and of the library that the official client uses in Node.
const compressFrom = 1024

// agreed takes the server's answer to the offer. A server that does not compress
// when it was to ends the session: the run would measure something else.
func (s *Session) agreed(answer []byte) bool {
	config := s.env.Config
	s.reader = websocket.Reader{Config: &config.websocket}
	name, parameters, _ := bytes.Cut(answer, []byte{';'})
	name = bytes.TrimSpace(name)
	switch {
	case !config.compress && len(answer) == 0:
		return true
	case !config.compress:
		s.fail(NotSocketIO, "an extension that was not asked for: %s", Quote(answer))
	case len(answer) == 0:
		s.fail(NotCompressed, "the server does not offer permessage-deflate")
	case string(name) != "permessage-deflate":
		s.fail(NotCompressed, "the server answered %s", Quote(answer))
	default:
		forgets := false
		for p := range bytes.SplitSeq(parameters, []byte{';'}) {
			p, _, _ = bytes.Cut(bytes.TrimSpace(p), []byte{'='})
			switch string(p) {
			case "server_no_context_takeover":
				forgets = true
			case "client_no_context_takeover", "server_max_window_bits", "":
			default: // client_max_window_bits may not be asked of us: we did not offer it
				s.fail(NotCompressed, "the server answered %s", Quote(answer))
				return false
			}
		}
		if !forgets {
			s.fail(NotCompressed, "the server keeps its window: %s", Quote(answer))
			return false
		}
		s.reader.Config = &config.deflated
		return true
	}
	return false
}

// frame appends a frame to what goes out, compressed where that was agreed on and
// the message is long enough.
func (s *Session) frame(op websocket.Opcode, payload []byte) {
	e := s.env
	if len(payload) < compressFrom || s.reader.Config != &e.Config.deflated {
		e.out = websocket.AppendMasked(e.out, op, payload, e.nextMask())
		return
	}
	e.frame = websocket.AppendDeflated(e.frame[:0], op, payload, websocket.MaxWindowBits)
	head, n, err := websocket.ParseHeader(e.frame)
	if err != nil || n == 0 {
		panic("client: a frame that is none") // it was made right here
	}
	at := len(e.out)
	e.out = websocket.AppendMasked(e.out, op, e.frame[n:], e.nextMask())
	e.out[at] |= head.RSV
}

// inflated is what a compressed message holds, valid until the next one. It is nil
// if that is nothing that may come: the session has failed then.
func (s *Session) inflated(m websocket.Message) []byte {
	e := s.env
	if cap(e.plain) > 1<<20 {
		e.plain = nil
	}
	if e.plain == nil {
		e.plain = make([]byte, 0, 4096)
	}
	var err error
	e.plain, err = websocket.Inflate(e.plain[:0], m.Data, maxMessage)
	if err == nil && m.Opcode == websocket.Text && !websocket.ValidText(e.plain) {
		err = websocket.ErrUTF8
	}
	if err != nil {
		s.fail(BadFrame, "%v: %s", err, Quote(m.Data))
		return nil
	}
	return e.plain
}
