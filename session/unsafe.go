package session

import (
	"unsafe"

	"github.com/e6a90ca8/sio/broadcast"
)

// SocketOf is the socket whose seat in the rooms m is.
//
// Assumed: m is the field Member of a Socket, and the first one, so that the two have
// one address. The former holds because a socket's shard is made by [NewSpace] and
// nobody else's members are added to it; TestMemberStandsFirst checks the latter. A
// pointer back, or an interface, would cost every socket 8 or 16 bytes.
func SocketOf(m *broadcast.Member) *Socket { return (*Socket)(unsafe.Pointer(m)) }

// idString is the id's characters as a string, without a copy.
//
// Assumed: nobody writes to id while the string lives. It holds because id is a
// field of an object that is filled in before the first call, see [Socket.Resume], and
// never written again; and the object lives as long as the string does, since the string
// points into it. TestIDString checks that the two agree.
func idString(id *[IDLen]byte) string { return unsafe.String(&id[0], IDLen) }
