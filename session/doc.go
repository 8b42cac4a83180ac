// Package session holds the life of Engine.IO sessions and of the Socket.IO
// sockets inside them: HTTP requests and WebSocket frames, handshake, heartbeat,
// long-polling, transport upgrade, namespaces, acknowledgements, close.
//
// # Ownership
//
// Everything in this package belongs to the loop that made it and is used on that
// loop's goroutine only. Nothing here locks, starts a goroutine, reads a clock or
// touches a descriptor: bytes and times come in as arguments, bytes go out through
// a [Wire], and all else is asked of a [Host] (the loop below) or an [App] (the
// server above). Where a field or function differs, its comment says so.
//
// Views: a []byte handed to this package or by it is valid until the call returns,
// unless the comment says that it is kept.
//
// # Words
//
// A connection is TCP's; a polling session sees many of them. A session is
// Engine.IO's: it has a secret sid and outlives its transports. A socket is
// Socket.IO's: it has a public id and lives in one namespace of one session.
//
// # Sources
//
// RFC 6455, Engine.IO protocol 4 and Socket.IO protocol 5; comments name the
// section. Where the reference server differs from its documents we follow the
// server and say so at the place.
package session
