package sio

import (
	"errors"
	"fmt"

	"github.com/e6a90ca8/sio/session"
)

// Errors of sending, joining and asking. Compare with errors.Is.
var (
	// ErrClosed: the socket, or the server, has ended.
	ErrClosed = errors.New("sio: closed")

	// ErrRunning: the server runs already, by [Server.Run] or in package siotest.
	ErrRunning = errors.New("sio: the server runs already")

	// ErrDisconnected: the socket ended before the client acknowledged.
	ErrDisconnected = errors.New("sio: socket has been disconnected")

	// ErrReservedEvent: the event's name has an inner meaning for clients: connect,
	// connect_error, disconnect, disconnecting, newListener, removeListener.
	ErrReservedEvent = errors.New("sio: reserved event name")

	// ErrOnLoop: the call waits for an event loop, and was made on one, by an inline
	// handler or a hook: it would wait for itself.
	ErrOnLoop = errors.New("sio: call would block an event loop")

	// ErrParentNamespace: the call makes no sense for a pattern of namespaces.
	ErrParentNamespace = errors.New("sio: not possible on a namespace pattern")

	// ErrNoAck: the client does not wait for an answer, or has got one.
	ErrNoAck = errors.New("sio: no acknowledgement awaited")

	// ErrRoomLimit: the socket is in as many rooms as Limits.RoomsPerSocket allows.
	ErrRoomLimit = errors.New("sio: too many rooms")

	// ErrSent: the packet was sent already, and cannot change any more.
	ErrSent = errors.New("sio: packet was sent")
)

// A Reason says why a socket ended. It prints exactly as the reference server's
// reasons do; users compare them.
type Reason = session.Reason

// The reasons. The last two have no counterpart in the reference server.
const (
	TransportClose            = session.TransportClose
	TransportError            = session.TransportError
	PingTimeout               = session.PingTimeout
	ParseError                = session.ParseError
	ForcedClose               = session.ForcedClose
	ForcedServerClose         = session.ForcedServerClose
	ServerShuttingDown        = session.ServerShuttingDown
	ClientNamespaceDisconnect = session.ClientNamespaceDisconnect
	ServerNamespaceDisconnect = session.ServerNamespaceDisconnect

	SlowConsumer = session.SlowConsumer // more waited for the client than Queue.MaxBytes
	ServerError  = session.ServerError  // a handler panicked, of this or another socket of the client
)

// A DisconnectError is the cause of a socket's context once the socket has ended.
type DisconnectError struct {
	Reason Reason
	Limit  string // the limit that was hit, such as "payload" or "send queue"; or ""
	Err    error  // what went wrong; or nil
}

// Error is the reason with what is known beside it.
func (e *DisconnectError) Error() string {
	if e.Err != nil {
		return "sio: " + string(e.Reason) + ": " + e.Err.Error()
	}
	return "sio: " + string(e.Reason)
}

// Unwrap makes errors.Is(err, ErrDisconnected) true, and what went wrong visible.
func (e *DisconnectError) Unwrap() []error {
	if e.Err != nil {
		return []error{ErrDisconnected, e.Err}
	}
	return []error{ErrDisconnected}
}

func newDisconnectError(r Reason, err error) *DisconnectError {
	d := &DisconnectError{Reason: r, Err: err}
	var l *session.LimitError
	if errors.As(err, &l) {
		d.Limit = l.Limit
	}
	return d
}

// A Refuse, returned by a function of [Namespace.Use], tells the client why it is
// refused: it is the CONNECT_ERROR's message and data. Other errors are logged, at debug
// level since clients can bring them about, and the client gets a message that says
// nothing.
type Refuse struct {
	Message string
	Data    any // anything that can be encoded as JSON; nil for none
}

// Error is the message.
func (r Refuse) Error() string { return r.Message }

// A Fail, returned by a handler whose event wants an acknowledgement, is told to the
// client: see [Options.AckError]. Other errors tell it nothing but that there was
// one.
type Fail struct {
	Code    string
	Message string
	Data    any
}

// Error is the code and the message.
func (f Fail) Error() string {
	if f.Code == "" {
		return f.Message
	}
	return f.Code + ": " + f.Message
}

// asFail finds a Fail, or a pointer to one, in an error.
func asFail(err error) (f Fail, ok bool) {
	var p *Fail
	if errors.As(err, &p) && p != nil {
		return *p, true
	}
	return f, errors.As(err, &f)
}

// asRefuse finds a Refuse, or a pointer to one, in an error.
func asRefuse(err error) (r Refuse, ok bool) {
	var p *Refuse
	if errors.As(err, &p) && p != nil {
		return *p, true
	}
	return r, errors.As(err, &r)
}

// A PanicError is a panic of a handler, or a call of runtime.Goexit, which a handler is
// no more expected to return from: the FailNow and Fatal of tests do that.
type PanicError struct {
	Event string // that was handled; "" for other handlers
	Value any    // given to panic; an error that says so for runtime.Goexit
	Stack []byte // of the goroutine
}

var errGoexit = errors.New("runtime.Goexit was called")

// Error tells the value. The stack is left to those who want it.
func (e *PanicError) Error() string {
	who := "sio: handler"
	if e.Event != "" {
		who = fmt.Sprintf("sio: handler of %q", e.Event)
	}
	if e.Value == errGoexit {
		return who + " called runtime.Goexit, as t.FailNow does"
	}
	return fmt.Sprintf("%s panicked: %v", who, e.Value)
}

// Unwrap is the value, if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A PartialError says which sockets did not answer.
type PartialError struct {
	Missing []string // ids of the sockets
	Err     error    // why the wait ended: the context's cause, or nil if they all left
}

// Error counts them.
func (e *PartialError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("sio: %d sockets did not answer: %v", len(e.Missing), e.Err)
	}
	return fmt.Sprintf("sio: %d sockets did not answer", len(e.Missing))
}

// Unwrap is why the wait ended.
func (e *PartialError) Unwrap() error { return e.Err }

// BadArg is the error of a handler whose argument i is missing or of another kind
// than it must be. The client, if it wants an answer, gets it as a [Fail].
func BadArg(i int) error {
	return Fail{Code: "bad_argument", Message: fmt.Sprintf("argument %d is missing or of the wrong type", i)}
}

// Forbid is the error of [Options.AllowRequest] that tells the client a text of its
// own instead of "Forbidden".
func Forbid(text string) error { return forbidden(text) }

type forbidden string

func (f forbidden) Error() string { return string(f) }
