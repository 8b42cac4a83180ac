package session

import (
	"bytes"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Clients of before 2020 speak revision 3 of Engine.IO's protocol, and what Socket.IO's was
// beside it. The differences that need more than a line stand here.
//
// Source: Engine.IO protocol 3, Socket.IO protocol 4, and the reference server with its
// option allowEIO3.

// Revision is the revision of Engine.IO's protocol that the session's client speaks, 3 or
// 4. Any goroutine.
func (s *Session) Revision() int { return int(s.revision) }

// revisionOf is the one that a request with this parameter EIO asks for.
func revisionOf(eio []byte) uint8 {
	if string(eio) == "4" {
		return 4
	}
	return 3
}

// mismatch reports whether the parameter EIO of a request to the session names another
// revision than the session's. Without one revision 3 is meant, but a client of 4 whose
// handshake had one may leave it out later.
func (s *Session) mismatch(eio []byte) bool {
	if s.revision != 3 && len(eio) == 0 {
		return false
	}
	return revisionOf(eio) != s.revision
}

// mismatched is the failure of such a request.
func (s *Session) mismatched(eio []byte) *Failure {
	f := &Failure{Code: CodeRequest, Name: "PROTOCOL_MISMATCH", Detail: "3", Was: "4"}
	if s.revision == 3 {
		f.Detail, f.Was = "4", "3"
	}
	return f
}

// formOf is the form of messages on a WebSocket of that revision. With base64 its client
// wants attachments as text.
func formOf(revision uint8, base64 bool) broadcast.Form {
	switch {
	case revision == 3 && base64:
		return broadcast.WireBase64Of3
	case revision == 3:
		return broadcast.WireOf3
	case base64:
		return broadcast.WireBase64
	}
	return broadcast.Wire
}

// parse3 decodes a WebSocket message.
func parse3(data []byte, binary bool) (engineio.Packet, error) {
	if binary {
		return engineio.ParseBinary3(data)
	}
	return engineio.Parse3(data)
}

// welcome brings the client of a new session into "/", which it does not ask for. The open
// packet travels alone before, as from the reference server.
func (s *Session) welcome(now Instant) {
	if s.polling != nil {
		s.FlushPolling(now)
	}
	if s.state == Open {
		s.bid(now, mainNamespace, nil)
	}
}

var mainNamespace = []byte("/")

// address takes the query off the namespace of a packet. That of a CONNECT is what later
// clients send as its payload: each of its parameters becomes a string in an object; of a
// repeated one the last value counts. It reports false if the session has ended over it.
//
// The reference server makes the rest into the path of a URL besides, so that "/a/../b"
// is "/b" and "/é" is "/%C3%A9". No client needs that, and names then differ from what the
// application calls them.
func (s *Session) address(now Instant, p *socketio.Packet) bool {
	if p.Type == socketio.Connect {
		p.Data = nil
	}
	i := bytes.IndexAny(p.Namespace, "?#")
	if i < 0 {
		return true
	}
	query := p.Namespace[i:]
	p.Namespace = p.Namespace[:i]
	query, _, _ = bytes.Cut(query, []byte("#"))
	if p.Type != socketio.Connect || len(query) == 0 {
		return true
	}
	if len(query) > maxNamespaceQuery {
		s.protocolError(now, &LimitError{Limit: "namespace query", Bound: maxNamespaceQuery})
		return false
	}
	p.Data = queryObject(query[1:])
	return true
}

// maxNamespaceQuery is what the query of a namespace may have, in bytes: as much as the
// target of a request.
const maxNamespaceQuery = http1.DefaultTarget

// queryObject is a query as JSON text, empty if it has no parameter.
func queryObject(query []byte) (object []byte) {
	var names []string
	values := make(map[string]string)
	for name, value := range http1.QueryPairs(query) {
		if _, again := values[name]; !again {
			names = append(names, name)
		}
		values[name] = value
	}
	for i, name := range names {
		mark := byte(',')
		if i == 0 {
			mark = '{'
		}
		object = socketio.AppendString(append(object, mark), name)
		object = socketio.AppendString(append(object, ':'), values[name])
	}
	if object == nil {
		return nil
	}
	return append(object, '}')
}

// socketID is the id of the session's socket in a namespace: the session's own in "/", and
// otherwise that behind the namespace's name. It is made anew each time. Any goroutine.
//
// Source: the reference server; clients of revision 3 put it together in the same way.
func (s *Session) socketID(nsp string) string {
	if nsp == "/" {
		return s.ID()
	}
	return nsp + "#" + s.ID()
}
