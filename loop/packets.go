package loop

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/session"
)

// PacketStream is one stream of bytes with Engine.IO packets, which another library has
// opened: WebTransport.
type PacketStream struct {
	// Stream belongs to the loop from the first packet on. If it has a method CloseWrite
	// that ends the connection behind what was written, and SetWriteDeadline bounds the
	// time that Close waits for that.
	Stream interface {
		io.ReadWriteCloser
		SetReadDeadline(time.Time) error
	}

	Head    []byte // the request that it was opened by, put as one of HTTP/1.1
	Remote  netip.AddrPort
	TLS     *tls.ConnectionState
	Context context.Context // for the handshake; nil if there is nothing in it
}

// helloSize bounds the first packet of a stream, in bytes: a session id of 256 bytes, each
// of which JSON may write in six.
const helloSize = 2048

// Errors of a stream's first packet.
var (
	errHello   = errors.New("sio: the first packet of a stream is not an open packet")
	errUnknown = errors.New("sio: a stream for a session that nobody knows")
)

// Packets serves a stream, and returns when it is closed. Its first packet says for which
// session it is, and must come within the upgrade timeout; it waits for the group to start.
// Any goroutine but a loop's.
//
// Errors: of the first packet; [ErrConns]; [ErrStopped].
func (g *Group) Packets(p PacketStream) error {
	defer p.Stream.Close()
	select {
	case <-g.started:
	case <-g.done:
		return ErrStopped
	}
	g.summoned()
	_ = p.Stream.SetReadDeadline(time.Now().Add(g.config.UpgradeTimeout))
	sid, unread, err := hello(p.Stream)
	if err != nil {
		return err
	}
	_ = p.Stream.SetReadDeadline(time.Time{})
	var l *Loop
	if sid == "" {
		l = g.anyLoop()
	} else if i := g.home([]byte(sid)); i < 0 {
		return errUnknown
	} else {
		l = g.Loop(i)
	}
	switch {
	case l == nil:
		return ErrStopped
	case !g.letIn(l):
		return ErrConns
	}
	s := l.newStream(p.Stream, p.Remote, p.TLS)
	front := &session.Front{Context: p.Context}
	if err := s.begin(func(now session.Instant) {
		s.conn.InitStream(l, s, now, p.Head, sid, front)
	}, unread); err != nil {
		g.giveBack()
		return err
	}
	<-s.shut
	return nil
}

// hello reads the first packet of a stream, and returns the session that it names, empty
// for a new one, and what has come behind it.
//
// Source: Engine.IO protocol 4, "WebTransport".
func hello(r io.Reader) (sid string, unread []byte, err error) {
	buf := make([]byte, 0, 256)
	for {
		n, size, binary, err := engineio.StreamHeader(buf)
		if err != nil || binary || size > helloSize {
			return "", nil, errHello
		}
		if n > 0 && len(buf) >= n+size {
			sid, err := sidOf(buf[n : n+size])
			return sid, buf[n+size:], err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		k, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+k]
		if err != nil && k == 0 {
			return "", nil, err
		}
	}
}

// sidOf is the session that an open packet of a client names: "0", or "0" and an object
// with its id.
func sidOf(packet []byte) (string, error) {
	if engineio.Type(packet[0]) != engineio.Open {
		return "", errHello
	}
	if len(packet) == 1 {
		return "", nil
	}
	var body struct {
		SID string `json:"sid"`
	}
	if json.Unmarshal(packet[1:], &body) != nil || body.SID == "" {
		return "", errHello
	}
	return body.SID, nil
}
