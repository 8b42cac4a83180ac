package siotest

import (
	"encoding/json"
	"errors"
	"fmt"
)

var (
	// ErrClosed: the client has left the namespace, or its connection has ended.
	ErrClosed = errors.New("siotest: client is not connected")

	// ErrTimeout: the server has not answered within some seconds of real time.
	ErrTimeout = errors.New("siotest: no answer from the server")
)

// A ConnectError is the server's refusal to let a client into a namespace: its
// CONNECT_ERROR. Servers make one by returning a [sio.Refuse] from
// [sio.Namespace.Use].
type ConnectError struct {
	Message string
	Data    json.RawMessage // nil if there is none
}

// Error is the message.
func (e *ConnectError) Error() string { return "siotest: connection refused: " + e.Message }

// Decode stores the data in what v points to, by the rules of encoding/json. It is an
// error if there is none.
func (e *ConnectError) Decode(v any) error {
	if e.Data == nil {
		return errors.New("siotest: the refusal has no data")
	}
	return json.Unmarshal(e.Data, v)
}

// A HandshakeError is the server's refusal of a session, before any namespace, or of an
// upgrade. Servers make one with [sio.Options].AllowRequest.
type HandshakeError struct {
	Status  int    // of the HTTP response
	Code    int    // of the protocol, 0 to 5; -1 if the response has none, as that to a WebSocket
	Message string // of the response
}

// Error is the status and the message.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("siotest: handshake refused: status %d: %s", e.Status, e.Message)
}
