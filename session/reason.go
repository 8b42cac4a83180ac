package session

import (
	"errors"
	"fmt"
)

// A Reason says why a session or socket ended, in the reference server's words:
// users compare and search for them.
type Reason string

// The reasons of the reference server.
const (
	TransportClose            Reason = "transport close"             // the client went, or its connection did
	TransportError            Reason = "transport error"             // the connection broke, or broke a rule of its transport
	PingTimeout               Reason = "ping timeout"                // no pong in time
	ParseError                Reason = "parse error"                 // not an Engine.IO packet
	ForcedClose               Reason = "forced close"                // the server closed the session, also over a Socket.IO packet it could not read
	ForcedServerClose         Reason = "forced server close"         // the server closed the session over a packet that its state forbids, or for want of a namespace
	ServerShuttingDown        Reason = "server shutting down"        // the whole server closes
	ClientNamespaceDisconnect Reason = "client namespace disconnect" // the client left the namespace
	ServerNamespaceDisconnect Reason = "server namespace disconnect" // the server took the socket out of the namespace
)

// Reasons that the reference server has no word for. On the wire their clients see
// what they would see of a transport error or a forced close.
const (
	SlowConsumer Reason = "slow consumer" // too much was waiting to be sent to the client
	ServerError  Reason = "server error"  // a handler panicked
)

// Errors that explain a reason. They reach handlers as the cause of the reason.
var (
	ErrHeartbeatDirection = errors.New("invalid heartbeat direction")
	ErrPacketState        = errors.New("packet not allowed in this state")
	ErrOverlap            = errors.New("two requests of one kind at once")
	ErrAborted            = errors.New("connection closed during a request")
	ErrContentType        = errors.New("binary request body in protocol 4")
	ErrNotAwaited         = errors.New("binary message without a packet that announced it")
	ErrAwaited            = errors.New("text message where an attachment was awaited")
)

// A LimitError names the limit that a client ran into.
type LimitError struct {
	Limit string // "payload", "attachments", "send queue", "connect timeout", ...
	Bound int64  // its value, in the limit's unit
}

// Error names the limit and its value.
func (e *LimitError) Error() string { return fmt.Sprintf("limit: %s (%d)", e.Limit, e.Bound) }
