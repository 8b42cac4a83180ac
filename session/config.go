package session

import (
	"bytes"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// An Instant is a point in time in nanoseconds on the host's monotonic clock. 0
// stands for "never"; hosts start their clock above it.
type Instant int64

// After is the instant d later.
func (t Instant) After(d time.Duration) Instant { return t + Instant(d) }

// earlier is the earlier of two instants, either of which may be never.
func earlier(a, b Instant) Instant {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// Transports is a set of transports, and [Transport] one of them.
type (
	Transports uint8
	Transport  uint8
)

// The transports of Engine.IO that this package speaks.
const (
	Polling Transport = 1 + iota
	WebSocket
	WebTransport
)

// Has reports whether t is in the set.
func (s Transports) Has(t Transport) bool { return s&(1<<t) != 0 }

// upgrades are those of s that polling can be upgraded to, in the reference server's order.
func (s Transports) upgrades() []string {
	switch {
	case s.Has(WebSocket) && s.Has(WebTransport):
		return upgradesToAll
	case s.Has(WebSocket):
		return upgradesToAll[:1]
	case s.Has(WebTransport):
		return upgradesToAll[1:]
	}
	return nil
}

var upgradesToAll = []string{WebSocket.String(), WebTransport.String()}

// Set makes a set of transports.
func Set(ts ...Transport) (s Transports) {
	for _, t := range ts {
		s |= 1 << t
	}
	return s
}

// String is the transport's name in the protocol.
func (t Transport) String() string {
	switch t {
	case Polling:
		return "polling"
	case WebSocket:
		return "websocket"
	case WebTransport:
		return "webtransport"
	}
	return ""
}

// A Config is what the sessions of one loop are bound by. Each loop has its own
// copy and changes it only between turns. The public package documents each of
// these as an option, with its default; here 0 means 0.
type Config struct {
	Path          string // of the engine, "/socket.io/": a prefix of the raw request target
	Transports    Transports
	AllowUpgrades bool
	InitialPacket []byte // a message sent right after the open packet, or nil

	PingInterval   time.Duration
	PingTimeout    time.Duration
	UpgradeTimeout time.Duration // a transport that probes must finish within it
	ConnectTimeout time.Duration // a session must have joined a namespace within it
	HeadTimeout    time.Duration // a request head, from its first byte; a connection's first, from accept
	BodyTimeout    time.Duration // a request body, from the end of its head
	IdleTimeout    time.Duration // a connection between two requests
	CloseTimeout   time.Duration // a closing handshake
	WriteTimeout   time.Duration // a peer that takes nothing of an HTTP answer
	DrainTimeout   time.Duration // a polling session that closes, until its client polls again
	BinaryTimeout  time.Duration // the attachments of a packet, from its head to the last one

	AllowEIO3 bool // clients of revision 3 are let in
	Confirm   bool // sessions note what their clients have confirmed by pongs, see [Session.Confirmed]

	Draining bool // no session is begun any more: 503

	// Fronted: every request passes an HTTP server that stands before the engine. One that
	// did not is handed to [Host.Foreign]; it comes back with a [Front].
	Fronted bool

	MaxPayload     int // one message from a client, or one request body, in bytes
	MaxAttachments int // of one packet
	MaxPipelined   int // bytes kept of requests behind one that waits for its answer

	SoftLimit int // bytes queued for a client past which volatile messages are dropped
	HardLimit int // bytes queued for a client past which it is evicted

	// CompressFrom is the length in bytes from which a polling answer is compressed
	// for a client that accepts gzip or deflate; negative: never.
	CompressFrom int

	// DeflateFrom is the length in bytes from which a message is compressed for a WebSocket
	// that has agreed to permessage-deflate; 0: nobody is agreed with.
	DeflateFrom int

	HTTP   http1.Limits
	Frames websocket.Config // MaxMessage is MaxPayload; Deflate is not set

	CORS   *CORS        // nil: browsers keep other sites' pages away
	Cookie *Cookie      // nil: none
	Client *ClientFiles // nil: they are not served

	Hooks *Hooks // nil when nobody watches

	// Msgpack is set if clients that speak MessagePack are known by their first message.
	// A Translator goes first.
	Msgpack bool

	// Translator is for servers whose clients do not use the default encoding of
	// Socket.IO packets; nil otherwise.
	Translator Translator

	// Bare takes the messages of every WebSocket, and then none has a session: the door for
	// suites that test WebSocket alone, whose peers know nothing of Engine.IO. data is a
	// view. It answers with [Conn.SendBare].
	Bare func(c *Conn, now Instant, data []byte, binary bool)
}

// Serves reports whether a request with this target, raw as it stood in the request line,
// is the engine's. Whoever else hands requests to the engine must ask this and nothing
// like it: two that differ would send a request to and fro without end.
//
// A target with a scheme is not the engine's, as in the reference server, which compares
// the whole of it.
func (c *Config) Serves(target []byte) bool {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return bytes.HasPrefix(target, []byte(c.Path)) && !dotted(path)
}

// dotted reports whether a path has a segment "." or "..": whoever cleans it, as proxies
// and net/http do, finds another one behind it.
func dotted(path []byte) bool {
	for rest := path; ; {
		i := bytes.Index(rest, []byte("/."))
		if i < 0 {
			return false
		}
		rest = rest[i+2:]
		if after := bytes.TrimPrefix(rest, []byte(".")); len(after) == 0 || after[0] == '/' {
			return true
		}
	}
}

// Hooks watch the engine's side of things. Each is called on a loop and must not
// block; nil ones are skipped.
type Hooks struct {
	// Headers is called for every answer to a GET or POST of a session and for every 101,
	// with the connection and the raw head of the request, a view; fields it adds are sent.
	// initial is true for the first response of a session. As in the reference server it is
	// not called for refusals.
	Headers func(c *Conn, head []byte, initial bool, add func(name, value string))

	// Packet and PacketCreate see every Engine.IO packet that comes in, and that is
	// queued to go out. data is a view.
	Packet, PacketCreate func(s *Session, kind byte, data []byte, binary bool)

	Open      func(s *Session)
	Heartbeat func(s *Session)
	Upgrading func(s *Session)
	Upgrade   func(s *Session)
	Flush     func(s *Session) // what was queued is about to be handed to the transport
	Drain     func(s *Session) // it has been
	Close     func(s *Session, r Reason, err error)
}
