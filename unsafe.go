package sio

import (
	"unsafe"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// publicOf is the socket whose protocol half k is.
//
// Assumed: k is the field core of a Socket, and the first one, so that the two have one
// address. The former holds because only [Server.enter] makes session sockets, inside
// Sockets; TestCoreStandsFirst checks the latter. A pointer back would cost every
// socket 8 bytes, an interface 16.
func publicOf(k *session.Socket) *Socket { return (*Socket)(unsafe.Pointer(k)) }

// socketOf is the socket whose seat in the rooms m is.
func socketOf(m *broadcast.Member) *Socket { return publicOf(session.SocketOf(m)) }
