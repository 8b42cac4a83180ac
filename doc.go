// Package sio is a Socket.IO server for very many connections on few goroutines. It
// speaks Engine.IO 4 and Socket.IO 5, so the official clients from version 3 on, and
// others of that protocol, connect to it unchanged; older ones with
// [Options.AllowEIO3].
//
// # Start
//
// [New] makes a [Server] from [Options], whose zero value has the reference server's
// defaults. Handlers belong to a [Namespace]; the server is the namespace "/" itself.
// [Server.Run] listens and serves until its context ends.
//
// Events are typed constants where they are known:
//
//	const Say sio.Event[string] = "say"
//
//	Say.On(srv, func(s *sio.Socket, text string) error {
//		return Say.Emit(s.To("lobby"), text)
//	})
//
// [Namespace.On] and [Socket.Emit] take names and values of any kind, and [Msg] the
// arguments as they came.
//
// # Concurrency and order
//
// Everything here may be called from any goroutine, unless its comment says otherwise.
// On that these rules can be relied:
//
//  1. Events of one socket are handled one after another, in the order in which they
//     arrived, also while its connection is upgraded from polling to WebSocket. Handlers
//     of one socket never overlap, so what belongs to a socket needs no lock.
//  2. Different sockets are handled in parallel, by a bounded pool of workers. Sockets of
//     one connection in different namespaces are different sockets.
//  3. Events that one goroutine emits to one socket keep their order. The parts of a
//     packet, its text and its attachments, are never mixed with another packet's.
//  4. A broadcast is one step for each receiver: two broadcasts of one goroutine reach
//     every receiver in the same order. Between goroutines no order is promised.
//  5. The client's CONNECT is answered before the functions of [Namespace.OnConnect] run;
//     they are done before the socket's first event is handled; those of
//     [Namespace.OnDisconnect] run after the last one. Each runs exactly once.
//  6. Emit never blocks. nil means that the event was queued, not that it was delivered;
//     [Socket.EmitWait] waits until it has been handed to the transport.
//  7. A question to a client always comes to an end: with its answer, at the deadline, when
//     the socket ends ([ErrDisconnected]), or when the context does. The answer stands
//     behind what the client has sent before.
//  8. Of a client whose handlers are behind no more is read than [Limits] allow to wait,
//     and twice that while it is asked something: TCP holds it back.
//  9. Handlers run serially on the pool, and may block; [Inline] ones on the socket's event
//     loop, and must not; [Free] ones each on a goroutine of its own, in no order.
//  10. A handler that panics is caught. It is told to [Namespace.OnError] as a [*PanicError]
//     with its stack, and ends its client's connection, with all sockets that the client
//     has in other namespaces, for the reason [ServerError]; no other client notices.
//
// # Bytes
//
// A [Msg] and what it hands out as []byte are views of the bytes as they were read, valid
// until the handler returns; [Msg.Keep] makes a copy that lasts. Arguments are encoded
// before Emit returns, so they may be changed afterwards.
package sio
